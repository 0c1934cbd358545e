//! Typed Arrow batches from blocks of records; what does not fit becomes rejects.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use duckdb::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder,
    MutableArrayData, StringBuilder, TimestampMicrosecondBuilder, make_array,
};
use duckdb::arrow::datatypes::{DataType, Decimal128Type, Field, Int32Type, Int64Type, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use salesmart_base::event::Fitted;

use super::key_hash::{self, KeyHashes};
use crate::cast::exact::{Caster, Value};
use crate::cast::fault::{Code, Fault};
use crate::contract::{ColumnType, Contract};
use crate::read::block::{Block, Record};
use crate::read::parquet;
use crate::read::split::{Cell, Fit, Splitter};
use crate::rejects::Reject;
use crate::rejects::repairs::Repairs;

/// Casts blocks of one file. The columns of a batch are the line number, then the contract's columns.
pub struct Typer {
    splitter: Splitter,
    columns: Vec<Casters>,
    repairs: Repairs,
    /// Places of the key's columns in a batch.
    key: Vec<usize>,
    /// Whether records name and type their own columns.
    is_typed_format: bool,
    schema: Arc<Schema>,
}

/// How a column's values are cast.
struct Casters {
    /// Values in the contract's spelling.
    written: Caster,
    /// Values whose type the file says.
    typed: Caster,
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
    /// How many records were accepted because they are repaired.
    pub repaired: u64,
    /// Accepted records whose number of fields was made to fit.
    pub fitted: Fitted,
    /// Per contract column the sum of its accepted numbers, times ten to the column's scale; `None` if it is beyond 38
    /// digits, and 0 for columns without numbers.
    pub totals: Vec<Option<i128>>,
    /// Hashes of the keys of the accepted rows.
    pub keys: KeyHashes,
    /// Per contract column, how many of its accepted numbers were rounded.
    pub rounded: Vec<u64>,
}

/// A batch under construction.
struct Rows {
    lines: Int64Builder,
    builders: Vec<Builder>,
    /// Row and contract column of every number that was rounded.
    rounded: Vec<(usize, usize)>,
    /// Which rows stay: a row with a fault has been appended before the fault was seen.
    kept: Vec<bool>,
    rejects: Vec<Reject>,
    rejected: u64,
    repaired: u64,
    fitted: Fitted,
}

impl Rows {
    /// Counts an accepted record whose number of fields was made to fit.
    fn count(&mut self, fit: Fit) {
        match fit {
            Fit::Exact => {}
            Fit::Padded => self.fitted.padded += 1,
            Fit::Shortened => self.fitted.shortened += 1,
        }
    }

    /// Appends a value to the row that is not counted yet.
    #[inline]
    fn append(&mut self, index: usize, value: Value<'_>) {
        if let Value::Rounded(_) = value {
            self.rounded.push((self.kept.len(), index));
        }
        self.builders[index].append(value);
    }

    /// Counts a record whose faults, if any, are those from `before` on. They share its raw text.
    fn settle(&mut self, before: usize) {
        if let [first, others @ ..] = &mut self.rejects[before..] {
            others.iter_mut().for_each(|reject| reject.raw = Arc::clone(&first.raw));
            self.rejected += 1;
        }
    }
}

impl Typer {
    /// A typer for a file that is cut by `splitter`, with the repairs of its rejects.
    pub fn new(contract: &Contract, splitter: Splitter, repairs: Repairs) -> Self {
        let columns = contract
            .columns
            .iter()
            .map(|column| Casters { written: Caster::new(column), typed: Caster::typed(column) })
            .collect();
        let mut schema = vec![Field::new("_line", DataType::Int64, false)];
        schema.extend(contract.columns.iter().map(|column| Field::new(&column.name, arrow_type(column.kind), true)));
        let is_typed_format = contract.dialect.format.names_columns();
        let schema = Schema::new(schema);
        let key = contract.key.iter().filter_map(|name| schema.index_of(name).ok()).collect();
        Self { splitter, columns, repairs, key, is_typed_format, schema: Arc::new(schema) }
    }

    /// The columns of a batch: name and DuckDB type.
    pub fn columns(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        let columns = self.columns.iter().map(|casters| casters.written.column());
        std::iter::once(("_line", ColumnType::Bigint)).chain(columns.map(|column| (column.name.as_str(), column.kind)))
    }

    /// Casts one block of records.
    pub fn block(&self, block: &Block) -> Result<Typed> {
        let mut rows = self.rows(block.len());
        let mut spans = Vec::new();
        let text = if self.splitter.is_plain() { block.text() } else { None };
        for (record, text) in block.texts(text) {
            if self.is_repaired(record, &mut rows)? {
                continue;
            }
            let before = rows.rejects.len();
            let split = match text {
                Some(text) => self
                    .splitter
                    .split_text(text, &mut spans, |index, text| match self.columns[index].written.field(text) {
                        Ok(value) => rows.append(index, value),
                        Err(fault) => self.refuse(index, text, fault, record, &mut rows),
                    })
                    .map(|()| Fit::Exact),
                None => self.splitter.split(record, &mut spans, |index, cell| {
                    self.cell(index, &cell, record, &mut rows);
                }),
            };
            match split {
                Ok(fit) => {
                    rows.lines.append_value(i64::try_from(record.line)?);
                    let is_accepted = rows.rejects.len() == before;
                    rows.kept.push(is_accepted);
                    if is_accepted {
                        rows.count(fit);
                    }
                }
                Err(unsplit) => {
                    let column = unsplit.column.map(|index| self.columns[index].written.column().name.as_str());
                    rows.rejects.push(self.reject(record, column, None, unsplit.fault));
                }
            }
            rows.settle(before);
        }
        self.finish(rows)
    }

    /// Casts rows of a typed file, whose columns are the contract's as text; the first is row `first`, from 1.
    pub fn batch(&self, texts: &RecordBatch, is_typed: &[bool], first: u64) -> Result<Typed> {
        let mut rows = self.rows(texts.num_rows());
        let headers: Vec<&str> = self.columns.iter().map(|casters| casters.written.column().header.as_str()).collect();
        for index in 0..texts.num_rows() {
            let line = first + index as u64;
            let cells: Vec<Option<&str>> = texts
                .columns()
                .iter()
                .map(|column| column.as_string::<i32>())
                .map(|column| (!column.is_null(index)).then(|| column.value(index)))
                .collect();
            // The raw record of a file that is no text: the row as an object.
            let raw = || parquet::raw_row(&headers, texts, index);
            let bytes = if self.repairs.has(line) { raw() } else { String::new() };
            let record = Record { bytes: bytes.as_bytes(), line, fault: None };
            if self.is_repaired(record, &mut rows)? {
                continue;
            }
            let before = rows.rejects.len();
            for (column, cell) in cells.iter().enumerate() {
                let cell = match (cell, is_typed[column]) {
                    (None, _) => Cell::Absent,
                    (Some(text), _) if text.contains('\0') => {
                        Cell::Bad(Fault::new(Code::NulByte, "the text holds NUL"), text.replace('\0', "\\x00"))
                    }
                    (Some(text), true) => Cell::Typed(Cow::Borrowed(*text)),
                    (Some(text), false) => Cell::Text(Cow::Borrowed(*text)),
                };
                self.cell(column, &cell, record, &mut rows);
            }
            rows.lines.append_value(i64::try_from(line)?);
            rows.kept.push(rows.rejects.len() == before);
            if let Some(first) = rows.rejects.get_mut(before) {
                first.raw = raw().into();
            }
            rows.settle(before);
        }
        self.finish(rows)
    }

    fn rows(&self, count: usize) -> Rows {
        Rows {
            lines: Int64Builder::with_capacity(count),
            builders: self.columns.iter().map(|casters| Builder::new(casters.written.column().kind, count)).collect(),
            rounded: Vec::new(),
            kept: Vec::with_capacity(count),
            rejects: Vec::new(),
            rejected: 0,
            repaired: 0,
            fitted: Fitted::default(),
        }
    }

    /// Appends one cell to its column, as absent if it is at fault.
    fn cell(&self, index: usize, cell: &Cell<'_>, record: Record<'_>, rows: &mut Rows) {
        let casters = &self.columns[index];
        let (result, text) = match cell {
            Cell::Text(text) => (casters.written.field(text), text.as_ref()),
            Cell::Typed(text) => (casters.typed.field(text), text.as_ref()),
            Cell::Absent => (casters.written.absent(), ""),
            Cell::Bad(fault, shown) => (Err(fault.clone()), shown.as_str()),
        };
        match result {
            Ok(value) => rows.append(index, value),
            Err(fault) => self.refuse(index, text, fault, record, rows),
        }
    }

    /// Notes a fault in a cell, which counts as absent until its row is dropped.
    #[cold]
    fn refuse(&self, index: usize, text: &str, fault: Fault, record: Record<'_>, rows: &mut Rows) {
        let reject = self.reject(record, Some(&self.columns[index].written.column().name), Some(text), fault);
        rows.builders[index].append_null();
        rows.rejects.push(reject);
    }

    fn reject(&self, record: Record<'_>, column: Option<&str>, value: Option<&str>, fault: Fault) -> Reject {
        Reject {
            line: record.line,
            column: column.map(str::to_owned),
            value: value.map(shortened),
            fault,
            raw: self.splitter.printable(record.bytes).into(),
        }
    }

    /// Takes the repaired fields in place of a record, if it has any.
    fn is_repaired(&self, record: Record<'_>, rows: &mut Rows) -> Result<bool> {
        if self.repairs.is_empty() {
            return Ok(false);
        }
        let Some(fields) = self.repairs.of(record.line, || self.splitter.printable(record.bytes)) else {
            return Ok(false);
        };
        let before = rows.rejects.len();
        for (index, field) in fields.iter().enumerate() {
            let text = Cow::Borrowed(field.as_str());
            // Numbers of JSON and Parquet have one spelling, whatever the contract says of its texts.
            let is_typed = self.is_typed_format && self.columns[index].written.column().kind.is_number();
            let cell = if is_typed { Cell::Typed(text) } else { Cell::Text(text) };
            self.cell(index, &cell, record, rows);
        }
        rows.lines.append_value(i64::try_from(record.line)?);
        let is_accepted = rows.rejects.len() == before;
        rows.kept.push(is_accepted);
        rows.repaired += u64::from(is_accepted);
        rows.settle(before);
        Ok(true)
    }

    fn finish(&self, mut rows: Rows) -> Result<Typed> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(rows.lines.finish())];
        arrays.extend(rows.builders.into_iter().map(Builder::finish));
        let mut batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        if rows.kept.contains(&false) {
            batch = kept(&batch, &rows.kept)?;
        }
        let totals = batch.columns()[1..].iter().map(total).collect();
        let mut rounded = vec![0; self.columns.len()];
        for (_, column) in rows.rounded.iter().filter(|(row, _)| rows.kept[*row]) {
            rounded[*column] += 1;
        }
        let keys = key_hash::of_batch(&batch, &self.key);
        let Rows { rejects, rejected, repaired, fitted, .. } = rows;
        Ok(Typed { batch, rejects, rejected, repaired, fitted, totals, rounded, keys })
    }
}

/// The rows of a batch that are marked. Rejected ones are few, so the rows between two of them are copied at once.
fn kept(batch: &RecordBatch, marks: &[bool]) -> Result<RecordBatch> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (row, _) in marks.iter().enumerate().filter(|(_, is_kept)| **is_kept) {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => runs.push(row..row + 1),
        }
    }
    let rows = runs.iter().map(Range::len).sum();
    let columns = batch.columns().iter().map(|column| {
        let data = column.to_data();
        let mut copy = MutableArrayData::new(vec![&data], false, rows);
        runs.iter().for_each(|run| copy.extend(0, run.start, run.end));
        make_array(copy.freeze())
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}

/// The sum of a column of numbers; 0 for others.
fn total(column: &ArrayRef) -> Option<i128> {
    let add = |sum: i128, number: i128| sum.checked_add(number);
    match column.data_type() {
        DataType::Int32 => column.as_primitive::<Int32Type>().iter().flatten().map(i128::from).try_fold(0, add),
        DataType::Int64 => column.as_primitive::<Int64Type>().iter().flatten().map(i128::from).try_fold(0, add),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().iter().flatten().try_fold(0, add),
        _ => Some(0),
    }
}

/// A value for the list of rejects: the raw record has all of it.
fn shortened(value: &str) -> String {
    const SHOWN: usize = 1000;
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some((at, _)) => format!("{}…", &value[..at]),
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
        let value = match value {
            Value::Rounded(number) => Value::Number(number),
            value => value,
        };
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
