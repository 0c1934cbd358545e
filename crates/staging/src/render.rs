//! Query results as text: for the terminal, as CSV, as JSON lines, as Markdown.

use std::borrow::Cow;
use std::io::Write;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use duckdb::arrow::array::{ArrayRef, AsArray};
use duckdb::arrow::datatypes::{DataType, TimestampMicrosecondType};
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::arrow::util::display::{ArrayFormatter, FormatOptions};
use duckdb::{Connection, Params};
use salesmart_base::formula::neutralize;

/// The forms of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// CSV with a header.
    Csv,
    /// One JSON object per row; decimals and dates are strings, so that no digit is lost.
    Json,
    /// A Markdown table.
    Md,
}

/// A result in memory: for what people read, not for bulk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names, and whether the column holds numbers.
    columns: Vec<(String, bool)>,
    /// Values as text; absent ones as `None`.
    rows: Vec<Vec<Option<String>>>,
    /// Names of columns that hold floating-point numbers, and how each value is written in the drawn table.
    floats: Vec<String>,
    spelling: Spelling,
}

/// How a value is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Spelling {
    /// As text; an absent one as nothing.
    #[default]
    Plain,
    /// So that no two different values look the same: see [`shown`].
    Exact,
}

impl Table {
    /// Runs a query without parameters.
    pub fn query(conn: &Connection, sql: &str) -> Result<Self> {
        Self::query_with(conn, sql, [])
    }

    /// Runs a query.
    pub fn query_with<P: Params>(conn: &Connection, sql: &str, params: P) -> Result<Self> {
        let mut statement = conn.prepare(sql)?;
        let result = statement.query_arrow(params)?;
        let columns = result
            .get_schema()
            .fields()
            .iter()
            .map(|field| (field.name().clone(), is_number(field.data_type())))
            .collect();
        let is_float = |kind: &DataType| matches!(kind, DataType::Float16 | DataType::Float32 | DataType::Float64);
        let fields = result.get_schema();
        let floats = fields.fields().iter().filter(|field| is_float(field.data_type()));
        let floats = floats.map(|field| field.name().clone()).collect();
        let options = FormatOptions::default()
            .with_null("")
            .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
            .with_datetime_format(Some("%Y-%m-%d %H:%M:%S%.f"));
        let mut rows = Vec::new();
        for batch in result {
            let batch = zones_as_offsets(batch)?;
            let formatters = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let values = formatters
                    .iter()
                    .zip(batch.columns())
                    .map(|(formatter, column)| column.is_valid(row).then(|| formatter.value(row).to_string()));
                rows.push(values.collect());
            }
        }
        Ok(Self { columns, rows, floats, spelling: Spelling::Plain })
    }

    /// A table from text columns.
    pub fn new(columns: &[(&str, bool)]) -> Self {
        let columns = columns.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        Self { columns, ..Self::default() }
    }

    /// The same table, drawn so that no two different values look the same: NULL is `NULL`, and a floating-point number, which may differ
    /// from a decimal that is written alike, has its type in the column's head.
    pub fn exact(self) -> Self {
        Self { spelling: Spelling::Exact, ..self }
    }

    /// Adds a row; it has as many values as there are columns.
    pub fn push(&mut self, row: Vec<Option<String>>) {
        self.rows.push(row);
    }

    /// The columns' names, and whether they hold numbers.
    pub fn columns(&self) -> &[(String, bool)] {
        &self.columns
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<Option<String>>] {
        &self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the table in one of its forms.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> Result<()> {
        match format {
            Format::Table => writeln!(out, "{self}")?,
            Format::Md => writeln!(out, "{}", self.drawn(presets::ASCII_MARKDOWN))?,
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(self.columns.iter().map(|(name, _)| neutralize(name).into_owned()))?;
                for row in &self.rows {
                    let cells = row.iter().zip(&self.columns).map(|(value, (_, is_number))| {
                        let value = value.as_deref().unwrap_or_default();
                        if *is_number { Cow::Borrowed(value) } else { neutralize(value) }
                    });
                    writer.write_record(cells.map(Cow::into_owned))?;
                }
                writer.flush()?;
            }
            Format::Json => {
                for row in &self.rows {
                    let pairs =
                        self.columns.iter().zip(row).map(|((name, _), value)| (name.clone(), serde_json::json!(value)));
                    writeln!(out, "{}", serde_json::Value::Object(pairs.collect()))?;
                }
            }
        }
        Ok(())
    }

    fn drawn(&self, preset: &str) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_preset(preset).set_content_arrangement(ContentArrangement::Disabled);
        let is_exact = self.spelling == Spelling::Exact;
        table.set_header(self.columns.iter().map(|(name, _)| match is_exact && self.floats.contains(name) {
            true => format!("{name} (double)"),
            false => name.clone(),
        }));
        for row in &self.rows {
            table.add_row(row.iter().map(|value| match is_exact {
                true => shown(value.as_deref()),
                false => value.as_deref().map_or_else(String::new, one_line),
            }));
        }
        for (index, (_, number)) in self.columns.iter().enumerate() {
            if let (true, Some(column)) = (number, table.column_mut(index)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = self.drawn(presets::NOTHING);
        table.set_style(comfy_table::TableComponent::HeaderLines, '─');
        table.set_style(comfy_table::TableComponent::MiddleHeaderIntersections, '─');
        let drawn = table.to_string();
        let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Moments with a zone by name, which the formatter does not know, as moments with an offset: the same moment.
fn zones_as_offsets(batch: RecordBatch) -> Result<RecordBatch> {
    let zoned = |kind: &DataType| matches!(kind, DataType::Timestamp(_, Some(_)));
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Timestamp(_, Some(_)) => {
            let utc = column.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("+00:00");
            std::sync::Arc::new(utc) as ArrayRef
        }
        _ => std::sync::Arc::clone(column),
    });
    match batch.schema().fields().iter().any(|field| zoned(field.data_type())) {
        true => Ok(RecordBatch::try_from_iter_with_nullable(
            batch
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .zip(columns)
                .map(|(name, column)| (name, column, true)),
        )?),
        false => Ok(batch),
    }
}

/// A value for people who have to tell NULL, an empty text and spaces apart: `NULL`, `""`, `" a"`, everything else as it is.
pub fn shown(value: Option<&str>) -> String {
    let Some(text) = value else { return "NULL".to_owned() };
    let is_plain = !matches!(text, "" | "NULL")
        && text.trim() == text
        && !text.starts_with('"')
        && !text.chars().any(char::is_control);
    match is_plain {
        true => text.to_owned(),
        false => {
            let escaped = text.chars().flat_map(|c| match c {
                '"' | '\\' => vec!['\\', c],
                c if c.is_control() => c.escape_default().collect(),
                c => vec![c],
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
    }
}

/// Line breaks and other control characters would tear the table, or the terminal, apart.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}
