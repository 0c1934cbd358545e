//! What is asked: one typed filter, everywhere.
//!
//! A filter is written in the query of a URL, in exactly one way ([`Filter::query`]), and holds only what differs from the default.

mod dates;
mod parse;
mod query_params;

use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::{Granularity, Range};
use crate::known_days::KnownDays;

pub use dates::{Dates, Preset};
pub use parse::{Invalid, PARAMETERS, one_of, unknown_parameter};
pub use query_params::QueryParams;

/// What to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The period before, of the same kind and length.
    #[default]
    Previous,
    /// The same days a year before.
    LastYear,
    /// Nothing.
    None,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Previous, Self::LastYear, Self::None];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::LastYear => "last_year",
            Self::None => "none",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Previous => "previous period",
            Self::LastYear => "last year",
            Self::None => "nothing",
        }
    }

    /// The days to compare with.
    pub fn of(self, range: Range) -> Option<Range> {
        match self {
            Self::Previous => Some(range.previous()),
            Self::LastYear => Some(range.last_year()),
            Self::None => None,
        }
    }
}

/// Which sales, how they are grouped in time, and what they are compared with. Lists are sorted and without repetition; an
/// empty list restricts nothing, several names in one mean any of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Filter {
    /// Days.
    pub dates: Dates,
    /// Width of the buckets of a trend; what suits the days if it is not said.
    pub granularity: Option<Granularity>,
    /// What to compare with.
    pub comparison: Comparison,
    /// Regions, by name.
    pub regions: Vec<String>,
    /// Cities, by name.
    pub cities: Vec<String>,
    /// Stores, by name.
    pub stores: Vec<String>,
    /// Categories, by name.
    pub categories: Vec<String>,
    /// Products, by code (`unknown` is the one without).
    pub products: Vec<String>,
    /// Customer segments, by name.
    pub segments: Vec<String>,
}

/// A list of a [`Filter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// [`Filter::regions`]
    Region,
    /// [`Filter::cities`]
    City,
    /// [`Filter::stores`]
    Store,
    /// [`Filter::categories`]
    Category,
    /// [`Filter::products`]
    Product,
    /// [`Filter::segments`]
    Segment,
}

impl Field {
    /// All of them, in the order they stand in a URL.
    pub const ALL: [Self; 6] = [Self::Region, Self::City, Self::Store, Self::Category, Self::Product, Self::Segment];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::City => "city",
            Self::Store => "store",
            Self::Category => "category",
            Self::Product => "product",
            Self::Segment => "segment",
        }
    }
}

impl Filter {
    /// The most buckets a trend may have.
    pub const MAX_BUCKETS: usize = 1_100;

    /// The days it means, given those that have sales.
    pub fn range(&self, known: Option<KnownDays>) -> Option<Range> {
        known.map(|known| self.dates.range(known))
    }

    /// The width of buckets for a range.
    pub fn granularity_for(&self, range: Range) -> Granularity {
        self.granularity.unwrap_or_else(|| Granularity::fitting(range))
    }

    /// The names in a list.
    pub fn names(&self, field: Field) -> &[String] {
        match field {
            Field::Region => &self.regions,
            Field::City => &self.cities,
            Field::Store => &self.stores,
            Field::Category => &self.categories,
            Field::Product => &self.products,
            Field::Segment => &self.segments,
        }
    }

    fn names_mut(&mut self, field: Field) -> &mut Vec<String> {
        match field {
            Field::Region => &mut self.regions,
            Field::City => &mut self.cities,
            Field::Store => &mut self.stores,
            Field::Category => &mut self.categories,
            Field::Product => &mut self.products,
            Field::Segment => &mut self.segments,
        }
    }

    /// The same with exactly these names in a list.
    #[must_use]
    pub fn with(mut self, field: Field, names: &[&str]) -> Self {
        let list = self.names_mut(field);
        *list = names.iter().map(|name| (*name).to_owned()).collect();
        list.sort();
        list.dedup();
        self
    }

    /// The same with this name added to a list, or taken out if it is there: what a click on a mark does.
    #[must_use]
    pub fn toggled(mut self, field: Field, name: &str) -> Self {
        let list = self.names_mut(field);
        match list.iter().position(|one| one == name) {
            Some(place) => drop(list.remove(place)),
            None => {
                list.push(name.to_owned());
                list.sort();
            }
        }
        self
    }

    /// The same on other days.
    #[must_use]
    pub fn on(mut self, dates: Dates) -> Self {
        self.dates = dates;
        self
    }

    /// Is any dimension restricted?
    pub fn is_restricted(&self) -> bool {
        Field::ALL.iter().any(|field| !self.names(*field).is_empty())
    }
}

impl Field {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Region => "Region",
            Self::City => "City",
            Self::Store => "Store",
            Self::Category => "Category",
            Self::Product => "Product",
            Self::Segment => "Segment",
        }
    }
}
