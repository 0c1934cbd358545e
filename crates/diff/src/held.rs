//! What the next sync would change in PostgreSQL: the published marts against the rows that it really holds.
//!
//! As when a mirror is rebuilt, digests per month are compared first, then keys and row hashes of the months that differ; only rows
//! that differ travel. Nothing is written on either side: the staging file is open for reading, and all of the reading in
//! PostgreSQL is one read-only transaction.

use anyhow::Result;
use duckdb::{Connection, appender_params_from_iter};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use salesmart_base::config::Config;
use salesmart_base::event::Observer;
use salesmart_base::fail;
use salesmart_model::Models;
use salesmart_staging::{Staging, ident, idents};
use salesmart_sync::schema::{Column, PushTable, ROW_HASH};
use salesmart_sync::{drift, mirror};
use salesmart_transform::space::Space;
use salesmart_warehouse::Warehouse;

use super::compare::{Sides, Whole, compare};
use super::{Against, ModelDiff, Outcome, State};

/// Rows are asked for by so many keys at a time.
const BATCH: usize = 10_000;

/// Keys and row hashes that PostgreSQL holds in months that differ.
const HELD_KEYS: &str = "temp.main.diff__held_keys";
/// Rows that PostgreSQL holds and the mart does not.
const HELD: &str = "temp.main.diff__held";
/// Rows of the mart that PostgreSQL does not hold.
const OURS: &str = "temp.main.diff__ours";
/// Rows on their way, as text.
const FETCHED: &str = "diff__fetched";

/// Compares the marts named, or all, with what PostgreSQL holds.
pub fn held(config: &Config, names: &[String], limit: u64, observer: &dyn Observer) -> Result<Outcome> {
    let models = Models::load(config)?;
    for name in names {
        if !models.get(name)?.is_pushed() {
            fail!(
                "{name} is not pushed to PostgreSQL; only models in sql/marts are, so compare it with --against published"
            );
        }
    }
    let staging = Staging::open_read_only(config)?;
    let conn = staging.conn();
    let tables = PushTable::all(conn, &models)?;
    let warehouse = Warehouse::open(config, observer)?;
    let mut client = warehouse.connect()?;
    client.batch_execute("begin transaction isolation level repeatable read, read only")?;
    let is_made: bool = client.query_one("select to_regclass('etl.sync_run') is not null", &[])?.get(0);
    if !is_made {
        fail!("{} holds no tables of salesmart yet; run `salesmart sync` first", warehouse.describe());
    }
    let mut outcome =
        Outcome { against: Against::Postgres, complete: true, models: Vec::new(), same: Vec::new(), views: Vec::new() };
    for table in tables.iter().filter(|table| names.is_empty() || names.contains(&table.name)) {
        drift::check(&mut client, table)?;
        match compare_table(conn, &mut client, table, limit)? {
            Some(diff) => outcome.models.push(diff),
            None => outcome.same.push(table.name.clone()),
        }
    }
    client.batch_execute("rollback")?;
    Ok(outcome)
}

/// `None`: there is no difference.
fn compare_table(conn: &Connection, client: &mut Client, table: &PushTable, limit: u64) -> Result<Option<ModelDiff>> {
    let theirs = mirror::warehouse_digests(client, table)?;
    let ours = mirror::mart_digests(conn, table)?;
    let mut parts: Vec<i32> =
        theirs.keys().chain(ours.keys()).filter(|part| theirs.get(part) != ours.get(part)).copied().collect();
    parts.sort_unstable();
    parts.dedup();
    if parts.is_empty() {
        return Ok(None);
    }
    fetch_keys(conn, client, table, &parts)?;
    let keys = idents(&table.key, "");
    let listed: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let in_parts = format!(
        "(select *, {} as _hash from {} where {} in ({}))",
        table.row_hash(),
        table.mart(),
        table.mart_partition(),
        listed.join(", ")
    );
    let on: Vec<String> = table.key.iter().map(|column| format!("o.{} = h.{}", ident(column), ident(column))).collect();
    let is_same = format!("{} and o._hash = h.{ROW_HASH}", on.join(" and "));
    conn.execute_batch(&format!(
        "create or replace temp table {OURS} as select o.* exclude (_hash) from {in_parts} as o anti join {HELD_KEYS} as h on {is_same};
         create or replace temp table {HELD} as select * from {} limit 0",
        table.mart()
    ))?;
    let wanted = format!("select {keys} from {HELD_KEYS} as h anti join {in_parts} as o on {is_same}");
    fetch_rows(conn, client, table, &wanted)?;
    let mart = Space::new(conn)?.published(&table.name);
    let sides = Sides {
        model: &table.name,
        key: &table.logical_key,
        before: Some(HELD),
        after: Some(OURS),
        whole: Whole::After(&mart),
    };
    let diff = compare(conn, &sides, limit)?;
    conn.execute_batch(&format!("drop table {HELD_KEYS}; drop table {HELD}; drop table {OURS}"))?;
    Ok((diff.state != State::Same).then_some(diff))
}

/// Reads key and hash of all rows of some months.
fn fetch_keys(conn: &Connection, client: &mut Client, table: &PushTable, parts: &[i32]) -> Result<()> {
    let columns: Vec<String> = table.key.iter().cloned().chain([ROW_HASH.to_owned()]).collect();
    let texts: Vec<String> = table.key.iter().map(|column| format!("{}::text", ident(column))).collect();
    let sql = format!(
        "select {}, ({})::text from {} where {} = any($1)",
        texts.join(", "),
        table.warehouse_row_hash(),
        table.target(),
        table.warehouse_partition()
    );
    conn.execute_batch(&format!(
        "create or replace temp table {HELD_KEYS} as select {}, cast(null as bigint) as {ROW_HASH} from {} limit 0",
        idents(&table.key, ""),
        table.mart()
    ))?;
    make_fetched(conn, &columns)?;
    let mut appender = conn.appender_to_catalog_and_db(FETCHED, "temp", "main")?;
    let mut rows = client.query_raw(&sql, [&parts])?;
    while let Some(row) = rows.next()? {
        let values: Vec<Option<String>> = (0..columns.len()).map(|index| row.get(index)).collect();
        appender.append_row(appender_params_from_iter(values))?;
    }
    appender.flush()?;
    drop(appender);
    take_fetched(conn, HELD_KEYS, &columns)
}

/// Reads the rows with the keys that a query gives, some keys at a time.
fn fetch_rows(conn: &Connection, client: &mut Client, table: &PushTable, wanted: &str) -> Result<()> {
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let texts: Vec<String> = columns.iter().map(|column| format!("{}::text", ident(column))).collect();
    // Keys travel as arrays of text, and become what they are over there.
    let kind = |name: &String| table.columns.iter().find(|column| column.name == *name).map(|Column { kind, .. }| kind);
    let arrays = table.key.iter().filter_map(kind).enumerate();
    let arrays: Vec<String> = arrays.map(|(index, kind)| format!("${}::text[]::{kind}[]", index + 1)).collect();
    let sql = format!(
        "select {} from {} where ({}) in (select * from unnest({}))",
        texts.join(", "),
        table.target(),
        idents(&table.key, ""),
        arrays.join(", ")
    );
    make_fetched(conn, &columns)?;
    let key_texts: Vec<String> = table.key.iter().map(|column| format!("{}::varchar", ident(column))).collect();
    let mut statement = conn.prepare(&format!("select {} from ({wanted})", key_texts.join(", ")))?;
    let mut keys = statement.query([])?;
    let mut appender = conn.appender_to_catalog_and_db(FETCHED, "temp", "main")?;
    loop {
        let mut batch: Vec<Vec<String>> = vec![Vec::new(); table.key.len()];
        while batch[0].len() < BATCH {
            let Some(row) = keys.next()? else { break };
            for (index, values) in batch.iter_mut().enumerate() {
                values.push(row.get(index)?);
            }
        }
        if batch[0].is_empty() {
            break;
        }
        let mut rows = client.query_raw(&sql, &batch)?;
        while let Some(row) = rows.next()? {
            let values: Vec<Option<String>> = (0..columns.len()).map(|index| row.get(index)).collect();
            appender.append_row(appender_params_from_iter(values))?;
        }
    }
    appender.flush()?;
    drop(appender);
    take_fetched(conn, HELD, &columns)
}

/// A table for rows as text, which DuckDB then casts to the mart's types.
fn make_fetched(conn: &Connection, columns: &[String]) -> Result<()> {
    let declared: Vec<String> = columns.iter().map(|column| format!("{} varchar", ident(column))).collect();
    Ok(conn.execute_batch(&format!("create or replace temp table {FETCHED} ({})", declared.join(", ")))?)
}

fn take_fetched(conn: &Connection, into: &str, columns: &[String]) -> Result<()> {
    let names = idents(columns, "");
    Ok(conn.execute_batch(&format!(
        "insert into {into} ({names}) select {names} from temp.main.{FETCHED}; drop table temp.main.{FETCHED}"
    ))?)
}
