//! What the last runs did, and how fresh the figures are.

use axum::routing::get;
use salesmart_dashboard::page::Health;
use salesmart_metrics::source::{Change, RunDetails, RunSummary};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::call::{Answered, Call};
use super::endpoint::{Endpoint, schema};
use super::tabular::Table;
use crate::problem::Problem;

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
    pub runs: Vec<RunSummary>,
}

async fn quality(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let runs = call.seen.app.quality(call.seen.viewer.scope()).await?.runs;
    let unreachable_since = match call.seen.app.health() {
        Health::Unreachable { since, .. } => Some(since.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        Health::Reachable | Health::Starting => None,
    };
    let quality = Quality { is_reachable: unreachable_since.is_none(), unreachable_since, runs };
    // Runs come and go without a new load: the content itself is what the answer is kept under.
    let content = serde_json::to_vec(&quality).map_err(Problem::internal)?;
    let name = format!("quality {:?}", &Sha256::digest(content)[..12]);
    call.figures(&name, asked.filter, format, move |_, _| quality, table).await
}

/// A row per run; rows pushed are those of all tables, lists are counted.
fn table(quality: &Quality) -> Table {
    fn details(run: &RunSummary) -> Option<&RunDetails> {
        run.details.as_ref()
    }
    let pushed = |run: &RunSummary, count: fn(&Change) -> u64| Some(details(run)?.tables.values().map(count).sum());
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
        .count("repeated", |run| details(run).map(|run| run.repeated))
        .count("outranked", |run| details(run).map(|run| run.outranked))
        .count("unrelated", |run| details(run).map(|run| run.unrelated))
        .count("checks", |run| details(run).map(|run| run.checks))
        .count("checks_failed", |run| details(run).map(|run| run.checks_failed.len() as u64))
        .count("checks_warned", |run| details(run).map(|run| run.checks_warned.len() as u64))
        .count("sync_number", |run| details(run)?.sync_number.and_then(|number| u64::try_from(number).ok()))
        .count("inserted", |run| pushed(run, |change| change.inserted))
        .count("updated", |run| pushed(run, |change| change.updated))
        .count("deleted", |run| pushed(run, |change| change.deleted))
        .table()
}
