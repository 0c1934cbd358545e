//! A matrix in shades: customers by recency and frequency, retention by cohort and month.

use maud::{Markup, html};

use super::draw::{Anchor, Label, Px, block, document, spot, target};
use super::legend::head;
use super::palette::{INK, MUTED, STEP_INKS, STEPS};
use super::table::matrix_table;
use super::text::{bold_width, fit, width};
use super::{Chart, Format, Heading, Size};

/// One value of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The value; without one a dash.
    pub value: Option<f64>,
    /// Its exact text for tooltip and table; without it the chart's format makes one.
    pub text: Option<String>,
    /// Where a click leads.
    pub href: Option<String>,
    /// Tooltip; without it row, column and value.
    pub tip: Option<String>,
    /// Whether the page is filtered by this one.
    pub selected: bool,
}

impl Cell {
    /// A value.
    pub fn new(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    /// With a link.
    pub fn href(self, href: impl Into<String>) -> Self {
        Self { href: Some(href.into()), ..self }
    }

    /// With a tooltip of its own.
    pub fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: Some(tip.into()), ..self }
    }

    /// As the one that the page is filtered by.
    pub fn selected(self) -> Self {
        Self { selected: true, ..self }
    }

    fn finite(&self) -> Option<f64> {
        self.value.filter(|value| value.is_finite())
    }

    pub(crate) fn full(&self, format: &Format) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => self.finite().map_or("–".to_owned(), |value| format.full(value)),
        }
    }
}

/// A row of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// What stands beside the name, for example the size of a cohort.
    pub note: Option<String>,
    /// Cells from the first column on; none where nothing can be yet.
    pub cells: Vec<Option<Cell>>,
}

impl Row {
    /// A row without note.
    pub fn new(label: impl Into<String>, cells: Vec<Option<Cell>>) -> Self {
        Self { label: label.into(), note: None, cells }
    }

    /// With a note.
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// Rows × columns of values, each written on the shade that it has. It is as high as its rows need.
#[derive(Clone, Debug)]
pub struct Heatmap {
    /// Title, unit, description.
    pub heading: Heading,
    /// How values are written.
    pub format: Format,
    /// What the rows are: `Cohort`.
    pub row_title: String,
    /// What the notes of the rows are: `Customers`.
    pub note_title: String,
    /// What the columns are: `Months since first order`.
    pub column_title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The value that has the strongest shade, and all above it; without it the largest. Cohorts, which begin at 100 %,
    /// need one or the rest looks all the same.
    pub shade_to: Option<f64>,
}

const GAP: f64 = 2.0;
const LEAST_ROW: f64 = 24.0;
const MOST_ROW: f64 = 40.0;

/// Where things are.
struct Grid {
    /// Right end of the notes beside the names.
    notes: f64,
    left: f64,
    top: f64,
    cell: f64,
    row: f64,
    /// How many columns have room for their values.
    columns: usize,
    /// Whether values leave out their unit.
    bare: bool,
    label_room: f64,
}

impl Heatmap {
    fn brief(&self, cell: &Cell, bare: bool) -> String {
        let text = cell.finite().map_or("–".to_owned(), |value| self.format.short(value));
        if bare { text.trim_end_matches(['%', '\u{a0}']).to_owned() } else { text }
    }

    /// Width that the values of the first column need, of the first two, and so on.
    fn needs(&self, bare: bool) -> Vec<f64> {
        // Heads may be cut, but not to nothing.
        let mut needs: Vec<f64> = self.columns.iter().map(|column| width(column, 11.0).min(40.0)).collect();
        for row in &self.rows {
            for (need, cell) in needs.iter_mut().zip(&row.cells) {
                let Some(cell) = cell else { continue };
                let text = self.brief(cell, bare);
                *need = need.max(if cell.selected { bold_width(&text, 11.0) } else { width(&text, 11.0) });
            }
        }
        let mut most = 0.0_f64;
        for need in &mut needs {
            most = most.max(*need + 4.0 + GAP);
            *need = most;
        }
        needs
    }

    fn grid(&self, size: Size, head: f64) -> Grid {
        let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| width(text, 11.0)).fold(0.0, f64::max);
        let labels = self.rows.iter().map(|row| row.label.as_str()).chain([self.row_title.as_str()]);
        let label_room = widest(&mut labels.into_iter()).min(size.width * 0.3);
        let has_notes = self.rows.iter().any(|row| row.note.is_some());
        let titles = has_notes.then_some(self.note_title.as_str());
        let notes = widest(&mut self.rows.iter().filter_map(|row| row.note.as_deref()).chain(titles));
        let notes = if has_notes { label_room + 12.0 + notes.min(size.width * 0.2) } else { label_room };
        let left = notes + 8.0;
        let room = size.width - left;
        let all = self.columns.len();
        let fitting = |bare: bool| {
            let fits = |(index, need): (usize, &f64)| need * (index + 1) as f64 <= room;
            self.needs(bare).iter().enumerate().take_while(|need| fits(*need)).count().max(all.min(1))
        };
        let bare = fitting(false) < all;
        let columns = if bare { fitting(true) } else { all };
        let top = head + if self.column_title.is_empty() { 20.0 } else { 36.0 };
        let rows = self.rows.len().max(1) as f64;
        let row = ((size.height - top) / rows).clamp(LEAST_ROW, MOST_ROW);
        Grid { notes, left, top, cell: (room / columns.max(1) as f64).min(150.0), row, columns, bare, label_room }
    }

    /// Index of the shade of a value.
    fn step(&self, value: f64, low: f64, high: f64) -> usize {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        ((share.clamp(0.0, 1.0) * STEPS.len() as f64) as usize).min(STEPS.len() - 1)
    }

    fn range(&self) -> (f64, f64) {
        let values = || self.rows.iter().flat_map(|row| &row.cells).flatten().filter_map(Cell::finite);
        let high = self.shade_to.filter(|top| top.is_finite()).unwrap_or_else(|| values().fold(0.0, f64::max));
        (values().fold(0.0, f64::min), high)
    }

    fn heads(&self, grid: &Grid) -> Markup {
        let y = grid.top - 8.0;
        let room = grid.cell * grid.columns as f64;
        html! {
            g aria-hidden="true" {
                (Label::new(&fit(&self.row_title, 11.0, grid.label_room), 0.0, y, &MUTED).draw())
                @if self.rows.iter().any(|row| row.note.is_some()) {
                    (Label::new(&fit(&self.note_title, 11.0, grid.notes - grid.label_room - 6.0), grid.notes, y, &MUTED)
                        .anchor(Anchor::End).draw())
                }
                @if !self.column_title.is_empty() {
                    (Label::new(&fit(&self.column_title, 11.0, room), grid.left, y - 17.0, &MUTED).draw())
                }
                @for (index, column) in self.columns.iter().take(grid.columns).enumerate() {
                    @let x = grid.left + grid.cell * (index as f64 + 0.5) - GAP / 2.0;
                    (Label::new(&fit(column, 11.0, grid.cell - GAP), x, y, &MUTED).anchor(Anchor::Middle).draw())
                }
            }
        }
    }

    fn cell(&self, cell: &Cell, x: f64, y: f64, grid: &Grid, (low, high): (f64, f64)) -> Markup {
        let (wide, tall) = (grid.cell - GAP, grid.row - GAP);
        let step = cell.finite().map(|value| self.step(value, low, high));
        let ink = step.map_or(&MUTED, |step| &STEP_INKS[step]);
        html! {
            @if let Some(step) = step { (block(x, y, wide, tall, 3.0, &STEPS[step])) }
            (Label::new(&self.brief(cell, grid.bare), x + wide / 2.0, y + tall / 2.0, ink)
                .anchor(Anchor::Middle).bold(cell.selected).centred().draw())
            @if cell.selected {
                rect class=(INK.stroke()) x=(Px(x)) y=(Px(y)) width=(Px(wide)) height=(Px(tall)) rx="3" fill="none"
                    stroke=(INK.light) stroke-width="2" {}
            }
            (target(x, y, wide, tall))
        }
    }

    fn tip(&self, row: &Row, column: &str, cell: &Cell) -> String {
        cell.tip.clone().unwrap_or_else(|| format!("{} · {column}: {}", row.label, cell.full(&self.format)))
    }

    fn row(&self, index: usize, grid: &Grid, linked: bool, range: (f64, f64)) -> Markup {
        let row = &self.rows[index];
        let y = grid.top + grid.row * index as f64;
        let middle = y + (grid.row - GAP) / 2.0;
        let x = |column: usize| grid.left + grid.cell * column as f64;
        html! {
            (Label::new(&fit(&row.label, 11.0, grid.label_room), 0.0, middle, &INK).centred().draw())
            @if let Some(note) = &row.note {
                (Label::new(&fit(note, 11.0, grid.notes - grid.label_room - 6.0), grid.notes, middle, &MUTED)
                    .anchor(Anchor::End).centred().draw())
            }
            @for (column, (cell, name)) in row.cells.iter().zip(&self.columns).take(grid.columns).enumerate() {
                @if let Some(cell) = cell {
                    (spot(cell.href.as_deref(), &self.tip(row, name, cell), linked,
                        self.cell(cell, x(column), y, grid, range)))
                }
            }
        }
    }
}

impl Chart for Heatmap {
    fn svg(&self, size: Size) -> Markup {
        let size = size.sane();
        let head = head(&self.heading, &[], size);
        let grid = self.grid(size, head.height);
        let hidden = self.columns.len() - grid.columns;
        let bottom = grid.top + grid.row * self.rows.len().max(1) as f64;
        let size = Size { height: bottom + if hidden > 0 { 18.0 } else { 0.0 }, ..size };
        let linked = self.rows.iter().flat_map(|row| &row.cells).flatten().any(|cell| cell.href.is_some());
        let range = self.range();
        let body = html! {
            (head.markup)
            @if self.rows.is_empty() || self.columns.is_empty() {
                (Label::new("No data for this selection", 0.0, grid.top + grid.row / 2.0, &MUTED).size(12.0).draw())
            } @else {
                (self.heads(&grid))
                @for index in 0..self.rows.len() { (self.row(index, &grid, linked, range)) }
            }
            @if hidden > 0 {
                (Label::new(&format!("{} of {} columns; the table has all", grid.columns, self.columns.len()),
                    0.0, bottom + 12.0, &MUTED).draw())
            }
        };
        document(&self.heading, size, linked, body)
    }

    fn table(&self) -> Markup {
        matrix_table(self)
    }
}
