//! The one transaction that changes PostgreSQL: all tables, totals, ledger, or nothing.
//!
//! The rows of all tables are sent as one sequence of [`steps`], so that those of the next table are ready when PostgreSQL is done
//! with the one before.

use std::cell::Cell;
use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use postgres::{Client, Transaction};
use salesmart_base::count::RowCounts;
use salesmart_base::event::Event;
use salesmart_base::failpoint;

use super::change::Change;
use super::foreign_key::{self, Checks};
use super::foreign_trigger::ForeignTriggers;
use super::ledger::{self, Head};
use super::lock_budget;
use super::schema::PushTable;
use super::send::{Part, Sender};
use super::source_files::SourceFiles;
use super::steps::{self, Step, Triggers};
use super::totals;

/// What one transaction pushes.
pub struct Deltas<'a> {
    /// All pushed tables, also those that do not change.
    pub tables: Vec<&'a PushTable>,
    /// Those that do.
    pub changes: &'a [Change<'a>],
    /// The ledger row that it comes after.
    pub head: Option<&'a Head>,
    /// The id of its own.
    pub run_id: &'a str,
    /// The list of files that is written beside it.
    pub files: &'a SourceFiles,
}

/// Applies all changes and writes the ledger row; returns its number.
pub fn apply(client: &mut Client, sender: &Sender<'_>, deltas: &Deltas<'_>) -> Result<i64> {
    let Deltas { tables, changes, head, run_id, files } = deltas;
    lock_budget::make_room(client, sender.staging.conn(), changes)?;
    let mut transaction = client.transaction()?;
    ledger::ensure_locked(&mut transaction)?;
    let staging = sender.staging;
    let foreign_triggers = ForeignTriggers::find(&mut transaction, tables)?;
    let keys = foreign_key::all(&mut transaction)?;
    let triggers = match foreign_key::may_skip_triggers(&mut transaction)? {
        true => Triggers::Skipped,
        false => Triggers::Kept,
    };
    if triggers == Triggers::Skipped {
        // The triggers look up one row at a time; the checks do the same for all rows at once.
        transaction.batch_execute("set local session_replication_role = replica")?;
    }
    let steps = steps::all(&mut transaction, staging.conn(), changes, &keys, triggers)?;
    let checks = match triggers {
        Triggers::Skipped => Checks::new(changes, &keys),
        Triggers::Kept => Checks::default(),
    };
    send(&mut transaction, sender, &steps, &checks).map_err(|error| match &foreign_triggers {
        Some(triggers) => triggers.name_suspects(error),
        None => error,
    })?;
    tracing::debug!("all rows are there");
    if triggers == Triggers::Skipped {
        // They left with the others.
        for change in *changes {
            failpoint::hit(&format!("sync.before_deletes.{}", change.table.name));
            failpoint::hit(&format!("sync.after_deletes.{}", change.table.name));
        }
    }
    if let Some(triggers) = &foreign_triggers {
        triggers.check(&mut transaction, tables, changes)?;
    }
    totals::compare(&mut transaction, staging, changes, foreign_triggers.as_ref(), |transaction| {
        checks.run(transaction)?;
        tracing::debug!("the foreign keys are checked");
        Ok(())
    })?;
    tracing::debug!("the totals are checked");
    let tables: BTreeMap<&str, RowCounts> =
        changes.iter().map(|change| (change.table.name.as_str(), change.counts)).collect();
    let number = ledger::write(&mut transaction, *head, run_id, &serde_json::to_value(tables)?)?;
    files.write(&mut transaction)?;
    failpoint::hit("sync.before_commit");
    transaction.commit().context("cannot commit the sync; whether it was committed shows when you run again")?;
    failpoint::hit("sync.after_commit");
    tracing::debug!("committed");
    Ok(number)
}

/// Sends the rows of all steps and what the checks ask for, and holds the numbers of rows against those of the deltas.
fn send(transaction: &mut Transaction<'_>, sender: &Sender<'_>, steps: &[Step<'_>], checks: &Checks<'_>) -> Result<()> {
    let parts: Vec<Part<'_>> = steps.iter().map(Step::part).chain(checks.parts()).collect();
    let mut sent: BTreeMap<(&str, steps::Kind), u64> = BTreeMap::new();
    let at = Cell::new("");
    let is_edge = |index: usize, other: Option<usize>| {
        let other = other.and_then(|other| steps.get(other));
        other.is_none_or(|other| other.stage() != steps[index].stage())
    };
    let done = sender.send(
        transaction,
        &parts,
        |transaction, index| {
            let Some(step) = steps.get(index) else {
                at.set(checks.before(transaction, index - steps.len())?);
                return Ok(());
            };
            let (name, stage) = step.stage();
            if is_edge(index, index.checked_sub(1)) {
                sender.observer.observe(&Event::TableStarted { table: name });
                failpoint::hit(&format!("sync.before_{stage}.{name}"));
            }
            at.set(name);
            step.before(transaction)
        },
        |transaction, index, rows| {
            let Some(step) = steps.get(index) else { return Ok(()) };
            let (name, stage) = step.stage();
            step.after(transaction)?;
            *sent.entry((name, step.kind())).or_default() += rows;
            if is_edge(index, Some(index + 1)) {
                failpoint::hit(&format!("sync.after_{stage}.{name}"));
                tracing::debug!("the {stage} of {name} are done");
            }
            Ok(())
        },
    );
    done.with_context(|| format!("cannot push rows of {}", at.get()))?;
    for step in steps {
        let (name, sent) = (step.stage().0, sent.get(&(step.stage().0, step.kind())).copied().unwrap_or_default());
        if sent != step.expected() {
            bail!("cannot push rows of {name}: {sent} of {} rows were sent", step.expected());
        }
    }
    Ok(())
}
