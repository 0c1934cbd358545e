//! The least that PostgreSQL does for the same rows.

use std::io::{Read, Write};
use std::time::Instant;

use anyhow::Result;

use crate::server::Server;

/// The rows of a query, in the form that COPY takes.
pub fn rows(server: &Server, database: &str, query: &str) -> Result<Vec<u8>> {
    let mut client = server.connect(database)?;
    let mut bytes = Vec::new();
    client.copy_out(&format!("copy ({query}) to stdout (format binary)"))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// COPY into a bare table, and the indexes of `fact_sales`; seconds.
pub fn bare(server: &Server, rows: &[u8]) -> Result<f64> {
    server.copy("mart", "bare")?;
    let mut client = server.connect("bare")?;
    client.batch_execute("create table public.bare (like mart.fact_sales)")?;
    client.batch_execute("checkpoint")?;
    let started = Instant::now();
    let mut transaction = client.transaction()?;
    copy(&mut transaction, "public.bare", rows)?;
    transaction.batch_execute(
        "alter table public.bare add primary key (date_id, sale_id);
         create index on public.bare (date_id, region_id);
         create index on public.bare (product_id, customer_id)",
    )?;
    transaction.commit()?;
    let seconds = started.elapsed().as_secs_f64();
    drop(client);
    server.connect("postgres")?.batch_execute("drop database bare with (force)")?;
    Ok(seconds)
}

/// Makes the copy of the warehouse what the day's floor needs.
pub fn drop_foreign_keys(server: &Server) -> Result<()> {
    let mut client = server.connect("floor")?;
    let keys = client.query(
        "select conname::text from pg_constraint where contype = 'f' and conparentid = 0 and conrelid = 'mart.fact_sales'::regclass",
        &[],
    )?;
    for key in keys {
        let name: String = key.get(0);
        client.batch_execute(&format!("alter table mart.fact_sales drop constraint \"{name}\""))?;
    }
    Ok(())
}

/// COPY into the indexed partitions; seconds.
pub fn day(server: &Server, rows: &[u8]) -> Result<f64> {
    let mut client = server.connect("floor")?;
    let started = Instant::now();
    let mut transaction = client.transaction()?;
    copy(&mut transaction, "mart.fact_sales", rows)?;
    transaction.commit()?;
    Ok(started.elapsed().as_secs_f64())
}

fn copy(transaction: &mut postgres::Transaction<'_>, table: &str, rows: &[u8]) -> Result<()> {
    let mut writer = transaction.copy_in(&format!("copy {table} from stdin (format binary)"))?;
    for chunk in rows.chunks(1 << 18) {
        writer.write_all(chunk)?;
    }
    writer.finish()?;
    Ok(())
}
