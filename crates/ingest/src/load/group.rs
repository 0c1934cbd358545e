//! Loads many small files in one transaction. A transaction of its own takes some milliseconds per file, its records microseconds: ten
//! thousand files of one record took most of a minute.
//!
//! A group holds simple files only: new, without rejects or repairs. [`file`] loads all others, and alone decides which file is refused
//! and why. A group is loaded whole or not at all, and so is each of its files.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use duckdb::arrow::array::{Array, ArrayRef, Int64Array, MutableArrayData, StringArray, make_array};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{Connection, params};
use salesmart_base::event::Progress;
use salesmart_base::{failpoint, hash};
use salesmart_staging::{Staging, ident};

use super::batch::Typer;
use super::catalog;
use super::feed::{Job, Outcome};
use super::file::{self, Earlier, Facts, Loaded};
use crate::contract::Contract;
use crate::read::header::Places;
use crate::read::opened::Opened;
use crate::read::split::Splitter;
use crate::rejects::repairs::Repairs;

/// Maximum size of a file in a group, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// Maximum size of all files of a group together, in bytes.
const MAX_BYTES: u64 = 4 << 20;
/// Maximum number of files in a group.
const MAX_FILES: usize = 256;
/// Minimum number of small files; fewer gain nothing.
const MIN_FILES: usize = 16;
/// Maximum size of one file's rows in memory, in bytes: a compressed file may hold a thousand times its size.
const MAX_ROWS_BYTES: usize = 1 << 20;

/// Splits files into groups of small ones and those that are loaded one by one.
pub fn part<'f, 'a>(files: &'f [Facts<'a>]) -> (Vec<Vec<&'f Facts<'a>>>, Vec<&'f Facts<'a>>) {
    let is_small = |facts: &&Facts<'_>| {
        facts.earlier == Earlier::Nothing && facts.repairs.is_none() && facts.bytes <= MAX_FILE_BYTES
    };
    let (small, others): (Vec<_>, Vec<_>) = files.iter().partition(is_small);
    if small.len() < MIN_FILES {
        return (Vec::new(), files.iter().collect());
    }
    let mut groups: Vec<Vec<&Facts<'_>>> = Vec::new();
    let mut bytes = 0;
    for facts in small {
        bytes += facts.bytes;
        match groups.last_mut() {
            Some(group) if group.len() < MAX_FILES && bytes <= MAX_BYTES => group.push(facts),
            _ => {
                groups.push(vec![facts]);
                bytes = facts.bytes;
            }
        }
    }
    (groups, others)
}

/// A file that was read whole and can be loaded.
struct Ready<'f, 'a> {
    facts: &'f Facts<'a>,
    batches: Vec<RecordBatch>,
    outcome: Outcome,
    places: Places,
    content_hash: String,
}

/// Loads the simple files of a group, and returns the others.
///
/// # Errors
/// Anything that is not a file's fault; then nothing of the group is loaded.
pub fn load<'f, 'a>(
    staging: &Staging,
    contract: &Contract,
    group: &[&'f Facts<'a>],
    progress: &Progress,
) -> Result<(Vec<Loaded>, Vec<&'f Facts<'a>>)> {
    let (mut ready, mut others) = (Vec::new(), Vec::new());
    for facts in group {
        // Whatever is wrong with it is met again when it is loaded alone, and told then.
        match read(facts) {
            Ok(Some(file)) => ready.push(file),
            Ok(None) | Err(_) => others.push(*facts),
        }
    }
    while !ready.is_empty() {
        // What is not to be kept leaves the transaction as an error.
        let mut repeating = HashSet::new();
        let stored = staging.transaction(|conn| {
            repeating = store(conn, contract, &ready)?;
            if repeating.is_empty() { Ok(()) } else { anyhow::bail!("keys occur twice") }
        });
        if repeating.is_empty() {
            stored?;
            break;
        }
        let mut number = 0;
        ready.retain(|file| {
            let is_kept = !repeating.contains(&number);
            number += 1;
            if !is_kept {
                others.push(file.facts);
            }
            is_kept
        });
    }
    let loaded = ready.into_iter().map(|file| {
        progress.add_bytes(file.facts.bytes);
        progress.add_rows(file.outcome.records);
        let name = file.facts.file.name.clone();
        Loaded { name, refused: None, outcome: file.outcome, drift: file.places.note, listed: Ok(false) }
    });
    Ok((loaded.collect(), others))
}

/// Reads a file; `None` if it is not simple.
fn read<'f, 'a>(facts: &'f Facts<'a>) -> Result<Option<Ready<'f, 'a>>> {
    let (contract, path) = (facts.contract, &facts.file.path);
    // Counted once the file is loaded: one that is not is read again.
    let uncounted = Progress::default();
    let Ok(Opened { source, places, syntax, tap }) = Opened::at(path, contract, &uncounted)? else { return Ok(None) };
    let splitter = Splitter::new(contract, syntax, places.clone());
    let job = Job::new(source, Typer::new(contract, splitter, Repairs::default()), uncounted);
    let (mut batches, mut bytes) = (Vec::new(), 0);
    while let Some(typed) = job.next()? {
        bytes += typed.batch.get_array_memory_size();
        if bytes > MAX_ROWS_BYTES {
            return Ok(None);
        }
        batches.push(typed.batch);
    }
    let mut outcome = job.outcome();
    if outcome.rejected > 0 || file::refusal(contract, &outcome).is_some() {
        return Ok(None);
    }
    outcome.inserted = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let content_hash = match (&facts.content_hash, tap) {
        (Some(hash), _) => hash.clone(),
        (None, Some(tap)) => tap.finish()?,
        (None, None) => hash::of_file(path)?,
    };
    file::check_unchanged(path, facts)?;
    Ok(Some(Ready { facts, batches, outcome, places, content_hash }))
}

/// Stores the files in the transaction that is open. Returns the numbers of those in which a key occurs twice; then nothing may be kept.
fn store(conn: &Connection, contract: &Contract, files: &[Ready<'_, '_>]) -> Result<HashSet<usize>> {
    let loads = next_loads(conn, files.len())?;
    if let Some(rows) = rows(files, &loads)? {
        let mut appender = conn.appender_to_db(&contract.source, "loaded")?;
        appender.append_record_batch(rows)?;
        appender.flush()?;
    }
    let listed: Vec<String> = loads.iter().map(ToString::to_string).collect();
    let stored = format!("loaded.{} where _load in ({})", contract.source, listed.join(", "));
    let repeating = repeating(conn, contract, &stored)?;
    if !repeating.is_empty() {
        let numbers = loads.iter().enumerate().filter(|(_, load)| repeating.contains(load)).map(|(number, _)| number);
        return Ok(numbers.collect());
    }
    let arrived: u64 = conn.query_row(&format!("select count(*) from {stored}"), [], |row| row.get(0))?;
    let accepted: u64 = files.iter().map(|file| file.outcome.records).sum();
    if arrived != accepted {
        anyhow::bail!("{accepted} records of {} files were accepted but {arrived} rows arrived", files.len());
    }
    let totals = files.iter().map(|file| (file.facts.file.name.as_str(), file.outcome.totals.as_slice()));
    catalog::store_totals(conn, contract, totals)?;
    let mut appender = conn.appender_to_db("files", "ingest")?;
    for (file, load) in files.iter().zip(&loads) {
        let Ready { facts, outcome, places, content_hash, .. } = file;
        let nothing: Option<String> = None;
        let bigint = i64::try_from;
        appender.append_row(params![
            contract.source,
            facts.file.name,
            content_hash,
            facts.signature,
            nothing,
            "loaded",
            nothing,
            bigint(facts.bytes)?,
            bigint(outcome.records)?,
            bigint(outcome.records)?,
            0_i64,
            0_i64,
            bigint(outcome.skipped.total())?,
            places.written(),
            Some(&places.note).filter(|note| !note.is_empty()),
            nothing,
            load,
        ])?;
    }
    appender.flush()?;
    failpoint::hit("ingest.before_commit");
    Ok(HashSet::new())
}

fn next_loads(conn: &Connection, count: usize) -> Result<Vec<i64>> {
    let mut statement = conn.prepare(&format!("select nextval('ingest.load_ids') from range({count})"))?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The loads in which a key of the contract's `unique` occurs twice.
fn repeating(conn: &Connection, contract: &Contract, stored: &str) -> Result<HashSet<i64>> {
    if contract.unique.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: Vec<String> = contract.unique.iter().map(|name| ident(name)).collect();
    let is_whole: String = keys.iter().map(|key| format!(" and {key} is not null")).collect();
    let keys = keys.join(", ");
    let sql = format!("select distinct _load from {stored}{is_whole} group by _load, {keys} having count(*) > 1");
    let mut statement = conn.prepare(&sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The rows of all files as the table has them: load, file, line, and the contract's columns. `None` if there are none.
fn rows(files: &[Ready<'_, '_>], loads: &[i64]) -> Result<Option<RecordBatch>> {
    let parts: Vec<(&RecordBatch, i64, &str)> = files
        .iter()
        .zip(loads)
        .flat_map(|(file, load)| file.batches.iter().map(|batch| (batch, *load, file.facts.file.name.as_str())))
        .collect();
    let Some((first, ..)) = parts.first() else { return Ok(None) };
    let count = parts.iter().map(|(batch, ..)| batch.num_rows()).sum();
    let (mut of_load, mut of_file) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (batch, load, file) in &parts {
        of_load.extend(std::iter::repeat_n(*load, batch.num_rows()));
        of_file.extend(std::iter::repeat_n(*file, batch.num_rows()));
    }
    let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(of_load)), Arc::new(StringArray::from(of_file))];
    for index in 0..first.num_columns() {
        let data: Vec<_> = parts.iter().map(|(batch, ..)| batch.column(index).to_data()).collect();
        let mut all = MutableArrayData::new(data.iter().collect(), false, count);
        for (number, part) in data.iter().enumerate() {
            all.extend(number, 0, part.len());
        }
        columns.push(make_array(all.freeze()));
    }
    let schema = first.schema();
    let mut fields = vec![
        Arc::new(Field::new("_load", DataType::Int64, false)),
        Arc::new(Field::new("_file", DataType::Utf8, false)),
    ];
    fields.extend(schema.fields().iter().cloned());
    Ok(Some(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?))
}
