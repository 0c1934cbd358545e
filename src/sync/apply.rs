//! The one transaction that changes PostgreSQL: all tables, totals, ledger, or nothing.
//!
//! New rows go by COPY into their table, and a new month into a table of its own that is then attached. Rows leave by `delete … where
//! (key) in (select …)`. Changed rows leave and come back, where no trigger minds; else they go by COPY into a temporary table, then
//! `insert … select … on conflict`. All of it are statements that a distributed PostgreSQL runs, too.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use duckdb::Connection;
use indicatif::ProgressBar;
use postgres::{Client, Transaction};

use super::delta::{Counts, Extent};
use super::foreign_key::{self, ForeignKey};
use super::ledger::{self, Head};
use super::partition::{self, Detached};
use super::schema::{PushTable, ROW_HASH};
use super::send::{Part, Sender};
use super::totals;
use crate::failpoint;
use crate::staging::{Staging, ident, idents};

/// A table and the size of its delta.
pub struct Change<'a> {
    /// The table.
    pub table: &'a PushTable,
    /// What changes.
    pub counts: Counts,
    /// What of it is in the staging file.
    pub extent: Extent,
    /// All rows of the mart.
    pub held: u64,
    /// The condition that a row's day is one of those from the first to the last that change; none in a table without months.
    pub days: Option<String>,
}

impl Change<'_> {
    /// The table into which the rows are to be noted as they are sent.
    fn noted(&self) -> Option<&PushTable> {
        (self.extent == Extent::Whole).then_some(self.table)
    }

    /// The days as a further condition, so that the other months of the mart, which is sorted by them, are skipped.
    fn and_days(&self) -> String {
        self.days.as_ref().map_or_else(String::new, |days| format!(" and {days}"))
    }
}

/// Applies all changes and writes the ledger row after `head`; returns its number. `bar` counts the rows sent.
pub fn apply(
    client: &mut Client,
    staging: &Staging,
    changes: &[Change<'_>],
    head: Option<&Head>,
    run_id: &str,
    bar: &ProgressBar,
) -> Result<i64> {
    let mut transaction = client.transaction()?;
    let sender = Sender::new(staging, bar);
    let keys = foreign_key::all(&mut transaction)?;
    let set_based = foreign_key::may_skip_triggers(&mut transaction)?;
    if set_based {
        // The triggers look up one row at a time; the same is checked below for all rows at once.
        transaction.batch_execute("set local session_replication_role = replica")?;
    }
    // Referenced tables first, so that their new rows are there for the others.
    let is_referencing = |change: &&Change<'_>| keys.iter().any(|key| key.table == change.table.name);
    let (facts, dimensions): (Vec<_>, Vec<_>) = changes.iter().partition(is_referencing);
    let unchecked: &[ForeignKey] = if set_based { &keys } else { &[] };

    for change in dimensions.iter().chain(&facts) {
        let name = &change.table.name;
        bar.set_message(name.clone());
        failpoint::hit(&format!("sync.before_rows.{name}"));
        let loaded = backfill(&mut transaction, staging.conn(), &sender, change, unchecked)
            .with_context(|| format!("cannot load new months of {name}"))?;
        match set_based {
            true => replace(&mut transaction, &sender, change, &loaded),
            false => insert(&mut transaction, &sender, change, &loaded)
                .and_then(|()| update(&mut transaction, &sender, change)),
        }
        .with_context(|| format!("cannot push rows of {name}"))?;
        failpoint::hit(&format!("sync.after_rows.{name}"));
        tracing::debug!("the new rows of {name} are there");
    }
    for change in facts.iter().chain(&dimensions) {
        let name = &change.table.name;
        failpoint::hit(&format!("sync.before_deletes.{name}"));
        if !set_based {
            delete(&mut transaction, &sender, change).with_context(|| format!("cannot delete rows of {name}"))?;
        }
        failpoint::hit(&format!("sync.after_deletes.{name}"));
    }
    tracing::debug!("the deletes are done");
    if set_based {
        foreign_key::check(&mut transaction, &sender, changes, &keys)?;
        tracing::debug!("the foreign keys are checked");
    }
    for change in changes {
        totals::check(&mut transaction, staging, change.table)?;
        tracing::debug!("the totals of {} are checked", change.table.name);
    }
    let tables: BTreeMap<&str, Counts> =
        changes.iter().map(|change| (change.table.name.as_str(), change.counts)).collect();
    let number = ledger::write(&mut transaction, head, run_id, &serde_json::to_value(tables)?)?;
    failpoint::hit("sync.before_commit");
    transaction.commit().context("cannot commit the sync; whether it was committed shows when you run again")?;
    failpoint::hit("sync.after_commit");
    tracing::debug!("committed");
    Ok(number)
}

/// Months that were loaded whole.
struct Loaded {
    months: BTreeSet<i32>,
    rows: u64,
}

/// Loads the months that PostgreSQL has no partition for: their rows are all new.
fn backfill(
    transaction: &mut Transaction<'_>,
    conn: &Connection,
    sender: &Sender<'_>,
    change: &Change<'_>,
    unchecked: &[ForeignKey],
) -> Result<Loaded> {
    let table = change.table;
    let months = partition::months_written(conn, table, change.extent)?;
    let missing = partition::missing(transaction, table, &months)?;
    let detached: Vec<Detached<'_>> =
        missing.iter().filter_map(|month| Detached::new(table, *month, unchecked.iter())).collect();
    let parts: Vec<Part> = detached
        .iter()
        .zip(&missing)
        .map(|(detached, month)| Part {
            copy: copy_statement(&detached.name(), table),
            // As a range of the column by which the mart is sorted, so that the other months are skipped.
            select: rows_to_send(change, "_op = 'insert'", &table.month_range(*month)),
        })
        .collect();
    let rows = sender.send(
        transaction,
        &parts,
        change.noted(),
        |transaction, index| {
            failpoint::hit(&format!("sync.before_month.{}", missing[index]));
            Ok(transaction.batch_execute(&detached[index].create_statements())?)
        },
        |transaction, index, _| {
            failpoint::hit(&format!("sync.after_month.{}", missing[index]));
            tracing::debug!("the rows of {} are there", missing[index]);
            Ok(transaction.batch_execute(&detached[index].attach_statements())?)
        },
    )?;
    Ok(Loaded { months: missing.into_iter().collect(), rows })
}

/// The temporary table that new and changed rows are copied into.
fn incoming(table: &PushTable) -> String {
    ident(&format!("incoming_{}", table.name))
}

/// The temporary table that the keys of deleted rows are copied into.
pub fn outgoing(table: &PushTable) -> String {
    ident(&format!("outgoing_{}", table.name))
}

/// The statement that takes whole rows in.
pub fn copy_statement(into: &str, table: &PushTable) -> String {
    format!("copy {into} ({}) from stdin (format binary)", idents(&table.column_names(), ""))
}

/// The statement that inserts and updates, leaving rows alone that are right already.
pub fn upsert_statement(table: &PushTable) -> String {
    let columns = table.column_names();
    let rest: Vec<String> = columns.iter().filter(|column| !table.key.contains(column)).cloned().collect();
    let assignments: Vec<String> =
        rest.iter().map(|column| format!("{name} = excluded.{name}", name = ident(column))).collect();
    format!(
        "insert into {target} as held ({names})\nselect {names} from {incoming}\non conflict ({key}) do update set {assignments}\nwhere ({held}) is distinct from ({new})",
        target = table.target(),
        names = idents(&columns, ""),
        incoming = incoming(table),
        key = idents(&table.key, ""),
        assignments = assignments.join(", "),
        held = idents(&rest, "held."),
        new = idents(&rest, "excluded."),
    )
}

/// The statement that deletes.
pub fn delete_statement(table: &PushTable) -> String {
    let keys = idents(&table.key, "");
    format!("delete from {} where ({keys}) in (select {keys} from {})", table.target(), outgoing(table))
}

/// The query for the rows of a mart whose entry in the delta is one of these, and that are so themselves.
fn rows_to_send(change: &Change<'_>, entries: &str, rows: &str) -> String {
    let table = change.table;
    if change.extent == Extent::Whole {
        let columns: Vec<String> = table.columns.iter().map(|column| ident(&column.name)).collect();
        return format!("select {} from {} where {rows}", columns.join(", "), table.mart());
    }
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| match table.key.contains(&column.name) {
            true => ident(&column.name),
            false => format!("mart.{}", ident(&column.name)),
        })
        .collect();
    format!(
        "select {}, delta.{ROW_HASH} from {} as mart inner join {} as delta using ({}) where {entries} and {rows}",
        columns.join(", "),
        table.mart(),
        table.delta(),
        idents(&table.key, "")
    )
}

/// Takes changed and deleted rows out, and puts changed and new ones in. No trigger looks at the rows between the two, so a
/// dimension's row may be away for a moment although facts refer to it. The ledger says that PostgreSQL has none of the new keys;
/// if it has one after all, it refuses.
fn replace(transaction: &mut Transaction<'_>, sender: &Sender<'_>, change: &Change<'_>, loaded: &Loaded) -> Result<()> {
    remove(transaction, sender, change, "_op <> 'insert'", change.counts.updated + change.counts.deleted)?;
    put(transaction, sender, change, "_op <> 'delete'", loaded, change.counts.inserted + change.counts.updated)
}

/// Inserts the new rows.
fn insert(transaction: &mut Transaction<'_>, sender: &Sender<'_>, change: &Change<'_>, loaded: &Loaded) -> Result<()> {
    put(transaction, sender, change, "_op = 'insert'", loaded, change.counts.inserted)
}

/// Copies the rows of a delta that are not loaded yet, and that must be so many with those, into their table.
fn put(
    transaction: &mut Transaction<'_>,
    sender: &Sender<'_>,
    change: &Change<'_>,
    which: &str,
    loaded: &Loaded,
    rows: u64,
) -> Result<()> {
    let table = change.table;
    if rows == loaded.rows {
        return Ok(());
    }
    let others = format!("true{}{}", partition::not_in(&loaded.months, &table.mart_partition()), change.and_days());
    // Rows in the order of the primary key go into its index side by side.
    let select = format!("{} order by {}", rows_to_send(change, which, &others), idents(&table.key, ""));
    let part = Part { copy: copy_statement(&table.target(), table), select };
    let sent = sender.send(transaction, &[part], change.noted(), |_, _| Ok(()), |_, _, _| Ok(()))?;
    match sent + loaded.rows == rows {
        true => Ok(()),
        false => bail!("{} of {rows} rows were sent", sent + loaded.rows),
    }
}

/// Replaces the rows that have other values.
fn update(transaction: &mut Transaction<'_>, sender: &Sender<'_>, change: &Change<'_>) -> Result<()> {
    let table = change.table;
    if change.counts.updated == 0 {
        return Ok(());
    }
    let incoming = incoming(table);
    transaction
        .batch_execute(&format!("create temporary table {incoming} (like {}) on commit drop", table.target()))?;
    let select = rows_to_send(change, "_op = 'update'", &format!("true{}", change.and_days()));
    let sent = sender.send_all(transaction, &[Part { copy: copy_statement(&incoming, table), select }])?;
    if sent != change.counts.updated {
        bail!("{sent} of {} rows to update were sent", change.counts.updated);
    }
    transaction.batch_execute(&upsert_statement(table))?;
    Ok(())
}

/// Deletes the rows that are too many.
fn delete(transaction: &mut Transaction<'_>, sender: &Sender<'_>, change: &Change<'_>) -> Result<()> {
    remove(transaction, sender, change, "_op = 'delete'", change.counts.deleted)
}

/// Deletes the rows of a delta's entries, of which there must be so many.
fn remove(
    transaction: &mut Transaction<'_>,
    sender: &Sender<'_>,
    change: &Change<'_>,
    which: &str,
    rows: u64,
) -> Result<()> {
    let table = change.table;
    if rows == 0 {
        return Ok(());
    }
    let (outgoing, keys) = (outgoing(table), idents(&table.key, ""));
    transaction.batch_execute(&format!(
        "create temporary table {outgoing} on commit drop as select {keys} from {} limit 0",
        table.target()
    ))?;
    let select = format!("select {keys} from {} where {which}", table.delta());
    let copy = format!("copy {outgoing} ({keys}) from stdin (format binary)");
    let sent = sender.send_all(transaction, &[Part { copy, select }])?;
    if sent != rows {
        bail!("{sent} of {rows} keys were sent");
    }
    transaction.batch_execute(&format!("analyze {outgoing}"))?;
    transaction.batch_execute(&delete_statement(table))?;
    Ok(())
}
