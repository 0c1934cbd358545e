//! Guards: a delta that would gut the warehouse is stopped, because it is more often an accident than a wish.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::SyncPolicy;
use salesmart_base::count::{RowCounts, counted, grouped};
use salesmart_staging::idents;

use super::prepare::{Prepare, Prepared};
use super::schema::PushTable;
use super::{mirror, renamed_members};

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
    let lost = deleted - renamed_members::rows(conn, table, counts, deleted)?;
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
