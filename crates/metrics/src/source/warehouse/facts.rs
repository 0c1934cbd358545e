//! All sale lines, by binary COPY.

use anyhow::{Result, anyhow};
use deadpool_postgres::Transaction;
use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::binary_copy::BinaryCopyOutStream;
use tokio_postgres::types::Type;

use super::super::{Scope, ScopeNotEnforced};
use super::numeric::Fixed;
use crate::calendar::from_date_id;
use crate::cube::{Builder, Sale};

const COPY: &str = "copy (
        select date_id, product_id, customer_id, region_id, order_key, quantity, discount_amount, revenue, profit, is_return
        from mart.fact_sales
    ) to stdout (format binary)";

const TYPES: [Type; 10] = [
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::NUMERIC,
    Type::NUMERIC,
    Type::NUMERIC,
    Type::NUMERIC,
    Type::BOOL,
];

/// Reads them into the builder, which has the dimensions already.
///
/// # Errors
/// [`ScopeNotEnforced`] if a restricted scope sees a sale in a region that is not among its own.
pub(super) async fn read(transaction: &Transaction<'_>, scope: &Scope, builder: &mut Builder) -> Result<()> {
    let lines = BinaryCopyOutStream::new(transaction.copy_out(COPY).await?, &TYPES);
    pin_mut!(lines);
    let mut last = (0, None);
    while let Some(line) = lines.try_next().await? {
        let date_id: i32 = line.try_get(0)?;
        if last.0 != date_id {
            last = (date_id, from_date_id(date_id));
        }
        let sale = Sale {
            day: last.1.ok_or_else(|| anyhow!("mart.fact_sales holds the date_id {date_id}, which is no day"))?,
            product_id: line.try_get(1)?,
            customer_id: line.try_get(2)?,
            region_id: line.try_get(3)?,
            order_key: line.try_get(4)?,
            quantity: line.try_get::<Option<Fixed>>(5)?.map_or(0, |quantity| quantity.0),
            discount: line.try_get::<Fixed>(6)?.0,
            revenue: line.try_get::<Fixed>(7)?.0,
            profit: line.try_get::<Option<Fixed>>(8)?.map(|profit| profit.0),
            is_return: line.try_get(9)?,
        };
        builder.sale(&sale).map_err(|error| match scope {
            Scope::Everything => error,
            Scope::Regions(_) => ScopeNotEnforced(format!("mart.fact_sales shows foreign rows: {error}")).into(),
        })?;
    }
    Ok(())
}
