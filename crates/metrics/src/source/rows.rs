//! Sale lines one by one, by key.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::calendar::Range;
use crate::filter::Filter;
use crate::money::Amount;

/// Which sale lines.
#[derive(Debug, Clone)]
pub struct RowsQuery {
    /// Names of places, products and segments.
    pub filter: Filter,
    /// The days.
    pub range: Range,
    /// The last line of the page before.
    pub after: Option<SaleKey>,
    /// At most so many.
    pub limit: u32,
}

/// A sale line's key, which is also their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SaleKey {
    /// `yyyymmdd`
    pub date_id: i32,
    /// Surrogate key.
    pub sale_id: i64,
}

/// `20240315.1234`
impl std::fmt::Display for SaleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.date_id, self.sale_id)
    }
}

/// As text: as two numbers it would be for programs to put together.
impl Serialize for SaleKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A sale line with the names of its dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SaleLine)]
pub struct SaleRow {
    /// Its key, and the place of the line in their order.
    #[schema(value_type = String)]
    pub key: SaleKey,
    /// The day it counts for.
    pub date: NaiveDate,
    /// The source's own name for it.
    pub transaction_id: String,
    /// The order it belongs to.
    pub order_id: String,
    /// Product code.
    pub product_code: Option<String>,
    /// Product name.
    pub product_name: String,
    /// Category.
    pub category: String,
    /// Customer code.
    pub customer_code: Option<String>,
    /// Customer name.
    pub customer_name: String,
    /// The customer's segment.
    pub segment: String,
    /// Region.
    pub region: String,
    /// City.
    pub city: String,
    /// Store.
    pub store: String,
    /// Quantity, where it is known.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub quantity: Option<Decimal>,
    /// Price of one before the discount, where it is known.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub unit_price: Option<Decimal>,
    /// Discount on the line.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub discount_amount: Decimal,
    /// Revenue after the discount.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
    /// Cost, where it is known.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub cost: Option<Decimal>,
    /// Profit, where the cost is known.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub profit: Option<Decimal>,
    /// Taken back?
    pub is_return: bool,
}
