//! A table as an Arrow IPC stream: amounts as decimals with four places or those of money, days as days.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use chrono::{Datelike, NaiveDate};
use salesmart_metrics::money::{scale, units};

use super::tabular::{Table, Values};

/// Digits of an amount in all.
const PRECISION: u8 = 38;

/// The whole stream. What is said of the whole goes into the schema's metadata.
pub(super) fn write(table: &Table, about: HashMap<String, String>) -> Result<Vec<u8>> {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for column in &table.columns {
        let array = array(&column.values)?;
        fields.push(Field::new(column.name.as_ref(), array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields).with_metadata(about));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
    Ok(writer.into_inner()?)
}

fn array(values: &Values) -> Result<ArrayRef> {
    Ok(match values {
        Values::Text(values) => Arc::new(StringArray::from_iter(values)),
        Values::Count(values) => Arc::new(Int64Array::from_iter(values)),
        Values::Amount(values) => {
            let units = values.iter().map(|value| value.map(units));
            Arc::new(Decimal128Array::from_iter(units).with_precision_and_scale(PRECISION, i8::try_from(scale())?)?)
        }
        Values::Ratio(values) => Arc::new(Float64Array::from_iter(values)),
        Values::Day(values) => Arc::new(Date32Array::from_iter(values.iter().map(|value| value.map(days_since_1970)))),
        Values::Flag(values) => Arc::new(BooleanArray::from_iter(values)),
    })
}

fn days_since_1970(day: NaiveDate) -> i32 {
    // Day 1 of the era is 1 January of year 1.
    const EPOCH: i32 = 719_163;
    day.num_days_from_ce() - EPOCH
}
