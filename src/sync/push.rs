//! A sync: what was prepared is guarded, applied in one transaction, and remembered.

use std::time::Instant;

use anyhow::Result;
use postgres::Client;

use super::apply::{self, Change};
use super::delta::{self, Counts, Extent};
use super::ledger::{self, Wait};
use super::prepare::{Compare, Prepared};
use super::{guard, mirror};
use crate::config::Config;
use crate::console::{Console, Step, grouped};
use crate::staging::Staging;
use crate::{fail, failpoint};

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
    pub tables: Vec<(String, Counts)>,
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
    console: &Console,
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
    for change in changes.iter().filter(|_| deletes == Deletes::Guarded) {
        if let Some(objection) = guard::objection(conn, change.table, change.counts, config.sync)? {
            fail!("{objection}; nothing was changed; if that is what you want, run again with --allow-deletes");
        }
    }
    if !changes.is_empty() {
        let run_id = uuid::Uuid::now_v7().to_string();
        ledger::begin(conn, &run_id)?;
        failpoint::hit("sync.begun");
        let bar = console.row_counter("sync");
        let applied = apply::apply(client, staging, &changes, prepared.head.as_ref(), &run_id, &bar);
        bar.finish_and_clear();
        report.run_number = Some(applied?);
        failpoint::hit("sync.before_promote");
        mirror::promote(staging, prepared.push_tables(), &run_id)?;
        failpoint::hit("sync.promoted");
        tracing::debug!("the mirror is up to date");
    }
    let mut pushed = prepared
        .tables
        .iter()
        .filter_map(|prepared| Some((&prepared.table, prepared.unpushed.as_ref()?.content.as_deref()?)))
        .peekable();
    if pushed.peek().is_some() {
        delta::settle(staging, pushed)?;
    }
    failpoint::hit("sync.settled");
    Ok(report)
}

/// Says what was pushed.
pub fn say(report: &Report, started: Instant, console: &Console) {
    let changed: Vec<&(String, Counts)> = report.tables.iter().filter(|(_, counts)| counts.total() > 0).collect();
    for (name, counts) in &changed {
        let parts: Vec<String> =
            [(counts.inserted, "inserted"), (counts.updated, "updated"), (counts.deleted, "deleted")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{} {what}", grouped(*count)))
                .collect();
        console.say(&format!("        {name:<26} {}", parts.join(", ")));
    }
    let total = changed.iter().map(|(_, counts)| counts.total()).sum();
    let (subject, note) = match report.run_number {
        Some(number) => (format!("{} tables", changed.len()), format!("committed as sync {number}")),
        None => ("nothing changed".to_owned(), "no row written".to_owned()),
    };
    console.step(&Step { stage: "sync", subject: &subject, rows: Some(total), elapsed: started.elapsed(), note });
}
