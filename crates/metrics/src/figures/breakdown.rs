//! Key figures by the members of a dimension.

use std::collections::HashSet;

use chrono::Weekday;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::key::{Figures, KeyFigures, ratio};
use super::tally;
use crate::cube::{Cube, Place, Product, Selection};
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
pub struct Group<C = KeyFigures> {
    /// What a filter calls it.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// Its figures.
    pub figures: KeyFigures,
    /// Its figures on the days compared with.
    #[schema(value_type = Option<KeyFigures>)]
    pub compared: Option<C>,
    /// Its share of the selection's revenue.
    pub share: Option<f64>,
}

/// A member and its revenue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked<'c> {
    /// What a filter calls it.
    pub key: &'c str,
    /// What people call it.
    pub label: &'c str,
    /// Its revenue.
    pub revenue: Decimal,
}

/// The best products with all of their figures, and how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Best<C = KeyFigures> {
    /// The best, and those that were asked for by name, the greatest revenue first.
    pub groups: Vec<Group<C>>,
    /// Products with a sale on the days.
    pub number: usize,
}

/// The members that have a sale on the days or on those compared with, the greatest revenue first (days of the week from Monday).
pub fn breakdown<C: Figures>(selection: &Selection<'_>, by: By, comparison: Comparison) -> Vec<Group<C>> {
    let members = Members::of(selection, by);
    let figures: Vec<KeyFigures> = members.tally(selection);
    let compared = compared(selection, comparison).map(|selection| members.tally(&selection));
    let whole: Decimal = figures.iter().map(|figures| figures.revenue).sum();
    let mut groups = groups(figures, compared, whole, |member| members.name(member));
    if by != By::Weekday {
        sort(&mut groups);
    }
    groups
}

/// Products by revenue, the greatest first: those that have a sale on the days.
pub fn ranking<'c>(selection: &Selection<'c>) -> Vec<Ranked<'c>> {
    let products = &selection.cube().products;
    let revenue = tally::revenue_of_products(selection);
    let mut ranked: Vec<Ranked<'_>> = products
        .iter()
        .zip(revenue)
        .filter_map(|(product, revenue)| Some(Ranked { key: product.key(), label: &product.name, revenue: revenue? }))
        .collect();
    ranked.sort_by(|a, b| b.revenue.cmp(&a.revenue).then_with(|| a.key.cmp(b.key)));
    ranked
}

/// So many of the best products, and those of these keys, given the ranking of all. Counting customers of each of thousands of
/// products takes long, so it is done for those only.
pub fn best<C: Figures>(
    selection: &Selection<'_>,
    ranking: &[Ranked<'_>],
    comparison: Comparison,
    most: usize,
    keys: &[String],
) -> Best<C> {
    if ranking.len() < most {
        // Then those that only sold before are among them.
        let groups = breakdown(selection, By::Product, comparison);
        return Best { groups, number: ranking.len() };
    }
    let wanted: HashSet<&str> =
        ranking.iter().take(most).map(|one| one.key).chain(keys.iter().map(String::as_str)).collect();
    let products = &selection.cube().products;
    let kept: Vec<&Product> = products.iter().filter(|product| wanted.contains(product.key())).collect();
    let mut next = 0..;
    let group_of: Vec<Option<u32>> =
        products.iter().map(|product| wanted.contains(product.key()).then(|| next.next()).flatten()).collect();
    let figures = tally::of_products(selection, kept.len(), &group_of);
    let compared = compared(selection, comparison).map(|then| tally::of_products(&then, kept.len(), &group_of));
    let whole = ranking.iter().map(|one| one.revenue).sum();
    let name = |member: usize| (kept[member].key().to_owned(), kept[member].name.clone());
    let mut groups = groups(figures, compared, whole, name);
    sort(&mut groups);
    Best { groups, number: ranking.len() }
}

/// The days compared with, if there may be a sale.
pub(super) fn compared<'c>(selection: &Selection<'c>, comparison: Comparison) -> Option<Selection<'c>> {
    let range = comparison.of(selection.range()?)?;
    selection.cube().days().is_some_and(|days| range.to >= days.from).then(|| selection.on(range))
}

fn groups<C: Figures>(
    figures: Vec<KeyFigures>,
    compared: Option<Vec<C>>,
    whole: Decimal,
    name: impl Fn(usize) -> (String, String),
) -> Vec<Group<C>> {
    let groups = figures.into_iter().enumerate().filter_map(|(member, figures)| {
        let compared = compared.as_ref().map(|compared| compared[member]);
        if figures.lines == 0 && compared.is_none_or(|then: C| !then.has_sale()) {
            return None;
        }
        let (key, label) = name(member);
        Some(Group { key, label, share: ratio(figures.revenue, whole), compared, figures })
    });
    groups.collect()
}

fn sort<C>(groups: &mut [Group<C>]) {
    groups.sort_by(|a, b| b.figures.revenue.cmp(&a.figures.revenue).then_with(|| a.key.cmp(&b.key)));
}

/// The groups of a dimension.
enum Members<'c> {
    /// Names, and which of them each place has.
    Places(Vec<&'c str>, Vec<u32>),
    Categories(&'c Cube),
    Products(&'c Cube),
    Customers(&'c Cube),
    Segments(&'c Cube),
    Weekdays,
}

impl<'c> Members<'c> {
    fn of(selection: &Selection<'c>, by: By) -> Self {
        let cube = selection.cube();
        match by {
            By::Region => Self::places(cube, |place| &place.region),
            By::City => Self::places(cube, |place| &place.city),
            By::Store => Self::places(cube, |place| &place.store),
            By::Category => Self::Categories(cube),
            By::Product => Self::Products(cube),
            By::Customer => Self::Customers(cube),
            By::Segment => Self::Segments(cube),
            By::Weekday => Self::Weekdays,
        }
    }

    /// Places of the same name are one group.
    fn places(cube: &'c Cube, name: fn(&Place) -> &String) -> Self {
        let (names, group_of) = Cube::grouped(&cube.places, name);
        Self::Places(names, group_of)
    }

    fn tally<F: Figures>(&self, selection: &Selection<'_>) -> Vec<F> {
        match self {
            Self::Places(names, group_of) => tally::of_places(selection, names.len(), group_of),
            Self::Categories(_) => tally::of_categories(selection),
            Self::Products(cube) => {
                let group_of: Vec<Option<u32>> = (0..cube.products.len() as u32).map(Some).collect();
                tally::of_products(selection, group_of.len(), &group_of)
            }
            Self::Customers(_) => tally::of_customers(selection),
            Self::Segments(_) => tally::of_segments(selection),
            Self::Weekdays => tally::of_weekdays(selection),
        }
    }

    /// What filters and what people call one.
    fn name(&self, member: usize) -> (String, String) {
        let same = |name: &str| (name.to_owned(), name.to_owned());
        match self {
            Self::Places(names, _) => same(names[member]),
            Self::Categories(cube) => same(&cube.categories[member]),
            Self::Segments(cube) => same(&cube.segments[member]),
            Self::Products(cube) => (cube.products[member].key().to_owned(), cube.products[member].name.clone()),
            Self::Customers(cube) => {
                (cube.customers[member].code.clone().unwrap_or_default(), cube.customers[member].name.clone())
            }
            Self::Weekdays => (WEEKDAYS[member].0.to_string(), WEEKDAYS[member].1.to_owned()),
        }
    }
}

/// From Monday, with their names.
pub(super) const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "Monday"),
    (Weekday::Tue, "Tuesday"),
    (Weekday::Wed, "Wednesday"),
    (Weekday::Thu, "Thursday"),
    (Weekday::Fri, "Friday"),
    (Weekday::Sat, "Saturday"),
    (Weekday::Sun, "Sunday"),
];
