//! The columns of a table, view or query.

use duckdb::Connection;

/// A column of a table: name and type, as DuckDB writes it.
#[derive(Debug, Clone)]
pub struct Typed {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
}

/// The columns of a table, view or query, such as `main.stg_sales`.
pub fn columns_of(conn: &Connection, relation: &str) -> Result<Vec<Typed>, duckdb::Error> {
    let sql = format!("select column_name, column_type from (describe select * from {relation})");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok(Typed { name: row.get(0)?, kind: row.get(1)? }))?;
    rows.collect()
}
