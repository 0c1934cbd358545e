//! Rows of Parquet files: every value comes as text in its one exact spelling and goes through the contract like any other.
//!
//! [`columns`] reads the values as they are stored; [`kind`] says what they are by the file's own schema, [`spelling`] writes them.
//! DuckDB decodes every page before, as a second opinion: it finds damage, and must count as many values. It does not give the
//! values, because it takes decimals of more than 38 digits for doubles and cuts the nanoseconds of INT96.

mod columns;
mod kind;
mod spelling;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, bail};
use duckdb::Connection;
use duckdb::arrow::array::{Array, AsArray};
use duckdb::arrow::record_batch::RecordBatch;
use salesmart_staging::{ident, literal};

use self::columns::Selected;
use self::kind::{Clock, Kind};
use super::header::{self, Places};
use crate::contract::{Column, Contract};

/// Batches that wait to be cast, at most.
const WAITING: usize = 16;

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
    let names_and_types = match described {
        Ok(columns) => columns,
        Err(error) => return Ok(Err(unreadable(&error))),
    };
    let names: Vec<String> = names_and_types.iter().map(|(name, _)| name.clone()).collect();
    let places = match header::places(contract, &names, 1) {
        Ok(places) => places,
        Err(reason) => return Ok(Err(reason.replacen("line 1: the header does", "the columns do", 1))),
    };
    let fields = match guarded(|| columns::fields(path)) {
        Ok(fields) if fields.len() == names.len() => fields,
        Ok(_) => return Ok(Err("it cannot be read as Parquet: its columns are not those of its schema".to_owned())),
        Err(error) => return Ok(Err(format!("it cannot be read as Parquet: {error:#}"))),
    };
    let mut selected = Vec::new();
    for (column, place) in contract.columns.iter().zip(&places.of) {
        let Some(place) = *place else {
            selected.push(None);
            continue;
        };
        let (name, sql_type) = &names_and_types[place];
        match select(column, place, Kind::of(&fields[place]), name, sql_type) {
            Ok(one) => selected.push(Some(one)),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    let is_typed =
        places.of.iter().map(|place| place.is_some_and(|place| names_and_types[place].1 != "VARCHAR")).collect();
    let counted = match count(&conn, &from, &names, &places) {
        Ok(counted) => counted,
        Err(error) => return Ok(Err(unreadable(&error))),
    };
    drop(conn);
    let (sender, batches) = sync_channel(WAITING);
    let path = path.to_owned();
    std::thread::spawn(move || {
        let end = match guarded(|| stream(&path, &selected, &counted, &sender)) {
            Ok(()) => Ok(None),
            // The file's fault, as its kind says.
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{error:#}")).into()),
        };
        // If nobody listens any more, the load has ended already.
        let _ = sender.send(end);
    });
    Ok(Ok((Rows { batches, next_row: 1, is_over: false, is_typed }, places)))
}

/// How a column of the file is read for this column of the contract.
fn select(column: &Column, place: usize, kind: Option<Kind>, name: &str, sql_type: &str) -> Result<Selected, String> {
    let Some(kind) = kind else {
        return Err(format!("column \"{name}\" holds {sql_type}, which no contract type does"));
    };
    let has_zone = column.time_zone.is_some();
    if kind.clock() == Some(Clock::Utc) && !has_zone {
        return Err(format!(
            "column \"{name}\" holds moments of UTC; set time_zone of column `{}` to the zone whose clock counts, such as \
             \"America/Chicago\", or to \"UTC\"",
            column.name
        ));
    }
    let is_marked_utc = has_zone && matches!(kind.clock(), Some(Clock::Utc | Clock::Unsaid));
    Ok(Selected { place, kind, is_marked_utc })
}

/// How many rows DuckDB finds, and how many values in each of the contract's columns. Every page is decoded for that.
fn count(conn: &Connection, from: &str, names: &[String], places: &Places) -> Result<Vec<u64>, duckdb::Error> {
    let counts = places.of.iter().map(|place| match place {
        Some(place) => format!(", count(cast({} as varchar))", ident(&names[*place])),
        None => ", 0".to_owned(),
    });
    conn.query_row(&format!("select count(*){} {from}", counts.collect::<String>()), [], |row| {
        (0..=places.of.len()).map(|index| row.get(index)).collect()
    })
}

/// A damaged file must not end the program.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| bail!("its structure is damaged"))
}

/// Sends all rows of the file.
fn stream(
    path: &Path,
    selected: &[Option<Selected>],
    counted: &[u64],
    sender: &SyncSender<Result<Option<RecordBatch>>>,
) -> Result<()> {
    let mut is_heard = true;
    let (rows, values) = columns::read(path, selected, |batch| {
        is_heard = sender.send(Ok(Some(batch))).is_ok();
        is_heard
    })?;
    let [counted_rows, counted_values @ ..] = counted else { bail!("nothing was counted") };
    if is_heard && (rows != *counted_rows || values != counted_values) {
        bail!("it has {rows} rows with {values:?} values, and DuckDB finds {counted_rows} with {counted_values:?}");
    }
    Ok(())
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
