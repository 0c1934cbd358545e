//! How a source's files are written: the structure around the values.

use serde::{Deserialize, Serialize};

use super::encoding::Encoding;

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Fields with a delimiter between them.
    #[default]
    Csv,
    /// Fields with any number of spaces and tabs between them.
    Whitespace,
    /// Fields at fixed places of a line.
    Fixed,
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Is a file of this kind text that is cut into records at line breaks?
    pub fn is_text(self) -> bool {
        self != Self::Parquet
    }

    /// Do records name their own columns, so that a file has no header?
    pub fn names_columns(self) -> bool {
        matches!(self, Self::Ndjson | Self::Parquet)
    }
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// LF or CRLF, unless a file has none and carriage returns alone.
    #[default]
    Auto,
    /// LF or CRLF.
    Lf,
    /// A carriage return alone, as on old Macs.
    Cr,
}

/// How a source's files are written.
#[derive(Debug, Clone, Serialize)]
pub struct Dialect {
    /// The kind of file.
    pub format: Format,
    /// Field separator of CSV.
    pub delimiter: u8,
    /// Quote character, if fields may be quoted.
    pub quote: Option<u8>,
    /// What makes the character behind it stand for itself inside quotes; without it, a doubled quote is one quote.
    pub escape: Option<u8>,
    /// Lines that begin with this are no records.
    pub comment: Option<String>,
    /// The physical line of the header, from 1; what lies above it is skipped. 0: there is no header.
    pub header_row: u64,
    /// Records that begin with one of these are no records if nothing but such records and blank lines follows.
    pub footer: Vec<String>,
    /// Whether records whose fields are all empty are skipped.
    pub skip_blank_rows: bool,
    /// What ends a line.
    pub line_end: LineEnd,
    /// Encoding of the text.
    pub encoding: Encoding,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            format: Format::Csv,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            header_row: 1,
            footer: Vec::new(),
            skip_blank_rows: false,
            line_end: LineEnd::Auto,
            encoding: Encoding::Utf8,
        }
    }
}

/// What lies between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// This byte.
    Byte(u8),
    /// Spaces and tabs, any number of them, also before the first field.
    Blanks,
    /// Nothing: the record is one field.
    None,
}

/// What the cutting into records and fields goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax {
    /// Between fields.
    pub separator: Separator,
    /// Around fields.
    pub quote: Option<u8>,
    /// Before a quote that is text.
    pub escape: Option<u8>,
    /// At the end of a line: `\n` (a `\r` before it belongs to it) or `\r`.
    pub line_break: u8,
}

impl Dialect {
    /// The syntax of a file whose lines end with `line_break`.
    pub fn syntax(&self, line_break: u8) -> Syntax {
        let separator = match self.format {
            Format::Csv => Separator::Byte(self.delimiter),
            Format::Whitespace => Separator::Blanks,
            Format::Fixed | Format::Ndjson | Format::Parquet => Separator::None,
        };
        let quote = self.quote.filter(|_| separator != Separator::None);
        Syntax { separator, quote, escape: self.escape, line_break }
    }
}

impl Syntax {
    /// Does this byte end a field?
    pub fn separates(self, byte: u8) -> bool {
        match self.separator {
            Separator::Byte(separator) => byte == separator,
            Separator::Blanks => matches!(byte, b' ' | b'\t'),
            Separator::None => false,
        }
    }

    /// Where the next separator is.
    pub fn find_separator(self, bytes: &[u8]) -> Option<usize> {
        match self.separator {
            Separator::Byte(separator) => memchr::memchr(separator, bytes),
            Separator::Blanks => memchr::memchr2(b' ', b'\t', bytes),
            Separator::None => None,
        }
    }

    /// The quote that closes a field whose inside starts at `from`; quotes that are text are passed over.
    pub fn closing_quote(self, bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = bytes.get(at..)?;
            match self.escape {
                None => {
                    let found = at + memchr::memchr(quote, rest)?;
                    match bytes.get(found + 1) {
                        Some(next) if *next == quote => at = found + 2,
                        _ => return Some(found),
                    }
                }
                Some(escape) => {
                    let found = at + memchr::memchr2(quote, escape, rest)?;
                    match bytes[found] == escape {
                        true => at = found + 2,
                        false => return Some(found),
                    }
                }
            }
        }
    }
}
