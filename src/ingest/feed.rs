//! Hands typed batches to DuckDB: the table function `salesmart_feed(job)` is scanned in parallel, so that
//! parsing and writing use every thread and still happen in one transaction.

use std::collections::HashMap;
use std::error::Error;
use std::io::Read;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use duckdb::Connection;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{BindInfo, InitInfo, TableFunctionInfo, VTab, record_batch_to_duckdb_data_chunk};

use super::batch::{Typed, Typer};
use super::contract::ColumnType;
use super::reader::{BLOCK_RECORDS, RecordReader};
use super::rejects::Reject;

/// DuckDB's name for the table function.
const FUNCTION: &str = "salesmart_feed";

/// One file on its way into the staging file.
pub struct Job {
    reader: Mutex<RecordReader<Box<dyn Read + Send>>>,
    typer: Typer,
    rejects: Mutex<Vec<Reject>>,
    records: AtomicU64,
    rejected: AtomicU64,
}

/// What a finished job saw.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Records read.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Every fault, in file order.
    pub rejects: Vec<Reject>,
}

impl Job {
    /// A job for the records that the reader has still to give.
    pub fn new(reader: RecordReader<Box<dyn Read + Send>>, typer: Typer) -> Self {
        Self {
            reader: Mutex::new(reader),
            typer,
            rejects: Mutex::default(),
            records: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    /// The next batch that has rows; `None` at the end. Called by all of DuckDB's threads.
    fn next(&self) -> Result<Option<Typed>> {
        loop {
            // Only cutting into records is serial; casting, the costly part, runs outside the lock.
            let block = locked(&self.reader).block(BLOCK_RECORDS)?;
            if block.is_empty() {
                return Ok(None);
            }
            let mut typed = self.typer.block(&block)?;
            self.records.fetch_add(block.len() as u64, Ordering::Relaxed);
            self.rejected.fetch_add(typed.rejected, Ordering::Relaxed);
            if !typed.rejects.is_empty() {
                locked(&self.rejects).append(&mut typed.rejects);
            }
            // A chunk without rows would tell DuckDB that this is the end.
            if typed.batch.num_rows() > 0 {
                return Ok(Some(typed));
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let mut rejects = std::mem::take(&mut *locked(&self.rejects));
        // Blocks end in any order; a stable sort keeps the faults of one record in column order.
        rejects.sort_by_key(|reject| reject.line);
        Outcome {
            records: self.records.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            rejects,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked inside has made its query fail; the others only have to end.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// DuckDB hands a table function plain values only, so jobs are found by number.
static JOBS: LazyLock<Mutex<HashMap<i64, Arc<Job>>>> = LazyLock::new(Mutex::default);
static NEXT_JOB: AtomicI64 = AtomicI64::new(1);

/// Makes the table function known to a connection. Needed once per opened staging file.
pub fn register(conn: &Connection) -> Result<()> {
    Ok(conn.register_table_function::<Feed>(FUNCTION)?)
}

/// Runs `insert into {target} select {prefix}, * from` the job, and returns what was read.
pub fn insert(conn: &Connection, target: &str, prefix: &str, job: Job) -> Result<Outcome> {
    let job = Arc::new(job);
    let number = NEXT_JOB.fetch_add(1, Ordering::Relaxed);
    locked(&JOBS).insert(number, Arc::clone(&job));
    let inserted = conn.execute_batch(&format!("insert into {target} select {prefix}, * from {FUNCTION}({number})"));
    locked(&JOBS).remove(&number);
    inserted?;
    Ok(job.outcome())
}

struct Feed;

impl VTab for Feed {
    type InitData = ();
    type BindData = Arc<Job>;

    fn bind(bind: &BindInfo) -> Result<Self::BindData, Box<dyn Error>> {
        let number = bind.get_parameter(0).to_int64();
        let job = locked(&JOBS).get(&number).cloned().ok_or("no such feed")?;
        for (name, kind) in job.typer.columns() {
            bind.add_result_column(name, logical_type(kind));
        }
        Ok(job)
    }

    fn init(init: &InitInfo) -> Result<Self::InitData, Box<dyn Error>> {
        init.set_max_threads(std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64));
        Ok(())
    }

    fn func(info: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        match info.get_bind_data().next()? {
            Some(typed) => record_batch_to_duckdb_data_chunk(&typed.batch, output),
            None => {
                output.set_len(0);
                Ok(())
            }
        }
    }

    fn parameters() -> Option<Vec<LogicalTypeHandle>> {
        Some(vec![LogicalTypeHandle::from(LogicalTypeId::Bigint)])
    }
}

fn logical_type(kind: ColumnType) -> LogicalTypeHandle {
    match kind {
        ColumnType::Varchar => LogicalTypeId::Varchar.into(),
        ColumnType::Integer => LogicalTypeId::Integer.into(),
        ColumnType::Bigint => LogicalTypeId::Bigint.into(),
        ColumnType::Decimal(precision, scale) => LogicalTypeHandle::decimal(precision, scale),
        ColumnType::Date => LogicalTypeId::Date.into(),
        ColumnType::Timestamp => LogicalTypeId::Timestamp.into(),
        ColumnType::Boolean => LogicalTypeId::Boolean.into(),
    }
}
