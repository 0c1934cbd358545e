//! A page as PDF: the same charts as on the screen, text that can be selected, pages that are numbered.

mod chart;
mod draw;
mod font;
mod head;
mod paper;
mod table;
mod tile;

#[cfg(test)]
mod tests;

use anyhow::Result;
use krilla::metadata::{DateTime, Metadata};
use salesmart_dashboard::chart::palette::MUTED;
use salesmart_dashboard::content::{Block, Figure, Table, Width};

use self::font::Fonts;
use self::paper::{Paper, Role, Style, WHOLE};
use super::Report;

/// Between two blocks.
const GAP: f32 = 20.0;

/// Writes the report.
///
/// # Errors
/// A chart that cannot be drawn, which is a mistake in the program.
pub(super) fn write(report: &Report<'_>) -> Result<Vec<u8>> {
    draw::draw(&compose(report)?, &metadata(report))
}

fn metadata(report: &Report<'_>) -> Metadata {
    let mut metadata = Metadata::new()
        .title(report.title())
        .language("en".to_owned())
        .description(report.sentence())
        .creator("salesmart".to_owned())
        .authors(vec![report.author().to_owned()])
        .document_id(format!("{} {}", report.load.id, report.query));
    if let Some(moment) = report.committed_at() {
        use chrono::{Datelike, Timelike};
        let small = |number: u32| u8::try_from(number).unwrap_or_default();
        let date = DateTime::new(u16::try_from(moment.year()).unwrap_or_default())
            .month(small(moment.month()))
            .day(small(moment.day()))
            .hour(small(moment.hour()))
            .minute(small(moment.minute()))
            .second(small(moment.second()))
            .utc_offset_hour(0)
            .utc_offset_minute(0);
        metadata = metadata.creation_date(date);
    }
    metadata
}

/// Puts everything in its place.
fn compose(report: &Report<'_>) -> Result<Paper> {
    let mut fonts = Fonts::new()?;
    let content = report.content;
    let tables = || content.blocks.iter().filter_map(Block::table);
    let is_wide =
        tables().any(|table| table::width(&mut fonts, table, &report.written) > paper::A4.0 - 2.0 * paper::MARGIN);
    let mut paper = Paper::new(fonts, is_wide);
    head::title(&mut paper, report);
    let mut blocks = content.blocks.iter().peekable();
    while let Some(block) = blocks.next() {
        match block {
            Block::Tiles(tiles) => tile::tiles(&mut paper, tiles, &report.written)?,
            Block::Figure(figure) => {
                let is_half = |figure: &Figure| figure.width == Width::Half;
                let beside =
                    blocks.next_if(|next| is_half(figure) && matches!(next, Block::Figure(next) if is_half(next)));
                match beside {
                    Some(Block::Figure(beside)) => chart::row(&mut paper, &[figure, beside])?,
                    _ => chart::row(&mut paper, &[figure])?,
                }
            }
            Block::Table(table) => {
                let heading = heading(&mut paper, &table.title, table);
                table::table(&mut paper, heading, table, report);
            }
        }
    }
    if content.blocks.is_empty() {
        paper.y += GAP;
        paper.paragraph(WHOLE, Role::Paragraph, "There is nothing to show for this selection.", Style::new(10.0), 3);
    }
    annex(&mut paper, report);
    head::every_page(&mut paper, report);
    Ok(paper)
}

/// The numbers behind the charts, which a page has folded below each of them.
fn annex(paper: &mut Paper, report: &Report<'_>) {
    let figures: Vec<&Figure> = report
        .content
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Figure(figure) if !figure.table.rows.is_empty() => Some(figure.as_ref()),
            _ => None,
        })
        .collect();
    let Some(first) = figures.first() else { return };
    paper.y += GAP;
    // With the first of the tables, or it all begins on the next page.
    paper.need(50.0 + room_for(paper, &first.table));
    let title = "The numbers behind the charts";
    paper.bookmark(title);
    paper.paragraph(WHOLE, Role::Heading(2, title.to_owned()), title, Style::new(14.0).bold(), 1);
    for figure in figures {
        let section = heading(paper, &figure.table.title, &figure.table);
        table::table(paper, section, &figure.table, report);
    }
}

/// The heading of a block, never alone at the foot of a page.
fn heading(paper: &mut Paper, title: &str, table: &Table) -> paper::Node {
    paper.y += GAP;
    paper.need(room_for(paper, table));
    let section = paper.part(WHOLE, Role::Section);
    paper.bookmark(title);
    paper.paragraph(section, Role::Heading(3, title.to_owned()), title, Style::new(10.5).bold(), 2);
    if let Some(note) = &table.note {
        paper.paragraph(section, Role::Paragraph, note, Style::new(8.0).paint(MUTED), 4);
    }
    paper.y += 4.0;
    section
}

/// The room that a table begins with: all that it takes if that is not more than half a page.
fn room_for(paper: &Paper, table: &Table) -> f32 {
    let whole = table::height(table);
    if whole < paper.whole_room() / 2.0 { whole } else { 90.0 }
}
