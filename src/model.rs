//! Models and checks: one SQL file each, with a header comment that says what it is.
//!
//! ```sql
//! -- One row per sale line, latest version wins.
//! -- materialized: table
//! -- key: transaction_id
//! select …
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::config::Config;
use crate::{fail, toml_file};

/// How a model is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialized {
    /// As a query that runs when it is read.
    View,
    /// As rows.
    Table,
}

impl Materialized {
    /// The word in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
        }
    }
}

/// Where a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Cleaning: may read `raw.*`.
    Staging,
    /// The star schema: pushed to the warehouse under the same name.
    Mart,
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
    /// The column (a day as yyyymmdd) by whose month the warehouse table is partitioned.
    pub partition: Option<String>,
    /// What the header says in prose.
    pub description: String,
    /// The whole file.
    pub sql: String,
}

impl Model {
    /// Whether the model's rows are pushed to the warehouse.
    pub fn is_pushed(&self) -> bool {
        self.layer == Layer::Mart
    }
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
}

impl Models {
    /// Reads `sql/staging`, `sql/marts` and `sql/checks`.
    ///
    /// # Errors
    /// Two files with one name, a header that cannot be read, and a project without models.
    pub fn load(config: &Config) -> Result<Self> {
        let mut models = BTreeMap::new();
        for (folder, layer) in [("sql/staging", Layer::Staging), ("sql/marts", Layer::Mart)] {
            for path in sql_files(&config.root.join(folder))? {
                let model = model(&path, layer)?;
                if let Some(other) = models.insert(model.name.clone(), model) {
                    fail!(
                        "{} and {} have the same name; a model's name is its table",
                        other.path.display(),
                        path.display()
                    );
                }
            }
        }
        if models.is_empty() {
            fail!(
                "there is no model under {}; write one select per file, such as sql/staging/stg_sales.sql",
                config.root.join("sql").display()
            );
        }
        let checks =
            sql_files(&config.root.join("sql/checks"))?.iter().map(|path| check(path)).collect::<Result<_>>()?;
        Ok(Self { models, checks })
    }

    /// The model of this name; the error names the nearest one.
    pub fn get(&self, name: &str) -> Result<&Model> {
        match self.models.get(name) {
            Some(model) => Ok(model),
            None => {
                let nearest = toml_file::nearest(name, self.models.keys().map(String::as_str));
                let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
                fail!("there is no model {name}{advice}")
            }
        }
    }
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => fail!("cannot list {}: {error}", folder.display()),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn model(path: &Path, layer: Layer) -> Result<Model> {
    let mut header = Header::read(path, &["materialized", "key", "partition"])?;
    let materialized = match header.take("materialized") {
        None => Materialized::Table,
        Some((_, word)) if word == "table" => Materialized::Table,
        Some((_, word)) if word == "view" => Materialized::View,
        Some((line, word)) => fail!("{}:{line}: materialized is view or table, not {word}", path.display()),
    };
    let key = match header.take("key") {
        Some((_, columns)) => columns.split(',').map(|column| column.trim().to_owned()).collect(),
        None => Vec::new(),
    };
    let partition = header.take("partition").map(|(_, column)| column);
    let name = stem(path)?;
    if name == "rejects" || name.ends_with("__next") {
        fail!("{}: the name {name} is used by salesmart itself; choose another", path.display());
    }
    if layer == Layer::Mart && key.is_empty() {
        fail!(
            "{}:1: a mart needs a key, by which its rows are pushed; say in the header which columns make a row unique: -- key: column, column",
            path.display()
        );
    }
    if layer == Layer::Mart && materialized == Materialized::View {
        fail!(
            "{}:1: a mart is pushed from its rows, so it cannot be a view; move it to sql/staging or remove `materialized: view`",
            path.display()
        );
    }
    Ok(Model {
        name,
        path: path.to_owned(),
        layer,
        materialized,
        key,
        partition,
        description: header.prose,
        sql: header.sql,
    })
}

fn check(path: &Path) -> Result<Check> {
    let mut header = Header::read(path, &["severity", "tolerance"])?;
    let severity = match header.take("severity") {
        None => Severity::Error,
        Some((_, word)) if word == "error" => Severity::Error,
        Some((_, word)) if word == "warn" => Severity::Warn,
        Some((line, word)) => fail!("{}:{line}: severity is error or warn, not {word}", path.display()),
    };
    let tolerance = match header.take("tolerance") {
        None => 0,
        Some((line, count)) => match count.parse() {
            Ok(count) => count,
            Err(_) => fail!("{}:{line}: tolerance is a number of rows, not {count}", path.display()),
        },
    };
    Ok(Check {
        name: stem(path)?,
        path: path.to_owned(),
        severity,
        tolerance,
        description: header.prose,
        sql: header.sql,
    })
}

/// A file's stem as a name that SQL takes without quotes.
fn stem(path: &Path) -> Result<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let is_word = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match is_word && name.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => Ok(name),
        false => fail!(
            "{}: the file's name becomes a table name: use lower-case letters, digits and _, starting with a letter",
            path.display()
        ),
    }
}

struct Header {
    prose: String,
    settings: BTreeMap<String, (usize, String)>,
    sql: String,
}

impl Header {
    fn read(path: &Path, known: &[&str]) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => fail!("cannot read {}: {error}", path.display()),
        };
        // A byte order mark or a final semicolon would break the statement the select is put into.
        let sql = text.trim_start_matches('\u{feff}').trim_end().trim_end_matches(';').to_owned();
        let mut prose = Vec::new();
        let mut settings = BTreeMap::new();
        for (index, line) in sql.lines().enumerate() {
            let Some(comment) = line.trim().strip_prefix("--") else { break };
            let comment = comment.trim();
            match setting(comment) {
                Some((name, value)) if known.contains(&name) => {
                    settings.insert(name.to_owned(), (index + 1, value.to_owned()));
                }
                Some((name, _)) if toml_file::nearest(name, known.iter().copied()).is_some() => {
                    let nearest = toml_file::nearest(name, known.iter().copied()).unwrap_or_default();
                    fail!("{}:{}: `{name}:` is not known; did you mean `{nearest}:`?", path.display(), index + 1);
                }
                _ => prose.push(comment),
            }
        }
        Ok(Self { prose: prose.join("\n").trim().to_owned(), settings, sql })
    }

    fn take(&mut self, name: &str) -> Option<(usize, String)> {
        self.settings.remove(name)
    }
}

/// `name: value`, where the name is one word.
fn setting(comment: &str) -> Option<(&str, &str)> {
    let (name, value) = comment.split_once(':')?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_word.then(|| (name, value.trim()))
}
