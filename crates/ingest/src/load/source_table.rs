//! Where the rows of a source are: made once, and made anew when the meaning of the contract changes.
//!
//! `loaded.<source>` holds them with `_load`, the number of the load that brought them, which only grows: what is new since
//! a build is found without a look at the rest. `removed.<source>` holds rows that were taken out again, with the number at
//! which they were, until every model that reads the source knows. Models read the view `raw.<source>`, which shows no load:
//! what they make of a file must not depend on when it came.

use std::collections::BTreeMap;

use anyhow::{Error, Result};
use duckdb::Connection;
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_staging::{Staging, literal};

use super::catalog::SourceFile;
use super::keep;
use crate::contract::Contract;

/// Maximum number of files that an error names.
const NAMED: usize = 20;

/// Makes `raw.<source>`, or makes it anew if the contract's meaning changed: then every file is read again, but for those that are gone
/// and of which the change touches no row. Returns the names of these.
///
/// # Errors
/// No file at all, and files that would have to be read again and are gone.
pub fn prepare(staging: &Staging, contract: &Contract, files: &[SourceFile], explicit: bool) -> Result<Vec<String>> {
    let conn = staging.conn();
    let source = contract.source.as_str();
    let known: Vec<String> =
        column_of(conn, "select file from ingest.files where source = ? and outcome <> 'refused'", source)?;
    if files.is_empty() && known.is_empty() {
        fail!(
            "no file matches \"{}\", and none was loaded before (contract {}); put files there, or correct `files`",
            contract.files,
            contract.path.display()
        );
    }
    let hash = contract.hash()?;
    let before: Vec<String> = column_of(conn, "select contract_hash from ingest.sources where source = ?", source)?;
    if before.first() == Some(&hash) {
        keep::note_meaning(conn, contract)?;
        return Ok(Vec::new());
    }
    let is_there = |name: &str| files.iter().any(|file| file.name == name);
    let missing: Vec<&str> = known.iter().map(String::as_str).filter(|name| !is_there(name)).collect();
    if !missing.is_empty() && explicit {
        fail!(
            "{}: the contract changed, so every file has to be read again; run `salesmart ingest` without file names",
            contract.path.display()
        );
    }
    let touched = match missing.is_empty() {
        true => BTreeMap::new(),
        false => keep::touched(conn, contract, &missing)?,
    };
    if !touched.is_empty() {
        return Err(gone(contract, &touched));
    }
    staging.transaction(|conn| {
        let kept = carried(conn, source, &missing)?;
        let others = not_among(&kept);
        // Until all of them are read again, nothing is built from this source.
        conn.execute(
            &format!(
                "insert into ingest.expected select source, file from ingest.files where source = ? and outcome <> 'refused'{}",
                not_among(&missing)
            ),
            [source],
        )?;
        for table in ["ingest.files", "ingest.control_totals", "main.rejects"] {
            conn.execute(&format!("delete from {table} where source = ?{others}"), [source])?;
        }
        keep::carry_over(conn, contract, &kept, || {
            conn.execute_batch(&format!(
                "drop view if exists raw.{source}; drop table if exists loaded.{source}; drop table if exists removed.{source}"
            ))?;
            make(conn, contract)
        })?;
        conn.execute("insert or replace into ingest.sources values (?, ?)", [source, hash.as_str()])?;
        keep::note_meaning(conn, contract)?;
        Ok(kept.iter().map(ToString::to_string).collect())
    })
}

/// The condition that a file is none of these.
fn not_among(files: &[&str]) -> String {
    let names: Vec<String> = files.iter().map(|name| literal(name)).collect();
    if names.is_empty() { String::new() } else { format!(" and file not in ({})", names.join(", ")) }
}

/// Those of the files that are gone which keep their rows: of a copy, the rows lie under another name, and go with that if it is read
/// again.
fn carried<'f>(conn: &Connection, source: &str, missing: &[&'f str]) -> Result<Vec<&'f str>> {
    let mut statement =
        conn.prepare("select file, same_as from ingest.files where source = ? and same_as is not null")?;
    let copies = statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let copies: BTreeMap<String, String> = copies.collect::<Result<_, _>>()?;
    let is_carried = |name: &&&str| copies.get(**name).is_none_or(|other| missing.contains(&other.as_str()));
    Ok(missing.iter().filter(is_carried).copied().collect())
}

/// The error about files that have to be read again and are gone.
fn gone(contract: &Contract, touched: &BTreeMap<String, String>) -> Error {
    let mut names: Vec<String> = touched.iter().map(|(file, reason)| format!("{file}: {reason}")).collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more == 0 { String::new() } else { format!("\n  and {more} more (`salesmart show ingest.files`)") };
    Failure::new(format!(
        "{}: the contract changed in a way that files have to be read again for, and {} gone from the folder:\n  {}{more}\n\
         Nothing was changed. Put them back for one run (are they archived?), or undo the change; files whose rows are to go are withdrawn \
         with `salesmart forget FILE…`",
        contract.path.display(),
        if touched.len() == 1 { "1 is".to_owned() } else { format!("{} are", touched.len()) },
        names.join("\n  ")
    ))
    .into()
}

/// Makes the tables of a source, empty, and its view. Those that are there stay.
pub fn make(conn: &Connection, contract: &Contract) -> Result<()> {
    let source = contract.source.as_str();
    let columns = contract.column_definitions();
    for schema in ["loaded", "removed"] {
        conn.execute_batch(&format!(
            "create table if not exists {schema}.{source} (_load bigint not null, _file varchar not null, _line bigint not null{columns})"
        ))?;
    }
    Ok(conn.execute_batch(&format!(
        "create view if not exists raw.{source} as select * exclude (_load) from loaded.{source}"
    ))?)
}

/// The next number of a load, greater than all before.
pub fn next_load(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("select nextval('ingest.load_ids')", [], |row| row.get(0))?)
}

/// Takes the rows of a load out and keeps them for the models that read them.
pub fn take_out(conn: &Connection, source: &str, load: i64) -> Result<()> {
    let now = next_load(conn)?;
    Ok(conn.execute_batch(&format!(
        "insert into removed.{source} select {now}, * exclude (_load) from loaded.{source} where _load = {load};
         delete from loaded.{source} where _load = {load}"
    ))?)
}

/// Gives the rows of a load another file's name; returns the number of the load that they are now. For models it is as if
/// they had been taken out and loaded again.
pub fn rename(conn: &Connection, source: &str, load: i64, to: &str) -> Result<i64> {
    let now = next_load(conn)?;
    conn.execute_batch(&format!(
        "insert into removed.{source} select {now}, * exclude (_load) from loaded.{source} where _load = {load};
         update loaded.{source} set _file = {}, _load = {now} where _load = {load}",
        literal(to)
    ))?;
    Ok(now)
}

fn column_of(conn: &Connection, sql: &str, source: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([source], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
