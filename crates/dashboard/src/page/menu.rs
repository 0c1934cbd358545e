//! Exports, named views and the address to pass on.

use maud::{Markup, html};
use salesmart_base::settings::Settings;

use super::views::Views;
use crate::content::{Links, Page, Wanted};

const FORMATS: [(&str, &str, &str); 3] = [
    ("xlsx", "Excel", "numbers and charts"),
    ("pdf", "PDF", "to print and send"),
    ("csv", "CSV", "the tables as text"),
];

/// What can be done with the page.
pub(super) fn actions(wanted: &Wanted, views: &Views) -> Markup {
    let query = wanted.query();
    let export = |extension: &str| match query.as_str() {
        "" => format!("/export/{}.{extension}", wanted.page.name()),
        query => format!("/export/{}.{extension}?{query}", wanted.page.name()),
    };
    html! {
        div.actions {
            @if views.is_kept() { (view_menu(wanted, views)) }
            details.menu #menu-export name="menu" {
                summary { "Export" }
                ul.panel {
                    @for (extension, name, what) in FORMATS {
                        li { a href=(export(extension)) download { b { (name) } " " span.remark { (what) } } }
                    }
                }
            }
            button.ghost #share type="button" hidden { "Copy link" }
            @if wanted.page != Page::Quality {
                button.ghost #filters type="button" hidden aria-expanded="false" aria-controls="filter" { "Filter" }
            }
        }
    }
}

fn view_menu(wanted: &Wanted, views: &Views) -> Markup {
    html! {
        details.menu #menu-views name="menu" {
            summary { "Views" }
            div.panel {
                @if let Some(error) = &views.error { p.error { (error) } }
                @if views.views.is_empty() {
                    p.remark { "There are no named views yet. How to make one stands at the end of the page." }
                } @else {
                    ul {
                        @for view in &views.views {
                            li {
                                @match &view.leads {
                                    Ok(to) => {
                                        a href=(Links::to(to)) aria-current=[(to == wanted).then_some("true")] {
                                            b { (view.name) } " " span.remark { (to.page.title()) }
                                        }
                                    },
                                    Err(reason) => p.error { b { (view.name) } " " (reason) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The lines that make a named view of the present state.
pub(super) fn paste(wanted: &Wanted, settings: &Settings) -> Markup {
    html! {
        @if let Some(file) = &settings.views {
            details.paste #paste {
                summary { "Keep this state as a named view" }
                p {
                    "Put these lines into " code { (file.file_name().unwrap_or_default().to_string_lossy()) }
                    " under a name of your choice:"
                }
                pre.scroll tabindex="0" role="region" aria-label="Lines of a named view" {
                    "[[view]]\nname = \"" (wanted.page.title()) "\"\npage = \"" (wanted.page.name()) "\"\nquery = \""
                    (wanted.query()) "\"\n"
                }
            }
        }
    }
}
