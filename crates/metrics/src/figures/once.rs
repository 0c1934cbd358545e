//! What must be counted once in a group: orders and customers.
//!
//! The sums have most of it; the rest is marked, or listed where marks would take too much.

use std::collections::HashSet;
use std::ops::Range;

use chrono::NaiveDate;

use crate::cube::{Cube, Index, NO_ORDER, Picked, Scope, Selection, Sums, number};

/// Marks of all groups take at most so many bytes: as much as a processor keeps near.
const MARKS: usize = 8 * 1024 * 1024;

/// Who and what was counted already in each group.
pub(super) struct Counted<'c> {
    pub orders: Orders,
    pub scattered: Scattered,
    pub customers: Customers<'c>,
}

impl<'c> Counted<'c> {
    /// Of groups that have all selected lines of an order, or none, and all of a customer's on the selected days or some of
    /// them that follow each other.
    pub fn of(selection: &Selection<'c>, picked: &Picked<'c>, groups: usize) -> Self {
        let cube = selection.cube();
        Self {
            orders: if selection.has_whole_orders() { Orders::Summed } else { Orders::once(cube) },
            scattered: Scattered::new(picked.index, groups),
            customers: match selection.scope().filter(|_| selection.has_whole_orders()) {
                Some(scope) => Customers::seen(selection, picked, scope),
                None => Customers::by_group(cube, groups),
            },
        }
    }

    /// How many orders of some units were not in the group yet.
    #[inline]
    pub fn orders(&mut self, group: u32, index: &Index, units: Range<usize>, sums: &Sums) -> u64 {
        let orders = self.orders.count(group, index, units.clone(), sums);
        if sums.scattered == 0 {
            return orders;
        }
        orders + index.scattered(units).filter(|order| self.scattered.is_new(group, *order)).count() as u64
    }
}

/// Scattered orders of each group that were counted.
pub(super) enum Scattered {
    /// A mark for every one in every group.
    Marked { marks: Vec<u64>, words: usize },
    /// Group and order, where those marks would be too many.
    Listed(HashSet<(u32, u32)>),
}

impl Scattered {
    pub fn new(index: &Index, groups: usize) -> Self {
        let words = index.scattered_orders.div_ceil(64) as usize;
        match groups * words * 8 {
            bytes if bytes <= MARKS / 16 => Self::Marked { marks: vec![0; groups * words], words },
            _ => Self::Listed(HashSet::new()),
        }
    }

    pub fn is_new(&mut self, group: u32, order: u32) -> bool {
        match self {
            Self::Marked { marks, words } => mark(&mut marks[group as usize * *words..], order),
            Self::Listed(known) => known.insert((group, order)),
        }
    }
}

/// Orders of each group that are not scattered, each once.
pub(super) enum Orders {
    /// Each is in one cell of a group at most: they are in the sums.
    Summed,
    /// All selected lines of an order are in one group: a mark for every order.
    Once(Vec<u64>),
    /// Groups come one after the other: a mark for every order, and the group that they are for.
    InTurn(Vec<u64>, u32),
    /// The lines of an order that are in a group follow each other: the last order of every group.
    Adjacent(Vec<u32>),
}

impl Orders {
    pub fn once(cube: &Cube) -> Self {
        Self::Once(vec![0; cube.orders.div_ceil(64)])
    }

    pub fn in_turn(cube: &Cube) -> Self {
        Self::InTurn(vec![0; cube.orders.div_ceil(64)], 0)
    }

    pub fn adjacent(groups: usize) -> Self {
        Self::Adjacent(vec![NO_ORDER; groups])
    }

    /// How many of some units were not in the group yet.
    #[inline]
    pub fn count(&mut self, group: u32, index: &Index, units: Range<usize>, sums: &Sums) -> u64 {
        let is_whole = |order: &&u32| **order != NO_ORDER && **order >= index.scattered_orders;
        match self {
            Self::Summed => u64::from(sums.orders),
            Self::Once(marks) => {
                index.order[units].iter().filter(is_whole).map(|order| u64::from(mark(marks, *order))).sum()
            }
            Self::InTurn(marks, last) => {
                if *last != group {
                    marks.fill(0);
                    *last = group;
                }
                index.order[units].iter().filter(is_whole).map(|order| u64::from(mark(marks, *order))).sum()
            }
            Self::Adjacent(last) => {
                let last = &mut last[group as usize];
                let orders = index.order[units].iter().filter(is_whole);
                orders.map(|order| u64::from(std::mem::replace(last, *order) != *order)).sum()
            }
        }
    }
}

/// Known customers of each group, each once.
pub(super) enum Customers<'c> {
    /// When each unit's customer was seen before, and the first day of the group: new are those who were not seen since.
    Seen { seen: &'c [i32], from: i32 },
    /// A mark for every customer in every group.
    Marked { marks: Vec<u64>, words: usize },
    /// Group and customer, where those marks would be too many.
    Listed(Vec<(u32, u32)>),
    /// Each is in one group: a mark for every customer.
    Once(Vec<u64>),
}

impl<'c> Customers<'c> {
    pub fn seen(selection: &Selection<'c>, picked: &Picked<'c>, scope: Scope) -> Self {
        let from = selection.range().map_or(i32::MAX, |range| number(range.from));
        Self::Seen { seen: picked.index.seen(scope), from }
    }

    /// What is counted from now on is of a group that begins with this day.
    pub fn begin(&mut self, day: NaiveDate) {
        if let Self::Seen { from, .. } = self {
            *from = number(day);
        }
    }

    pub fn by_group(cube: &Cube, groups: usize) -> Self {
        let words = cube.customers.len().div_ceil(64);
        if groups * words * 8 > MARKS {
            return Self::Listed(Vec::new());
        }
        let mut marks = vec![0; groups * words];
        marks.iter_mut().step_by(words).for_each(|word| *word = UNKNOWN);
        Self::Marked { marks, words }
    }

    pub fn once(cube: &Cube) -> Self {
        let mut marks = vec![0; cube.customers.len().div_ceil(64)];
        marks[0] = UNKNOWN;
        Self::Once(marks)
    }

    /// How many of these were not in the group yet, as far as that is known before the end.
    #[inline]
    pub fn count(&mut self, group: u32, index: &Index, units: Range<usize>) -> u64 {
        let customers = &index.customer[units.clone()];
        let marks = match self {
            Self::Seen { seen, from } => return seen[units].iter().filter(|seen| **seen < *from).count() as u64,
            Self::Marked { marks, words } => &mut marks[group as usize * *words..(group as usize + 1) * *words],
            Self::Once(marks) => marks,
            Self::Listed(list) => {
                list.extend(customers.iter().filter(|customer| **customer != 0).map(|customer| (group, *customer)));
                return 0;
            }
        };
        customers.iter().map(|customer| u64::from(mark(marks, *customer))).sum()
    }

    /// The group of each that could not be counted before the end.
    pub fn listed(self) -> Vec<u32> {
        let Self::Listed(mut list) = self else { return Vec::new() };
        list.sort_unstable();
        list.dedup();
        list.into_iter().map(|(group, _)| group).collect()
    }
}

/// The mark of the unknown customer, who is the first: set from the start, so that it is never counted.
const UNKNOWN: u64 = 1;

/// Marks something; says whether it was not marked before.
#[inline]
fn mark(marks: &mut [u64], thing: u32) -> bool {
    let (word, bit) = (&mut marks[thing as usize / 64], 1 << (thing % 64));
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_count_as_marks_do(things in prop::collection::vec((0u32..5, 0u32..200), 0..300)) {
            let (mut marked, mut listed) =
                (Scattered::Marked { marks: vec![0; 5 * 4], words: 4 }, Scattered::Listed(HashSet::new()));
            for (group, order) in &things {
                prop_assert_eq!(marked.is_new(*group, *order), listed.is_new(*group, *order));
            }

            let mut index = Index::default();
            index.customer.extend(things.iter().map(|(_, customer)| *customer));
            let mut marks = vec![0; 5 * 4];
            marks.iter_mut().step_by(4).for_each(|word| *word = UNKNOWN);
            let (mut marked, mut listed) = (Customers::Marked { marks, words: 4 }, Customers::Listed(Vec::new()));
            let mut counted = [0; 5];
            for (at, (group, _)) in things.iter().enumerate() {
                counted[*group as usize] += marked.count(*group, &index, at..at + 1);
                prop_assert_eq!(listed.count(*group, &index, at..at + 1), 0);
            }
            let listed = listed.listed();
            for (group, counted) in (0..5).zip(counted) {
                prop_assert_eq!(listed.iter().filter(|own| **own == group).count() as u64, counted);
            }
        }
    }
}
