//! How many products make how much of the revenue.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::breakdown::Ranked;
use super::key::ratio;
use crate::money::Amount;

/// The products by revenue, and how it adds up.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Pareto {
    /// Products that sold more than was taken back.
    pub products: usize,
    /// So many of the best make 80 % of the revenue.
    pub products_for_80: usize,
    /// Their share of the products.
    pub share_for_80: Option<f64>,
    /// Revenue of the products that sold more than was taken back.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
    /// At most 200 points, the best product first.
    pub points: Vec<ParetoPoint>,
}

/// A product's place in the order of revenue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ParetoPoint {
    /// First is 1.
    pub rank: usize,
    /// What a filter calls the product.
    pub key: String,
    /// Its name.
    pub label: String,
    /// Its revenue.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
    /// Share of the products up to it.
    pub share_of_products: Option<f64>,
    /// Share of the revenue up to it.
    pub share_of_revenue: Option<f64>,
}

/// Adds up products that come with the greatest revenue first. Those at or below zero add nothing to a share and are left out.
pub fn pareto(ranking: &[Ranked<'_>]) -> Pareto {
    const MOST: usize = 200;
    let sold: Vec<&Ranked<'_>> = ranking.iter().filter(|one| one.revenue > Decimal::ZERO).collect();
    let revenue: Decimal = sold.iter().map(|one| one.revenue).sum();
    let for_80 = revenue * Decimal::new(8, 1);
    let mut so_far = Decimal::ZERO;
    let mut products_for_80 = 0;
    let mut points = Vec::new();
    let step = sold.len().div_ceil(MOST).max(1);
    for (place, one) in sold.iter().enumerate() {
        if so_far < for_80 {
            products_for_80 += 1;
        }
        so_far += one.revenue;
        if place % step == 0 || place + 1 == sold.len() {
            points.push(ParetoPoint {
                rank: place + 1,
                key: one.key.to_owned(),
                label: one.label.to_owned(),
                revenue: one.revenue,
                share_of_products: ratio(place + 1, sold.len()),
                share_of_revenue: ratio(so_far, revenue),
            });
        }
    }
    let share_for_80 = ratio(products_for_80, sold.len());
    Pareto { products: sold.len(), products_for_80, share_for_80, revenue, points }
}
