//! The rule that a key occurs once in a file: later records with the same key are rejects.

use std::collections::HashMap;

use anyhow::{Context, Result};
use duckdb::{Connection, params};

use super::contract::Contract;
use super::fault::{Code, Fault};
use super::input::Text;
use super::reader::{BLOCK_RECORDS, RecordReader};
use super::rejects::Reject;
use super::split::Splitter;
use super::spool::Spool;
use crate::staging::{ident, literal};

/// A later record of a key.
#[derive(Debug)]
pub struct Later {
    /// The line of the first record with the key.
    first: u64,
    /// The row as an object, for files that have no raw text.
    row: String,
}

/// Takes the later records of each key of a file out of `raw.<source>` and returns them by line.
pub fn take_out(conn: &Connection, contract: &Contract, file: &str) -> Result<HashMap<u64, Later>> {
    if contract.unique.is_empty() {
        return Ok(HashMap::new());
    }
    let source = &contract.source;
    let keys: Vec<String> = contract.unique.iter().map(|name| ident(name)).collect();
    let is_whole: Vec<String> = keys.iter().map(|key| format!("{key} is not null")).collect();
    let members: Vec<String> = contract
        .columns
        .iter()
        .map(|column| format!("{}, cast({} as varchar)", literal(&column.header), ident(&column.name)))
        .collect();
    let sql = format!(
        "select _line, first_line, cast(json_object({}) as varchar) from (
             select *, min(_line) over (partition by {}) as first_line
             from raw.{source} where _file = ? and {})
         where _line > first_line",
        members.join(", "),
        keys.join(", "),
        is_whole.join(" and ")
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([file], |row| Ok((row.get(0)?, Later { first: row.get(1)?, row: row.get(2)? })))?;
    let later: HashMap<u64, Later> = rows.collect::<Result<_, _>>()?;
    if !later.is_empty() {
        conn.execute_batch("create or replace temporary table later_of_key (line bigint)")?;
        let mut appender = conn.appender("later_of_key")?;
        for line in later.keys() {
            appender.append_row(params![line])?;
        }
        appender.flush()?;
        drop(appender);
        conn.execute(
            &format!("delete from raw.{source} where _file = ? and _line in (select line from later_of_key)"),
            [file],
        )?;
        conn.execute_batch("drop table later_of_key")?;
    }
    Ok(later)
}

/// Adds the later records of each key to the rejects. Their raw text is read from the file once more; without a
/// reader, the file is no text and the row stands in for it.
pub fn reject(
    contract: &Contract,
    later: &HashMap<u64, Later>,
    reader: Option<RecordReader<Text>>,
    splitter: &Splitter,
    rejects: &mut Spool,
) -> Result<()> {
    let key = contract.unique.join(", ");
    let reject = |line: u64, Later { first, row }: &Later, raw: Option<&str>| Reject {
        line,
        column: Some(key.clone()),
        fault: Fault::new(Code::Duplicate, format!("line {first} has the same {key}, which is unique in a file")),
        value: None,
        raw: raw.unwrap_or(row).into(),
    };
    let Some(mut reader) = reader else {
        let mut all = later.iter().map(|(line, later)| reject(*line, later, None)).collect();
        return rejects.append(&mut all);
    };
    loop {
        let block = reader.block(BLOCK_RECORDS).context("cannot read the file a second time")?;
        if block.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        for record in block.records() {
            if let Some(later) = later.get(&record.line) {
                found.push(reject(record.line, later, Some(&splitter.printable(record.bytes))));
            }
        }
        rejects.append(&mut found)?;
    }
}
