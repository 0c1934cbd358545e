//! One load of the warehouse, in memory, as columns.
//!
//! A sale line takes 45 bytes, so 2,000,000 of them some 90 MB; a scan of all takes milliseconds. What a load holds was read
//! in one transaction, so all figures made of it agree with each other.

mod build;
mod select;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::Range;

pub use build::{Builder, Sale};
pub use select::Selection;

/// A cost that nobody knows makes a profit that nobody knows.
pub(crate) const UNKNOWN: i64 = i64::MIN;

/// Which state of the warehouse this is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub struct Load {
    /// Differs whenever a figure may: the identifier of the last sync, or the content of the staging file.
    pub id: String,
    /// When it was committed, in UTC, RFC 3339 without fractions; unknown where nothing was ever pushed.
    pub committed_at: Option<String>,
}

/// Everything that figures are computed from.
#[derive(Debug)]
pub struct Cube {
    /// Which state it is.
    pub load: Load,
    /// Products; sale lines name them by their place in here.
    pub products: Vec<Product>,
    /// Categories of products, in alphabetical order.
    pub categories: Vec<String>,
    /// Places of sale.
    pub places: Vec<Place>,
    /// Customers; the first is the unknown one, whether or not a sale has it.
    pub customers: Vec<Customer>,
    /// Names of segments, in alphabetical order.
    pub segments: Vec<String>,
    /// Number of different orders.
    pub orders: usize,
    pub(crate) sales: Columns,
    days: Option<Range>,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Surrogate key.
    pub id: i64,
    /// Natural key; the unknown product has none.
    pub code: Option<String>,
    /// Name.
    pub name: String,
    /// Place of its category in [`Cube::categories`].
    pub category: u32,
}

/// A place of sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Surrogate key.
    pub id: i64,
    /// Region.
    pub region: String,
    /// City.
    pub city: String,
    /// Store.
    pub store: String,
}

/// A customer, with the scores that the warehouse gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Surrogate key; 0 is the unknown customer.
    pub id: i64,
    /// Natural key; the unknown customer has none.
    pub code: Option<String>,
    /// Name.
    pub name: String,
    /// Recency, frequency and monetary score, 1 to 5; none for who never ordered.
    pub scores: Option<[u8; 3]>,
    /// Place of the segment in [`Cube::segments`].
    pub segment: u32,
}

/// The sale lines, in the order of their days and, within a day, of their orders.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub day: Vec<NaiveDate>,
    pub product: Vec<u32>,
    pub customer: Vec<u32>,
    pub place: Vec<u32>,
    pub order: Vec<u32>,
    /// Ten-thousandths, as all amounts here.
    pub quantity: Vec<i64>,
    pub revenue: Vec<i64>,
    /// [`UNKNOWN`] where the cost is.
    pub profit: Vec<i64>,
    pub is_return: Vec<bool>,
}

impl Cube {
    /// Number of sale lines.
    pub fn lines(&self) -> usize {
        self.sales.day.len()
    }

    /// From the first to the last day with a sale; none if there is no sale.
    pub fn days(&self) -> Option<Range> {
        self.days
    }

    /// The sale lines of these days.
    pub(crate) fn lines_of(&self, range: Range) -> std::ops::Range<usize> {
        let day = &self.sales.day;
        day.partition_point(|day| *day < range.from)..day.partition_point(|day| *day <= range.to)
    }
}
