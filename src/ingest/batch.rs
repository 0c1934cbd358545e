//! Typed Arrow batches from blocks of records; what does not fit becomes rejects.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Result;
use duckdb::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;

use super::contract::{ColumnType, Contract};
use super::exact::{Caster, Value};
use super::fault::{Code, Fault};
use super::fields;
use super::reader::{Block, Record};
use super::rejects::Reject;

/// Casts blocks of one file. The columns of a batch are the line number, then the contract's columns.
pub struct Typer {
    delimiter: u8,
    quote: u8,
    /// Per contract column: its place in the file, and its caster.
    columns: Vec<(usize, Caster)>,
    schema: Arc<Schema>,
}

/// What became of a block.
#[derive(Debug)]
pub struct Typed {
    /// The accepted rows.
    pub batch: RecordBatch,
    /// Every fault of every refused record.
    pub rejects: Vec<Reject>,
    /// How many records were refused.
    pub rejected: u64,
}

impl Typer {
    /// A typer for a file whose header has the contract's columns at `places`.
    pub fn new(contract: &Contract, places: &[usize]) -> Self {
        let columns =
            contract.columns.iter().zip(places).map(|(column, place)| (*place, Caster::new(column))).collect();
        let mut schema = vec![Field::new("_line", DataType::Int64, false)];
        schema.extend(contract.columns.iter().map(|column| Field::new(&column.name, arrow_type(column.kind), true)));
        Self { delimiter: contract.delimiter, quote: contract.quote, columns, schema: Arc::new(Schema::new(schema)) }
    }

    /// The columns of a batch: name and DuckDB type.
    pub fn columns(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        std::iter::once(("_line", ColumnType::Bigint))
            .chain(self.columns.iter().map(|(_, caster)| (caster.column().name.as_str(), caster.column().kind)))
    }

    /// Casts one block.
    pub fn block(&self, block: &Block) -> Result<Typed> {
        let mut lines = Int64Builder::with_capacity(block.len());
        let mut builders: Vec<Builder> =
            self.columns.iter().map(|(_, caster)| Builder::new(caster.column().kind, block.len())).collect();
        let mut rejects = Vec::new();
        let mut rejected = 0;
        let mut split = Vec::new();
        for record in block.records() {
            let before = rejects.len();
            match text_of(record) {
                Err(fault) => rejects.push(Reject::of_record(record, fault)),
                Ok(text) => {
                    fields::split(text.as_bytes(), self.delimiter, self.quote, &mut split);
                    self.row(record, &split, &mut builders, &mut rejects);
                }
            }
            match rejects.len() == before {
                true => lines.append_value(i64::try_from(record.line)?),
                false => rejected += 1,
            }
        }
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(lines.finish())];
        arrays.extend(builders.into_iter().map(Builder::finish));
        Ok(Typed { batch: RecordBatch::try_new(Arc::clone(&self.schema), arrays)?, rejects, rejected })
    }

    /// Appends one row to all builders, or its faults to `rejects`.
    fn row(&self, record: Record<'_>, split: &[Cow<'_, [u8]>], builders: &mut [Builder], rejects: &mut Vec<Reject>) {
        if split.len() != self.columns.len() {
            let code = match split.len() > self.columns.len() {
                true => Code::TooManyFields,
                false => Code::TooFewFields,
            };
            let reason = format!("{} fields where the header has {}", split.len(), self.columns.len());
            rejects.push(Reject::of_record(record, Fault::new(code, reason)));
            return;
        }
        let before = rejects.len();
        let mut values = Vec::with_capacity(self.columns.len());
        for (place, caster) in &self.columns {
            // The record is valid UTF-8 and is cut at ASCII characters only, so its fields are valid too.
            let text = std::str::from_utf8(&split[*place]).unwrap_or_default();
            match caster.field(text) {
                Ok(value) => values.push(value),
                Err(fault) => rejects.push(Reject::of_field(record, &caster.column().name, text, fault)),
            }
        }
        if rejects.len() == before {
            builders.iter_mut().zip(values).for_each(|(builder, value)| builder.append(value));
        }
    }
}

/// The column under construction.
enum Builder {
    Text(StringBuilder),
    Integer(Int32Builder),
    Bigint(Int64Builder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Boolean(BooleanBuilder),
}

impl Builder {
    fn new(kind: ColumnType, rows: usize) -> Self {
        match kind {
            ColumnType::Varchar => Self::Text(StringBuilder::with_capacity(rows, rows * 16)),
            ColumnType::Integer => Self::Integer(Int32Builder::with_capacity(rows)),
            ColumnType::Bigint => Self::Bigint(Int64Builder::with_capacity(rows)),
            ColumnType::Decimal(..) => {
                Self::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(arrow_type(kind)))
            }
            ColumnType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows)),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
        }
    }

    /// Appends a value that the column's own caster made; it has checked the range.
    fn append(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Integer(builder), Value::Number(number)) => builder.append_value(number as i32),
            (Self::Bigint(builder), Value::Number(number)) => builder.append_value(number as i64),
            (Self::Decimal(builder), Value::Number(number)) => builder.append_value(number),
            (Self::Date(builder), Value::Date(day)) => builder.append_value(day),
            (Self::Timestamp(builder), Value::Timestamp(moment)) => builder.append_value(moment),
            (Self::Boolean(builder), Value::Boolean(truth)) => builder.append_value(truth),
            (builder, _) => builder.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Bigint(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Bigint(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// The record as text, unless its bytes or its structure are at fault.
fn text_of(record: Record<'_>) -> Result<&str, Fault> {
    if let Some(fault) = record.fault {
        return Err(fault.clone());
    }
    if let Some(at) = memchr::memchr(0, record.bytes) {
        return Err(Fault::new(Code::NulByte, format!("byte {} of the record is NUL", at + 1)));
    }
    std::str::from_utf8(record.bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new(
            Code::BadEncoding,
            format!("byte {} of the record (0x{:02x}) is not UTF-8", at + 1, record.bytes[at]),
        )
    })
}

fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Varchar => DataType::Utf8,
        ColumnType::Integer => DataType::Int32,
        ColumnType::Bigint => DataType::Int64,
        ColumnType::Decimal(precision, scale) => DataType::Decimal128(precision, scale.cast_signed()),
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(duckdb::arrow::datatypes::TimeUnit::Microsecond, None),
        ColumnType::Boolean => DataType::Boolean,
    }
}
