//! A lineage as a drawing that needs nothing else: no script, no font, no style sheet.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use salesmart_base::count::counted;

use super::layout::{Block, Layout, place};
use super::{Kind, Lineage, Relation};

/// How to draw.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Columns in the boxes, and links between them.
    pub columns: bool,
    /// The model that the drawing is about.
    pub focus: Option<&'a str>,
    /// The page of a relation, where boxes are links.
    pub href: &'a dyn Fn(&Relation) -> Option<String>,
}

const MARGIN: f64 = 16.0;
const HEAD: f64 = 40.0;
const ROW: f64 = 20.0;
const PAD: f64 = 12.0;
/// Of a letter, and of one in small print: wide enough for every common monospaced font.
const LETTER: f64 = 7.9;
const SMALL_LETTER: f64 = 6.7;

/// Plain colours, because not every viewer knows custom properties; a page's dark scheme holds on the screen only.
const STYLE: &str = "
.lineage text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.lineage .name{font-weight:600}.lineage .soft{font-size:11px}
.lineage rect{stroke-width:1}.lineage path{fill:none;stroke-width:1.4}
.lineage text{fill:#1d2733}.lineage .soft{fill:#5b6876}.lineage .body,.lineage .paper{fill:#fff}.lineage path{stroke:#9aa7b4}.lineage rect{stroke:#c3ccd5}.lineage .source{fill:#e9edf1}.lineage .staging{fill:#dcebfb}.lineage .intermediate{fill:#e6e2f8}.lineage .mart{fill:#d8f0e0}.lineage .focus{stroke:#d9480f}
@media screen and (prefers-color-scheme:dark){.lineage text{fill:#e6ebf0}.lineage .soft{fill:#a3b0bd}.lineage .body,.lineage .paper{fill:#14191f}.lineage path{stroke:#5f6d7a}.lineage rect{stroke:#43505c}.lineage .source{fill:#2b333b}.lineage .staging{fill:#1d3a57}.lineage .intermediate{fill:#37315c}.lineage .mart{fill:#1e4630}.lineage .focus{stroke:#ff922b}}
.lineage .paper,.lineage .head{stroke:none}.lineage .focus{stroke-width:2.5;fill:none}
.lineage .column-link{stroke-width:1;opacity:.75}.lineage .rows-link{stroke-dasharray:4 3;opacity:.75}
.lineage a{text-decoration:none}.lineage a:hover .name,.lineage a:focus .name{text-decoration:underline}
";

/// The drawing as an `svg` element. `paper` paints the background, which a page does not need.
pub fn draw(lineage: &Lineage, options: Options<'_>, paper: bool) -> Markup {
    let drawing = Drawing::new(lineage, options);
    let (width, height) = (drawing.layout.width + 2.0 * MARGIN, drawing.layout.height + 2.0 * MARGIN);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" class="lineage" role="img" aria-label=(drawing.label())
            width=(number(width)) height=(number(height)) viewBox=(format!("0 0 {} {}", number(width), number(height)))
        {
            style { (PreEscaped(STYLE)) }
            @if paper {
                rect.paper width="100%" height="100%" {}
            }
            g transform=(format!("translate({MARGIN} {MARGIN})")) {
                (drawing.links())
                @for index in 0..lineage.relations.len() { (drawing.block(index)) }
            }
        }
    }
}

struct Drawing<'a> {
    lineage: &'a Lineage,
    options: Options<'a>,
    blocks: Vec<Block>,
    layout: Layout,
}

impl<'a> Drawing<'a> {
    fn new(lineage: &'a Lineage, options: Options<'a>) -> Self {
        let index: BTreeMap<&str, usize> =
            lineage.relations.iter().enumerate().map(|(index, relation)| (relation.name.as_str(), index)).collect();
        let blocks: Vec<Block> = lineage
            .relations
            .iter()
            .map(|relation| {
                let columns = if options.columns { relation.columns.as_slice() } else { &[] };
                let names = columns.iter().map(|traced| traced.column.name.as_str()).chain([relation.name.as_str()]);
                let widest = names.map(|name| name.chars().count()).max().unwrap_or(0) as f64 * LETTER;
                let small = subtitle(relation, options.columns).chars().count() as f64 * SMALL_LETTER;
                let rows = columns.len() as f64 * ROW;
                Block {
                    width: widest.max(small) + 2.0 * PAD,
                    height: if columns.is_empty() { HEAD } else { HEAD + rows + 8.0 },
                    reads: relation.reads.iter().filter_map(|read| index.get(read.as_str()).copied()).collect(),
                }
            })
            .collect();
        let layout = place(&blocks);
        Self { lineage, options, blocks, layout }
    }

    fn label(&self) -> String {
        let names: Vec<&str> = self.lineage.relations.iter().map(|relation| relation.name.as_str()).collect();
        format!("Lineage of {}", names.join(", "))
    }

    fn block(&self, index: usize) -> Markup {
        let relation = &self.lineage.relations[index];
        let (height, width, (x, y)) =
            (self.blocks[index].height, self.layout.widths[index], self.layout.corners[index]);
        let is_focus = self.options.focus == Some(relation.name.as_str());
        let drawn = html! {
            rect.body width=(number(width)) height=(number(height)) rx="7" {}
            @if height > HEAD {
                path class={ "head " (relation.kind.name()) } d=(head(width)) {}
            } @else {
                rect class=(relation.kind.name()) width=(number(width)) height=(number(height)) rx="7" {}
            }
            text.name x=(PAD) y="18" { (relation.name) }
            text.soft x=(PAD) y="33" { (subtitle(relation, self.options.columns)) }
            @if self.options.columns {
                @for (row, traced) in relation.columns.iter().enumerate() {
                    text x=(PAD) y=(number(HEAD + 16.0 + row as f64 * ROW)) { (traced.column.name) }
                }
            }
            @if is_focus {
                rect.focus width=(number(width)) height=(number(height)) rx="7" {}
            }
        };
        let place = format!("translate({} {})", number(x), number(y));
        match (self.options.href)(relation) {
            Some(href) => html! { a href=(href) transform=(place) { (drawn) } },
            None => html! { g transform=(place) { (drawn) } },
        }
    }

    fn links(&self) -> Markup {
        let links = self.layout.lanes.iter().map(|(link, lane)| (*link, lane));
        html! {
            @for ((from, to), lane) in links {
                @if self.options.columns {
                    (self.column_links(from, to, lane))
                } @else {
                    (self.link(from, to, lane, [self.blocks[from].height / 2.0, self.blocks[to].height / 2.0], ""))
                }
            }
        }
    }

    /// Links between the columns of two relations. Where only rows matter, the link is dashed and starts at the head; so
    /// is the one between two heads where no column is computed from the other relation.
    fn column_links(&self, from: usize, to: usize, lane: &[(f64, f64)]) -> Markup {
        let (source, target) = (&self.lineage.relations[from], &self.lineage.relations[to]);
        let row = |index: usize| HEAD + 11.5 + index as f64 * ROW;
        let place = |name: &str| source.columns.iter().position(|traced| traced.column.name == name);
        let mut links = Vec::new();
        for (below, traced) in target.columns.iter().enumerate() {
            for origin in traced.origins.from.iter().filter(|origin| origin.relation == source.name) {
                match origin.column.as_deref().map(place) {
                    Some(Some(above)) => links.push(([row(above), row(below)], "column-link")),
                    Some(None) => {}
                    None => links.push(([HEAD / 2.0, row(below)], "rows-link")),
                }
            }
        }
        if links.is_empty() {
            links.push(([HEAD / 2.0, HEAD / 2.0], "rows-link"));
        }
        html! { @for (heights, class) in links { (self.link(from, to, lane, heights, class)) } }
    }

    fn link(&self, from: usize, to: usize, lane: &[(f64, f64)], heights: [f64; 2], class: &str) -> Markup {
        let ((from_x, from_y), (to_x, to_y)) = (self.layout.corners[from], self.layout.corners[to]);
        let mut here = (from_x + self.layout.widths[from], from_y + heights[0]);
        let mut path = format!("M{} {}", number(here.0), number(here.1));
        for (step, next) in lane.iter().chain([&(to_x, to_y + heights[1])]).enumerate() {
            // Every second piece is the lane itself, which is straight.
            match step % 2 == 1 && step < lane.len() {
                true => path.push_str(&format!("L{} {}", number(next.0), number(next.1))),
                false => {
                    let bend = (next.0 - here.0) / 2.0;
                    path.push_str(&format!(
                        "C{} {} {} {} {} {}",
                        number(here.0 + bend),
                        number(here.1),
                        number(next.0 - bend),
                        number(next.1),
                        number(next.0),
                        number(next.1)
                    ));
                }
            }
            here = *next;
        }
        let class = if class.is_empty() { "link" } else { class };
        html! { path class=(class) d=(path) {} }
    }
}

fn subtitle(relation: &Relation, columns: bool) -> String {
    match (relation.kind, columns) {
        (Kind::Source, _) => "source".to_owned(),
        (kind, true) => kind.name().to_owned(),
        (kind, false) => format!("{}, {}", kind.name(), counted(relation.columns.len() as u64, "column")),
    }
}

/// The coloured head of a box with columns: round above, straight below.
fn head(width: f64) -> String {
    format!("M0 {HEAD}V7A7 7 0 0 1 7 0H{}A7 7 0 0 1 {width} 7V{HEAD}Z", number(width - 7.0), width = number(width))
}

/// One decimal is enough, and is the same everywhere.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
