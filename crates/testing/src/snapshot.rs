//! Reviewed results of queries: `sql/queries/*.sql` and `tests/*.sql` over the published models, each with its result as
//! text in `tests/snapshots`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duckdb::Connection;
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::{fail, whole_file};
use salesmart_staging::render::{Table, shown};
use salesmart_transform::parse;
use serde_json::Value;
use similar::TextDiff;

use super::case::Outcome;
use super::unit_file::files;

/// Where queries lie.
const QUERIES: [&str; 2] = ["sql/queries", "tests"];
/// Where their reviewed results lie.
const REVIEWED: &str = "tests/snapshots";
/// Lines around a change that a diff shows.
const CONTEXT: usize = 3;

/// A query with a reviewed result.
#[derive(Debug)]
pub struct Query {
    /// Its name: the file's stem.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The same, relative to the project.
    pub file: String,
}

/// What a run does about a result that is not the reviewed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The test fails.
    Compare,
    /// The new result takes the place of the old one, to be reviewed as a change of the file.
    Update,
}

/// The queries of a project, by name.
///
/// # Errors
/// Two queries of one name.
pub fn queries(config: &Config) -> Result<Vec<Query>> {
    let mut found: Vec<Query> = Vec::new();
    for folder in QUERIES {
        for path in files(&config.root.join(folder), ".sql")? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let file = format!("{folder}/{stem}.sql");
            found.push(Query { name: stem, path, file });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    for pair in found.windows(2) {
        if let [one, other] = pair
            && one.name == other.name
        {
            fail!("{} and {} have the same name; their results would, too", one.file, other.file);
        }
    }
    Ok(found)
}

/// Reviewed results that no query has (any more): their files.
pub fn left_over(config: &Config, queries: &[Query]) -> Result<Vec<PathBuf>> {
    let reviewed = files(&config.root.join(REVIEWED), ".txt")?;
    let has_query = |path: &PathBuf| queries.iter().any(|query| reviewed_file(config, &query.name) == *path);
    Ok(reviewed.into_iter().filter(|path| !has_query(path)).collect())
}

/// A left-over result, as a test that fails or removes it.
pub fn settle_left_over(path: &Path, mode: Mode) -> Result<Outcome> {
    match mode {
        Mode::Compare => Ok(Outcome::Failed(format!(
            "unreferenced: no query of this name is in {}; `salesmart test --update` removes the file",
            QUERIES.join(" or ")
        ))),
        Mode::Update => {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            Ok(Outcome::Written("removed: no query has this result any more".to_owned()))
        }
    }
}

/// Runs a query and compares its result with the reviewed one.
pub fn run(conn: &Connection, config: &Config, query: &Query, mode: Mode) -> Result<Outcome> {
    let now = match result(conn, query) {
        Ok(now) => now,
        Err(error) => return Ok(Outcome::Failed(format!("{error:#}"))),
    };
    let path = reviewed_file(config, &query.name);
    let name = format!("{REVIEWED}/{}.txt", query.name);
    let reviewed = match std::fs::read_to_string(&path) {
        // An editor or git may have changed the line ends.
        Ok(text) => Some(text.replace("\r\n", "\n")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => fail!("cannot read {}: {error}", path.display()),
    };
    if reviewed.as_ref() == Some(&now) {
        return Ok(Outcome::Passed);
    }
    let diff = TextDiff::from_lines(reviewed.as_deref().unwrap_or_default(), &now)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(if reviewed.is_some() { &name } else { "nothing" }, "now")
        .to_string();
    let diff = diff.trim_end();
    match mode {
        Mode::Update => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            }
            whole_file::write(&path, &now).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Outcome::Written(format!("{name} is written; review it as a change of the project\n{diff}")))
        }
        Mode::Compare if reviewed.is_none() => Ok(Outcome::Failed(format!(
            "there is no reviewed result yet; look at it, then `salesmart test --update` writes {name}\n{diff}"
        ))),
        Mode::Compare => Ok(Outcome::Failed(format!(
            "the result is not the reviewed one; if the new one is right, `salesmart test --update` writes {name}\n{diff}"
        ))),
    }
}

fn reviewed_file(config: &Config, name: &str) -> PathBuf {
    config.root.join(REVIEWED).join(format!("{name}.txt"))
}

/// The result as text: the same rows give the same text, on any machine.
fn result(conn: &Connection, query: &Query) -> Result<String> {
    let text = match std::fs::read_to_string(&query.path) {
        Ok(text) => text,
        Err(error) => fail!("cannot read {}: {error}", query.path.display()),
    };
    // A byte order mark or a final semicolon would break the statement the select is put into.
    let sql = text.trim_start_matches('\u{feff}').trim_end().trim_end_matches(';');
    // Also says what is no single select.
    parse::references(conn, &query.path, sql)?;
    // The file starts behind the prefix on the first line, so DuckDB's line numbers are the file's.
    let (statement, order) = match is_ordered(conn, sql)? {
        true => (sql.to_owned(), "in the query's order"),
        false => (format!("select * from ({sql}\n) order by all"), "sorted by all columns"),
    };
    let table = Table::query(conn, &statement).map_err(|error| match error.downcast::<duckdb::Error>() {
        Ok(error) => parse::explain(&query.path, &error),
        Err(error) => error,
    })?;
    let columns: Vec<(&str, bool)> = table.columns().iter().map(|(name, number)| (name.as_str(), *number)).collect();
    let mut reviewable = Table::new(&columns);
    for row in table.rows() {
        reviewable.push(row.iter().map(|value| Some(shown(value.as_deref()))).collect());
    }
    let rows = counted(table.rows().len() as u64, "row");
    Ok(format!("-- {}: {rows}, {order}\n{reviewable}\n", query.file))
}

/// Does the query itself say in which order its rows come?
fn is_ordered(conn: &Connection, sql: &str) -> Result<bool> {
    let json: String = conn.query_row("select json_serialize_sql(?::varchar)", [sql], |row| row.get(0))?;
    let tree: Value = serde_json::from_str(&json)?;
    let modifiers = tree["statements"][0]["node"]["modifiers"].as_array();
    Ok(modifiers.into_iter().flatten().any(|modifier| modifier["type"] == "ORDER_MODIFIER"))
}
