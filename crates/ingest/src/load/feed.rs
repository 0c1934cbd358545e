//! Hands typed batches to DuckDB: the table function `salesmart_feed(job)` is scanned in parallel, so that
//! parsing and writing use every thread and still happen in one transaction.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use duckdb::Connection;
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{BindInfo, InitInfo, TableFunctionInfo, VTab, record_batch_to_duckdb_data_chunk};
use salesmart_base::event::{Fitted, Progress, Skipped};

use super::batch::{Typed, Typer};
use super::key_hash::KeyHashes;
use crate::contract::ColumnType;
use crate::read::block::{BLOCK_RECORDS, Block};
use crate::read::input::Text;
use crate::read::parquet;
use crate::read::reader::RecordReader;
use crate::rejects::spool::Spool;

/// DuckDB's name for the table function.
const FUNCTION: &str = "salesmart_feed";

/// Where the records of a file come from.
pub enum Source {
    /// Text that is cut into records.
    Text(RecordReader<Text>),
    /// Rows of a Parquet file.
    Rows(parquet::Rows),
}

/// One file on its way into the staging file.
pub struct Job {
    source: Mutex<Source>,
    typer: Typer,
    rejects: Mutex<Spool>,
    records: AtomicU64,
    rejected: AtomicU64,
    repaired: AtomicU64,
    fitted: Mutex<Fitted>,
    totals: Mutex<Vec<Option<i128>>>,
    keys: Mutex<KeyHashes>,
    rounded: Mutex<Vec<u64>>,
    /// Counts the records of all jobs.
    progress: Progress,
    /// What broke the reading, in its own type: DuckDB passes on a text only.
    failure: Mutex<Option<anyhow::Error>>,
}

/// What a finished job saw.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Records read.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Records accepted because they are repaired.
    pub repaired: u64,
    /// Every fault of every refused record.
    pub rejects: Spool,
    /// Rows that are no records.
    pub skipped: Skipped,
    /// Accepted records whose number of fields was made to fit.
    pub fitted: Fitted,
    /// Per contract column the sum of its accepted numbers, times ten to the column's scale; `None` if it is beyond 38
    /// digits. Empty if nothing was read.
    pub totals: Vec<Option<i128>>,
    /// Hashes of the keys of the accepted records.
    pub keys: KeyHashes,
    /// Per contract column, how many of its accepted numbers were rounded, before records with a key of another one were taken out.
    /// Empty if nothing was read.
    pub rounded: Vec<u64>,
    /// Rows that DuckDB says it has inserted.
    pub inserted: u64,
}

/// A piece of a file, cut off but not cast.
enum Piece {
    Block(Block),
    Rows(RecordBatch, Vec<bool>, u64),
}

impl Job {
    /// A job for the records that the source has still to give.
    pub fn new(source: Source, typer: Typer, progress: Progress) -> Self {
        Self {
            source: Mutex::new(source),
            typer,
            rejects: Mutex::default(),
            records: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            repaired: AtomicU64::new(0),
            fitted: Mutex::default(),
            totals: Mutex::default(),
            keys: Mutex::default(),
            rounded: Mutex::default(),
            progress,
            failure: Mutex::default(),
        }
    }

    /// The next batch that has rows; `None` at the end. Called by all of DuckDB's threads.
    pub fn next(&self) -> Result<Option<Typed>> {
        loop {
            // Only cutting into records is serial; casting, the costly part, runs outside the lock.
            let piece = match &mut *locked(&self.source) {
                Source::Text(reader) => {
                    Some(reader.block(BLOCK_RECORDS)?).filter(|block| !block.is_empty()).map(Piece::Block)
                }
                Source::Rows(rows) => {
                    rows.next_batch()?.map(|(batch, first)| Piece::Rows(batch, rows.is_typed.clone(), first))
                }
            };
            let (mut typed, count) = match piece {
                None => return Ok(None),
                Some(Piece::Block(block)) => (self.typer.block(&block)?, block.len()),
                Some(Piece::Rows(batch, is_typed, first)) => {
                    (self.typer.batch(&batch, &is_typed, first)?, batch.num_rows())
                }
            };
            self.records.fetch_add(count as u64, Ordering::Relaxed);
            self.progress.add_rows(count as u64);
            self.rejected.fetch_add(typed.rejected, Ordering::Relaxed);
            self.repaired.fetch_add(typed.repaired, Ordering::Relaxed);
            if typed.fitted.total() > 0 {
                locked(&self.fitted).add(&typed.fitted);
            }
            let mut totals = locked(&self.totals);
            totals.resize(typed.totals.len(), Some(0));
            for (sum, more) in totals.iter_mut().zip(&typed.totals) {
                *sum = sum.zip(*more).and_then(|(sum, more)| sum.checked_add(more));
            }
            drop(totals);
            let keys = std::mem::take(&mut typed.keys);
            if !keys.is_empty() {
                locked(&self.keys).append(keys);
            }
            let mut rounded = locked(&self.rounded);
            rounded.resize(typed.rounded.len(), 0);
            rounded.iter_mut().zip(&typed.rounded).for_each(|(sum, more)| *sum += more);
            drop(rounded);
            if !typed.rejects.is_empty() {
                locked(&self.rejects).append(&mut typed.rejects)?;
            }
            // A chunk without rows would tell DuckDB that this is the end.
            if typed.batch.num_rows() > 0 {
                return Ok(Some(typed));
            }
        }
    }

    /// What has been seen, to be asked once at the end.
    pub fn outcome(&self) -> Outcome {
        let skipped = match &*locked(&self.source) {
            Source::Text(reader) => *reader.skipped(),
            Source::Rows(_) => Skipped::default(),
        };
        Outcome {
            records: self.records.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            repaired: self.repaired.load(Ordering::Relaxed),
            rejects: std::mem::take(&mut *locked(&self.rejects)),
            skipped,
            fitted: *locked(&self.fitted),
            totals: std::mem::take(&mut *locked(&self.totals)),
            keys: std::mem::take(&mut *locked(&self.keys)),
            rounded: std::mem::take(&mut *locked(&self.rounded)),
            inserted: 0,
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
///
/// # Errors
/// What broke the reading comes as it was (an [`std::io::Error`] in it can be asked for); the rest is DuckDB's.
pub fn insert(conn: &Connection, target: &str, prefix: &str, job: Job) -> Result<Outcome> {
    let job = Arc::new(job);
    let number = NEXT_JOB.fetch_add(1, Ordering::Relaxed);
    locked(&JOBS).insert(number, Arc::clone(&job));
    let inserted = conn.execute(&format!("insert into {target} select {prefix}, * from {FUNCTION}({number})"), []);
    locked(&JOBS).remove(&number);
    match (inserted, locked(&job.failure).take()) {
        (_, Some(failure)) => Err(failure),
        (Err(error), None) => Err(error.into()),
        (Ok(inserted), None) => Ok(Outcome { inserted: inserted as u64, ..job.outcome() }),
    }
}

struct Feed;

impl VTab for Feed {
    type InitData = Mutex<VecDeque<RecordBatch>>;
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
        Ok(Mutex::default())
    }

    fn func(info: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        // A batch of Parquet may have more rows than a chunk holds.
        let left_over = info.get_init_data();
        let waiting = locked(left_over).pop_front();
        let job = info.get_bind_data();
        let batch = match waiting {
            Some(batch) => Some(batch),
            None => match job.next() {
                Ok(typed) => typed.map(|typed| typed.batch),
                Err(error) => {
                    let message = format!("{error:#}");
                    locked(&job.failure).get_or_insert(error);
                    return Err(message.into());
                }
            },
        };
        let Some(batch) = batch else {
            output.set_len(0);
            return Ok(());
        };
        let first = batch.num_rows().min(BLOCK_RECORDS);
        let mut at = first;
        while at < batch.num_rows() {
            let count = (batch.num_rows() - at).min(BLOCK_RECORDS);
            locked(left_over).push_back(batch.slice(at, count));
            at += count;
        }
        record_batch_to_duckdb_data_chunk(&batch.slice(0, first), output)
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
