//! A delta that is noted as its rows are sent: key and hash of each.

use std::iter;
use std::sync::Arc;

use anyhow::Result;
use duckdb::arrow::array::{ArrayRef, StringArray};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{Appender, Connection};

use super::row_hash;
use super::schema::{PushTable, ROW_HASH};

/// Takes notes of new rows.
pub struct Notes<'a> {
    table: &'a PushTable,
    appender: Appender<'a>,
}

impl<'a> Notes<'a> {
    /// For rows of this table, whose delta is there already and takes further entries.
    pub fn new(conn: &'a Connection, table: &'a PushTable) -> Result<Self> {
        Ok(Self { table, appender: conn.appender_to_db(&table.delta_name(), "sync")? })
    }

    /// Hashes the rows of a batch and notes them; returns them with their hashes.
    pub fn take(&mut self, rows: &RecordBatch) -> Result<RecordBatch> {
        let rows = row_hash::with_hashes(self.table, rows)?;
        let schema = rows.schema();
        let column = |name: &str| -> Result<(Field, ArrayRef)> {
            let index = schema.index_of(name)?;
            Ok((schema.field(index).clone(), Arc::clone(rows.column(index))))
        };
        let ops = StringArray::from_iter_values(iter::repeat_n("insert", rows.num_rows()));
        let op: (Field, ArrayRef) = (Field::new("_op", DataType::Utf8, false), Arc::new(ops));
        let mut columns = self.table.key.iter().map(|name| column(name)).collect::<Result<Vec<_>>>()?;
        columns.extend([op, column(ROW_HASH)?]);
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        self.appender.append_record_batch(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)?;
        Ok(rows)
    }

    /// Hands over what is still held back.
    pub fn finish(mut self) -> Result<()> {
        Ok(self.appender.flush()?)
    }
}
