//! The table `raw.<source>`: made once, and made anew when the meaning of the contract changes.

use anyhow::Result;
use duckdb::Connection;

use super::catalog::SourceFile;
use super::contract::Contract;
use crate::fail;
use crate::staging::{Staging, ident};

/// Makes `raw.<source>`, or makes it anew if the contract's meaning changed: then every file is read again.
///
/// # Errors
/// No file at all, and files that would have to be read again and are gone.
pub fn prepare(staging: &Staging, contract: &Contract, files: &[SourceFile], explicit: bool) -> Result<()> {
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
        return Ok(());
    }
    let missing: Vec<&String> = known.iter().filter(|name| !files.iter().any(|file| file.name == **name)).collect();
    if let Some(first) = missing.first() {
        let advice = match explicit {
            true => "run `salesmart ingest` without file names".to_owned(),
            false => "put them back, withdraw them with `salesmart forget FILE`, or undo the change".to_owned(),
        };
        fail!(
            "{}: the contract changed, so every file has to be read again, but {} of them are gone (first: {first}); {advice}",
            contract.path.display(),
            missing.len()
        );
    }
    let columns: Vec<String> =
        contract.columns.iter().map(|column| format!("{} {}", ident(&column.name), column.kind.sql())).collect();
    staging.transaction(|conn| {
        // Until all of them are read again, nothing is built from this source.
        conn.execute(
            "insert into ingest.expected select source, file from ingest.files where source = ? and outcome <> 'refused'",
            [source],
        )?;
        conn.execute_batch(&format!(
            "drop table if exists raw.{source};
             create table raw.{source} (_file varchar not null, _line bigint not null, {})",
            columns.join(", ")
        ))?;
        for table in ["ingest.files", "ingest.control_totals", "main.rejects"] {
            conn.execute(&format!("delete from {table} where source = ?"), [source])?;
        }
        conn.execute("insert or replace into ingest.sources values (?, ?)", [source, hash.as_str()])?;
        Ok(())
    })
}

fn column_of(conn: &Connection, sql: &str, source: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([source], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
