//! The columns of two relations: which belong together, and how their values are compared.

use anyhow::Result;
use duckdb::Connection;
use salesmart_staging::ident;
use salesmart_staging::relation;
use salesmart_staging::relation::{Column, named};
use serde::Serialize;

/// The value as text in which equal values of different types are equal: without trailing zeros.
fn plain(column: &Column) -> String {
    let text = format!("{}::varchar", ident(&column.name));
    match column.scale() {
        Some(scale) if scale > 0 => format!("rtrim(rtrim({text}, '0'), '.')"),
        _ => text,
    }
}

/// A column that both relations have.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Before.
    pub before: Column,
    /// After.
    pub after: Column,
}

impl Pair {
    /// The expression for the value before that is compared with [`after`](Self::after).
    pub fn before_value(&self) -> String {
        Self::value(&self.before, self.is_retyped())
    }

    /// The expression for the value after.
    pub fn after_value(&self) -> String {
        Self::value(&self.after, self.is_retyped())
    }

    /// Values of one type are compared as they are; those of two as text, because a cast may fail on some row.
    fn value(column: &Column, is_retyped: bool) -> String {
        match is_retyped {
            true => plain(column),
            false => ident(&column.name),
        }
    }

    fn is_retyped(&self) -> bool {
        self.before.kind != self.after.kind
    }
}

/// How the columns differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnChanges {
    /// Only after.
    pub added: Vec<Column>,
    /// Only before.
    pub removed: Vec<Column>,
    /// Of another type.
    pub retyped: Vec<Retyped>,
}

impl ColumnChanges {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.retyped.is_empty()
    }
}

/// A column whose type changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retyped {
    /// The column.
    pub name: String,
    /// Its type before.
    pub before: String,
    /// Its type after.
    pub after: String,
}

/// The columns of two relations.
#[derive(Debug)]
pub struct Columns {
    /// All columns before.
    pub before: Vec<Column>,
    /// All columns after.
    pub after: Vec<Column>,
    /// Those that both have, in the order after.
    pub common: Vec<Pair>,
    /// How they differ.
    pub changes: ColumnChanges,
}

impl Columns {
    /// Reads and pairs the columns.
    pub fn of(conn: &Connection, before: &str, after: &str) -> Result<Self> {
        let (before, after) = (relation::columns(conn, before)?, relation::columns(conn, after)?);
        let mut common = Vec::new();
        let mut changes = ColumnChanges::default();
        for column in &after {
            match named(&before, &column.name) {
                Some(other) => {
                    if other.kind != column.kind {
                        let (before, after) = (other.kind.clone(), column.kind.clone());
                        changes.retyped.push(Retyped { name: column.name.clone(), before, after });
                    }
                    common.push(Pair { before: other.clone(), after: column.clone() });
                }
                None => changes.added.push(column.clone()),
            }
        }
        changes.removed = before.iter().filter(|column| named(&after, &column.name).is_none()).cloned().collect();
        Ok(Self { before, after, common, changes })
    }
}
