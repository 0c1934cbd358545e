//! The keys of a contract that say how its files are written.

use std::path::Path;

use anyhow::Result;
use salesmart_base::fail;

use super::ContractFile;
use crate::contract::dialect::{Dialect, Format};
use crate::contract::encoding;
use crate::contract::encoding::Encoding;

/// The dialect that a contract declares.
///
/// # Errors
/// A key that does not go with the format, or whose value cannot be right.
pub fn dialect(path: &Path, file: &ContractFile) -> Result<Dialect> {
    let at = path.display();
    let Some(encoding) = Encoding::parse(&file.encoding) else {
        fail!("{at}: encoding \"{}\" is not known; known: {}", file.encoding, encoding::KNOWN);
    };
    let format = file.format;
    let only = |key: &str, is_set: bool, formats: &[Format]| -> Result<()> {
        match is_set && !formats.contains(&format) {
            true => fail!("{at}: {key} does not go with this format"),
            false => Ok(()),
        }
    };
    let text = [Format::Csv, Format::Whitespace, Format::Fixed];
    only("delimiter", file.delimiter.is_some(), &[Format::Csv])?;
    only("quote", file.quote.is_some(), &[Format::Csv, Format::Whitespace])?;
    only("escape", file.escape.is_some(), &[Format::Csv, Format::Whitespace])?;
    only("comment", file.comment.is_some(), &text)?;
    only("header_row", file.header_row.is_some(), &text)?;
    only("footer", !file.footer.is_empty(), &text)?;
    only("skip_blank_rows", file.skip_blank_rows, &text)?;
    if format == Format::Ndjson && matches!(encoding, Encoding::OneByte(_)) {
        fail!("{at}: JSON is UTF-8 or UTF-16, not {}", encoding.name());
    }
    if format == Format::Csv && [".parquet", ".ndjson", ".jsonl"].iter().any(|end| file.files.ends_with(end)) {
        fail!("{at}: files names no CSV; set format = \"parquet\" or \"ndjson\"");
    }
    let delimiter = match file.delimiter.as_deref() {
        None => b',',
        Some(delimiter) => one_byte(path, "delimiter", delimiter)?,
    };
    let quote = match file.quote.as_deref() {
        None => Some(b'"'),
        Some("") => None,
        Some(quote) => Some(one_byte(path, "quote", quote)?),
    };
    let escape = match file.escape.as_deref() {
        None => None,
        Some(escape) => Some(one_byte(path, "escape", escape)?).filter(|escape| Some(*escape) != quote),
    };
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if quote == Some(delimiter)
        || escape == Some(delimiter)
        || [Some(delimiter), quote, escape].iter().flatten().any(is_break)
    {
        fail!("{at}: delimiter, quote and escape must differ, and none may be a line break");
    }
    if file.comment.as_ref().is_some_and(|comment| comment.is_empty() || comment.contains(['\n', '\r'])) {
        fail!("{at}: comment is the text that comment lines begin with, such as \"#\"");
    }
    if file.footer.iter().any(|footer| footer.trim().is_empty()) {
        fail!(
            "{at}: footer holds texts that footer rows begin with, such as [\"Total\"]; an empty one would fit any row"
        );
    }
    let default_header = if matches!(format, Format::Csv | Format::Whitespace) { 1 } else { 0 };
    Ok(Dialect {
        format,
        delimiter,
        quote,
        escape,
        comment: file.comment.clone(),
        header_row: file.header_row.unwrap_or(default_header),
        footer: file.footer.clone(),
        skip_blank_rows: file.skip_blank_rows,
        line_end: file.line_end,
        encoding,
    })
}

fn one_byte(path: &Path, key: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => fail!("{}: {key} must be one ASCII character, not \"{text}\"", path.display()),
    }
}
