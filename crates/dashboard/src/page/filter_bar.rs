//! The filter as a form: it works without script, which only sends it by itself.

use maud::{Markup, html};
use salesmart_metrics::calendar::Granularity;
use salesmart_metrics::cube::Cube;
use salesmart_metrics::filter::{Comparison, Dates, Field, Preset};

use super::{WAS, slicer, was};
use crate::content::{Page, TOPS, Wanted};

/// The form of a page in its present state.
pub(super) fn form(wanted: &Wanted, cube: &Cube) -> Markup {
    let filter = &wanted.filter;
    let (from, to) = match filter.dates {
        Dates::Preset(_) => (None, None),
        Dates::Between { from, to } => (from, to),
    };
    let automatic = filter.range(cube.known_days()).map(Granularity::fitting);
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
    html! {
        form.filter #filter method="get" action={ "/" (wanted.page.name()) } aria-label="Filter" {
            div.fields {
                (select("dates", "Days", html! {
                    @if matches!(filter.dates, Dates::Between { .. }) { option value="" selected { "From … to" } }
                    @for preset in Preset::ALL {
                        option value=(preset.name()) selected[filter.dates == Dates::Preset(preset)] { (preset.title()) }
                    }
                }))
                @for (name, label, value) in [("from", "From", day(from)), ("to", "To", day(to))] {
                    div.field {
                        label for={ "f-" (name) } { (label) }
                        input id={ "f-" (name) } type="date" name=(name) value=[value] min="1900-01-01" max="2200-12-31";
                    }
                }
                @if let Some(was) = was(filter) { input type="hidden" name=(WAS) value=(was); }
                (select("granularity", "Trend by", html! {
                    option value="" selected[filter.granularity.is_none()] {
                        @match automatic { Some(automatic) => { (automatic.name()) ", by itself" }, None => "by itself" }
                    }
                    @for granularity in Granularity::ALL {
                        option value=(granularity.name()) selected[filter.granularity == Some(granularity)] {
                            (granularity.name())
                        }
                    }
                }))
                (select("compare", "Compared with", html! {
                    @for comparison in Comparison::ALL {
                        option value=(comparison.name()) selected[filter.comparison == comparison] { (comparison.title()) }
                    }
                }))
                @if wanted.page == Page::Products {
                    (select("top", "Products", html! {
                        @for top in TOPS { option value=(top) selected[wanted.top == top] { "top " (top) } }
                    }))
                } @else if wanted.top != TOPS[0] {
                    input type="hidden" name="top" value=(wanted.top);
                }
            }
            div.slicers {
                @for field in Field::ALL { (slicer::slicer(field, filter, cube)) }
                button.apply type="submit" { "Apply" }
            }
        }
    }
}

fn select(name: &str, label: &str, options: Markup) -> Markup {
    html! {
        div.field {
            label for={ "f-" (name) } { (label) }
            select id={ "f-" (name) } name=(name) { (options) }
        }
    }
}
