//! A DuckDB in memory for what needs no data: the functions and bookkeeping tables that models and checks may use, and an
//! empty table for every source.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use duckdb::Connection;
use salesmart_base::config::MoneyScale;
use salesmart_ingest::contract::Contract;
use salesmart_staging::{LAYOUT_SQL, functions_sql, ident, sandboxed};

/// Opens one.
pub fn open(contracts: &BTreeMap<String, Contract>, money: MoneyScale) -> Result<Connection> {
    let conn = Connection::open_in_memory_with_flags(sandboxed()?).context("cannot start DuckDB")?;
    conn.execute_batch(LAYOUT_SQL)?;
    conn.execute_batch(&functions_sql(money))?;
    for contract in contracts.values() {
        conn.execute_batch(&format!(
            "create table raw.{} (_file varchar not null, _line bigint not null{})",
            ident(&contract.source),
            contract.column_definitions()
        ))?;
    }
    Ok(conn)
}
