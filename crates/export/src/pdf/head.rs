//! The beginning of the report, and what stands on each of its pages.

use salesmart_dashboard::chart::palette::{AXIS, GRID, INK, MUTED};
use salesmart_dashboard::content::Said;

use super::paper::{FOOT, MARGIN, Paper, Role, Style, WHOLE};
use crate::Report;

/// Room for what a line of the filter is about.
const ABOUT: f32 = 74.0;

/// Title, filter in words, and where the data comes from.
pub(super) fn title(paper: &mut Paper, report: &Report<'_>) {
    let content = report.content;
    paper.block(MARGIN, MARGIN - 8.0, 28.0, 3.0, salesmart_dashboard::chart::palette::MARK);
    paper.y = MARGIN - 2.0;
    paper.paragraph(WHOLE, Role::Paragraph, &report.settings.title, Style::new(10.0).paint(MUTED), 1);
    paper.bookmark(&content.title);
    paper.paragraph(WHOLE, Role::Heading(1, content.title.clone()), &content.title, Style::new(21.0).bold(), 2);
    if !content.trail.is_empty() {
        let trail: Vec<&str> = content.trail.iter().map(|crumb| crumb.label.as_str()).collect();
        paper.paragraph(WHOLE, Role::Paragraph, &trail.join(" › "), Style::new(9.0).paint(MUTED), 2);
    }
    paper.y += 8.0;
    facts(paper, &report.facts());
    for note in &content.notes {
        paper.y += 4.0;
        paper.paragraph(WHOLE, Role::Paragraph, note, Style::new(8.5).paint(MUTED), 4);
    }
}

/// What the filter says, in two columns, from above to below.
fn facts(paper: &mut Paper, facts: &[Said]) {
    const BETWEEN: f32 = 16.0;
    let (name, text) = (Style::new(8.0).paint(MUTED), Style::new(8.0));
    // What was asked takes more room than where the answer comes from.
    let widths = [(paper.width() - BETWEEN) * 0.58, (paper.width() - BETWEEN) * 0.42];
    let half = facts.len().div_ceil(2);
    let list = paper.part(WHOLE, Role::Section);
    let top = paper.y;
    let mut lowest = top;
    for (place, said) in facts.iter().enumerate() {
        if place % half == 0 {
            paper.y = top;
        }
        let (x, column) = if place < half { (MARGIN, widths[0]) } else { (MARGIN + widths[0] + BETWEEN, widths[1]) };
        let part = paper.part(list, Role::Paragraph);
        let about = paper.fonts.fit(&said.about, name.weight, name.size, ABOUT - 6.0);
        let lines = paper.fonts.wrap(&said.text, text.weight, text.size, column - ABOUT, 4);
        let baseline = paper.y + name.size;
        paper.text(Some(part), about, x, baseline, name);
        for (line, text_line) in lines.into_iter().enumerate() {
            paper.text(Some(part), text_line, x + ABOUT, baseline + line as f32 * text.leading(), text);
            paper.y += text.leading();
        }
        paper.y += 2.0;
        lowest = lowest.max(paper.y);
    }
    paper.y = lowest + 6.0;
    paper.block(MARGIN, paper.y, paper.width(), 0.6, AXIS);
}

/// The running head from the second page on, and the foot of each page with its number.
pub(super) fn every_page(paper: &mut Paper, report: &Report<'_>) {
    let style = Style::new(7.5).paint(MUTED);
    let count = paper.pages.len();
    let (width, right) = (paper.width(), MARGIN + paper.width());
    let foot = paper.size.1 - FOOT + 22.0;
    for page in 0..count {
        let number = format!("{} / {count}", page + 1);
        let number = paper.fonts.line(&number, style.weight);
        let source = paper.fonts.fit(&report.source(), style.weight, style.size, width - 80.0);
        let mut decorations = Decorations { paper, page };
        decorations.rule(MARGIN, foot - 12.0, width);
        decorations.text(source, MARGIN, foot, style);
        let x = right - number.width(style.size);
        decorations.text(number, x, foot, Style { paint: INK, ..style });
        if page > 0 {
            let days = paper.fonts.fit(&report.days(), style.weight, style.size, width * 0.4);
            let room = width - days.width(style.size) - 20.0;
            let title = paper.fonts.fit(&report.title(), style.weight, style.size, room);
            let mut decorations = Decorations { paper, page };
            decorations.text(title, MARGIN, 36.0, style);
            let x = right - days.width(style.size);
            decorations.text(days, x, 36.0, style);
            decorations.rule(MARGIN, 42.0, width);
        }
    }
}

/// Things on a page that is done, which are no part of what it says.
struct Decorations<'a> {
    paper: &'a mut Paper,
    page: usize,
}

impl Decorations<'_> {
    fn text(&mut self, line: super::font::Line, x: f32, y: f32, style: Style) {
        let shape = super::paper::Shape::Text { line, x, y, size: style.size, paint: style.paint };
        self.paper.pages[self.page].push(super::paper::Item { part: None, shape });
    }

    fn rule(&mut self, x: f32, y: f32, width: f32) {
        let shape = super::paper::Shape::Block { x, y, width, height: 0.5, paint: GRID };
        self.paper.pages[self.page].push(super::paper::Item { part: None, shape });
    }
}
