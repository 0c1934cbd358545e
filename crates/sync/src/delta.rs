//! The delta: what has to change in PostgreSQL so that it equals the marts.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::RowCounts;
use salesmart_staging::{Staging, ident, idents};

use super::schema::{PushTable, ROW_HASH};

/// What of a delta is in the staging file before its rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Saved,
    /// Nothing yet: PostgreSQL has none of the table's rows, so that every row of the mart is new, and is noted as it is sent.
    /// Hashing all rows first would keep PostgreSQL waiting.
    Whole,
}

/// The table that holds the keys of all rows of a mart that changed since it was pushed last; `None` if that is not
/// known, and all rows have to be compared.
fn unpushed(conn: &Connection, table: &PushTable) -> Result<Option<String>> {
    let sql = "select count(*) > 0 from sync.unpushed join sync.pushed using (table_name) where table_name = ? and since = content";
    let known: bool = conn.query_row(sql, [&table.name], |row| row.get(0))?;
    Ok(known.then(|| format!("unpushed.{}", ident(&table.name))))
}

/// The condition that a row's day is one of those from the first to the last in a relation; none in a table without months.
pub fn days(conn: &Connection, table: &PushTable, relation: &str) -> Result<Option<String>> {
    let Some(column) = table.partition.as_ref().map(|column| ident(column)) else { return Ok(None) };
    let (first, last): (Option<i64>, Option<i64>) =
        conn.query_row(&format!("select min({column}), max({column}) from {relation}"), [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(first.zip(last).map(|(first, last)| format!("{column} between {first} and {last}")))
}

/// Notes that marts are pushed with these contents.
pub fn settle<'a>(staging: &Staging, pushed: impl Iterator<Item = (&'a PushTable, &'a str)>) -> Result<()> {
    staging.transaction(|conn| {
        for (table, content) in pushed {
            conn.execute("insert or replace into sync.pushed values (?, ?)", [table.name.as_str(), content])?;
            conn.execute("delete from sync.observed where table_name = ?", [&table.name])?;
            conn.execute("delete from sync.unpushed where table_name = ?", [&table.name])?;
            conn.execute_batch(&format!("drop table if exists unpushed.{}", ident(&table.name)))?;
        }
        Ok(())
    })
}

/// Computes the delta of a table into `sync.delta_<table>` (key, op, row hash), unless that can wait, and counts it. With `months`, all
/// rows in others are known to be equal.
pub fn find(conn: &Connection, table: &PushTable, months: Option<&[i32]>) -> Result<(RowCounts, Extent)> {
    let (mart, mirror) = (table.mart(), table.mirror());
    let is_first: bool = conn.query_row(&format!("select not exists (from {mirror})"), [], |row| row.get(0))?;
    if is_first {
        let inserted = conn.query_row(&format!("select count(*) from {mart}"), [], |row| row.get(0))?;
        return Ok((RowCounts { inserted, ..RowCounts::default() }, Extent::Whole));
    }
    Ok((compare(conn, table, months)?, Extent::Saved))
}

/// Saves a delta that consists of all rows of the mart.
pub fn save_whole(conn: &Connection, table: &PushTable) -> Result<()> {
    Ok(conn.execute_batch(&format!("create or replace table {} as {}", table.delta(), whole(table)))?)
}

/// Makes the empty table into which a delta is noted as its rows are sent.
pub fn begin_whole(conn: &Connection, table: &PushTable) -> Result<()> {
    Ok(conn.execute_batch(&format!("create or replace table {} as {} limit 0", table.delta(), whole(table)))?)
}

fn whole(table: &PushTable) -> String {
    let (keys, hash) = (idents(&table.key, ""), table.row_hash());
    format!("select {keys}, 'insert' as _op, {hash} as {ROW_HASH} from {}", table.mart())
}

/// Computes the delta by the mirror, which has rows.
fn compare(conn: &Connection, table: &PushTable, months: Option<&[i32]>) -> Result<RowCounts> {
    let keys = idents(&table.key, "");
    let (delta, mart, mirror, hash) = (table.delta(), table.mart(), table.mirror(), table.row_hash());
    let among = match unpushed(conn, table)? {
        Some(changed) => {
            let days = days(conn, table, &changed)?.map_or_else(String::new, |days| format!(" where {days}"));
            format!(" semi join (select distinct * from {changed}) as c using ({keys}){days}")
        }
        None => months.map_or_else(String::new, |months| format!(" where {}", table.month_ranges(months))),
    };
    conn.execute_batch(&format!(
        "create or replace table {delta} as
         with now as (select {keys}, {hash} as {ROW_HASH} from {mart} as m{among}),
         was as (select {keys}, {ROW_HASH} from {mirror} as m{among})
         select
             {keys},
             case when was.{ROW_HASH} is null then 'insert' when now.{ROW_HASH} is null then 'delete' else 'update' end as _op,
             now.{ROW_HASH} as {ROW_HASH}
         from now full join was using ({keys})
         where now.{ROW_HASH} is distinct from was.{ROW_HASH}"
    ))?;
    let counted = format!(
        "select count(*) filter (where _op = 'insert'), count(*) filter (where _op = 'update'), count(*) filter (where _op = 'delete') from {}",
        table.delta()
    );
    Ok(conn.query_row(&counted, [], |row| {
        Ok(RowCounts { inserted: row.get(0)?, updated: row.get(1)?, deleted: row.get(2)? })
    })?)
}

/// Removes the delta of a table, if there is one.
pub fn discard(conn: &Connection, table: &PushTable) -> Result<()> {
    Ok(conn.execute_batch(&format!("drop table if exists {}", table.delta()))?)
}

/// Number of rows, sum and exclusive or of a hash over key, operation and row hash: equal ones mean the same delta.
pub fn digest(conn: &Connection, table: &PushTable) -> Result<String> {
    let parts: Vec<String> = table
        .key
        .iter()
        .map(|column| format!("coalesce(strlen({0}::varchar)::varchar || ':' || {0}::varchar, '~')", ident(column)))
        .chain(["_op".to_owned(), format!("coalesce({ROW_HASH}::varchar, '~')")])
        .collect();
    let sql = format!(
        "select count(*) || '-' || coalesce(sum(h::hugeint), 0) || '-' || coalesce(bit_xor(h), 0)
         from (select ('0x' || left(md5(concat({})), 16))::ubigint as h from {})",
        parts.join(", '|', "),
        table.delta()
    );
    Ok(conn.query_row(&sql, [], |row| row.get(0))?)
}
