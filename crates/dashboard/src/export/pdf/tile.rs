//! Key figures in boxes.

use anyhow::Result;

use super::GAP;
use super::chart;
use super::font::Line;
use super::paper::{MARGIN, Paper, Role, Shape, Style, WHOLE};
use crate::chart::palette::{LOSS, MUTED, Paint};
use crate::chart::{Spark, palette};
use crate::content::{Direction, Tile, Written};

/// Boxes beside each other.
const ACROSS: usize = 3;
/// Between boxes, and inside of one from its border.
const BETWEEN: f32 = 10.0;
const PAD: f32 = 9.0;

/// What a box is filled with.
const BOX: Paint = Paint { name: "box", light: "#f3f6f9", dark: "#1a202a" };
/// A change for the better.
const GAIN: Paint = Paint { name: "gain", light: "#1f7a4d", dark: "#58c08c" };

/// All tiles, three in a row.
pub(super) fn tiles(paper: &mut Paper, tiles: &[Tile], written: &Written<'_>) -> Result<()> {
    if tiles.is_empty() {
        return Ok(());
    }
    paper.y += GAP * 0.8;
    let title = "Key figures";
    paper.bookmark(title);
    let section = paper.part(WHOLE, Role::Section);
    paper.part(section, Role::Heading(2, title.to_owned()));
    let across = if paper.size.0 > paper.size.1 { ACROSS * 2 } else { ACROSS };
    let across = across.min(tiles.len());
    let width = (paper.width() - BETWEEN * (across - 1) as f32) / across as f32;
    for row in tiles.chunks(across) {
        let height = row.iter().map(height).fold(0.0, f32::max);
        paper.need(height);
        let top = paper.y;
        for (place, tile) in row.iter().enumerate() {
            let x = MARGIN + place as f32 * (width + BETWEEN);
            paper.block(x, top, width, height, BOX);
            one(paper, section, tile, written, (x + PAD, top + PAD, width - 2.0 * PAD))?;
        }
        paper.y = top + height + BETWEEN;
    }
    paper.y -= BETWEEN;
    Ok(())
}

const LABEL: f32 = 8.0;
const VALUE: f32 = 16.0;
const SMALL: f32 = 7.0;
/// The line of a change and the one below it.
const CHANGE: f32 = 11.0;
const DETAIL: f32 = 10.0;

fn height(tile: &Tile) -> f32 {
    let note = if tile.note.is_some() { DETAIL } else { 0.0 };
    2.0 * PAD + LABEL + 8.0 + VALUE + note + 4.0 + tile.changes.len() as f32 * (CHANGE + DETAIL)
}

fn one(
    paper: &mut Paper,
    section: super::paper::Node,
    tile: &Tile,
    written: &Written<'_>,
    (x, top, room): (f32, f32, f32),
) -> Result<()> {
    let part = paper.part(section, Role::Paragraph);
    let label = Style::new(LABEL).paint(MUTED);
    let mut y = top + LABEL;
    let line = paper.fonts.fit(&tile.label, label.weight, label.size, room);
    paper.text(Some(part), line, x, y, label);
    let (line, style) = value(paper, tile, written, room);
    y += 8.0 + VALUE - 2.0;
    paper.text(Some(part), line, x, y, style);
    let small = Style::new(SMALL).paint(MUTED);
    if let Some(note) = &tile.note {
        y += DETAIL;
        let line = paper.fonts.fit(note, small.weight, small.size, room);
        paper.text(Some(part), line, x, y, small);
    }
    y += 4.0;
    for change in &tile.changes {
        y += CHANGE;
        let paint = match change.direction {
            Direction::Up => GAIN,
            Direction::Down => LOSS,
            Direction::Same | Direction::Unknown => MUTED,
        };
        let style = Style::new(SMALL + 0.5).bold().paint(paint);
        let text = format!("{} {}", arrow(change.direction), change.text);
        let line = paper.fonts.fit(&text, style.weight, style.size, room);
        let next = x + line.width(style.size) + 4.0;
        paper.text(Some(part), line, x, y, style);
        let line = paper.fonts.fit(&change.against, small.weight, small.size, x + room - next);
        paper.text(Some(part), line, next, y, small);
        y += DETAIL;
        let line = paper.fonts.fit(&change.detail, small.weight, small.size - 0.5, room);
        paper.text(Some(part), line, x, y, Style::new(SMALL - 0.5).paint(MUTED));
    }
    if let Some(spark) = &tile.spark {
        let scale = 0.5;
        let tree = chart::tree(paper, &spark.svg(Spark::SIZE).into_string())?;
        let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
        // Decoration: the trend below says it in numbers.
        paper.put(None, Shape::Chart { tree, x: x + room - width, y: top - 4.0, width, height });
    }
    Ok(())
}

/// All digits if there is room for them in a size that is read first; few otherwise.
fn value(paper: &mut Paper, tile: &Tile, written: &Written<'_>, room: f32) -> (Line, Style) {
    let style = Style::new(VALUE).bold().paint(palette::INK);
    let full = written.full(&tile.value);
    for size in [VALUE, VALUE - 3.0] {
        let line = paper.fonts.line(&full, style.weight);
        if line.width(size) <= room {
            return (line, Style { size, ..style });
        }
    }
    let line = paper.fonts.fit(&written.short(&tile.value), style.weight, style.size, room);
    (line, style)
}

fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "▲",
        Direction::Down => "▼",
        Direction::Same => "=",
        Direction::Unknown => "–",
    }
}
