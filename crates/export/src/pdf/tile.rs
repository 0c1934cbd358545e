//! Key figures in boxes.

use anyhow::Result;
use salesmart_dashboard::chart::palette::{LOSS, MUTED, Paint};
use salesmart_dashboard::chart::{Spark, palette};
use salesmart_dashboard::content::{Direction, Tile, Written};

use super::GAP;
use super::chart;
use super::font::Line;
use super::paper::{MARGIN, Paper, Role, Shape, Style, WHOLE};

/// Boxes beside each other.
const ACROSS: usize = 3;
/// Between boxes, and inside of one from its border.
const BETWEEN: f32 = 10.0;
const PAD: f32 = 9.0;

/// What a box is filled with.
const BOX: Paint = Paint { name: "box", light: "#f3f6f9", dark: "#1a202a" };
/// A change for the better.
const GAIN: Paint = Paint { name: "gain", light: "#1f7a4d", dark: "#58c08c" };

/// All tiles, in rows.
pub(super) fn tiles(paper: &mut Paper, tiles: &[Tile], written: &Written<'_>) -> Result<()> {
    if tiles.is_empty() {
        return Ok(());
    }
    paper.y += GAP * 0.8;
    let title = "Key figures";
    let section = paper.part(WHOLE, Role::Section);
    let across = if paper.size.0 > paper.size.1 { ACROSS * 2 } else { ACROSS };
    let across = across.min(tiles.len());
    let width = (paper.width() - BETWEEN * (across - 1) as f32) / across as f32;
    for (number, row) in tiles.chunks(across).enumerate() {
        let made: Vec<Made> = row.iter().map(|tile| make(paper, tile, written, width - 2.0 * PAD)).collect();
        let height = made.iter().map(Made::height).fold(0.0, f32::max);
        paper.need(height);
        if number == 0 {
            paper.bookmark(title);
        }
        let top = paper.y;
        for (place, (tile, made)) in row.iter().zip(made).enumerate() {
            let x = MARGIN + place as f32 * (width + BETWEEN);
            paper.block(x, top, width, height, BOX);
            let part = paper.part(section, Role::Paragraph);
            draw(paper, part, made, (x + PAD, top + PAD));
            if let Some(spark) = &tile.spark {
                line(paper, spark, (x + width - PAD, top + PAD))?;
            }
        }
        paper.y = top + height + BETWEEN;
    }
    paper.y -= BETWEEN;
    Ok(())
}

/// A line of a tile: its pieces beside each other, and how far below the last one.
struct Piece {
    pieces: Vec<(Line, Style)>,
    below: f32,
}

/// The lines of a tile, set.
struct Made(Vec<Piece>);

impl Made {
    fn height(&self) -> f32 {
        2.0 * PAD + self.0.iter().map(|line| line.below).sum::<f32>() + 3.0
    }
}

fn make(paper: &mut Paper, tile: &Tile, written: &Written<'_>, room: f32) -> Made {
    let label = Style::new(8.0).paint(MUTED);
    let small = Style::new(6.8).paint(MUTED);
    // The line of the course stands at the right of the label.
    let beside = if tile.spark.is_some() { SPARK_SCALE * Spark::SIZE.width as f32 + 6.0 } else { 0.0 };
    let mut lines = Vec::new();
    for text in paper.fonts.wrap(&tile.label, label.weight, label.size, (room - beside).max(room / 2.0), 2) {
        lines.push(Piece { pieces: vec![(text, label)], below: 10.0 });
    }
    let (text, style) = value(paper, tile, written, room);
    lines.push(Piece { pieces: vec![(text, style)], below: 19.0 });
    if let Some(note) = &tile.note {
        for text in paper.fonts.wrap(note, small.weight, small.size, room, 2) {
            lines.push(Piece { pieces: vec![(text, small)], below: 10.0 });
        }
    }
    for change in &tile.changes {
        let paint = match change.direction {
            Direction::Up => GAIN,
            Direction::Down => LOSS,
            Direction::Same | Direction::Unknown => MUTED,
        };
        let style = Style::new(7.5).bold().paint(paint);
        let text = format!("{} {}", arrow(change.direction), change.text);
        let text = paper.fonts.fit(&text, style.weight, style.size, room);
        let against = paper.fonts.line(&change.against, small.weight);
        let is_beside = text.width(style.size) + 4.0 + against.width(small.size) <= room;
        let mut pieces = vec![(text, style)];
        let mut detail = change.detail.clone();
        if is_beside {
            pieces.push((against, small));
        } else {
            detail = format!("{}: {detail}", change.against);
        }
        lines.push(Piece { pieces, below: 14.0 });
        for text in paper.fonts.wrap(&detail, small.weight, small.size, room, 4) {
            lines.push(Piece { pieces: vec![(text, small)], below: 9.0 });
        }
    }
    Made(lines)
}

fn draw(paper: &mut Paper, part: super::paper::Node, made: Made, (left, top): (f32, f32)) {
    let mut y = top;
    for line in made.0 {
        y += line.below;
        let mut x = left;
        for (text, style) in line.pieces {
            let next = x + text.width(style.size) + 4.0;
            paper.text(Some(part), text, x, y - 1.5, style);
            x = next;
        }
    }
}

/// The course, from its right end. Decoration: the trend says it in numbers.
fn line(paper: &mut Paper, spark: &Spark, (right, top): (f32, f32)) -> Result<()> {
    let tree = chart::tree(paper, &spark.svg(Spark::SIZE).into_string())?;
    let (width, height) = (tree.size().width() * SPARK_SCALE, tree.size().height() * SPARK_SCALE);
    paper.put(None, Shape::Chart { tree, x: right - width, y: top - 3.0, width, height });
    Ok(())
}

/// Points for a unit of the small line.
const SPARK_SCALE: f32 = 0.5;

/// All digits if there is room for them in a size that is read first; few otherwise.
fn value(paper: &mut Paper, tile: &Tile, written: &Written<'_>, room: f32) -> (Line, Style) {
    const VALUE: f32 = 16.0;
    let style = Style::new(VALUE).bold().paint(palette::INK);
    let full = written.full(&tile.value);
    for size in [VALUE, 13.0, 10.5] {
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
