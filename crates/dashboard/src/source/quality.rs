//! What the last runs did, and how fresh the figures are.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The last runs, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Runs, also those that failed or were skipped.
    pub runs: Vec<RunSummary>,
}

/// One run of the pipeline, from the record that salesmart keeps of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Identifier; later runs have greater ones.
    pub run_id: String,
    /// When it started, in UTC, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What was called.
    pub command: String,
    /// `succeeded`, `failed`, `skipped` or `interrupted`.
    pub outcome: String,
    /// Why it did not end well.
    pub message: Option<String>,
    /// Files that were loaded.
    pub files: u64,
    /// Names of files that were refused whole.
    pub refused: Vec<String>,
    /// Records of those files that were accepted.
    pub accepted: u64,
    /// Records that were rejected.
    pub rejected: u64,
    /// Checks that ran.
    pub checks: u64,
    /// Names of the checks that failed.
    pub checks_failed: Vec<String>,
    /// Names of the checks that found something and let the run go on.
    pub checks_warned: Vec<String>,
    /// The sync's number in the ledger, if anything was pushed.
    pub sync_number: Option<i64>,
    /// What was pushed, by table.
    pub tables: BTreeMap<String, Change>,
}

/// Rows of a table that a sync changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Change {
    /// Inserted.
    pub inserts: u64,
    /// Updated.
    pub updates: u64,
    /// Deleted.
    pub deletes: u64,
}

/// The record of a run as it is stored; what is not named here is of no concern to a dashboard.
#[derive(Deserialize)]
struct Stored {
    run_id: String,
    started_at: String,
    seconds: f64,
    command: String,
    outcome: String,
    message: Option<String>,
    #[serde(default)]
    files: StoredFiles,
    #[serde(default)]
    rows: StoredRows,
    #[serde(default)]
    checks: StoredChecks,
    sync_number: Option<i64>,
    #[serde(default)]
    tables: BTreeMap<String, Change>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredFiles {
    loaded: u64,
    refused: Vec<StoredRefused>,
}

#[derive(Deserialize)]
struct StoredRefused {
    file: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredRows {
    accepted: u64,
    rejected: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredChecks {
    ran: u64,
    failed: Vec<String>,
    warned: Vec<String>,
}

impl RunSummary {
    /// From the record of a run, in JSON.
    ///
    /// # Errors
    /// A text that is none.
    pub fn from_json(json: &str) -> Result<Self> {
        let stored: Stored = serde_json::from_str(json)?;
        Ok(Self {
            run_id: stored.run_id,
            started_at: stored.started_at,
            seconds: stored.seconds,
            command: stored.command,
            outcome: stored.outcome,
            message: stored.message,
            files: stored.files.loaded,
            refused: stored.files.refused.into_iter().map(|refused| refused.file).collect(),
            accepted: stored.rows.accepted,
            rejected: stored.rows.rejected,
            checks: stored.checks.ran,
            checks_failed: stored.checks.failed,
            checks_warned: stored.checks.warned,
            sync_number: stored.sync_number,
            tables: stored.tables,
        })
    }
}
