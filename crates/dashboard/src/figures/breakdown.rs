//! Key figures by the members of a dimension.

use std::collections::BTreeMap;

use chrono::{Datelike, Weekday};
use serde::Serialize;
use utoipa::ToSchema;

use super::key::{KeyFigures, ratio};
use super::tally;
use crate::cube::Selection;
use crate::filter::{Comparison, Field};

/// What sale lines are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Region.
    Region,
    /// City; cities of the same name count as one, as they do in a filter.
    City,
    /// Store, likewise.
    Store,
    /// Category of the product.
    Category,
    /// Product.
    Product,
    /// Customer; the unknown one is left out.
    Customer,
    /// Segment of the customer.
    Segment,
    /// Day of the week.
    Weekday,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Region,
        Self::City,
        Self::Store,
        Self::Category,
        Self::Product,
        Self::Customer,
        Self::Segment,
        Self::Weekday,
    ];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::City => "city",
            Self::Store => "store",
            Self::Category => "category",
            Self::Product => "product",
            Self::Customer => "customer",
            Self::Segment => "segment",
            Self::Weekday => "weekday",
        }
    }

    /// The list of a filter that its keys go into.
    pub fn field(self) -> Option<Field> {
        match self {
            Self::Region => Some(Field::Region),
            Self::City => Some(Field::City),
            Self::Store => Some(Field::Store),
            Self::Category => Some(Field::Category),
            Self::Product => Some(Field::Product),
            Self::Segment => Some(Field::Segment),
            Self::Customer | Self::Weekday => None,
        }
    }
}

/// One member and its figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Group {
    /// What a filter calls it.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// Its figures.
    pub figures: KeyFigures,
    /// Its figures on the days compared with.
    pub compared: Option<KeyFigures>,
    /// Its share of the selection's revenue.
    pub share: Option<f64>,
}

/// The members that have a sale on the days or on those compared with, the greatest revenue first (days of the week from Monday).
pub fn breakdown(selection: &Selection<'_>, by: By, comparison: Comparison) -> Vec<Group> {
    let members = Members::of(selection, by);
    let figures = members.tally(selection);
    let compared = selection
        .range()
        .and_then(|range| comparison.of(range))
        .filter(|range| selection.cube().days().is_some_and(|days| range.to >= days.from))
        .map(|range| members.tally(&selection.on(range)));
    let whole: f64 = figures.iter().map(|figures| figures.revenue.as_f64()).sum();
    let mut groups: Vec<Group> = figures
        .into_iter()
        .enumerate()
        .map(|(member, figures)| Group {
            key: members.names[member].0.clone(),
            label: members.names[member].1.clone(),
            share: ratio(figures.revenue.as_f64(), whole),
            compared: compared.as_ref().map(|compared| compared[member]),
            figures,
        })
        .filter(|group| group.figures.lines > 0 || group.compared.is_some_and(|compared| compared.lines > 0))
        .collect();
    if by != By::Weekday {
        groups.sort_by(|a, b| b.figures.revenue.cmp(&a.figures.revenue).then_with(|| a.key.cmp(&b.key)));
    }
    groups
}

/// The groups of a dimension: their keys and labels, and which of them each row of the dimension belongs to.
struct Members {
    by: By,
    names: Vec<(String, String)>,
    group_of: Vec<Option<u32>>,
}

impl Members {
    fn of(selection: &Selection<'_>, by: By) -> Self {
        let cube = selection.cube();
        let same = |name: &str| (name.to_owned(), name.to_owned());
        let (names, group_of) = match by {
            By::Region => grouped(cube.places.iter().map(|place| place.region.as_str())),
            By::City => grouped(cube.places.iter().map(|place| place.city.as_str())),
            By::Store => grouped(cube.places.iter().map(|place| place.store.as_str())),
            By::Category => (
                cube.categories.iter().map(|name| same(name)).collect(),
                cube.products.iter().map(|p| Some(p.category)).collect(),
            ),
            By::Segment => (
                cube.segments.iter().map(|name| same(name)).collect(),
                cube.customers.iter().map(|c| Some(c.segment)).collect(),
            ),
            By::Product => (
                cube.products.iter().map(|product| (product.key().to_owned(), product.name.clone())).collect(),
                (0..cube.products.len() as u32).map(Some).collect(),
            ),
            By::Customer => (
                cube.customers
                    .iter()
                    .map(|customer| (customer.code.clone().unwrap_or_default(), customer.name.clone()))
                    .collect(),
                (0..cube.customers.len() as u32).map(|customer| (customer > 0).then_some(customer)).collect(),
            ),
            By::Weekday => {
                let days = std::iter::successors(Some(Weekday::Mon), |day| Some(day.succ())).take(7);
                let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
                (days.zip(names).map(|(day, name)| (day.to_string(), name.to_owned())).collect(), Vec::new())
            }
        };
        Self { by, names, group_of }
    }

    fn tally(&self, selection: &Selection<'_>) -> Vec<KeyFigures> {
        let sales = &selection.cube().sales;
        let column = match self.by {
            By::Region | By::City | By::Store => &sales.place,
            By::Category | By::Product => &sales.product,
            By::Customer | By::Segment => &sales.customer,
            By::Weekday => {
                let mut weekday = tally::by_day(&sales.day, |day| day.weekday().num_days_from_monday());
                return tally::by(selection, 7, |line| Some(weekday(line)));
            }
        };
        tally::by(selection, self.names.len(), |line| self.group_of[column[line] as usize])
    }
}

/// Rows of the same name are one group; groups in alphabetical order.
fn grouped<'a>(names: impl Iterator<Item = &'a str> + Clone) -> (Vec<(String, String)>, Vec<Option<u32>>) {
    let mut at: BTreeMap<&str, u32> = names.clone().map(|name| (name, 0)).collect();
    at.values_mut().enumerate().for_each(|(place, number)| *number = place as u32);
    let group_of = names.map(|name| at.get(name).copied()).collect();
    (at.into_keys().map(|name| (name.to_owned(), name.to_owned())).collect(), group_of)
}
