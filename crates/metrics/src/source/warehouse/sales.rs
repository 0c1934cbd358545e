//! Sale lines by key, with the names of their dimensions.

use anyhow::{Result, anyhow};
use deadpool_postgres::Transaction;

use super::numeric::Fixed;
use crate::calendar::{date_id, from_date_id};
use crate::filter::Field;
use crate::source::rows::{RowsQuery, SaleKey, SaleRow};

/// An empty list restricts nothing. The first key of a page is beyond the last one of the page before.
const SQL: &str = "select
        fact_sales.date_id,
        fact_sales.sale_id,
        fact_sales.transaction_id,
        fact_sales.order_id,
        dim_product.product_code,
        dim_product.product_name,
        dim_product.category,
        dim_customer.customer_code,
        dim_customer.customer_name,
        dim_customer.segment,
        dim_region.region,
        dim_region.city,
        dim_region.store,
        fact_sales.quantity,
        fact_sales.unit_price,
        fact_sales.discount_amount,
        fact_sales.revenue,
        fact_sales.cost,
        fact_sales.profit,
        fact_sales.is_return
    from mart.fact_sales
    inner join mart.dim_product using (product_id)
    inner join mart.dim_customer using (customer_id)
    inner join mart.dim_region using (region_id)
    where fact_sales.date_id between $1 and $2
        and (fact_sales.date_id, fact_sales.sale_id) > ($3, $4)
        and (cardinality($5::text[]) = 0 or dim_region.region = any($5))
        and (cardinality($6::text[]) = 0 or dim_region.city = any($6))
        and (cardinality($7::text[]) = 0 or dim_region.store = any($7))
        and (cardinality($8::text[]) = 0 or dim_product.category = any($8))
        and (cardinality($9::text[]) = 0 or coalesce(dim_product.product_code, 'unknown') = any($9))
        and (cardinality($10::text[]) = 0 or dim_customer.segment = any($10))
    order by fact_sales.date_id, fact_sales.sale_id
    limit $11";

/// Reads one page.
pub(super) async fn read(transaction: &Transaction<'_>, query: &RowsQuery) -> Result<Vec<SaleRow>> {
    let after = query.after.unwrap_or(SaleKey { date_id: 0, sale_id: 0 });
    let names = Field::ALL.map(|field| query.filter.names(field));
    let [regions, cities, stores, categories, products, segments] = &names;
    // What lies before the page need not be looked at: the days are what partitions are chosen by.
    let first = date_id(query.range.from).max(after.date_id);
    let rows = transaction
        .query(
            SQL,
            &[
                &first,
                &date_id(query.range.to),
                &after.date_id,
                &after.sale_id,
                regions,
                cities,
                stores,
                categories,
                products,
                segments,
                &i64::from(query.limit),
            ],
        )
        .await?;
    rows.iter().map(row).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<SaleRow> {
    let key = SaleKey { date_id: row.try_get(0)?, sale_id: row.try_get(1)? };
    Ok(SaleRow {
        key,
        date: from_date_id(key.date_id).ok_or_else(|| anyhow!("{} is no day", key.date_id))?,
        transaction_id: row.try_get(2)?,
        order_id: row.try_get(3)?,
        product_code: row.try_get(4)?,
        product_name: row.try_get(5)?,
        category: row.try_get(6)?,
        customer_code: row.try_get(7)?,
        customer_name: row.try_get(8)?,
        segment: row.try_get(9)?,
        region: row.try_get(10)?,
        city: row.try_get(11)?,
        store: row.try_get(12)?,
        quantity: row.try_get::<_, Option<Fixed>>(13)?.map(Fixed::into),
        unit_price: row.try_get::<_, Option<Fixed>>(14)?.map(Fixed::into),
        discount_amount: row.try_get::<_, Fixed>(15)?.into(),
        revenue: row.try_get::<_, Fixed>(16)?.into(),
        cost: row.try_get::<_, Option<Fixed>>(17)?.map(Fixed::into),
        profit: row.try_get::<_, Option<Fixed>>(18)?.map(Fixed::into),
        is_return: row.try_get(19)?,
    })
}
