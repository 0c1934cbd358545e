//! Customers by the scores that the warehouse gave them.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cube::Selection;
use crate::money::{Amount, amount};

/// The customers of one pair of scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RfmCell {
    /// Recency score, 1 to 5; 5 bought last.
    pub recency: u8,
    /// Frequency score, 1 to 5; 5 buys most often.
    pub frequency: u8,
    /// Customers with a sale line in the selection.
    pub customers: u64,
    /// What the selection's lines of theirs brought.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
}

/// All 25 cells, by recency and frequency. Customers without scores are in none.
pub fn rfm(selection: &Selection<'_>) -> Vec<RfmCell> {
    let cube = selection.cube();
    let mut revenue = vec![None::<i128>; cube.customers.len()];
    let picked = selection.picked();
    for run in picked.runs.iter() {
        for (customer, own) in picked.index.customer[run.units()].iter().zip(&picked.index.revenue[run.units()]) {
            *revenue[*customer as usize].get_or_insert(0) += i128::from(*own);
        }
    }
    let mut cells: Vec<RfmCell> = (1..=5)
        .flat_map(|recency| (1..=5).map(move |frequency| (recency, frequency)))
        .map(|(recency, frequency)| RfmCell { recency, frequency, customers: 0, revenue: Decimal::ZERO })
        .collect();
    for (customer, revenue) in cube.customers.iter().zip(revenue) {
        let (Some([recency @ 1..=5, frequency @ 1..=5, _]), Some(revenue)) = (customer.scores, revenue) else {
            continue;
        };
        let cell = &mut cells[usize::from(recency - 1) * 5 + usize::from(frequency - 1)];
        cell.customers += 1;
        cell.revenue += amount(revenue);
    }
    cells
}
