//! The runs that a selection leaves.

use std::ops::Range as Units;
use std::rc::Rc;

use chrono::NaiveDate;

use super::index::{Index, Sums};
use super::{Grain, Selection};
use crate::calendar::Range;

/// Units of one cell that are next to each other and all selected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Place in the index's cells.
    pub cell: u32,
    /// The first of its units, and the first that is none of them.
    start: u32,
    end: u32,
    /// What they make; known here because looking it up is slow compared with all else.
    pub sums: Sums,
}

impl Run {
    /// The places of its units in the columns.
    pub fn units(&self) -> Units<usize> {
        self.start as usize..self.end as usize
    }
}

/// What is selected of an index.
#[derive(Debug, Clone)]
pub(crate) struct Picked<'c> {
    pub index: &'c Index,
    /// Cell by cell.
    pub runs: Rc<[Run]>,
}

/// The runs of some days.
pub(super) fn runs(selection: &Selection<'_>, grain: Grain, range: Range) -> Rc<[Run]> {
    let index = selection.cube().index(grain);
    let mut runs = Vec::new();
    for (number, cell) in index.cells.iter().enumerate().filter(|(_, cell)| selection.has_cell(cell)) {
        let days = &index.day[cell.start as usize..cell.end as usize];
        let from = before(days, range.from);
        let to = range.to.succ_opt().map_or(days.len(), |next| before(days, next));
        if from < to {
            let (start, end) = (cell.start as usize + from, cell.start as usize + to);
            let sums = index.between(start, end);
            runs.push(Run { cell: number as u32, start: start as u32, end: end as u32, sums });
        }
    }
    runs.into()
}

/// How many days, which are in order, are before this one. Sales are spread evenly enough for a guess that is nearly right, and
/// looking around it stays near in memory.
fn before(days: &[NaiveDate], day: NaiveDate) -> usize {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return 0 };
    let (into, whole) = ((day - *first).num_days(), (*last - *first).num_days() + 1);
    let guess = (days.len() as i64 * into / whole).clamp(0, days.len() as i64) as usize;
    let is_before = |at: usize| days[at] < day;
    let (mut low, mut high, mut step) = (guess, guess, 8);
    while low > 0 && !is_before(low - 1) {
        (high, low, step) = (low - 1, low.saturating_sub(step), step * 2);
    }
    while high < days.len() && is_before(high) {
        (low, high, step) = (high + 1, (high + step).min(days.len()), step * 2);
    }
    low + days[low..high].partition_point(|other| *other < day)
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn days_before_a_day_are_counted(mut days in prop::collection::vec(0u64..60, 0..80), day in 0u64..60) {
            days.sort_unstable();
            let at = |day: u64| NaiveDate::default() + Days::new(day * day);
            let known: Vec<NaiveDate> = days.iter().map(|day| at(*day)).collect();
            prop_assert_eq!(before(&known, at(day)), days.iter().filter(|other| **other < day).count());
        }
    }
}
