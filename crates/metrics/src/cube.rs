//! One load of the warehouse, in memory, as columns.
//!
//! What was sold lies there three times: by baskets, which are the lines of an order, by lines, and by lines of each product.
//! Each is cut into cells, of one place and one segment, those of lines also of one category, those of products also of one
//! product; a cell is in the order of days and has running sums. So what a filter selects are a few runs, and what a run makes
//! is the difference of two sums; only customers have to be looked at one by one. A line takes 180 bytes and a basket 92:
//! 2,000,000 lines in 800,000 baskets some 430 MB.
//!
//! What a load holds was read in one transaction, so all figures made of it agree with each other.

mod build;
mod index;
mod run;
mod select;

use std::collections::BTreeMap;
use std::sync::Arc;

use moka::sync::Cache;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::Range;
use crate::figures::CohortMatrix;
use crate::known_days::KnownDays;

pub use build::{Builder, Sale};
pub(crate) use index::{Cell, Index, NO_ORDER, Scope, Sums, number};
pub(crate) use run::{Picked, Run};
pub use select::{Members, Selection};

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
    /// Whether any sale line has a discount.
    pub has_discounts: bool,
    pub(crate) baskets: Index,
    pub(crate) lines: Index,
    /// Without what customers were seen before: who picks products has customers marked.
    pub(crate) products_lines: Index,
    /// The region of each place, numbered in alphabetical order.
    pub(crate) region_of: Vec<u32>,
    /// The product of each line.
    pub(crate) product: Vec<u32>,
    /// What long lists are in the order of.
    pub totals: Totals,
    /// Cohorts by members: whoever looks at other days asks for the same again.
    pub(crate) cohorts: Cache<Members, Arc<CohortMatrix>>,
    known: Option<KnownDays>,
}

/// What is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Lines of one order with the same day, customer and place.
    Baskets,
    /// Lines of sale.
    Lines,
    /// Lines of sale, product by product.
    Products,
}

/// The net revenue of all days of each member of a dimension: what long lists are in the order of.
#[derive(Debug)]
pub struct Totals {
    /// By place in [`Cube::products`].
    pub products: Vec<Decimal>,
    /// By place in [`Cube::places`].
    pub places: Vec<Decimal>,
    /// By place in [`Cube::customers`].
    pub customers: Vec<Decimal>,
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

impl Cube {
    /// Number of sale lines.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// From the first to the last day with a sale; none if there is no sale.
    pub fn days(&self) -> Option<Range> {
        self.known.map(|known| known.range)
    }

    /// The days with sales, and the one that periods count back from.
    pub fn known_days(&self) -> Option<KnownDays> {
        self.known
    }

    /// Names of places, each once and in alphabetical order, and which of them each place has.
    pub(crate) fn grouped(places: &[Place], name: fn(&Place) -> &String) -> (Vec<&str>, Vec<u32>) {
        let mut at: BTreeMap<&str, u32> = places.iter().map(|place| (name(place).as_str(), 0)).collect();
        at.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        let group_of = places.iter().map(|place| at[name(place).as_str()]).collect();
        (at.into_keys().collect(), group_of)
    }

    pub(crate) fn index(&self, grain: Grain) -> &Index {
        match grain {
            Grain::Baskets => &self.baskets,
            Grain::Lines => &self.lines,
            Grain::Products => &self.products_lines,
        }
    }
}
