//! What the last runs did, and how fresh the figures are.

use std::collections::BTreeMap;

use axum::routing::get;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::call::{Answered, Call};
use super::endpoint::{Endpoint, schema};
use super::tabular::Table;
use crate::serve::{Health, Problem};
use crate::source::{Change, RunSummary, Scope};

/// What the last runs did.
pub(super) const QUALITY: Endpoint = Endpoint {
    name: "quality",
    title: "Data quality",
    about: "Whether the source can be reached, and the last runs, the newest first: what was loaded, rejected, checked and \
            pushed. Who may see some regions only gets times and outcomes, and `details` are null. A filter is read and \
            said, but runs are all listed. As rows: one per run.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Quality>,
    route: || get(quality),
};

/// How fresh the figures are, and what was done to keep them so.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Quality {
    /// Can the source be reached? If not, figures are those of the last load.
    pub is_reachable: bool,
    /// Since when it cannot be.
    pub unreachable_since: Option<String>,
    /// The last runs, the newest first.
    pub runs: Vec<Run>,
}

/// A run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Run {
    /// When it started, in UTC, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// `succeeded`, `failed`, `skipped` or `interrupted`.
    pub outcome: String,
    /// What it did, for who may see everything.
    pub details: Option<Details>,
}

/// What a run did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Details {
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

async fn quality(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let known = call.seen.app.quality().await?;
    let unreachable_since = match call.seen.app.health() {
        Health::Unreachable { since, .. } => Some(since.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        Health::Reachable | Health::Starting => None,
    };
    let runs = known.runs.iter().map(|run| Run::of(run, call.seen.viewer.scope())).collect();
    let quality = Quality { is_reachable: unreachable_since.is_none(), unreachable_since, runs };
    // Runs come and go without a new load: the content itself is what the answer is kept under.
    let content = serde_json::to_vec(&quality).map_err(Problem::internal)?;
    let name = format!("quality {:?}", &Sha256::digest(content)[..12]);
    call.figures(&name, asked.filter, format, move |_, _| quality, table).await
}

impl Run {
    /// As much of a run as somebody may see.
    fn of(run: &RunSummary, scope: &Scope) -> Self {
        let details = match scope {
            Scope::Everything => Some(Details {
                run_id: run.run_id.clone(),
                command: run.command.clone(),
                message: run.message.clone(),
                files: run.files,
                refused: run.refused.clone(),
                accepted: run.accepted,
                rejected: run.rejected,
                checks: run.checks,
                checks_failed: run.checks_failed.clone(),
                checks_warned: run.checks_warned.clone(),
                sync_number: run.sync_number,
                tables: run.tables.clone(),
            }),
            Scope::Regions(_) => None,
        };
        Self { started_at: run.started_at.clone(), seconds: run.seconds, outcome: run.outcome.clone(), details }
    }
}

/// A row per run; rows pushed are those of all tables, lists are counted.
fn table(quality: &Quality) -> Table {
    fn details(run: &Run) -> Option<&Details> {
        run.details.as_ref()
    }
    let pushed = |run: &Run, count: fn(&Change) -> u64| Some(details(run)?.tables.values().map(count).sum());
    Table::of(&quality.runs)
        .text("started_at", |run| &run.started_at)
        .ratio("seconds", |run| Some(run.seconds))
        .text("outcome", |run| &run.outcome)
        .maybe_text("run_id", |run| details(run).map(|run| run.run_id.as_str()))
        .maybe_text("command", |run| details(run).map(|run| run.command.as_str()))
        .maybe_text("message", |run| details(run)?.message.as_deref())
        .count("files", |run| details(run).map(|run| run.files))
        .count("files_refused", |run| details(run).map(|run| run.refused.len() as u64))
        .count("accepted", |run| details(run).map(|run| run.accepted))
        .count("rejected", |run| details(run).map(|run| run.rejected))
        .count("checks", |run| details(run).map(|run| run.checks))
        .count("checks_failed", |run| details(run).map(|run| run.checks_failed.len() as u64))
        .count("checks_warned", |run| details(run).map(|run| run.checks_warned.len() as u64))
        .count("sync_number", |run| details(run)?.sync_number.and_then(|number| u64::try_from(number).ok()))
        .count("inserts", |run| pushed(run, |change| change.inserts))
        .count("updates", |run| pushed(run, |change| change.updates))
        .count("deletes", |run| pushed(run, |change| change.deletes))
        .table()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_some_regions_only_sees_no_details() {
        let json = r#"{"run_id":"r1","started_at":"2024-03-31T01:00:00Z","seconds":1.5,"command":"run","outcome":"failed",
            "message":"secret.csv is empty","files":{"loaded":1,"refused":[{"file":"secret.csv"}]},
            "rows":{"accepted":12345,"rejected":6}}"#;
        let run = RunSummary::from_json(json).unwrap();
        let all = serde_json::to_string(&Run::of(&run, &Scope::Everything)).unwrap();
        assert!(all.contains("secret.csv is empty") && all.contains("12345"), "{all}");
        let some = Run::of(&run, &Scope::Regions(["North".to_owned()].into()));
        assert_eq!(
            serde_json::to_string(&some).unwrap(),
            r#"{"started_at":"2024-03-31T01:00:00Z","seconds":1.5,"outcome":"failed","details":null}"#
        );
    }
}
