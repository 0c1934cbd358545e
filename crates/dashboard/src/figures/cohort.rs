//! Who came back, and when they stopped.

use serde::Serialize;
use utoipa::ToSchema;

use super::key::ratio;
use super::tally::by_day;
use crate::calendar::{Granularity, Range, month_number, month_start};
use crate::cube::Selection;
use crate::money::Amount;

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
    pub revenue: Vec<Amount>,
}

/// Cohorts of the selected products and places, over all days; the selected days choose which of them are shown.
pub fn cohorts(selection: &Selection<'_>) -> Cohorts {
    let cube = selection.cube();
    let (Some(days), Some(range)) = (cube.days(), selection.range()) else {
        return Cohorts { cohorts: Vec::new(), lost: Vec::new() };
    };
    let (start, months) = (month_number(days.from), (month_number(days.to) - month_number(days.from) + 1) as usize);
    // Lines come in the order of their days: the first of a customer is the first order, the last the last one.
    let mut spans: Vec<Option<(usize, usize)>> = vec![None; cube.customers.len()];
    let mut active: Vec<(u64, Amount)> = vec![(0, Amount(0)); months * months];
    let orders = selection.on_all_days();
    let mut month_of = by_day(&cube.sales.day, |day| (month_number(day) - start) as usize);
    orders.each(|line| {
        let customer = cube.sales.customer[line] as usize;
        if customer == 0 || cube.sales.is_return[line] {
            return;
        }
        let month = month_of(line);
        let (first, last) = spans[customer].unwrap_or((month, month));
        let cell = &mut active[first * months + month - first];
        cell.0 += u64::from(last < month);
        cell.1 += Amount(i128::from(cube.sales.revenue[line]));
        spans[customer] = Some((first, month));
    });
    let mut sizes = vec![0_u64; months];
    spans.iter().flatten().for_each(|(first, _)| sizes[*first] += 1);
    // How many of a cohort ordered last so many months after their first order.
    let mut ended = vec![0_u64; months * months];
    spans.iter().flatten().for_each(|(first, last)| ended[first * months + last - first] += 1);
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
            ratio(lost as f64, seen as f64)
        })
        .take_while(Option::is_some)
        .collect();
    let cohorts = shown
        .into_iter()
        .map(|first| cohort(start, first, months, sizes[first], &active[first * months..(first + 1) * months]))
        .collect();
    Cohorts { cohorts, lost }
}

fn cohort(start: u32, first: usize, months: usize, size: u64, cells: &[(u64, Amount)]) -> Cohort {
    let month = Granularity::Month.bucket(month_start(start + first as u32));
    // In their first month all of them ordered.
    let active: Vec<u64> = (0..months - first).map(|since| if since == 0 { size } else { cells[since].0 }).collect();
    Cohort {
        label: Granularity::Month.label(month),
        month,
        size,
        retention: active.iter().map(|active| ratio(*active as f64, size as f64)).collect(),
        active,
        revenue: cells[..months - first].iter().map(|(_, revenue)| *revenue).collect(),
    }
}
