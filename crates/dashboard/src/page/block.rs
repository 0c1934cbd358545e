//! Tiles, charts and tables as HTML.

use maud::{Markup, html};

use crate::chart::{Size, Spark};
use crate::content::{Block, Cell, Change, Direction, Figure, Row, Table, Tile, Value, Width, Written};

/// A chart that is half as wide as the page.
const HALF: Size = Size { width: 540.0, height: 280.0 };
/// A chart that is as wide as the page.
const FULL: Size = Size { width: 1120.0, height: 300.0 };

/// All blocks of a page.
pub(super) fn all(blocks: &[Block], written: &Written<'_>) -> Markup {
    html! {
        div.blocks {
            @for block in blocks {
                @match block {
                    Block::Tiles(tiles) => (tile_row(tiles, written)),
                    Block::Figure(chart) => (figure(chart, written)),
                    Block::Table(rows) => {
                        section.card.full aria-labelledby={ (rows.id) "-title" } {
                            h2 id={ (rows.id) "-title" } { (rows.title) }
                            (table(rows, written))
                            @if let Some(note) = &rows.note { p.remark { (note) } }
                        }
                    }
                }
            }
        }
    }
}

fn tile_row(tiles: &[Tile], written: &Written<'_>) -> Markup {
    html! {
        section.full aria-labelledby="tiles-title" {
            h2.sr #tiles-title { "Key figures" }
            dl.tiles {
                @for tile in tiles {
                    @let (short, full) = (written.short(&tile.value), written.full(&tile.value));
                    @let is_short = matches!(tile.value, Value::Text(_) | Value::Time(_) | Value::Date(_));
                    div.card.tile {
                        dt { (tile.label) @if tile.is_running { span.so-far { "so far" } } }
                        dd.value.words[is_short] title=[(short != full).then_some(&full)] { (short) }
                        @if let Some(spark) = &tile.spark { dd.spark { (spark.svg(Spark::SIZE)) } }
                        @for one in &tile.changes { (change(one)) }
                        @if let Some(note) = &tile.note { dd.remark { (note) } }
                    }
                }
            }
        }
    }
}

fn change(change: &Change) -> Markup {
    let (class, spoken) = match change.direction {
        Direction::Up => ("change up", "up"),
        Direction::Down => ("change down", "down"),
        Direction::Same => ("change", "unchanged"),
        Direction::Unknown => ("change", ""),
    };
    html! {
        dd class=(class) title=(change.detail) {
            @if change.direction != Direction::Unknown {
                span.arrow aria-hidden="true" { (change.direction.arrow()) }
                span.sr { (spoken) " " }
            }
            b { (change.text) }
            " "
            span.against { "on " (match change.against.as_str() { "previous period" => "previous", other => other }) }
        }
    }
}

/// A chart in the widths that screens have, of which the style sheet shows one, and the table of its data folded below.
fn figure(figure: &Figure, written: &Written<'_>) -> Markup {
    let heading = figure.drawing.heading();
    let chart = figure.drawing.chart();
    let (class, roomy) = match figure.width {
        Width::Full => ("card full chart", FULL),
        Width::Half => ("card chart", HALF),
    };
    html! {
        figure id=(heading.id) class=(class) {
            figcaption { h2 { (heading.title) } }
            @if figure.width == Width::Full {
                div.wide { (chart.svg(roomy)) }
                div.middle { (chart.svg(Size::WIDE)) }
            } @else {
                div.wide.middle { (chart.svg(roomy)) }
            }
            div.narrow { (chart.svg(Size::PHONE)) }
            @if let Some(note) = &figure.note { p.remark { (note) } }
            details.data id={ (heading.id) "-data" } {
                summary { "Show as table" span.sr { ": " (heading.title) } }
                (table(&figure.table, written))
            }
        }
    }
}

/// A table in a box that scrolls by itself.
fn table(table: &Table, written: &Written<'_>) -> Markup {
    html! {
        @if table.rows.is_empty() {
            p.empty { (table.empty) }
        } @else {
            div.scroll tabindex="0" role="region" aria-label={ "Table: " (table.title) } {
                table id=(table.id) {
                    caption.sr { (table.title) }
                    thead {
                        tr {
                            @for column in &table.columns {
                                th scope="col" class=[column.is_number.then_some("number")] { (column.title) }
                            }
                        }
                    }
                    tbody { @for one in &table.rows { (row(one, table, written)) } }
                }
            }
        }
    }
}

fn row(row: &Row, table: &Table, written: &Written<'_>) -> Markup {
    // What a row is about is its first name; a rank is none.
    let head = row.cells.iter().position(|cell| !cell.value.is_number()).unwrap_or(0);
    html! {
        tr class=[row.is_selected.then_some("selected")] {
            @for (at, (one, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                @let class = column.is_number.then_some("number");
                @if at == head {
                    th scope="row" class=[class] {
                        (cell(one, written))
                        @if row.is_selected { span.sr { " (selected)" } }
                    }
                } @else {
                    td class=[class] { (cell(one, written)) }
                }
            }
        }
    }
}

fn cell(cell: &Cell, written: &Written<'_>) -> Markup {
    let text = written.full(&cell.value);
    html! {
        @match (&cell.href, &cell.value) {
            (Some(href), _) if !text.is_empty() => a href=(href) { (text) },
            (_, Value::Change(change)) if *change < 0.0 => span.down { (text) },
            (_, Value::Change(_)) => span.up { (text) },
            _ => (text),
        }
    }
}
