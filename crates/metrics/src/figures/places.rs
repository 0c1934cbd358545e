//! Region, city, store: the next level down, and how far each place has got.

use serde::Serialize;
use utoipa::ToSchema;

use super::breakdown::{By, Group, breakdown};
use super::key::{Figures, KeyFigures, ratio};
use super::tally;
use crate::cube::Selection;
use crate::filter::{Comparison, Field, Filter};

/// A level of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Regions.
    Region,
    /// Cities.
    City,
    /// Stores.
    Store,
}

impl Level {
    /// The level that a filter has drilled down to: cities within one region, stores within one city.
    pub fn of(filter: &Filter) -> Self {
        match (filter.regions.as_slice(), filter.cities.as_slice(), filter.stores.as_slice()) {
            (_, [_], _) | (_, _, [_, ..]) => Self::Store,
            ([_], _, _) | (_, [_, ..], _) => Self::City,
            _ => Self::Region,
        }
    }

    /// The list of a filter.
    pub fn field(self) -> Field {
        match self {
            Self::Region => Field::Region,
            Self::City => Field::City,
            Self::Store => Field::Store,
        }
    }

    /// Its groups.
    pub fn by(self) -> By {
        match self {
            Self::Region => By::Region,
            Self::City => By::City,
            Self::Store => By::Store,
        }
    }
}

/// A place and how far it has got.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlaceGroup<C = KeyFigures> {
    /// The place and its figures.
    #[serde(flatten)]
    #[schema(value_type = Group)]
    pub group: Group<C>,
    /// Its customers over the customers of all places.
    pub share_of_customers: Option<f64>,
    /// Its revenue over the revenue of all places.
    pub share_of_revenue: Option<f64>,
}

/// The places of a level within the selection, the greatest revenue first, with their shares of all places.
pub fn places<C: Figures>(selection: &Selection<'_>, level: Level, comparison: Comparison) -> Vec<PlaceGroup<C>> {
    let everywhere = tally::whole(&selection.in_all_places());
    breakdown(selection, level.by(), comparison)
        .into_iter()
        .map(|group| PlaceGroup {
            share_of_customers: ratio(group.figures.customers, everywhere.customers),
            share_of_revenue: ratio(group.figures.revenue, everywhere.revenue),
            group,
        })
        .collect()
}
