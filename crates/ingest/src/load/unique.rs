//! The rule that a key occurs once in a file: later records with the same key are rejects.

use std::collections::HashMap;

use anyhow::{Context, Result};
use duckdb::{Connection, params};
use salesmart_staging::ident;

use super::feed::Source;
use crate::cast::fault::{Code, Fault};
use crate::contract::Contract;
use crate::read::block::BLOCK_RECORDS;
use crate::read::parquet;
use crate::read::split::Splitter;
use crate::rejects::Reject;
use crate::rejects::spool::Spool;

/// The later records of each key, by line, each with the line of the first record of its key.
pub type Later = HashMap<u64, u64>;

/// Takes the later records of each key out of the rows of one load and returns them by line.
pub fn take_out(conn: &Connection, contract: &Contract, load: i64) -> Result<Later> {
    if contract.unique.is_empty() {
        return Ok(HashMap::new());
    }
    let source = &contract.source;
    let keys: Vec<String> = contract.unique.iter().map(|name| ident(name)).collect();
    let is_whole: Vec<String> = keys.iter().map(|key| format!("{key} is not null")).collect();
    let sql = format!(
        "select _line, first_line from (
             select _line, min(_line) over (partition by {}) as first_line
             from loaded.{source} where _load = {load} and {})
         where _line > first_line",
        keys.join(", "),
        is_whole.join(" and ")
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let later: Later = rows.collect::<Result<_, _>>()?;
    if !later.is_empty() {
        conn.execute_batch("create or replace temporary table later_of_key (line bigint)")?;
        let mut appender = conn.appender("later_of_key")?;
        for line in later.keys() {
            appender.append_row(params![line])?;
        }
        appender.flush()?;
        drop(appender);
        conn.execute_batch(&format!(
            "delete from loaded.{source} where _load = {load} and _line in (select line from later_of_key);
             drop table later_of_key"
        ))?;
    }
    Ok(later)
}

/// Adds the later records of each key to the rejects. Their raw text is read from the file once more.
pub fn reject(
    contract: &Contract,
    later: &Later,
    again: Source,
    splitter: &Splitter,
    rejects: &mut Spool,
) -> Result<()> {
    let key = contract.unique.join(", ");
    let reject = |line: u64, raw: String| {
        let first = later.get(&line)?;
        let reason = format!("line {first} has the same {key}, which is unique in a file");
        let fault = Fault::new(Code::Duplicate, reason);
        Some(Reject { line, column: Some(key.clone()), fault, value: None, raw: raw.into() })
    };
    let context = "cannot read the file a second time";
    match again {
        Source::Text(mut reader) => loop {
            let block = reader.block(BLOCK_RECORDS).context(context)?;
            if block.is_empty() {
                return Ok(());
            }
            let found = block.records().filter(|record| later.contains_key(&record.line));
            let mut found = found.filter_map(|record| reject(record.line, splitter.printable(record.bytes))).collect();
            rejects.append(&mut found)?;
        },
        Source::Rows(mut rows) => {
            let headers: Vec<&str> = contract.columns.iter().map(|column| column.header.as_str()).collect();
            while let Some((batch, first)) = rows.next_batch().context(context)? {
                let lines = (0..batch.num_rows()).map(|index| (index, first + index as u64));
                let found = lines.filter(|(_, line)| later.contains_key(line));
                let mut found =
                    found.filter_map(|(index, line)| reject(line, parquet::raw_row(&headers, &batch, index))).collect();
                rejects.append(&mut found)?;
            }
            Ok(())
        }
    }
}
