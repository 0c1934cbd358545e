//! What a mart holds, and what it should hold by the files alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duckdb::{AccessMode, Config, Connection};
use salesmart_staging::literal;
use serde::{Deserialize, Serialize};

use crate::inputs::Inputs;

/// Columns and their types, as `read_csv` takes them.
const COLUMNS: [(&str, &str); 15] = [
    ("transaction_id", "varchar"),
    ("order_id", "varchar"),
    ("sold_at", "timestamp"),
    ("customer_id", "varchar"),
    ("customer_name", "varchar"),
    ("product_id", "varchar"),
    ("product_name", "varchar"),
    ("category", "varchar"),
    ("region", "varchar"),
    ("city", "varchar"),
    ("store", "varchar"),
    ("quantity", "decimal(18,4)"),
    ("unit_price", "decimal(18,4)"),
    ("revenue", "decimal(18,4)"),
    ("cost", "decimal(18,4)"),
];

/// Counts and sums over a mart; amounts as text, so that no digit is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    lines: u64,
    quantity: String,
    revenue: String,
    cost: String,
    customers: u64,
    products: u64,
    places: u64,
    /// Lines and revenue of the aggregate by day.
    daily: (u64, String),
    /// Lines and revenue of the aggregate by month.
    monthly: (u64, String),
}

impl Totals {
    /// Of a history and the measured day, by a query over the files. The answer is kept beside them.
    pub fn expected(inputs: &Inputs, days: u64, files: &[PathBuf]) -> Result<Self> {
        let note = inputs.note(&format!("totals-{days}.json"));
        if let Some(totals) = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            return Ok(totals);
        }
        let conn = Connection::open_in_memory()?;
        let source = read_csv(files)?;
        // The latest version is the one in the latest file; no file holds two of one line.
        let totals = conn.query_row(
            &format!(
                "with records as (
                     select *, cast(right(parse_filename(filename, true), 10) as date) as day,
                         coalesce(revenue, cast(cast(quantity as decimal(28, 4)) * unit_price as decimal(18, 4))) as amount
                     from {source}
                 ),
                 latest as (
                     select arg_max_null(quantity, day) as quantity, arg_max_null(amount, day) as revenue,
                         arg_max_null(cost, day) as cost
                     from records group by transaction_id
                 )
                 select count(*), sum(quantity)::varchar, sum(revenue)::varchar, sum(cost)::varchar,
                     (select count(distinct customer_id) from records),
                     (select count(distinct product_id) from records),
                     (select count(distinct (region, city, store)) from records),
                     count(*), sum(revenue)::varchar, count(*), sum(revenue)::varchar
                 from latest"
            ),
            [],
            Self::of_row,
        );
        let totals = totals.context("cannot add up the files")?;
        std::fs::write(&note, serde_json::to_string_pretty(&totals)?)
            .with_context(|| format!("cannot write {}", note.display()))?;
        Ok(totals)
    }

    /// Of the models in a database.
    pub fn held(database: &Path) -> Result<Self> {
        let config = Config::default().access_mode(AccessMode::ReadOnly)?;
        let conn = Connection::open_with_flags(database, config)
            .with_context(|| format!("cannot open {}", database.display()))?;
        conn.query_row(
            "select count(*), sum(quantity)::varchar, sum(revenue)::varchar, sum(cost)::varchar,
                 (select count(*) from dim_customer where customer_id <> 0),
                 (select count(*) from dim_product where product_id <> 0),
                 (select count(*) from dim_region where region_id <> 0),
                 (select sum(sale_lines)::bigint from agg_daily_sales),
                 (select sum(revenue)::varchar from agg_daily_sales),
                 (select sum(sale_lines)::bigint from agg_monthly_product),
                 (select sum(revenue)::varchar from agg_monthly_product)
             from fact_sales",
            [],
            Self::of_row,
        )
        .with_context(|| format!("cannot read the models in {}", database.display()))
    }

    fn of_row(row: &duckdb::Row<'_>) -> duckdb::Result<Self> {
        Ok(Self {
            lines: row.get(0)?,
            quantity: row.get(1)?,
            revenue: row.get(2)?,
            cost: row.get(3)?,
            customers: row.get(4)?,
            products: row.get(5)?,
            places: row.get(6)?,
            daily: (row.get(7)?, row.get(8)?),
            monthly: (row.get(9)?, row.get(10)?),
        })
    }
}

/// The work of the process that loads files for dbt, which itself loads none.
pub fn load(database: &Path, files: &[PathBuf]) -> Result<()> {
    let conn = Connection::open(database).with_context(|| format!("cannot open {}", database.display()))?;
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    conn.execute_batch(&format!(
        "create schema if not exists raw;
         create table if not exists raw.sales ({}, _file varchar);
         insert into raw.sales select * exclude (filename), parse_filename(filename) from {}",
        columns.join(", "),
        read_csv(files)?
    ))
    .context("cannot load the files")?;
    conn.close().map_err(|(_, error)| error).with_context(|| format!("cannot close {}", database.display()))
}

fn read_csv(files: &[PathBuf]) -> Result<String> {
    let names = files.iter().map(|file| Ok(literal(&pattern(file)?))).collect::<Result<Vec<_>>>()?;
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("{name}: '{kind}'")).collect();
    Ok(format!(
        "read_csv([{}], header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', filename = true,
             columns = {{{}}})",
        names.join(", "),
        columns.join(", ")
    ))
}

/// `read_csv` takes patterns: brackets in a folder's name must stand for themselves.
fn pattern(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("the path {} is not UTF-8; choose another --dir", path.display()));
    Ok(glob::Pattern::escape(text?))
}
