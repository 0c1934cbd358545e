//! PostgreSQL's binary COPY format, written from DuckDB's Arrow batches.
//!
//! Source of the format: the PostgreSQL manual, chapter COPY, section "Binary Format", and the binary forms of
//! the types (`numeric_send`, `date_send`, `timestamp_send`).

use anyhow::{Result, bail};
use duckdb::arrow::array::{Array, AsArray};
use duckdb::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use duckdb::arrow::record_batch::RecordBatch;
use salesmart_base::failure::Failure;

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's day zero.
const EPOCH_DAYS: i32 = 10_957;

/// The same in microseconds.
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Writes one COPY stream into memory, from where it is taken piece by piece.
pub struct Encoder {
    buffer: Vec<u8>,
}

impl Encoder {
    /// Starts a stream.
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(1 << 19);
        buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.extend_from_slice(&[0; 8]); // no flags, no header extension
        Self { buffer }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// A type or a value without a binary form.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(|column| Column::of(column.as_ref())).collect::<Result<Vec<_>>>()?;
        let width = i16::try_from(columns.len())?.to_be_bytes();
        for row in 0..batch.num_rows() {
            self.buffer.extend_from_slice(&width);
            for column in &columns {
                column.write(row, &mut self.buffer)?;
            }
        }
        Ok(())
    }

    /// Bytes that were not taken yet.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the bytes so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.buffer, Vec::with_capacity(1 << 19))
    }

    /// Ends the stream; returns its last bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        self.buffer
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// An array whose type is known.
enum Column<'a> {
    Int32(&'a dyn Array, &'a [i32]),
    Int64(&'a dyn Array, &'a [i64]),
    Decimal(&'a dyn Array, &'a [i128], u32),
    Text(&'a duckdb::arrow::array::StringArray),
    Date(&'a dyn Array, &'a [i32]),
    Timestamp(&'a dyn Array, &'a [i64]),
    Boolean(&'a duckdb::arrow::array::BooleanArray),
}

impl<'a> Column<'a> {
    fn of(array: &'a dyn Array) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Int32 => Self::Int32(array, array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Self::Int64(array, array.as_primitive::<Int64Type>().values()),
            DataType::Decimal128(_, scale) if *scale >= 0 => {
                Self::Decimal(array, array.as_primitive::<Decimal128Type>().values(), u32::from(scale.unsigned_abs()))
            }
            DataType::Utf8 => Self::Text(array.as_string::<i32>()),
            DataType::Date32 => Self::Date(array, array.as_primitive::<Date32Type>().values()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::Timestamp(array, array.as_primitive::<TimestampMicrosecondType>().values())
            }
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            other => bail!("a column of type {other} cannot be copied"),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Int32(array, _)
            | Self::Int64(array, _)
            | Self::Decimal(array, ..)
            | Self::Date(array, _)
            | Self::Timestamp(array, _) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::Boolean(array) => array.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        match self {
            Self::Int32(_, values) => field(out, &values[row].to_be_bytes()),
            Self::Int64(_, values) => field(out, &values[row].to_be_bytes()),
            Self::Decimal(_, values, scale) => numeric(out, values[row], *scale),
            Self::Text(values) => field(out, values.value(row).as_bytes()),
            Self::Date(_, values) if values[row].unsigned_abs() == i32::MAX.unsigned_abs() => Err(infinite()),
            Self::Date(_, values) => {
                field(out, &values[row].checked_sub(EPOCH_DAYS).ok_or_else(out_of_range)?.to_be_bytes())
            }
            Self::Timestamp(_, values) if values[row].unsigned_abs() == i64::MAX.unsigned_abs() => Err(infinite()),
            Self::Timestamp(_, values) => {
                field(out, &values[row].checked_sub(EPOCH_MICROS).ok_or_else(out_of_range)?.to_be_bytes())
            }
            Self::Boolean(values) => field(out, &[u8::from(values.value(row))]),
        }
    }
}

/// DuckDB's infinite days and moments are its largest and smallest ones.
fn infinite() -> anyhow::Error {
    Failure::new("a mart holds an infinite date or timestamp, which is not pushed; use NULL").into()
}

/// DuckDB's years go further back than those of PostgreSQL.
fn out_of_range() -> anyhow::Error {
    Failure::new("a mart holds a date or timestamp that lies further back than PostgreSQL reaches; use NULL").into()
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    out.extend_from_slice(&i32::try_from(bytes.len())?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// `value / 10^scale` as numeric: digits in base 10000, with the decimal point between two of them.
fn numeric(out: &mut Vec<u8>, value: i128, scale: u32) -> Result<()> {
    let pad = (4 - scale % 4) % 4;
    let behind = ((scale + pad) / 4) as usize;
    // At most 10 groups before the point and 10 behind it, least significant first.
    let mut groups = [0_u16; 20];
    let mut count = 0;
    let magnitude = value.unsigned_abs();
    match u64::try_from(magnitude).ok().and_then(|small| small.checked_mul(10_u64.pow(pad))) {
        // Nearly all numbers are small enough for the machine's own arithmetic, which is many times as fast.
        Some(mut rest) => {
            while rest > 0 {
                groups[count] = (rest % 10_000) as u16;
                rest /= 10_000;
                count += 1;
            }
            count = count.max(behind);
        }
        None => {
            let unit = 10_u128.pow(scale);
            let (whole, fraction) = (magnitude / unit, magnitude % unit);
            let Some(mut rest) = fraction.checked_mul(10_u128.pow(pad)) else {
                bail!("a number with {scale} decimal places cannot be copied");
            };
            for group in &mut groups[..behind] {
                *group = (rest % 10_000) as u16;
                rest /= 10_000;
            }
            count = behind;
            let mut rest = whole;
            while rest > 0 {
                groups[count] = (rest % 10_000) as u16;
                rest /= 10_000;
                count += 1;
            }
        }
    }
    let first = groups[..count].iter().rposition(|group| *group != 0).map_or(0, |index| index + 1);
    let last = groups[..first].iter().position(|group| *group != 0).unwrap_or(first);
    let digits = first - last;
    // The weight of the first group is its power of 10000; of zero it is 0.
    let weight = if digits == 0 { 0 } else { i16::try_from(first)? - 1 - i16::try_from(behind)? };
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    out.extend_from_slice(&i32::try_from(8 + 2 * digits)?.to_be_bytes());
    out.extend_from_slice(&i16::try_from(digits)?.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&i16::try_from(scale)?.to_be_bytes());
    for group in groups[last..first].iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: i128, scale: u32) -> Vec<i16> {
        let mut out = Vec::new();
        numeric(&mut out, value, scale).unwrap();
        out[4..].chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn numerics_have_their_groups_around_the_point() {
        assert_eq!(words(0, 4), [0, 0, 0, 4]);
        assert_eq!(words(10_000, 4), [1, 0, 0, 4, 1]);
        assert_eq!(words(12_345_678, 4), [2, 0, 0, 4, 1234, 5678]);
        assert_eq!(words(-1, 4), [1, -1, 0x4000, 4, 1]);
        assert_eq!(words(1999, 2), [2, 0, 0, 2, 19, 9900]);
        assert_eq!(words(100_000_000, 0), [1, 2, 0, 0, 1]);
        assert_eq!(words(1, 6), [1, -2, 0, 6, 100]);
        assert_eq!(words(0, 0), [0, 0, 0, 0]);
        // The last that fits the machine's own arithmetic, and the first that does not.
        assert_eq!(words(u64::MAX.into(), 0), [5, 4, 0, 0, 1844, 6744, 737, 955, 1615]);
        assert_eq!(words(1 << 64, 0), [5, 4, 0, 0, 1844, 6744, 737, 955, 1616]);
        assert_eq!(words(-(10_i128.pow(20)), 2), [1, 4, 0x4000, 2, 100]);
    }
}
