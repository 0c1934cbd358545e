//! Elements that all charts draw with. Each carries its light colour as an attribute and its class for the page.

use std::fmt::{self, Display};

use maud::{Markup, html};

use super::palette::Paint;
use super::text::{FAMILY, legal};
use super::{Heading, Size};

/// A length with at most one decimal, which is finer than any screen.
#[derive(Clone, Copy)]
pub(super) struct Px(pub f64);

impl Display for Px {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = if self.0.is_finite() { (self.0 * 10.0).round() as i64 } else { 0 };
        let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
        let minus = if tenths < 0 { "-" } else { "" };
        if rest == 0 { write!(formatter, "{minus}{whole}") } else { write!(formatter, "{minus}{whole}.{rest}") }
    }
}

/// Which end of a text stays in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    text: &'a str,
    x: f64,
    y: f64,
    size: f64,
    anchor: Anchor,
    ink: &'a Paint,
    bold: bool,
    halo: bool,
}

impl<'a> Label<'a> {
    /// In the usual size with its baseline at `y`.
    pub(super) fn new(text: &'a str, x: f64, y: f64, ink: &'a Paint) -> Self {
        Self { text, x, y, size: 11.0, anchor: Anchor::Start, ink, bold: false, halo: false }
    }

    pub(super) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    pub(super) fn bold(self, bold: bool) -> Self {
        Self { bold, ..self }
    }

    /// With an outline in the colour of the background, to be read across lines.
    pub(super) fn halo(self) -> Self {
        Self { halo: true, ..self }
    }

    /// `y` becomes the middle of the letters; usvg knows little of `dominant-baseline`.
    pub(super) fn centred(self) -> Self {
        Self { y: self.y + self.size * 0.36, ..self }
    }

    pub(super) fn draw(self) -> Markup {
        let anchor = match self.anchor {
            Anchor::Start => None,
            Anchor::Middle => Some("middle"),
            Anchor::End => Some("end"),
        };
        let surface = &super::palette::SURFACE;
        let halo = self.halo.then_some(surface.light);
        if self.text.is_empty() {
            return Markup::default();
        }
        html! {
            text class={ (self.ink.fill()) @if self.halo { " " (surface.stroke()) } } x=(Px(self.x)) y=(Px(self.y))
                font-size=(Px(self.size)) text-anchor=[anchor] font-weight=[self.bold.then_some("bold")]
                fill=(self.ink.light) stroke=[halo] stroke-width=[halo.map(|_| "3.5")]
                stroke-linejoin=[halo.map(|_| "round")] paint-order=[halo.map(|_| "stroke")] { (legal(self.text)) }
        }
    }
}

/// A filled rectangle with corners of radius `round`. Nothing for one without area.
pub(super) fn block(x: f64, y: f64, width: f64, height: f64, round: f64, ink: &Paint) -> Markup {
    html! {
        @if width > 0.0 && height > 0.0 {
            rect class=(ink.fill()) x=(Px(x)) y=(Px(y)) width=(Px(width)) height=(Px(height))
                rx=[(round > 0.0).then_some(Px(round))] fill=(ink.light) {}
        }
    }
}

/// A straight line one unit wide.
pub(super) fn rule(from: (f64, f64), to: (f64, f64), ink: &Paint, dashes: Option<&str>) -> Markup {
    html! {
        line class=(ink.stroke()) x1=(Px(from.0)) y1=(Px(from.1)) x2=(Px(to.0)) y2=(Px(to.1)) stroke=(ink.light)
            stroke-width="1" stroke-dasharray=[dashes] {}
    }
}

/// A line along `path`.
pub(super) fn stroke(path: &str, ink: &Paint, width: &str, dashes: Option<&str>) -> Markup {
    html! {
        @if !path.is_empty() {
            path class=(ink.stroke()) d=(path) fill="none" stroke=(ink.light) stroke-width=(width)
                stroke-linejoin="round" stroke-linecap=(if dashes.is_some() { "butt" } else { "round" })
                stroke-dasharray=[dashes] {}
        }
    }
}

/// The area inside `path`, which the background shines through at less than full `opacity`.
pub(super) fn area(path: &str, ink: &Paint, opacity: &str) -> Markup {
    html! {
        @if !path.is_empty() { path class=(ink.fill()) d=(path) fill=(ink.light) fill-opacity=(opacity) {} }
    }
}

/// A dot; a hollow one has the background inside.
pub(super) fn dot(x: f64, y: f64, radius: f64, ink: &Paint, hollow: bool) -> Markup {
    let surface = &super::palette::SURFACE;
    let (inside, outside) = if hollow { (surface, ink) } else { (ink, surface) };
    html! {
        circle class={ "ch-dot " (inside.fill()) " " (outside.stroke()) } cx=(Px(x)) cy=(Px(y)) r=(Px(radius))
            fill=(inside.light) stroke=(outside.light) stroke-width="1.5" {}
    }
}

/// A dot that shows under the pointer and in the focus only.
pub(super) fn shy_dot(x: f64, y: f64, radius: f64, ink: &Paint) -> Markup {
    html! { g.ch-shy visibility="hidden" { (dot(x, y, radius, ink, false)) } }
}

/// An invisible rectangle that takes the pointer and shows the focus.
pub(super) fn target(x: f64, y: f64, width: f64, height: f64) -> Markup {
    html! {
        rect.ch-hit x=(Px(x)) y=(Px(y)) width=(Px(width.max(0.0))) height=(Px(height.max(0.0))) rx="3" fill="none" {}
    }
}

/// Something with a tooltip, and a link if it has a safe `href`. In a chart of links (`linked`) those that are none
/// still have to say what they are.
pub(super) fn spot(href: Option<&str>, tip: &str, linked: bool, body: Markup) -> Markup {
    let tip = legal(tip);
    let spoken = tip.replace('\n', ", ");
    html! {
        @if let Some(href) = href.filter(|href| is_safe(href)) {
            // Its title is its name. A label besides would have to repeat the short texts that are drawn inside.
            a.ch-mark href=(legal(href)) data-tip=(tip) { title { (tip) } (body) }
        } @else if linked {
            g.ch-mark role="img" aria-label=(spoken) data-tip=(tip) { title { (tip) } (body) }
        } @else {
            g.ch-mark data-tip=(tip) { title { (tip) } (body) }
        }
    }
}

/// Links come from data in part, so nothing that would run as a script.
pub(super) fn is_safe(href: &str) -> bool {
    match href.find([':', '/', '?', '#']) {
        Some(end) if href[end..].starts_with(':') => matches!(&href[..end], "http" | "https"),
        _ => !href.is_empty(),
    }
}

/// The `svg` element around a chart. With links inside it is a group, otherwise an image.
pub(super) fn document(heading: &Heading, size: Size, linked: bool, body: Markup) -> Markup {
    // The same chart may stand on the page in two sizes.
    let id = |part: &str| format!("{}-{}-{part}", heading.id, size.width.round() as i64);
    let (title, description) = (id("title"), id("desc"));
    let described = (!heading.description.is_empty()).then_some(&description);
    html! {
        svg.ch xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (Px(size.width)) " " (Px(size.height)) } width="100%"
            role=(if linked { "group" } else { "img" }) aria-labelledby=(title) aria-describedby=[described]
            font-family=(FAMILY) direction="ltr" {
            title id=(title) { (legal(&heading.title)) }
            @if described.is_some() { desc id=(description) { (legal(&heading.description)) } }
            (body)
        }
    }
}

/// A path through points; those that are missing break it. A lone point becomes a line of no length, which round ends
/// make visible.
pub(super) fn path(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut drawn = 0;
    let mut last = None;
    for point in points.into_iter().chain([None]) {
        match (point, last) {
            (Some((x, y)), _) => {
                path.push_str(&format!("{}{} {}", if drawn == 0 { "M" } else { "L" }, Px(x), Px(y)));
                drawn += 1;
            }
            (None, Some((x, y))) => {
                if drawn == 1 {
                    path.push_str(&format!("L{} {}", Px(x), Px(y)));
                }
                drawn = 0;
            }
            (None, None) => {}
        }
        last = point;
    }
    path
}

/// The area between points and a level; those that are missing break it.
pub(super) fn area_path(points: &[Option<(f64, f64)>], level: f64) -> String {
    let mut path = String::new();
    for run in points.split(Option::is_none) {
        let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
        let [first, .., last] = run.as_slice() else { continue };
        path.push_str(&format!("M{} {}", Px(first.0), Px(level)));
        for (x, y) in &run {
            path.push_str(&format!("L{} {}", Px(*x), Px(*y)));
        }
        path.push_str(&format!("L{} {}Z", Px(last.0), Px(level)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_and_never_nan() {
        assert_eq!(Px(1.0).to_string(), "1");
        assert_eq!(Px(-0.26).to_string(), "-0.3");
        assert_eq!(Px(-0.01).to_string(), "0");
        assert_eq!(Px(f64::NAN).to_string(), "0");
    }

    #[test]
    fn paths_break_at_gaps() {
        let points = [Some((0.0, 1.0)), Some((1.0, 2.0)), None, None, Some((3.0, 4.0))];
        assert_eq!(path(points), "M0 1L1 2M3 4L3 4");
        assert_eq!(area_path(&points, 9.0), "M0 9L0 1L1 2L1 9Z");
        assert_eq!(path([]), "");
    }

    #[test]
    fn scripts_are_no_links() {
        for href in ["/sales?from=2024-01", "?country=UK:x", "#a:b", "https://example.org", "sales"] {
            assert!(is_safe(href), "{href}");
        }
        for href in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", ""] {
            assert!(!is_safe(href), "{href}");
        }
    }
}
