//! What there is to filter by, and how figures are to be written.

use std::collections::BTreeMap;

use axum::routing::get;
use salesmart_base::settings::{Settings, SymbolPlace};
use salesmart_metrics::calendar::Range;
use salesmart_metrics::cube::Cube;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answered, Call};
use super::endpoint::{Endpoint, schema};
use super::tabular::Table;

/// What there is.
pub(super) const METADATA: Endpoint = Endpoint {
    name: "metadata",
    title: "Metadata",
    about: "The members of all dimensions by the names that a filter has for them, the days that have sales, the number of \
            sale lines, the currency and the dashboard's title. A filter is read and said, but everything is listed: it is \
            what one filters by. As rows: one per member.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Metadata>,
    route: || get(metadata),
};

/// What there is to filter by, and how figures are to be written.
#[derive(Serialize, ToSchema)]
pub(super) struct Metadata {
    /// The dashboard's title.
    pub title: String,
    /// How money is written.
    pub currency: Currency,
    /// From the first to the last day with a sale; none if there is no sale.
    pub days: Option<Range>,
    /// Number of sale lines.
    pub lines: usize,
    /// Categories, in alphabetical order.
    pub categories: Vec<String>,
    /// Products, by key.
    pub products: Vec<Product>,
    /// Regions with their cities and stores, in alphabetical order.
    pub regions: Vec<Region>,
    /// Segments of customers, in alphabetical order.
    pub segments: Vec<String>,
}

/// How money is written.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Currency {
    /// `€`, `USD` or nothing.
    pub symbol: String,
    /// Where the symbol stands.
    pub place: Place,
}

/// Where the currency's symbol stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// `$12`
    Before,
    /// `12 €`
    After,
}

/// A product.
#[derive(Serialize, ToSchema)]
pub(super) struct Product {
    /// What a filter calls it.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: String,
}

/// A region.
#[derive(Serialize, ToSchema)]
pub(super) struct Region {
    /// Its name.
    pub name: String,
    /// Its cities.
    pub cities: Vec<City>,
}

/// A city of a region.
#[derive(Serialize, ToSchema)]
pub(super) struct City {
    /// Its name.
    pub name: String,
    /// Its stores.
    pub stores: Vec<String>,
}

async fn metadata(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let Settings { title, currency, .. } = &call.seen.app.settings;
    let title = title.clone();
    let currency = Currency {
        symbol: currency.symbol.clone(),
        place: match currency.place {
            SymbolPlace::Before => Place::Before,
            SymbolPlace::After => Place::After,
        },
    };
    // The settings may differ after a new start, with the same load.
    let name = format!("metadata {title:?} {currency:?}");
    let all = move |selection: &salesmart_metrics::cube::Selection<'_>, _: &_| of(selection.cube(), title, currency);
    call.figures(&name, asked.filter, format, all, table).await
}

fn of(cube: &Cube, title: String, currency: Currency) -> Metadata {
    let mut products: Vec<Product> = cube
        .products
        .iter()
        .map(|product| Product {
            key: product.key().to_owned(),
            name: product.name.clone(),
            category: cube.categories[product.category as usize].clone(),
        })
        .collect();
    products.sort_by(|a, b| a.key.cmp(&b.key));
    let mut places: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for place in &cube.places {
        places.entry(&place.region).or_default().entry(&place.city).or_default().push(&place.store);
    }
    let stores = |mut stores: Vec<&str>| {
        stores.sort_unstable();
        stores.dedup();
        stores.into_iter().map(str::to_owned).collect()
    };
    let regions = places
        .into_iter()
        .map(|(name, cities)| Region {
            name: name.to_owned(),
            cities: cities.into_iter().map(|(name, own)| City { name: name.to_owned(), stores: stores(own) }).collect(),
        })
        .collect();
    Metadata {
        title,
        currency,
        days: cube.days(),
        lines: cube.lines(),
        categories: cube.categories.clone(),
        products,
        regions,
        segments: cube.segments.clone(),
    }
}

/// A row per member: of what, what a filter calls it, its name, and what it belongs to.
fn table(metadata: &Metadata) -> Table {
    type Member<'m> = (&'static str, &'m str, &'m str, Option<&'m str>);
    let mut members: Vec<Member<'_>> = Vec::new();
    members.extend(metadata.categories.iter().map(|name| ("category", name.as_str(), name.as_str(), None)));
    members.extend(
        metadata
            .products
            .iter()
            .map(|product| ("product", product.key.as_str(), product.name.as_str(), Some(product.category.as_str()))),
    );
    for region in &metadata.regions {
        members.push(("region", &region.name, &region.name, None));
        for city in &region.cities {
            members.push(("city", &city.name, &city.name, Some(&region.name)));
            members.extend(city.stores.iter().map(|name| ("store", name.as_str(), name.as_str(), Some(&*city.name))));
        }
    }
    members.extend(metadata.segments.iter().map(|name| ("segment", name.as_str(), name.as_str(), None)));
    Table::of(&members)
        .text("dimension", |member| member.0)
        .text("key", |member| member.1)
        .text("label", |member| member.2)
        .maybe_text("parent", |member| member.3)
        .table()
}
