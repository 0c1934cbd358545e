//! The one transaction that changes PostgreSQL: all tables, totals, ledger, or nothing.
//!
//! Every statement has a shape that a distributed PostgreSQL runs too: COPY into a temporary table, then
//! `insert … select … on conflict`, and `delete … where (key) in (select …)`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use duckdb::Connection;
use duckdb::arrow::record_batch::RecordBatch;
use indicatif::ProgressBar;
use postgres::{Client, Transaction};

use super::copy::Encoder;
use super::delta::Counts;
use super::ledger::Head;
use super::schema::{PushTable, ROW_HASH, SCHEMA};
use crate::failpoint;
use crate::failure::Failure;
use crate::staging::{ident, idents};

/// The channel on which a commit is announced; the payload is the run number.
const CHANNEL: &str = "salesmart";

/// A table and the size of its delta.
pub struct Change<'a> {
    /// The table.
    pub table: &'a PushTable,
    /// What changes.
    pub counts: Counts,
}

/// A foreign key of a pushed table.
#[derive(Debug)]
struct ForeignKey {
    table: String,
    columns: Vec<String>,
    target: String,
    target_columns: Vec<String>,
}

/// Applies all changes and writes the ledger row after `head`; returns its number. `bar` counts the rows sent.
pub fn apply(
    client: &mut Client,
    conn: &Connection,
    changes: &[Change<'_>],
    head: Option<&Head>,
    run_id: &str,
    bar: &ProgressBar,
) -> Result<i64> {
    let mut transaction = client.transaction()?;
    let keys = foreign_keys(&mut transaction)?;
    let set_based = may_skip_triggers(&mut transaction)?;
    if set_based {
        // The triggers look up one row at a time; the same is checked below for all rows at once.
        transaction.batch_execute("set local session_replication_role = replica")?;
    }
    // Referenced tables first, so that their new rows are there for the others.
    let is_referencing = |change: &&Change<'_>| keys.iter().any(|key| key.table == change.table.name);
    let (facts, dimensions): (Vec<_>, Vec<_>) = changes.iter().partition(is_referencing);

    for change in &facts {
        make_partitions(&mut transaction, conn, change.table)?;
    }
    for change in dimensions.iter().chain(&facts) {
        bar.set_message(change.table.name.clone());
        upsert(&mut transaction, conn, change, bar)
            .with_context(|| format!("cannot push rows of {}", change.table.name))?;
        failpoint::hit(&format!("sync.upserted.{}", change.table.name));
    }
    for change in facts.iter().chain(&dimensions) {
        delete(&mut transaction, conn, change, bar)
            .with_context(|| format!("cannot delete rows of {}", change.table.name))?;
    }
    if set_based {
        check_foreign_keys(&mut transaction, changes, &keys)?;
    }
    for change in changes {
        check_totals(&mut transaction, conn, change.table)?;
    }
    let number = write_ledger(&mut transaction, changes, head, run_id)?;
    failpoint::hit("sync.before_commit");
    transaction.commit().context("cannot commit the sync; whether it was committed shows when you run again")?;
    failpoint::hit("sync.after_commit");
    Ok(number)
}

/// Makes the monthly partitions that the new rows need.
fn make_partitions(transaction: &mut Transaction<'_>, conn: &Connection, table: &PushTable) -> Result<()> {
    let Some(column) = &table.partition else { return Ok(()) };
    let column = ident(column);
    let mut statement = conn.prepare(&format!(
        "select distinct {column} // 100 as month from {} where _op <> 'delete' order by month",
        table.delta()
    ))?;
    let months: Vec<i32> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for month in months {
        let name = format!("{SCHEMA}.{}", ident(&partition_name(&table.name, month)));
        let exists: bool = transaction.query_one("select to_regclass($1) is not null", &[&name])?.get(0);
        if !exists {
            transaction.batch_execute(&create_partition(table, month))?;
        }
    }
    Ok(())
}

fn partition_name(table: &str, month: i32) -> String {
    format!("{table}_p{month}")
}

/// The statement that makes the partition of a month (yyyymm).
pub fn create_partition(table: &PushTable, month: i32) -> String {
    let next = if month % 100 == 12 { month + 89 } else { month + 1 };
    format!(
        "create table {SCHEMA}.{} partition of {} for values from ({month}01) to ({next}01)",
        ident(&partition_name(&table.name, month)),
        table.target()
    )
}

/// The temporary table that new and changed rows are copied into.
fn incoming(table: &PushTable) -> String {
    ident(&format!("incoming_{}", table.name))
}

/// The temporary table that the keys of deleted rows are copied into.
fn outgoing(table: &PushTable) -> String {
    ident(&format!("outgoing_{}", table.name))
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

fn upsert(transaction: &mut Transaction<'_>, conn: &Connection, change: &Change<'_>, bar: &ProgressBar) -> Result<()> {
    let table = change.table;
    if change.counts.inserted + change.counts.updated == 0 {
        return Ok(());
    }
    let (incoming, names) = (incoming(table), idents(&table.column_names(), ""));
    transaction
        .batch_execute(&format!("create temporary table {incoming} (like {}) on commit drop", table.target()))?;
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let select = format!(
        "select {}, delta.{ROW_HASH} from {} as mart inner join {} as delta using ({}) where delta._op <> 'delete'",
        columns
            .iter()
            .map(|column| if table.key.contains(column) { ident(column) } else { format!("mart.{}", ident(column)) })
            .collect::<Vec<_>>()
            .join(", "),
        table.mart(),
        table.delta(),
        idents(&table.key, "")
    );
    copy(transaction, conn, &format!("copy {incoming} ({names}) from stdin (format binary)"), &select, bar)?;
    transaction.batch_execute(&upsert_statement(table))?;
    Ok(())
}

fn delete(transaction: &mut Transaction<'_>, conn: &Connection, change: &Change<'_>, bar: &ProgressBar) -> Result<()> {
    let table = change.table;
    if change.counts.deleted == 0 {
        return Ok(());
    }
    let (outgoing, keys) = (outgoing(table), idents(&table.key, ""));
    transaction.batch_execute(&format!(
        "create temporary table {outgoing} on commit drop as select {keys} from {} limit 0",
        table.target()
    ))?;
    let select = format!("select {keys} from {} where _op = 'delete'", table.delta());
    copy(transaction, conn, &format!("copy {outgoing} ({keys}) from stdin (format binary)"), &select, bar)?;
    transaction.batch_execute(&delete_statement(table))?;
    Ok(())
}

/// Streams a query's result into a COPY.
fn copy(
    transaction: &mut Transaction<'_>,
    conn: &Connection,
    copy: &str,
    select: &str,
    bar: &ProgressBar,
) -> Result<()> {
    let mut statement = conn.prepare(select)?;
    let batches = statement.stream_arrow([])?;
    let mut encoder = Encoder::new(transaction.copy_in(copy)?);
    for batch in batches {
        let batch: RecordBatch = batch;
        encoder.batch(&batch)?;
        bar.inc(batch.num_rows() as u64);
    }
    encoder.finish()?.finish()?;
    Ok(())
}

/// The foreign keys among the pushed tables. Those of partitions repeat their parent's and are left out.
fn foreign_keys(transaction: &mut Transaction<'_>) -> Result<Vec<ForeignKey>> {
    let rows = transaction.query(
        "select source.relname::text, target.relname::text,
                array(select attname::text from unnest(conkey) with ordinality as k (attnum, place)
                      join pg_attribute as a on a.attrelid = conrelid and a.attnum = k.attnum order by place),
                array(select attname::text from unnest(confkey) with ordinality as k (attnum, place)
                      join pg_attribute as a on a.attrelid = confrelid and a.attnum = k.attnum order by place)
         from pg_constraint
         join pg_class as source on source.oid = conrelid
         join pg_class as target on target.oid = confrelid
         where contype = 'f' and conparentid = 0 and source.relnamespace = to_regnamespace($1)
         order by 1, 2, 3",
        &[&SCHEMA],
    )?;
    let key = |row: &postgres::Row| ForeignKey {
        table: row.get(0),
        target: row.get(1),
        columns: row.get(2),
        target_columns: row.get(3),
    };
    Ok(rows.iter().map(key).collect())
}

/// May this login switch triggers off for its transaction, and are they only the ones that are checked here: no foreign
/// key of another schema, no trigger of somebody else?
fn may_skip_triggers(transaction: &mut Transaction<'_>) -> Result<bool> {
    let sql = "select has_parameter_privilege('session_replication_role', 'set')
        and not exists (
            select from pg_constraint join pg_class on pg_class.oid = conrelid
            where contype = 'f' and confrelid in (select oid from pg_class where relnamespace = to_regnamespace($1))
              and relnamespace <> to_regnamespace($1))
        and not exists (
            select from pg_trigger join pg_class on pg_class.oid = tgrelid
            where not tgisinternal and relnamespace = to_regnamespace($1))";
    Ok(transaction.query_one(sql, &[&SCHEMA])?.get(0))
}

/// Checks what the skipped triggers would have: new rows have their targets, and removed targets have no rows.
fn check_foreign_keys(transaction: &mut Transaction<'_>, changes: &[Change<'_>], keys: &[ForeignKey]) -> Result<()> {
    let changed: BTreeMap<&str, &Change<'_>> =
        changes.iter().map(|change| (change.table.name.as_str(), change)).collect();
    for key in keys {
        let (columns, targets) = (idents(&key.columns, ""), idents(&key.target_columns, ""));
        let mut queries = Vec::new();
        if let Some(change) =
            changed.get(key.table.as_str()).filter(|change| change.counts.inserted + change.counts.updated > 0)
        {
            let present: Vec<String> =
                key.columns.iter().map(|column| format!("{} is not null", ident(column))).collect();
            queries.push(format!(
                "select ({columns})::text from {} where {} and ({columns}) not in (select {targets} from {SCHEMA}.{}) limit 1",
                incoming(change.table),
                present.join(" and "),
                ident(&key.target)
            ));
        }
        if let Some(change) = changed.get(key.target.as_str()).filter(|change| change.counts.deleted > 0) {
            queries.push(format!(
                "select ({columns})::text from {SCHEMA}.{} where ({columns}) in (select {targets} from {}) limit 1",
                ident(&key.table),
                outgoing(change.table)
            ));
        }
        for query in queries {
            if let Some(row) = transaction.query_opt(&query, &[])? {
                let value: String = row.get(0);
                return Err(Failure::new(format!(
                    "rows of {SCHEMA}.{} would have ({columns}) = {value} without a row in {SCHEMA}.{}; nothing was changed; \
                     the check that every key resolves should have stopped this: run `salesmart build --full-refresh`",
                    key.table, key.target
                ))
                .into());
            }
        }
    }
    Ok(())
}

/// Compares rows, hashes and money of the touched partitions with the marts, before anything is committed.
fn check_totals(transaction: &mut Transaction<'_>, conn: &Connection, table: &PushTable) -> Result<()> {
    let sums: Vec<&str> = table.decimals().collect();
    let touched = format!("select distinct {} from {}", table.mart_partition(), table.delta());
    let mut statement = conn.prepare(&touched)?;
    let months: Vec<i32> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let theirs_where = match &table.partition {
        Some(column) => {
            let ranges: Vec<String> =
                months.iter().map(|month| format!("{} between {month}00 and {month}99", ident(column))).collect();
            format!(" where {}", ranges.join(" or "))
        }
        None => String::new(),
    };
    let total = |text: &str, hash: &str, wide: &str| -> String {
        let money: String = sums
            .iter()
            .map(|name| format!(" || ' {name}=' || coalesce(sum({})::{text}, 'none')", ident(name)))
            .collect();
        format!("'rows=' || count(*) || ' hashes=' || coalesce(sum({hash}::{wide})::{text}, 'none'){money}")
    };
    let row = transaction.query_one(
        &format!("select {} from {}{theirs_where}", total("text", ROW_HASH, "numeric"), table.target()),
        &[],
    )?;
    let theirs: String = row.get(0);
    let sql = format!("select {} from {}{theirs_where}", total("varchar", &table.row_hash(), "hugeint"), table.mart());
    let ours: String = conn.query_row(&sql, [], |row| row.get(0))?;
    match ours == theirs {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "the control totals of {} differ before the commit, so nothing was changed:\n  mart:      {ours}\n  warehouse: {theirs}\n\
             somebody else changed the table; `salesmart sync --full-refresh` compares every row and puts this right",
            table.target()
        ))
        .into()),
    }
}

fn write_ledger(
    transaction: &mut Transaction<'_>,
    changes: &[Change<'_>],
    head: Option<&Head>,
    run_id: &str,
) -> Result<i64> {
    let number = head.map_or(1, |head| head.number + 1);
    let tables: BTreeMap<&str, Counts> =
        changes.iter().map(|change| (change.table.name.as_str(), change.counts)).collect();
    transaction.execute(
        "insert into etl.sync_run (run_number, run_id, committed_at, program_version, tables) values ($1, $2, now(), $3, $4)",
        &[&number, &run_id, &env!("CARGO_PKG_VERSION"), &serde_json::to_value(tables)?],
    )?;
    transaction.execute("select pg_notify($1, $2)", &[&CHANNEL, &number.to_string()])?;
    Ok(number)
}
