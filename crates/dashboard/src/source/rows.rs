//! Sale lines one by one, by key.

use chrono::NaiveDate;
use serde::Serialize;

use crate::calendar::Range;
use crate::filter::Filter;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

impl std::str::FromStr for SaleKey {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (date_id, sale_id) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { date_id: date_id.parse()?, sale_id: sale_id.parse()? })
    }
}

/// A sale line with the names of its dimensions. Amounts are texts with four decimals, exactly as the warehouse has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaleRow {
    /// Its key.
    #[serde(skip)]
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
    /// Quantity.
    pub quantity: String,
    /// Price of one.
    pub unit_price: String,
    /// Revenue.
    pub revenue: String,
    /// Cost, where it is known.
    pub cost: Option<String>,
    /// Profit, where the cost is known.
    pub profit: Option<String>,
    /// Taken back?
    pub is_return: bool,
}
