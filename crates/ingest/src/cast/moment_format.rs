//! A format of days and moments, cut into pieces: what chrono reads and writes, the fraction of a second, and the offset from UTC.
//!
//! The last two are read here. chrono has room for nine digits of a fraction and drops the others, takes a fraction for nanoseconds
//! if it stands apart from its point, and does not say how an offset was written.

use chrono::format::{Item, Parsed, StrftimeItems, parse_and_remainder};
use chrono::{NaiveDate, NaiveDateTime};

/// A format, cut into pieces.
pub struct MomentFormat {
    pieces: Vec<Piece>,
}

enum Piece {
    /// What chrono reads, as text and parsed.
    Plain(String, Vec<Item<'static>>),
    Fraction(Fraction),
    /// Blanks and an offset.
    Offset,
}

/// How the fraction of a second is written.
#[derive(Debug, Clone, Copy)]
enum Fraction {
    /// A point and digits, or nothing.
    Optional,
    /// Digits.
    Digits,
    /// A point and so many digits.
    PointAnd(usize),
    /// This number of digits.
    Exactly(usize),
}

/// The codes of a format that are read here, without their `%`.
const FRACTIONS: [(&str, Fraction); 8] = [
    (".f", Fraction::Optional),
    ("f", Fraction::Digits),
    (".3f", Fraction::PointAnd(3)),
    (".6f", Fraction::PointAnd(6)),
    (".9f", Fraction::PointAnd(9)),
    ("3f", Fraction::Exactly(3)),
    ("6f", Fraction::Exactly(6)),
    ("9f", Fraction::Exactly(9)),
];
const OFFSETS: [&str; 5] = ["z", ":z", "::z", ":::z", "#z"];

/// A text that fits a format.
pub struct Reading<'t> {
    /// Day and time on the clock, in whole seconds; a leap second is more than a second of nanoseconds.
    pub clock: NaiveDateTime,
    /// The digits of the fraction of a second.
    pub fraction: &'t str,
    /// How many seconds the clock is ahead of UTC, if that is written.
    pub offset: Option<i64>,
}

impl MomentFormat {
    /// Splits a format at `%f`, `%.f` and `%z`, which chrono does not read as contracts do.
    pub fn new(format: &str) -> Self {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), format);
        let end = |plain: &mut String, pieces: &mut Vec<Piece>| {
            if !plain.is_empty() {
                let items = StrftimeItems::new(plain).parse_to_owned().unwrap_or_default();
                pieces.push(Piece::Plain(std::mem::take(plain), items));
            }
        };
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            let code = &rest[at + 1..];
            let fraction = FRACTIONS.iter().find(|(known, _)| code.starts_with(known));
            let offset = OFFSETS.iter().find(|known| code.starts_with(*known));
            let length = match (fraction, offset) {
                (Some((known, fraction)), _) => {
                    end(&mut plain, &mut pieces);
                    pieces.push(Piece::Fraction(*fraction));
                    known.len()
                }
                (None, Some(known)) => {
                    plain.truncate(plain.trim_end().len());
                    end(&mut plain, &mut pieces);
                    pieces.push(Piece::Offset);
                    known.len()
                }
                // The character belongs to the code: `%%f` is a percent sign and an f.
                (None, None) => {
                    let length = code.chars().next().map_or(0, char::len_utf8);
                    plain.push('%');
                    plain.push_str(&code[..length]);
                    length
                }
            };
            rest = &code[length..];
        }
        plain.push_str(rest);
        end(&mut plain, &mut pieces);
        Self { pieces }
    }

    /// Does it name an offset from UTC?
    pub fn has_offset(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Offset))
    }

    /// Reads a text in which a moment is written as the format says. chrono is lenient about signs, spaces and missing separators;
    /// those are guesses. Leading zeros (`1/2/2024`) may be left out.
    pub fn read<'t>(&self, text: &'t str) -> Option<Reading<'t>> {
        let mut parsed = Parsed::new();
        let (mut rest, mut fraction, mut offset) = (text, "", None);
        let mut written: Vec<(&str, &str)> = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Plain(format, items) => {
                    let behind = parse_and_remainder(&mut parsed, rest, items.iter()).ok()?;
                    written.push((format, &rest[..rest.len() - behind.len()]));
                    rest = behind;
                }
                Piece::Fraction(kind) => (fraction, rest) = kind.read(rest)?,
                Piece::Offset => {
                    let (seconds, behind) = read_offset(rest)?;
                    (offset, rest) = (Some(seconds), behind);
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        let clock = resolved(&parsed)?;
        let is_written_so =
            written.iter().all(|(format, text)| skeleton(text) == skeleton(&clock.format(format).to_string()));
        is_written_so.then_some(Reading { clock, fraction, offset })
    }

    /// What is left of a date in this format without letters, digits, fraction and offset. Two formats that differ in it fit no
    /// text in common.
    pub fn marks(&self) -> String {
        let mut marks = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(format, items) if items.is_empty() => marks.push_str(format),
                Piece::Plain(format, _) => {
                    let written = probe().map(|probe| probe.format(format).to_string()).unwrap_or_default();
                    marks.extend(written.chars().filter(|c| !c.is_alphanumeric()));
                }
                // Its point, as in a format that has the point in the code.
                Piece::Fraction(Fraction::Digits | Fraction::Exactly(_)) => {
                    if marks.ends_with(['.', ',']) {
                        marks.pop();
                    }
                }
                Piece::Fraction(_) | Piece::Offset => {}
            }
        }
        marks
    }

    /// What is wrong with the format for a type of this name, as the end of a sentence about it.
    pub fn fault(&self, kind: &str) -> Option<String> {
        let is_known = |piece: &Piece| !matches!(piece, Piece::Plain(_, items) if items.is_empty());
        if !self.pieces.iter().all(is_known) {
            return Some("has an unknown % code; see strftime: %Y %m %d %H %M %S %.f %f %z %y %b %I %p".to_owned());
        }
        let count = |is_one: fn(&Piece) -> bool| self.pieces.iter().filter(|piece| is_one(piece)).count();
        let fractions = count(|piece| matches!(piece, Piece::Fraction(_)));
        if fractions > 1 || count(|piece| matches!(piece, Piece::Offset)) > 1 {
            return Some("names the fraction of a second or the offset twice".to_owned());
        }
        let probe = probe()?;
        let written = self.written(probe);
        match self.read(&written) {
            Some(read) if read.clock.date() != probe.date() => Some(format!("does not name one {kind}")),
            Some(read) if self.written(read.clock) != written || fractions > 0 && read.clock != probe => {
                Some("names a part of the time without the larger ones, so it would be dropped".to_owned())
            }
            Some(_) => None,
            None => Some(format!("does not name one {kind}: day, month and year are needed")),
        }
    }

    fn written(&self, clock: NaiveDateTime) -> String {
        let write = |piece: &Piece| match piece {
            Piece::Plain(format, _) => clock.format(format).to_string(),
            Piece::Fraction(Fraction::Optional) => String::new(),
            Piece::Fraction(Fraction::Digits) => "5".to_owned(),
            Piece::Fraction(Fraction::PointAnd(count)) => format!(".{}", "5".repeat(*count)),
            Piece::Fraction(Fraction::Exactly(count)) => "5".repeat(*count),
            Piece::Offset => "+00:00".to_owned(),
        };
        self.pieces.iter().map(write).collect()
    }
}

impl Fraction {
    /// The digits, and what lies behind them.
    fn read(self, text: &str) -> Option<(&str, &str)> {
        let behind_point = text.strip_prefix('.');
        let (text, wanted) = match self {
            Self::Optional => match behind_point.filter(|text| text.starts_with(|c: char| c.is_ascii_digit())) {
                Some(text) => (text, None),
                None => return Some(("", text)),
            },
            Self::Digits => (text, None),
            Self::PointAnd(count) => (behind_point?, Some(count)),
            Self::Exactly(count) => (text, Some(count)),
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count = wanted.unwrap_or(digits);
        (count > 0 && digits >= count).then(|| text.split_at(count))
    }
}

/// Does the text end with an offset behind a time of day?
pub fn ends_with_offset(text: &str) -> bool {
    let is_offset =
        |at: usize| text[..at].contains(':') && read_offset(&text[at..]).is_some_and(|(_, rest)| rest.is_empty());
    text.char_indices().rev().take(9).any(|(at, _)| is_offset(at))
}

/// Reads an offset from UTC, in seconds: `-0500`, `-05:00`, `-05`, `Z`, `UTC`, `GMT`, also behind blanks. Gives what lies behind it.
fn read_offset(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches([' ', '\u{a0}', '\u{202f}']);
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let name = text.get(..3).filter(|name| ["UTC", "GMT"].iter().any(|known| name.eq_ignore_ascii_case(known)));
    let text = match name {
        Some(name) if !text[name.len()..].starts_with(['+', '-', '\u{2212}']) => return Some((0, &text[name.len()..])),
        Some(name) => &text[name.len()..],
        None => text,
    };
    let (sign, text) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix(['-', '\u{2212}'])?),
    };
    let (hours, text) = two_digits(text)?;
    let (minutes, text) = match text.strip_prefix(':') {
        Some(rest) => two_digits(rest)?,
        None => two_digits(text).unwrap_or((0, text)),
    };
    (hours < 24 && minutes < 60).then_some((sign * (hours * 3600 + minutes * 60), text))
}

fn two_digits(text: &str) -> Option<(i64, &str)> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((digits.parse().ok()?, &text[2..]))
}

fn probe() -> Option<NaiveDateTime> {
    NaiveDate::from_ymd_opt(2001, 11, 23)?.and_hms_opt(14, 15, 16)
}

fn resolved(parsed: &Parsed) -> Option<NaiveDateTime> {
    let day = parsed.to_naive_date().ok()?;
    match (parsed.hour_div_12(), parsed.hour_mod_12()) {
        (None, None) => day.and_hms_opt(0, 0, 0),
        _ => Some(day.and_time(parsed.to_naive_time().ok()?)),
    }
}

/// The text in lower case, with every run of digits marked and without its leading zeros.
fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut in_digits = false;
    for c in text.chars() {
        match c.is_ascii_digit() {
            true => {
                if !in_digits {
                    out.push('#');
                }
                in_digits = true;
                if c != '0' || !out.ends_with('#') {
                    out.push(c);
                }
            }
            false => {
                in_digits = false;
                out.extend(c.to_lowercase());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_programs_write_them() {
        for (text, expected) in [
            ("Z", 0),
            (" z", 0),
            ("+00", 0),
            ("-0500", -18_000),
            (" -05:00", -18_000),
            ("\u{a0}-05", -18_000),
            ("\u{2212}05:00", -18_000),
            ("+05:45", 20_700),
            (" UTC", 0),
            ("GMT-0330", -12_600),
            ("+1400", 50_400),
        ] {
            assert_eq!(read_offset(text), Some((expected, "")), "{text}");
        }
        for text in ["", "5", "-5", "+24:00", "-05:60", "-05:", "EST", "U", "−"] {
            assert!(read_offset(text).is_none_or(|(_, rest)| !rest.is_empty()), "{text}");
        }
        assert!(ends_with_offset("2024-01-15T10:23:45Z") && ends_with_offset("2024-01-15 10:23:45 -0500"));
        assert!(
            !ends_with_offset("2024-01-15") && !ends_with_offset("10:23:45") && !ends_with_offset("15-01-2024 10:23")
        );
    }

    #[test]
    fn fractions_and_percent_signs_are_told_apart() {
        let fraction =
            |format: &str, text| MomentFormat::new(format).read(text).map(|reading| reading.fraction.to_owned());
        assert_eq!(fraction("%Y-%m-%d %H:%M:%S%.f", "2024-01-15 10:23:45.12"), Some("12".to_owned()));
        assert_eq!(fraction("%Y-%m-%d %H:%M:%S%.f", "2024-01-15 10:23:45"), Some(String::new()));
        assert_eq!(fraction("%Y-%m-%d %H:%M:%S%%f", "2024-01-15 10:23:45%f"), Some(String::new()));
        assert_eq!(fraction("%Y-%m-%d %H:%M:%S%3f", "2024-01-15 10:23:4512"), None);
    }
}
