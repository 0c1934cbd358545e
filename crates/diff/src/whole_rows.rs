//! Whole rows compared as multisets, where no key identifies them: a row is added or removed, with its copies counted.

use anyhow::Result;
use duckdb::Connection;
use salesmart_staging::ident;
use salesmart_staging::relation::Column;
use salesmart_staging::render::Table;

use super::columns::Columns;
use super::compare::{FOUND, numbered};
use super::keyed::cells_of;
use super::{Cells, Findings, Samples};

/// Compares two relations by the columns that both have.
pub fn compare(conn: &Connection, before: &str, after: &str, columns: &Columns, limit: u64) -> Result<Findings> {
    let (names, before_values, after_values) = values(columns);
    let side = |values: &[String], relation: &str, copies: i8| {
        let values: Vec<String> =
            values.iter().enumerate().map(|(index, value)| format!("{value} as c{index}")).collect();
        format!("select {}, {copies} as copies from {relation}", values.join(", "))
    };
    let order = numbered("", 'c', names.len()).join(", ");
    conn.execute_batch(&format!(
        "create or replace temp table {FOUND} as
         select {order}, sum(copies)::bigint as copies from ({} union all {}) group by {order} having sum(copies) <> 0",
        side(&after_values, after, 1),
        side(&before_values, before, -1),
    ))?;
    let sql = format!(
        "select coalesce(sum(copies) filter (copies > 0), 0)::bigint, coalesce(-sum(copies) filter (copies < 0), 0)::bigint from {FOUND}"
    );
    let (added, removed) = conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Findings {
        added,
        removed,
        samples: Samples {
            added: sample(conn, "copies > 0", &names, limit)?,
            removed: sample(conn, "copies < 0", &names, limit)?,
            changed: Vec::new(),
        },
        ..Findings::default()
    })
}

/// Columns and the expressions for them on both sides. Without a column in common, all of them: then every row differs.
fn values(columns: &Columns) -> (Vec<Column>, Vec<String>, Vec<String>) {
    if columns.common.is_empty() {
        let absent = |column: &Column| format!("cast(null as {})", column.kind);
        let present = |column: &Column| ident(&column.name);
        return (
            [columns.before.as_slice(), columns.after.as_slice()].concat(),
            columns.before.iter().map(present).chain(columns.after.iter().map(absent)).collect(),
            columns.before.iter().map(absent).chain(columns.after.iter().map(present)).collect(),
        );
    }
    (
        columns.common.iter().map(|pair| pair.after.clone()).collect(),
        columns.common.iter().map(|pair| pair.before_value()).collect(),
        columns.common.iter().map(|pair| pair.after_value()).collect(),
    )
}

fn sample(conn: &Connection, condition: &str, columns: &[Column], limit: u64) -> Result<Vec<Cells>> {
    let order = numbered("", 'c', columns.len()).join(", ");
    let texts: Vec<String> = numbered("", 'c', columns.len()).iter().map(|c| format!("{c}::varchar")).collect();
    let sql = format!(
        "select {} from (select *, unnest(range(least(abs(copies), {limit}))) from {FOUND} where {condition}) order by {order} limit {limit}",
        texts.join(", ")
    );
    let table = Table::query(conn, &sql)?;
    Ok(table.rows().iter().map(|row| cells_of(columns.iter(), row)).collect())
}
