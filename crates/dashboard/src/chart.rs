//! Charts: pure functions from typed data to SVG, the same markup for the page and for the PDF.
//!
//! A browser takes colours from [`palette::stylesheet`] by class; usvg, which knows no custom properties, takes them
//! from the attributes. So every shape carries both.

pub mod bar;
mod column;
mod draw;
mod frame;
pub mod heatmap;
mod legend;
pub mod line;
pub mod mark;
pub mod number;
pub mod palette;
pub mod pareto;
pub mod scale;
pub mod spark;
pub mod table;
pub mod text;

#[cfg(test)]
mod proof;

pub use bar::Ranking;
pub use column::Columns;
pub use heatmap::{Cell, Heatmap, Row};
pub use line::Trend;
pub use mark::Mark;
pub use number::{Format, Place};
pub use pareto::Pareto;
pub use scale::{Base, bands};
pub use spark::Spark;

use maud::{Markup, html};

/// What a chart says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// Prefix of all element ids, unique on the page: letters, digits, hyphens.
    pub id: String,
    /// One line, for example `Revenue by month`.
    pub title: String,
    /// What the values are, for example `£, net of returns`; drawn above the value axis.
    pub unit: String,
    /// A sentence or two for those who cannot see the chart.
    pub description: String,
    /// Draws the title too; a page that has it in a heading of its own leaves it out.
    pub shown: bool,
}

impl Heading {
    /// A heading without description whose title is not drawn.
    pub fn new(id: impl Into<String>, title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), unit: unit.into(), ..Self::default() }
    }

    /// With a text alternative.
    pub fn described(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// With the title drawn inside the chart.
    pub fn shown(self) -> Self {
        Self { shown: true, ..self }
    }
}

/// Size of the drawing in its own units, which are CSS pixels when it is shown unscaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width, at least 200.
    pub width: f64,
    /// Height. Charts with rows grow beyond it rather than squeeze their text.
    pub height: f64,
}

impl Size {
    /// Across the page: 720 × 280.
    pub const WIDE: Self = Self { width: 720.0, height: 280.0 };
    /// Half of the page: 460 × 280.
    pub const HALF: Self = Self { width: 460.0, height: 280.0 };
    /// For a screen 360 wide, unscaled: 328 × 240, with fewer ticks.
    pub const PHONE: Self = Self { width: 328.0, height: 240.0 };

    /// Whether there is only room for the fewest labels.
    pub fn is_compact(self) -> bool {
        self.width < 400.0
    }

    /// The same, never so small that margins overlap.
    pub(crate) fn sane(self) -> Self {
        let at_least = |length: f64, least: f64| if length.is_finite() { length.max(least) } else { least };
        Self { width: at_least(self.width, 200.0), height: at_least(self.height, 120.0) }
    }
}

/// Anything that can be drawn and also read as a table.
pub trait Chart {
    /// The drawing, an `svg` element as wide as its container.
    fn svg(&self, size: Size) -> Markup;
    /// The same data as a `table` element.
    fn table(&self) -> Markup;
}

/// The drawing in `size`, one for narrow containers of which the style sheet shows either, and the table folded below.
pub fn figure(chart: &dyn Chart, size: Size) -> Markup {
    html! {
        figure.ch-figure {
            @if size.is_compact() {
                (chart.svg(size))
            } @else {
                div.ch-roomy { (chart.svg(size)) }
                div.ch-narrow { (chart.svg(Size { height: size.height.min(Size::PHONE.height), ..Size::PHONE })) }
            }
            details.ch-details {
                summary { "Show as table" }
                div.ch-scroll tabindex="0" role="region" aria-label="Data table" { (chart.table()) }
            }
        }
    }
}
