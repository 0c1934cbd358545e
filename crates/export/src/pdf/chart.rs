//! The charts of a page, drawn by the same functions.

use anyhow::{Context, Result};
use salesmart_dashboard::chart::Size;
use salesmart_dashboard::chart::palette::MUTED;
use salesmart_dashboard::content::Figure;

use super::GAP;
use super::paper::{MARGIN, Paper, Role, Shape, Style, WHOLE};

/// Points for one unit of a drawing: its letters of 11 units are set in 8 points.
const SCALE: f32 = 0.74;
/// Between two charts beside each other.
const BETWEEN: f32 = 18.0;
/// The height of a chart that leaves it open, in its own units.
const HEIGHT: f64 = 225.0;

/// Charts beside each other, with their titles above and their remarks below.
pub(super) fn row(paper: &mut Paper, figures: &[&Figure]) -> Result<()> {
    let title = Style::new(10.5).bold();
    let note = Style::new(8.0).paint(MUTED);
    let width = (paper.width() - BETWEEN * (figures.len() - 1) as f32) / figures.len() as f32;
    let mut columns = Vec::new();
    for figure in figures {
        let heading = figure.drawing.heading();
        let titles = paper.fonts.wrap(&heading.title, title.weight, title.size, width, 2);
        let notes = match &figure.note {
            Some(text) => paper.fonts.wrap(text, note.weight, note.size, width, 4),
            None => Vec::new(),
        };
        let mut scale = SCALE;
        let drawing = drawing(paper, figure, width, scale)?;
        let other = |drawing: &usvg::Tree| drawing.size().height() * scale;
        // A chart grows with its rows; the tallest is made to fit on a page.
        let room = paper.whole_room() - (titles.len() as f32) * title.leading() - 60.0;
        if other(&drawing) > room {
            scale *= room / other(&drawing);
        }
        let size = (drawing.size().width() * scale, drawing.size().height() * scale);
        columns.push((heading, titles, drawing, size, notes));
    }
    let most = |height: &dyn Fn(usize) -> f32| (0..columns.len()).map(height).fold(0.0, f32::max);
    let above = most(&|at| columns[at].1.len() as f32 * title.leading()) + 6.0;
    let tall = most(&|at| columns[at].3.1);
    let below = most(&|at| columns[at].4.len() as f32 * note.leading());
    paper.y += GAP;
    paper.need(above + tall + below);
    let top = paper.y;
    for (place, (heading, titles, tree, size, notes)) in columns.into_iter().enumerate() {
        let x = MARGIN + place as f32 * (width + BETWEEN);
        let section = paper.part(WHOLE, Role::Section);
        paper.y = top;
        paper.bookmark(&heading.title);
        let part = paper.part(section, Role::Heading(2, heading.title.clone()));
        for (line, text) in titles.into_iter().enumerate() {
            paper.text(Some(part), text, x, top + title.size + line as f32 * title.leading(), title);
        }
        let text = if heading.description.is_empty() { &heading.title } else { &heading.description };
        let part = paper.part(section, Role::Figure(text.clone()));
        paper.put(Some(part), Shape::Chart { tree, x, y: top + above, width: size.0, height: size.1 });
        if !notes.is_empty() {
            let part = paper.part(section, Role::Paragraph);
            for (line, text) in notes.into_iter().enumerate() {
                let y = top + above + size.1 + 2.0 + note.size + line as f32 * note.leading();
                paper.text(Some(part), text, x, y, note);
            }
        }
    }
    paper.y = top + above + tall + below;
    Ok(())
}

fn drawing(paper: &mut Paper, figure: &Figure, width: f32, scale: f32) -> Result<Box<usvg::Tree>> {
    let size = Size { width: f64::from(width / scale), height: HEIGHT };
    let svg = figure.drawing.chart().svg(size).into_string();
    tree(paper, &svg).with_context(|| format!("the chart {:?}", figure.drawing.heading().title))
}

/// A drawing that is ready for a page.
pub(super) fn tree(paper: &mut Paper, svg: &str) -> Result<Box<usvg::Tree>> {
    let svg = paper.fonts.drawable(svg);
    let options = usvg::Options {
        fontdb: paper.fonts.for_chart(&svg),
        font_family: "DejaVu Sans".to_owned(),
        // Nothing is fetched, whatever a text may look like.
        resources_dir: None,
        ..usvg::Options::default()
    };
    Ok(Box::new(usvg::Tree::from_str(&svg, &options)?))
}
