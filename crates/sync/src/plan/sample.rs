//! Some of the rows that a sync would change, as they are on both sides.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use postgres::Transaction;
use salesmart_staging::{ident, idents, literal};
use serde_json::{Map, Value};

use super::{RowCounts, Sample};
use crate::schema::{Kind, PushTable};

/// Up to `limit` rows of each operation, in key order.
pub fn rows(
    conn: &Connection,
    transaction: &mut Transaction<'_>,
    table: &PushTable,
    counts: RowCounts,
    limit: u64,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for (op, count) in [("insert", counts.inserted), ("update", counts.updated), ("delete", counts.deleted)] {
        if count == 0 || limit == 0 {
            continue;
        }
        for key in keys(conn, table, op, limit)? {
            let before = if op == "insert" { None } else { held(transaction, table, &key)? };
            let after = if op == "delete" { None } else { ours(conn, table, &key)? };
            let shown: BTreeMap<String, Value> = table
                .key
                .iter()
                .zip(&key)
                .filter(|(column, _)| table.logical_key.contains(column))
                .map(|(column, value)| (column.clone(), value.clone().into()))
                .collect();
            samples.push(Sample { op: op.to_owned(), key: shown, before, after });
        }
    }
    Ok(samples)
}

/// Keys as text, in the order of the table's key.
fn keys(conn: &Connection, table: &PushTable, op: &str, limit: u64) -> Result<Vec<Vec<String>>> {
    let columns: Vec<String> = table.key.iter().map(|column| format!("{}::varchar", ident(column))).collect();
    let mut statement = conn.prepare(&format!(
        "select {} from {} where _op = ? order by {} limit {limit}",
        columns.join(", "),
        table.delta(),
        idents(&table.key, "")
    ))?;
    let rows = statement.query_map([op], |row| (0..columns.len()).map(|index| row.get(index)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The row of the mart.
fn ours(conn: &Connection, table: &PushTable, key: &[String]) -> Result<Option<Map<String, Value>>> {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("{}::varchar", ident(&column.name))).collect();
    let sql = format!("select {} from {} where {}", columns.join(", "), table.mart(), matches(table, key));
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut fields = Map::new();
    for (index, column) in table.columns.iter().enumerate() {
        fields.insert(column.name.clone(), row.get::<_, Option<String>>(index)?.into());
    }
    Ok(Some(fields))
}

/// The row that PostgreSQL holds, its values in the form that the mart's have.
fn held(transaction: &mut Transaction<'_>, table: &PushTable, key: &[String]) -> Result<Option<Map<String, Value>>> {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("{}::text", ident(&column.name))).collect();
    let sql = format!("select {} from {} where {}", columns.join(", "), table.target(), matches(table, key));
    let Some(row) = transaction.query_opt(&sql, &[])? else { return Ok(None) };
    let mut fields = Map::new();
    for (index, column) in table.columns.iter().enumerate() {
        fields.insert(column.name.clone(), row.get::<_, Option<String>>(index).into());
    }
    Ok(Some(fields))
}

/// A condition that both databases read alike.
fn matches(table: &PushTable, key: &[String]) -> String {
    let conditions: Vec<String> = table
        .key
        .iter()
        .zip(key)
        .map(|(name, value)| {
            let kind =
                table.columns.iter().find(|column| column.name == *name).map_or(Kind::Text, |column| column.kind);
            format!("{} = cast({} as {kind})", ident(name), literal(value))
        })
        .collect();
    conditions.join(" and ")
}
