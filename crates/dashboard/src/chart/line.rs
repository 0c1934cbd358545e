//! A measure over time.

use maud::{Markup, html};

use super::draw::{area, area_path, document, dot, path, shy_dot, spot, stroke, target};
use super::frame::{Plot, tick_count};
use super::legend::{COMPARE_DASHES, PARTIAL_DASHES, Sample, head};
use super::palette::{COMPARE, MARK};
use super::scale::{Band, Base, Linear, MOST_BANDS, Spot, bands};
use super::table::{Table, marks_table};
use super::{Chart, Format, Heading, Mark, Size};

/// Closer together, dots would hide the line; then they show under the pointer only.
const LEAST_STEP: f64 = 18.0;

/// One series over ordered buckets, with the same series of another time dashed behind it.
#[derive(Clone, Debug)]
pub struct Trend {
    /// Title, unit, description.
    pub heading: Heading,
    /// How values are written.
    pub format: Format,
    /// Name of the series: `Revenue`.
    pub name: String,
    /// Name of what it is compared with, for example `Previous year`; the values are the marks' `compare`.
    pub compare_name: Option<String>,
    /// Buckets in order of time.
    pub marks: Vec<Mark>,
    /// Says that the last bucket is not complete, for example `November: 12 of 30 days`.
    pub partial: Option<String>,
    /// With zero on the axis the area below the line is filled.
    pub base: Base,
    /// Where a click on each of [`bands`] leads; only for more than 62 buckets, whose own links are then not used.
    pub band_hrefs: Vec<String>,
}

impl Trend {
    /// A series with zero on its axis and nothing else.
    pub fn new(heading: Heading, format: Format, name: impl Into<String>, marks: Vec<Mark>) -> Self {
        Self {
            heading,
            format,
            name: name.into(),
            compare_name: None,
            marks,
            partial: None,
            base: Base::Zero,
            band_hrefs: Vec::new(),
        }
    }

    fn is_linked(&self) -> bool {
        if self.marks.len() > MOST_BANDS {
            return !self.band_hrefs.is_empty();
        }
        self.marks.iter().any(|mark| mark.href.is_some())
    }

    /// What stands above the plot.
    fn legend(&self) -> Vec<(Sample, &str)> {
        let mut legend = Vec::new();
        if let Some(name) = &self.compare_name {
            legend.push((Sample::Line(&MARK), self.name.as_str()));
            legend.push((Sample::Dashes, name.as_str()));
        }
        if let Some(note) = &self.partial {
            legend.push((Sample::Dots(&MARK), note.as_str()));
        }
        legend
    }

    /// Points where values go, nothing where there are none.
    fn points(&self, plot: &Plot, band: &Band, axis: &Linear, value: impl Fn(&Mark) -> Option<f64>) -> Points {
        self.marks
            .iter()
            .enumerate()
            .map(|(index, mark)| value(mark).map(|value| (band.centre(index), plot.y(axis, value))))
            .collect()
    }

    fn lines(&self, points: &Points, compared: &Points, bottom: f64) -> Markup {
        let complete = if self.partial.is_some() { points.len().saturating_sub(1) } else { points.len() };
        let (whole, last) = points.split_at(complete);
        // The dotted piece begins where the line ends.
        let tail = whole.last().copied().into_iter().chain(last.iter().copied()).filter(|_| !last.is_empty());
        html! {
            @if self.base == Base::Zero { (area(&area_path(whole, bottom), &MARK, "0.1")) }
            (stroke(&path(compared.iter().copied()), &COMPARE, "1.5", Some(COMPARE_DASHES)))
            (stroke(&path(tail), &MARK, "2", Some(PARTIAL_DASHES)))
            (stroke(&path(whole.iter().copied()), &MARK, if points.len() > 200 { "1.5" } else { "2" }, None))
        }
    }

    /// The places that react to the pointer, with a dot on the line.
    fn marks(&self, plot: &Plot, band: &Band, points: &Points) -> Markup {
        let linked = self.is_linked();
        html! {
            @for (index, mark) in self.marks.iter().enumerate() {
                @let partial = self.partial.is_some() && index + 1 == points.len();
                @let quiet = band.step() < LEAST_STEP && !partial && !mark.selected;
                @let tip = self.tip(index, partial);
                (spot(mark.href.as_deref(), &tip, linked, html! {
                    (target(band.edge(index), plot.top, band.step(), plot.height()))
                    @if let Some((x, y)) = points[index] {
                        @if quiet {
                            (shy_dot(x, y, 3.5, &MARK))
                        } @else {
                            (dot(x, y, if mark.selected { 5.0 } else { 3.5 }, &MARK, partial))
                        }
                    }
                }))
            }
        }
    }

    fn tip(&self, index: usize, partial: bool) -> String {
        let tip = self.marks[index].tip_text(&self.format, self.compare_name.as_deref());
        match &self.partial {
            Some(note) if partial => format!("{tip}\n{note}"),
            _ => tip,
        }
    }

    /// Where there are too many buckets for a mark each: groups of them.
    fn groups(&self, plot: &Plot, band: &Band) -> Markup {
        let linked = self.is_linked();
        html! {
            @for (index, group) in bands(self.marks.len()).into_iter().enumerate() {
                @let (first, last) = (band.edge(group.start), band.edge(group.end));
                @let href = self.band_hrefs.get(index).map(String::as_str);
                @let tip = self.group_tip(&self.marks[group]);
                (spot(href, &tip, linked, target(first, plot.top, last - first, plot.height())))
            }
        }
    }

    fn group_tip(&self, group: &[Mark]) -> String {
        let span = match group {
            [] => String::new(),
            [only] => only.label.clone(),
            [first, .., last] => format!("{} – {}", first.label, last.label),
        };
        let values = || group.iter().filter(|mark| mark.finite().is_some());
        let by_value = |a: &&Mark, b: &&Mark| a.value.unwrap_or_default().total_cmp(&b.value.unwrap_or_default());
        match (values().min_by(by_value), values().max_by(by_value)) {
            (Some(low), Some(high)) => format!("{span}\n{} to {}", low.full(&self.format), high.full(&self.format)),
            _ => format!("{span}: –"),
        }
    }

    /// The newest value of a complete bucket, written next to its point.
    fn newest(&self, plot: &Plot, points: &Points) -> Markup {
        let complete = points.len().saturating_sub(usize::from(self.partial.is_some()));
        let newest =
            points[..complete].iter().zip(&self.marks).rev().find_map(|(point, mark)| Some((*point)?).zip(Some(mark)));
        html! {
            @if let Some(((x, y), mark)) = newest.filter(|_| points.len() <= MOST_BANDS) {
                (plot.note(&self.format.short(mark.finite().unwrap_or_default()), x, y - 10.0))
            }
        }
    }
}

type Points = Vec<Option<(f64, f64)>>;

impl Chart for Trend {
    fn svg(&self, size: Size) -> Markup {
        let size = size.sane();
        let values = self.marks.iter().flat_map(|mark| [mark.finite(), mark.finite_compare()]).flatten();
        let axis = Linear::over(values, self.base, tick_count(size), self.format.least_step());
        let labels = self.format.axis(&axis.ticks);
        let head = head(&self.heading, &self.legend(), size);
        let plot = Plot::inside(size, &head, &labels, 1, 2.0);
        let band = Band::new(self.marks.len(), plot.left, plot.right, 0.0);
        let points = self.points(&plot, &band, &axis, Mark::finite);
        let compared = match self.compare_name {
            Some(_) => self.points(&plot, &band, &axis, Mark::finite_compare),
            None => Points::new(),
        };
        let spots: Vec<Spot<'_>> = self
            .marks
            .iter()
            .enumerate()
            .map(|(index, mark)| Spot::new(mark.axis_label(), band.centre(index)))
            .collect();
        let ground = plot.y(&axis, 0.0_f64.clamp(axis.low(), axis.high()));
        let is_empty = points.iter().chain(&compared).all(Option::is_none);
        let body = html! {
            (head.markup)
            (plot.grid(&axis, if is_empty { &[] } else { &labels }))
            @if self.base == Base::Zero { (plot.zero(&axis)) }
            (self.lines(&points, &compared, ground))
            (plot.foot(&spots, size, true))
            @if is_empty {
                (plot.empty())
            } @else if self.marks.len() > MOST_BANDS {
                (self.groups(&plot, &band))
            } @else {
                (self.marks(&plot, &band, &points))
            }
            (self.newest(&plot, &points))
        };
        document(&self.heading, size, self.is_linked(), body)
    }

    fn table(&self) -> Markup {
        marks_table(&Table {
            caption: &self.heading.title,
            label: "Period",
            value: &self.name,
            compare: self.compare_name.as_deref(),
            format: &self.format,
            marks: &self.marks,
            note: self.partial.as_deref(),
            cumulative: None,
        })
    }
}
