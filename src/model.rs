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
use crate::failure::Failure;
use crate::{fail, toml_file};

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
        let comments = self.sql.lines().map_while(|line| line.trim().strip_prefix("--"));
        let is_it = |comment: &str| setting(comment.trim()).is_some_and(|(known, _)| known == name);
        comments.map(is_it).position(|found| found).map_or(1, |index| index + 1)
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
        Ok(Self { models, checks })
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
    let mut header = Header::read(path, &["materialized", "key", "by", "lookup", "cluster", "tags", "partition"])?;
    let materialized = match header.take("materialized") {
        None => Materialized::Table,
        Some((_, word)) if word == "table" => Materialized::Table,
        Some((_, word)) if word == "view" => Materialized::View,
        Some((_, word)) if word == "incremental" => Materialized::Incremental,
        Some((line, word)) => {
            fail!("{}:{line}: materialized is view, table or incremental, not {word}", path.display())
        }
    };
    let key = header.take_words("key");
    let by_line = header.line("by");
    let by = match header.take("by") {
        Some((line, text)) => by_columns(&text).ok_or_else(|| {
            Failure::new(format!(
                "{}:{line}: by is a list of columns, or of expressions with a name: -- by: date_id // 100 as month_id, product_id",
                path.display()
            ))
        })?,
        None => key.iter().map(|name| ByColumn { name: name.clone(), expression: None }).collect(),
    };
    let lookup_line = header.line("lookup");
    let lookups = header.take_words("lookup");
    let cluster = header.take("cluster").map(|(_, column)| column);
    let tags = header.take_words("tags");
    let partition = header.take("partition").map(|(_, column)| column);
    let name = stem(path)?;
    if name == "rejects" || name.contains("__") {
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
    if materialized == Materialized::Incremental && key.is_empty() {
        fail!(
            "{}:1: an incremental model needs a key, by which its rows are compared and replaced: -- key: column, column",
            path.display()
        );
    }
    for (line, name) in [(by_line, "by"), (lookup_line, "lookup")] {
        if let (Some(line), true) = (line, materialized != Materialized::Incremental) {
            fail!(
                "{}:{line}: `{name}:` says how a model is incremental; add `-- materialized: incremental`",
                path.display()
            );
        }
    }
    Ok(Model {
        name,
        path: path.to_owned(),
        layer,
        materialized,
        key,
        by,
        lookups,
        cluster,
        tags,
        partition,
        description: header.prose,
        sql: header.sql,
    })
}

/// `a, expression as b`: split at the commas outside brackets and quotes.
fn by_columns(text: &str) -> Option<Vec<ByColumn>> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0_u32, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            _ => {}
        }
        match (c, depth, quote) {
            (',', 0, None) => parts.push(String::new()),
            _ => parts.last_mut()?.push(c),
        }
    }
    if depth > 0 || quote.is_some() {
        return None;
    }
    parts
        .iter()
        .map(|part| {
            let part = part.trim();
            let (expression, name) = match part.rsplit_once(" as ") {
                Some((expression, name)) => (Some(expression.trim().to_owned()), name.trim()),
                None => (None, part),
            };
            is_name(name).then(|| ByColumn { name: name.to_owned(), expression })
        })
        .collect()
}

fn check(path: &Path) -> Result<Check> {
    let mut header = Header::read(path, &["severity", "tolerance", "by", "lookup"])?;
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
    let by = match header.take("by") {
        None => Vec::new(),
        Some((line, text)) => match by_columns(&text) {
            Some(by) => by,
            None => fail!("{}:{line}: by is a list of columns, or of expressions with a name", path.display()),
        },
    };
    Ok(Check {
        name: stem(path)?,
        by,
        lookups: header.take_words("lookup"),
        path: path.to_owned(),
        severity,
        tolerance,
        description: header.prose,
        sql: header.sql,
    })
}

/// Does SQL take this name without quotes?
fn is_name(name: &str) -> bool {
    let is_word = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_word && name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// A file's stem as a name that SQL takes without quotes.
fn stem(path: &Path) -> Result<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match is_name(&name) {
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

    /// The line of a setting that was not taken yet.
    fn line(&self, name: &str) -> Option<usize> {
        self.settings.get(name).map(|(line, _)| *line)
    }

    /// A list of words between commas.
    fn take_words(&mut self, name: &str) -> Vec<String> {
        let words = self.take(name).map(|(_, words)| words).unwrap_or_default();
        words.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    }
}

/// `name: value`, where the name is one word.
fn setting(comment: &str) -> Option<(&str, &str)> {
    let (name, value) = comment.split_once(':')?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_word.then(|| (name, value.trim()))
}
