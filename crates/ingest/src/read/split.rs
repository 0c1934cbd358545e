//! One record into the cells of the contract's columns, whatever the format.

use std::borrow::Cow;
use std::collections::HashSet;

use salesmart_base::count::counted;

use super::block::Record;
use super::fields::{self, Span};
use super::fixed::FixedPlaces;
use super::header::Places;
use super::ndjson;
use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::{Format, Syntax};
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
    /// Per contract column, its place in the record.
    places: Places,
    /// Fixed places of the contract's columns.
    fixed: FixedPlaces,
    /// Per contract column, its names in a record that names its columns.
    names: Vec<Vec<String>>,
    /// All of them.
    known: HashSet<String>,
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
    ) -> Result<(), Unsplit> {
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
                self.check_count(spans.len())?;
                for (column, place) in self.places.of.iter().enumerate() {
                    match place {
                        Some(place) => each(column, Cell::Text(spans[*place].text(&text, self.syntax))),
                        None => each(column, Cell::Absent),
                    }
                }
            }
            Format::Fixed => {
                self.fixed.cut(&text, spans).map_err(|fault| Unsplit { fault, column: None })?;
                for (column, span) in spans.iter().enumerate() {
                    each(column, Cell::Text(span.text(&text, self.syntax)));
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
        Ok(())
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
        self.check_count(spans.len())?;
        for (column, place) in self.places.of.iter().enumerate() {
            let Some(span) = place.and_then(|place| spans.get(place)) else { continue };
            match span.plain(text) {
                Some(plain) => each(column, plain),
                None => each(column, &span.text(text, self.syntax)),
            }
        }
        Ok(())
    }

    /// May [`split_text`](Self::split_text) be used? It needs every column in the file, and fields between delimiters.
    pub fn is_plain(&self) -> bool {
        matches!(self.format, Format::Csv | Format::Whitespace)
            && self.places.of.iter().all(Option::is_some)
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
        Fault::new(Code::BadEncoding, format!("byte {} (0x{:02x}) is not {}", at + 1, bytes[at], self.encoding.name()))
    }

    /// A record with bytes that are no text: the fields that hold them are at fault, the others are cast all the same.
    /// In a column that is not loaded they do no harm.
    fn split_undecodable(
        &self,
        bytes: &[u8],
        spans: &mut Vec<Span>,
        mut each: impl FnMut(usize, Cell<'_>),
    ) -> Result<(), Unsplit> {
        fields::cut(bytes, self.syntax, spans);
        self.check_count(spans.len())?;
        for (column, place) in self.places.of.iter().enumerate() {
            let Some(place) = place else {
                each(column, Cell::Absent);
                continue;
            };
            let field = spans[*place].bytes(bytes, self.syntax);
            match self.decode(&field) {
                Ok(text) => each(column, Cell::Text(text)),
                Err(fault) => each(column, Cell::Bad(fault, self.printable(&field))),
            }
        }
        Ok(())
    }

    fn check_count(&self, count: usize) -> Result<(), Unsplit> {
        if count == self.places.count {
            return Ok(());
        }
        let code = if count > self.places.count { Code::TooManyFields } else { Code::TooFewFields };
        let expected = if self.places.has_header { "the header has" } else { "the contract has" };
        Err(Unsplit::record(code, format!("{} where {expected} {}", counted(count as u64, "field"), self.places.count)))
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
        for chunk in bytes.utf8_chunks() {
            out.push_str(&chunk.valid().replace('\0', "\\x00"));
            chunk.invalid().iter().for_each(|byte| escape(&mut out, *byte));
        }
        out
    }
}
