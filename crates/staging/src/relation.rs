//! The columns of a table, view or query.

use duckdb::Connection;
use serde::Serialize;

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB writes it.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Column {
    /// The digits behind the point, if the type holds exact numbers.
    pub fn scale(&self) -> Option<u8> {
        match self.kind.strip_prefix("DECIMAL(") {
            Some(rest) => rest.strip_suffix(')')?.split_once(',')?.1.trim().parse().ok(),
            None => {
                let name = self.kind.strip_prefix('U').unwrap_or(&self.kind);
                ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"].contains(&name).then_some(0)
            }
        }
    }

    /// Whether the type is a decimal.
    pub fn is_decimal(&self) -> bool {
        self.kind.starts_with("DECIMAL(")
    }
}

/// The columns of what stands behind `from`: a table, a view, or a query in brackets.
pub fn columns(conn: &Connection, relation: &str) -> Result<Vec<Column>, duckdb::Error> {
    let mut statement = conn.prepare(&format!("describe select * from {relation}"))?;
    let rows = statement.query_map([], |row| Ok(Column { name: row.get(0)?, kind: row.get(1)? }))?;
    rows.collect()
}

/// The column of this name; DuckDB does not tell upper from lower case.
pub fn named<'c>(columns: &'c [Column], name: &str) -> Option<&'c Column> {
    columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
}
