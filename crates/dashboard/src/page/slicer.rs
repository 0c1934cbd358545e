//! One list of the filter: its members with a box to tick for each.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::content::name;
use crate::cube::{Cube, Selection};
use crate::figures::{By, breakdown};
use crate::filter::{Comparison, Dates, Field, Filter, Preset};

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
                        placeholder="Search" autocomplete="off" hidden;
                }
                fieldset {
                    legend.sr { (title) }
                    ul.members {
                        @for (key, label) in &members {
                            li {
                                label {
                                    input type="checkbox" name=(field.name()) value=(key)
                                        checked[chosen.contains(key)];
                                    span { (label) }
                                }
                            }
                        }
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

/// Keys and labels, the chosen ones first, and how many there are in all.
fn members(field: Field, filter: &Filter, cube: &Cube) -> (Vec<(String, String)>, usize) {
    let chosen = filter.names(field);
    let labelled = |key: &str| (key.to_owned(), name(cube, field, key).to_owned());
    let all: BTreeSet<&str> = match field {
        Field::Region => cube.places.iter().map(|place| place.region.as_str()).collect(),
        // Only those within the region that is drilled to: cities of other regions would select nothing.
        Field::City => within(cube, filter, |place| place.city.as_str()),
        Field::Store => within(cube, filter, |place| place.store.as_str()),
        Field::Category => cube.categories.iter().map(String::as_str).collect(),
        Field::Segment => cube.segments.iter().map(String::as_str).collect(),
        Field::Product => cube.products.iter().map(crate::cube::Product::key).collect(),
    };
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

fn within<'c>(cube: &'c Cube, filter: &Filter, of: impl Fn(&'c crate::cube::Place) -> &'c str) -> BTreeSet<&'c str> {
    let is_in = |names: &[String], name: &String| names.is_empty() || names.contains(name);
    cube.places.iter().filter(|place| is_in(&filter.regions, &place.region)).map(of).collect()
}

/// The members of a long list with the greatest revenue of all days.
fn greatest(field: Field, cube: &Cube) -> Vec<(String, String)> {
    let by = By::ALL.into_iter().find(|by| by.field() == Some(field)).unwrap_or(By::Product);
    let everything = Filter::default().on(Dates::Preset(Preset::All));
    let groups = breakdown(&Selection::new(cube, &everything), by, Comparison::None);
    groups.into_iter().take(MOST).map(|group| (group.key, group.label)).collect()
}
