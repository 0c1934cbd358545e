//! Verify: whether PostgreSQL still holds what was pushed there, and if not, which rows others changed, deleted or added.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use postgres::Client;
use salesmart_base::config::SyncPolicy;
use salesmart_base::event::Observer;
use salesmart_base::fail;
use salesmart_model::Models;
use salesmart_staging::{Staging, ident, idents};
use serde::Serialize;

use super::ledger::{self, Wait};
use super::prepare;
use super::schema::{PushTable, ROW_HASH};
use super::{foreign_trigger, guard, mirror};

/// What the warehouse is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// What was pushed, as the staging file remembers it.
    Pushed,
    /// Of some tables at least the marts: the ledger's last sync is not one of this staging file, or the staging file has looked at the
    /// warehouse since and pushed nothing.
    Marts,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was expected.
    pub expected: Expected,
    /// The number of the last sync.
    pub after_sync: Option<i64>,
    /// All rows that PostgreSQL holds.
    pub rows: u64,
    /// All tables.
    pub tables: Vec<TableReport>,
    /// Marts that changed since they were pushed; they are held against what was pushed.
    pub unpushed: Vec<String>,
    /// Checks that have not looked at the marts yet; before they have, nothing is pushed.
    pub unchecked: Vec<String>,
    /// Triggers and rules of others on the tables that differ.
    pub triggers: Vec<String>,
}

/// One table.
#[derive(Debug, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// The months that differ; `null` is a table without months.
    pub months: Vec<MonthReport>,
    /// All rows of it that PostgreSQL holds.
    #[serde(skip)]
    pub held: u64,
}

/// One month of a table.
#[derive(Debug, Serialize)]
pub struct MonthReport {
    /// yyyymm.
    pub month: Option<i32>,
    /// Rows with other values.
    pub changed: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Rows that salesmart did not put there.
    pub added: u64,
    /// Some of them.
    pub rows: Vec<Row>,
    /// Rows of the month that PostgreSQL holds.
    #[serde(skip)]
    pub held: u64,
}

/// A row that differs.
#[derive(Debug, Serialize)]
pub struct Row {
    /// `changed`, `deleted` or `added`.
    pub what: String,
    /// Its key, such as `date_id=20240101, sale_id=17`.
    pub key: String,
}

impl Report {
    /// The tables that differ.
    pub fn differing(&self) -> impl Iterator<Item = &TableReport> {
        self.tables.iter().filter(|table| !table.months.is_empty())
    }

    /// The tables of which a repair deletes so many rows that the guard asks for `--allow-deletes`.
    pub fn guarded(&self, policy: SyncPolicy) -> Vec<&str> {
        let is_guarded = |table: &&TableReport| {
            let by_month: Vec<(u64, u64)> = table.months.iter().map(|month| (month.added, month.held)).collect();
            let has_months = table.months.iter().any(|month| month.month.is_some());
            guard::stops_repair(table.held, &by_month, has_months, policy)
        };
        self.differing().filter(is_guarded).map(|table| table.table.as_str()).collect()
    }

    /// Rows that differ.
    pub fn differences(&self) -> u64 {
        self.differing().flat_map(|table| &table.months).map(|month| month.changed + month.deleted + month.added).sum()
    }
}

/// Compares digests of every month of every table, and the rows of the months that differ, of which up to `limit` are named.
/// The lock is held from here on.
///
/// # Errors
/// A warehouse without rows, of which the staging file does not know that it filled it; and another sync at work.
pub fn run(
    staging: &Staging,
    client: &mut Client,
    models: &Models,
    wait: Wait,
    limit: u64,
    observer: &dyn Observer,
) -> Result<Report> {
    let conn = staging.conn();
    ledger::lock(client, wait, observer)?;
    let tables = prepare::fitting(conn, client, models)?;
    let (head, is_trusted) = prepare::trust(staging, client, &tables, observer)?;
    let mut report = Report {
        expected: Expected::Pushed,
        after_sync: head.map(|head| head.number),
        rows: 0,
        tables: Vec::new(),
        unpushed: Vec::new(),
        unchecked: prepare::unchecked(conn)?,
        triggers: Vec::new(),
    };
    for table in &tables {
        if prepare::unpushed(conn, table)?.is_some() {
            report.unpushed.push(table.name.clone());
        }
        let theirs = mirror::warehouse_digests(client, table)?;
        let held = theirs.values().map(|(count, ..)| count.unsigned_abs()).sum::<u64>();
        report.rows += held;
        // A mirror that was read from PostgreSQL, for a push that did not come about, says nothing of what should be there.
        let relation = match is_trusted && mirror::is_pushed(conn, table)? {
            true => table.mirror(),
            false => {
                report.expected = Expected::Marts;
                mirror::mart_hashes(table)
            }
        };
        let ours = mirror::staged_digests(conn, table, &relation)?;
        let differing: Vec<i32> = theirs
            .keys()
            .chain(ours.keys())
            .filter(|month| theirs.get(month) != ours.get(month))
            .copied()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut months = match differing.is_empty() {
            true => Vec::new(),
            false => compare(conn, client, table, &relation, &differing, limit)?,
        };
        for month in &mut months {
            month.held = theirs.get(&month.month.unwrap_or_default()).map_or(0, |(count, ..)| count.unsigned_abs());
        }
        report.tables.push(TableReport { table: table.name.clone(), months, held });
    }
    let differing: Vec<&PushTable> =
        tables.iter().filter(|table| report.differing().any(|found| found.table == table.name)).collect();
    report.triggers = foreign_trigger::names(client, &differing)?;
    if report.expected == Expected::Marts && report.rows == 0 && report.differences() > 0 {
        fail!(
            "the warehouse holds no rows at all: nothing was pushed yet, or everything is gone; `salesmart sync` fills it"
        );
    }
    Ok(report)
}

/// The table of the rows that differ: key, month, what, and the hash that PostgreSQL has.
fn found(table: &PushTable) -> String {
    format!("temp.main.{}", ident(&format!("verified_{}", table.name)))
}

fn compare(
    conn: &Connection,
    client: &mut Client,
    table: &PushTable,
    expected: &str,
    months: &[i32],
    limit: u64,
) -> Result<Vec<MonthReport>> {
    mirror::fetch_keys(conn, client, table, months)?;
    let keys = idents(&table.key, "");
    let list: Vec<String> = months.iter().map(ToString::to_string).collect();
    // An empty relation with the mart's types gives the keys theirs.
    conn.execute_batch(&format!(
        "create or replace temp table held_keys as select {keys}, {ROW_HASH} from {expected} limit 0;
         insert into temp.main.held_keys ({keys}, {ROW_HASH}) select {keys}, {ROW_HASH} from {fetched};
         create or replace temp table {found} as
         with expected as (select {keys}, {ROW_HASH} from {expected} where {part} in ({months}))
         select {keys}, {part} as _month, held.{ROW_HASH} as _held,
             case when held.{ROW_HASH} is null then 'deleted' when expected.{ROW_HASH} is null then 'added' else 'changed' end as _what
         from expected full join temp.main.held_keys as held using ({keys})
         where expected.{ROW_HASH} is distinct from held.{ROW_HASH};
         drop table temp.main.held_keys; drop table {fetched}",
        fetched = mirror::FETCHED,
        found = found(table),
        part = table.mart_partition(),
        months = list.join(", "),
    ))?;
    let shown: Vec<String> = table
        .logical_key
        .iter()
        .map(|column| format!("'{}=' || coalesce({}::varchar, 'null')", column.replace('\'', "''"), ident(column)))
        .collect();
    let sql = format!(
        "select _month::integer, _what, {}, count(*) over (partition by _month, _what) from {}
         qualify row_number() over (partition by _month, _what order by {keys}) <= greatest({limit}, 1) order by _month, _what, {keys}",
        shown.join(" || ', ' || "),
        found(table)
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut reports: BTreeMap<i32, MonthReport> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (month, what, key, count): (i32, String, String, u64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let report = reports.entry(month).or_insert_with(|| MonthReport {
            month: table.partition.is_some().then_some(month),
            changed: 0,
            deleted: 0,
            added: 0,
            rows: Vec::new(),
            held: 0,
        });
        match what.as_str() {
            "changed" => report.changed = count,
            "deleted" => report.deleted = count,
            _ => report.added = count,
        }
        if limit > 0 {
            report.rows.push(Row { what, key });
        }
    }
    Ok(reports.into_values().collect())
}

/// Notes in the mirror what PostgreSQL really holds of the rows that were found, so that the next sync puts just those right.
///
/// # Errors
/// Marts changed since they were pushed: their rows would go along.
pub fn admit(staging: &Staging, models: &Models, report: &Report) -> Result<()> {
    if !report.unpushed.is_empty() {
        fail!(
            "the marts {} hold changes that are not pushed yet, so a repair would push more than what differs; \
             `salesmart sync --full-refresh` pushes both",
            report.unpushed.join(", ")
        );
    }
    let tables = PushTable::all(staging.conn(), models)?;
    staging.transaction(|conn| {
        for table in tables.iter().filter(|table| report.differing().any(|found| found.table == table.name)) {
            let (mirror, found, keys) = (table.mirror(), found(table), idents(&table.key, ""));
            conn.execute_batch(&format!(
                "delete from {mirror} where ({keys}) in (select ({keys}) from {found});
                 insert into {mirror} ({keys}, {ROW_HASH}) select {keys}, _held from {found} where _held is not null"
            ))?;
            mirror::note_observed(conn, table)?;
        }
        Ok(())
    })
}
