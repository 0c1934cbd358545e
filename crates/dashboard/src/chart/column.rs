//! Upright bars: a distribution, or a measure over steps that are no line.

use maud::{Markup, html};

use super::draw::{Anchor, Label, Px, area, block, document, spot, target};
use super::frame::{Plot, bars_path, tick_count};
use super::legend::{Sample, head};
use super::palette::{INK, LOSS, MARK, by_sign};
use super::scale::{Band, Base, Linear, MOST_BANDS, Spot, bands};
use super::table::{Table, marks_table};
use super::text::width;
use super::{Chart, Format, Heading, Mark, Size};

/// One bar per class, in the caller's order.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Title, unit, description.
    pub heading: Heading,
    /// How values are written.
    pub format: Format,
    /// What the classes are: `Lifetime value`; drawn below the labels and head of the table's first column.
    pub item: String,
    /// Name of the measure: `Customers`.
    pub name: String,
    /// Name of what each bar is compared with by a tick; the values are the marks' `compare`.
    pub compare_name: Option<String>,
    /// Whether the classes touch, as those of a histogram do.
    pub touching: bool,
    /// The bars.
    pub marks: Vec<Mark>,
}

impl Columns {
    /// Bars with space between them.
    pub fn new(
        heading: Heading,
        format: Format,
        item: impl Into<String>,
        name: impl Into<String>,
        marks: Vec<Mark>,
    ) -> Self {
        Self { heading, format, item: item.into(), name: name.into(), compare_name: None, touching: false, marks }
    }

    /// Bars of a histogram.
    pub fn histogram(
        heading: Heading,
        format: Format,
        item: impl Into<String>,
        name: impl Into<String>,
        marks: Vec<Mark>,
    ) -> Self {
        Self { touching: true, ..Self::new(heading, format, item, name, marks) }
    }

    fn is_linked(&self) -> bool {
        self.marks.len() <= MOST_BANDS && self.marks.iter().any(|mark| mark.href.is_some())
    }

    fn compared(&self, mark: &Mark) -> Option<f64> {
        self.compare_name.as_ref().and_then(|_| mark.finite_compare())
    }

    fn tip(&self, mark: &Mark) -> String {
        mark.tip_text(&self.format, self.compare_name.as_deref())
    }

    /// Values written at the bars, if there is room for each.
    fn values(&self, band: &Band) -> Option<Vec<String>> {
        let values: Vec<String> = self.marks.iter().map(|mark| mark.brief(&self.format)).collect();
        let fits = values.iter().all(|value| width(value, 11.0) + 3.0 <= band.step());
        (fits && self.marks.len() <= 24).then_some(values)
    }

    fn bar(&self, index: usize, scene: &Scene<'_>, faded: bool) -> Markup {
        let Scene { plot, band, axis, values } = scene;
        let mark = &self.marks[index];
        let (x, wide) = band.inner(index);
        let zero = plot.y(axis, 0.0);
        html! {
            g opacity=[faded.then_some("0.45")] {
                @if let Some(number) = mark.finite() {
                    @let high = (plot.y(axis, number) - zero).abs().max(if number == 0.0 { 0.0 } else { 1.0 });
                    @let top = if number < 0.0 { zero } else { zero - high };
                    (block(x, top, wide, high, if wide > 6.0 { 1.5 } else { 0.0 }, by_sign(number)))
                    @if let Some(value) = values.as_ref().and_then(|values| values.get(index)) {
                        @let y = if number < 0.0 { (zero + high + 13.0).min(plot.bottom - 3.0) } else { top - 5.0 };
                        (Label::new(value, band.centre(index), y, &INK)
                            .anchor(Anchor::Middle).bold(mark.selected).halo().draw())
                    }
                }
                @if let Some(compared) = self.compared(mark) {
                    @let y = plot.y(axis, compared);
                    line class=(INK.stroke()) x1=(Px(x - 2.0)) x2=(Px(x + wide + 2.0)) y1=(Px(y)) y2=(Px(y))
                        stroke=(INK.light) stroke-width="2" {}
                }
            }
        }
    }

    /// All bars as two shapes, where there are too many for an element each.
    fn many(&self, plot: &Plot, band: &Band, axis: &Linear) -> Markup {
        let zero = plot.y(axis, 0.0);
        let bars = |negative: bool| {
            bars_path(self.marks.iter().enumerate().filter_map(|(index, mark)| {
                let number = mark.finite().filter(|number| (*number < 0.0) == negative)?;
                let (x, wide) = band.inner(index);
                let y = plot.y(axis, number);
                Some((x, y.min(zero), wide, (y - zero).abs()))
            }))
        };
        html! {
            (area(&bars(false), &MARK, "1"))
            (area(&bars(true), &LOSS, "1"))
            @for group in bands(self.marks.len()) {
                @let (first, last) = (band.edge(group.start), band.edge(group.end));
                @let tips: Vec<String> =
                    self.marks[group].iter().map(|mark| self.tip(mark)).collect();
                (spot(None, &tips.join("\n"), false, target(first, plot.top, last - first, plot.height())))
            }
        }
    }
}

/// What the bars of one drawing share.
struct Scene<'a> {
    plot: &'a Plot,
    band: &'a Band,
    axis: &'a Linear,
    values: Option<Vec<String>>,
}

impl Chart for Columns {
    fn svg(&self, size: Size) -> Markup {
        let size = size.sane();
        let numbers = self.marks.iter().flat_map(|mark| [mark.finite(), self.compared(mark)]).flatten();
        let axis = Linear::over(numbers, Base::Zero, tick_count(size), self.format.least_step());
        let labels = self.format.axis(&axis.ticks);
        let legend: Vec<(Sample, &str)> = match &self.compare_name {
            Some(name) => vec![(Sample::Bar(&MARK), self.name.as_str()), (Sample::Tick, name.as_str())],
            None => Vec::new(),
        };
        let head = head(&self.heading, &legend, size);
        let plot = Plot::inside(size, &head, &labels, if self.item.is_empty() { 1 } else { 2 }, 0.0);
        let gap = if self.touching { (1.5 * self.marks.len() as f64 / plot.width()).min(0.2) } else { 0.3 };
        let band = Band::new(self.marks.len(), plot.left, plot.right, gap);
        let spots: Vec<Spot<'_>> = self
            .marks
            .iter()
            .enumerate()
            .map(|(index, mark)| Spot::new(mark.axis_label(), band.centre(index)))
            .collect();
        let linked = self.is_linked();
        let any_selected = self.marks.iter().any(|mark| mark.selected);
        let is_empty = self.marks.iter().all(|mark| mark.finite().is_none());
        let scene = Scene { plot: &plot, band: &band, axis: &axis, values: self.values(&band) };
        let body = html! {
            (head.markup)
            (plot.grid(&axis, if is_empty { &[] } else { &labels }))
            @if self.marks.len() > MOST_BANDS {
                (self.many(&plot, &band, &axis))
            } @else {
                @for (index, mark) in self.marks.iter().enumerate() {
                    (spot(mark.href.as_deref(), &self.tip(mark), linked, html! {
                        (target(band.edge(index), plot.top, band.step(), plot.height()))
                        (self.bar(index, &scene, any_selected && !mark.selected))
                    }))
                }
            }
            (plot.zero(&axis))
            (plot.foot(&spots, size, false))
            (plot.caption(&self.item))
            @if is_empty { (plot.empty()) }
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
