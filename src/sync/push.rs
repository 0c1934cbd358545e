//! The order of a sync: lock, compare ledgers, compute the delta, apply it, remember it.

use std::time::Instant;

use anyhow::Result;
use duckdb::Connection;
use postgres::Client;

use super::apply::{self, Change};
use super::delta::{self, Counts};
use super::ledger::{self, Trust};
use super::mirror;
use super::schema::{PushTable, SCHEMA};
use crate::config::Config;
use crate::console::{Console, Step, grouped};
use crate::model::Models;
use crate::staging::Staging;
use crate::{fail, failpoint};

/// May a sync delete more than the policy allows?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// No.
    Guarded,
    /// Yes, the user said so.
    Allowed,
}

/// How to sync.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The guard.
    pub deletes: Deletes,
    /// Compare with what PostgreSQL really holds, even if the ledger says that the mirror is right.
    pub compare: bool,
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Report {
    /// Tables and their changes, also those without.
    pub tables: Vec<(String, Counts)>,
    /// Number of the ledger row, if anything was pushed.
    pub run_number: Option<i64>,
}

/// Brings PostgreSQL up to date with the published marts.
pub fn run(
    config: &Config,
    staging: &Staging,
    client: &mut Client,
    models: &Models,
    options: Options,
    console: &Console,
) -> Result<Report> {
    let started = Instant::now();
    let conn = staging.conn();
    refuse_unchecked(conn)?;
    ledger::lock(client, console)?;
    let tables = PushTable::all(conn, models)?;
    let mut fits = true;
    for table in &tables {
        table.check(client)?;
        fits &= mirror::fits(conn, table)?;
    }
    warn_of_orphans(client, &tables, console)?;
    let head = ledger::head(client)?;
    let state = ledger::state(conn)?;
    let trust = match options.compare || !fits {
        true => Trust::Nothing,
        false => ledger::trust(head.as_ref(), &state),
    };
    for table in tables.iter().filter(|_| trust != Trust::Nothing) {
        mirror::prepare(conn, table)?;
    }
    match trust {
        Trust::Mirror => {}
        Trust::Pending => {
            console.say("the last sync was committed before it was interrupted; taking note of it");
            mirror::promote(staging, &tables, state.pending.as_deref().unwrap_or_default())?;
        }
        Trust::Nothing => {
            let fetched = mirror::rebuild(staging, client, &tables, head.as_ref().map(|head| head.run_id.as_str()))?;
            if let Some(head) = &head {
                console.say(&format!(
                    "        compared the marts with the warehouse after its sync {}: {} row keys read",
                    head.number,
                    grouped(fetched)
                ));
            }
        }
    }
    let fresh = stale_tables(staging, &tables)?;
    let mut report = Report::default();
    let mut changes = Vec::new();
    for (table, content) in tables.iter().zip(&fresh) {
        let counts = match content {
            Fresh::Pushed => Counts::default(),
            Fresh::Changed(_) => delta::compute(staging, table)?,
        };
        report.tables.push((table.name.clone(), counts));
        if counts.total() == 0 {
            delta::discard(conn, table)?;
            continue;
        }
        if options.deletes == Deletes::Guarded {
            delta::guard(conn, table, counts, config.sync)?;
        }
        changes.push(Change { table, counts });
    }
    if !changes.is_empty() {
        let run_id = uuid::Uuid::now_v7().to_string();
        ledger::begin(conn, &run_id)?;
        failpoint::hit("sync.begun");
        let bar = console.row_counter("sync");
        let applied = apply::apply(client, conn, &changes, head.as_ref(), &run_id, &bar);
        bar.finish_and_clear();
        report.run_number = Some(applied?);
        mirror::promote(staging, &tables, &run_id)?;
        failpoint::hit("sync.promoted");
    }
    for (table, fresh) in tables.iter().zip(&fresh) {
        if let Fresh::Changed(Some(content)) = fresh {
            delta::settle(staging, table, content)?;
        }
    }
    say(&report, started, console);
    Ok(report)
}

/// After a build that left models out, some checks have not looked at the marts: then they may not agree with each other.
fn refuse_unchecked(conn: &Connection) -> Result<()> {
    let mut statement = conn.prepare("select check_name from meta.unchecked order by 1")?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match names.is_empty() {
        true => Ok(()),
        false => fail!(
            "a build that left models out skipped the checks {}, so the marts may not agree with each other; nothing was pushed; run \
             `salesmart build` without a selection first",
            names.join(", ")
        ),
    }
}

/// A table whose mart is gone keeps its rows; whoever removed the mart should know.
fn warn_of_orphans(client: &mut Client, tables: &[PushTable], console: &Console) -> Result<()> {
    let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let rows = client.query(
        "select relname::text from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'p') and not relispartition
           and relname <> all($2) order by 1",
        &[&SCHEMA, &known],
    )?;
    for row in rows {
        let name: String = row.get(0);
        console.warn(&format!(
            "the warehouse table {SCHEMA}.{name} has no mart; its rows stay as they are until a migration drops it"
        ));
    }
    Ok(())
}

/// Is a table's mart the one that was pushed last?
enum Fresh {
    Pushed,
    /// No; the content of its present content.
    Changed(Option<String>),
}

fn stale_tables(staging: &Staging, tables: &[PushTable]) -> Result<Vec<Fresh>> {
    let mut statement = staging.conn().prepare(
        "select models.content, pushed.content from meta.models left join sync.pushed on pushed.table_name = models.name where models.name = ?",
    )?;
    let mut fresh = Vec::with_capacity(tables.len());
    for table in tables {
        let (now, pushed): (Option<String>, Option<String>) =
            statement.query_row([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        fresh.push(match now.is_some() && now == pushed {
            true => Fresh::Pushed,
            false => Fresh::Changed(now),
        });
    }
    Ok(fresh)
}

fn say(report: &Report, started: Instant, console: &Console) {
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
