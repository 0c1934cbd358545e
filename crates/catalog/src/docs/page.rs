//! What all pages share: the frame, the style, links and small pieces.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::lineage::origin::Origins;
use crate::lineage::{Kind, Lineage, Relation, svg};

/// Stands in every page that salesmart wrote.
pub const MARK: &str = "<meta name=\"generator\" content=\"salesmart\">";

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1d2733;--soft:#56636f;--paper:#fff;--box:#f5f7f9;--line:#dfe4e9;--accent:#0b62ad;--good:#187a43;--bad:#c02b1d;--warn:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#a3b0bd;--paper:#14191f;--box:#1c232b;--line:#313b45;--accent:#6db5f5;--good:#5fcf8e;--bad:#ff8577;--warn:#e9b44c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
header{border-bottom:1px solid var(--line);background:var(--box)}
header nav,main{max-width:76rem;margin:0 auto;padding:.75rem 1.25rem}
header nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:baseline}
header nav a{text-decoration:none}header nav .home{font-weight:700;color:var(--ink);margin-right:auto}
header nav a[aria-current]{color:var(--ink);text-decoration:underline;text-underline-offset:.3em}
main{padding-bottom:4rem}
a{color:var(--accent)}a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
h1{font-size:1.6rem;line-height:1.25;margin:1.25rem 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.25rem 0 .6rem}h2.mono{font-size:1.05rem}h3{font-size:1rem;margin:1.5rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}.soft{color:var(--soft)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.875em}
pre{background:var(--box);border:1px solid var(--line);border-radius:8px;padding:1rem;overflow-x:auto;line-height:1.5;tab-size:4}
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:8px}.wide svg{display:block;margin:0 auto}
table{border-collapse:collapse;width:100%;font-size:.925rem}
th,td{text-align:left;vertical-align:top;padding:.45rem .75rem;border-bottom:1px solid var(--line)}
tr:last-child>td{border-bottom:0}th{background:var(--box);font-weight:600;white-space:nowrap}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.mono{white-space:nowrap}
td.text{min-width:14rem}td .mono{white-space:nowrap}td.state{white-space:nowrap}tr:target>td{background:var(--box)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:1rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.tag{display:inline-block;border:1px solid var(--line);border-radius:99px;padding:0 .6rem;font-size:.8rem;color:var(--soft);margin-right:.35rem}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
details{margin:.75rem 0}summary{cursor:pointer;color:var(--accent)}
@media (max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--box:#fff;--line:#bbb;--accent:#000}header nav a:not(.home){display:none}.wide{overflow:visible;border:0}.wide svg{max-width:100%;height:auto}pre{white-space:pre-wrap}tr,svg{break-inside:avoid}h2,h3{break-after:avoid}}
";

/// The pages that the head of each page leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The list of models.
    Models,
    /// The sources.
    Sources,
    /// The checks.
    Checks,
    /// The page of one model.
    Model,
}

impl Place {
    /// From this place to the folder of the site.
    pub fn up(self) -> &'static str {
        match self {
            Self::Model => "../",
            _ => "",
        }
    }
}

/// A page of the site.
pub fn frame(title: &str, place: Place, body: &Markup) -> Markup {
    let up = place.up();
    let current = |here: Place| (place == here).then_some("page");
    document(
        title,
        &html! {
            header {
                nav {
                    a.home href={ (up) "index.html" } { "Sales mart" }
                    a href={ (up) "index.html" } aria-current=[current(Place::Models)] { "Models" }
                    a href={ (up) "sources.html" } aria-current=[current(Place::Sources)] { "Sources" }
                    a href={ (up) "checks.html" } aria-current=[current(Place::Checks)] { "Checks" }
                }
            }
            main { (body) }
        },
    )
}

/// A page by itself: a drawing, and below it each relation with its columns.
pub fn lineage(title: &str, part: &Lineage, options: svg::Options<'_>) -> Markup {
    document(
        title,
        &html! {
            main {
                h1 { (title) }
                (drawing(part, options))
                @for relation in part.relations.iter().filter(|relation| relation.kind != Kind::Source) {
                    h2 { code { (relation.name) } " " span.tag { (relation.kind.name()) } }
                    div.wide {
                        table {
                            thead { tr { th { "Column" } th { "Type" } th { "Computed from" } } }
                            tbody {
                                @for traced in &relation.columns {
                                    tr {
                                        td.mono { (traced.column.name) }
                                        td.mono { (traced.column.kind.to_lowercase()) }
                                        td.text { (traced.origins.to_string()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                (PreEscaped(MARK))
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// A drawing that scrolls where it is wider than the page.
pub fn drawing(part: &Lineage, options: svg::Options<'_>) -> Markup {
    html! { div.wide tabindex="0" { (svg::draw(part, options, false)) } }
}

/// Where a relation is described.
pub fn href(relation: &str, place: Place) -> String {
    match relation.strip_prefix("raw.") {
        Some(source) => format!("{}sources.html#{}", place.up(), anchor(source)),
        None => format!("{}models/{relation}.html", place.up()),
    }
}

/// The same, for the drawing.
pub fn link_of(place: Place) -> impl Fn(&Relation) -> Option<String> {
    move |relation| Some(href(&relation.name, place))
}

/// A name as the target of a link.
pub fn anchor(name: &str) -> String {
    let mut anchor = String::new();
    for c in name.chars() {
        match c.is_ascii_alphanumeric() || c == '_' {
            true => anchor.push(c),
            false => anchor.push_str(&format!("-{:x}", u32::from(c))),
        }
    }
    anchor
}

/// What a column is computed from, with links.
pub fn origins(origins: &Origins, place: Place) -> Markup {
    html! {
        @for (index, origin) in origins.from.iter().enumerate() {
            @if index > 0 { ", " }
            @match &origin.column {
                Some(column) => {
                    a.mono href=(column_href(&origin.relation, column, place)) { (origin.relation) "." (column) }
                }
                None => { "rows of " a.mono href=(href(&origin.relation, place)) { (origin.relation) } }
            }
        }
        @if origins.is_unknown {
            @if !origins.from.is_empty() { ", " }
            span.warn { "unknown" }
        }
        @if origins.is_constant() { span.soft { "constant" } }
    }
}

fn column_href(relation: &str, column: &str, place: Place) -> String {
    match relation.strip_prefix("raw.") {
        Some(source) => format!("{}sources.html#{}.{}", place.up(), anchor(source), anchor(column)),
        None => format!("{}#{}", href(relation, place), anchor(column)),
    }
}

/// A header's prose: paragraphs stand apart by an empty line.
pub fn prose(text: &str) -> Markup {
    html! { @for paragraph in text.split("\n\n").filter(|text| !text.trim().is_empty()) { p { (paragraph) } } }
}

/// The first sentence of a header's prose.
pub fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    paragraph.split_once(". ").map_or(paragraph.clone(), |(first, _)| format!("{first}."))
}

/// A verdict, in its colour.
pub fn verdict(text: &str) -> Markup {
    let class = match text.split([' ', ',']).next() {
        Some("passed" | "up") => "good",
        Some("failed") => "bad",
        Some("warned" | "to") => "warn",
        _ => "soft",
    };
    html! { span class=(class) { (text) } }
}

/// Links to models, between commas.
pub fn models<'a>(names: impl Iterator<Item = &'a str>, place: Place) -> Markup {
    html! {
        @for (index, name) in names.enumerate() {
            @if index > 0 { ", " }
            a.mono href=(href(name, place)) { (name) }
        }
    }
}
