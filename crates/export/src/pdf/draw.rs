//! From what stands where to the bytes of the file.

use std::num::NonZeroU16;

use anyhow::{Result, anyhow};
use krilla::color::rgb;
use krilla::configure::{Configuration, Validator};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    ArtifactType, ContentTag, Identifier, Node as TagNode, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};
use krilla::{Document, SerializeSettings};
use krilla_svg::{SurfaceExt, SvgSettings};
use salesmart_dashboard::chart::palette::Paint;

use super::paper::{Item, Node, Paper, Role, Shape, WHOLE};

/// The file. It keeps to PDF/UA-1, which readers for the blind rely on.
pub(super) fn draw(paper: &Paper, metadata: &Metadata) -> Result<Vec<u8>> {
    match finish(paper, metadata.clone(), Validator::UA1) {
        Ok(bytes) => Ok(bytes),
        // A font of this machine may lack what the standard asks for; the report is readable all the same.
        Err(reason) => {
            tracing::warn!("the PDF is written without the promise of PDF/UA-1: {reason:#}");
            finish(paper, metadata.clone(), Validator::None)
        }
    }
}

/// Draws all pages under the rules of a standard.
pub(super) fn finish(paper: &Paper, metadata: Metadata, validator: Validator) -> Result<Vec<u8>> {
    let configuration = Configuration::new_with_validator(validator);
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut drawn: Vec<Vec<Identifier>> = paper.parts.iter().map(|_| Vec::new()).collect();
    for page in &paper.pages {
        let settings =
            PageSettings::from_wh(paper.size.0, paper.size.1).ok_or_else(|| anyhow!("a page without size"))?;
        let mut open = document.start_page_with(settings);
        let mut surface = open.surface();
        for item in page {
            let identifier = surface.start_tagged(tag(item));
            shape(&mut surface, &item.shape)?;
            surface.end_tagged();
            if let Some(part) = item.part {
                drawn[part].push(identifier);
            }
        }
        surface.finish();
        open.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    for child in &paper.parts[WHOLE].children {
        if let Some(group) = group(paper, &mut drawn, *child) {
            tree.push(group);
        }
    }
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    for bookmark in &paper.bookmarks {
        let place = XyzDestination::new(bookmark.page, Point::from_xy(0.0, (bookmark.y - 8.0).max(0.0)));
        outline.push_child(OutlineNode::new(bookmark.title.clone(), place));
    }
    document.set_outline(outline);
    document.set_metadata(metadata);
    document.finish().map_err(|error| anyhow!("{error:?}"))
}

fn tag(item: &Item) -> ContentTag<'_> {
    match (&item.part, &item.shape) {
        (None, _) => ContentTag::Artifact(ArtifactType::Other),
        (Some(_), Shape::Text { .. }) => ContentTag::Span(SpanTag::empty()),
        (Some(_), _) => ContentTag::Other,
    }
}

/// A part with what was drawn of it; nothing was drawn of a part that is empty.
fn group(paper: &Paper, drawn: &mut [Vec<Identifier>], node: Node) -> Option<TagGroup> {
    let part = &paper.parts[node];
    let mut children: Vec<TagNode> = std::mem::take(&mut drawn[node]).into_iter().map(TagNode::from).collect();
    children.extend(part.children.iter().filter_map(|child| group(paper, drawn, *child)).map(TagNode::from));
    // A row keeps its empty cells: without them the columns of the others would shift.
    let is_cell = matches!(part.role, Role::Cell | Role::ColumnHead | Role::RowHead);
    (is_cell || !children.is_empty()).then(|| TagGroup::with_children(kind(&part.role), children))
}

fn kind(role: &Role) -> TagKind {
    match role {
        Role::Document | Role::Section => Tag::Section.into(),
        Role::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Figure(description) => Tag::Figure(Some(description.clone())).into(),
        Role::Table(summary) => Tag::Table.with_summary(Some(summary.clone())).into(),
        Role::Head => Tag::THead.into(),
        Role::Body => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
    }
}

fn shape(surface: &mut Surface<'_>, shape: &Shape) -> Result<()> {
    match shape {
        Shape::Text { line, x, y, size, paint } => {
            surface.set_fill(Some(fill(paint)));
            surface.set_stroke(None);
            let mut x = *x;
            for run in &line.runs {
                surface.draw_glyphs(Point::from_xy(x, *y), &run.glyphs, run.font.clone(), &line.text, *size, false);
                x += run.width * size;
            }
        }
        Shape::Block { x, y, width, height, paint } => {
            let mut path = PathBuilder::new();
            if let Some(rectangle) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(rectangle);
            }
            if let Some(path) = path.finish() {
                surface.set_fill(Some(fill(paint)));
                surface.set_stroke(None);
                surface.draw_path(&path);
            }
        }
        Shape::Chart { tree, x, y, width, height } => {
            let size = Size::from_wh(*width, *height).ok_or_else(|| anyhow!("a chart without size"))?;
            surface.push_transform(&Transform::from_translate(*x, *y));
            surface.draw_svg(tree, size, SvgSettings::default()).ok_or_else(|| anyhow!("a chart cannot be drawn"))?;
            surface.pop();
        }
    }
    Ok(())
}

fn fill(paint: &Paint) -> Fill {
    let part = |place: usize| u8::from_str_radix(paint.light.get(place..place + 2).unwrap_or("00"), 16).unwrap_or(0);
    Fill { paint: rgb::Color::new(part(1), part(3), part(5)).into(), ..Fill::default() }
}
