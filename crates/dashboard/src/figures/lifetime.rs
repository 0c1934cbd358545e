//! What customers have brought in all.

use serde::Serialize;
use utoipa::ToSchema;

use super::key::ratio;
use crate::cube::Selection;
use crate::money::{Amount, ONE};

/// How lifetime values are distributed: a customer's is the net revenue of all days, of the selected products and places.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Lifetime {
    /// Known customers with a sale line on the selected days.
    pub customers: u64,
    /// Their lifetime value, in all.
    pub total: Amount,
    /// Per customer.
    pub mean: Option<Amount>,
    /// Half of them brought at least this.
    pub median: Option<Amount>,
    /// One in ten brought at least this.
    pub top_tenth: Option<Amount>,
    /// The best tenth's share of the total.
    pub share_of_top_tenth: Option<f64>,
    /// The distribution, lowest first.
    pub spans: Vec<Span>,
}

/// Customers between two values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// At least this; the first span has no lower end.
    pub from: Option<Amount>,
    /// Less than this; the last span has no upper end.
    pub below: Option<Amount>,
    /// How many.
    pub customers: u64,
    /// What they brought.
    pub revenue: Amount,
}

/// Lifetime values of the customers who have a sale line on the selected days.
pub fn lifetime(selection: &Selection<'_>) -> Lifetime {
    let cube = selection.cube();
    let mut is_here = vec![false; cube.customers.len()];
    selection.each(|line| is_here[cube.sales.customer[line] as usize] = true);
    // The first is the unknown one.
    is_here[0] = false;
    let mut values = vec![0_i128; cube.customers.len()];
    selection.on_all_days().each(|line| {
        values[cube.sales.customer[line] as usize] += i128::from(cube.sales.revenue[line]);
    });
    let mut values: Vec<Amount> =
        values.into_iter().zip(is_here).filter_map(|(value, is_here)| is_here.then_some(Amount(value))).collect();
    values.sort_unstable();
    let total: Amount = values.iter().copied().sum();
    let best = &values[values.len() - values.len().div_ceil(10)..];
    Lifetime {
        customers: values.len() as u64,
        total,
        mean: total.per(values.len() as u64),
        median: values.get(values.len() / 2).copied(),
        top_tenth: best.first().copied(),
        share_of_top_tenth: ratio(best.iter().copied().sum::<Amount>().as_f64(), total.as_f64()),
        spans: spans(&values),
    }
}

/// Ten or so spans of one round width up to where 95 of 100 customers are, one for less than zero, one for the rest.
fn spans(sorted: &[Amount]) -> Vec<Span> {
    let Some(high) = sorted.get(sorted.len() * 95 / 100) else { return Vec::new() };
    let width = round_up(high.0.max(i128::from(ONE)) / 10);
    let mut ends: Vec<i128> = vec![0];
    while ends.last().is_some_and(|last| *last <= high.0) {
        ends.push(ends.len() as i128 * width);
    }
    let mut spans = Vec::new();
    let mut start = 0;
    let edges = ends.iter().map(|end| Some(*end)).chain([None]);
    let mut from = None;
    for below in edges {
        let end = below.map_or(sorted.len(), |below| sorted.partition_point(|value| value.0 < below));
        let own = &sorted[start..end];
        spans.push(Span {
            from: from.map(Amount),
            below: below.map(Amount),
            customers: own.len() as u64,
            revenue: own.iter().copied().sum(),
        });
        (start, from) = (end, below);
    }
    // Most shops have no customer below zero, and often none above the rest.
    let is_needed =
        |place: usize, span: &Span| span.customers > 0 || (span.from.is_some() && span.below.is_some() && place > 0);
    spans.into_iter().enumerate().filter(|(place, span)| is_needed(*place, span)).map(|(_, span)| span).collect()
}

/// The next of 1, 2, 5, 10, 20, 50 … whole units.
fn round_up(width: i128) -> i128 {
    let mut step = i128::from(ONE);
    loop {
        for factor in [1, 2, 5] {
            if step * factor >= width {
                return step * factor;
            }
        }
        step *= 10;
    }
}
