//! What changes in one table of the warehouse: the unit that a sync's steps, checks and totals work on.

use salesmart_base::count::RowCounts;

use super::delta::Extent;
use super::schema::PushTable;

/// A table and the size of its delta.
pub struct Change<'a> {
    /// The table.
    pub table: &'a PushTable,
    /// What changes.
    pub counts: RowCounts,
    /// What of it is in the staging file.
    pub extent: Extent,
    /// All rows of the mart.
    pub held: u64,
    /// The condition that a row's day is one of those from the first to the last that change; none in a table without months.
    pub days: Option<String>,
}

impl Change<'_> {
    /// The table into which the rows are to be noted as they are sent.
    pub fn noted(&self) -> Option<&PushTable> {
        (self.extent == Extent::Whole).then_some(self.table)
    }

    /// The days as a further condition, so that the other months of the mart, which is sorted by them, are skipped.
    pub fn and_days(&self) -> String {
        self.days.as_ref().map_or_else(String::new, |days| format!(" and {days}"))
    }
}
