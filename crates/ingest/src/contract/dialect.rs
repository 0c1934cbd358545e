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

/// Where the escape character counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EscapeScope {
    /// Inside quotes: the next character stands for itself, unless it is a letter or a digit.
    #[default]
    Quotes,
    /// In every field, as MySQL and PostgreSQL write text: letters stand for control characters, and `\N` for no value.
    Fields,
}

/// What becomes of a quote inside a field that does not begin with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrayQuotes {
    /// The record is a reject.
    #[default]
    Reject,
    /// It is text.
    Text,
}

/// What becomes of blanks between a delimiter and a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlanksAroundQuotes {
    /// The record is a reject.
    #[default]
    Reject,
    /// They are no text, and the field is a quoted one.
    Drop,
}

/// What ends the last field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastField {
    /// The line break.
    #[default]
    LineBreak,
    /// A delimiter, which headers or records may lack.
    Delimiter,
}

/// What becomes of records with fewer fields than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortRecords {
    /// They are rejects.
    #[default]
    Reject,
    /// The fields that are missing at their end are absent values.
    Pad,
}

/// What becomes of records with more fields than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongRecords {
    /// They are rejects.
    #[default]
    Reject,
    /// Empty fields at their end are dropped; with any other they are rejects.
    DropEmpty,
}

/// Whether a key has its default. A contract that does not use it keeps its hash.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_one(count: &u64) -> bool {
    *count == 1
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
    /// What gives the character behind it another meaning, or takes it away; without it, a doubled quote is one quote.
    pub escape: Option<u8>,
    /// Where the escape character counts.
    #[serde(skip_serializing_if = "is_default")]
    pub escape_scope: EscapeScope,
    /// What becomes of a quote inside a field that does not begin with one.
    #[serde(skip_serializing_if = "is_default")]
    pub stray_quotes: StrayQuotes,
    /// What becomes of blanks between a delimiter and a quote.
    #[serde(skip_serializing_if = "is_default")]
    pub blanks_around_quotes: BlanksAroundQuotes,
    /// What ends the last field of a record.
    #[serde(skip_serializing_if = "is_default")]
    pub last_field: LastField,
    /// What becomes of records with fewer fields than there are columns.
    #[serde(skip_serializing_if = "is_default")]
    pub short_records: ShortRecords,
    /// What becomes of records with more fields than there are columns.
    #[serde(skip_serializing_if = "is_default")]
    pub long_records: LongRecords,
    /// Lines that begin with this are no records.
    pub comment: Option<String>,
    /// The physical line of the header, from 1; what lies above it is skipped. 0: there is no header.
    pub header_row: u64,
    /// How many rows the header has; the names of a column in them are joined.
    #[serde(skip_serializing_if = "is_one")]
    pub header_lines: u64,
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
            escape_scope: EscapeScope::default(),
            stray_quotes: StrayQuotes::default(),
            blanks_around_quotes: BlanksAroundQuotes::default(),
            last_field: LastField::default(),
            short_records: ShortRecords::default(),
            long_records: LongRecords::default(),
            comment: None,
            header_row: 1,
            header_lines: 1,
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
    /// The escape character.
    pub escape: Option<u8>,
    /// Whether the escape counts inside quotes or in every field.
    pub escape_scope: EscapeScope,
    /// What becomes of a quote inside a field that does not begin with one.
    pub stray_quotes: StrayQuotes,
    /// What becomes of blanks between a delimiter and a quote.
    pub blanks_around_quotes: BlanksAroundQuotes,
    /// At the end of a line: `\n` (every `\r` before it belongs to it) or `\r`.
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
        let is_cut = separator != Separator::None;
        Syntax {
            separator,
            quote: self.quote.filter(|_| is_cut),
            escape: self.escape.filter(|_| is_cut),
            escape_scope: self.escape_scope,
            stray_quotes: self.stray_quotes,
            blanks_around_quotes: self.blanks_around_quotes,
            line_break,
        }
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

    /// The escape character, if it counts outside quotes.
    pub fn escape_in_fields(self) -> Option<u8> {
        self.escape.filter(|_| self.escape_scope == EscapeScope::Fields)
    }

    /// Where the next separator is.
    pub fn find_separator(self, bytes: &[u8]) -> Option<usize> {
        if let Some(escape) = self.escape_in_fields() {
            return self.find_unescaped(bytes, escape, |byte| self.separates(byte));
        }
        match self.separator {
            Separator::Byte(separator) => memchr::memchr(separator, bytes),
            Separator::Blanks => memchr::memchr2(b' ', b'\t', bytes),
            Separator::None => None,
        }
    }

    /// Where the next separator or line break is.
    pub fn find_end(self, bytes: &[u8]) -> Option<usize> {
        if let Some(escape) = self.escape_in_fields() {
            return self.find_unescaped(bytes, escape, |byte| byte == self.line_break || self.separates(byte));
        }
        match self.separator {
            Separator::Byte(separator) => memchr::memchr2(separator, self.line_break, bytes),
            Separator::Blanks => memchr::memchr3(b' ', b'\t', self.line_break, bytes),
            Separator::None => memchr::memchr(self.line_break, bytes),
        }
    }

    /// Where the first quote is that nothing escapes.
    pub fn find_quote(self, bytes: &[u8]) -> Option<usize> {
        let quote = self.quote?;
        match self.escape_in_fields() {
            Some(escape) => self.find_unescaped(bytes, escape, |byte| byte == quote),
            None => memchr::memchr(quote, bytes),
        }
    }

    /// Where the first such byte is that nothing escapes. A `\r\n` is escaped as a whole.
    fn find_unescaped(self, bytes: &[u8], escape: u8, is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match *byte {
                byte if byte == escape => at += self.escaped_length(&bytes[at..]),
                byte if is_wanted(byte) => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    /// How many bytes the escape at the head of these and what it escapes take. Of a character beyond ASCII the first byte is enough.
    fn escaped_length(self, bytes: &[u8]) -> usize {
        match bytes.get(1..3) {
            Some(b"\r\n") if self.line_break == b'\n' => 3,
            _ => 2,
        }
    }

    /// How many spaces and tabs stand at the head of these bytes and separate nothing, where they may stand around quotes.
    pub fn dropped_blanks(self, bytes: &[u8]) -> usize {
        match self.blanks_around_quotes {
            BlanksAroundQuotes::Reject => 0,
            BlanksAroundQuotes::Drop => self.blanks(bytes),
        }
    }

    /// How many spaces and tabs stand at the head of these bytes and separate nothing.
    pub fn blanks(self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t') && !self.separates(**byte)).count()
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
