//! A file that is open at its first record, its header understood.

use std::path::Path;

use anyhow::Result;
use salesmart_base::event::Progress;

use super::header::{self, Places};
use super::input::{self, Tap, Text};
use super::parquet;
use super::reader::RecordReader;
use crate::contract::Contract;
use crate::contract::dialect::{Format, Syntax};
use crate::contract::encoding::Encoding;
use crate::load::feed::Source;
use crate::rejects::replay;

/// A file that is open at its first record.
pub struct Opened {
    /// Gives the records.
    pub source: Source,
    /// Where the contract's columns are in them.
    pub places: Places,
    /// What they are cut by.
    pub syntax: Syntax,
    /// Takes the hash of the file, if it is read as bytes.
    pub tap: Option<Tap>,
}

impl Opened {
    /// Opens a file. The inner error says in words why it does not fit the contract.
    ///
    /// # Errors
    /// What the operating system or a decompressor says.
    pub fn at(path: &Path, contract: &Contract, progress: &Progress) -> Result<Result<Self, String>> {
        if contract.dialect.format == Format::Parquet {
            let syntax = contract.dialect.syntax(b'\n');
            return Ok(parquet::open(path, contract)?.map(|(rows, places)| Self {
                source: Source::Rows(rows),
                places,
                syntax,
                tap: None,
            }));
        }
        let (text, tap) = input::open(path, &contract.dialect.encoding, progress)?;
        Ok(Self::from_text(text, contract)?.map(|opened| Self { tap: Some(tap), ..opened }))
    }

    /// Starts to read text: up to and including its header.
    pub fn from_text(text: Text, contract: &Contract) -> Result<Result<Self, String>> {
        let mut reader = RecordReader::new(text, &contract.dialect)?;
        // What is decoded before it is cut has been looked at.
        if matches!(contract.dialect.encoding, Encoding::Utf8 | Encoding::OneByte(_))
            && let Some(reason) = reader.mark().and_then(|mark| mark.contradiction(&contract.dialect.encoding))
        {
            return Ok(Err(reason));
        }
        if contract.dialect.format == Format::Ndjson && reader.begins_with(b"[") {
            return Ok(Err("it begins with [: a JSON array; write one object per line instead".to_owned()));
        }
        let places = match names(&mut reader, contract)? {
            Ok(Some((names, line))) => header::places(contract, &names, line),
            Ok(None) => Ok(Places::declared(contract)),
            Err(reason) => Err(reason),
        };
        let syntax = reader.syntax();
        Ok(places.map(|places| Self { source: Source::Text(reader), places, syntax, tap: None }))
    }
}

/// Names and line.
type Header = (Vec<String>, u64);

/// The names in a file's header and its line; `None` where files have none.
fn names(reader: &mut RecordReader<Text>, contract: &Contract) -> Result<Result<Option<Header>, String>> {
    if contract.dialect.header_row == 0 {
        return Ok(Ok(None));
    }
    let block = reader.header()?;
    let Some(header) = block.records().next() else {
        return Ok(Err(match contract.dialect.header_row {
            1 => format!("the file is empty; expected a header with {} columns", contract.columns.len()),
            row => format!("the file ends before its header on line {row}"),
        }));
    };
    if contract.dialect.format == Format::Fixed {
        // The places say what is where; the line is only passed over.
        return Ok(Ok(None));
    }
    let mut rows = Vec::with_capacity(block.len());
    let has_returns = format!(
        "line {}: the header holds carriage returns; if lines end with them, set line_end = \"cr\"",
        header.line
    );
    for row in block.records() {
        if row.fault.is_some() && has_lone_return(row.bytes, reader.syntax()) {
            return Ok(Err(has_returns));
        }
        if let Some(structural) = row.fault {
            let reason = &structural.fault.reason;
            return Ok(Err(format!("line {}: the header cannot be read: {reason}", row.line)));
        }
        let Some(names) = header::names(row.bytes, reader.syntax(), &contract.dialect.encoding) else {
            let encoding = contract.dialect.encoding.name();
            return Ok(Err(format!("line {}: the header is not {encoding}; see `encoding`", row.line)));
        };
        rows.push(names);
    }
    // A return in quotes is part of a name.
    if rows.iter().flatten().any(|name| !name.is_quoted && name.text.contains('\r')) {
        return Ok(Err(has_returns));
    }
    let names = header::joined(&rows, contract.dialect.last_field);
    if names.starts_with(&replay::BEFORE.map(str::to_owned)) {
        return Ok(Err(format!(
            "it is an export of rejects, and lies where the contract looks for data (\"{}\"); move it elsewhere and hand it to `salesmart rejects replay`",
            contract.files
        )));
    }
    if names.iter().any(|name| name.contains('\0')) {
        return Ok(Err(format!(
            "line {}: the header holds NUL bytes: is the file UTF-16 (see `encoding`), or Parquet (see `format`)?",
            header.line
        )));
    }
    Ok(Ok(Some((names, header.line))))
}

/// Is there a carriage return without a line feed, where lines end with line feeds?
fn has_lone_return(bytes: &[u8], syntax: Syntax) -> bool {
    syntax.line_break == b'\n'
        && memchr::memchr_iter(b'\r', bytes).any(|at| !matches!(bytes.get(at + 1), Some(b'\n' | b'\r')))
}
