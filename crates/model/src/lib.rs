//! Models and checks: one SQL file each, with a header comment that says what it is.
//!
//! ```sql
//! -- One row per sale line, latest version wins.
//! -- materialized: table
//! -- key: transaction_id
//! select …
//! ```

mod file;
mod header;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::config::{Config, MoneyScale};
use salesmart_base::{fail, toml_file};

use self::file::{by_columns, check, model, sql_files};

/// How a model is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialized {
    /// As a query that runs when it is read.
    View,
    /// As rows.
    Table,
    /// As rows, of which only those are replaced whose input changed.
    Incremental,
}

impl Materialized {
    /// The word in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
            Self::Incremental => "incremental",
        }
    }
}

/// Where a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Cleaning: may read `raw.*`.
    Staging,
    /// Steps between cleaning and the star schema: neither read `raw.*` nor are pushed.
    Intermediate,
    /// The star schema: pushed to the warehouse under the same name.
    Mart,
}

/// A column by whose values a model is incremental.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByColumn {
    /// The column of the model; an input that has a column of this name is restricted by it.
    pub name: String,
    /// What an input without that column is restricted by: an expression over its columns.
    pub expression: Option<String>,
}

impl ByColumn {
    /// As a header writes it.
    pub fn written(&self) -> String {
        match &self.expression {
            Some(expression) if *expression != self.name => format!("{expression} as {}", self.name),
            _ => self.name.clone(),
        }
    }
}

impl Layer {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Intermediate => "intermediate",
            Self::Mart => "mart",
        }
    }
}

/// One model.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its name, and the name of its table: the file's stem.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Where it stands.
    pub layer: Layer,
    /// How it is kept.
    pub materialized: Materialized,
    /// The columns whose values no two rows share.
    pub key: Vec<String>,
    /// Of an incremental model: rows with one value of these depend on input rows with the same value only.
    pub by: Vec<ByColumn>,
    /// Of an incremental model: inputs without those columns, whose rows matter only to rows that carry their key.
    pub lookups: Vec<String>,
    /// The column by which a whole build sorts the rows, so that a day's rows lie together.
    pub cluster: Option<String>,
    /// Words by which the model can be selected.
    pub tags: Vec<String>,
    /// The column (a day as yyyymmdd) by whose month the warehouse table is partitioned.
    pub partition: Option<String>,
    /// What the header says in prose.
    pub description: String,
    /// The whole file.
    pub sql: String,
}

impl Model {
    /// The columns that make a row unique in the warehouse: there, a primary key holds the partition column.
    pub fn warehouse_key(&self) -> Vec<String> {
        let others = self.key.iter().filter(|column| Some(*column) != self.partition.as_ref());
        self.partition.iter().chain(others).cloned().collect()
    }

    /// The column by which the rows are sorted when they are many and built whole.
    pub fn sorted_by(&self) -> Option<&String> {
        self.cluster.as_ref().or(self.partition.as_ref())
    }

    /// Whether the model's rows are pushed to the warehouse.
    pub fn is_pushed(&self) -> bool {
        self.layer == Layer::Mart
    }

    /// The line of a setting in the header, or the first one.
    pub fn header_line(&self, name: &str) -> usize {
        header_line(&self.sql, name)
    }
}

/// The line of a setting in the header of a file, or the first one.
pub fn header_line(sql: &str, name: &str) -> usize {
    let comments = sql.lines().map_while(|line| line.trim().strip_prefix("--"));
    let is_it = |comment: &str| header::setting(comment.trim()).is_some_and(|(known, _)| known == name);
    comments.map(is_it).position(|found| found).map_or(1, |index| index + 1)
}

/// The expressions of the setting `by` in the header of a file, each with its line.
pub fn header_expressions(sql: &str) -> Vec<(usize, String)> {
    let comments = sql.lines().map_while(|line| line.trim().strip_prefix("--"));
    let settings =
        comments.enumerate().filter_map(|(index, comment)| Some((index + 1, header::setting(comment.trim())?)));
    settings
        .filter(|(_, (name, _))| *name == "by")
        .flat_map(|(line, (_, text))| {
            let columns = by_columns(text).unwrap_or_default();
            columns.into_iter().filter_map(move |column| Some((line, column.expression?)))
        })
        .collect()
}

/// How bad it is when a check finds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The run stops before anything is published.
    Error,
    /// The run goes on and says so.
    Warn,
}

impl Severity {
    /// The word in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

/// One check: a query that returns the offending rows, keys first.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name: the file's stem.
    pub name: String,
    /// Its file; for messages.
    pub path: PathBuf,
    /// How bad offending rows are.
    pub severity: Severity,
    /// Offending rows up to this number are let pass.
    pub tolerance: u64,
    /// If not empty: the check holds if it holds for the rows of every single value of these columns, so after a
    /// change it looks at the changed ones only.
    pub by: Vec<ByColumn>,
    /// Inputs without those columns, whose rows matter only to rows that carry their key.
    pub lookups: Vec<String>,
    /// What the header says in prose.
    pub description: String,
    /// The whole file.
    pub sql: String,
}

/// The models and checks of a project.
#[derive(Debug, Default)]
pub struct Models {
    /// By name.
    pub models: BTreeMap<String, Model>,
    /// By name.
    pub checks: Vec<Check>,
    /// What their `money(…)` gives.
    pub money: MoneyScale,
}

/// Where the models of each layer stand.
const FOLDERS: [(&str, Layer); 3] =
    [("sql/staging", Layer::Staging), ("sql/intermediate", Layer::Intermediate), ("sql/marts", Layer::Mart)];

impl Models {
    /// Reads `sql/staging`, `sql/intermediate`, `sql/marts` and `sql/checks`.
    ///
    /// # Errors
    /// Two files with one name, a header that cannot be read, and a project without models.
    pub fn load(config: &Config) -> Result<Self> {
        let mut models = BTreeMap::new();
        let mut faults = Vec::new();
        for (folder, layer) in FOLDERS {
            for path in sql_files(&config.root.join(folder))? {
                let model = match model(&path, layer) {
                    Ok(model) => model,
                    Err(error) => {
                        faults.push(error.to_string());
                        continue;
                    }
                };
                if let Some(other) = models.insert(model.name.clone(), model) {
                    fail!(
                        "{} and {} have the same name; a model's name is its table",
                        other.path.display(),
                        path.display()
                    );
                }
            }
        }
        if !faults.is_empty() {
            fail!("{}", faults.join("\n"));
        }
        if models.is_empty() {
            fail!(
                "there is no model under {}; write one select per file, such as sql/staging/stg_sales.sql",
                config.root.join("sql").display()
            );
        }
        let checks =
            sql_files(&config.root.join("sql/checks"))?.iter().map(|path| check(path)).collect::<Result<_>>()?;
        Ok(Self { models, checks, money: config.money })
    }

    /// The model of this name; the error names the nearest one.
    pub fn get(&self, name: &str) -> Result<&Model> {
        match self.models.get(name) {
            Some(model) => Ok(model),
            None => {
                let nearest = toml_file::nearest(name, self.models.keys().map(String::as_str));
                let advice = nearest.map_or_else(
                    || "`salesmart ls` lists the models".to_owned(),
                    |nearest| format!("did you mean {nearest}?"),
                );
                fail!("there is no model {name}; {advice}")
            }
        }
    }
}
