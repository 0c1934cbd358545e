//! The keys of a contract that say how its files are written.

use std::path::Path;

use anyhow::Result;
use salesmart_base::fail;

use super::ContractFile;
use crate::contract::dialect::{BlanksAroundQuotes, Dialect, EscapeScope, Format, LastField};
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
    let delimited = [Format::Csv, Format::Whitespace];
    only("escape_outside_quotes", file.escape_outside_quotes, &[Format::Csv])?;
    only("stray_quotes", file.stray_quotes.is_some(), &delimited)?;
    only("spaces_around_quotes", file.spaces_around_quotes, &[Format::Csv])?;
    only("trailing_delimiter", file.trailing_delimiter, &[Format::Csv])?;
    only("short_records", file.short_records.is_some(), &delimited)?;
    only("long_records", file.long_records.is_some(), &[Format::Csv])?;
    only("header_lines", file.header_lines.is_some(), &text)?;
    only("comment", file.comment.is_some(), &text)?;
    only("header_row", file.header_row.is_some(), &text)?;
    only("footer", !file.footer.is_empty(), &text)?;
    only("skip_blank_rows", file.skip_blank_rows, &text)?;
    if format == Format::Ndjson && matches!(encoding, Encoding::OneByte(_) | Encoding::MultiByte(_)) {
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
    if quote.is_none() && (file.stray_quotes.is_some() || file.spaces_around_quotes) {
        fail!("{at}: without quotes (quote = \"\") stray_quotes and spaces_around_quotes mean nothing; leave them out");
    }
    if escape.is_none() && file.escape_outside_quotes {
        fail!("{at}: escape_outside_quotes needs an escape other than the quote, such as escape = \"\\\\\"");
    }
    if escape.is_some_and(|escape| escape.is_ascii_alphanumeric()) {
        fail!("{at}: escape must not be a letter or a digit, which may stand behind it");
    }
    // Without quotes an escape would count nowhere else.
    let escape_scope = match file.escape_outside_quotes || format == Format::Csv && quote.is_none() && escape.is_some()
    {
        true => EscapeScope::Fields,
        false => EscapeScope::Quotes,
    };
    if format == Format::Whitespace && quote.is_none() && escape.is_some() {
        fail!("{at}: with format = \"whitespace\" an escape counts inside quotes only, and quote is empty");
    }
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
    let default_header = if delimited.contains(&format) { 1 } else { 0 };
    let header_row = file.header_row.unwrap_or(default_header);
    if file.header_lines == Some(0) {
        fail!(
            "{at}: header_lines is how many lines the header has, from 1; files without a header have header_row = 0"
        );
    }
    if file.header_lines.is_some() && header_row == 0 {
        fail!("{at}: header_lines needs a header; header_row says on which line it begins");
    }
    Ok(Dialect {
        format,
        delimiter,
        quote,
        escape,
        escape_scope,
        stray_quotes: file.stray_quotes.unwrap_or_default(),
        blanks_around_quotes: match file.spaces_around_quotes {
            true => BlanksAroundQuotes::Drop,
            false => BlanksAroundQuotes::Reject,
        },
        last_field: if file.trailing_delimiter { LastField::Delimiter } else { LastField::LineBreak },
        short_records: file.short_records.unwrap_or_default(),
        long_records: file.long_records.unwrap_or_default(),
        comment: file.comment.clone(),
        header_row,
        header_lines: file.header_lines.unwrap_or(1),
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
