//! How a file is written: encoding, delimiter, header.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use salesmart_base::count::counted;
use salesmart_base::event::Progress;
use salesmart_base::fail;

use super::column::{self, Column};
use super::records_at_once;
use crate::contract::dialect::{BlanksAroundQuotes, Dialect, Format, LineEnd, StrayQuotes};
use crate::contract::encoding::{ByteOrder, Encoding};
use crate::read::fields;
use crate::read::input;
use crate::read::input::Text;
use crate::read::ndjson::Object;
use crate::read::reader::RecordReader;
use crate::read::split::Cell;

/// So much of a file is looked at to find out how it is written.
const SAMPLE_BYTES: u64 = 4 << 20;
/// And so many records.
const SAMPLE_RECORDS: usize = 2000;

/// How a file is written, with the doubts about it.
#[derive(Debug)]
pub struct Shape {
    /// The dialect.
    pub dialect: Dialect,
    /// Names of the columns; made up where there is no header.
    pub headers: Vec<String>,
    /// What a human should look at.
    pub doubts: Vec<String>,
}

impl Shape {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    /// Files that cannot be read, Parquet, and files that are no table.
    pub fn of(path: &Path) -> Result<Self> {
        let bytes = |encoding: &Encoding| -> Result<Vec<u8>> {
            let (text, _) = input::open(path, encoding, &Progress::default())?;
            let mut sample = Vec::new();
            let read = text.take(SAMPLE_BYTES).read_to_end(&mut sample);
            read.with_context(|| format!("cannot read {}", path.display()))?;
            Ok(sample)
        };
        let raw = bytes(&Encoding::Utf8)?;
        if raw.iter().all(u8::is_ascii_whitespace) {
            fail!("{} is empty; there is nothing to draft a contract from", path.display());
        }
        if raw.starts_with(b"PAR1") {
            fail!(
                "{} is Parquet, which says itself what it holds; write the contract with format = \"parquet\" and a column for each of `select * from read_parquet(…)`",
                path.display()
            );
        }
        let mut doubts = Vec::new();
        let encoding = encoding_of(&raw, &mut doubts);
        if !matches!(encoding, Encoding::Utf16(_)) && raw.contains(&0) {
            fail!("{} holds NUL bytes and is not UTF-16: it is no text file", path.display());
        }
        let sample = match &encoding {
            Encoding::Utf16(_) => bytes(&encoding)?,
            _ => raw,
        };
        let mut shape = Self { dialect: Dialect { encoding, ..Dialect::default() }, headers: Vec::new(), doubts };
        let text = shape.decode(&sample).into_owned();
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            shape.dialect = Dialect { format: Format::Ndjson, header_row: 0, ..shape.dialect };
            shape.headers = names_of_objects(&text);
            return Ok(shape);
        }
        shape.find_delimiter(&text);
        shape.find_header(&text);
        Ok(shape)
    }

    /// Text of bytes in the shape's encoding; what is no text is replaced, for this is only a look.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        match &self.dialect.encoding {
            Encoding::OneByte(page) => {
                Cow::Owned(bytes.iter().map(|byte| page.character(*byte).unwrap_or('\u{fffd}')).collect())
            }
            Encoding::Utf8 | Encoding::Utf16(_) | Encoding::MultiByte(_) => String::from_utf8_lossy(bytes),
        }
    }

    /// The delimiter that cuts most records into the same number of fields, more than one.
    fn find_delimiter(&mut self, text: &str) {
        let mut best: Option<(f64, usize, Dialect)> = None;
        let candidates = [(Format::Csv, b','), (Format::Csv, b';'), (Format::Csv, b'\t'), (Format::Csv, b'|')];
        for (format, delimiter) in candidates.into_iter().chain([(Format::Whitespace, b' ')]) {
            let dialect = Dialect { format, delimiter, header_row: 0, ..self.dialect.clone() };
            let widths: Vec<usize> = records(text, &dialect).into_iter().map(|(_, fields)| fields.len()).collect();
            let Some(width) = commonest(&widths).filter(|width| *width > 1) else { continue };
            let share = widths.iter().filter(|other| **other == width).count() as f64 / widths.len() as f64;
            // Blanks cut any text; they are believed only if nothing else cuts it.
            let share = if format == Format::Whitespace { share - 0.5 } else { share };
            if best.as_ref().is_none_or(|(best_share, best_width, _)| (share, width) > (*best_share, *best_width)) {
                best = Some((share, width, dialect));
            }
        }
        match best {
            Some((share, width, dialect)) => {
                if share < 0.9 && dialect.format == Format::Csv {
                    let percent = (share * 100.0).floor();
                    self.doubts
                        .push(format!("only {percent} % of the records have {width} fields; is the delimiter right?"));
                }
                if dialect.format == Format::Whitespace {
                    self.doubts.push(
                        "no delimiter was found but blanks; if columns lie at fixed places, use format = \"fixed\""
                            .to_owned(),
                    );
                }
                self.dialect = dialect;
            }
            None => self.doubts.push("no delimiter was found: one column".to_owned()),
        }
        let has_newline = text.contains('\n');
        if !has_newline && text.contains('\r') {
            self.dialect.line_end = LineEnd::Cr;
        }
    }

    /// The first record as wide as most is the header, unless it looks like data.
    fn find_header(&mut self, text: &str) {
        let all = records(text, &Dialect { header_row: 0, ..self.dialect.clone() });
        let widths: Vec<usize> = all.iter().map(|(_, fields)| fields.len()).collect();
        let width = commonest(&widths).unwrap_or(1);
        let Some((line, first)) = all.iter().find(|(_, fields)| fields.len() == width) else { return };
        let is_data = |field: &String| column::looks_like_value(field);
        if first.iter().any(is_data) {
            self.dialect.header_row = 0;
            self.headers = (1..=width).map(|number| format!("column_{number}")).collect();
            self.doubts.push(
                "the first row looks like data, so the columns have made-up names; header_row = 1 if it is a header"
                    .to_owned(),
            );
            return;
        }
        if *line > 1 {
            let are = if *line == 2 { "is" } else { "are" };
            self.doubts.push(format!("{} above the header {are} skipped", counted(line - 1, "line")));
        }
        self.dialect.header_row = *line;
        self.headers = first.iter().map(|name| name.trim().to_owned()).collect();
    }
}

/// The first records of a text, each with its line. Quotes are read as leniently as a contract can declare.
fn records(text: &str, dialect: &Dialect) -> Vec<(u64, Vec<String>)> {
    let plain = Dialect {
        encoding: Encoding::Utf8,
        stray_quotes: StrayQuotes::Text,
        blanks_around_quotes: BlanksAroundQuotes::Drop,
        ..dialect.clone()
    };
    let Ok(mut reader) = RecordReader::new(text.as_bytes(), &plain) else { return Vec::new() };
    let syntax = reader.syntax();
    let Ok(block) = reader.block(SAMPLE_RECORDS) else { return Vec::new() };
    let mut spans = Vec::new();
    let sound = block.records().filter(|record| record.fault.is_none());
    sound
        .map(|record| {
            let text = String::from_utf8_lossy(record.bytes);
            fields::cut(text.as_bytes(), syntax, &mut spans);
            (record.line, spans.iter().map(|span| span.text(&text, syntax).into_owned()).collect())
        })
        .collect()
}

fn commonest(widths: &[usize]) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::new();
    widths.iter().for_each(|width| *counts.entry(*width).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(width, _)| width)
}

/// UTF-8 if it is that, else the one-byte encoding in which most of the odd bytes are letters among letters.
fn encoding_of(sample: &[u8], doubts: &mut Vec<String>) -> Encoding {
    if sample.starts_with(&[0xFF, 0xFE]) || sample.starts_with(&[0xFE, 0xFF]) {
        return Encoding::Utf16(ByteOrder::Marked);
    }
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    if zeros(0) + zeros(1) > sample.len() / 4 {
        doubts.push("half of the bytes are zero: UTF-16 without byte order mark?".to_owned());
        return Encoding::Utf16(if zeros(1) > zeros(0) { ByteOrder::Little } else { ByteOrder::Big });
    }
    let is_utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        // The sample may end in the middle of a character.
        Err(error) => error.error_len().is_none() && sample.len() as u64 == SAMPLE_BYTES,
    };
    if is_utf8 {
        return Encoding::Utf8;
    }
    let candidates = ["windows-1252", "cp850", "macintosh"].map(Encoding::parse);
    let mut scored: Vec<((usize, std::cmp::Reverse<usize>), Encoding, String)> = candidates
        .into_iter()
        .flatten()
        .filter_map(|encoding| {
            let Encoding::OneByte(page) = &encoding else { return None };
            let text: String = sample.iter().map(|byte| page.character(*byte).unwrap_or('\u{fffd}')).collect();
            let words = odd_words(&text).join(", ");
            Some(((misplaced(&text), std::cmp::Reverse(letters_among_letters(&text))), encoding, words))
        })
        .collect();
    // A stable sort: of equals, the commoner encoding stays first.
    scored.sort_by_key(|(score, ..)| *score);
    let readings: Vec<String> = scored
        .iter()
        .take(2)
        .map(|(_, encoding, words)| format!("{}: {words}", encoding.name().to_lowercase()))
        .collect();
    doubts.push(format!("not UTF-8; encoding guessed from how the odd letters read. {}", readings.join("; ")));
    scored.into_iter().next().map_or(Encoding::Utf8, |(_, encoding, _)| encoding)
}

/// How many characters beyond ASCII stand in the middle of a word and do not belong there: signs such as ÷ and ³, and
/// capitals. Spaces, dashes and apostrophes of another kind do.
fn misplaced(text: &str) -> usize {
    let characters: Vec<char> = text.chars().collect();
    characters
        .windows(3)
        .filter(|window| {
            let [before, c, behind] = window else { return false };
            let is_inside = before.is_ascii_lowercase() && behind.is_ascii_lowercase();
            let belongs = c.is_lowercase() || c.is_whitespace() || matches!(c, '\u{2010}'..='\u{201f}');
            !c.is_ascii() && is_inside && !belongs
        })
        .count()
}

/// How many letters beyond ASCII stand next to a plain lower-case letter and are of the same case.
fn letters_among_letters(text: &str) -> usize {
    let characters: Vec<char> = text.chars().collect();
    characters
        .windows(3)
        .filter(|window| {
            let [before, c, behind] = window else { return false };
            let is_near = before.is_ascii_lowercase() || behind.is_ascii_lowercase();
            !c.is_ascii() && c.is_lowercase() && is_near
        })
        .count()
}

/// A few words with letters beyond ASCII.
fn odd_words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()) {
        if !word.is_ascii() && !words.contains(&word) {
            words.push(word);
        }
        if words.len() == 4 {
            break;
        }
    }
    words
}

/// The names in the first objects, in the order in which they are met.
fn names_of_objects(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    for object in text.lines().take(SAMPLE_RECORDS).filter_map(|line| Object::parse(line).ok()) {
        for name in object.names() {
            if !known.contains(name) {
                known.insert(name.to_owned());
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Shows the members of objects to their columns. True if there are more than `limit`.
pub fn look_at_objects(mut text: Text, columns: &mut [Column], limit: u64) -> Result<bool> {
    let dialect = Dialect { format: Format::Ndjson, header_row: 0, ..Dialect::default() };
    let mut reader = RecordReader::new(&mut text, &dialect)?;
    let mut seen = 0;
    loop {
        let block = reader.block(SAMPLE_RECORDS)?;
        if block.is_empty() || seen > limit {
            return Ok(!block.is_empty());
        }
        let mut records = block.records().peekable();
        while records.peek().is_some() {
            let at_once = records_at_once(columns);
            let lines: Vec<Cow<'_, str>> =
                records.by_ref().take(at_once).map(|record| String::from_utf8_lossy(record.bytes)).collect();
            seen += lines.len() as u64;
            let objects: Vec<Object<'_>> = lines.iter().filter_map(|line| Object::parse(line).ok()).collect();
            for column in columns.iter_mut() {
                for object in &objects {
                    match object.cell(std::slice::from_ref(&column.header)) {
                        Cell::Text(text) | Cell::Typed(text) => column.see(&text),
                        Cell::Absent | Cell::Bad(..) => column.see(""),
                    }
                }
            }
        }
    }
}
