//! Rows that a renamed member, such as a region, takes along under its new key: no loss, although they are deleted and inserted.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::RowCounts;
use salesmart_staging::{ident, idents};

use super::schema::PushTable;

/// A renamed member, such as a region, has a new key. It is told from lost rows by how many rows it takes along: this many at least, on
/// average over the members that leave.
const ROWS_OF_A_MEMBER: u64 = 10;

/// Of the rows that are deleted, those that come back under the key of a renamed member.
///
/// In a table with a key of several columns they are the rows which are inserted with one other value in one of these: all rows of the
/// old member, and all with the same new one. A dimension has one row per member, so there it is as many as come. Of other tables with one
/// key column it is not known.
pub fn rows(conn: &Connection, table: &PushTable, counts: RowCounts, deleted: u64) -> Result<u64> {
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
