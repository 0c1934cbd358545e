//! Models and checks from their files.

use std::path::{Path, PathBuf};

use anyhow::Result;
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_staging::is_plain_name;

use super::header::Header;
use super::{ByColumn, Check, Layer, Materialized, Model, Severity};

/// Bytes of a mart's name: with what is put before it (`outgoing_`) or behind it (`_p202401`), PostgreSQL keeps all of it.
const LONGEST_MART: usize = 54;

/// The SQL files of a folder by name; none if there is no such folder.
pub fn sql_files(folder: &Path) -> Result<Vec<PathBuf>> {
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

/// The model of a file.
///
/// # Errors
/// A header that cannot be right.
pub fn model(path: &Path, layer: Layer) -> Result<Model> {
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
    if layer == Layer::Mart && name.len() > LONGEST_MART {
        fail!(
            "{}: the name of a mart has at most {LONGEST_MART} bytes, because PostgreSQL cuts the names of its months' tables at 63",
            path.display()
        );
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
pub fn by_columns(text: &str) -> Option<Vec<ByColumn>> {
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
            is_plain_name(name).then(|| ByColumn { name: name.to_owned(), expression })
        })
        .collect()
}

/// The check of a file.
///
/// # Errors
/// A header that cannot be right.
pub fn check(path: &Path) -> Result<Check> {
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

/// A file's stem as a name that SQL takes without quotes.
fn stem(path: &Path) -> Result<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match is_plain_name(&name) {
        true => Ok(name),
        false => fail!(
            "{}: the file's name becomes a table name: use lower-case letters, digits and _, starting with a letter",
            path.display()
        ),
    }
}
