//! Counting and summing what was sold by group, exactly.

use std::marker::PhantomData;
use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::key::{Figures, KeyFigures, Revenue, ratio};
use super::once::{Counted, Customers, Orders};
use crate::calendar::Range as Days;
use crate::cube::{Cell, Index, Picked, Run, Scope, Selection, Sums};
use crate::money::{amount, per};

/// The figures of all selected lines.
pub fn whole(selection: &Selection<'_>) -> KeyFigures {
    let picked = selection.picked();
    let mut tallies = Tallies::new(&picked, 1, || Counted::of(selection, &picked, 1));
    picked.runs.iter().for_each(|run| tallies.run(0, run));
    tallies.figures().first().copied().unwrap_or_default()
}

/// The figures of each of so many groups of places.
pub(super) fn of_places<F: Figures>(selection: &Selection<'_>, groups: usize, group_of: &[u32]) -> Vec<F> {
    let cube = selection.cube();
    let picked = selection.picked();
    let tallies = Tallies::new(&picked, groups, || {
        let is_by_region = group_of == cube.region_of && selection.has_whole_regions();
        let customers = match is_by_region && selection.has_whole_orders() {
            true => Customers::seen(selection, &picked, Scope::Region),
            false => Customers::by_group(cube, groups),
        };
        Counted { customers, ..Counted::of(selection, &picked, groups) }
    });
    of_cells(&picked, tallies, |cell| Some(group_of[cell.place as usize]))
}

/// The figures of each segment.
pub(super) fn of_segments<F: Figures>(selection: &Selection<'_>) -> Vec<F> {
    let picked = selection.picked();
    let groups = selection.cube().segments.len();
    let tallies = Tallies::new(&picked, groups, || Counted::of(selection, &picked, groups));
    of_cells(&picked, tallies, |cell| Some(cell.segment))
}

/// The figures of each category.
pub(super) fn of_categories<F: Figures>(selection: &Selection<'_>) -> Vec<F> {
    let cube = selection.cube();
    let groups = cube.categories.len();
    let picked = selection.picked_lines();
    let tallies = Tallies::new(&picked, groups, || {
        let orders = if selection.picks_products() { Orders::in_turn(cube) } else { Orders::Summed };
        let customers = match selection.scope().filter(|_| !selection.picks_products()) {
            Some(scope) => Customers::seen(selection, &picked, scope),
            None => Customers::by_group(cube, groups),
        };
        Counted { orders, customers, ..Counted::of(selection, &picked, groups) }
    });
    of_cells(&picked, tallies, |cell| cell.category)
}

/// The figures of so many products; which of them each product is, if it is one of them.
pub(super) fn of_products<F: Figures>(selection: &Selection<'_>, groups: usize, group_of: &[Option<u32>]) -> Vec<F> {
    let is_wanted: Vec<bool> = group_of.iter().map(Option::is_some).collect();
    let selection = selection.within(&is_wanted);
    let picked = selection.picked_lines();
    let tallies = Tallies::new(&picked, groups, || Counted {
        // Among the lines of a product, those of an order follow each other.
        orders: Orders::adjacent(groups),
        customers: Customers::by_group(selection.cube(), groups),
        ..Counted::of(&selection, &picked, groups)
    });
    of_cells(&picked, tallies, |cell| cell.product.and_then(|product| group_of[product as usize]))
}

/// The revenue of each product; none where no line of it is selected.
pub(super) fn revenue_of_products(selection: &Selection<'_>) -> Vec<Option<Decimal>> {
    let cube = selection.cube();
    let picked = selection.picked_lines();
    let mut revenue = vec![None::<i128>; cube.products.len()];
    let mut add = |product: u32, own: i64| {
        *revenue[product as usize].get_or_insert(0) += i128::from(own);
    };
    for run in picked.runs.iter() {
        match picked.index.cells[run.cell as usize].product {
            Some(product) => add(product, run.sums.revenue),
            None => {
                let lines = cube.product[run.units()].iter().zip(&picked.index.revenue[run.units()]);
                lines.for_each(|(product, own)| add(*product, *own));
            }
        }
    }
    revenue.into_iter().map(|revenue| revenue.map(amount)).collect()
}

fn of_cells<F: Figures>(
    picked: &Picked<'_>,
    mut tallies: Tallies<'_, F>,
    group_of: impl Fn(&Cell) -> Option<u32>,
) -> Vec<F> {
    for run in picked.runs.iter() {
        if let Some(group) = group_of(&picked.index.cells[run.cell as usize]) {
            tallies.run(group, run);
        }
    }
    tallies.figures()
}

/// The figures of each bucket of days, which come one after the other.
pub(super) fn of_buckets<F: Figures>(selection: &Selection<'_>, buckets: &[Days]) -> Vec<F> {
    let picked = selection.picked();
    let first = selection.range().map(|range| range.from);
    let mut tallies = Tallies::new(&picked, buckets.len(), || Counted::of(selection, &picked, buckets.len()));
    each_stretch(
        &picked,
        |day| {
            let at = buckets.partition_point(|bucket| bucket.to < day);
            (at, buckets[at].to)
        },
        |at, units| {
            tallies.begin(first.map_or(buckets[at].from, |first| first.max(buckets[at].from)));
            tallies.part(at as u32, units);
        },
    );
    tallies.figures()
}

/// The figures of each day of the week, from Monday.
pub(super) fn of_weekdays<F: Figures>(selection: &Selection<'_>) -> Vec<F> {
    let cube = selection.cube();
    let picked = selection.picked();
    let mut tallies = Tallies::new(&picked, 7, || Counted {
        customers: Customers::by_group(cube, 7),
        ..Counted::of(selection, &picked, 7)
    });
    each_stretch(
        &picked,
        |day| (day.weekday().num_days_from_monday() as usize, day),
        |weekday, units| tallies.part(weekday as u32, units),
    );
    tallies.figures()
}

/// Calls for the units of each run that are in the same group of days. What is given a day says its group, and up to which day
/// that goes on.
fn each_stretch(
    picked: &Picked<'_>,
    group_of: impl Fn(NaiveDate) -> (usize, NaiveDate),
    mut visit: impl FnMut(usize, Range<usize>),
) {
    let day = &picked.index.day;
    for run in picked.runs.iter() {
        let Range { mut start, end } = run.units();
        while start < end {
            let (group, last) = group_of(day[start]);
            let next = start + day[start..end].iter().take_while(|day| **day <= last).count();
            visit(group, start..next);
            start = next;
        }
    }
}

/// The figures of each customer but the unknown one.
pub(super) fn of_customers<F: Figures>(selection: &Selection<'_>) -> Vec<F> {
    let cube = selection.cube();
    let picked = selection.picked();
    let groups = cube.customers.len();
    let mut tallies = Tallies::new(&picked, groups, || Counted {
        customers: Customers::once(cube),
        ..Counted::of(selection, &picked, groups)
    });
    for run in picked.runs.iter() {
        for (unit, customer) in
            run.units().zip(&picked.index.customer[run.units()]).filter(|(_, customer)| **customer != 0)
        {
            tallies.part(*customer, unit..unit + 1);
        }
    }
    tallies.figures()
}

/// The groups of one kind of figures, on the way.
struct Tallies<'c, F> {
    index: &'c Index,
    tallies: Vec<Tally>,
    /// None if nothing but the revenue is asked for.
    counted: Option<Counted<'c>>,
    figures: PhantomData<F>,
}

impl<'c, F: Figures> Tallies<'c, F> {
    fn new(picked: &Picked<'c>, groups: usize, counted: impl FnOnce() -> Counted<'c>) -> Self {
        Self {
            index: picked.index,
            tallies: vec![Tally::default(); groups],
            counted: F::ARE_ALL.then(counted),
            figures: PhantomData,
        }
    }

    /// What is added from now on is of a group that begins with this day.
    fn begin(&mut self, day: NaiveDate) {
        if let Some(counted) = &mut self.counted {
            counted.customers.begin(day);
        }
    }

    /// Adds a whole run.
    fn run(&mut self, group: u32, run: &Run) {
        self.add(group, run.units(), &run.sums);
    }

    /// Adds a part of a run.
    #[inline]
    fn part(&mut self, group: u32, units: Range<usize>) {
        let sums = match F::ARE_ALL {
            true => self.index.between(units.start, units.end),
            // Running sums of units far apart are far apart in memory; the column is not.
            false => self.index.revenue_of(units.clone()),
        };
        self.add(group, units, &sums);
    }

    #[inline]
    fn add(&mut self, group: u32, units: Range<usize>, sums: &Sums) {
        let tally = &mut self.tallies[group as usize];
        tally.add(sums);
        if let Some(counted) = &mut self.counted {
            tally.orders += counted.orders(group, self.index, units.clone(), sums);
            tally.customers += counted.customers.count(group, self.index, units);
        }
    }

    fn figures(mut self) -> Vec<F> {
        let customers = self.counted.map(|counted| counted.customers.listed()).unwrap_or_default();
        customers.into_iter().for_each(|group| self.tallies[group as usize].customers += 1);
        self.tallies.iter().map(F::of).collect()
    }
}

/// What one group comes to, in ten-thousandths: each run, and for customers each line, is added here.
#[derive(Clone, Default)]
pub struct Tally {
    lines: u64,
    orders: u64,
    customers: u64,
    with_cost: u64,
    quantity: i128,
    discount: i128,
    revenue: i128,
    returns: i128,
    profit: i128,
    revenue_with_cost: i128,
}

impl Tally {
    #[inline]
    fn add(&mut self, sums: &Sums) {
        self.lines += u64::from(sums.lines);
        self.with_cost += u64::from(sums.with_cost);
        self.quantity += i128::from(sums.quantity);
        self.discount += i128::from(sums.discount);
        self.revenue += i128::from(sums.revenue);
        self.returns += i128::from(sums.returns);
        self.profit += i128::from(sums.profit);
        self.revenue_with_cost += i128::from(sums.revenue_with_cost);
    }

    pub(super) fn revenue(&self) -> Revenue {
        Revenue { amount: amount(self.revenue), has_sale: self.lines > 0 }
    }

    pub(super) fn figures(&self) -> KeyFigures {
        let (revenue, profit) = (amount(self.revenue), amount(self.profit));
        let revenue_with_cost = amount(self.revenue_with_cost);
        KeyFigures {
            revenue,
            profit: (self.with_cost > 0).then_some(profit),
            margin: ratio(profit, revenue_with_cost),
            orders: self.orders,
            customers: self.customers,
            average_order: per(revenue, self.orders),
            lines: self.lines,
            quantity: amount(self.quantity),
            discount: amount(self.discount),
            returns: amount(self.returns),
            revenue_with_cost,
        }
    }
}
