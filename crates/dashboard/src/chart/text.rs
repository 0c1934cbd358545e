//! How wide text is, without a font at hand, and what to do when it is too wide.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

/// The families named in every drawing; the PDF needs one that is embedded, a page overrides it with `--ch-font`.
pub const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Advance widths of the ASCII letters from the space on, in hundredths of the font size. DejaVu Sans is wider than
/// what most pages use, so that text measured with it always fits.
const ASCII: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69,
    61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63,
    59, 82, 59, 59, 52, 64, 34, 64, 84,
];

/// Bold letters are wider by about this.
const BOLD: f64 = 1.12;

/// Width of a text in regular weight, in the unit of `size`.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// Width of a text in bold.
pub fn bold_width(text: &str, size: f64) -> f64 {
    width(text, size) * BOLD
}

fn advance(letter: char) -> f64 {
    match letter as u32 {
        code @ 32..=126 => f64::from(ASCII[code as usize - 32]) / 100.0,
        0..=0x1f | 0x7f..=0x9f => 0.0,
        0xa0 | 0xb7 => 0.32,
        0x300..=0x36f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f => 0.0,
        0x2012 | 0x2013 => 0.5,
        0x2212 => 0.84,
        0xa1..=0x24f => 0.66,
        0x1100..=0x115f | 0x2026 | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 1.0,
        0xff00..=0xff60 | 0xffe0..=0xffe6 => 1.0,
        0x1f000.. => 1.3,
        _ => 0.78,
    }
}

/// The text, or as much of its beginning as fits into `room` with an ellipsis. Cuts between what readers take for
/// letters, so that a flag or an accent never falls apart.
pub fn fit(text: &str, size: f64, room: f64) -> Cow<'_, str> {
    // A hair more: the room is often the sum of such widths.
    if width(text, size) <= room + 0.1 {
        return Cow::Borrowed(text);
    }
    let room = room - width("…", size);
    let mut kept = 0;
    let mut used = 0.0;
    for (start, letter) in text.grapheme_indices(true) {
        used += width(letter, size);
        if used > room {
            break;
        }
        kept = start + letter.len();
    }
    Cow::Owned(format!("{}…", text[..kept].trim_end_matches([' ', ',', '-', '('])))
}

/// Without the characters that XML forbids; line breaks and tabs stay.
pub(crate) fn legal(text: &str) -> Cow<'_, str> {
    let is_illegal = |letter: char| {
        matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
            || matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    if text.contains(is_illegal) { Cow::Owned(text.replace(is_illegal, "")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays() {
        assert_eq!(fit("Mug", 11.0, 100.0), "Mug");
        assert_eq!(fit("", 11.0, 0.0), "");
    }

    #[test]
    fn what_does_not_fit_is_cut_between_letters() {
        let label = "WHITE HANGING HEART T-LIGHT HOLDER";
        let cut = fit(label, 11.0, 120.0);
        assert!(cut.ends_with('…') && width(&cut, 11.0) <= 120.0, "{cut}");
        assert_eq!(fit("👨‍👩‍👧👨‍👩‍👧", 10.0, 60.0), "👨‍👩‍👧…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 10.0, 17.0), "e\u{301}…");
        assert_eq!(fit("long", 11.0, -5.0), "…");
    }

    #[test]
    fn no_forbidden_character_gets_through() {
        assert_eq!(legal("a\0b\u{1b}c\n"), "abc\n");
    }
}
