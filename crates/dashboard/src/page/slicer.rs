//! One list of the filter: its members with a box to tick for each.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use maud::{Markup, html};
use rust_decimal::Decimal;
use salesmart_metrics::cube::{Cube, Customer, Place, Product};
use salesmart_metrics::filter::{Field, Filter};

use crate::content::name;

/// Members that a list shows besides those that are chosen.
const MOST: usize = 200;

/// The list as a fold that opens over the page.
pub(super) fn slicer(field: Field, filter: &Filter, cube: &Cube) -> Markup {
    let chosen = filter.names(field);
    let (members, all) = members(field, filter, cube);
    let title = field.title();
    html! {
        details.slicer id={ "slice-" (field.name()) } name="slicer" {
            summary {
                (title)
                @if !chosen.is_empty() { " " span.count { (chosen.len()) span.sr { " chosen" } } }
            }
            div.panel {
                @if all > 8 {
                    input.search type="search" id={ "search-" (field.name()) } aria-label={ "Search " (title) }
                        placeholder="Search" autocomplete="off" hidden
                        data-more=[(all > members.len()).then_some(field.name())];
                }
                fieldset {
                    legend.sr { (title) }
                    ul.members {
                        @for (key, label) in &members { (member(field, key, label, chosen.contains(key))) }
                    }
                    p.none hidden { "Nothing has this name." }
                }
                @if all > members.len() {
                    p.remark { (members.len()) " of " (all) ", those with the greatest revenue." }
                }
            }
        }
    }
}

fn member(field: Field, key: &str, label: &str, is_chosen: bool) -> Markup {
    html! {
        li {
            label {
                input type="checkbox" name=(field.name()) value=(key) checked[is_chosen];
                span { (label) }
            }
        }
    }
}

/// The members whose name or key has this in it, in small letters.
pub fn found(field: Field, sought: &str, cube: &Cube) -> Markup {
    const MOST_FOUND: usize = 50;
    let has = |text: &str| text.to_lowercase().contains(sought);
    let mut found: Vec<(&str, &str)> = match field {
        Field::Product => cube.products.iter().map(|product| (product.key(), product.name.as_str())).collect(),
        _ => keys(field, &Filter::default(), cube).into_iter().map(|key| (key, key)).collect(),
    };
    found.retain(|(key, label)| has(label) || has(key));
    found.sort_by_key(|(_, label)| *label);
    html! {
        ul { @for (key, label) in found.into_iter().take(MOST_FOUND) { (member(field, key, label, false)) } }
    }
}

/// Keys and labels, the chosen ones first, and how many there are in all.
fn members(field: Field, filter: &Filter, cube: &Cube) -> (Vec<(String, String)>, usize) {
    let chosen = filter.names(field);
    let labelled = |key: &str| (key.to_owned(), name(cube, field, key).to_owned());
    let all = keys(field, filter, cube);
    let mut rest: Vec<(String, String)> = if all.len() <= MOST {
        let mut rest: Vec<_> = match field {
            // By name, one pass: looking each up would be one for each.
            Field::Product => {
                cube.products.iter().map(|product| (product.key().to_owned(), product.name.clone())).collect()
            }
            _ => all.iter().map(|key| labelled(key)).collect(),
        };
        rest.sort_by(|a, b| a.1.cmp(&b.1));
        rest
    } else {
        greatest(field, cube)
    };
    rest.retain(|(key, _)| !chosen.contains(key));
    rest.truncate(MOST);
    let members = chosen.iter().map(|key| labelled(key)).chain(rest).collect();
    (members, all.len().max(chosen.len()))
}

/// The keys of a list, each once.
fn keys<'c>(field: Field, filter: &Filter, cube: &'c Cube) -> BTreeSet<&'c str> {
    match field {
        Field::Region => cube.places.iter().map(|place| place.region.as_str()).collect(),
        // Only those within the region that is drilled to: cities of other regions would select nothing.
        Field::City => within(cube, filter, |place| place.city.as_str()),
        Field::Store => within(cube, filter, |place| place.store.as_str()),
        Field::Category => cube.categories.iter().map(String::as_str).collect(),
        Field::Segment => cube.segments.iter().map(String::as_str).collect(),
        Field::Product => cube.products.iter().map(Product::key).collect(),
    }
}

fn within<'c>(cube: &'c Cube, filter: &Filter, of: impl Fn(&'c Place) -> &'c str) -> BTreeSet<&'c str> {
    let is_in = |names: &[String], name: &String| names.is_empty() || names.contains(name);
    cube.places.iter().filter(|place| is_in(&filter.regions, &place.region)).map(of).collect()
}

/// The members of a long list with the greatest revenue of all days.
fn greatest(field: Field, cube: &Cube) -> Vec<(String, String)> {
    let mut revenue: HashMap<&str, Decimal> = HashMap::new();
    let mut add = |name, own: &Decimal| *revenue.entry(name).or_default() += *own;
    match field {
        Field::Region | Field::City | Field::Store => {
            let name: fn(&Place) -> &String = match field {
                Field::Region => |place| &place.region,
                Field::City => |place| &place.city,
                _ => |place| &place.store,
            };
            cube.places.iter().zip(&cube.totals.places).for_each(|(place, own)| add(name(place).as_str(), own));
        }
        Field::Category => {
            let category = |product: &Product| cube.categories[product.category as usize].as_str();
            cube.products.iter().zip(&cube.totals.products).for_each(|(product, own)| add(category(product), own));
        }
        Field::Product => {
            cube.products.iter().zip(&cube.totals.products).for_each(|(product, own)| add(product.key(), own));
        }
        Field::Segment => {
            let segment = |customer: &Customer| cube.segments[customer.segment as usize].as_str();
            cube.customers.iter().zip(&cube.totals.customers).for_each(|(customer, own)| add(segment(customer), own));
        }
    }
    let mut greatest: Vec<(&str, Decimal)> = revenue.into_iter().collect();
    greatest.sort_by_key(|(key, revenue)| (Reverse(*revenue), *key));
    greatest.into_iter().take(MOST).map(|(key, _)| (key.to_owned(), name(cube, field, key).to_owned())).collect()
}
