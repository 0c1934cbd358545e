//! The row hash, computed from Arrow batches on their way to PostgreSQL: the same function as [`PushTable::row_hash`] in DuckDB and
//! [`PushTable::warehouse_row_hash`] in PostgreSQL, at a quarter of the time that DuckDB takes for texts that nobody keeps.

use std::sync::Arc;

use anyhow::{Result, bail};
use duckdb::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use duckdb::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use duckdb::arrow::record_batch::RecordBatch;
use md5::{Digest, Md5};

use super::schema::{PushTable, ROW_HASH};

/// The batch, which has all columns of the table but the hash, with the hash of each row as its last column.
///
/// # Errors
/// A column of a type that is not pushed.
pub fn with_hashes(table: &PushTable, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    let schema = batch.schema();
    let sources = names
        .iter()
        .map(|name| Source::of(batch.column(schema.index_of(name)?).as_ref()))
        .collect::<Result<Vec<_>>>()?;
    let mut text = Vec::with_capacity(512);
    let hashes: Int64Array = (0..batch.num_rows()).map(|row| Some(hash(&sources, row, &mut text))).collect();
    let fields = schema.fields().iter().cloned().chain([Arc::new(Field::new(ROW_HASH, DataType::Int64, false))]);
    let columns: Vec<ArrayRef> = batch.columns().iter().cloned().chain([Arc::new(hashes) as ArrayRef]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?)
}

/// The first 63 bits of the md5 of the row's text.
fn hash(sources: &[Source<'_>], row: usize, text: &mut Vec<u8>) -> i64 {
    text.clear();
    for (index, source) in sources.iter().enumerate() {
        if index > 0 {
            text.push(b'|');
        }
        source.write(row, text);
    }
    let digest: [u8; 16] = Md5::digest(&*text).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1).cast_signed()
}

/// The values of a column.
struct Source<'a> {
    array: &'a dyn Array,
    values: Values<'a>,
}

enum Values<'a> {
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    /// With the number of places, and the least number of digits.
    Decimal(&'a [i128], usize, usize),
    Text(&'a duckdb::arrow::array::StringArray),
    Date(&'a [i32]),
    Boolean(&'a duckdb::arrow::array::BooleanArray),
}

impl<'a> Source<'a> {
    fn of(array: &'a dyn Array) -> Result<Self> {
        let values = match array.data_type() {
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
            DataType::Decimal128(precision, scale) => {
                let scale = usize::try_from(*scale)?;
                // DuckDB writes no 0 before the point where the type leaves no room for another digit.
                let least = if usize::from(*precision) > scale { scale + 1 } else { scale };
                Values::Decimal(array.as_primitive::<Decimal128Type>().values(), scale, least)
            }
            DataType::Utf8 => Values::Text(array.as_string::<i32>()),
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().values()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Values::Int64(array.as_primitive::<TimestampMicrosecondType>().values())
            }
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            other => bail!("a column of type {other} has no row hash"),
        };
        Ok(Self { array, values })
    }

    /// The value as text, as `Kind::hashed` has DuckDB write it.
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_null(row) {
            out.push(b'~');
            return;
        }
        match &self.values {
            Values::Int32(values) => integer(out, i64::from(values[row])),
            Values::Int64(values) => integer(out, values[row]),
            Values::Decimal(values, scale, least) => decimal(out, values[row], *scale, *least),
            Values::Text(values) => {
                let value = values.value(row).as_bytes();
                digits(out, value.len() as u128, 1);
                out.push(b':');
                out.extend_from_slice(value);
            }
            Values::Date(values) => date(out, i64::from(values[row])),
            Values::Boolean(values) => out.extend_from_slice(if values.value(row) { b"true" } else { b"false" }),
        }
    }
}

fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs().into(), 1);
}

/// At least so many digits.
fn digits(out: &mut Vec<u8>, value: u128, least: usize) {
    let mut buffer = [b'0'; 40];
    let mut start = buffer.len();
    let mut large = value;
    // Nearly all numbers are small enough for the machine's own arithmetic, which is many times as fast.
    while large > u128::from(u64::MAX) {
        start -= 1;
        buffer[start] = b'0' + (large % 10) as u8;
        large /= 10;
    }
    let mut rest = large as u64;
    while rest > 0 {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&buffer[start.min(buffer.len() - least)..]);
}

/// `-0.0100`: as many places as the scale says.
fn decimal(out: &mut Vec<u8>, value: i128, scale: usize, least: usize) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs(), least);
    if scale > 0 {
        out.push(b'.');
        let point = out.len() - 1 - scale;
        out[point..].rotate_right(1);
    }
}

/// `2024-02-29`, and `0044-03-15 (BC)`. By the calendar of Gregory, of which every 400 years have 146,097 days.
fn date(out: &mut Vec<u8>, days: i64) {
    // Days and years since the first of March of the year 0: then a leap day is the last of its year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (shown, suffix): (i64, &[u8]) = if year > 0 { (year, b"") } else { (1 - year, b" (BC)") };
    digits(out, shown.unsigned_abs().into(), 4);
    for part in [month, day] {
        out.push(b'-');
        digits(out, part.unsigned_abs().into(), 2);
    }
    out.extend_from_slice(suffix);
}

#[cfg(test)]
mod tests {
    use duckdb::Connection;
    use proptest::prelude::*;

    use super::super::schema::{Column, Kind};
    use super::*;

    fn table() -> PushTable {
        let kinds = [
            ("big", Kind::Bigint),
            ("small", Kind::Integer),
            ("money", Kind::Numeric(18, 4)),
            ("share", Kind::Numeric(38, 20)),
            ("whole", Kind::Numeric(10, 0)),
            ("below_one", Kind::Numeric(6, 6)),
            ("text", Kind::Text),
            ("day", Kind::Date),
            ("moment", Kind::Timestamp),
            ("flag", Kind::Boolean),
        ];
        PushTable {
            name: "t".into(),
            key: vec!["big".into()],
            logical_key: vec!["big".into()],
            partition: None,
            columns: kinds.iter().map(|(name, kind)| Column { name: (*name).into(), kind: *kind }).collect(),
        }
    }

    /// DuckDB's hash and ours of one row of these values.
    fn both(values: &str) -> (i64, i64) {
        let conn = Connection::open_in_memory().unwrap();
        let table = table();
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
        conn.execute_batch(&format!("create table t ({}); insert into t values ({values})", columns.join(", ")))
            .unwrap();
        let theirs = conn.query_row(&format!("select {} from t", table.row_hash()), [], |row| row.get(0)).unwrap();
        let mut statement = conn.prepare("from t").unwrap();
        let batch = statement.stream_arrow([]).unwrap().next().unwrap();
        let hashed = with_hashes(&table, &batch).unwrap();
        (theirs, hashed.column(table.columns.len()).as_primitive::<Int64Type>().value(0))
    }

    #[test]
    fn rows_at_the_edges_have_duckdbs_hash() {
        for values in [
            "null, null, null, null, null, null, null, null, null, null",
            "0, 0, 0, 0, 0, 0, '', '1970-01-01', '1970-01-01', true",
            "-9223372036854775807, -2147483648, -0.0001, -123456789012345678.00000000000000000001, -9, -0.999999, 'ä|~', '0001-01-01', '1969-12-31 23:59:59.999999', false",
            "9223372036854775807, 2147483647, 99999999999999.9999, 123456789012345678.5, 9999999999, 0.000001, '~', '0044-03-15 (BC)', '0044-03-15 (BC) 12:00:00', null",
            "1, 1, 1, 1, 1, 0.5, 'a', '2000-02-29', '2024-02-29 12:34:56', true",
            "1, 1, 1, 1, 1, 0.5, 'a', '0000-02-29', '12345-12-31 00:00:00', true",
            "1, 1, 1, 1, 1, 0.5, 'a', '5000000-01-01', '1900-03-01 00:00:00', true",
        ] {
            let (theirs, ours) = both(values);
            assert_eq!(theirs, ours, "{values}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn random_rows_have_duckdbs_hash(
            big: i64, small: i32, money in -(10_i64.pow(18) - 1)..10_i64.pow(18), share in -(10_i128.pow(37))..10_i128.pow(37),
            below in -999_999_i32..1_000_000, text in "\\PC{0,40}", day in -2_000_000_i32..20_000_000, moment in -(1_i64 << 55)..1_i64 << 55, flag: bool,
        ) {
            let decimal = |value: i128, scale: usize| {
                let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
                let (whole, places) = digits.split_at(digits.len() - scale);
                format!("{}{whole}.{places}", if value < 0 { "-" } else { "" })
            };
            let values = format!(
                "{big}, {small}, {}, '{}', {small}, {}, '{}', date '1970-01-01' + {day}::integer, make_timestamp({moment}), {flag}",
                decimal(money.into(), 4), decimal(share, 20), decimal(below.into(), 6), text.replace('\'', "''")
            );
            let (theirs, ours) = both(&values);
            prop_assert_eq!(theirs, ours, "{}", values);
        }
    }
}
