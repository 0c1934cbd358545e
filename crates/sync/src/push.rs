//! A sync: what was prepared is guarded, applied in one transaction, and remembered.

use anyhow::Result;
use postgres::Client;
use salesmart_base::config::Config;
use salesmart_base::count::RowCounts;
use salesmart_base::event::{Event, Observer, Progress};
use salesmart_base::{clock, fail, failpoint};
use salesmart_staging::Staging;

use super::apply::{self, Deltas};
use super::change::Change;
use super::delta::{self, Extent};
use super::ledger::{self, Wait};
use super::prepare::{Compare, Prepared};
use super::send::Sender;
use super::{guard, mirror, source_files, statistics};

/// May a sync delete more than the policy allows?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deletes {
    /// No.
    #[default]
    Guarded,
    /// Yes, the user said so.
    Allowed,
}

/// How to sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The guard.
    pub deletes: Deletes,
    /// What to compare with.
    pub compare: Compare,
    /// What to do while another sync is at work.
    pub wait: Wait,
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Report {
    /// Tables and their changes, also those without.
    pub tables: Vec<(String, RowCounts)>,
    /// Number of the ledger row, if anything was pushed.
    pub run_number: Option<i64>,
}

/// Pushes what was prepared.
///
/// # Errors
/// A guard objects, PostgreSQL refuses a statement, or the control totals differ; then nothing was changed.
pub fn push(
    config: &Config,
    staging: &Staging,
    client: &mut Client,
    prepared: &Prepared,
    deletes: Deletes,
    observer: &dyn Observer,
) -> Result<Report> {
    let conn = staging.conn();
    let mut report = Report::default();
    for table in &prepared.tables {
        report.tables.push((table.table.name.clone(), table.counts));
    }
    let changes = prepared
        .changed()
        .map(|prepared| {
            let held =
                conn.query_row(&format!("select count(*) from {}", prepared.table.mart()), [], |row| row.get(0))?;
            let table = &prepared.table;
            let days = match prepared.extent {
                Extent::Saved => delta::days(conn, table, &table.delta())?,
                Extent::Whole => {
                    delta::begin_whole(conn, table)?;
                    None
                }
            };
            Ok(Change { table, counts: prepared.counts, extent: prepared.extent, held, days })
        })
        .collect::<Result<Vec<_>>>()?;
    if let Some(objection) = prepared.files.objection().filter(|_| !changes.is_empty()) {
        fail!("{objection}");
    }
    if deletes == Deletes::Guarded
        && let Some(objection) = guard::unlisted(conn, prepared)?
    {
        fail!("{objection}; nothing was changed; if that is what you want, run again with --allow-deletes");
    }
    let mut objections = Vec::new();
    for change in changes.iter().filter(|_| deletes == Deletes::Guarded) {
        objections.extend(guard::objection(conn, change.table, change.counts, config.sync)?);
    }
    if !objections.is_empty() {
        fail!(
            "{}; nothing was changed; if that is what you want, run again with --allow-deletes",
            objections.join("; ")
        );
    }
    if !changes.is_empty() {
        let run_id = clock::run_id();
        ledger::begin(conn, &run_id)?;
        failpoint::hit("sync.begun");
        let progress = Progress::default();
        observer.observe(&Event::SyncStarted { progress: &progress });
        let sender = Sender::new(staging, &progress, observer);
        let tables = prepared.push_tables().collect();
        let (head, files) = (prepared.head.as_ref(), &prepared.files);
        let deltas = Deltas { tables, changes: &changes, head, run_id: &run_id, files };
        let applied = apply::apply(client, &sender, &deltas);
        observer.observe(&Event::SyncEnded);
        report.run_number = Some(applied?);
        failpoint::hit("sync.before_promote");
        mirror::promote(staging, prepared.push_tables(), &run_id)?;
        failpoint::hit("sync.promoted");
        tracing::debug!("the mirror is up to date");
    } else if prepared.files.has_changed() {
        // Files came or went without effect on any row.
        let mut transaction = client.transaction()?;
        ledger::ensure_locked(&mut transaction)?;
        prepared.files.write(&mut transaction)?;
        transaction.commit()?;
    }
    source_files::settle(conn)?;
    let mut pushed = prepared
        .tables
        .iter()
        .filter_map(|prepared| Some((&prepared.table, prepared.unpushed.as_ref()?.content.as_deref()?)))
        .peekable();
    if pushed.peek().is_some() {
        delta::settle(staging, pushed)?;
    }
    failpoint::hit("sync.settled");
    if !changes.is_empty() {
        statistics::refresh(client, &prepared.tables, observer);
        tracing::debug!("the statistics are up to date");
    }
    Ok(report)
}
