//! Rows that people write down: in a TOML file, or as CSV beside it.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use salesmart_base::config::ProjectPaths;
use salesmart_base::fail;
use salesmart_base::toml_file::line_of;
use salesmart_ingest::contract::dialect::Dialect;
use salesmart_ingest::read::fields;
use salesmart_ingest::read::reader::RecordReader;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

/// Written rows.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The file they stand in.
    pub file: PathBuf,
    /// All columns that are named, in the order of their first mention.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line on which it begins.
    pub line: usize,
    /// Column, value, and the line of the value. A column that is left out is NULL.
    pub cells: Vec<Cell>,
}

/// One value.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The column.
    pub column: String,
    /// The value as text; NULL is `None`.
    pub text: Option<String>,
    /// Its line.
    pub line: usize,
}

impl Rows {
    fn new(file: PathBuf, rows: Vec<Row>) -> Self {
        let mut columns: Vec<String> = Vec::new();
        for cell in rows.iter().flat_map(|row| &row.cells) {
            if !columns.contains(&cell.column) {
                columns.push(cell.column.clone());
            }
        }
        Self { file, columns, rows }
    }
}

impl Row {
    /// The cell of a column, if the row names it.
    pub fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.column == column)
    }
}

/// Rows as a test file says them.
#[derive(Debug)]
pub enum Written {
    /// The name of a CSV beside it.
    Csv(String),
    /// Inline tables.
    Inline(Vec<Spanned<Inline>>),
    /// Rows by the names of inputs.
    Nested(Vec<(Spanned<String>, Written)>),
}

/// One inline table: names and values in their order, with their places in the file.
#[derive(Debug)]
pub struct Inline(Vec<(Spanned<String>, Spanned<Value>)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Written;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("rows such as [ { column = \"value\" } ], or the name of a CSV file")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Written, E> {
                Ok(Written::Csv(name.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Written, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = sequence.next_element()? {
                    rows.push(row);
                }
                Ok(Written::Inline(rows))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
                Ok(Written::Nested(entries(map)?))
            }
        }
        deserializer.deserialize_any(Rows)
    }
}

impl<'de> Deserialize<'de> for Inline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = Inline;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a row such as { column = \"value\" }")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Inline, A::Error> {
                Ok(Inline(entries(map)?))
            }
        }
        deserializer.deserialize_map(Cells)
    }
}

/// Names and values in the order of the file.
fn entries<'de, V: Deserialize<'de>, A: MapAccess<'de>>(mut map: A) -> Result<Vec<(Spanned<String>, V)>, A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = map.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

/// A test file.
#[derive(Debug, Clone, Copy)]
pub struct TestText<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its content.
    pub text: &'a str,
    /// Where the files that it names may lie.
    pub paths: &'a ProjectPaths,
}

impl Written {
    /// The rows themselves; a test file names them on this line.
    ///
    /// # Errors
    /// A CSV that cannot be read or lies outside the project, and values that are no single value, with file and line.
    pub fn read(self, file: &TestText<'_>, line: usize) -> Result<Rows> {
        let TestText { path, text, paths } = *file;
        let inline = match self {
            Self::Csv(name) => {
                let csv_path = path.with_file_name(name);
                if let Err(reason) = paths.check(&csv_path) {
                    fail!("{}:{line}: {reason}", path.display());
                }
                return csv(&csv_path);
            }
            Self::Inline(inline) => inline,
            Self::Nested(_) => {
                fail!("{}:{line}: these are no rows; write [ {{ column = \"value\" }} ]", path.display())
            }
        };
        let mut rows = Vec::with_capacity(inline.len());
        for row in inline {
            let line = line_of(text, row.span().start);
            let mut cells = Vec::new();
            for (column, value) in row.into_inner().0 {
                let line = line_of(text, value.span().start);
                let Some(value) = plain(value.get_ref(), value.span(), text) else {
                    fail!(
                        "{}:{line}: the value of {} is no single value; write it as text",
                        path.display(),
                        column.get_ref()
                    );
                };
                cells.push(Cell { column: column.into_inner(), text: Some(value), line });
            }
            rows.push(Row { line, cells });
        }
        Ok(Rows::new(path.to_owned(), rows))
    }
}

/// A value as text. A number with a point is taken as it is written: going through a float could change it.
fn plain(value: &Value, span: Range<usize>, text: &str) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(_) => text.get(span)?.trim().replace('_', ""),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(moment) => moment.to_string(),
        Value::Array(_) | Value::Table(_) => return None,
    })
}

/// Reads a CSV: a header with the columns' names; a field with nothing in it is NULL, `""` is the empty text.
fn csv(path: &Path) -> Result<Rows> {
    let at = path.display();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => fail!("cannot read {at}: {error}"),
    };
    let mut reader = RecordReader::new(file, &Dialect::default()).with_context(|| format!("cannot read {at}"))?;
    let header = reader.header()?;
    let syntax = reader.syntax();
    let (mut names, mut rows, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    let mut block = header;
    loop {
        for record in block.records() {
            let line = usize::try_from(record.line)?;
            if let Some(structural) = record.fault {
                fail!("{at}:{line}: {}", structural.fault.reason);
            }
            let Ok(text) = std::str::from_utf8(record.bytes) else {
                fail!("{at}:{line}: this is not UTF-8");
            };
            fields::cut(record.bytes, syntax, &mut spans);
            let fields = spans.iter().map(|span| {
                let value = span.text(text, syntax).into_owned();
                (!value.is_empty() || span.is_quoted(record.bytes, syntax)).then_some(value)
            });
            if names.is_empty() {
                names = fields.map(Option::unwrap_or_default).collect::<Vec<_>>();
                continue;
            }
            if spans.len() != names.len() {
                fail!("{at}:{line}: {} fields where the header has {}", spans.len(), names.len());
            }
            let cells =
                names.iter().zip(fields).map(|(column, text)| Cell { column: column.clone(), text, line }).collect();
            rows.push(Row { line, cells });
        }
        block = reader.block(usize::MAX)?;
        if block.is_empty() {
            break;
        }
    }
    if names.is_empty() {
        fail!("{at} is empty; its first line names the columns");
    }
    // Also the columns of a file without rows are named.
    Ok(Rows { columns: names, ..Rows::new(path.to_owned(), rows) })
}
