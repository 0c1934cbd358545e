//! Horizontal bars: a ranking or a breakdown.

use maud::{Markup, html};

use super::draw::{Anchor, Label, Px, block, document, rule, spot, target};
use super::frame::crisp;
use super::legend::{Sample, head};
use super::palette::{AXIS, INK, MARK, MUTED, by_sign};
use super::scale::Linear;
use super::table::{Table, marks_table};
use super::text::{fit, width};
use super::{Chart, Format, Heading, Mark, Size};

/// Names, bars and values in rows, in the caller's order. It is as high as its rows need, whatever the size says.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Title, unit, description.
    pub heading: Heading,
    /// How values are written where a mark has no text.
    pub format: Format,
    /// What the rows are: `Country`; head of the table's first column.
    pub item: String,
    /// Name of the measure.
    pub name: String,
    /// Name of what each bar is compared with by a tick; the values are the marks' `compare`.
    pub compare_name: Option<String>,
    /// The rows.
    pub marks: Vec<Mark>,
}

impl Ranking {
    /// Bars without comparison.
    pub fn new(
        heading: Heading,
        format: Format,
        item: impl Into<String>,
        name: impl Into<String>,
        marks: Vec<Mark>,
    ) -> Self {
        Self { heading, format, item: item.into(), name: name.into(), compare_name: None, marks }
    }

    fn compared(&self, mark: &Mark) -> Option<f64> {
        self.compare_name.as_ref().and_then(|_| mark.finite_compare())
    }
}

const TEXT: f64 = 12.0;
const LEAST_ROW: f64 = 24.0;
const MOST_ROW: f64 = 34.0;

/// Where things are in a row.
struct Layout {
    axis: Linear,
    /// Room for the name, from 0.
    name: f64,
    left: f64,
    right: f64,
    value: f64,
}

impl Layout {
    fn new(ranking: &Ranking, values: &[String], size: Size) -> Self {
        let most = size.width * if size.is_compact() { 0.42 } else { 0.36 };
        // Selected names are bold.
        let name = ranking.marks.iter().map(|mark| width(&mark.label, TEXT) * 1.12).fold(0.0, f64::max).min(most);
        let value = values.iter().map(|value| width(value, TEXT)).fold(0.0, f64::max).min(size.width * 0.3);
        let numbers = ranking.marks.iter().flat_map(|mark| [mark.finite(), ranking.compared(mark)]).flatten();
        let (left, right) = (name + 10.0, size.width - value - 10.0);
        Self { axis: Linear::exact(numbers), name, left, right, value }
    }

    fn x(&self, value: f64) -> f64 {
        self.axis.place(value, self.left, self.right)
    }
}

impl Ranking {
    fn row(&self, mark: &Mark, value: &str, layout: &Layout, top: f64, height: f64, faded: bool) -> Markup {
        let middle = top + height / 2.0;
        let thick = (height * 0.56).min(18.0);
        let zero = layout.x(0.0);
        // Bold letters are wider.
        let name_size = if mark.selected { TEXT * 1.12 } else { TEXT };
        let ink = if faded { &MUTED } else { &INK };
        html! {
            // Only the bar fades: text has to be read.
                (Label::new(&fit(&mark.label, name_size, layout.name), 0.0, middle, ink)
                    .size(TEXT).bold(mark.selected).centred().draw())
                @if let Some(number) = mark.finite() {
                    // What is not zero shows.
                    @let length = (layout.x(number) - zero).abs().max(if number == 0.0 { 0.0 } else { 1.0 });
                    @let left = if number < 0.0 { zero - length } else { zero };
                    g opacity=[faded.then_some("0.45")] {
                        (block(left, middle - thick / 2.0, length, thick, 2.0, by_sign(number)))
                    }
                }
                @if let Some(compared) = self.compared(mark) {
                    @let x = layout.x(compared);
                    line class=(INK.stroke()) x1=(Px(x)) x2=(Px(x)) y1=(Px(middle - thick / 2.0 - 3.0))
                        y2=(Px(middle + thick / 2.0 + 3.0)) stroke=(INK.light) stroke-width="2" {}
                }
                (Label::new(&fit(value, TEXT, layout.value + 0.5), layout.right + 10.0 + layout.value, middle, ink)
                    .size(TEXT).bold(mark.selected).anchor(Anchor::End).centred().draw())
        }
    }
}

impl Chart for Ranking {
    fn svg(&self, size: Size) -> Markup {
        let size = size.sane();
        let legend: Vec<(Sample, &str)> = match &self.compare_name {
            Some(name) => vec![(Sample::Bar(&MARK), self.name.as_str()), (Sample::Tick, name.as_str())],
            None => Vec::new(),
        };
        let head = head(&self.heading, &legend, size);
        let values: Vec<String> = self.marks.iter().map(|mark| mark.brief(&self.format)).collect();
        let layout = Layout::new(self, &values, size);
        let rows = self.marks.len().max(1) as f64;
        let row = ((size.height - head.height) / rows).clamp(LEAST_ROW, MOST_ROW);
        let size = Size { height: head.height + row * rows + 2.0, ..size };
        let linked = self.marks.iter().any(|mark| mark.href.is_some());
        let any_selected = self.marks.iter().any(|mark| mark.selected);
        let zero = crisp(layout.x(0.0));
        let body = html! {
            (head.markup)
            @for (index, (mark, value)) in self.marks.iter().zip(&values).enumerate() {
                @let top = head.height + row * index as f64;
                (spot(mark.href.as_deref(), &mark.tip_text(&self.format, self.compare_name.as_deref()), linked, html! {
                    (target(-6.0, top + 1.0, size.width + 12.0, row - 2.0))
                    (self.row(mark, value, &layout, top, row, any_selected && !mark.selected))
                }))
            }
            @if self.marks.is_empty() {
                (Label::new("No data for this selection", 0.0, head.height + row / 2.0, &MUTED)
                    .size(TEXT).centred().draw())
            } @else {
                (rule((zero, head.height), (zero, size.height - 2.0), &AXIS, None))
            }
        };
        document(&self.heading, size, linked, body)
    }

    fn table(&self) -> Markup {
        marks_table(&Table {
            caption: &self.heading.title,
            label: &self.item,
            value: &self.name,
            compare: self.compare_name.as_deref(),
            format: &self.format,
            marks: &self.marks,
            note: None,
            cumulative: None,
        })
    }
}
