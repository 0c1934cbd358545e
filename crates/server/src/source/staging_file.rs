//! The models of the staging file as a source of figures. It is opened for each reading and closed again: who builds needs
//! it for himself.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use duckdb::Connection;
use duckdb::arrow::array::{Array, AsArray, RecordBatch};
use duckdb::arrow::datatypes::{Int32Type, Int64Type};
use salesmart_base::config::Config;
use salesmart_base::{fail, failure};
use salesmart_history::local;
use salesmart_metrics::calendar::{date_id, from_date_id};
use salesmart_metrics::cube::{Builder, Cube, Load, Sale};
use salesmart_metrics::filter::Field;
use salesmart_metrics::money::{amount, one, scale};
use salesmart_metrics::source::{Local, Quality, RowsQuery, RunSummary, SaleKey, SaleRow};
use salesmart_staging::relation::{self, Column, named};
use salesmart_staging::{Staging, literal};

/// Runs on the page about quality.
const RUNS: u64 = 200;

/// A staging file that is looked at.
pub struct StagingFile {
    config: Config,
    /// What was there when it could last be read.
    last: Mutex<String>,
}

impl StagingFile {
    /// Looks whether it can be read and has the models.
    pub fn new(config: &Config) -> Result<Self> {
        let staging = Staging::open_read_only(config)?;
        let last = content(staging.conn())?;
        Ok(Self { config: config.clone(), last: Mutex::new(last) })
    }

    /// Its path, as the user would write it.
    pub fn name(&self) -> String {
        self.config.relative(&self.config.staging_file)
    }

    fn open(&self) -> Result<Staging> {
        Staging::open_read_only(&self.config)
    }
}

impl Local for StagingFile {
    fn load_id(&self) -> Result<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match self.open() {
            Ok(staging) => *last = content(staging.conn())?,
            // Somebody builds: until he is done, what was there is there.
            Err(error) if failure::is_overlap(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(last.clone())
    }

    fn load(&self) -> Result<Cube> {
        let staging = self.open()?;
        let conn = staging.conn();
        refuse_more_decimals(conn)?;
        let mut builder = Builder::default();
        read(conn, "select product_id, product_code, product_name, category from dim_product", |row| {
            builder.product(
                row.get(0)?,
                row.get::<_, Option<String>>(1)?.as_deref(),
                &row.get::<_, String>(2)?,
                &row.get::<_, String>(3)?,
            );
            Ok(())
        })?;
        read(conn, "select region_id, region, city, store from dim_region", |row| {
            builder.place(row.get(0)?, &row.get::<_, String>(1)?, &row.get::<_, String>(2)?, &row.get::<_, String>(3)?);
            Ok(())
        })?;
        let customers =
            "select customer_id, customer_code, customer_name, recency_score, frequency_score, monetary_score, segment
                         from dim_customer";
        read(conn, customers, |row| {
            let scores =
                match (row.get::<_, Option<u8>>(3)?, row.get::<_, Option<u8>>(4)?, row.get::<_, Option<u8>>(5)?) {
                    (Some(recency), Some(frequency), Some(monetary)) => Some([recency, frequency, monetary]),
                    _ => None,
                };
            let (code, name, segment): (Option<String>, String, String) = (row.get(1)?, row.get(2)?, row.get(6)?);
            builder.customer(row.get(0)?, code.as_deref(), &name, scores, &segment);
            Ok(())
        })?;
        let mut sales = conn.prepare(&format!(
            "select date_id, product_id, customer_id, region_id, order_key, {}, is_return from fact_sales",
            ["coalesce(quantity, 0)", "discount_amount", "revenue", "profit"].map(units).join(", ")
        ))?;
        for batch in sales.query_arrow([])? {
            add(&mut builder, &batch)?;
        }
        builder.finish(Load { id: content(conn)?, committed_at: None })
    }

    fn quality(&self) -> Result<Quality> {
        let staging = self.open()?;
        let runs = local::newest(staging.conn(), RUNS)?;
        let runs = runs.iter().map(|run| RunSummary::from_json(&run.json()?.to_string())).collect::<Result<_>>()?;
        Ok(Quality { runs })
    }

    fn rows(&self, query: &RowsQuery) -> Result<Vec<SaleRow>> {
        let staging = self.open()?;
        refuse_more_decimals(staging.conn())?;
        let mut rows = Vec::new();
        read(staging.conn(), &sales(query), |row| {
            let key = SaleKey { date_id: row.get(0)?, sale_id: row.get(1)? };
            rows.push(SaleRow {
                key,
                date: from_date_id(key.date_id).ok_or_else(|| anyhow!("{} is no day", key.date_id))?,
                transaction_id: row.get(2)?,
                order_id: row.get(3)?,
                product_code: row.get(4)?,
                product_name: row.get(5)?,
                category: row.get(6)?,
                customer_code: row.get(7)?,
                customer_name: row.get(8)?,
                segment: row.get(9)?,
                region: row.get(10)?,
                city: row.get(11)?,
                store: row.get(12)?,
                quantity: row.get::<_, Option<i64>>(13)?.map(amount),
                unit_price: row.get::<_, Option<i64>>(14)?.map(amount),
                discount_amount: amount(row.get::<_, i64>(15)?),
                revenue: amount(row.get::<_, i64>(16)?),
                cost: row.get::<_, Option<i64>>(17)?.map(amount),
                profit: row.get::<_, Option<i64>>(18)?.map(amount),
                is_return: row.get(19)?,
            });
            Ok(())
        })?;
        Ok(rows)
    }
}

/// What the models hold, in one word: it changes whenever a row of theirs does.
fn content(conn: &Connection) -> Result<String> {
    let sql = "select coalesce(md5(string_agg(name || content, ',' order by name)), 'empty') from meta.models";
    conn.query_row(sql, [], |row| row.get(0)).context("nothing is built yet; `salesmart build` first")
}

fn read(conn: &Connection, sql: &str, mut each: impl FnMut(&duckdb::Row<'_>) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

fn add(builder: &mut Builder, batch: &RecordBatch) -> Result<()> {
    let long = |column: usize| batch.column(column).as_primitive::<Int64Type>();
    let (days, is_return) = (batch.column(0).as_primitive::<Int32Type>(), batch.column(9).as_boolean());
    let (products, customers, places, orders) = (long(1), long(2), long(3), long(4));
    let (quantity, discount, revenue, profit) = (long(5), long(6), long(7), long(8));
    for row in 0..batch.num_rows() {
        builder.sale(&Sale {
            day: from_date_id(days.value(row)).ok_or_else(|| anyhow!("{} is no day", days.value(row)))?,
            product_id: products.value(row),
            customer_id: customers.value(row),
            region_id: places.value(row),
            order_key: orders.value(row),
            quantity: quantity.value(row),
            discount: discount.value(row),
            revenue: revenue.value(row),
            profit: profit.is_valid(row).then(|| profit.value(row)),
            is_return: is_return.value(row),
        })?;
    }
    Ok(())
}

/// Sale lines by key, as the warehouse gives them.
fn sales(query: &RowsQuery) -> String {
    let columns = ["region", "city", "store", "category", "coalesce(product_code, 'unknown')", "segment"];
    let restricted: String = Field::ALL
        .iter()
        .zip(columns)
        .filter(|(field, _)| !query.filter.names(**field).is_empty())
        .map(|(field, column)| {
            let names: Vec<String> = query.filter.names(*field).iter().map(|name| literal(name)).collect();
            format!(" and {column} in ({})", names.join(", "))
        })
        .collect();
    let after = query.after.unwrap_or(SaleKey { date_id: 0, sale_id: 0 });
    format!(
        "select date_id, sale_id, transaction_id, order_id, product_code, product_name, category, customer_code, customer_name,
             segment, region, city, store, {}, is_return
         from fact_sales
         inner join dim_product using (product_id)
         inner join dim_customer using (customer_id)
         inner join dim_region using (region_id)
         where date_id between {} and {} and (date_id > {} or date_id = {} and sale_id > {}){restricted}
         order by date_id, sale_id
         limit {}",
        AMOUNTS.map(units).join(", "),
        date_id(query.range.from),
        date_id(query.range.to),
        after.date_id,
        after.date_id,
        after.sale_id,
        query.limit
    )
}

/// The columns of money and quantity.
const AMOUNTS: [&str; 6] = ["quantity", "unit_price", "discount_amount", "revenue", "cost", "profit"];

/// Holds the models to the decimals of an amount: the cast of [`units`] would round what has more, unsaid. A column that is declared with
/// no more is not looked at.
fn refuse_more_decimals(conn: &Connection) -> Result<()> {
    let columns = relation::columns(conn, "fact_sales")?;
    let decimals = scale();
    let is_wide =
        |name: &&str| named(&columns, name).and_then(Column::scale).is_some_and(|scale| u32::from(scale) > decimals);
    for name in AMOUNTS.into_iter().filter(is_wide) {
        let sql = format!("select max({name})::varchar from fact_sales where {name} <> round({name}, {decimals})");
        if let Some(value) = conn.query_row(&sql, [], |row| row.get::<_, Option<String>>(0))? {
            fail!(
                "fact_sales.{name} holds {value}, and a dashboard has {decimals} decimals; round it in the model, or set [money] scale in salesmart.toml"
            );
        }
    }
    Ok(())
}

/// A column of money or quantity in the smallest units of an amount, a whole number. What times that has more than the 18 digits of the
/// narrow type goes through the wide one, which takes a hundred times as long: 2 s for 1,000,000 values.
fn units(column: &str) -> String {
    let scaled =
        |precision: u8| format!("cast(cast({column} as decimal({precision}, {})) * {} as bigint)", scale(), one());
    let narrow = 10_i64.pow(17 - 2 * scale()) - 1;
    format!("case when {column} between -{narrow} and {narrow} then {} else {} end", scaled(18), scaled(38))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(kind: &str, revenue: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(&format!(
            "create table fact_sales as select 1 as quantity, 2.5 as unit_price, '{revenue}'::{kind} as revenue,
                 null::decimal(18, 4) as cost, null::decimal(18, 4) as profit"
        ))
        .unwrap();
        conn
    }

    #[test]
    fn an_amount_with_more_decimals_is_refused_and_not_rounded() {
        let error = refuse_more_decimals(&models("decimal(18, 6)", "-0.012345")).unwrap_err().to_string();
        assert!(error.contains("fact_sales.revenue holds -0.012345, and a dashboard has 4 decimals"), "{error}");
        for (kind, revenue, units) in [
            ("decimal(18, 6)", "-0.012300", -123),
            ("decimal(18, 4)", "99999999999999.9999", 999_999_999_999_999_999),
            ("decimal(9, 2)", "12.34", 123_400),
            ("integer", "-7", -70_000),
        ] {
            let conn = models(kind, revenue);
            refuse_more_decimals(&conn).unwrap();
            let sql = format!("select {} from fact_sales", super::units("revenue"));
            assert_eq!(conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), units, "{kind}");
        }
    }
}
