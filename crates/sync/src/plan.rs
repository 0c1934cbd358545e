//! The plan of a sync: what it would do, by table and month, with the effect on money and some rows. It can be kept in a file, and a
//! sync can be held to it.

mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use postgres::{Client, Transaction};
use salesmart_base::config::SyncPolicy;
use salesmart_base::count::RowCounts;
use salesmart_base::event::{Progress, Silent};
use salesmart_base::sum::Sum;
use salesmart_base::{fail, whole_file};
use salesmart_staging::{Staging, ident, idents, literal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delta;
use super::guard;
use super::ledger::Head;
use super::prepare::{Prepare, Prepared};
use super::schema::{Column, Kind, PushTable};
use super::send::{Part, Sender};

/// The form of the file; one of another form is refused.
const FORMAT: u32 = 1;

/// What a sync would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The form of this document.
    pub format: u32,
    /// The sync that the warehouse is at; none if nothing was ever pushed.
    pub after: Option<Head>,
    /// The tables that change.
    pub tables: Vec<TablePlan>,
    /// Why the sync would stop unless deletes are allowed.
    pub objections: Vec<String>,
    /// Why the sync would stop in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    /// Its name.
    pub table: String,
    /// All its rows that change.
    #[serde(flatten)]
    pub counts: RowCounts,
    /// The column whose change is given: `revenue`, else the first decimal; none if there is none.
    pub money: Option<String>,
    /// The months that change; a table without months has one entry.
    pub months: Vec<MonthPlan>,
    /// Some of the rows.
    pub samples: Vec<Sample>,
    /// Stands for all rows: key, operation and content.
    pub digest: String,
}

/// One month of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthPlan {
    /// yyyymm; none in a table without months.
    pub month: Option<i32>,
    /// Its rows that change.
    #[serde(flatten)]
    pub counts: RowCounts,
    /// By how much the sum of the money column changes, exact.
    pub change: Option<Sum>,
}

/// A row that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// `insert`, `update` or `delete`.
    pub op: String,
    /// The mart's key.
    pub key: BTreeMap<String, Value>,
    /// The row that PostgreSQL holds.
    pub before: Option<serde_json::Map<String, Value>>,
    /// The row of the mart.
    pub after: Option<serde_json::Map<String, Value>>,
}

impl Plan {
    /// Looks up what a prepared sync would do, with up to `samples` rows per table and operation. Writes nothing to PostgreSQL
    /// but temporary tables that go at once.
    pub fn new(
        staging: &Staging,
        client: &mut Client,
        prepared: &Prepared,
        policy: SyncPolicy,
        samples: u64,
    ) -> Result<Self> {
        let conn = staging.conn();
        let progress = Progress::default();
        let sender = Sender::new(staging, &progress, &Silent);
        let mut transaction = client.transaction()?;
        let mut tables = Vec::new();
        let mut objections: Vec<String> = guard::unlisted(conn, prepared)?.into_iter().collect();
        let refusal = prepared.files.objection().filter(|_| prepared.changed().next().is_some());
        for Prepare { table, counts, .. } in prepared.changed() {
            objections.extend(guard::objection(conn, table, *counts, policy)?);
            if counts.updated + counts.deleted > 0 {
                send_keys(&mut transaction, &sender, table)?;
            }
            let money = money(table);
            tables.push(TablePlan {
                table: table.name.clone(),
                counts: *counts,
                money: money.map(|column| column.name.clone()),
                months: months(conn, &mut transaction, table, *counts, money)?,
                samples: sample::rows(conn, &mut transaction, table, *counts, samples)?,
                digest: delta::digest(conn, table)?,
            });
        }
        transaction.rollback()?;
        Ok(Self { format: FORMAT, after: prepared.head.clone(), tables, objections, refusal })
    }

    /// Reads a plan that was saved.
    ///
    /// # Errors
    /// No such file, or one that is no plan.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => fail!("cannot read the plan {shown}: {error}; make one with `salesmart plan --out FILE`"),
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(plan) if plan.format == FORMAT => Ok(plan),
            Ok(plan) => fail!("{shown} is a plan of form {}; this program writes and reads form {FORMAT}", plan.format),
            Err(error) => {
                fail!("{shown} is not a plan of salesmart: {error}; make one with `salesmart plan --out FILE`")
            }
        }
    }

    /// Saves it. The file is whole or not there.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        match whole_file::write(path, text) {
            Ok(()) => Ok(()),
            Err(error) => fail!("cannot write the plan {}: {error}", path.display()),
        }
    }

    /// Holds a prepared sync to this plan.
    ///
    /// # Errors
    /// The warehouse or the marts are not what they were when the plan was made.
    pub fn hold(&self, conn: &Connection, prepared: &Prepared) -> Result<()> {
        if self.after != prepared.head {
            let name = |head: &Option<Head>| match head {
                Some(head) => format!("sync {}", head.number),
                None => "no sync at all".to_owned(),
            };
            fail!(
                "the plan was made after {}, and the warehouse is at {}, so nothing was changed; look at a new `salesmart plan`",
                name(&self.after),
                name(&prepared.head)
            );
        }
        let mut moved = Vec::new();
        for prepared in &prepared.tables {
            let table = &prepared.table;
            let planned = self.tables.iter().find(|planned| planned.table == table.name);
            let is_as_planned = match planned {
                None => prepared.counts.total() == 0,
                Some(planned) => prepared.counts == planned.counts && delta::digest(conn, table)? == planned.digest,
            };
            if !is_as_planned {
                let counts = planned.map_or_else(RowCounts::default, |planned| planned.counts);
                moved.push(format!(
                    "{}: the plan has {}, and now there are {}",
                    table.name,
                    counts,
                    if counts == prepared.counts { "others".to_owned() } else { prepared.counts.to_string() }
                ));
            }
        }
        for planned in &self.tables {
            if !prepared.push_tables().any(|table| table.name == planned.table) {
                moved.push(format!("{}: there is no such mart any more", planned.table));
            }
        }
        match moved.is_empty() {
            true => Ok(()),
            false => fail!(
                "this is not what was planned, so nothing was changed; look at a new `salesmart plan`:\n  {}",
                moved.join("\n  ")
            ),
        }
    }

    /// All rows that change.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.counts.total()).sum()
    }
}

/// The column that tells most about a table.
fn money(table: &PushTable) -> Option<&Column> {
    let mut decimals = table.columns.iter().filter(|column| matches!(column.kind, Kind::Numeric(..)));
    let first = decimals.clone().next();
    decimals.find(|column| column.name == "revenue").or(first)
}

/// The temporary table in PostgreSQL with the keys of the rows that are updated or deleted.
fn planned(table: &PushTable) -> String {
    ident(&format!("planned_{}", table.name))
}

fn send_keys(transaction: &mut Transaction<'_>, sender: &Sender<'_>, table: &PushTable) -> Result<()> {
    let (planned, keys) = (planned(table), idents(&table.key, ""));
    transaction.batch_execute(&format!(
        "create temporary table {planned} on commit drop as select {keys} from {} limit 0",
        table.target()
    ))?;
    let part = Part {
        copy: format!("copy {planned} ({keys}) from stdin (format binary)"),
        select: format!("select {keys} from {} where _op <> 'insert'", table.delta()),
        noted: None,
    };
    sender.send_all(transaction, &[part])?;
    Ok(transaction.batch_execute(&format!("analyze {planned}"))?)
}

/// RowCounts per month, and what the money of the rows after is more than that of the rows before. DuckDB takes the difference: columns
/// of `decimal(38, s)` add up to more digits than a `Decimal` has.
fn months(
    conn: &Connection,
    transaction: &mut Transaction<'_>,
    table: &PushTable,
    counts: RowCounts,
    money: Option<&Column>,
) -> Result<Vec<MonthPlan>> {
    let (keys, delta, month) = (idents(&table.key, ""), table.delta(), table.mart_partition());
    let mut sql = format!(
        "with counted as (
             select ({month})::integer as month, count(*) filter (where _op = 'insert') as i,
                 count(*) filter (where _op = 'update') as u, count(*) filter (where _op = 'delete') as d
             from {delta} group by 1)"
    );
    let change = match money {
        None => "null",
        Some(column) => {
            let name = ident(&column.name);
            let before = match counts.updated + counts.deleted {
                0 => Vec::new(),
                _ => money_before(transaction, table, &name)?,
            };
            let values: Vec<String> =
                before.iter().map(|(month, sum)| format!(", ({month}, {})", literal(sum))).collect();
            let scale = if let Kind::Numeric(_, scale) = column.kind { scale } else { 0 };
            sql.push_str(&format!(
                ", after as (
                     select ({month})::integer as month, sum(mart.{name}) as s
                     from {mart} as mart inner join {delta} as delta using ({keys}) where _op <> 'delete' group by 1),
                 before as (
                     select month, s::decimal(38, {scale}) as s from (values (-1, '0'){values}) as v (month, s))",
                mart = table.mart(),
                values = values.concat()
            ));
            "(coalesce(after.s, 0) - coalesce(before.s, 0))::varchar"
        }
    };
    let joins = match money {
        Some(_) => " left join after using (month) left join before using (month)",
        None => "",
    };
    sql.push_str(&format!(" select month, i, u, d, {change} from counted{joins} order by month"));
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_and_then([], |row| -> Result<MonthPlan> {
        Ok(MonthPlan {
            month: table.partition.is_some().then_some(row.get(0)?),
            counts: RowCounts { inserted: row.get(1)?, updated: row.get(2)?, deleted: row.get(3)? },
            change: row.get::<_, Option<String>>(4)?.map(|change| change.parse()).transpose()?,
        })
    })?;
    rows.collect()
}

/// The money of the rows that PostgreSQL holds and that will change, by month. What is no number there counts as nothing.
fn money_before(transaction: &mut Transaction<'_>, table: &PushTable, column: &str) -> Result<Vec<(i32, String)>> {
    let sql = format!(
        "select ({})::integer, coalesce(sum({column}) filter (where abs({column}) < 'infinity'), 0)::text from {} where ({keys}) in (select {keys} from {}) group by 1",
        table.warehouse_partition(),
        table.target(),
        planned(table),
        keys = idents(&table.key, "")
    );
    Ok(transaction.query(&sql, &[])?.iter().map(|row| (row.get(0), row.get(1))).collect())
}
