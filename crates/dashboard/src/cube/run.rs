//! The runs that a selection leaves.

use std::ops::Range as Units;
use std::rc::Rc;

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
        let from = days.partition_point(|day| *day < range.from);
        let to = from + days[from..].partition_point(|day| *day <= range.to);
        let found = cell.start as usize + from..cell.start as usize + to;
        let run = |units: Units<usize>| Run {
            cell: number as u32,
            start: units.start as u32,
            end: units.end as u32,
            sums: index.between(units.start, units.end),
        };
        if selection.picks_products() {
            runs.extend(of_products(selection, found).map(run));
        } else if !found.is_empty() {
            runs.push(run(found));
        }
    }
    runs.into()
}

/// Those parts of some lines that are of selected products.
fn of_products<'s>(selection: &'s Selection<'_>, lines: Units<usize>) -> impl Iterator<Item = Units<usize>> + 's {
    let product = &selection.cube().product;
    let is_selected = |line: &usize| selection.has_product(product[*line]);
    let mut next = lines.start;
    std::iter::from_fn(move || {
        let start = (next..lines.end).find(is_selected)?;
        next = (start..lines.end).find(|line| !is_selected(line)).unwrap_or(lines.end);
        Some(start..next)
    })
}
