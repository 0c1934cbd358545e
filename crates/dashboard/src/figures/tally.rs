//! Counting and summing sale lines by group, exactly, also what must be counted once.

use super::key::{KeyFigures, ratio};
use crate::cube::{Columns, Selection, UNKNOWN};
use crate::money::Amount;

/// The figures of all selected lines.
pub fn whole(selection: &Selection<'_>) -> KeyFigures {
    by(selection, 1, |_| Some(0)).first().copied().unwrap_or_default()
}

/// The figures of each of so many groups; lines of no group are left out.
pub(super) fn by(selection: &Selection<'_>, groups: usize, group_of: impl Fn(usize) -> Option<u32>) -> Vec<KeyFigures> {
    let cube = selection.cube();
    let sales = &cube.sales;
    let mut sums = vec![Sums::default(); groups];
    let mut lines: Vec<u32> = Vec::new();
    let mut group: Vec<u32> = Vec::new();
    let mut in_order = true;
    selection.each(|line| {
        let Some(of) = group_of(line) else { return };
        sums[of as usize].add(sales, line);
        in_order &= group.last().is_none_or(|last| *last <= of);
        lines.push(line as u32);
        group.push(of);
    });
    if !in_order {
        lines = sorted(&lines, &group, &sums);
    }
    let (mut orders, mut customers) = (Once::of(cube.orders), Once::of(cube.customers.len()));
    let mut start = 0;
    sums.iter()
        .enumerate()
        .map(|(at, sums)| {
            let own = &lines[start..start + sums.lines as usize];
            start += own.len();
            let stamp = at as u32 + 1;
            let (mut different_orders, mut different_customers) = (0, 0);
            for line in own {
                let line = *line as usize;
                different_orders += u64::from(!sales.is_return[line] && orders.is_new(sales.order[line], stamp));
                // The first is the unknown one.
                let customer = sales.customer[line];
                different_customers += u64::from(customer != 0 && customers.is_new(customer, stamp));
            }
            sums.figures(different_orders, different_customers)
        })
        .collect()
}

/// The lines by group, each group's in their order.
fn sorted(lines: &[u32], group: &[u32], sums: &[Sums]) -> Vec<u32> {
    let mut next: Vec<usize> = sums
        .iter()
        .scan(0, |start, sums| {
            let own = *start;
            *start += sums.lines as usize;
            Some(own)
        })
        .collect();
    let mut sorted = vec![0; lines.len()];
    for (line, group) in lines.iter().zip(group) {
        let place = &mut next[*group as usize];
        sorted[*place] = *line;
        *place += 1;
    }
    sorted
}

/// What was seen already in the group at hand. Groups come one after the other, so one mark per thing is enough.
struct Once(Vec<u32>);

impl Once {
    fn of(things: usize) -> Self {
        Self(vec![0; things])
    }

    fn is_new(&mut self, thing: u32, stamp: u32) -> bool {
        std::mem::replace(&mut self.0[thing as usize], stamp) != stamp
    }
}

#[derive(Clone, Default)]
struct Sums {
    lines: u64,
    quantity: i128,
    revenue: i128,
    returns: i128,
    profit: i128,
    revenue_with_cost: i128,
    with_cost: u64,
}

impl Sums {
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

    fn figures(&self, orders: u64, customers: u64) -> KeyFigures {
        let revenue = Amount(self.revenue);
        KeyFigures {
            revenue,
            profit: (self.with_cost > 0).then_some(Amount(self.profit)),
            margin: ratio(self.profit as f64, self.revenue_with_cost as f64),
            orders,
            customers,
            average_order: revenue.per(orders),
            lines: self.lines,
            quantity: Amount(self.quantity),
            returns: Amount(self.returns),
            revenue_with_cost: Amount(self.revenue_with_cost),
        }
    }
}
