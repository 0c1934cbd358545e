//! What stands where, before anything is drawn: how many pages there are is on each of them.

use salesmart_dashboard::chart::palette::{INK, Paint};
use usvg::Tree;

use super::font::{Fonts, Line, Weight};

/// A4 in points, upright.
pub(super) const A4: (f32, f32) = (595.28, 841.89);
/// Left, right, below; above there is room for the running head.
pub(super) const MARGIN: f32 = 42.0;
/// Where the content of a page begins.
pub(super) const TOP: f32 = 58.0;
/// Where it ends, from the bottom.
pub(super) const FOOT: f32 = 48.0;

/// A place in the logical structure of the document.
pub(super) type Node = usize;

/// What a part of the document is, for those who have it read to them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    Document,
    Section,
    Heading(u16, String),
    Paragraph,
    Figure(String),
    Table(String),
    Head,
    Body,
    Row,
    ColumnHead,
    RowHead,
    Cell,
}

/// A part with the parts inside it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) role: Role,
    pub(super) children: Vec<Node>,
}

/// Something to draw. Without a part it is decoration.
pub(super) struct Item {
    pub(super) part: Option<Node>,
    pub(super) shape: Shape,
}

/// What is drawn, in points from the upper left corner of the page.
pub(super) enum Shape {
    /// A text with its left end and its baseline.
    Text { line: Line, x: f32, y: f32, size: f32, paint: Paint },
    /// A filled rectangle.
    Block { x: f32, y: f32, width: f32, height: f32, paint: Paint },
    /// A drawing.
    Chart { tree: Box<Tree>, x: f32, y: f32, width: f32, height: f32 },
}

/// Where a bookmark leads.
pub(super) struct Bookmark {
    pub(super) title: String,
    pub(super) page: usize,
    pub(super) y: f32,
}

/// The pages so far.
pub(super) struct Paper {
    pub(super) fonts: Fonts,
    pub(super) size: (f32, f32),
    pub(super) pages: Vec<Vec<Item>>,
    pub(super) parts: Vec<Part>,
    pub(super) bookmarks: Vec<Bookmark>,
    /// Where the next thing goes.
    pub(super) y: f32,
}

/// The part of everything.
pub(super) const WHOLE: Node = 0;

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) weight: Weight,
    pub(super) paint: Paint,
}

impl Style {
    /// Regular, in the colour of text.
    pub(super) fn new(size: f32) -> Self {
        Self { size, weight: Weight::Regular, paint: INK }
    }

    pub(super) fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub(super) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    /// From one baseline to the next.
    pub(super) fn leading(self) -> f32 {
        (self.size * 1.35).ceil()
    }
}

impl Paper {
    /// One empty page.
    pub(super) fn new(fonts: Fonts, is_wide: bool) -> Self {
        let size = if is_wide { (A4.1, A4.0) } else { A4 };
        let whole = Part { role: Role::Document, children: Vec::new() };
        Self { fonts, size, pages: vec![Vec::new()], parts: vec![whole], bookmarks: Vec::new(), y: MARGIN }
    }

    /// Between the margins.
    pub(super) fn width(&self) -> f32 {
        self.size.0 - 2.0 * MARGIN
    }

    /// Where the content of every page ends.
    pub(super) fn bottom(&self) -> f32 {
        self.size.1 - FOOT
    }

    /// What is left of this page.
    pub(super) fn room(&self) -> f32 {
        self.bottom() - self.y
    }

    /// The height of an empty page.
    pub(super) fn whole_room(&self) -> f32 {
        self.bottom() - TOP
    }

    pub(super) fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// A new page if there is no room for so much on this one.
    pub(super) fn need(&mut self, height: f32) {
        if self.room() < height && !self.is_fresh() {
            self.new_page();
        }
    }

    fn is_fresh(&self) -> bool {
        self.pages.last().is_none_or(Vec::is_empty)
    }

    /// A part inside another one.
    pub(super) fn part(&mut self, inside: Node, role: Role) -> Node {
        let node = self.parts.len();
        self.parts.push(Part { role, children: Vec::new() });
        self.parts[inside].children.push(node);
        node
    }

    pub(super) fn put(&mut self, part: Option<Node>, shape: Shape) {
        if let Some(page) = self.pages.last_mut() {
            page.push(Item { part, shape });
        }
    }

    /// A line that was set before, from its left end.
    pub(super) fn text(&mut self, part: Option<Node>, line: Line, x: f32, y: f32, style: Style) {
        if !line.text.is_empty() {
            self.put(part, Shape::Text { line, x, y, size: style.size, paint: style.paint });
        }
    }

    pub(super) fn block(&mut self, x: f32, y: f32, width: f32, height: f32, paint: Paint) {
        self.put(None, Shape::Block { x, y, width, height, paint });
    }

    /// Lines over the whole width, below each other, over as many pages as it takes.
    pub(super) fn paragraph(&mut self, inside: Node, role: Role, text: &str, style: Style, most: usize) {
        let width = self.width();
        let lines = self.fonts.wrap(text, style.weight, style.size, width, most);
        let part = self.part(inside, role);
        for line in lines {
            self.need(style.leading());
            self.y += style.leading();
            let baseline = self.y - style.size * 0.35;
            self.text(Some(part), line, MARGIN, baseline, style);
        }
    }

    /// Leads from the table of contents of a reader to here.
    pub(super) fn bookmark(&mut self, title: &str) {
        self.bookmarks.push(Bookmark { title: title.to_owned(), page: self.pages.len() - 1, y: self.y });
    }
}
