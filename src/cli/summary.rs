//! What is in the warehouse, for a person.

use anyhow::Result;
use postgres::Client;
use salesmart_staging::render::Table;

use crate::console::Console;

/// Prints the key figures, the segments, the regions and the tables.
pub fn print(client: &mut Client, console: &Console) -> Result<()> {
    let sections = [
        (
            "Key figures",
            "select count(*) as sale_lines, count(distinct order_id) filter (where not is_return) as orders,
                    count(distinct nullif(customer_id, 0)) as customers, round(sum(revenue), 2) as revenue,
                    round(sum(profit), 2) as profit, min(created_at)::date as first_day, max(created_at)::date as last_day
             from mart.fact_sales",
        ),
        (
            "Customer segments",
            "select segment, count(*) as customers, round(sum(lifetime_value), 2) as revenue,
                    round(avg((select max(created_at)::date + 1 from mart.fact_sales) - last_order_date)) as days_since_last_order, round(avg(frequency), 1) as orders_per_customer
             from mart.dim_customer where customer_id <> 0 group by segment order by 3 desc",
        ),
        (
            "Regions",
            "select region, count(*) as sale_lines, round(sum(revenue), 2) as revenue,
                    round(100 * sum(revenue) / sum(sum(revenue)) over (), 1) as percent
             from mart.fact_sales join mart.dim_region using (region_id) group by region order by 3 desc limit 8",
        ),
    ];
    for (title, sql) in sections {
        console.heading(title);
        console.say(&query(client, sql)?.to_string());
    }
    Ok(())
}

/// Runs a query on the warehouse; every value as PostgreSQL writes it.
pub fn query(client: &mut Client, sql: &str) -> Result<Table> {
    use postgres::types::Type;
    let statement = client.prepare(sql)?;
    let columns = statement.columns();
    let is_number = |kind: &Type| [Type::INT4, Type::INT8, Type::NUMERIC].contains(kind);
    let named: Vec<(&str, bool)> = columns.iter().map(|column| (column.name(), is_number(column.type_()))).collect();
    let mut table = Table::new(&named);
    let as_text: Vec<String> =
        columns.iter().map(|column| format!("{}::text", salesmart_staging::ident(column.name()))).collect();
    for row in client.query(&format!("select {} from ({sql}) as result", as_text.join(", ")), &[])? {
        table.push((0..named.len()).map(|index| row.get(index)).collect());
    }
    Ok(table)
}
