//! The delta of a relation: which rows left and which came.

use anyhow::Result;
use duckdb::Connection;
use salesmart_staging::ident;
use salesmart_staging::relation::Column;

use super::proof::is_ambiguous;
use super::space::{self, Part, Space};

/// How a relation differs from what a reader saw last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// Not at all.
    Same,
    /// By these rows. Both are relations with the columns of the whole; a row that changed is in both.
    Rows {
        /// The rows that left.
        removed: String,
        /// The rows that came.
        added: String,
    },
    /// In a way that nobody wrote down.
    Whole,
}

/// What a model has become in a build.
#[derive(Debug, Clone)]
pub struct Built {
    /// How it differs from the published one.
    pub delta: Delta,
    /// The relation that holds all its rows now.
    pub now: String,
    /// How many they are.
    pub rows: u64,
    /// Of an incremental build: complete sets of its rows.
    pub scope: Option<Scope>,
}

/// All rows of a relation that have certain values in some columns.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The columns.
    pub by: Vec<String>,
    /// The values: a table with the columns `_k0`, `_k1`, … in the order of `by`.
    pub keys: String,
    /// The rows.
    pub rows: String,
}

/// A column so that different values of it are different: a month is not thirty days, and 0.0 not -0.0.
fn exact(column: &Column, alias: &str) -> String {
    let name = format!("{alias}{}", ident(&column.name));
    if is_ambiguous(&column.kind) { format!("{name}::varchar") } else { name }
}

/// Joins two aliases on all columns, so that NULL equals NULL.
fn alike(columns: &[Column], one: &str, other: &str) -> String {
    let (one, other) = (format!("{one}."), format!("{other}."));
    let parts: Vec<String> = columns
        .iter()
        .map(|column| format!("{} is not distinct from {}", exact(column, &one), exact(column, &other)))
        .collect();
    parts.join(" and ")
}

/// Of the rows `before` and `after`, those that are in one only: `Replaced` (with `_rowid`, if `before` has it), `Removed`
/// and `Added` of the model. Rows that are in both stay where they are.
///
/// [`Delta::Whole`] if a row is there twice, which the check of the key is to find.
pub fn trim(
    conn: &Connection,
    space: &Space,
    model: &str,
    columns: &[Column],
    before: &str,
    after: &str,
) -> Result<Delta> {
    let part = |part| space.part(model, part);
    let (replaced, removed, added) = (part(Part::Replaced), part(Part::Removed), part(Part::Added));
    space::run(
        conn,
        format!(
        "create or replace temp table {replaced_name} as select b.* from {before} as b anti join {after} as a on {on};
         create or replace temp table {added_name} as select a.* from {after} as a anti join {before} as b on {on}",
        replaced_name = replaced,
        added_name = added,
        on = alike(columns, "a", "b"),
    ),
    )?;
    let names: Vec<String> = columns.iter().map(|column| ident(&column.name)).collect();
    space::run(conn, format!("create or replace temp view {removed} as select {} from {replaced}", names.join(", ")))?;
    let (gone, come) = (space::count(conn, &replaced)?, space::count(conn, &added)?);
    // As many rows stay on either side, unless one of them is there twice: then the sets above do not tell it all.
    if space::count(conn, before)? - gone != space::count(conn, after)? - come {
        return Ok(Delta::Whole);
    }
    match gone + come {
        0 => Ok(Delta::Same),
        _ => Ok(Delta::Rows { removed, added }),
    }
}

/// Number of rows and two digests of them, whatever their order.
///
/// DuckDB's `hash()` is not stable between its versions, so this is good within one process only.
pub fn digest(conn: &Connection, relation: &str, columns: &[Column]) -> Result<(u64, String, u64)> {
    let names: Vec<String> = columns.iter().map(|column| exact(column, "")).collect();
    let hash = format!("hash({})", names.join(", "));
    let sql = format!(
        "select count(*), coalesce(sum({hash}::hugeint), 0)::varchar, coalesce(bit_xor({hash}), 0) from {relation}"
    );
    Ok(conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}
