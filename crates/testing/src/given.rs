//! Written rows into typed tables: a value is taken only if the column's type holds it exactly.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::MoneyScale;
use salesmart_base::toml_file;
use salesmart_ingest::cast::exact::{Caster, Value};
use salesmart_ingest::contract;
use salesmart_ingest::contract::ColumnType;
use salesmart_staging::literal;
use salesmart_staging::relation::Column;

use super::rows::{Cell, Rows};

/// The column of this name.
///
/// # Errors
/// Says so in words, with the nearest name.
pub fn column<'c>(columns: &'c [Column], name: &str, of: &str) -> Result<&'c Column, String> {
    if let Some(found) = columns.iter().find(|column| column.name == name) {
        return Ok(found);
    }
    let near = toml_file::nearest(name, columns.iter().map(|column| column.name.as_str()));
    Err(match near {
        Some(near) => format!("{of} has no column {name}; did you mean {near}?"),
        None => {
            let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            format!("{of} has no column {name}; it has {}", known.join(", "))
        }
    })
}

/// Puts rows into a table that has these columns; `name` is for messages. `fill_in` gives the SQL of a value that a row
/// leaves out, by its number from 1.
///
/// # Errors
/// The inner one names file, line and column of what does not fit.
pub fn insert(
    conn: &Connection,
    table: &str,
    name: &str,
    columns: &[Column],
    rows: &Rows,
    fill_in: impl Fn(&str, usize) -> String,
) -> Result<Result<(), String>> {
    for cell in rows.rows.iter().flat_map(|row| &row.cells) {
        if let Err(problem) = column(columns, &cell.column, name) {
            return Ok(Err(format!("{}:{}: {problem}", rows.file.display(), cell.line)));
        }
    }
    for (index, row) in rows.rows.iter().enumerate() {
        let mut values = Vec::with_capacity(columns.len());
        for column in columns {
            let value = match row.cell(&column.name) {
                None => fill_in(&column.name, index + 1),
                Some(cell) => match value(conn, cell, &column.kind)? {
                    Ok(value) => value,
                    Err(problem) => {
                        let (file, line) = (rows.file.display(), cell.line);
                        return Ok(Err(format!("{file}:{line}: column {} of {name}: {problem}", column.name)));
                    }
                },
            };
            values.push(value);
        }
        conn.execute_batch(&format!("insert into {table} values ({})", values.join(", ")))?;
    }
    Ok(Ok(()))
}

/// A written value as SQL of the column's type. The inner error says why the type does not hold it.
fn value(conn: &Connection, cell: &Cell, kind: &str) -> Result<Result<String, String>> {
    let Some(text) = &cell.text else { return Ok(Ok("null".to_owned())) };
    let cast = || format!("cast({} as {kind})", literal(text));
    let declared = match kind {
        // Integers that contracts do not know; the cast below knows their bounds.
        "TINYINT" | "SMALLINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER" | "UBIGINT" | "UHUGEINT" => {
            Some(ColumnType::Decimal(38, 0))
        }
        kind => ColumnType::parse(kind, MoneyScale::default()),
    };
    if declared == Some(ColumnType::Varchar) {
        return Ok(Ok(cast()));
    }
    if let Some(declared) = declared {
        let caster = Caster::new(&contract::Column::plain(&cell.column, declared));
        match caster.field(text) {
            Ok(Value::Null) => return Ok(Err(format!("\"{text}\" is no {kind}; leave the column out for NULL"))),
            Ok(Value::Boolean(truth)) => return Ok(Ok(truth.to_string())),
            Ok(_) => {}
            Err(fault) => return Ok(Err(format!("\"{text}\" is not exactly a {kind}: {}", fault.reason))),
        }
    }
    let fits: bool =
        conn.query_row(&format!("select try_cast({} as {kind}) is not null", literal(text)), [], |row| row.get(0))?;
    Ok(match fits {
        true => Ok(cast()),
        false => Err(format!("\"{text}\" is no {kind}")),
    })
}
