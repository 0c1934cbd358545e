//! The plot area with its two axes.

use maud::{Markup, html};

use super::Size;
use super::draw::{Anchor, Label, Px, rule};
use super::legend::Head;
use super::number::Format;
use super::palette::{AXIS, GRID, INK, MUTED};
use super::scale::{Linear, Spot, thin};
use super::text;

/// Where values are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Room below the plot for one line of labels.
const FOOT: f64 = 20.0;

impl Plot {
    /// What the head, the labels of the value axis and `lines` lines of text below leave over.
    pub(super) fn inside(size: Size, head: &Head, axis_labels: &[String], lines: usize, right: f64) -> Self {
        let widest = axis_labels.iter().map(|label| text::width(label, 11.0)).fold(0.0, f64::max);
        let bottom = size.height - FOOT - (lines.max(1) - 1) as f64 * 16.0;
        Self {
            left: (widest + 8.0).min(size.width * 0.4),
            right: size.width - right,
            top: (head.height + 4.0).min(bottom - 40.0),
            bottom,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The height of a value.
    pub(super) fn y(&self, axis: &Linear, value: f64) -> f64 {
        axis.place(value, self.bottom, self.top)
    }

    /// Horizontal grid with its labels, or without where there is nothing to measure; the line at zero is stronger and
    /// belongs on top, see [`Self::zero`].
    pub(super) fn grid(&self, axis: &Linear, labels: &[String]) -> Markup {
        html! {
            g aria-hidden="true" {
                @for (index, tick) in axis.ticks.iter().enumerate() {
                    @let y = crisp(self.y(axis, *tick));
                    @let label = labels.get(index).map_or("", String::as_str);
                    (rule((self.left, y), (self.right, y), &GRID, None))
                    (Label::new(label, self.left - 8.0, y, &MUTED).anchor(Anchor::End).centred().draw())
                }
            }
        }
    }

    /// The line that bars stand on.
    pub(super) fn zero(&self, axis: &Linear) -> Markup {
        let y = crisp(self.y(axis, 0.0_f64.clamp(axis.low(), axis.high())));
        rule((self.left, y), (self.right, y), &AXIS, None)
    }

    /// Labels below the plot, as many as fit, with a small tick where `ticked`.
    pub(super) fn foot(&self, spots: &[Spot<'_>], size: Size, ticked: bool) -> Markup {
        let kept = thin(spots, 11.0, 0.0, size.width);
        html! {
            g aria-hidden="true" {
                @for spot in &kept {
                    @if ticked && kept.len() < spots.len() {
                        @let x = crisp(spot.at);
                        (rule((x, self.bottom), (x, self.bottom + 4.0), &AXIS, None))
                    }
                    (Label::new(spot.label, spot.x, self.bottom + 15.0, &MUTED).anchor(Anchor::Middle).draw())
                }
            }
        }
    }

    /// What stands in place of data that is not there.
    pub(super) fn empty(&self) -> Markup {
        let (x, y) = ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0);
        Label::new("No data for this selection", x, y, &MUTED).size(12.0).anchor(Anchor::Middle).halo().centred().draw()
    }

    /// A caption of the horizontal axis, on the second line below the plot.
    pub(super) fn caption(&self, caption: &str) -> Markup {
        let caption = text::fit(caption, 11.0, self.right);
        html! {
            @if !caption.is_empty() {
                (Label::new(&caption, self.right, self.bottom + 31.0, &MUTED).anchor(Anchor::End).draw())
            }
        }
    }

    /// A value written next to its point, inside the plot.
    pub(super) fn note(&self, label: &str, x: f64, y: f64) -> Markup {
        let half = text::bold_width(label, 12.0) / 2.0;
        let x = x.min(self.right + 2.0 - half).max(self.left + half);
        Label::new(label, x, y.max(self.top + 6.0), &INK).size(12.0).bold(true).anchor(Anchor::Middle).halo().draw()
    }
}

/// On the middle of a pixel, where a line one pixel wide is sharp.
pub(super) fn crisp(place: f64) -> f64 {
    (place - 0.5).round() + 0.5
}

/// How many ticks the value axis has.
pub(super) fn tick_count(size: Size) -> usize {
    if size.is_compact() || size.height < 180.0 { 4 } else { 5 }
}

/// Ticks of a percent axis from 0 to 1.
pub(super) fn share_labels(size: Size) -> (Linear, Vec<String>) {
    let ticks = if size.is_compact() { vec![0.0, 0.5, 1.0] } else { vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0] };
    let labels = Format::Percent(0).axis(&ticks);
    (Linear::with_ticks(ticks), labels)
}

/// A path of bars as one element, for more bars than elements make sense: `(x, y, width, height)`.
pub(super) fn bars_path(bars: impl IntoIterator<Item = (f64, f64, f64, f64)>) -> String {
    bars.into_iter()
        .filter(|(.., width, height)| *width > 0.0 && *height > 0.0)
        .map(|(x, y, width, height)| format!("M{} {}h{}v{}h-{}Z", Px2(x), Px(y), Px2(width), Px(height), Px2(width)))
        .collect()
}

/// Two decimals, for bars narrower than a pixel.
struct Px2(f64);

impl std::fmt::Display for Px2 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.2}", if self.0.is_finite() { self.0 } else { 0.0 })
    }
}
