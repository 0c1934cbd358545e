//! What the last runs did, and how fresh the figures are.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

/// The last runs, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Runs, also those that failed or were skipped.
    pub runs: Vec<RunSummary>,
}

/// One run of the pipeline, from the record that salesmart keeps of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunSummary {
    /// When it started, in UTC, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// `succeeded`, `failed`, `skipped` or `interrupted`.
    pub outcome: String,
    /// What it did, for who may see everything.
    pub details: Option<RunDetails>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunDetails {
    /// Identifier; later runs have greater ones.
    pub run_id: String,
    /// What was called.
    pub command: String,
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
    /// Records that a later record of the same file replaces: same key, other content.
    pub repeated: u64,
    /// Records without effect: a file that was loaded before and sorts later has their key, with other content.
    pub outranked: u64,
    /// Records that unrelated records of another file replace, where that happens to most of a file.
    pub unrelated: u64,
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
pub struct Change {
    /// Rows that came.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Rows that went.
    pub deleted: u64,
}

impl Quality {
    /// As much of it as somebody may see: what runs loaded is of all regions.
    #[must_use]
    pub fn seen_by(&self, scope: &Scope) -> Self {
        let mut seen = self.clone();
        if *scope != Scope::Everything {
            seen.runs.iter_mut().for_each(|run| run.details = None);
        }
        seen
    }
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
    repeated: u64,
    outranked: u64,
    unrelated: u64,
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
        let details = RunDetails {
            run_id: stored.run_id,
            command: stored.command,
            message: stored.message,
            files: stored.files.loaded,
            refused: stored.files.refused.into_iter().map(|refused| refused.file).collect(),
            accepted: stored.rows.accepted,
            rejected: stored.rows.rejected,
            repeated: stored.rows.repeated,
            outranked: stored.rows.outranked,
            unrelated: stored.rows.unrelated,
            checks: stored.checks.ran,
            checks_failed: stored.checks.failed,
            checks_warned: stored.checks.warned,
            sync_number: stored.sync_number,
            tables: stored.tables,
        };
        Ok(Self {
            started_at: stored.started_at,
            seconds: stored.seconds,
            outcome: stored.outcome,
            details: Some(details),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{"run_id":"r1","started_at":"2024-03-31T01:00:00Z","seconds":1.5,"command":"run","outcome":"failed",
        "message":"secret.csv is empty","files":{"loaded":1,"refused":[{"file":"secret.csv","reason":"empty"}]},
        "rows":{"accepted":12345,"rejected":6,"repaired":0,"repeated":4,"outranked":5,"unrelated":0},"sync_number":7,
        "tables":{"fact_sales":{"inserted":3,"updated":2,"deleted":1}}}"#;

    #[test]
    fn a_record_is_read_as_it_is_kept() {
        let details = RunSummary::from_json(RUN).unwrap().details.unwrap();
        assert_eq!((details.accepted, details.rejected, details.refused), (12_345, 6, vec!["secret.csv".to_owned()]));
        assert_eq!((details.repeated, details.outranked, details.unrelated), (4, 5, 0));
        assert_eq!(details.tables["fact_sales"], Change { inserted: 3, updated: 2, deleted: 1 });
        // Counts of other names are none, which is not the same as zero.
        assert!(RunSummary::from_json(&RUN.replace("inserted", "inserts")).is_err());
    }

    #[test]
    fn who_sees_some_regions_only_sees_no_details() {
        let quality = Quality { runs: vec![RunSummary::from_json(RUN).unwrap()] };
        assert_eq!(quality.seen_by(&Scope::Everything), quality);
        let some = quality.seen_by(&Scope::Regions(["North".to_owned()].into()));
        assert_eq!(
            serde_json::to_string(&some.runs).unwrap(),
            r#"[{"started_at":"2024-03-31T01:00:00Z","seconds":1.5,"outcome":"failed","details":null}]"#
        );
    }
}
