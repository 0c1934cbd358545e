//! Counting and summing sale lines by group, exactly, also what must be counted once.
//!
//! A page asks for a dozen of these, so each way of counting once has its own cost: marks per group in one pass where they fit
//! into the processor's cache, one mark per thing where groups come one after the other, sorting where neither holds.

use chrono::NaiveDate;

use super::key::{KeyFigures, ratio};
use crate::cube::{Columns, Cube, Selection, UNKNOWN};
use crate::money::Amount;

/// Marks of all groups take at most so many bytes.
const MARKS: usize = 4 * 1024 * 1024;

/// The figures of all selected lines.
pub fn whole(selection: &Selection<'_>) -> KeyFigures {
    by(selection, 1, |_| Some(0)).first().copied().unwrap_or_default()
}

/// The figures of each of so many groups; lines of no group are left out.
pub(super) fn by(
    selection: &Selection<'_>,
    groups: usize,
    group_of: impl FnMut(usize) -> Option<u32>,
) -> Vec<KeyFigures> {
    let cube = selection.cube();
    if groups * (cube.orders + cube.customers.len()) / 8 <= MARKS {
        marked(selection, groups, group_of)
    } else {
        sorted(selection, groups, group_of)
    }
}

/// The same where the groups of lines only grow, as buckets of time do.
pub(super) fn in_order(
    selection: &Selection<'_>,
    groups: usize,
    mut group_of: impl FnMut(usize) -> u32,
) -> Vec<KeyFigures> {
    let sales = &selection.cube().sales;
    let mut once = Once::of(selection.cube());
    let mut tallies = vec![Tally::default(); groups];
    selection.each(|line| {
        let group = group_of(line);
        let tally = &mut tallies[group as usize];
        tally.add(sales, line);
        once.count(sales, line, group + 1, tally);
    });
    tallies.iter().map(Tally::figures).collect()
}

/// Something of a line's day, worked out once for all lines of the day: they follow each other.
pub(super) fn by_day<T: Copy>(days: &[NaiveDate], of: impl Fn(NaiveDate) -> T) -> impl FnMut(usize) -> T {
    let mut last = None;
    move |line| {
        let day = days[line];
        match last {
            Some((known, value)) if known == day => value,
            _ => {
                let value = of(day);
                last = Some((day, value));
                value
            }
        }
    }
}

/// In one pass, with a mark for every thing in every group.
pub(super) fn marked(
    selection: &Selection<'_>,
    groups: usize,
    mut group_of: impl FnMut(usize) -> Option<u32>,
) -> Vec<KeyFigures> {
    let cube = selection.cube();
    let sales = &cube.sales;
    let (mut orders, mut customers) = (Marks::new(groups, cube.orders), Marks::new(groups, cube.customers.len()));
    let mut tallies = vec![Tally::default(); groups];
    let mut last = (u32::MAX, u32::MAX);
    selection.each(|line| {
        let Some(group) = group_of(line) else { return };
        let tally = &mut tallies[group as usize];
        tally.add(sales, line);
        // The lines of an order mostly follow each other, and have one customer.
        let order = sales.order[line];
        if !sales.is_return[line] && last != (group, order) {
            tally.orders += u64::from(orders.is_new(group, order));
            last = (group, order);
        }
        let customer = sales.customer[line];
        tally.customers += u64::from(customer != 0 && customers.is_new(group, customer));
    });
    tallies.iter().map(Tally::figures).collect()
}

/// In two passes: sums, then each group's lines one after the other.
pub(super) fn sorted(
    selection: &Selection<'_>,
    groups: usize,
    mut group_of: impl FnMut(usize) -> Option<u32>,
) -> Vec<KeyFigures> {
    let sales = &selection.cube().sales;
    let mut tallies = vec![Tally::default(); groups];
    let mut lines: Vec<(u32, u32)> = Vec::new();
    selection.each(|line| {
        let Some(group) = group_of(line) else { return };
        tallies[group as usize].add(sales, line);
        lines.push((group, line as u32));
    });
    let mut once = Once::of(selection.cube());
    let mut next = vec![0; groups];
    let mut start = 0;
    for (next, tally) in next.iter_mut().zip(&tallies) {
        *next = start;
        start += tally.lines as usize;
    }
    let mut grouped = vec![0; lines.len()];
    for (group, line) in &lines {
        let place = &mut next[*group as usize];
        grouped[*place] = *line;
        *place += 1;
    }
    let mut start = 0;
    for (group, tally) in tallies.iter_mut().enumerate() {
        let end = start + tally.lines as usize;
        for line in &grouped[start..end] {
            once.count(sales, *line as usize, group as u32 + 1, tally);
        }
        start = end;
    }
    tallies.iter().map(Tally::figures).collect()
}

/// What was seen already in the group at hand. Groups come one after the other, so one mark per thing is enough.
struct Once {
    orders: Vec<u32>,
    customers: Vec<u32>,
}

impl Once {
    fn of(cube: &Cube) -> Self {
        Self { orders: vec![0; cube.orders], customers: vec![0; cube.customers.len()] }
    }

    fn count(&mut self, sales: &Columns, line: usize, stamp: u32, tally: &mut Tally) {
        let is_new =
            |marks: &mut Vec<u32>, thing: u32| u64::from(std::mem::replace(&mut marks[thing as usize], stamp) != stamp);
        if !sales.is_return[line] {
            tally.orders += is_new(&mut self.orders, sales.order[line]);
        }
        // The first is the unknown one.
        if sales.customer[line] != 0 {
            tally.customers += is_new(&mut self.customers, sales.customer[line]);
        }
    }
}

/// A bit for every thing in every group.
struct Marks {
    bits: Vec<u64>,
    words: usize,
}

impl Marks {
    fn new(groups: usize, things: usize) -> Self {
        let words = things.div_ceil(64);
        Self { bits: vec![0; groups * words], words }
    }

    fn is_new(&mut self, group: u32, thing: u32) -> bool {
        let word = &mut self.bits[group as usize * self.words + thing as usize / 64];
        let bit = 1 << (thing % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

#[derive(Clone, Default)]
struct Tally {
    lines: u64,
    orders: u64,
    customers: u64,
    with_cost: u64,
    quantity: i128,
    revenue: i128,
    returns: i128,
    profit: i128,
    revenue_with_cost: i128,
}

impl Tally {
    fn add(&mut self, sales: &Columns, line: usize) {
        let revenue = i128::from(sales.revenue[line]);
        self.lines += 1;
        self.quantity += i128::from(sales.quantity[line]);
        self.revenue += revenue;
        if sales.is_return[line] {
            self.returns += revenue;
        }
        if sales.profit[line] != UNKNOWN {
            self.profit += i128::from(sales.profit[line]);
            self.revenue_with_cost += revenue;
            self.with_cost += 1;
        }
    }

    fn figures(&self) -> KeyFigures {
        let revenue = Amount(self.revenue);
        KeyFigures {
            revenue,
            profit: (self.with_cost > 0).then_some(Amount(self.profit)),
            margin: ratio(self.profit as f64, self.revenue_with_cost as f64),
            orders: self.orders,
            customers: self.customers,
            average_order: revenue.per(self.orders),
            lines: self.lines,
            quantity: Amount(self.quantity),
            returns: Amount(self.returns),
            revenue_with_cost: Amount(self.revenue_with_cost),
        }
    }
}
