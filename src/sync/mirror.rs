//! The mirror: key and row hash of every row that PostgreSQL holds, kept in the staging file.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::ledger;
use super::schema::{PushTable, ROW_HASH, columns_of_tables};
use crate::staging::{Staging, ident, idents};

/// Number of rows, sum and exclusive or of their hashes: equal digests mean equal rows.
pub type Digest = (i64, String, i64);

/// Makes the mirror of a table that has none yet: empty.
pub fn prepare(conn: &Connection, table: &PushTable) -> Result<()> {
    let keys = idents(&table.key, "");
    let sql = format!(
        "create table if not exists {} as select {keys}, cast(null as bigint) as {ROW_HASH} from {} limit 0",
        table.mirror(),
        table.mart()
    );
    Ok(conn.execute_batch(&sql)?)
}

/// Enters a committed delta into the mirror of each table, and settles on its run. One transaction.
pub fn promote<'a>(staging: &Staging, tables: impl Iterator<Item = &'a PushTable>, run_id: &str) -> Result<()> {
    staging.transaction(|conn| {
        for table in tables {
            if !delta_exists(conn, table)? {
                continue;
            }
            let (mirror, delta, keys) = (table.mirror(), table.delta(), idents(&table.key, ""));
            conn.execute_batch(&format!(
                "delete from {mirror} where ({keys}) in (select ({keys}) from {delta} where _op <> 'insert');
                 insert into {mirror} ({keys}, {ROW_HASH}) select {keys}, {ROW_HASH} from {delta} where _op <> 'delete';
                 drop table {delta}"
            ))?;
        }
        ledger::settle(conn, Some(run_id))
    })
}

fn delta_exists(conn: &Connection, table: &PushTable) -> Result<bool> {
    let sql = "select count(*) > 0 from duckdb_tables() where schema_name = 'sync' and table_name = ?";
    Ok(conn.query_row(sql, [table.delta_name()], |row| row.get(0))?)
}

/// Whether the mirrors of the tables, where there are some, have the tables' keys: a key may have changed since.
pub fn all_fit(conn: &Connection, tables: &[PushTable]) -> Result<bool> {
    let found = columns_of_tables(conn, "mirror")?;
    let fits = |table: &PushTable| {
        let names = |columns: &Vec<(String, String)>| {
            columns.iter().map(|(name, _)| name.as_str()).eq(table.key.iter().map(String::as_str).chain([ROW_HASH]))
        };
        found.get(&table.name).is_none_or(names)
    };
    Ok(tables.iter().all(fits))
}

/// Rebuilds the mirrors from what PostgreSQL holds: hashes are computed anew from its rows, so that a row that was
/// edited there is found even if its stored hash was left alone. Rows travel only for partitions whose digests differ from
/// the marts'.
pub fn rebuild(staging: &Staging, client: &mut Client, tables: &[PushTable], head: Option<&str>) -> Result<u64> {
    let mut fetched = 0;
    staging.transaction(|conn| {
        conn.execute_batch("delete from sync.pushed")?;
        for table in tables {
            conn.execute_batch(&format!(
                "drop table if exists {}; drop table if exists {}",
                table.mirror(),
                table.delta()
            ))?;
            prepare(conn, table)?;
            fetched += rebuild_one(conn, client, table)?;
        }
        ledger::settle(conn, head)
    })?;
    Ok(fetched)
}

fn rebuild_one(conn: &Connection, client: &mut Client, table: &PushTable) -> Result<u64> {
    let theirs = warehouse_digests(client, table)?;
    if theirs.is_empty() {
        return Ok(0);
    }
    let ours = mart_digests(conn, table)?;
    let same: Vec<String> = theirs
        .iter()
        .filter(|(part, digest)| ours.get(part) == Some(digest))
        .map(|(part, _)| part.to_string())
        .collect();
    let other: Vec<i32> =
        theirs.iter().filter(|(part, digest)| ours.get(part) != Some(digest)).map(|(part, _)| *part).collect();
    let keys = idents(&table.key, "");
    if !same.is_empty() {
        let part = table.mart_partition();
        conn.execute_batch(&format!(
            "insert into {} ({keys}, {ROW_HASH}) select {keys}, {} from {} where {part} in ({})",
            table.mirror(),
            table.row_hash(),
            table.mart(),
            same.join(", ")
        ))?;
    }
    match other.is_empty() {
        true => Ok(0),
        false => fetch(conn, client, table, &other),
    }
}

/// Reads key and hash of the rows of some partitions into the mirror.
fn fetch(conn: &Connection, client: &mut Client, table: &PushTable, partitions: &[i32]) -> Result<u64> {
    let count = fetch_keys(conn, client, table, partitions)?;
    let names = idents(&[table.key.as_slice(), &[ROW_HASH.to_owned()]].concat(), "");
    conn.execute_batch(&format!(
        "insert into {} ({names}) select {names} from {FETCHED}; drop table {FETCHED}",
        table.mirror()
    ))?;
    Ok(count)
}

/// Keys (as text) and row hashes that were read from PostgreSQL.
pub const FETCHED: &str = "temp.main.fetched_keys";

/// Reads key and hash of the rows of some partitions into [`FETCHED`]. Keys travel as text, to be cast back to the mart's types.
pub fn fetch_keys(conn: &Connection, client: &mut Client, table: &PushTable, partitions: &[i32]) -> Result<u64> {
    let columns: Vec<String> = table.key.iter().cloned().chain([ROW_HASH.to_owned()]).collect();
    let as_text: Vec<String> = table
        .key
        .iter()
        .map(|column| format!("{}::text", ident(column)))
        .chain([format!("({})::text", table.warehouse_row_hash())])
        .collect();
    let sql = format!(
        "select {} from {} where {} = any($1)",
        as_text.join(", "),
        table.target(),
        table.warehouse_partition()
    );
    let declared: Vec<String> = columns.iter().map(|column| format!("{} varchar", ident(column))).collect();
    conn.execute_batch(&format!("create or replace temp table fetched_keys ({})", declared.join(", ")))?;
    let mut appender = conn.appender_to_catalog_and_db("fetched_keys", "temp", "main")?;
    let mut rows = client.query_raw(&sql, [&partitions])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let values: Vec<Option<String>> = (0..columns.len()).map(|index| row.get(index)).collect();
        appender.append_row(duckdb::appender_params_from_iter(values))?;
        count += 1;
    }
    appender.flush()?;
    Ok(count)
}

/// Digests of what PostgreSQL holds, by month.
pub fn warehouse_digests(client: &mut Client, table: &PushTable) -> Result<BTreeMap<i32, Digest>> {
    let sql = format!(
        "select ({part})::integer, count(*), sum(_hash::numeric)::text, bit_xor(_hash)
         from (select *, {hash} as _hash from {target}) as held group by 1",
        part = table.warehouse_partition(),
        hash = table.warehouse_row_hash(),
        target = table.target()
    );
    let rows = client.query(&sql, &[])?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect())
}

/// Digests of what the mart holds, by month.
pub fn mart_digests(conn: &Connection, table: &PushTable) -> Result<BTreeMap<i32, Digest>> {
    staged_digests(conn, table, &mart_hashes(table))
}

/// The mart's keys and row hashes, as a relation.
pub fn mart_hashes(table: &PushTable) -> String {
    format!("(select {}, {} as {ROW_HASH} from {})", idents(&table.key, ""), table.row_hash(), table.mart())
}

/// Digests of a relation of keys and row hashes in the staging file, by month.
pub fn staged_digests(conn: &Connection, table: &PushTable, relation: &str) -> Result<BTreeMap<i32, Digest>> {
    let sql = format!(
        "select ({part})::integer, count(*), sum({ROW_HASH}::hugeint)::varchar, bit_xor({ROW_HASH}) from {relation} group by 1",
        part = table.mart_partition(),
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
