//! A page as a workbook: real numbers with formats, charts that Excel draws itself, and a sheet that says what was asked.

mod chart;
mod look;
mod sheet;

#[cfg(test)]
mod tests;

use anyhow::Result;
use rust_xlsxwriter::{DocProperties, Workbook, Worksheet};
use salesmart_dashboard::content::{Block, Cell, Column, Row, Table, Tile, Value};

use self::look::Look;
use self::sheet::Names;
use super::{Report, cell_text, key_figures};

/// Writes the report.
///
/// # Errors
/// What Excel would not read.
pub(super) fn write(report: &Report<'_>) -> Result<Vec<u8>> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&properties(report));
    let look = Look::new(&report.settings.currency);
    let mut names = Names::default();
    about(workbook.add_worksheet().set_name(names.unique("Filters"))?, report, &look)?;
    for block in &report.content.blocks {
        let (title, table) = match block {
            Block::Tiles(tiles) => ("Key figures".to_owned(), key_figure_table(tiles)),
            Block::Figure(figure) => (figure.table.title.clone(), figure.table.clone()),
            Block::Table(table) => (table.title.clone(), table.clone()),
        };
        let name = names.unique(&title);
        let worksheet = workbook.add_worksheet().set_name(&name)?;
        sheet::fill(worksheet, &table, &look)?;
        if let Block::Figure(figure) = block {
            chart::insert(worksheet, &name, figure, &look)?;
        }
    }
    Ok(workbook.save_to_buffer()?)
}

fn properties(report: &Report<'_>) -> DocProperties {
    let mut properties = DocProperties::new()
        .set_title(cell_text(&report.title()))
        .set_subject(cell_text(&report.sentence()).chars().take(250).collect::<String>())
        .set_author(cell_text(report.author()))
        .set_comment(cell_text(&report.source()));
    // Otherwise it is the time of writing, and no two files are the same.
    properties = properties.set_creation_datetime(&report.committed_at().unwrap_or_default());
    properties
}

/// Characters that the sheet which says what was asked is wide.
const WIDTH: usize = 90;

/// What was asked, of which load, by whom.
fn about(sheet: &mut Worksheet, report: &Report<'_>, look: &Look) -> Result<()> {
    sheet.set_column_width(0, 20)?.set_column_width(1, WIDTH as f64)?.set_screen_gridlines(false);
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0).set_row_height(0, 2.0 * sheet::LINE)?;
    sheet.write_string_with_format(0, 0, cell_text(&report.title()), &look.title)?;
    let content = report.content;
    let mut lines = vec![("Page".to_owned(), Value::text(content.page.title()))];
    let mut line = |about: &str, value: Value| lines.push((about.to_owned(), value));
    let trail: Vec<&str> = content.trail.iter().map(|crumb| crumb.label.as_str()).collect();
    if !trail.is_empty() {
        line("Place", Value::text(trail.join(" › ")));
    }
    for said in &content.said {
        line(&said.about, Value::text(&said.text));
    }
    line("Filter", Value::text(if report.query.is_empty() { "none" } else { &report.query }));
    line("Load", Value::text(&report.load.id));
    line("Data as of (UTC)", report.load.committed_at.clone().map_or(Value::text("not known"), Value::Time));
    if let Some(who) = report.who {
        line("Exported by", Value::text(who));
    }
    for note in &content.notes {
        line("Note", Value::text(note));
    }
    if content.blocks.is_empty() {
        line("Note", Value::text("There is nothing to show for this selection."));
    }
    for (place, (about, value)) in lines.iter().enumerate() {
        let row = u32::try_from(place + 2)?;
        sheet.write_string_with_format(row, 0, cell_text(about), &look.about)?;
        let format = if matches!(value, Value::Time(_)) { &look.moment } else { &look.wrapped };
        sheet::write(sheet, row, 1, value, format)?;
        if let Value::Text(text) = value {
            sheet.set_row_height(row, sheet::height(text, WIDTH))?;
        }
    }
    Ok(())
}

/// The key figures as a table.
fn key_figure_table(tiles: &[Tile]) -> Table {
    let mut rows = key_figures(tiles).into_iter();
    let heads = rows.next().unwrap_or_default();
    let columns = heads.iter().enumerate().map(|(place, head)| Column {
        title: match head {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        },
        is_number: place > 0 && place + 1 < heads.len(),
    });
    Table {
        id: salesmart_dashboard::content::KEY_FIGURES.to_owned(),
        title: "Key figures".to_owned(),
        columns: columns.collect(),
        rows: rows.map(|row| Row::new(row.into_iter().map(Cell::from).collect())).collect(),
        empty: "There are no key figures for this selection.".to_owned(),
        ..Table::default()
    }
}
