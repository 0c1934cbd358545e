//! Text as glyphs: in DejaVu Sans, which comes with the program, and in what the machine has for scripts that it lacks.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use anyhow::{Result, anyhow};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_segmentation::UnicodeSegmentation;
use usvg::fontdb::{self, Database};

/// What stands for a letter that no font has.
const MISSING: char = '□';
/// More letters than this of one text fit on no line.
const MOST_LETTERS: usize = 1_000;

/// How thick letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The fonts of this machine; looked for only when a text needs them.
static MACHINE: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    Arc::new(fonts)
});

/// The fonts of one document.
pub(super) struct Fonts {
    own: [Face; 2],
    machine: HashMap<fontdb::ID, Option<MachineFace>>,
    /// Which font of the machine has a letter.
    has: HashMap<char, Option<fontdb::ID>>,
    charts: Arc<Database>,
}

struct Face {
    shaper: rustybuzz::Face<'static>,
    font: Font,
}

struct MachineFace {
    data: Arc<Vec<u8>>,
    index: u32,
    font: Font,
}

/// A text on one line, ready to be drawn; lengths are in units of the font's size.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) runs: Vec<Run>,
    width: f32,
}

/// Glyphs of one font.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) font: Font,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: f32,
}

impl Line {
    /// How wide it is in a size.
    pub(super) fn width(&self, size: f32) -> f32 {
        self.width * size
    }
}

/// Who draws a piece of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawer {
    Own,
    Machine(fontdb::ID),
    Nobody,
}

impl Fonts {
    /// The program's own fonts.
    pub(super) fn new() -> Result<Self> {
        let own = [Face::new(dejavu::sans::regular())?, Face::new(dejavu::sans::bold())?];
        let mut charts = Database::new();
        charts.load_font_data(dejavu::sans::regular().to_vec());
        charts.load_font_data(dejavu::sans::bold().to_vec());
        Ok(Self { own, machine: HashMap::new(), has: HashMap::new(), charts: Arc::new(charts) })
    }

    /// The fonts that charts are drawn with; those of the machine too if the drawing has letters that need them.
    pub(super) fn for_chart(&self, svg: &str) -> Arc<Database> {
        let is_own = |letter: char| letter.is_ascii() || self.own[0].has(letter) || is_silent(letter);
        if svg.chars().all(is_own) {
            return Arc::clone(&self.charts);
        }
        let mut fonts = Database::clone(&self.charts);
        for face in MACHINE.faces() {
            fonts.push_face_info(face.clone());
        }
        Arc::new(fonts)
    }

    /// The same drawing with a visible sign in place of each letter that no font has.
    pub(super) fn drawable(&mut self, svg: &str) -> String {
        svg.chars()
            .map(|letter| if self.drawer(&letter.to_string()) == Drawer::Nobody { MISSING } else { letter })
            .collect()
    }

    /// The whole text on one line.
    pub(super) fn line(&mut self, text: &str, weight: Weight) -> Line {
        let text = tidy(text);
        let mut line = Line::default();
        for (range, direction) in runs_of_one_direction(&text) {
            let mut pieces = self.pieces(&text, range);
            if direction == Direction::RightToLeft {
                pieces.reverse();
            }
            for (piece, drawer) in pieces {
                if let Some(run) = self.shape(&text, piece, drawer, weight, direction) {
                    line.width += run.width;
                    line.runs.push(run);
                }
            }
        }
        line.text = text;
        line
    }

    /// The text, or as much of its beginning as fits, with an ellipsis.
    pub(super) fn fit(&mut self, text: &str, weight: Weight, size: f32, room: f32) -> Line {
        let whole = self.line(text, weight);
        if whole.width(size) <= room + 0.05 && whole.text.len() >= text.trim().len().min(MOST_LETTERS) {
            return whole;
        }
        let text = whole.text;
        let ends: Vec<usize> = text.grapheme_indices(true).map(|(start, _)| start).collect();
        let cut = |end: usize| format!("{}…", text[..end].trim_end());
        let (mut fits, mut too_many) = (0, ends.len());
        while fits + 1 < too_many {
            let middle = (fits + too_many) / 2;
            if self.line(&cut(ends[middle]), weight).width(size) <= room { fits = middle } else { too_many = middle }
        }
        self.line(&cut(ends.get(fits).copied().unwrap_or(0)), weight)
    }

    /// The text on at most so many lines; what does not fit on the last one is cut off with an ellipsis.
    pub(super) fn wrap(&mut self, text: &str, weight: Weight, size: f32, room: f32, most: usize) -> Vec<Line> {
        let text = tidy(text);
        let mut lines: Vec<Line> = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() && lines.len() + 1 < most {
            let whole = self.line(rest, weight);
            if whole.width(size) <= room {
                break;
            }
            let end = self.break_at(rest, weight, size, room);
            lines.push(self.line(rest[..end].trim_end(), weight));
            rest = rest[end..].trim_start();
        }
        if !rest.is_empty() || lines.is_empty() {
            lines.push(self.fit(rest, weight, size, room));
        }
        lines
    }

    /// Where the line ends: between words, or inside of one that is too long for a line of its own.
    fn break_at(&mut self, text: &str, weight: Weight, size: f32, room: f32) -> usize {
        let mut end = 0;
        // Only at spaces: a bracket or a currency stays with what it belongs to.
        for (start, _) in text.match_indices(' ') {
            if self.line(&text[..start], weight).width(size) > room {
                break;
            }
            end = start + 1;
        }
        if end > 0 {
            return end;
        }
        for (start, letter) in text.grapheme_indices(true) {
            let upto = start + letter.len();
            if end > 0 && self.line(&text[..upto], weight).width(size) > room {
                break;
            }
            end = upto;
        }
        end
    }

    /// The range in parts of one font each. What readers take for one letter stays in one.
    fn pieces(&mut self, text: &str, range: std::ops::Range<usize>) -> Vec<(std::ops::Range<usize>, Drawer)> {
        let mut pieces: Vec<(std::ops::Range<usize>, Drawer)> = Vec::new();
        for (start, letter) in text[range.clone()].grapheme_indices(true) {
            let (start, end) = (range.start + start, range.start + start + letter.len());
            let drawer = self.drawer(letter);
            match pieces.last_mut() {
                Some((piece, last)) if *last == drawer && drawer != Drawer::Nobody => piece.end = end,
                _ => pieces.push((start..end, drawer)),
            }
        }
        pieces
    }

    fn drawer(&mut self, letter: &str) -> Drawer {
        let own = &self.own[0];
        let foreign: Vec<char> = letter.chars().filter(|one| !own.has(*one) && !is_silent(*one)).collect();
        let Some(first) = foreign.first() else { return Drawer::Own };
        let found = *self.has.entry(*first).or_insert_with(|| on_this_machine(*first));
        match found {
            Some(id) if self.machine_face(id).is_some() => Drawer::Machine(id),
            _ => Drawer::Nobody,
        }
    }

    fn machine_face(&mut self, id: fontdb::ID) -> Option<&MachineFace> {
        self.machine.entry(id).or_insert_with(|| MachineFace::read(id)).as_ref()
    }

    fn shape(
        &mut self,
        text: &str,
        piece: std::ops::Range<usize>,
        drawer: Drawer,
        weight: Weight,
        direction: Direction,
    ) -> Option<Run> {
        let own = &self.own[if weight == Weight::Bold { 1 } else { 0 }];
        match drawer {
            Drawer::Own => Some(shape(&own.shaper, &own.font, &text[piece.clone()], piece.start, direction)),
            Drawer::Machine(id) => {
                let face = self.machine_face(id)?;
                let shaper = rustybuzz::Face::from_slice(&face.data, face.index)?;
                Some(shape(&shaper, &face.font, &text[piece.clone()], piece.start, direction))
            }
            Drawer::Nobody => {
                let mut run = shape(&own.shaper, &own.font, &MISSING.to_string(), 0, Direction::LeftToRight);
                // Copied from the page, it is the letter that it stands for.
                run.glyphs.iter_mut().for_each(|glyph| glyph.text_range = piece.clone());
                Some(run)
            }
        }
    }
}

impl Face {
    fn new(data: &'static [u8]) -> Result<Self> {
        let shaper = rustybuzz::Face::from_slice(data, 0);
        let font = Font::new(data.into(), 0);
        let (Some(shaper), Some(font)) = (shaper, font) else {
            return Err(anyhow!("the program's own font cannot be read"));
        };
        Ok(Self { shaper, font })
    }

    fn has(&self, letter: char) -> bool {
        self.shaper.glyph_index(letter).is_some()
    }
}

impl MachineFace {
    fn read(id: fontdb::ID) -> Option<Self> {
        let (data, index) = MACHINE.with_face_data(id, |data, index| (Arc::new(data.to_vec()), index))?;
        let font = Font::new(Arc::clone(&data).into(), index)?;
        Some(Self { data, index, font })
    }
}

/// The font of this machine that has the letter; of several always the same one.
fn on_this_machine(letter: char) -> Option<fontdb::ID> {
    let has = |data: &[u8], index: u32| {
        rustybuzz::ttf_parser::Face::parse(data, index).is_ok_and(|face| face.glyph_index(letter).is_some())
    };
    MACHINE
        .faces()
        .filter(|face| face.style == fontdb::Style::Normal && !face.monospaced)
        .filter(|face| MACHINE.with_face_data(face.id, has).unwrap_or(false))
        .min_by_key(|face| (face.weight.0.abs_diff(400), face.post_script_name.clone()))
        .map(|face| face.id)
}

fn shape(shaper: &rustybuzz::Face<'_>, font: &Font, text: &str, start: usize, direction: Direction) -> Run {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    buffer.set_direction(direction);
    let shaped = rustybuzz::shape(shaper, &[], buffer);
    let unit = font.units_per_em();
    // Where the text of a glyph ends: where that of the next one in reading order begins.
    let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
    starts.sort_unstable();
    starts.dedup();
    let end_of = |cluster: usize| starts.iter().copied().find(|next| *next > cluster).unwrap_or(text.len());
    let glyphs: Vec<KrillaGlyph> = shaped
        .glyph_infos()
        .iter()
        .zip(shaped.glyph_positions())
        .map(|(info, position)| {
            let cluster = info.cluster as usize;
            KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                position.x_advance as f32 / unit,
                position.x_offset as f32 / unit,
                position.y_offset as f32 / unit,
                position.y_advance as f32 / unit,
                start + cluster..start + end_of(cluster),
                None,
            )
        })
        .collect();
    Run { font: font.clone(), width: glyphs.iter().map(|glyph| glyph.x_advance).sum(), glyphs }
}

/// The text in parts of one direction each, from left to right.
fn runs_of_one_direction(text: &str) -> Vec<(std::ops::Range<usize>, Direction)> {
    // Nothing before Hebrew is written from the right.
    if text.chars().all(|letter| letter < '\u{590}') {
        return vec![(0..text.len(), Direction::LeftToRight)];
    }
    let info = unicode_bidi::BidiInfo::new(text, None);
    let mut runs = Vec::new();
    for paragraph in &info.paragraphs {
        let (levels, ranges) = info.visual_runs(paragraph, paragraph.range.clone());
        for range in ranges {
            let is_from_right = levels.get(range.start).is_some_and(|level| level.is_rtl());
            runs.push((range, if is_from_right { Direction::RightToLeft } else { Direction::LeftToRight }));
        }
    }
    runs
}

/// Letters that have no shape of their own.
fn is_silent(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
        || letter.is_control()
}

/// On one line, without control characters, and not longer than any line.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    for letter in text.trim().chars().take(MOST_LETTERS) {
        match letter {
            letter if letter.is_whitespace() && letter != '\u{a0}' => {
                if !tidy.ends_with(' ') {
                    tidy.push(' ');
                }
            }
            letter if is_silent(letter) && !matches!(letter, '\u{200d}' | '\u{fe0f}') => {}
            letter => tidy.push(letter),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_and_a_longer_one_is_cut() {
        let mut fonts = Fonts::new().unwrap();
        assert_eq!(fonts.fit("Revenue", Weight::Regular, 10.0, 100.0).text, "Revenue");
        let long = "w".repeat(40_000);
        let cut = fonts.fit(&long, Weight::Bold, 10.0, 100.0);
        assert!(cut.text.ends_with('…') && cut.width(10.0) <= 100.0 && cut.width(10.0) > 80.0, "{}", cut.text);
        assert_eq!(fonts.fit("abc", Weight::Regular, 10.0, 0.0).text, "…");
    }

    #[test]
    fn lines_break_between_words_and_inside_of_long_ones() {
        let mut fonts = Fonts::new().unwrap();
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        let lines = fonts.wrap("one two\nthree four", Weight::Regular, 10.0, 50.0, 9);
        assert!(lines.iter().all(|line| line.width(10.0) <= 50.0));
        assert_eq!(texts(lines).join(" "), "one two three four");
        let lines = texts(fonts.wrap(&"x".repeat(100), Weight::Regular, 10.0, 50.0, 3));
        assert!(lines.len() == 3 && lines[2].ends_with('…') && !lines[0].ends_with('…'), "{lines:?}");
        assert_eq!(texts(fonts.wrap("", Weight::Regular, 10.0, 50.0, 3)), [""]);
    }

    #[test]
    fn greek_cyrillic_and_currencies_are_in_the_programs_own_font() {
        let fonts = Fonts::new().unwrap();
        for letter in "Åßñ€£¥₹₽₺₴₩₦ΑλέξанЖ–…−×≥Ωא☃é".chars() {
            assert!(fonts.own.iter().all(|face| face.has(letter)), "{letter}");
        }
    }

    #[test]
    fn a_letter_that_no_font_has_is_seen_and_can_be_copied() {
        let mut fonts = Fonts::new().unwrap();
        // Not assigned, and it never will be.
        let line = fonts.line("a\u{10ffff}b", Weight::Regular);
        assert_eq!(line.runs.len(), 3);
        let square = fonts.line("□", Weight::Regular);
        assert_eq!(line.runs[1].glyphs[0].glyph_id.to_u32(), square.runs[0].glyphs[0].glyph_id.to_u32());
        assert_eq!(&line.text[line.runs[1].glyphs[0].text_range.clone()], "\u{10ffff}");
    }

    #[test]
    fn text_from_the_right_is_drawn_from_the_right() {
        let mut fonts = Fonts::new().unwrap();
        let line = fonts.line("שלום 12", Weight::Regular);
        let first = line.runs[0].glyphs[0].text_range.start;
        assert_eq!(&line.text[first..], "12");
        let letters: Vec<usize> =
            line.runs.iter().flat_map(|run| &run.glyphs).map(|glyph| glyph.text_range.start).collect();
        assert_eq!(letters.iter().max().copied(), Some(line.text.len() - 1));
        assert_eq!(letters.last(), Some(&0));
    }
}
