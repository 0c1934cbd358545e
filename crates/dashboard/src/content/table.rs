//! Tables with typed columns.

use super::value::Value;

/// Rows and columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Unique on the page: letters, digits, hyphens.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// A remark.
    pub note: Option<String>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Row>,
    /// What stands in place of rows that are not there.
    pub empty: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub title: String,
    /// Are its values numbers? They stand at the right.
    pub is_number: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Its cells; the first one names it.
    pub cells: Vec<Cell>,
    /// Is the page filtered by it?
    pub is_selected: bool,
}

/// A value, and where a click on it leads.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The value.
    pub value: Value,
    /// Where a click leads.
    pub href: Option<String>,
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Self { value, href: None }
    }
}

impl Cell {
    /// A name with a link.
    pub fn link(text: impl Into<String>, href: Option<String>) -> Self {
        Self { value: Value::text(text), href }
    }
}

impl Row {
    /// A row that the page is not filtered by.
    pub fn new(cells: Vec<Cell>) -> Self {
        Self { cells, is_selected: false }
    }
}

impl Table {
    /// A table without rows; heads that begin with `#` are those of numbers.
    pub fn new(id: &str, title: impl Into<String>, heads: &[&str]) -> Self {
        let columns = heads
            .iter()
            .map(|head| Column { title: head.trim_start_matches('#').to_owned(), is_number: head.starts_with('#') });
        Self {
            id: id.to_owned(),
            title: title.into(),
            note: None,
            columns: columns.collect(),
            rows: Vec::new(),
            empty: "No sales match this selection.".to_owned(),
        }
    }

    /// With these rows.
    #[must_use]
    pub fn rows(self, rows: impl IntoIterator<Item = Row>) -> Self {
        Self { rows: rows.into_iter().collect(), ..self }
    }
}
