//! Reads contracts: one TOML file per source. What cannot be right is an error with file, line and next step.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::contract::{AmbiguousDates, Column, ColumnOrder, ColumnType, Contract, Drift, RejectLimit, Rules};
use super::decimal::{Decimal, NumberStyle};
use super::dialect::{Dialect, Format, LineEnd};
use super::encoding::{self, Encoding};
use super::exact::Caster;
use super::moment;
use crate::{fail, toml_file};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractFile {
    files: String,
    #[serde(default)]
    format: Format,
    delimiter: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    comment: Option<String>,
    header_row: Option<u64>,
    #[serde(default)]
    footer: Vec<String>,
    #[serde(default)]
    skip_blank_rows: bool,
    #[serde(default)]
    line_end: LineEnd,
    #[serde(default = "utf8")]
    encoding: String,
    decimal: Option<String>,
    thousands: Option<String>,
    #[serde(default)]
    currency: Vec<String>,
    #[serde(default)]
    negatives: Vec<Negative>,
    nulls: Option<Vec<String>>,
    #[serde(default)]
    trim: bool,
    #[serde(default)]
    ambiguous_dates: AmbiguousDates,
    #[serde(default)]
    column_order: ColumnOrder,
    #[serde(default)]
    drift: Drift,
    #[serde(default)]
    unique: Vec<String>,
    #[serde(default = "one_percent", deserialize_with = "reject_limit")]
    max_rejects: RejectLimit,
    #[serde(default)]
    allow_empty: bool,
    columns: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    header: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    nulls: Option<Vec<String>>,
    null_as: Option<String>,
    min: Option<String>,
    max: Option<String>,
    allowed: Option<Vec<String>>,
    regex: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    formats: Option<Vec<String>>,
    ambiguous_dates: Option<AmbiguousDates>,
    decimal: Option<String>,
    thousands: Option<String>,
    currency: Option<Vec<String>>,
    #[serde(default)]
    percent: bool,
    negatives: Option<Vec<Negative>>,
    trim: Option<bool>,
    start: Option<usize>,
    width: Option<usize>,
}

/// Ways to write a negative number besides a leading minus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Negative {
    TrailingMinus,
    Parentheses,
}

/// What the contract says for all columns.
struct Defaults {
    number: NumberStyle,
    nulls: Option<Vec<String>>,
    trim: bool,
    ambiguous_dates: AmbiguousDates,
    format: Format,
}

fn utf8() -> String {
    "utf-8".to_owned()
}
fn one_percent() -> RejectLimit {
    RejectLimit::Percent(1.0)
}

/// `"1%"` or a count, as text or as a number.
fn reject_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RejectLimit, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Count(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer) {
        Ok(Written::Count(count)) => return Ok(RejectLimit::Count(count)),
        Ok(Written::Text(text)) => text,
        Err(_) => return Err(D::Error::custom("max_rejects is a count such as 100 or a share such as \"1%\"")),
    };
    let limit = match text.strip_suffix('%') {
        Some(share) => {
            share.trim().parse().ok().filter(|share| (0.0..=100.0).contains(share)).map(RejectLimit::Percent)
        }
        None => text.trim().parse().ok().map(RejectLimit::Count),
    };
    limit.ok_or_else(|| {
        D::Error::custom(format!("max_rejects is a count such as 100 or a share such as \"1%\", not \"{text}\""))
    })
}

/// Reads all contracts of a folder, by name.
///
/// # Errors
/// A folder without contracts, and any contract that cannot be read, is an error.
pub fn load_all(folder: &Path) -> Result<BTreeMap<String, Contract>> {
    let mut contracts = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => fail!("cannot list the contracts in {}: {error}", folder.display()),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let contract = load(&path)?;
            contracts.insert(contract.source.clone(), contract);
        }
    }
    match contracts.is_empty() {
        true => fail!(
            "there is no contract in {}; write one per source, such as sales.toml (`salesmart sniff FILE` drafts one)",
            folder.display()
        ),
        false => Ok(contracts),
    }
}

/// Reads one contract.
pub fn load(path: &Path) -> Result<Contract> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => fail!("cannot read the contract {}: {error}", path.display()),
    };
    parse(path, &text)
}

/// Reads a contract from its text; `path` gives the source's name.
pub fn parse(path: &Path, text: &str) -> Result<Contract> {
    let file: ContractFile = toml_file::parse(path, text)?;
    let at = path.display();
    let source = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if !is_name(&source) {
        fail!(
            "{at}: the file's name becomes a table name: use lower-case letters, digits and _, starting with a letter"
        );
    }
    if file.files.trim().is_empty() {
        fail!("{at}: files is empty; it names the files of this source, such as \"data/raw/*.csv\"");
    }
    if file.columns.is_empty() {
        fail!("{at}: [columns] is empty; declare every column of the file's header");
    }
    let dialect = dialect(path, &file)?;
    let written = NumberFile {
        decimal: file.decimal.as_deref(),
        thousands: file.thousands.as_deref(),
        currency: Some(&file.currency),
        negatives: Some(&file.negatives),
        percent: false,
    };
    let defaults = Defaults {
        number: number_style(&at.to_string(), &written, &NumberStyle::default())?,
        nulls: file.nulls.clone(),
        trim: file.trim,
        ambiguous_dates: file.ambiguous_dates,
        format: file.format,
    };
    let mut columns: Vec<Column> = Vec::with_capacity(file.columns.len());
    for (name, value) in file.columns {
        let column = column(path, text, &name, value, &defaults)?;
        for other in &columns {
            let names = |column: &Column| -> Vec<String> {
                std::iter::once(&column.header).chain(&column.aliases).cloned().collect()
            };
            if let Some(same) = names(&column).iter().find(|header| names(other).contains(header)) {
                fail!("{at}: columns `{}` and `{name}` have the same header \"{same}\"", other.name);
            }
        }
        columns.push(column);
    }
    for name in &file.unique {
        if !columns.iter().any(|column| column.name == *name) {
            let near = toml_file::nearest(name, columns.iter().map(|column| column.name.as_str()));
            let advice = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            fail!("{at}: unique names `{name}`, which is no column{advice}");
        }
    }
    Ok(Contract {
        source,
        files: file.files,
        dialect,
        column_order: file.column_order,
        drift: file.drift,
        unique: file.unique,
        max_rejects: file.max_rejects,
        allow_empty: file.allow_empty,
        columns,
        path: path.to_owned(),
    })
}

fn dialect(path: &Path, file: &ContractFile) -> Result<Dialect> {
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

/// The keys that say how numbers are written, of a contract or of one column.
struct NumberFile<'a> {
    decimal: Option<&'a str>,
    thousands: Option<&'a str>,
    currency: Option<&'a Vec<String>>,
    negatives: Option<&'a Vec<Negative>>,
    percent: bool,
}

fn number_style(at: &str, written: &NumberFile<'_>, default: &NumberStyle) -> Result<NumberStyle> {
    let mark = match written.decimal {
        None => default.mark,
        Some(".") => b'.',
        Some(",") => b',',
        Some(other) => fail!("{at}: decimal is \".\" or \",\", not \"{other}\""),
    };
    let thousands = match written.thousands {
        None => default.thousands,
        Some("") => None,
        Some(text) => match text.chars().collect::<Vec<_>>().as_slice() {
            [one] if ['.', ',', ' ', '\'', '_', '\u{a0}'].contains(one) => Some(*one),
            _ => fail!("{at}: thousands is one of \".\", \",\", \" \", \"'\", \"_\", not \"{text}\""),
        },
    };
    if thousands == Some(char::from(mark)) {
        fail!("{at}: decimal and thousands are both \"{}\"", char::from(mark));
    }
    let currency = written.currency.unwrap_or(&default.currency);
    if let Some(wrong) = currency.iter().find(|sign| {
        sign.trim().is_empty()
            || sign.trim() != sign.as_str()
            || sign.contains(|c: char| c.is_ascii_digit() || ".,-+()%".contains(c))
    }) {
        fail!("{at}: currency holds signs such as [\"€\", \"EUR\"], not \"{wrong}\"");
    }
    let negative = |kind: Negative, default: bool| written.negatives.map_or(default, |kinds| kinds.contains(&kind));
    // The longest first, so that "US$" is not read as a stray "US" before "$".
    let mut currency = currency.clone();
    currency.sort_by_key(|sign| std::cmp::Reverse(sign.len()));
    Ok(NumberStyle {
        mark,
        thousands,
        currency,
        percent: written.percent,
        trailing_minus: negative(Negative::TrailingMinus, default.trailing_minus),
        parentheses: negative(Negative::Parentheses, default.parentheses),
        exponent: false,
    })
}

fn column(path: &Path, text: &str, name: &str, value: toml::Value, defaults: &Defaults) -> Result<Column> {
    let at = format!("{}:{}: column `{name}`", path.display(), line_of_key(text, name));
    if !is_name(name) {
        fail!(
            "{at}: use lower-case letters, digits and _, starting with a letter; the file's own spelling goes into `header`"
        );
    }
    let written: ColumnFile = match value.try_into() {
        Ok(written) => written,
        Err(error) => {
            // The same text as a top-level key would get, so that both name the nearest known key.
            let error: toml::de::Error = error;
            let message = error.message().to_owned();
            let advice = toml_file::advice(&message);
            fail!("{at}: {message}{advice}")
        }
    };
    let Some(kind) = ColumnType::parse(&written.kind) else {
        fail!(
            "{at}: type \"{}\" is not known; known: varchar, integer, bigint, decimal(p,s) with p up to 38, date, timestamp, boolean{}",
            written.kind,
            match written.kind.to_ascii_lowercase().as_str() {
                "double" | "float" | "real" => " (a float would not be exact: use decimal)",
                _ => "",
            }
        );
    };
    let place = match (defaults.format, written.start, written.width) {
        (Format::Fixed, Some(start @ 1..), Some(width @ 1..)) => Some((start - 1, width)),
        (Format::Fixed, ..) => {
            fail!("{at}: a fixed place needs start (first character, from 1) and width (characters)")
        }
        (_, None, None) => None,
        _ => fail!("{at}: start and width go with format = \"fixed\" only"),
    };
    let has_number_keys = written.decimal.is_some()
        || written.thousands.is_some()
        || written.currency.is_some()
        || written.negatives.is_some()
        || written.percent;
    if has_number_keys && !kind.is_number() {
        fail!("{at}: decimal, thousands, currency, percent and negatives go with numbers only");
    }
    let number = NumberFile {
        decimal: written.decimal.as_deref(),
        thousands: written.thousands.as_deref(),
        currency: written.currency.as_ref(),
        negatives: written.negatives.as_ref(),
        percent: written.percent,
    };
    let nulls = written.nulls.as_ref().or(defaults.nulls.as_ref());
    let column = Column {
        header: written.header.clone().unwrap_or_else(|| name.to_owned()),
        aliases: written.aliases.clone(),
        optional: written.optional,
        required: written.required,
        nulls: match nulls {
            Some(nulls) => nulls.iter().map(|null| null.trim().to_owned()).collect(),
            None => vec![String::new()],
        },
        null_as: written.null_as.clone(),
        rules: rules(&at, kind, &written)?,
        formats: formats(&at, kind, written.formats)?,
        ambiguous_dates: written.ambiguous_dates.unwrap_or(defaults.ambiguous_dates),
        number: number_style(&at, &number, &defaults.number)?,
        trim: written.trim.unwrap_or(defaults.trim),
        place,
        ..Column::plain(name, kind)
    };
    if column.required && column.optional && column.null_as.is_none() {
        fail!("{at}: required and optional contradict each other");
    }
    if let Some(null_as) = &column.null_as {
        if column.required {
            fail!("{at}: required and null_as contradict each other");
        }
        if let Err(fault) = Caster::new(&column).stand_in(null_as) {
            fail!("{at}: null_as = \"{null_as}\" does not fit the column: {}", fault.reason);
        }
    }
    Ok(column)
}

fn formats(at: &str, kind: ColumnType, written: Option<Vec<String>>) -> Result<Vec<String>> {
    let formats = match written {
        Some(_) if !kind.is_moment() => fail!("{at}: formats goes with date and timestamp only"),
        Some(formats) if formats.is_empty() => fail!("{at}: formats is empty"),
        Some(formats) => formats,
        None => kind.default_formats(),
    };
    for format in &formats {
        if let Err(reason) = moment::check_format(format, kind) {
            fail!("{at}: format \"{format}\" {reason}");
        }
    }
    Ok(formats)
}

fn rules(at: &str, kind: ColumnType, written: &ColumnFile) -> Result<Rules> {
    let number = |key: &str, bound: &Option<String>| -> Result<Option<Decimal>> {
        let Some(bound) = bound.as_ref().filter(|_| kind.is_number()) else { return Ok(None) };
        match Decimal::parse(bound.as_bytes(), b'.') {
            Ok(value) => Ok(Some(value)),
            Err(_) => fail!("{at}: {key} = \"{bound}\" is not a number"),
        }
    };
    let moment = |key: &str, bound: &Option<String>| -> Result<Option<(i64, String)>> {
        let Some(bound) = bound.as_ref().filter(|_| kind.is_moment()) else { return Ok(None) };
        match moment::iso_micros(bound) {
            Some(micros) => Ok(Some((micros, bound.clone()))),
            None => fail!("{at}: {key} = \"{bound}\" is not a day or moment such as 2024-01-31 or 2024-01-31 18:00:00"),
        }
    };
    for (key, bound) in [("min", &written.min), ("max", &written.max)] {
        if bound.is_some() && !kind.is_number() && !kind.is_moment() {
            fail!("{at}: {key} goes with numbers, dates and timestamps only");
        }
    }
    let has_text_rules = written.regex.is_some() || written.min_length.is_some() || written.max_length.is_some();
    if has_text_rules && kind != ColumnType::Varchar {
        fail!("{at}: regex, min_length and max_length go with varchar only");
    }
    if written.allowed.is_some() && kind != ColumnType::Varchar {
        fail!("{at}: allowed goes with varchar only; numbers have min and max");
    }
    if written.allowed.as_ref().is_some_and(Vec::is_empty) {
        fail!("{at}: allowed is empty");
    }
    if let Some(Err(error)) = written.regex.as_deref().map(whole) {
        fail!("{at}: regex = \"{}\" is no regular expression: {error}", written.regex.as_deref().unwrap_or_default());
    }
    Ok(Rules {
        min: number("min", &written.min)?,
        max: number("max", &written.max)?,
        first: moment("min", &written.min)?,
        last: moment("max", &written.max)?,
        allowed: written.allowed.clone(),
        regex: written.regex.clone(),
        min_length: written.min_length,
        max_length: written.max_length,
    })
}

/// The expression, made to match a whole value.
pub fn whole(regex: &str) -> Result<regex::Regex, regex::Error> {
    regex::Regex::new(&format!("^(?:{regex})$"))
}

/// The line of `name = …` in the text: a table read as a whole has lost its spans.
fn line_of_key(text: &str, name: &str) -> usize {
    let is_key = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
            || line.trim_end().ends_with(&format!(".{name}]"))
    };
    text.lines().position(is_key).map_or(1, |index| index + 1)
}

fn one_byte(path: &Path, key: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => fail!("{}: {key} must be one ASCII character, not \"{text}\"", path.display()),
    }
}

/// Lower-case letters, digits and underscores, starting with a letter.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
