//! The mirror: key and row hash of every row that PostgreSQL holds, kept in the staging file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use anyhow::{Result, anyhow};
use duckdb::Connection;
use duckdb::arrow::array::{ArrayRef, StringBuilder};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row};
use salesmart_staging::{Staging, ident, idents};

use super::ledger;
use super::schema::{PushTable, ROW_HASH};

/// Number of rows, sum and exclusive or of their hashes: equal digests mean equal rows.
pub type Digest = (i64, String, i64);

/// Makes an empty mirror of a table, which says which columns the hashes are of.
fn make(conn: &Connection, table: &PushTable) -> Result<()> {
    let (keys, mirror) = (idents(&table.key, ""), table.mirror());
    let sql = format!(
        "create table {mirror} as select {keys}, cast(null as bigint) as {ROW_HASH} from {} limit 0;
         comment on table {mirror} is '{}'",
        table.mart(),
        table.shape().replace('\'', "''")
    );
    Ok(conn.execute_batch(&sql)?)
}

/// Reads from PostgreSQL what tables without a mirror hold: new ones nothing, those of a mart that was away perhaps something.
pub fn fill_missing(staging: &Staging, client: &mut Client, tables: &[PushTable]) -> Result<()> {
    let shapes = shapes(staging.conn())?;
    for table in tables.iter().filter(|table| !shapes.contains_key(&table.name)) {
        staging.transaction(|conn| {
            make(conn, table)?;
            rebuild_one(conn, client, table)?;
            let is_new: bool =
                conn.query_row(&format!("select not exists (from {})", table.mirror()), [], |row| row.get(0))?;
            match is_new {
                true => Ok(()),
                false => note_observed(conn, table),
            }
        })?;
    }
    Ok(())
}

/// Notes that the mirror of a table was read from PostgreSQL and nothing pushed since: it may hold what others did there.
pub fn note_observed(conn: &Connection, table: &PushTable) -> Result<()> {
    conn.execute("insert or replace into sync.observed values (?)", [&table.name])?;
    conn.execute("delete from sync.pushed where table_name = ?", [&table.name])?;
    Ok(())
}

/// Whether the mirror of a table is what was pushed, and not only what was found.
pub fn is_pushed(conn: &Connection, table: &PushTable) -> Result<bool> {
    let sql = "select count(*) = 0 from sync.observed where table_name = ?";
    Ok(conn.query_row(sql, [&table.name], |row| row.get(0))?)
}

/// Enters a committed delta into the mirror of each table, and settles on its run. One transaction. A delta of another table belongs
/// to a mart that is away; should that come back, PostgreSQL is asked what it holds.
pub fn promote<'a>(staging: &Staging, tables: impl Iterator<Item = &'a PushTable>, run_id: &str) -> Result<()> {
    staging.transaction(|conn| {
        let (shapes, mut deltas) = (shapes(conn)?, deltas(conn)?);
        for table in tables {
            if !deltas.remove(&table.delta_name()) || !shapes.contains_key(&table.name) {
                continue;
            }
            let (mirror, delta, keys) = (table.mirror(), table.delta(), idents(&table.key, ""));
            conn.execute_batch(&format!(
                "delete from {mirror} where ({keys}) in (select ({keys}) from {delta} where _op <> 'insert');
                 insert into {mirror} ({keys}, {ROW_HASH}) select {keys}, {ROW_HASH} from {delta} where _op <> 'delete';
                 drop table {delta}"
            ))?;
        }
        for delta in deltas {
            let name = ident(delta.strip_prefix("delta_").unwrap_or(&delta));
            conn.execute_batch(&format!("drop table sync.{}; drop table if exists mirror.{name}", ident(&delta)))?;
        }
        ledger::settle(conn, Some(run_id))
    })
}

/// The deltas that there are, by their tables' names.
fn deltas(conn: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = conn.prepare(
        "select table_name from duckdb_tables()
         where database_name = current_database() and schema_name = 'sync' and starts_with(table_name, 'delta_')",
    )?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The mirrors that there are, and the shapes of the tables that they were made of.
fn shapes(conn: &Connection) -> Result<BTreeMap<String, Option<String>>> {
    let mut statement = conn.prepare(
        "select table_name, comment from duckdb_tables() where database_name = current_database() and schema_name = 'mirror'",
    )?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Whether the mirrors of the tables, where there are some, are of tables of the same columns, types and keys.
pub fn all_fit(conn: &Connection, tables: &[PushTable]) -> Result<bool> {
    let shapes = shapes(conn)?;
    let fits = |table: &PushTable| shapes.get(&table.name).is_none_or(|shape| *shape == Some(table.shape()));
    Ok(tables.iter().all(fits))
}

/// Rebuilds the mirrors from what PostgreSQL holds: hashes are computed anew from its rows, so that a row that was
/// edited there is found even if its stored hash was left alone. Rows travel only for partitions whose digests differ from
/// the marts'.
pub fn rebuild(staging: &Staging, client: &mut Client, tables: &[PushTable], head: Option<&str>) -> Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    staging.transaction(|conn| {
        // Also those of marts that are away: nobody knows what became of their tables.
        for name in shapes(conn)?.keys() {
            conn.execute_batch(&format!("drop table mirror.{}", ident(name)))?;
        }
        for name in deltas(conn)? {
            conn.execute_batch(&format!("drop table sync.{}", ident(&name)))?;
        }
        conn.execute_batch("delete from sync.pushed")?;
        for table in tables {
            make(conn, table)?;
            if let Some((fetched, months)) = rebuild_one(conn, client, table)? {
                rebuilt.fetched += fetched;
                rebuilt.differing.insert(table.name.clone(), months);
            }
            note_observed(conn, table)?;
        }
        ledger::settle(conn, head)
    })?;
    Ok(rebuilt)
}

/// What a rebuild found.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Number of row keys that were read.
    pub fetched: u64,
    /// The months in which mart and warehouse differ, of each table that PostgreSQL has rows of. In all others they are equal.
    pub differing: BTreeMap<String, Vec<i32>>,
}

/// Makes the mirror of a table what PostgreSQL holds; returns the number of rows that were read for it, and the months that differ from
/// the mart's. `None` if PostgreSQL holds nothing.
fn rebuild_one(conn: &Connection, client: &mut Client, table: &PushTable) -> Result<Option<(u64, Vec<i32>)>> {
    let is_empty: bool = client.query_one(&format!("select not exists (select from {})", table.target()), &[])?.get(0);
    if is_empty {
        return Ok(None);
    }
    // PostgreSQL adds its rows up while DuckDB hashes those of the mart, once: what differs is taken out again.
    let (theirs, filled) = thread::scope(|scope| {
        let theirs = scope.spawn(|| warehouse_digests(client, table));
        let filled = fill(conn, table);
        (theirs.join(), filled)
    });
    let theirs = theirs.map_err(|_| anyhow!("the thread that reads PostgreSQL's digests panicked"))??;
    filled?;
    let ours = staged_digests(conn, table, &table.mirror())?;
    let is_same = |part: &i32| ours.get(part) == theirs.get(part);
    let same: Vec<String> = theirs.keys().filter(|part| is_same(part)).map(ToString::to_string).collect();
    let other: Vec<i32> = theirs.keys().filter(|part| !is_same(part)).copied().collect();
    let differing: BTreeSet<i32> = ours.keys().filter(|part| !is_same(part)).chain(&other).copied().collect();
    if same.len() < ours.len() {
        let among = match same.is_empty() {
            true => String::new(),
            false => format!(" where {} not in ({})", table.mart_partition(), same.join(", ")),
        };
        conn.execute_batch(&format!("delete from {}{among}", table.mirror()))?;
    }
    let fetched = if other.is_empty() { 0 } else { fetch(conn, client, table, &other)? };
    Ok(Some((fetched, differing.into_iter().collect())))
}

/// Makes an empty mirror what the mart holds.
fn fill(conn: &Connection, table: &PushTable) -> Result<()> {
    let (keys, hash) = (idents(&table.key, ""), table.row_hash());
    let insert =
        format!("insert into {} ({keys}, {ROW_HASH}) select {keys}, {hash} from {}", table.mirror(), table.mart());
    Ok(conn.execute_batch(&insert)?)
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
    // As ranges of the column by which it is partitioned, so that PostgreSQL leaves the other months alone.
    let sql = format!("select {} from {} where {}", as_text.join(", "), table.target(), table.month_ranges(partitions));
    let declared: Vec<String> = columns.iter().map(|column| format!("{} varchar", ident(column))).collect();
    conn.execute_batch(&format!("create or replace temp table fetched_keys ({})", declared.join(", ")))?;
    let mut appender = conn.appender_to_catalog_and_db("fetched_keys", "temp", "main")?;
    let mut rows = client.query_raw(&sql, [""; 0])?;
    let mut batch = TextBatch::new(&columns);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        batch.push(&row)?;
        count += 1;
        if batch.rows == TextBatch::MOST {
            appender.append_record_batch(batch.take()?)?;
        }
    }
    appender.append_record_batch(batch.take()?)?;
    appender.flush()?;
    Ok(count)
}

/// Rows of texts, for DuckDB a batch at a time: one by one they take three times as long.
struct TextBatch {
    schema: Arc<Schema>,
    columns: Vec<StringBuilder>,
    rows: usize,
}

impl TextBatch {
    /// DuckDB's own size of a batch.
    const MOST: usize = 2048;

    fn new(names: &[String]) -> Self {
        let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let columns = names.iter().map(|_| StringBuilder::new()).collect();
        Self { schema: Arc::new(Schema::new(fields)), columns, rows: 0 }
    }

    fn push(&mut self, row: &Row) -> Result<()> {
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.append_option(row.try_get::<_, Option<&str>>(index)?);
        }
        self.rows += 1;
        Ok(())
    }

    fn take(&mut self) -> Result<RecordBatch> {
        self.rows = 0;
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// Digests of what PostgreSQL holds, by month. The sum is of the hashes of what the rows really hold, the exclusive or of those that are
/// stored with them: PostgreSQL computes an expression as often as it stands in the query, and this one takes 3 µs a row.
pub fn warehouse_digests(client: &mut Client, table: &PushTable) -> Result<BTreeMap<i32, Digest>> {
    let sql = format!(
        "select ({part})::integer, count(*), sum(_hash::numeric)::text, bit_xor({ROW_HASH})
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
