//! The days of the week, as a page shows them.
//!
//! The parts of a run that are of one day of the week are short, so running sums are of no use, and telling customers apart is
//! most of the work. A page asks for less than [`breakdown`](super::breakdown()) by weekday says: this looks at each unit once.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::breakdown::{WEEKDAYS, compared};
use super::key::ratio;
use super::once::{Orders, Scattered};
use crate::cube::{Selection, Sums};
use crate::filter::Comparison;
use crate::money::{amount, per};

/// A day of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Weekday {
    /// Its name.
    pub label: &'static str,
    /// Net revenue.
    pub revenue: Decimal,
    /// Different orders, not counting those that only take back.
    pub orders: u64,
    /// Revenue per order.
    pub average_order: Option<Decimal>,
    /// Its share of the selection's revenue.
    pub share: Option<f64>,
    /// Its revenue on the days compared with.
    pub compared: Option<Decimal>,
}

/// From Monday, those that have a sale on the days or on those compared with.
pub fn weekdays(selection: &Selection<'_>, comparison: Comparison) -> Vec<Weekday> {
    let sold = sold(selection);
    let then = compared(selection, comparison).map(|selection| revenue(&selection));
    let whole = amount(sold.iter().map(|sold| sold.revenue).sum::<i128>());
    let days = WEEKDAYS.iter().zip(&sold).enumerate().filter_map(|(at, ((_, label), sold))| {
        let then = then.map(|then| then[at]);
        if sold.units == 0 && then.flatten().is_none() {
            return None;
        }
        let revenue = amount(sold.revenue);
        Some(Weekday {
            label,
            revenue,
            orders: sold.orders,
            average_order: per(revenue, sold.orders),
            share: ratio(revenue, whole),
            compared: then.map(Option::unwrap_or_default),
        })
    });
    days.collect()
}

#[derive(Clone, Copy, Default)]
struct Sold {
    units: u64,
    orders: u64,
    revenue: i128,
}

fn sold(selection: &Selection<'_>) -> [Sold; 7] {
    let picked = selection.picked();
    let index = picked.index;
    let mut orders = match selection.has_whole_orders() {
        true => Orders::adjacent(7),
        false => Orders::once(selection.cube()),
    };
    let mut scattered = Scattered::new(index, 7);
    let mut days = [Sold::default(); 7];
    for run in picked.runs.iter() {
        let units = run.units().zip(&index.day[run.units()]);
        for ((unit, day), (order, revenue)) in
            units.zip(index.order[run.units()].iter().zip(&index.revenue[run.units()]))
        {
            let weekday = weekday(*day);
            let sold = &mut days[weekday];
            sold.units += 1;
            sold.revenue += i128::from(*revenue);
            sold.orders += match *order < index.scattered_orders {
                true => u64::from(scattered.is_new(weekday as u32, *order)),
                false => orders.count(weekday as u32, index, unit..unit + 1, &Sums::default()),
            };
        }
    }
    days
}

/// The revenue of each; none where there is no sale.
fn revenue(selection: &Selection<'_>) -> [Option<Decimal>; 7] {
    let picked = selection.picked();
    let mut days = [None::<i128>; 7];
    for run in picked.runs.iter() {
        for (day, own) in picked.index.day[run.units()].iter().zip(&picked.index.revenue[run.units()]) {
            *days[weekday(*day)].get_or_insert(0) += i128::from(*own);
        }
    }
    days.map(|day| day.map(amount))
}

fn weekday(day: NaiveDate) -> usize {
    day.weekday().num_days_from_monday() as usize
}
