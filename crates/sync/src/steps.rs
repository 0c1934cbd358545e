//! The steps of a sync's transaction that move rows.
//!
//! New rows go by COPY into their table, and a new month into a table of its own that is then attached, unless somebody follows the
//! table's rows. Rows leave by `delete … where (key) in (select …)`. Changed rows leave and come back, where no trigger minds; else they go by COPY into a temporary table, then
//! `insert … select … on conflict`. All of it are statements that a distributed PostgreSQL runs, too.

use std::collections::BTreeSet;

use anyhow::Result;
use duckdb::Connection;
use postgres::Transaction;
use salesmart_base::failpoint;
use salesmart_staging::{ident, idents};

use super::change::Change;
use super::delta::Extent;
use super::followers;
use super::foreign_key::ForeignKey;
use super::partition::{self, Detached};
use super::schema::{PushTable, ROW_HASH};
use super::send::Part;

/// What becomes of the triggers that check foreign keys row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggers {
    /// The login may skip them. Between the leaving of a changed row and its coming back nobody looks, so a dimension's row may
    /// be away for a moment although facts refer to it.
    Skipped,
    /// They look at every row.
    Kept,
}

/// What is counted together: the rows of one kind of step of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rows that come, in new months and in others.
    Come,
    /// Rows that are replaced.
    Replaced,
    /// Keys of rows that leave.
    Leave,
}

/// The rows of one COPY, with what comes before and after it.
pub struct Step<'a> {
    change: &'a Change<'a>,
    work: Work<'a>,
    /// Which entries of the delta.
    entries: &'static str,
    /// Further conditions on the rows.
    rows: String,
    /// How many rows all steps of this kind and table have together.
    expected: u64,
    stage: &'static str,
}

enum Work<'a> {
    /// A month that PostgreSQL has no partition for: its rows are all new.
    Month(i32, Detached<'a>),
    /// Rows go straight into their table. The ledger says that PostgreSQL has none of their keys; if it has one after all, it refuses.
    Come,
    /// Rows take the place of others with the same keys.
    Replace,
    /// Keys arrive, and their rows leave.
    Leave,
}

/// All steps, in their order: tables that others refer to come first, and with triggers leave last.
pub fn all<'a>(
    transaction: &mut Transaction<'_>,
    conn: &Connection,
    changes: &'a [Change<'a>],
    keys: &'a [ForeignKey],
    triggers: Triggers,
) -> Result<Vec<Step<'a>>> {
    let followed = followers::followed(transaction, changes)?;
    let is_referencing = |change: &&Change<'_>| keys.iter().any(|key| key.table == change.table.name);
    let (facts, dimensions): (Vec<_>, Vec<_>) = changes.iter().partition(is_referencing);
    let mut steps = Vec::new();
    for change in dimensions.iter().chain(&facts) {
        let counts = change.counts;
        let (new, new_rows) = match triggers {
            Triggers::Skipped => ("_op <> 'delete'", counts.inserted + counts.updated),
            Triggers::Kept => ("_op = 'insert'", counts.inserted),
        };
        let written = partition::months_written(conn, change.table, change.extent)?;
        let mut missing = partition::missing(transaction, change.table, &written)?;
        if followed.contains(&change.table.name) {
            partition::create_empty(transaction, change.table, &missing)?;
            missing.clear();
        }
        // Where triggers look at the rows, the months have no keys yet that would have them look twice.
        let unchecked = if triggers == Triggers::Skipped { keys } else { &[] };
        for month in &missing {
            let Some(detached) = Detached::new(change.table, *month, unchecked.iter()) else { continue };
            // As a range of the column by which the mart is sorted, so that the other months are skipped.
            let rows = change.table.month_range(*month);
            steps.push(Step::new(change, Work::Month(*month, detached), "_op = 'insert'", rows, new_rows));
        }
        if triggers == Triggers::Skipped && counts.updated + counts.deleted > 0 {
            let leaving = counts.updated + counts.deleted;
            steps.push(Step::new(change, Work::Leave, "_op <> 'insert'", String::new(), leaving));
        }
        let elsewhere = change.table.partition.is_none() || missing.len() < written.len();
        if new_rows > 0 && elsewhere {
            let missing: BTreeSet<i32> = missing.into_iter().collect();
            let others = partition::not_in(&missing, &change.table.mart_partition());
            let rows = format!("true{others}{}", change.and_days());
            steps.push(Step::new(change, Work::Come, new, rows, new_rows));
        }
        if triggers == Triggers::Kept && counts.updated > 0 {
            let rows = format!("true{}", change.and_days());
            steps.push(Step::new(change, Work::Replace, "_op = 'update'", rows, counts.updated));
        }
    }
    if triggers == Triggers::Kept {
        for change in facts.iter().chain(&dimensions).filter(|change| change.counts.deleted > 0) {
            let leave = Step::new(change, Work::Leave, "_op = 'delete'", String::new(), change.counts.deleted);
            steps.push(Step { stage: "deletes", ..leave });
        }
    }
    Ok(steps)
}

impl<'a> Step<'a> {
    fn new(change: &'a Change<'a>, work: Work<'a>, entries: &'static str, rows: String, expected: u64) -> Self {
        Self { change, work, entries, rows, expected, stage: "rows" }
    }

    /// The table, and what of it is being done.
    pub fn stage(&self) -> (&'a str, &'static str) {
        (&self.change.table.name, self.stage)
    }

    /// What its rows are counted with.
    pub fn kind(&self) -> Kind {
        match self.work {
            Work::Month(..) | Work::Come => Kind::Come,
            Work::Replace => Kind::Replaced,
            Work::Leave => Kind::Leave,
        }
    }

    /// How many rows all steps of this kind and table have to send.
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// The COPY.
    pub fn part(&self) -> Part<'a> {
        let (change, table) = (self.change, self.change.table);
        let keys = idents(&table.key, "");
        let rows = || rows_to_send(change, self.entries, &self.rows);
        match &self.work {
            Work::Month(_, detached) => {
                Part { copy: copy_statement(&detached.name(), table), select: rows(), noted: change.noted() }
            }
            // Rows in the order of the primary key go into its index side by side.
            Work::Come => Part {
                copy: copy_statement(&table.target(), table),
                select: format!("{} order by {keys}", rows()),
                noted: change.noted(),
            },
            Work::Replace => Part { copy: copy_statement(&incoming(table), table), select: rows(), noted: None },
            Work::Leave => Part {
                copy: format!("copy {} ({keys}) from stdin (format binary)", outgoing(table)),
                select: format!("select {keys} from {} where {}", table.delta(), self.entries),
                noted: None,
            },
        }
    }

    /// Makes what its rows go into.
    pub fn before(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        let table = self.change.table;
        match &self.work {
            Work::Month(month, detached) => {
                failpoint::hit(&format!("sync.before_month.{month}"));
                transaction.batch_execute(&detached.create_statements())?;
            }
            Work::Come => {}
            Work::Replace => transaction.batch_execute(&format!(
                "create temporary table {} (like {}) on commit drop",
                incoming(table),
                table.target()
            ))?,
            Work::Leave => transaction.batch_execute(&format!(
                "create temporary table {} on commit drop as select {} from {} limit 0",
                outgoing(table),
                idents(&table.key, ""),
                table.target()
            ))?,
        }
        Ok(())
    }

    /// Does what its rows are there for.
    pub fn after(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        let table = self.change.table;
        match &self.work {
            Work::Month(month, detached) => {
                failpoint::hit(&format!("sync.after_month.{month}"));
                transaction.batch_execute(&detached.attach_statements())?;
            }
            Work::Come => {}
            Work::Replace => transaction.batch_execute(&upsert_statement(table))?,
            Work::Leave => {
                let statements = format!("analyze {};\n{}", outgoing(table), delete_statement(table));
                transaction.batch_execute(&statements)?;
            }
        }
        Ok(())
    }
}

/// The temporary table that new and changed rows are copied into.
pub fn incoming(table: &PushTable) -> String {
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
