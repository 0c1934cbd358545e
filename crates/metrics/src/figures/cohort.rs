//! Who came back, and when they stopped.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::key::ratio;
use crate::calendar::{Granularity, Range, month_number, month_start};
use crate::cube::{NO_ORDER, Picked, Selection};
use crate::known_days::KnownDays;
use crate::money::{Amount, amount};

/// Customers by the month of their first order, and how many ordered again in the months after.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cohorts {
    /// The cohorts whose first month is among the selected days, in order.
    pub cohorts: Vec<Cohort>,
    /// By months since the first order: the share of the customers seen so long who never ordered in that month or later.
    pub lost: Vec<Option<f64>>,
}

/// The customers of one first month.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cohort {
    /// `Mar 2024`
    pub label: String,
    /// Its days.
    pub month: Range,
    /// How many customers.
    pub size: u64,
    /// By months since the first order, from 0 on: customers who ordered in that month.
    pub active: Vec<u64>,
    /// The same over the size.
    pub retention: Vec<Option<f64>>,
    /// What the orders of that month brought, returns not counted.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Vec<Amount>)]
    pub revenue: Vec<Decimal>,
}

/// Cohorts of the selected products and places, over all days; the selected days choose which of them are shown.
pub fn cohorts(selection: &Selection<'_>) -> Cohorts {
    let cube = selection.cube();
    let (Some(known), Some(range)) = (cube.known_days(), selection.range()) else {
        return Cohorts { cohorts: Vec::new(), lost: Vec::new() };
    };
    let days = cohort_days(known);
    let matrix = cube.cohorts.get_with_by_ref(selection.members(), || Arc::new(CohortMatrix::of(selection, days)));
    let CohortMatrix { start, months, sizes, ended, active } = &*matrix;
    let (start, months) = (*start, *months);
    let is_shown = |first: &usize| {
        let month = Granularity::Month.bucket(month_start(start + *first as u32));
        sizes[*first] > 0 && month.from <= range.to && range.from <= month.to
    };
    let shown: Vec<usize> = (0..months).filter(is_shown).collect();
    let lost = (0..months)
        .map(|since| {
            let seen = shown.iter().filter(|first| *first + since < months);
            let (lost, seen) = seen.fold((0_u64, 0_u64), |(lost, seen), first| {
                (lost + ended[first * months..first * months + since].iter().sum::<u64>(), seen + sizes[*first])
            });
            ratio(lost, seen)
        })
        .take_while(Option::is_some)
        .collect();
    let cohorts = shown
        .into_iter()
        .map(|first| cohort(start, first, months, sizes[first], &active[first * months..(first + 1) * months]))
        .collect();
    Cohorts { cohorts, lost }
}

/// Months from the first cohort to the last order, at most: half a century. A matrix has a cell for every two of them, so that one sale
/// with a mistyped year would take all memory.
const MOST_MONTHS: u32 = 600;

/// The days whose orders make cohorts: all, or those before the latest day that is not far from all others.
fn cohort_days(known: KnownDays) -> Range {
    let all = known.range;
    if month_number(all.to) - month_number(all.from) < MOST_MONTHS {
        return all;
    }
    let first = month_start((month_number(known.latest) + 1).saturating_sub(MOST_MONTHS));
    Range { from: first.max(all.from), to: known.latest }
}

/// Who ordered when, of all days.
#[derive(Debug)]
pub(crate) struct CohortMatrix {
    /// The first month, as a number.
    start: u32,
    months: usize,
    /// Customers by the month of their first order.
    sizes: Vec<u64>,
    /// How many of a cohort ordered last so many months after their first order.
    ended: Vec<u64>,
    /// Of a cohort, so many months after: who ordered again, and what the orders brought, in ten-thousandths.
    active: Vec<(u64, i128)>,
}

impl CohortMatrix {
    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.months * self.months * size_of::<(u64, u64, i128)>()
    }

    fn of(selection: &Selection<'_>, days: Range) -> Self {
        let cube = selection.cube();
        let (start, months) = (month_number(days.from), (month_number(days.to) - month_number(days.from) + 1) as usize);
        let orders = Orders { picked: selection.on_all_days().picked(), start, days };
        // The months in which each customer ordered, as bits.
        let words = months.div_ceil(64);
        let mut ordered = vec![0_u64; cube.customers.len() * words];
        orders.each(|month, customer, _| ordered[customer * words + month / 64] |= 1 << (month % 64));
        let mut first_of = vec![0_u32; cube.customers.len()];
        let mut sizes = vec![0_u64; months];
        let mut active = vec![(0_u64, 0_i128); months * months];
        let mut ended = vec![0_u64; months * months];
        for (own, ordered) in first_of.iter_mut().zip(ordered.chunks(words)) {
            let mut those =
                ordered.iter().enumerate().flat_map(|(word, bits)| ones(*bits).map(move |bit| word * 64 + bit));
            let Some(first) = those.next() else { continue };
            (*own, sizes[first]) = (first as u32, sizes[first] + 1);
            let mut last = first;
            for month in those {
                active[first * months + month - first].0 += 1;
                last = month;
            }
            ended[first * months + last - first] += 1;
        }
        orders.each(|month, customer, unit| {
            let sums = orders.picked.index.between(unit, unit + 1);
            let first = first_of[customer] as usize;
            active[first * months + month - first].1 += i128::from(sums.revenue - sums.returns);
        });
        Self { start, months, sizes, ended, active }
    }
}

/// What was sold to known customers.
struct Orders<'c> {
    picked: Picked<'c>,
    /// The month that counts as the first.
    start: u32,
    /// What was sold on other days is left out.
    days: Range,
}

impl Orders<'_> {
    /// Calls for all that was sold with its month, its customer and its place in the columns.
    fn each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let index = self.picked.index;
        for run in self.picked.runs.iter() {
            let mut known = None;
            for unit in run.units() {
                let customer = index.customer[unit] as usize;
                let day = index.day[unit];
                if customer == 0 || index.order[unit] == NO_ORDER || !self.days.contains(day) {
                    continue;
                }
                // A run is in the order of days.
                let month = match known {
                    Some((month, last)) if day <= last => month,
                    _ => {
                        let month = Granularity::Month.bucket(day);
                        known.insert(((month_number(day) - self.start) as usize, month.to)).0
                    }
                };
                visit(month, customer, unit);
            }
        }
    }
}

/// The places of the bits that are set, from the lowest on.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

fn cohort(start: u32, first: usize, months: usize, size: u64, cells: &[(u64, i128)]) -> Cohort {
    let month = Granularity::Month.bucket(month_start(start + first as u32));
    // In their first month all of them ordered.
    let active: Vec<u64> = (0..months - first).map(|since| if since == 0 { size } else { cells[since].0 }).collect();
    Cohort {
        label: Granularity::Month.label(month),
        month,
        size,
        retention: active.iter().map(|active| ratio(*active, size)).collect(),
        active,
        revenue: cells[..months - first].iter().map(|(_, revenue)| amount(*revenue)).collect(),
    }
}
