//! Tables over as many pages as they take, with their heads on each.

use salesmart_dashboard::chart::palette::{AXIS, GRID, MUTED, Paint};
use salesmart_dashboard::content::{Row, Table, Value, Written};

use super::font::{Fonts, Line, Weight};
use super::paper::{MARGIN, Node, Paper, Role, Style};
use crate::Report;

/// Rows that are printed; a spreadsheet takes the rest.
pub(super) const MOST_ROWS: usize = 400;

const SIZE: f32 = 8.0;
const LEADING: f32 = 11.0;
/// Above and below the text of a row.
const PAD: f32 = 2.5;
/// Between two columns.
const BETWEEN: f32 = 12.0;
/// A longer name wraps.
const WIDEST: f32 = 220.0;
/// A name may be squeezed to this.
const NARROWEST: f32 = 64.0;
/// Lines of a cell.
const MOST_LINES: usize = 3;

/// What marks a row that the page is filtered by.
const MARKED: Paint = Paint { name: "marked", light: "#edf5fb", dark: "#1e2630" };

/// How wide the table is at the least.
pub(super) fn width(fonts: &mut Fonts, table: &Table, written: &Written<'_>) -> f32 {
    let needs = needs(fonts, table, written);
    needs.iter().map(|need| need.least).sum::<f32>() + BETWEEN * needs.len().saturating_sub(1) as f32
}

/// The room that a column asks for, and what it makes do with: names wrap, heads too, numbers and days do not.
struct Need {
    natural: f32,
    least: f32,
}

/// About how high it is, with its heading: what fits on one page is not torn apart.
pub(super) fn height(table: &Table) -> f32 {
    60.0 + table.rows.len() as f32 * (LEADING + 2.0 * PAD)
}

/// A row that the page is filtered by is bold.
fn weight(row: &Row) -> Weight {
    if row.is_selected { Weight::Bold } else { Weight::Regular }
}

/// The width of each column's widest cell.
fn needs(fonts: &mut Fonts, table: &Table, written: &Written<'_>) -> Vec<Need> {
    let column = |(place, column): (usize, &salesmart_dashboard::content::Column)| {
        let head = fonts.line(&column.title, Weight::Bold).width(SIZE);
        let words = column.title.split_whitespace().map(|word| fonts.line(word, Weight::Bold).width(SIZE));
        let word = words.fold(12.0, f32::max);
        let (mut cells, mut wraps) = (0.0_f32, false);
        for row in table.rows.iter().take(MOST_ROWS) {
            let Some(cell) = row.cells.get(place) else { continue };
            cells = cells.max(fonts.line(&written.full(&cell.value), weight(row)).width(SIZE));
            wraps |= matches!(cell.value, Value::Text(_));
        }
        let cells = if wraps { cells.min(WIDEST) } else { cells };
        // A head on about two lines.
        let least = if wraps { cells.min(NARROWEST) } else { cells }.max(word.max(head * 0.6).min(NARROWEST));
        Need { natural: cells.max(head.min(NARROWEST * 1.3)).max(least), least }
    };
    table.columns.iter().enumerate().map(column).collect()
}

/// The width of each column between the margins: the widest names give way first, numbers only when all are too many.
fn widths(fonts: &mut Fonts, table: &Table, written: &Written<'_>, room: f32) -> Vec<f32> {
    let needs = needs(fonts, table, written);
    let room = room - BETWEEN * needs.len().saturating_sub(1) as f32;
    let at_most = |most: f32| -> Vec<f32> { needs.iter().map(|need| need.natural.min(most.max(need.least))).collect() };
    let whole = |widths: &[f32]| widths.iter().sum::<f32>();
    let (mut fits, mut too_wide) = (0.0, WIDEST);
    if whole(&at_most(too_wide)) <= room {
        return at_most(too_wide);
    }
    for _ in 0..20 {
        let middle = (fits + too_wide) / 2.0;
        if whole(&at_most(middle)) <= room { fits = middle } else { too_wide = middle }
    }
    let widths = at_most(fits);
    let taken = whole(&widths);
    if taken <= room { widths } else { widths.iter().map(|width| width * room / taken).collect() }
}

/// The columns of a table on paper.
struct Columns {
    widths: Vec<f32>,
    /// Left ends.
    starts: Vec<f32>,
    numbers: Vec<bool>,
}

impl Columns {
    fn of(paper: &mut Paper, table: &Table, written: &Written<'_>) -> Self {
        let room = paper.width();
        let widths = widths(&mut paper.fonts, table, written, room);
        // A table of few columns is not pulled apart over the whole page.
        let taken: f32 = widths.iter().sum();
        let spare = room - taken - BETWEEN * widths.len().saturating_sub(1) as f32;
        let between = BETWEEN + (spare / widths.len().max(1) as f32).clamp(0.0, 24.0);
        let mut starts = Vec::new();
        let mut x = MARGIN;
        for width in &widths {
            starts.push(x);
            x += width + between;
        }
        Self { widths, starts, numbers: table.columns.iter().map(|column| column.is_number).collect() }
    }

    fn end(&self) -> f32 {
        self.starts.last().copied().unwrap_or(MARGIN) + self.widths.last().copied().unwrap_or(0.0)
    }
}

/// The table, inside of a section.
pub(super) fn table(paper: &mut Paper, section: Node, table: &Table, report: &Report<'_>) {
    if table.rows.is_empty() {
        paper.paragraph(section, Role::Paragraph, &table.empty, Style::new(SIZE).paint(MUTED), 3);
        return;
    }
    let columns = Columns::of(paper, table, &report.written);
    let node = paper.part(section, Role::Table(table.title.clone()));
    let mut body = None;
    head(paper, node, table, &columns, true);
    let last = table.rows.len().min(MOST_ROWS).saturating_sub(1);
    for (place, row) in table.rows.iter().take(MOST_ROWS).enumerate() {
        let cells = cells(paper, row, &columns, &report.written);
        let height = cells.iter().map(Vec::len).max().unwrap_or(1) as f32 * LEADING + 2.0 * PAD;
        // The last row takes the one before it along: alone under a head it looks like a table of its own.
        let is_last_but_one = place > 0 && place + 1 == last;
        if paper.room() < if is_last_but_one { 2.0 * height } else { height } {
            paper.new_page();
            head(paper, node, table, &columns, false);
        }
        let body = *body.get_or_insert_with(|| paper.part(node, Role::Body));
        draw(paper, body, row, cells, &columns, height);
    }
    let left_out = table.rows.len().saturating_sub(MOST_ROWS);
    if left_out > 0 {
        paper.y += 4.0;
        let rows = report.written.full(&Value::Count(left_out as u64));
        let note = format!(
            "{rows} more rows are not printed here. The Excel and CSV exports of this page have all of them \
             (CSV: block={}).",
            table.id
        );
        paper.paragraph(section, Role::Paragraph, &note, Style::new(SIZE).paint(MUTED), 3);
    }
}

/// The heads of the columns; on a page where the table goes on they are decoration, having been said.
fn head(paper: &mut Paper, node: Node, table: &Table, columns: &Columns, is_first: bool) {
    let style = Style::new(SIZE).bold().paint(MUTED);
    let titles: Vec<Vec<Line>> = table
        .columns
        .iter()
        .zip(&columns.widths)
        .map(|(column, width)| paper.fonts.wrap(&column.title, style.weight, style.size, *width, 3))
        .collect();
    let lines = titles.iter().map(Vec::len).max().unwrap_or(1);
    let height = lines as f32 * LEADING + PAD;
    paper.need(height + 3.0 * (LEADING + 2.0 * PAD));
    let row = is_first.then(|| {
        let head = paper.part(node, Role::Head);
        paper.part(head, Role::Row)
    });
    for (place, title) in titles.into_iter().enumerate() {
        let cell = row.map(|row| paper.part(row, Role::ColumnHead));
        // Heads stand on the line below them.
        let first = paper.y + SIZE + (lines - title.len()) as f32 * LEADING;
        for (line, text) in title.into_iter().enumerate() {
            put(paper, cell, text, place, first + line as f32 * LEADING, columns, style);
        }
    }
    paper.y += height;
    paper.block(MARGIN, paper.y, columns.end() - MARGIN, 0.6, AXIS);
}

/// The texts of a row, each on as many lines as it takes.
fn cells(paper: &mut Paper, row: &Row, columns: &Columns, written: &Written<'_>) -> Vec<Vec<Line>> {
    let each = columns.widths.iter().zip(&columns.numbers).enumerate();
    each.map(|(place, (width, is_number))| {
        let text = row.cells.get(place).map(|cell| written.full(&cell.value)).unwrap_or_default();
        let most = if *is_number { 1 } else { MOST_LINES };
        paper.fonts.wrap(&text, weight(row), SIZE, *width, most)
    })
    .collect()
}

fn draw(paper: &mut Paper, body: Node, row: &Row, cells: Vec<Vec<Line>>, columns: &Columns, height: f32) {
    let part = paper.part(body, Role::Row);
    if row.is_selected {
        paper.block(MARGIN - 3.0, paper.y + 0.6, columns.end() - MARGIN + 6.0, height - 0.6, MARKED);
    }
    let style = Style::new(SIZE);
    for (place, lines) in cells.into_iter().enumerate() {
        let cell = paper.part(part, if place == 0 { Role::RowHead } else { Role::Cell });
        for (line, text) in lines.into_iter().enumerate() {
            let baseline = paper.y + PAD + SIZE + line as f32 * LEADING;
            put(paper, Some(cell), text, place, baseline, columns, style);
        }
    }
    paper.y += height;
    paper.block(MARGIN, paper.y, columns.end() - MARGIN, 0.4, GRID);
}

/// Numbers end at the right of their column, all else begins at the left of it.
fn put(paper: &mut Paper, part: Option<Node>, line: Line, place: usize, y: f32, columns: &Columns, style: Style) {
    let shift = if columns.numbers[place] { columns.widths[place] - line.width(style.size) } else { 0.0 };
    paper.text(part, line, columns.starts[place] + shift.max(0.0), y, style);
}
