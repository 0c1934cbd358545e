//! What the stages report while they work.
//!
//! A stage returns what it did; on the way it tells an [`Observer`] of every source, model, check and table. The text on a
//! terminal, the JSON log, progress bars and the history of runs are observers. Nothing below the command line prints.

mod fitted;
mod ingested;
mod key_conflicts;
mod rounded;
mod skipped;

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::count::RowCounts;

pub use fitted::Fitted;
pub use ingested::{Ingested, Refused};
pub use key_conflicts::{ConflictExample, KeyConflict, KeyConflicts, RecordPlace};
pub use rounded::Rounded;
pub use skipped::Skipped;

/// Receives events. Stages call it from several threads.
pub trait Observer: Sync {
    /// Receives one event.
    fn observe(&self, event: &Event<'_>);
}

/// An observer that ignores all events.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
}

/// Hands every event to two observers, one after the other.
pub struct Both<'a>(pub &'a dyn Observer, pub &'a dyn Observer);

impl Observer for Both<'_> {
    fn observe(&self, event: &Event<'_>) {
        self.0.observe(event);
        self.1.observe(event);
    }
}

/// How far a stage is. It counts without locks, and observers read it as often as they like.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl Progress {
    /// Adds bytes of files that were read, or need no reading.
    pub fn add_bytes(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds rows that were read or sent.
    pub fn add_rows(&self, rows: u64) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }
}

/// Something that happened in a stage.
pub enum Event<'a> {
    /// A private PostgreSQL server is about to be created.
    EmbeddedCreated {
        /// Major version of PostgreSQL.
        major: u32,
        /// Its data folder.
        folder: &'a Path,
    },
    /// A connection to PostgreSQL failed and is tried again.
    ConnectRetried {
        /// `user@host:port/database`, without the password.
        target: String,
        /// Why it failed.
        cause: String,
        /// The wait before the next try.
        pause: Duration,
    },
    /// Another sync holds the lock, and this one waits for it.
    LockAwaited {
        /// The session that holds it.
        holder: &'a str,
    },
    /// A migration was applied.
    Migrated {
        /// Its name.
        name: &'a str,
    },
    /// PostgreSQL remarked something while migrations were applied.
    MigrationNotice {
        /// What it said.
        text: &'a str,
        /// A warning, rather than a mere note.
        is_warning: bool,
    },
    /// The files of a source are about to be read.
    IngestStarted {
        /// The source.
        source: &'a str,
        /// Size of all its files.
        bytes: u64,
        /// Counts bytes and records from now until [`Event::Ingested`].
        progress: &'a Progress,
    },
    /// A file has the content of another one that is loaded, and was not loaded again.
    DuplicateFile {
        /// The file.
        file: &'a str,
        /// The file that is loaded.
        same_as: &'a str,
    },
    /// The list of rejects beside a file could not be written. The staging file holds them all the same.
    RejectsNotListed {
        /// Why not.
        error: &'a anyhow::Error,
    },
    /// A contract changed, and rows of files that are gone from the folder stay, because the change does not touch them.
    RowsKept {
        /// The source.
        source: &'a str,
        /// The files.
        files: &'a [String],
    },
    /// All files of a source are loaded, refused or known already.
    Ingested {
        /// The source.
        source: &'a str,
        /// What became of its files.
        report: &'a Ingested,
        /// Wall time.
        elapsed: Duration,
    },
    /// A model was built. It is not published yet.
    ModelBuilt(ModelBuilt<'a>),
    /// A model was up to date; reported only if reasons were asked for.
    ModelUpToDate {
        /// The model.
        model: &'a str,
        /// Why it was not built.
        why: &'a str,
    },
    /// A model that was built for the first time since it changed may not mean what it says.
    ModelWarning {
        /// File, line and advice.
        text: &'a str,
    },
    /// All selected models were up to date.
    AllUpToDate {
        /// How many.
        models: u64,
    },
    /// All checks of a build have run.
    ChecksRun(ChecksRun<'a>),
    /// A build is over, and went well.
    BuildFinished {
        /// Names of the models that were built, in order.
        built: &'a [String],
        /// Number of models that were up to date.
        unchanged: u64,
    },
    /// The warehouse has a table in its schema `mart` that no mart belongs to.
    UnknownTable {
        /// The table.
        table: &'a str,
    },
    /// The last sync had been committed before it was interrupted; the mirror takes over its delta.
    PendingPromoted,
    /// The mirror was rebuilt from the warehouse's rows.
    MirrorRebuilt {
        /// The last sync in the warehouse's ledger.
        after_sync: i64,
        /// Number of row keys that were read.
        keys: u64,
    },
    /// Rows are about to be sent.
    SyncStarted {
        /// Counts rows from now until [`Event::SyncEnded`].
        progress: &'a Progress,
    },
    /// The rows of a table are about to be sent.
    TableStarted {
        /// The table.
        table: &'a str,
    },
    /// No more rows are sent, because all were or because the sync failed.
    SyncEnded,
    /// PostgreSQL's statistics of the pushed tables could not be brought up to date after a sync, so that its plans may be slow.
    StatisticsStale {
        /// Why not.
        error: &'a anyhow::Error,
    },
    /// A sync was committed, or had nothing to push.
    Synced(Synced<'a>),
    /// A whole run went well.
    RunFinished {
        /// The warehouse, without its password.
        warehouse: String,
        /// Its steps and their wall time.
        steps: &'a [(&'static str, Duration)],
    },
    /// The record of a run could not be kept. The next run tries again.
    RecordNotKept {
        /// Why not.
        error: &'a anyhow::Error,
    },
    /// A temporary folder could not be removed.
    FolderLeft {
        /// The folder.
        folder: &'a Path,
        /// Why not.
        error: &'a std::io::Error,
    },
}

/// A model that was built.
pub struct ModelBuilt<'a> {
    /// The model.
    pub model: &'a str,
    /// Number of its rows; none for a view.
    pub rows: Option<u64>,
    /// How its rows differ from the published ones.
    pub change: ModelChange,
    /// Why it was built, if reasons were asked for.
    pub why: Option<&'a str>,
    /// Wall time.
    pub elapsed: Duration,
}

/// How the rows of a model differ from the published ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelChange {
    /// Not at all.
    Same,
    /// By these numbers of rows. A row that changed is counted in both.
    Rows {
        /// Rows that left.
        removed: u64,
        /// Rows that came.
        added: u64,
    },
    /// They were not compared.
    Unknown,
}

/// What the checks of a build found.
pub struct ChecksRun<'a> {
    /// Every check that ran.
    pub results: Vec<CheckResult<'a>>,
    /// Number of checks that could not run, as they read models that were left out of the build.
    pub skipped: u64,
    /// Wall time.
    pub elapsed: Duration,
}

/// What one check found.
pub struct CheckResult<'a> {
    /// The check.
    pub name: &'a str,
    /// Its file; a built-in one has none.
    pub place: Option<&'a str>,
    /// What its header says about it; a built-in one says nothing.
    pub description: &'a str,
    /// Whether it passed.
    pub verdict: Verdict,
    /// Number of offending rows.
    pub offending: u64,
    /// The first of them.
    pub sample: &'a dyn Display,
}

/// Whether a check passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Passed,
    /// It did not, and its severity is `warn`.
    Warned,
    /// It did not, and its severity is `error`: nothing is published.
    Failed,
}

/// What a sync did.
pub struct Synced<'a> {
    /// Changed rows of every pushed table, also of those without any.
    pub tables: &'a [(String, RowCounts)],
    /// Number of the ledger row, if anything was pushed.
    pub number: Option<i64>,
    /// Wall time.
    pub elapsed: Duration,
}
