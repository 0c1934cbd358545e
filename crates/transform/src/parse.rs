//! What a query reads, according to DuckDB's own parser.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::is_out_of_memory;
use salesmart_base::failure::{Failure, is_disk_full};
use salesmart_base::hash;
use salesmart_base::toml_file::line_of;
use salesmart_model::{Check, Models};
use salesmart_staging::explain_sandbox;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::header_expression;

/// A table that a query names and does not define itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The schema, if the query names one.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
    /// The line of the file where it is named, from 1.
    pub line: usize,
}

impl Reference {
    /// The name of the model, or `raw.` and the name of the source.
    pub fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name).to_ascii_lowercase(),
            None => self.name.to_ascii_lowercase(),
        }
    }
}

/// Stands for the schema of a table function that reads something the graph cannot see, such as a file.
pub const TABLE_FUNCTION: &str = "table function";

/// Table functions whose result depends on their arguments only.
const PURE_TABLE_FUNCTIONS: [&str; 5] = ["range", "generate_series", "unnest", "repeat", "repeat_row"];

/// Functions that change something or write to a log.
const IMPURE_FUNCTIONS: [&str; 2] = ["nextval", "write_log"];

/// Table functions beside `duckdb_*` that describe the database and change nothing.
const DESCRIPTIONS: [&str; 5] =
    ["pragma_table_info", "pragma_storage_info", "pragma_database_size", "pragma_version", "pragma_show"];

/// What DuckDB's parser says about a select.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parsed {
    /// The tables it reads.
    pub references: Vec<Reference>,
    /// A hash of what it says: comments, line breaks and the case of keywords do not count.
    pub meaning: String,
}

/// The tables that the select of a check or a query reads.
///
/// # Errors
/// A syntax error, anything but one select, or a table function that may read files, with file and line.
pub fn references(conn: &Connection, path: &Path, sql: &str) -> Result<Vec<Reference>> {
    let parsed = parse(conn, path, sql)?;
    refuse_functions(path, &parsed, |_| false)?;
    Ok(parsed.references)
}

/// Checks a query that somebody types: it may also ask the database about itself.
///
/// # Errors
/// A syntax error, anything but one select, or a function that may read files or change something, with file and line.
pub fn query(conn: &Connection, path: &Path, sql: &str) -> Result<()> {
    let describes = |name: &str| name.starts_with("duckdb_") || DESCRIPTIONS.contains(&name);
    refuse_functions(path, &parse(conn, path, sql)?, describes)
}

/// Refuses functions that may read files or change something, but for those that `is_allowed` names.
///
/// # Errors
/// The first such function, with file and line.
pub fn refuse_functions(path: &Path, parsed: &Parsed, is_allowed: impl Fn(&str) -> bool) -> Result<()> {
    let functions = parsed.references.iter().filter(|read| read.schema.as_deref() == Some(TABLE_FUNCTION));
    match functions.into_iter().find(|read| !is_allowed(read.name.trim_end_matches("()"))) {
        Some(Reference { name, line, .. }) => Err(Failure::new(format!(
            "{}:{line}: {name} is refused, because it may read files or change something; load files with a contract (data/contracts) and \
             read raw.NAME",
            path.display()
        ))
        .into()),
        None => Ok(()),
    }
}

/// The models that a check reads.
///
/// # Errors
/// As of [`references`].
pub fn models_read(conn: &Connection, check: &Check, models: &Models) -> Result<BTreeSet<String>> {
    let found = references(conn, &check.path, &check.sql)?;
    let names = found.into_iter().filter(|read| read.schema.is_none()).map(|read| read.name);
    Ok(names.filter(|name| models.models.contains_key(name)).collect())
}

/// Parses the select in `sql`.
///
/// # Errors
/// A syntax error, or anything but one select, with file and line.
pub fn parse(conn: &Connection, path: &Path, sql: &str) -> Result<Parsed> {
    header_expression::check(conn, path, sql)?;
    let mut tree = serialized(conn, path, sql)?;
    let mut found = Vec::new();
    walk(&tree["statements"], &mut Vec::new(), sql, &mut found);
    found.sort();
    found.dedup_by(|a, b| a.schema == b.schema && a.name == b.name);
    forget_places(&mut tree);
    Ok(Parsed { references: found, meaning: hash::of_parts([tree.to_string().as_str()]) })
}

/// The syntax tree of the select in `sql`: its outermost node.
///
/// # Errors
/// A syntax error, or anything but one select, with file and line.
pub fn syntax_tree(conn: &Connection, path: &Path, sql: &str) -> Result<Value> {
    Ok(serialized(conn, path, sql)?["statements"][0]["node"].take())
}

fn serialized(conn: &Connection, path: &Path, sql: &str) -> Result<Value> {
    let json: String = conn.query_row("select json_serialize_sql(?::varchar)", [sql], |row| row.get(0))?;
    let tree: Value = serde_json::from_str(&json)?;
    if tree["error"] == Value::Bool(true) {
        let position = tree["position"].as_str().and_then(|position| position.parse().ok()).unwrap_or(0);
        let message = tree["error_message"].as_str().unwrap_or("cannot be parsed");
        return Err(Failure::new(format!("{}:{}: {message}", path.display(), line_of(sql, position))).into());
    }
    let statements = tree["statements"].as_array().map_or(0, Vec::len);
    if statements != 1 {
        return Err(Failure::new(format!(
            "{}:1: a file holds one select, this one holds {statements} statements",
            path.display()
        ))
        .into());
    }
    Ok(tree)
}

/// Removes from a tree where in the text its nodes stand.
fn forget_places(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(forget_places),
        Value::Object(fields) => {
            fields.shift_remove("query_location");
            fields.values_mut().for_each(forget_places);
        }
        _ => {}
    }
}

/// Collects base tables; `scope` holds the names of the common table expressions that are visible here.
fn walk(node: &Value, scope: &mut Vec<String>, sql: &str, found: &mut Vec<Reference>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| walk(item, scope, sql, found)),
        Value::Object(fields) => {
            if fields.get("type").and_then(Value::as_str) == Some("BASE_TABLE") {
                let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let (schema, name) = (text("schema_name"), text("table_name"));
                let is_expression = schema.is_empty() && scope.iter().any(|known| known.eq_ignore_ascii_case(&name));
                if !is_expression {
                    let offset = fields.get("query_location").and_then(Value::as_u64).unwrap_or(0);
                    let line = line_of(sql, usize::try_from(offset).unwrap_or(0));
                    found.push(Reference { schema: Some(schema).filter(|schema| !schema.is_empty()), name, line });
                }
            }
            if fields.get("type").and_then(Value::as_str) == Some("TABLE_FUNCTION") {
                let function =
                    fields.get("function").and_then(|function| function["function_name"].as_str()).unwrap_or_default();
                if !PURE_TABLE_FUNCTIONS.contains(&function) {
                    let offset = fields.get("query_location").and_then(Value::as_u64).unwrap_or(0);
                    let line = line_of(sql, usize::try_from(offset).unwrap_or(0));
                    let name = format!("{function}()");
                    found.push(Reference { schema: Some(TABLE_FUNCTION.to_owned()), name, line });
                }
            }
            let function = fields.get("function_name").and_then(Value::as_str).unwrap_or_default();
            if IMPURE_FUNCTIONS.iter().any(|impure| impure.eq_ignore_ascii_case(function)) {
                let offset = fields.get("query_location").and_then(Value::as_u64).unwrap_or(0);
                let line = line_of(sql, usize::try_from(offset).unwrap_or(0));
                found.push(Reference { schema: Some(TABLE_FUNCTION.to_owned()), name: format!("{function}()"), line });
            }
            let depth = scope.len();
            // Each expression sees the ones before it; the query itself sees all. A recursive one sees itself.
            for entry in fields.get("cte_map").and_then(|map| map["map"].as_array()).into_iter().flatten() {
                let name = entry["key"].as_str().unwrap_or_default().to_owned();
                let recursive = entry["value"]["query"]["node"]["type"].as_str() == Some("RECURSIVE_CTE_NODE");
                if recursive {
                    scope.push(name.clone());
                }
                walk(&entry["value"], scope, sql, found);
                if !recursive {
                    scope.push(name);
                }
            }
            for (key, value) in fields {
                if key != "cte_map" {
                    walk(value, scope, sql, found);
                }
            }
            scope.truncate(depth);
        }
        _ => {}
    }
}

/// A DuckDB error about a statement that starts with the file's text, as `file:line: message`.
pub fn explain(path: &Path, error: &duckdb::Error) -> anyhow::Error {
    let message = error.to_string();
    if is_disk_full(&message) || is_out_of_memory(&message) {
        // No fault of the model: whoever knows the settings says what to do.
        return anyhow::anyhow!(message).context(format!("cannot build {}", path.display()));
    }
    let line = message
        .split_once("LINE ")
        .and_then(|(_, rest)| rest.split(':').next())
        .and_then(|number| number.parse::<usize>().ok())
        .unwrap_or(1);
    Failure::new(format!("{}:{line}: {}", path.display(), explain_sandbox(message.trim_end()))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let conn = Connection::open_in_memory().unwrap();
        let found = references(&conn, Path::new("x.sql"), sql).unwrap();
        found
            .into_iter()
            .map(|reference| match reference.schema {
                Some(schema) => format!("{schema}.{}:{}", reference.name, reference.line),
                None => format!("{}:{}", reference.name, reference.line),
            })
            .collect()
    }

    #[test]
    fn tables_are_found_and_expressions_are_not() {
        assert_eq!(
            names("-- hi\nwith a as (select * from raw.sales)\nselect * from a join dim_x using (k)"),
            ["dim_x:3", "raw.sales:2"]
        );
        assert_eq!(names("select (select max(x) from b) from c where exists (select 1 from d)"), ["b:1", "c:1", "d:1"]);
        assert_eq!(names("with a as (select 1), b as (select * from a) select * from b union all from t"), ["t:1"]);
        assert_eq!(
            names("with recursive r as (select 1 as n union all select n + 1 from r where n < 3) from r"),
            Vec::<String>::new()
        );
        assert_eq!(
            names("select * from (with a as (select * from inner_t) from a) cross join a"),
            ["a:1", "inner_t:1"]
        );
        assert_eq!(names("select 'from nowhere' -- from nothing"), Vec::<String>::new());
    }

    #[test]
    fn errors_name_file_and_line() {
        let conn = Connection::open_in_memory().unwrap();
        let error = references(&conn, Path::new("x.sql"), "select 1\nfrm x y").unwrap_err().to_string();
        assert!(error.starts_with("x.sql:2: syntax error"), "{error}");
        let error = references(&conn, Path::new("x.sql"), "create table t as select 1").unwrap_err().to_string();
        assert!(error.contains("x.sql:1: Only SELECT"), "{error}");
        let error = references(&conn, Path::new("x.sql"), "select 1; select 2").unwrap_err().to_string();
        assert!(error.contains("2 statements"), "{error}");
    }
}
