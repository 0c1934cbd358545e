//! Reads the columns of a Parquet file as text, with the file's own schema and without any arithmetic on its numbers.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use duckdb::arrow::array::{ArrayRef, StringArray, StringBuilder};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use parquet::basic::Repetition;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType as Stored;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::TypePtr;

use super::kind::Kind;
use super::spelling;
use crate::read::block::BLOCK_RECORDS;

/// One column that is read.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Its place among the columns of the schema's root.
    pub place: usize,
    /// What its values are.
    pub kind: Kind,
    /// Moments end with the offset of UTC.
    pub is_marked_utc: bool,
}

/// The columns of a schema: those that stand in its root, in order.
///
/// # Errors
/// The file is no Parquet file.
pub fn fields(path: &Path) -> Result<Vec<TypePtr>> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    Ok(reader.metadata().file_metadata().schema().get_fields().to_vec())
}

/// Hands batches of rows with these columns to `each`, until it returns false; where there is no column, all values are absent.
/// Returns how many rows there were, and how many values each column had.
///
/// # Errors
/// Damage, and what the format has but nobody can read.
pub fn read(
    path: &Path,
    selected: &[Option<Selected>],
    mut each: impl FnMut(RecordBatch) -> bool,
) -> Result<(u64, Vec<u64>)> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let fields = selected.iter().enumerate().map(|(number, _)| Field::new(number.to_string(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let (mut rows, mut counts) = (0, vec![0; selected.len()]);
    let root = reader.metadata().file_metadata().schema().get_fields().to_vec();
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number)?;
        let mut left = usize::try_from(group.metadata().num_rows()).context("a row group has fewer than no rows")?;
        let mut columns = selected
            .iter()
            .map(|selected| selected.as_ref().map(|selected| Column::open(group.as_ref(), &root, selected)).transpose())
            .collect::<Result<Vec<_>>>()?;
        while left > 0 {
            let count = left.min(BLOCK_RECORDS);
            let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
            for (column, values) in columns.iter_mut().zip(&mut counts) {
                let Some(column) = column else {
                    arrays.push(Arc::new(StringArray::new_null(count)));
                    continue;
                };
                let mut builder = StringBuilder::with_capacity(count, count * 16);
                *values += column.read(count, &mut builder)?;
                arrays.push(Arc::new(builder.finish()));
            }
            left -= count;
            rows += count as u64;
            let options = duckdb::arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(count));
            if !each(RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?) {
                return Ok((rows, counts));
            }
        }
    }
    Ok((rows, counts))
}

/// A column of one row group.
struct Column {
    reader: ColumnReader,
    kind: Kind,
    is_marked_utc: bool,
    is_optional: bool,
    /// Buffer for the text of one value.
    text: String,
}

impl Column {
    fn open(group: &dyn RowGroupReader, root: &[TypePtr], selected: &Selected) -> Result<Self> {
        // Columns before it may be groups with several columns below them.
        let leaf = root[..selected.place].iter().map(leaves).sum();
        let is_optional = root[selected.place].get_basic_info().repetition() == Repetition::OPTIONAL;
        let Selected { kind, is_marked_utc, .. } = *selected;
        Ok(Self { reader: group.get_column_reader(leaf)?, kind, is_marked_utc, is_optional, text: String::new() })
    }

    /// Appends the next `count` values, and returns how many of them are there.
    fn read(&mut self, count: usize, into: &mut StringBuilder) -> Result<u64> {
        let Self { reader, kind, is_marked_utc, is_optional, text } = self;
        let (kind, is_marked_utc) = (*kind, *is_marked_utc);
        let mut rows = Rows { count, is_optional: *is_optional, is_absent: kind == Kind::Absent, text, into };
        let whole = |number: i128, bits: u32, out: &mut String| match kind {
            Kind::Decimal(scale) => spelling::decimal(number, scale, out),
            Kind::Unsigned => spelling::decimal(number.rem_euclid(1 << bits), 0, out),
            Kind::Day => spelling::day(number as i32, out),
            Kind::Time(unit) => spelling::time(number * unit.nanos(), out),
            Kind::Moment(unit, _) => {
                spelling::moment(number * unit.nanos(), out);
                out.push_str(if is_marked_utc { "+00" } else { "" });
            }
            _ => spelling::decimal(number, 0, out),
        };
        let bytes = |bytes: &[u8], out: &mut String| -> Result<()> {
            match kind {
                Kind::Decimal(scale) => {
                    spelling::decimal_of_bytes(bytes, scale, out).context("a decimal has no bytes, or far too many")?;
                }
                Kind::Uuid => spelling::uuid(bytes, out),
                Kind::Half => {
                    let [low, high] = bytes else { bail!("a number of 16 bits has {} bytes", bytes.len()) };
                    spelling::single(spelling::half(u16::from_le_bytes([*low, *high])), out);
                }
                _ => out.push_str(std::str::from_utf8(bytes).context("a text is not UTF-8")?),
            }
            Ok(())
        };
        match reader {
            ColumnReader::BoolColumnReader(reader) => rows.append(reader, |value, out| {
                out.push_str(if *value { "true" } else { "false" });
                Ok(())
            }),
            ColumnReader::Int32ColumnReader(reader) => rows.append(reader, |value, out| {
                whole(i128::from(*value), 32, out);
                Ok(())
            }),
            ColumnReader::Int64ColumnReader(reader) => rows.append(reader, |value, out| {
                whole(i128::from(*value), 64, out);
                Ok(())
            }),
            ColumnReader::Int96ColumnReader(reader) => rows.append(reader, |value, out| {
                spelling::moment(spelling::int96(value.data()), out);
                out.push_str(if is_marked_utc { "+00" } else { "" });
                Ok(())
            }),
            ColumnReader::FloatColumnReader(reader) => rows.append(reader, |value, out| {
                spelling::single(*value, out);
                Ok(())
            }),
            ColumnReader::DoubleColumnReader(reader) => rows.append(reader, |value, out| {
                spelling::double(*value, out);
                Ok(())
            }),
            ColumnReader::ByteArrayColumnReader(reader) => rows.append(reader, |value, out| bytes(value.data(), out)),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                rows.append(reader, |value, out| bytes(value.data(), out))
            }
        }
    }
}

/// The next rows of a column on their way into an array.
struct Rows<'a> {
    count: usize,
    is_optional: bool,
    /// All values count as absent, whatever is stored.
    is_absent: bool,
    text: &'a mut String,
    into: &'a mut StringBuilder,
}

impl Rows<'_> {
    fn append<T: Stored>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        mut spell: impl FnMut(&T::T, &mut String) -> Result<()>,
    ) -> Result<u64> {
        let (mut levels, mut values): (Vec<i16>, Vec<T::T>) = (Vec::new(), Vec::new());
        let (mut read, mut there) = (0, 0);
        while read < self.count {
            levels.clear();
            values.clear();
            let (records, ..) = reader.read_records(self.count - read, Some(&mut levels), None, &mut values)?;
            if records == 0 {
                bail!("a column ends before its row group does");
            }
            let mut values = values.iter();
            for row in 0..records {
                if self.is_absent || self.is_optional && levels.get(row) != Some(&1) {
                    self.into.append_null();
                    continue;
                }
                let value = values.next().context("a column has fewer values than rows")?;
                self.text.clear();
                spell(value, self.text)?;
                self.into.append_value(&self.text);
                there += 1;
            }
            read += records;
        }
        Ok(there)
    }
}

/// Columns of values below a column of the schema.
fn leaves(field: &TypePtr) -> usize {
    match field.is_primitive() {
        true => 1,
        false => field.get_fields().iter().map(leaves).sum(),
    }
}
