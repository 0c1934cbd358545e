//! The delta: what has to change in PostgreSQL so that it equals the marts.

use anyhow::Result;
use duckdb::Connection;
use serde::Serialize;

use super::schema::{PushTable, ROW_HASH};
use crate::config::SyncPolicy;
use crate::console::grouped;
use crate::fail;
use crate::staging::{Staging, ident, idents};

/// The size of one table's delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Rows that PostgreSQL does not have.
    pub inserted: u64,
    /// Rows that PostgreSQL has with other values.
    pub updated: u64,
    /// Rows that PostgreSQL has too many.
    pub deleted: u64,
}

impl Counts {
    /// All rows that change.
    pub fn total(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// The table that holds the keys of all rows of a mart that changed since it was pushed last; `None` if that is not
/// known, and all rows have to be compared.
fn unpushed(conn: &Connection, table: &PushTable) -> Result<Option<String>> {
    let sql = "select count(*) > 0 from sync.unpushed join sync.pushed using (table_name) where table_name = ? and since = content";
    let known: bool = conn.query_row(sql, [&table.name], |row| row.get(0))?;
    Ok(known.then(|| format!("unpushed.{}", ident(&table.name))))
}

/// Notes that a mart is pushed as it is now.
pub fn settle(staging: &Staging, table: &PushTable, content: &str) -> Result<()> {
    staging.transaction(|conn| {
        conn.execute("insert or replace into sync.pushed values (?, ?)", [table.name.as_str(), content])?;
        conn.execute("delete from sync.unpushed where table_name = ?", [&table.name])?;
        Ok(conn.execute_batch(&format!("drop table if exists unpushed.{}", ident(&table.name)))?)
    })
}

/// Computes the delta of a table into `sync.delta_<table>` (key, op, row hash) and counts it.
pub fn compute(staging: &Staging, table: &PushTable) -> Result<Counts> {
    let keys = idents(&table.key, "");
    let conn = staging.conn();
    let among = match unpushed(conn, table)? {
        Some(changed) => format!(" semi join (select distinct * from {changed}) as c using ({keys})"),
        None => String::new(),
    };
    let sql = format!(
        "create or replace table {delta} as
         with now as (select {keys}, {hash} as {ROW_HASH} from {mart} as m{among}),
         was as (select {keys}, {ROW_HASH} from {mirror} as m{among})
         select
             {keys},
             case when was.{ROW_HASH} is null then 'insert' when now.{ROW_HASH} is null then 'delete' else 'update' end as _op,
             now.{ROW_HASH} as {ROW_HASH}
         from now full join was using ({keys})
         where now.{ROW_HASH} is distinct from was.{ROW_HASH}",
        delta = table.delta(),
        hash = table.row_hash(),
        mart = table.mart(),
        mirror = table.mirror(),
    );
    conn.execute_batch(&sql)?;
    let counted = format!(
        "select count(*) filter (where _op = 'insert'), count(*) filter (where _op = 'update'), count(*) filter (where _op = 'delete') from {}",
        table.delta()
    );
    Ok(conn.query_row(&counted, [], |row| {
        Ok(Counts { inserted: row.get(0)?, updated: row.get(1)?, deleted: row.get(2)? })
    })?)
}

/// Removes the delta of a table, if there is one.
pub fn discard(conn: &Connection, table: &PushTable) -> Result<()> {
    Ok(conn.execute_batch(&format!("drop table if exists {}", table.delta()))?)
}

/// In a table without partitions, fewer deletes than this are never suspicious: small dimensions change shape.
const HARMLESS_DELETES: u64 = 100;

/// Stops a delta that would gut a table: more deletes than the policy allows. A row that only moves to another
/// partition is not a delete.
pub fn guard(conn: &Connection, table: &PushTable, counts: Counts, policy: SyncPolicy) -> Result<()> {
    if counts.deleted == 0 || (table.partition.is_none() && counts.deleted < HARMLESS_DELETES) {
        return Ok(());
    }
    let logical: Vec<String> = table.logical_key.iter().map(|column| ident(column)).collect();
    let logical = logical.join(", ");
    let sql = format!(
        "select
             (select count(*) from {delta} where _op = 'delete' and ({logical}) not in (select ({logical}) from {delta} where _op = 'insert')),
             (select count(*) from {mirror})",
        delta = table.delta(),
        mirror = table.mirror()
    );
    let (lost, held): (u64, u64) = conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let share = lost as f64 * 100.0 / held.max(1) as f64;
    if share > policy.max_delete_pct {
        fail!(
            "this sync would delete {} of the {} rows of {} ({share:.1} %, more than sync.max_delete_pct = {}); nothing was changed; if that is \
             what you want, run again with --allow-deletes",
            grouped(lost),
            grouped(held),
            table.target(),
            policy.max_delete_pct
        );
    }
    Ok(())
}
