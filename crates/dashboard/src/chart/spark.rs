//! The line in a tile: how it went, without axes.

use maud::{Markup, html};

use super::draw::{area, area_path, document, dot, path, stroke};
use super::legend::PARTIAL_DASHES;
use super::palette::MARK;
use super::scale::{Base, Linear};
use super::{Heading, Size};

/// A small line over the values of the latest buckets.
#[derive(Clone, Debug)]
pub struct Spark {
    /// Title and description; the unit is not drawn.
    pub heading: Heading,
    /// Values in order of time, gaps where there are none.
    pub values: Vec<Option<f64>>,
    /// Whether the last bucket is not complete.
    pub partial: bool,
}

impl Spark {
    /// 120 × 32.
    pub const SIZE: Size = Size { width: 120.0, height: 32.0 };

    /// The drawing. Its scale is its own, without zero: it shows the course, not the size.
    pub fn svg(&self, size: Size) -> Markup {
        const PAD: f64 = 4.0;
        let length = |length: f64| if length.is_finite() { length.max(16.0) } else { 16.0 };
        let size = Size { width: length(size.width), height: length(size.height) };
        let values: Vec<Option<f64>> =
            self.values.iter().map(|value| value.filter(|value| value.is_finite())).collect();
        // Round ticks would waste half of the height.
        let axis = Linear::over(values.iter().copied().flatten(), Base::Fit, 40, 0.0);
        let step = (size.width - 2.0 * PAD) / (values.len().max(2) - 1) as f64;
        let points: Vec<Option<(f64, f64)>> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                value.map(|value| (PAD + step * index as f64, axis.place(value, size.height - PAD, PAD)))
            })
            .collect();
        let complete = if self.partial { points.len().saturating_sub(1) } else { points.len() };
        let (whole, last) = points.split_at(complete);
        let tail = whole.last().copied().into_iter().chain(last.iter().copied()).filter(|_| !last.is_empty());
        let end = points.last().copied().flatten();
        let body = html! {
            (area(&area_path(whole, size.height), &MARK, "0.1"))
            (stroke(&path(tail), &MARK, "1.5", Some(PARTIAL_DASHES)))
            (stroke(&path(whole.iter().copied()), &MARK, "1.5", None))
            @if let Some((x, y)) = end { (dot(x, y, 3.0, &MARK, self.partial)) }
        };
        document(&self.heading, size, false, body)
    }
}
