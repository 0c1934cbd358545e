//! Rows of Parquet files. DuckDB reads them; every value comes as text in its one exact spelling and goes through the
//! contract like any other.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result};
use duckdb::Connection;
use duckdb::arrow::array::{Array, AsArray};
use duckdb::arrow::record_batch::RecordBatch;
use salesmart_staging::{ident, literal};

use super::header::{self, Places};
use crate::contract::Contract;

/// Batches that wait to be cast, at most.
const WAITING: usize = 4;

/// The rows of one file, as they come.
pub struct Rows {
    /// `None` is the end: a channel that closes without it is a reading that broke off.
    batches: Receiver<Result<Option<RecordBatch>>>,
    next_row: u64,
    is_over: bool,
    /// Per contract column: does the file give it a type of its own?
    pub is_typed: Vec<bool>,
}

/// Opens a Parquet file. The inner error says in words why it does not fit the contract.
pub fn open(path: &Path, contract: &Contract) -> Result<Result<(Rows, Places), String>> {
    let conn = Connection::open_in_memory().context("cannot start DuckDB")?;
    // A folder such as `year=2024` must not add a column, let alone replace one.
    let from = format!("from read_parquet({}, hive_partitioning = false)", literal(&one_file(path)));
    let described =
        conn.prepare(&format!("select column_name, column_type from (describe {from})")).and_then(|mut statement| {
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<(String, String)>, _>>()
        });
    let columns = match described {
        Ok(columns) => columns,
        Err(error) => return Ok(Err(unreadable(&error))),
    };
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let places = match header::places(contract, &names, 1) {
        Ok(places) => places,
        Err(reason) => return Ok(Err(reason.replacen("line 1: the header does", "the columns do", 1))),
    };
    let mut selected = Vec::new();
    let mut is_typed = Vec::new();
    for place in &places.of {
        let Some((name, kind)) = place.map(|place| &columns[place]) else {
            selected.push("null::varchar".to_owned());
            is_typed.push(false);
            continue;
        };
        if ["STRUCT", "MAP", "BLOB", "UNION", "BIT"].iter().any(|nested| kind.starts_with(nested))
            || kind.ends_with(']')
        {
            return Ok(Err(format!("column \"{name}\" holds {kind}, which no contract type does")));
        }
        if kind.contains("WITH TIME ZONE") {
            return Ok(Err(format!(
                "column \"{name}\" holds moments of a time zone, which contracts do not; write it as UTC without zone"
            )));
        }
        selected.push(format!("cast({} as varchar)", ident(name)));
        is_typed.push(kind != "VARCHAR");
    }
    // The stream below cannot report damage in the middle of a file, so every page is decoded once before.
    let counts: Vec<String> = selected.iter().map(|value| format!("count({value})")).collect();
    if let Err(error) = conn.execute_batch(&format!("select {} {from}", counts.join(", "))) {
        return Ok(Err(unreadable(&error)));
    }
    let (sender, batches) = sync_channel(WAITING);
    let query = format!("select {} {from}", selected.join(", "));
    std::thread::spawn(move || {
        if let Err(error) = stream(&conn, &query, &sender) {
            // If nobody listens any more, the load has ended already.
            let _ = sender.send(Err(error));
        }
    });
    Ok(Ok((Rows { batches, next_row: 1, is_over: false, is_typed }, places)))
}

/// DuckDB's error without the query it cites.
fn unreadable(error: &duckdb::Error) -> String {
    let message = error.to_string();
    format!("it cannot be read as Parquet: {}", message.lines().next().unwrap_or_default())
}

/// The path as a pattern that fits this file alone: DuckDB takes `*`, `?` and `[` for wildcards.
fn one_file(path: &Path) -> String {
    let mut pattern = String::new();
    for c in path.to_string_lossy().chars() {
        match c {
            '*' | '?' | '[' => pattern.extend(['[', c, ']']),
            c => pattern.push(c),
        }
    }
    pattern
}

fn stream(conn: &Connection, query: &str, sender: &SyncSender<Result<Option<RecordBatch>>>) -> Result<()> {
    let mut statement = conn.prepare(query)?;
    for batch in statement.stream_arrow([])? {
        if sender.send(Ok(Some(batch))).is_err() {
            return Ok(());
        }
    }
    // If nobody listens any more, the load has ended already.
    let _ = sender.send(Ok(None));
    Ok(())
}

/// A row as an object of texts: what stands for its raw record, as there is no text.
pub fn raw_row(headers: &[&str], texts: &RecordBatch, index: usize) -> String {
    let members = headers.iter().zip(texts.columns()).map(|(header, values)| {
        let values = values.as_string::<i32>();
        let value = if values.is_null(index) { serde_json::Value::Null } else { values.value(index).into() };
        ((*header).to_owned(), value)
    });
    serde_json::Value::Object(members.collect()).to_string()
}

impl Rows {
    /// The next rows and the number of the first, from 1; `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<(RecordBatch, u64)>> {
        if self.is_over {
            return Ok(None);
        }
        let received = self.batches.recv().context("reading the Parquet file broke off")?;
        let Some(batch) = received? else {
            self.is_over = true;
            return Ok(None);
        };
        let first = self.next_row;
        self.next_row += batch.num_rows() as u64;
        Ok(Some((batch, first)))
    }
}
