//! What a page shows, as data: tiles, charts and tables. The page renders it as HTML, an export as PDF, Excel or CSV, so
//! what is exported is what is on the screen.

mod customers;
mod link;
mod overview;
mod parts;
mod products;
mod quality;
mod regions;
mod said;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod tile;
mod value;
mod wanted;

use salesmart_metrics::calendar::Range;

use crate::chart;
use crate::chart::Chart;

pub use link::Links;
pub use said::{Said, name, said};
pub use table::{Cell, Column, Row, Table};
pub use tile::{Change, Direction, Tile};
pub use value::{Value, Written};
pub use wanted::{Page, TOPS, Wanted};

/// The block of a page's key figures, which has no table of its own.
pub const KEY_FIGURES: &str = "key-figures";

/// A page, without how it looks.
#[derive(Debug, Clone)]
pub struct Content {
    /// Which page it is.
    pub page: Page,
    /// `Overview`, or the place that is drilled down to.
    pub title: String,
    /// The selected days; none if nothing was ever sold.
    pub range: Option<Range>,
    /// The state of the filter in words, what is default included: what an export prints.
    pub said: Vec<Said>,
    /// The way back up from a drill, the top first, the place itself last. Empty where nothing is drilled.
    pub trail: Vec<Crumb>,
    /// Remarks on the whole page, for example that the last period is not over.
    pub notes: Vec<String>,
    /// What is shown, in order.
    pub blocks: Vec<Block>,
}

/// A step of the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    /// Its name.
    pub label: String,
    /// Where it leads; none for where one is.
    pub href: Option<String>,
}

/// Something that is shown.
#[derive(Debug, Clone)]
pub enum Block {
    /// Key figures side by side.
    Tiles(Vec<Tile>),
    /// A chart with the table of its data.
    Figure(Box<Figure>),
    /// A table by itself.
    Table(Table),
}

impl Block {
    /// The table of its data, if it has one.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Self::Tiles(_) => None,
            Self::Figure(figure) => Some(&figure.table),
            Self::Table(table) => Some(table),
        }
    }

    /// What `block=` calls it.
    pub fn id(&self) -> &str {
        self.table().map_or(KEY_FIGURES, |table| &table.id)
    }
}

/// A chart with the table of its data.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its width on a page.
    pub width: Width,
    /// What is drawn; its heading has the title, the unit and the text alternative.
    pub drawing: Drawing,
    /// A sentence below it.
    pub note: Option<String>,
    /// Exactly the data that is drawn, with exact values.
    pub table: Table,
}

/// How much of a page's width something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// All of it.
    Full,
    /// Half of it, beside another one.
    Half,
}

/// The kinds of charts.
#[derive(Debug, Clone)]
pub enum Drawing {
    /// A measure over time.
    Trend(chart::Trend),
    /// Horizontal bars.
    Ranking(chart::Ranking),
    /// Upright bars.
    Columns(chart::Columns),
    /// A matrix in shades.
    Heatmap(chart::Heatmap),
    /// Few items that make most of the total.
    Pareto(chart::Pareto),
}

impl Drawing {
    /// As something that can be drawn.
    pub fn chart(&self) -> &dyn Chart {
        match self {
            Self::Trend(chart) => chart,
            Self::Ranking(chart) => chart,
            Self::Columns(chart) => chart,
            Self::Heatmap(chart) => chart,
            Self::Pareto(chart) => chart,
        }
    }

    /// What it says about itself.
    pub fn heading(&self) -> &chart::Heading {
        match self {
            Self::Trend(chart) => &chart.heading,
            Self::Ranking(chart) => &chart.heading,
            Self::Columns(chart) => &chart.heading,
            Self::Heatmap(chart) => &chart.heading,
            Self::Pareto(chart) => &chart.heading,
        }
    }
}

impl Figure {
    /// A chart as wide as the page.
    pub fn full(drawing: Drawing, table: Table) -> Self {
        Self { width: Width::Full, drawing, note: None, table }
    }

    /// A chart beside another one.
    pub fn half(drawing: Drawing, table: Table) -> Self {
        Self { width: Width::Half, ..Self::full(drawing, table) }
    }

    /// With a sentence below it.
    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

impl From<Figure> for Block {
    fn from(figure: Figure) -> Self {
        Self::Figure(Box::new(figure))
    }
}
