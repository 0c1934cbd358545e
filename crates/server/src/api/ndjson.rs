//! A table as NDJSON: a flat object per row and line.

use anyhow::Result;
use salesmart_metrics::money::Amounts;
use serde::Serialize;

use super::tabular::{Table, Values};

/// The whole file.
pub(super) fn write(table: &Table) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for row in 0..table.rows {
        for (place, column) in table.columns.iter().enumerate() {
            out.push(if place == 0 { b'{' } else { b',' });
            serde_json::to_writer(&mut out, &column.name)?;
            out.push(b':');
            match &column.values {
                Values::Text(values) => write_one(&mut out, &values[row])?,
                Values::Count(values) => write_one(&mut out, &values[row])?,
                Values::Amount(values) => write_one(&mut out, &values[row].json()?)?,
                Values::Ratio(values) => write_one(&mut out, &values[row])?,
                Values::Day(values) => write_one(&mut out, &values[row])?,
                Values::Flag(values) => write_one(&mut out, &values[row])?,
            }
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

fn write_one(out: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    Ok(serde_json::to_writer(out, value)?)
}
