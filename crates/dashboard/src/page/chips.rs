//! What the page is filtered by, each with a link that takes it away.

use maud::{Markup, html};
use salesmart_metrics::cube::Cube;
use salesmart_metrics::filter::{Comparison, Dates, Field, Filter};

use crate::content::{Links, Page, TOPS, Wanted, Written, name};

/// One restriction and the page without it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chip {
    pub about: &'static str,
    pub text: String,
    pub href: String,
}

/// All restrictions that differ from the default.
pub(super) fn chips(wanted: &Wanted, cube: &Cube, written: &Written<'_>) -> Vec<Chip> {
    let links = Links::from(wanted);
    let filter = &wanted.filter;
    let mut chips = Vec::new();
    let without = |change: fn(&mut Filter)| {
        let mut filter = filter.clone();
        change(&mut filter);
        links.filtered(filter)
    };
    if filter.dates != Dates::default() {
        let text = match (filter.dates, filter.range(cube.known_days())) {
            (Dates::Preset(preset), _) => preset.title().to_owned(),
            (_, Some(range)) => written.days(range),
            (Dates::Between { .. }, None) => "some".to_owned(),
        };
        chips.push(Chip { about: "Days", text, href: without(|filter| filter.dates = Dates::default()) });
    }
    if let Some(granularity) = filter.granularity {
        let href = without(|filter| filter.granularity = None);
        chips.push(Chip { about: "By", text: granularity.name().to_owned(), href });
    }
    if filter.comparison != Comparison::default() {
        let href = without(|filter| filter.comparison = Comparison::default());
        chips.push(Chip { about: "Compared with", text: filter.comparison.title().to_owned(), href });
    }
    for field in Field::ALL {
        for key in filter.names(field) {
            let text = name(cube, field, key).to_owned();
            chips.push(Chip { about: field.title(), text, href: links.toggle(field, key) });
        }
    }
    if wanted.top != TOPS[0] && wanted.page == Page::Products {
        chips.push(Chip { about: "Products", text: format!("top {}", wanted.top), href: links.top(TOPS[0]) });
    }
    chips
}

/// The chips as a list; nothing where nothing is filtered.
pub(super) fn list(wanted: &Wanted, cube: &Cube, written: &Written<'_>) -> Markup {
    let chips = chips(wanted, cube, written);
    html! {
        @if !chips.is_empty() {
            div.chips #chips {
                h2.sr { "Active filters" }
                ul {
                    @for chip in &chips {
                        li {
                            a.chip href=(chip.href) {
                                span.about { (chip.about) } " " (chip.text)
                                span.cross aria-hidden="true" { "×" }
                                span.sr { ", remove" }
                            }
                        }
                    }
                }
                a.reset href=(Links::to(&Wanted::page(wanted.page))) { "Reset all" }
            }
        }
    }
}
