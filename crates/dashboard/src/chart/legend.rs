//! The lines above a plot: title, unit and what is what.

use maud::{Markup, html};

use super::draw::{Label, Px, block, dot, stroke};
use super::palette::{COMPARE, INK, MUTED, Paint};
use super::text::{self, fit};
use super::{Heading, Size};

/// How a series looks.
#[derive(Clone, Copy)]
pub(super) enum Sample {
    /// A solid line.
    Line(&'static Paint),
    /// A dashed line: what is compared with.
    Dashes,
    /// A dotted line that ends in a hollow dot: not yet complete.
    Dots(&'static Paint),
    /// A bar.
    Bar(&'static Paint),
    /// A short upright line across a bar.
    Tick,
}

/// Dashes of a series to compare with.
pub(super) const COMPARE_DASHES: &str = "5 4";
/// Dashes towards a bucket that is not complete.
pub(super) const PARTIAL_DASHES: &str = "2 3";

const SAMPLE: f64 = 20.0;
const BETWEEN: f64 = 16.0;
const LINE: f64 = 18.0;

/// The head of a chart and how high it is.
pub(super) struct Head {
    pub(super) markup: Markup,
    pub(super) height: f64,
}

/// Title (if shown), unit at the left, entries at the right; under each other where the width does not suffice.
pub(super) fn head(heading: &Heading, entries: &[(Sample, &str)], size: Size) -> Head {
    let mut height = 0.0;
    let title_size = if size.is_compact() { 13.0 } else { 15.0 };
    let title = fit(&heading.title, title_size, size.width / 1.12);
    let shown = heading.shown && !title.is_empty();
    if shown {
        height += title_size + 9.0;
    }
    let unit = fit(&heading.unit, 11.0, size.width);
    let unit_width = if unit.is_empty() { 0.0 } else { text::width(&unit, 11.0) + BETWEEN };
    let unit_y = height + 11.0;
    let rows = rows(entries, size.width);
    let beside = rows.len() == 1 && unit_width + rows[0].1 <= size.width;
    let mut legend = Vec::new();
    if !unit.is_empty() || beside {
        height += LINE;
    }
    for (row, width) in &rows {
        let mut x = if beside { size.width - width } else { 0.0 };
        let y = if beside { unit_y } else { height + 11.0 };
        for (sample, name) in row {
            legend.push(entry(*sample, name, x, y, size.width));
            x += entry_width(name) + BETWEEN;
        }
        if !beside {
            height += LINE;
        }
    }
    let markup = html! {
        @if shown { (Label::new(&title, 0.0, title_size, &INK).size(title_size).bold(true).draw()) }
        g aria-hidden="true" {
            @if !unit.is_empty() { (Label::new(&unit, 0.0, unit_y, &MUTED).draw()) }
            @for entry in &legend { (entry) }
        }
    };
    Head { markup, height: height + 6.0 }
}

fn entry_width(name: &str) -> f64 {
    SAMPLE + 6.0 + text::width(name, 11.0)
}

/// Entries in as few lines as the width allows, each with its width.
fn rows<'a>(entries: &[(Sample, &'a str)], width: f64) -> Vec<(Vec<(Sample, &'a str)>, f64)> {
    let mut rows: Vec<(Vec<_>, f64)> = Vec::new();
    for (sample, name) in entries {
        let needs = entry_width(name);
        match rows.last_mut() {
            Some((row, used)) if *used + BETWEEN + needs <= width => {
                row.push((*sample, *name));
                *used += BETWEEN + needs;
            }
            _ => rows.push((vec![(*sample, *name)], needs)),
        }
    }
    rows
}

fn entry(sample: Sample, name: &str, x: f64, y: f64, width: f64) -> Markup {
    let middle = y - 4.0;
    let end = x + SAMPLE;
    let line = format!("M{x:.1} {middle:.1}L{end:.1} {middle:.1}");
    html! {
        @match sample {
            Sample::Line(ink) => (stroke(&line, ink, "2", None)),
            Sample::Dashes => (stroke(&line, &COMPARE, "1.5", Some(COMPARE_DASHES))),
            Sample::Dots(ink) => {
                (stroke(&line, ink, "2", Some(PARTIAL_DASHES)))
                (dot(end - 3.0, middle, 3.0, ink, true))
            }
            Sample::Bar(ink) => (block(x + 6.0, middle - 5.0, 10.0, 10.0, 2.0, ink)),
            Sample::Tick => {
                line class=(INK.stroke()) x1=(Px(x + 12.0)) x2=(Px(x + 12.0)) y1=(Px(middle - 6.0))
                    y2=(Px(middle + 6.0)) stroke=(INK.light) stroke-width="2" {}
            },
        }
        (Label::new(&fit(name, 11.0, width - end - 6.0), end + 6.0, y, &MUTED).draw())
    }
}
