//! What customers have brought in all.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::key::ratio;
use crate::cube::Selection;
use crate::money::{Amount, amount, per, scale};

/// How lifetime values are distributed: a customer's is the net revenue of all days, of the selected products and places.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Lifetime {
    /// Known customers with a sale line on the selected days.
    pub customers: u64,
    /// Their lifetime value, in all.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub total: Decimal,
    /// Per customer.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub mean: Option<Decimal>,
    /// Half of them brought at least this.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub median: Option<Decimal>,
    /// One in ten brought at least this.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub top_tenth: Option<Decimal>,
    /// The best tenth's share of the total.
    pub share_of_top_tenth: Option<f64>,
    /// The distribution, lowest first.
    pub spans: Vec<Span>,
}

/// Customers between two values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// At least this; the first span has no lower end.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub from: Option<Decimal>,
    /// Less than this; the last span has no upper end.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub below: Option<Decimal>,
    /// How many.
    pub customers: u64,
    /// What they brought.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
}

/// Lifetime values of the customers who have a sale line on the selected days.
pub fn lifetime(selection: &Selection<'_>) -> Lifetime {
    let cube = selection.cube();
    let mut is_here = vec![false; cube.customers.len()];
    let picked = selection.picked();
    for run in picked.runs.iter() {
        picked.index.customer[run.units()].iter().for_each(|customer| is_here[*customer as usize] = true);
    }
    // The first is the unknown one.
    is_here[0] = false;
    let mut values = vec![0_i128; cube.customers.len()];
    let picked = selection.on_all_days().picked();
    for run in picked.runs.iter() {
        for (customer, own) in picked.index.customer[run.units()].iter().zip(&picked.index.revenue[run.units()]) {
            values[*customer as usize] += i128::from(*own);
        }
    }
    let mut values: Vec<Decimal> =
        values.into_iter().zip(is_here).filter(|(_, is_here)| *is_here).map(|(value, _)| amount(value)).collect();
    let customers = values.len();
    let total: Decimal = values.iter().copied().sum();
    // Only these places of the order are asked for, each above the one before.
    let mut sorted = 0;
    let mut place = |at: usize| {
        let value = values
            .get_mut(sorted..)
            .filter(|rest| !rest.is_empty())
            .map(|rest| *rest.select_nth_unstable(at - sorted).1);
        sorted = at;
        value
    };
    let (median, top_tenth) = (place(customers / 2), place(customers - customers.div_ceil(10)));
    let high = place(customers * 95 / 100);
    let best = &values[customers - customers.div_ceil(10)..];
    Lifetime {
        customers: customers as u64,
        total,
        mean: per(total, customers as u64),
        median,
        top_tenth,
        share_of_top_tenth: ratio(best.iter().sum::<Decimal>(), total),
        spans: high.map_or_else(Vec::new, |high| spans(&values, high)),
    }
}

/// Ten or so spans of one round width up to where 95 of 100 customers are, one for less than zero, one for the rest.
fn spans(values: &[Decimal], high: Decimal) -> Vec<Span> {
    let width = round_up((high.max(Decimal::ONE) / Decimal::TEN).trunc_with_scale(scale()));
    // The end of the last span of that width is above the high value.
    let mut edges = vec![Decimal::ZERO];
    while edges.last().is_some_and(|last| *last <= high) || edges.len() < 2 {
        edges.push(Decimal::from(edges.len()) * width);
    }
    let from = [None].into_iter().chain(edges.iter().copied().map(Some));
    let below = edges.iter().copied().map(Some).chain([None]);
    let mut spans: Vec<Span> =
        from.zip(below).map(|(from, below)| Span { from, below, customers: 0, revenue: Decimal::ZERO }).collect();
    for value in values {
        let span = &mut spans[edges.partition_point(|edge| edge <= value)];
        span.customers += 1;
        span.revenue += *value;
    }
    // Most shops have no customer below zero, and often none above the rest.
    let is_needed =
        |place: usize, span: &Span| span.customers > 0 || (span.from.is_some() && span.below.is_some() && place > 0);
    spans.into_iter().enumerate().filter(|(place, span)| is_needed(*place, span)).map(|(_, span)| span).collect()
}

/// The next of 1, 2, 5, 10, 20, 50 … whole units.
fn round_up(width: Decimal) -> Decimal {
    let mut step = Decimal::ONE;
    loop {
        for factor in [1, 2, 5] {
            let wide = step * Decimal::from(factor);
            if wide >= width {
                return wide;
            }
        }
        step *= Decimal::TEN;
    }
}
