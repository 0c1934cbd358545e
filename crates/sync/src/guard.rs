//! Guards: a delta that would gut the warehouse is stopped, because it is more often an accident than a wish.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::SyncPolicy;
use salesmart_base::count::{RowCounts, counted, grouped};
use salesmart_staging::{ident, idents};

use super::mirror;
use super::prepare::{Prepare, Prepared};
use super::schema::PushTable;

/// Fewer rows than this are never suspicious in a month, or in a table without months: small dimensions change shape.
const HARMLESS: u64 = 100;

/// Why the delta of a table should not be pushed; `None` if nothing speaks against it.
///
/// A table or a month that would be left without a row, as after an empty file in the place of a full one; or more deletes than the
/// policy allows. A row that only moves is no delete: to another month, or to the new key of a renamed member.
pub fn objection(
    conn: &Connection,
    table: &PushTable,
    counts: RowCounts,
    policy: SyncPolicy,
) -> Result<Option<String>> {
    if counts.deleted == 0 {
        return Ok(None);
    }
    let held: u64 = conn.query_row(&format!("select count(*) from {}", table.mirror()), [], |row| row.get(0))?;
    if let Some(objection) = emptied(conn, table, held)? {
        return Ok(Some(objection));
    }
    if table.partition.is_none() && counts.deleted < HARMLESS {
        return Ok(None);
    }
    let logical = idents(&table.logical_key, "");
    let sql = format!(
        "select count(*) from {delta} where _op = 'delete' and ({logical}) not in (select ({logical}) from {delta} where _op = 'insert')",
        delta = table.delta(),
    );
    let deleted: u64 = conn.query_row(&sql, [], |row| row.get(0))?;
    let share_of = |rows: u64| rows as f64 * 100.0 / held.max(1) as f64;
    if share_of(deleted) <= policy.max_delete_pct {
        return Ok(None);
    }
    let lost = deleted - renamed(conn, table, counts, deleted)?;
    let share = share_of(lost);
    Ok((share > policy.max_delete_pct).then(|| {
        format!(
            "this sync would delete {} of the {} rows of {} ({share:.1} %, more than sync.max_delete_pct = {})",
            grouped(lost),
            grouped(held),
            table.target(),
            policy.max_delete_pct
        )
    }))
}

/// A renamed member, such as a region, has a new key. It is told from lost rows by how many rows it takes along: this many at least, on
/// average over the members that leave.
const ROWS_OF_A_MEMBER: u64 = 10;

/// Of the rows that are deleted, those that come back under the key of a renamed member.
///
/// In a table with a key of several columns they are the rows which are inserted with one other value in one of these: all rows of the
/// old member, and all with the same new one. A dimension has one row per member, so there it is as many as come. Of other tables with one
/// key column it is not known.
fn renamed(conn: &Connection, table: &PushTable, counts: RowCounts, deleted: u64) -> Result<u64> {
    if table.logical_key.len() < 2 {
        let is_dimension = table.partition.is_none() && table.name.starts_with("dim_");
        return Ok(if is_dimension { deleted.min(counts.inserted) } else { 0 });
    }
    let mut most = 0;
    for member in &table.logical_key {
        let others: Vec<String> = table.logical_key.iter().filter(|column| *column != member).cloned().collect();
        let (member, others, all, delta) =
            (ident(member), idents(&others, ""), idents(&table.logical_key, ""), table.delta());
        // Rows that only move to another month are in both, and are none of these.
        let sql = format!(
            "with gone as (select {all} from {delta} where _op = 'delete' except select {all} from {delta} where _op = 'insert'),
             come as (select {all} from {delta} where _op = 'insert' except select {all} from {delta} where _op = 'delete'),
             leaving as (select {member} as member, count(*) as rows from gone group by 1),
             pairs as (
                 select g.{member} as old, c.{member} as new, count(*) as rows
                 from gone as g inner join come as c using ({others}) group by 1, 2),
             whole as (
                 select old, any_value(pairs.rows) as rows
                 from pairs inner join leaving on leaving.member is not distinct from old and leaving.rows = pairs.rows group by 1)
             select
                 coalesce((select sum(rows) from whole), 0)::ubigint,
                 (select count(*) from leaving)::ubigint"
        );
        let (rows, members): (u64, u64) = conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if members * ROWS_OF_A_MEMBER <= deleted {
            most = most.max(rows);
        }
    }
    Ok(most.min(deleted))
}

/// Why a sync that knows of a table's rows only what it found there should not delete any, in a warehouse without a list of files: they may
/// be those of files that were archived before the staging file was lost. `None` if nothing speaks against it.
pub fn unlisted(conn: &Connection, prepared: &Prepared) -> Result<Option<String>> {
    if !prepared.files.is_unlisted {
        return Ok(None);
    }
    for Prepare { table, counts, .. } in prepared.changed().filter(|prepared| prepared.counts.deleted > 0) {
        if !mirror::is_pushed(conn, table)? {
            return Ok(Some(format!(
                "this sync would delete {} of {}, and cannot tell whether they are those of files that were archived: the staging file is new \
                 or was lost, and the warehouse was filled by an earlier version, which kept no list of its files; put such files back first",
                counted(counts.deleted, "row"),
                table.target()
            )));
        }
    }
    Ok(None)
}

/// Whether [`objection`] will be raised against a repair that deletes the rows which others added: of a table that holds so many rows,
/// and by month the added rows and all that it holds.
pub fn stops_repair(held: u64, by_month: &[(u64, u64)], has_months: bool, policy: SyncPolicy) -> bool {
    let deleted: u64 = by_month.iter().map(|(added, _)| added).sum();
    let is_emptied = |(added, held): &(u64, u64)| *added == *held && *held >= if has_months { HARMLESS } else { 1 };
    let is_large = has_months || deleted >= HARMLESS;
    deleted > 0
        && (by_month.iter().any(is_emptied)
            || is_large && deleted as f64 * 100.0 / held.max(1) as f64 > policy.max_delete_pct)
}

fn emptied(conn: &Connection, table: &PushTable, held: u64) -> Result<Option<String>> {
    let (mart, mirror, target) = (table.mart(), table.mirror(), table.target());
    let left: u64 = conn.query_row(&format!("select count(*) from {mart}"), [], |row| row.get(0))?;
    if left == 0 {
        let held = grouped(held);
        return Ok(Some(format!("this sync would leave {target} without a row, where {held} are; is a source empty?")));
    }
    if table.partition.is_none() {
        return Ok(None);
    }
    let month = table.mart_partition();
    let sql = format!(
        "select string_agg(month::varchar, ', ' order by month) from (
             select {month} as month from {mirror} group by 1 having count(*) >= {HARMLESS}
             except select distinct {month} from {mart})",
    );
    let months: Option<String> = conn.query_row(&sql, [], |row| row.get(0))?;
    Ok(months.map(|months| format!("this sync would leave {target} without a row in {months}; is a file empty?")))
}
