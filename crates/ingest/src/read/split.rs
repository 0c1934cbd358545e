//! One record into the cells of the contract's columns, whatever the format.

use std::borrow::Cow;
use std::collections::HashSet;

use salesmart_base::count::counted;

use super::block::Record;
use super::decoding::bad_byte;
use super::fields::{self, Span};
use super::fixed::FixedPlaces;
use super::header::Places;
use super::ndjson;
use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::{Format, LastField, LongRecords, ShortRecords, Syntax};
use crate::contract::encoding::Encoding;
use crate::contract::{Column, Contract, Drift};

/// One value before it is cast.
#[derive(Debug)]
pub enum Cell<'r> {
    /// There is none.
    Absent,
    /// Text in the contract's spelling.
    Text(Cow<'r, str>),
    /// A value whose type the file says, as text in the neutral spelling.
    Typed(Cow<'r, str>),
    /// Bytes that are no text, printable.
    Bad(Fault, String),
}

/// Cuts the records of one file.
pub struct Splitter {
    syntax: Syntax,
    encoding: Encoding,
    format: Format,
    drift: Drift,
    widths: Widths,
    /// Per contract column, its place in the record.
    places: Places,
    /// Fixed places of the contract's columns.
    fixed: FixedPlaces,
    /// Per contract column, its names in a record that names its columns.
    names: Vec<Vec<String>>,
    /// All of them.
    known: HashSet<String>,
}

/// What becomes of records with another number of fields than there are columns.
#[derive(Debug, Clone, Copy)]
struct Widths {
    last_field: LastField,
    short: ShortRecords,
    long: LongRecords,
}

/// How the fields of a record came to be as many as there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They were, or the record is no row of fields.
    Exact,
    /// Those that are missing at its end count as absent.
    Padded,
    /// Empty ones at its end were dropped.
    Shortened,
}

/// Why a record has no cells.
#[derive(Debug)]
pub struct Unsplit {
    /// What is wrong.
    pub fault: Fault,
    /// The contract column it is in, if that can be told.
    pub column: Option<usize>,
}

impl Unsplit {
    fn record(code: Code, reason: impl Into<String>) -> Self {
        Self { fault: Fault::new(code, reason), column: None }
    }
}

impl Splitter {
    /// A splitter for a file with this syntax, whose columns are at these places.
    pub fn new(contract: &Contract, syntax: Syntax, places: Places) -> Self {
        let names = |column: &Column| std::iter::once(&column.header).chain(&column.aliases).cloned().collect();
        let names: Vec<Vec<String>> = contract.columns.iter().map(names).collect();
        Self {
            syntax,
            encoding: contract.dialect.encoding.clone(),
            format: contract.dialect.format,
            drift: contract.drift,
            widths: Widths {
                last_field: contract.dialect.last_field,
                short: contract.dialect.short_records,
                long: contract.dialect.long_records,
            },
            places,
            fixed: FixedPlaces::new(contract),
            known: names.iter().flatten().cloned().collect(),
            names,
        }
    }

    /// Gives every contract column's cell to `each`, in order. `spans` is the caller's so that its memory is reused.
    pub fn split(
        &self,
        record: Record<'_>,
        spans: &mut Vec<Span>,
        mut each: impl FnMut(usize, Cell<'_>),
    ) -> Result<Fit, Unsplit> {
        if let Some(structural) = record.fault {
            let column = structural.field.and_then(|field| self.places.column_at(field));
            return Err(Unsplit { fault: structural.fault.clone(), column });
        }
        let text = match self.decode(record.bytes) {
            Ok(text) => text,
            Err(fault) if !matches!(self.format, Format::Csv | Format::Whitespace) => {
                return Err(Unsplit { fault, column: None });
            }
            Err(_) => return self.split_undecodable(record.bytes, spans, each),
        };
        match self.format {
            Format::Csv | Format::Whitespace => {
                fields::cut(text.as_bytes(), self.syntax, spans);
                let fit = self.fit(text.as_bytes(), spans)?;
                for (column, place) in self.places.of.iter().enumerate() {
                    match place.and_then(|place| spans.get(place)) {
                        Some(span) => {
                            let is_quoted = span.is_quoted(text.as_bytes(), self.syntax);
                            let inside = std::str::from_utf8(span.inside(text.as_bytes())).unwrap_or_default();
                            each(column, self.cell(span, inside.into(), is_quoted));
                        }
                        None => each(column, Cell::Absent),
                    }
                }
                return Ok(fit);
            }
            Format::Fixed => {
                self.fixed.cut(&text, spans).map_err(|fault| Unsplit { fault, column: None })?;
                for (column, span) in spans.iter().enumerate() {
                    // A place filled with blanks is an empty one.
                    let cell = span.text(&text, self.syntax);
                    each(column, Cell::Text(if cell.trim().is_empty() { Cow::Borrowed("") } else { cell }));
                }
            }
            Format::Ndjson | Format::Parquet => {
                let object = ndjson::Object::parse(&text).map_err(|fault| Unsplit { fault, column: None })?;
                if self.drift == Drift::Error
                    && let Some(unknown) = object.names().find(|name| !self.known.contains(*name))
                {
                    let reason = format!(
                        "the contract has no column for \"{unknown}\"; declare it, or set drift = \"ignore_extra\""
                    );
                    return Err(Unsplit::record(Code::UnknownField, reason));
                }
                for (column, names) in self.names.iter().enumerate() {
                    each(column, object.cell(names));
                }
            }
        }
        Ok(Fit::Exact)
    }

    /// The cell of a field, which is `inside` as text.
    fn cell<'r>(&self, span: &Span, inside: Cow<'r, str>, is_quoted: bool) -> Cell<'r> {
        if span.is_plain() {
            return Cell::Text(inside);
        }
        match span.value(inside.clone(), is_quoted, self.syntax) {
            Ok(Some(text)) => Cell::Text(text),
            Ok(None) => Cell::Absent,
            Err(fault) => Cell::Bad(fault, inside.into_owned()),
        }
    }

    /// Cuts a record of delimited fields that is known to be text, the common case; as [`split`](Self::split).
    #[inline]
    pub fn split_text(
        &self,
        text: &str,
        spans: &mut Vec<Span>,
        mut each: impl FnMut(usize, &str),
    ) -> Result<(), Unsplit> {
        fields::cut(text.as_bytes(), self.syntax, spans);
        if spans.len() != self.places.count {
            return Err(self.wrong_count(spans.len()));
        }
        for (column, place) in self.places.of.iter().enumerate() {
            let Some(span) = place.and_then(|place| spans.get(place)) else { continue };
            match span.plain(text) {
                Some(plain) => each(column, plain),
                None => each(column, &span.text(text, self.syntax)),
            }
        }
        Ok(())
    }

    /// May [`split_text`](Self::split_text) be used? It needs every column in the file, as many fields in every record, and values that
    /// stand between delimiters as they are.
    pub fn is_plain(&self) -> bool {
        let has_all = self.widths.last_field == LastField::LineBreak
            && self.widths.short == ShortRecords::Reject
            && self.widths.long == LongRecords::Reject;
        matches!(self.format, Format::Csv | Format::Whitespace)
            && self.places.of.iter().all(Option::is_some)
            && has_all
            && self.syntax.escape.is_none()
            && !matches!(self.encoding, Encoding::OneByte(_))
    }

    /// The cells as text, to be edited; `None` where the record cannot be cut into the contract's columns. Fields beyond
    /// those of the header come last.
    pub fn editable(&self, record: &str) -> (Vec<String>, Vec<String>) {
        let mut spans = Vec::new();
        let cut = Record { bytes: record.as_bytes(), line: 0, fault: None };
        let mut cells = vec![String::new(); self.names.len()];
        if !matches!(self.format, Format::Csv | Format::Whitespace) {
            let split = self.split(cut, &mut spans, |column, cell| {
                cells[column] = match cell {
                    Cell::Text(text) | Cell::Typed(text) => text.into_owned(),
                    Cell::Absent | Cell::Bad(..) => String::new(),
                };
            });
            let surplus = if split.is_err() { vec![record.to_owned()] } else { Vec::new() };
            return (cells, surplus);
        }
        fields::cut(record.as_bytes(), self.syntax, &mut spans);
        let texts: Vec<String> = spans.iter().map(|span| span.text(record, self.syntax).into_owned()).collect();
        for (cell, place) in cells.iter_mut().zip(&self.places.of) {
            if let Some(text) = place.and_then(|place| texts.get(place)) {
                *cell = text.clone();
            }
        }
        (cells, texts.into_iter().skip(self.places.count).collect())
    }

    fn decode<'r>(&self, bytes: &'r [u8]) -> Result<Cow<'r, str>, Fault> {
        if let Some(at) = memchr::memchr(0, bytes) {
            return Err(Fault::new(Code::NulByte, format!("byte {} is NUL", at + 1)));
        }
        match &self.encoding {
            Encoding::OneByte(page) if !bytes.is_ascii() => match page.decode(bytes) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(at) => Err(self.bad_encoding(bytes, at)),
            },
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(error) => Err(self.bad_encoding(bytes, error.valid_up_to())),
            },
        }
    }

    fn bad_encoding(&self, bytes: &[u8], at: usize) -> Fault {
        let name = self.encoding.name();
        // What was decoded before has no places of bytes any more.
        let reason = match bad_byte(&bytes[at..])
            .filter(|_| matches!(self.encoding, Encoding::MultiByte(_) | Encoding::Utf16(_)))
        {
            Some(byte) => {
                let before = String::from_utf8_lossy(&bytes[..at]).chars().count();
                format!("character {} (byte 0x{byte:02x}) is not {name}", before + 1)
            }
            None => format!("byte {} (0x{:02x}) is not {name}", at + 1, bytes[at]),
        };
        Fault::new(Code::BadEncoding, reason)
    }

    /// A record with bytes that are no text: the fields that hold them are at fault, the others are cast all the same.
    /// In a column that is not loaded they do no harm.
    fn split_undecodable(
        &self,
        bytes: &[u8],
        spans: &mut Vec<Span>,
        mut each: impl FnMut(usize, Cell<'_>),
    ) -> Result<Fit, Unsplit> {
        fields::cut(bytes, self.syntax, spans);
        let fit = self.fit(bytes, spans)?;
        for (column, place) in self.places.of.iter().enumerate() {
            let Some(span) = place.and_then(|place| spans.get(place)) else {
                each(column, Cell::Absent);
                continue;
            };
            let field = span.inside(bytes);
            match self.decode(field) {
                Ok(text) => each(column, self.cell(span, text, span.is_quoted(bytes, self.syntax))),
                Err(fault) => each(column, Cell::Bad(fault, self.printable(field))),
            }
        }
        Ok(fit)
    }

    /// Makes a record's fields as many as there are columns, as far as the contract allows it. Missing ones stay missing.
    fn fit(&self, record: &[u8], spans: &mut Vec<Span>) -> Result<Fit, Unsplit> {
        let count = self.places.count;
        let found = spans.len();
        let last_is_empty = spans.last().is_some_and(|span| span.is_empty(record, self.syntax));
        if self.widths.last_field == LastField::Delimiter && found == count + 1 {
            if !last_is_empty {
                let reason = "a value follows the trailing delimiter";
                return Err(Unsplit::record(Code::TooManyFields, reason));
            }
            spans.pop();
            return Ok(Fit::Exact);
        }
        if found < count && self.widths.short == ShortRecords::Pad {
            return Ok(Fit::Padded);
        }
        if found > count && self.widths.long == LongRecords::DropEmpty {
            if let Some(extra) = spans[count..].iter().position(|span| !span.inside(record).is_empty()) {
                let reason =
                    format!("field {} of {found} holds a value, and there are {count} columns", count + extra + 1);
                return Err(Unsplit::record(Code::TooManyFields, reason));
            }
            spans.truncate(count);
            return Ok(Fit::Shortened);
        }
        match found == count {
            true => Ok(Fit::Exact),
            false => Err(self.wrong_count(found)),
        }
    }

    fn wrong_count(&self, count: usize) -> Unsplit {
        let code = if count > self.places.count { Code::TooManyFields } else { Code::TooFewFields };
        let expected = if self.places.has_header { "the header has" } else { "the contract has" };
        Unsplit::record(code, format!("{} where {expected} {}", counted(count as u64, "field"), self.places.count))
    }

    /// Bytes as text: NUL and bytes without a character as `\xNN`.
    pub fn printable(&self, bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len());
        let escape = |out: &mut String, byte: u8| out.push_str(&format!("\\x{byte:02x}"));
        if let Encoding::OneByte(page) = &self.encoding {
            for byte in bytes {
                match page.character(*byte).filter(|c| *c != '\0') {
                    Some(c) => out.push(c),
                    None => escape(&mut out, *byte),
                }
            }
            return out;
        }
        if matches!(self.encoding, Encoding::MultiByte(_) | Encoding::Utf16(_)) {
            return printable_decoded(bytes);
        }
        for chunk in bytes.utf8_chunks() {
            out.push_str(&chunk.valid().replace('\0', "\\x00"));
            chunk.invalid().iter().for_each(|byte| escape(&mut out, *byte));
        }
        out
    }
}

/// Decoded bytes as text: those that belong to no character as they are in the file.
fn printable_decoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        out.push_str(&String::from_utf8_lossy(&rest[..valid]).replace('\0', "\\x00"));
        rest = &rest[valid..];
        let Some(first) = rest.first() else { return out };
        let (byte, length) = bad_byte(rest).map_or((*first, 1), |byte| (byte, 3));
        out.push_str(&format!("\\x{byte:02x}"));
        rest = &rest[length..];
    }
}
