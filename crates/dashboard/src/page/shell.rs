//! What is around the content of every page.

use maud::{DOCTYPE, Markup, html};
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::Cube;
use salesmart_metrics::filter::Filter;

use super::Health;
use super::asset::address;
use super::views::Views;
use super::{block, chips, filter_bar, menu};
use crate::content::{Content, Crumb, Links, Page, Value, Wanted, Written};

/// All that a page is rendered from.
pub struct Shell<'a> {
    /// The load.
    pub cube: &'a Cube,
    /// Title and currency.
    pub settings: &'a Settings,
    /// Which page, with which filter.
    pub wanted: &'a Wanted,
    /// Who is logged in.
    pub viewer: Option<&'a str>,
    /// Whether the load is up to date.
    pub health: &'a Health,
    /// The named views.
    pub views: &'a Views,
}

impl Shell<'_> {
    /// The whole document.
    pub fn page(&self, content: &Content) -> Markup {
        let written = Written::new(&self.settings.currency);
        let main = html! {
            main #main tabindex="-1" data-load=(self.cube.load.id) data-page=(content.page.name()) {
                (self.health())
                div.head {
                    div {
                        (trail(&content.trail))
                        h1 { (content.title) }
                        (self.days(content, &written))
                    }
                    (menu::actions(self.wanted, self.views))
                }
                @if content.page == Page::Quality {
                    // What was loaded and checked is one for all: a filter would change nothing here.
                    @if self.wanted.filter != Filter::default() {
                        p.note { "The filter does not apply to this page. It is kept for the others." }
                    }
                } @else {
                    (filter_bar::form(self.wanted, self.cube))
                    (chips::list(self.wanted, self.cube, &written))
                }
                @for note in &content.notes { p.note { (note) } }
                @if content.range.is_none() && content.page != Page::Quality {
                    (self.nothing())
                } @else {
                    (block::all(&content.blocks, &written))
                }
                (menu::paste(self.wanted, self.settings))
            }
        };
        document(
            &self.settings.title,
            &content.title,
            Some(&Links::from(self.wanted)),
            content.page,
            self.viewer,
            html! {
                (main)
                footer.foot {
                    p {
                        @if let Some(at) = &self.cube.load.committed_at {
                            "Figures of "
                            time datetime=(at) data-ago { (written.full(&Value::Time(at.clone()))) }
                            ". "
                        }
                        "Times are in UTC, amounts net of returns. "
                        a href="/api/v1/docs" { "API" }
                    }
                }
            },
        )
    }

    /// The days and what they are compared with.
    fn days(&self, content: &Content, written: &Written<'_>) -> Markup {
        let compared = content.range.and_then(|range| self.wanted.filter.comparison.of(range));
        html! {
            @if let Some(range) = content.range.filter(|_| content.page != Page::Quality) {
                p.sub {
                    strong { (written.days(range)) }
                    @if let Some(compared) = compared {
                        " compared with " (self.wanted.filter.comparison.title()) ", " (written.days(compared))
                    }
                }
            }
        }
    }

    /// Says so if the warehouse cannot be reached.
    fn health(&self) -> Markup {
        html! {
            @if let Health::Unreachable { since, .. } = self.health {
                div.banner role="status" {
                    strong { "The warehouse cannot be reached since " (since.format("%-d %b %Y, %H:%M UTC")) ". " }
                    @match &self.cube.load.committed_at {
                        Some(at) => {
                            "These are the figures of "
                            (Written::new(&self.settings.currency).full(&Value::Time(at.clone()))) "."
                        },
                        None => "These are the figures that were loaded last.",
                    }
                }
            }
        }
    }

    /// In place of figures that there are none of.
    fn nothing(&self) -> Markup {
        html! {
            section.card.empty {
                h2 { "There are no sales yet" }
                p { "Once a sync has brought the first sales, this page shows them by itself." }
            }
        }
    }
}

fn trail(trail: &[Crumb]) -> Markup {
    html! {
        @if !trail.is_empty() {
            nav aria-label="Breadcrumb" {
                ol.trail {
                    @for crumb in trail {
                        li {
                            @match &crumb.href {
                                Some(href) => a href=(href) { (crumb.label) },
                                None => span aria-current="page" { (crumb.label) },
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The document around `main`: head, menu of pages, and the place where changes are announced.
pub fn document(
    site: &str,
    title: &str,
    links: Option<&Links<'_>>,
    current: Page,
    viewer: Option<&str>,
    body: Markup,
) -> Markup {
    let site = if site.is_empty() { "Sales" } else { site };
    let plain: Vec<Wanted> = Page::ALL.into_iter().map(Wanted::page).collect();
    let href = |at: usize| links.map_or_else(|| Links::to(&plain[at]), |links| links.page(Page::ALL[at]));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (site) }
                link rel="icon" href=(address("favicon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(address("site.css"));
                script src=(address("theme.js")) {}
                script type="module" src=(address("site.js")) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    div.bar {
                        a.brand href="/" { (mark()) span { (site) } }
                        nav #pages aria-label="Pages" {
                            ul {
                                @for (at, page) in Page::ALL.into_iter().enumerate() {
                                    li {
                                        a href=(href(at)) aria-current=[(page == current && links.is_some()).then_some("page")] {
                                            (page.title())
                                        }
                                    }
                                }
                            }
                        }
                        div.tools {
                            @if let Some(viewer) = viewer {
                                form.leave method="post" action="/logout" {
                                    span.viewer { (viewer) }
                                    button.ghost type="submit" { "Log out" }
                                }
                            }
                            button.ghost #theme type="button" hidden { "Dark" }
                        }
                    }
                }
                (body)
                div #status.sr role="status" aria-live="polite" {}
            }
        }
    }
}

/// The sign beside the title: three bars.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false" {
            rect x="1" y="11" width="4.6" height="8" rx="1.2" {}
            rect x="7.7" y="6" width="4.6" height="13" rx="1.2" {}
            rect x="14.4" y="1" width="4.6" height="18" rx="1.2" {}
        }
    }
}
