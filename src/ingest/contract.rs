//! Contracts: one TOML file per source that says which files belong to it and what each column holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::decimal::Decimal;
use super::exact;
use crate::{fail, hash, toml_file};

/// A checked contract.
#[derive(Debug, Clone, Serialize)]
pub struct Contract {
    /// Name of the source: the file's stem. Its rows go to the table `raw.<source>`.
    pub source: String,
    /// Glob of the files, relative to the project folder.
    pub files: String,
    /// Field separator.
    pub delimiter: u8,
    /// Quote character; doubled inside a quoted field it stands for itself.
    pub quote: u8,
    /// Whether columns may come in another order than declared.
    pub column_order: ColumnOrder,
    /// How many rejects a file may have before it is refused whole.
    pub max_rejects: RejectLimit,
    /// Whether a file with a header and no records is accepted.
    pub allow_empty: bool,
    /// The columns, in declared order.
    pub columns: Vec<Column>,
    /// The contract file, for messages.
    #[serde(skip)]
    pub path: PathBuf,
}

/// One declared column.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Name in `raw.<source>`.
    pub name: String,
    /// Name in the file's header.
    pub header: String,
    /// Type.
    pub kind: ColumnType,
    /// An absent value is a reject.
    pub required: bool,
    /// Spellings of an absent value, compared after trimming.
    pub nulls: Vec<String>,
    /// The value that stands in for an absent one, as text.
    pub null_as: Option<String>,
    /// Smallest value allowed.
    pub min: Option<Decimal>,
    /// Largest value allowed.
    pub max: Option<Decimal>,
    /// Formats of dates and timestamps, tried in this order.
    pub formats: Vec<String>,
    /// The decimal mark.
    pub decimal_mark: u8,
    /// Whether spaces around a text are dropped. Other types are always trimmed.
    pub trim: bool,
}

/// The types of columns. There is no floating point: money and quantities are decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ColumnType {
    /// Text, kept as it is.
    Varchar,
    /// 32-bit integer.
    Integer,
    /// 64-bit integer.
    Bigint,
    /// Decimal with (precision, scale), precision at most 38.
    Decimal(u8, u8),
    /// Day.
    Date,
    /// Moment without zone, in microseconds.
    Timestamp,
    /// `true`/`false`, `t`/`f`, `yes`/`no`, `y`/`n`, `1`/`0`.
    Boolean,
}

/// May columns come in another order than declared?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ColumnOrder {
    /// No: another order is an error.
    #[default]
    Declared,
    /// Yes: columns are found by their header.
    Any,
}

/// How many rejects are too many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum RejectLimit {
    /// More than this many records.
    Count(u64),
    /// More than this percentage of the file's records.
    Percent(f64),
}

impl RejectLimit {
    /// Is this many rejected records, of so many read, too many?
    pub fn exceeded(self, rejected: u64, records: u64) -> bool {
        match self {
            Self::Count(limit) => rejected > limit,
            // Both are far below 2^53, where f64 is exact.
            Self::Percent(limit) => rejected as f64 * 100.0 > limit * records as f64,
        }
    }
}

impl std::fmt::Display for RejectLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(limit) => write!(f, "{limit}"),
            Self::Percent(limit) => write!(f, "{limit}%"),
        }
    }
}

impl ColumnType {
    /// The type's name in DuckDB.
    pub fn sql(self) -> String {
        match self {
            Self::Varchar => "varchar".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Bigint => "bigint".to_owned(),
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Boolean => "boolean".to_owned(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        Some(match text.as_str() {
            "varchar" => Self::Varchar,
            "integer" => Self::Integer,
            "bigint" => Self::Bigint,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "boolean" => Self::Boolean,
            other => {
                let inner = other.strip_prefix("decimal(")?.strip_suffix(')')?;
                let (precision, scale) = inner.split_once(',')?;
                let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
                match (1..=38).contains(&precision) && scale <= precision {
                    true => Self::Decimal(precision, scale),
                    false => return None,
                }
            }
        })
    }

    /// Does the type hold numbers, so that `min`, `max` and a decimal mark mean something?
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Bigint | Self::Decimal(..))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractFile {
    files: String,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "double_quote")]
    quote: String,
    #[serde(default = "utf8")]
    encoding: String,
    #[serde(default = "point")]
    decimal: String,
    #[serde(default)]
    column_order: ColumnOrder,
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
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    nulls: Option<Vec<String>>,
    null_as: Option<String>,
    min: Option<String>,
    max: Option<String>,
    formats: Option<Vec<String>>,
    #[serde(default)]
    trim: bool,
}

fn comma() -> String {
    ",".to_owned()
}
fn double_quote() -> String {
    "\"".to_owned()
}
fn utf8() -> String {
    "utf-8".to_owned()
}
fn point() -> String {
    ".".to_owned()
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

impl Contract {
    /// Reads all contracts of a folder, by name.
    ///
    /// # Errors
    /// A folder without contracts, and any contract that cannot be read, is an error.
    pub fn load_all(folder: &Path) -> Result<BTreeMap<String, Self>> {
        let mut contracts = BTreeMap::new();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => fail!("cannot list the contracts in {}: {error}", folder.display()),
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let contract = Self::load(&path)?;
                contracts.insert(contract.source.clone(), contract);
            }
        }
        match contracts.is_empty() {
            true => fail!("there is no contract in {}; write one per source, such as sales.toml", folder.display()),
            false => Ok(contracts),
        }
    }

    /// Reads one contract.
    pub fn load(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => fail!("cannot read the contract {}: {error}", path.display()),
        };
        let file: ContractFile = toml_file::parse(path, &text)?;
        let at = path.display();
        let source = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !is_name(&source) {
            fail!(
                "{at}: the file's name becomes a table name: use lower-case letters, digits and _, starting with a letter"
            );
        }
        if !matches!(file.encoding.to_ascii_lowercase().as_str(), "utf-8" | "utf8") {
            fail!(
                "{at}: encoding \"{}\" is not supported; known: utf-8 (with or without byte order mark)",
                file.encoding
            );
        }
        let decimal_mark = one_byte(path, "decimal", &file.decimal)?;
        if !matches!(decimal_mark, b'.' | b',') {
            fail!("{at}: decimal is \".\" or \",\", not \"{}\"", file.decimal);
        }
        let delimiter = one_byte(path, "delimiter", &file.delimiter)?;
        let quote = one_byte(path, "quote", &file.quote)?;
        if delimiter == quote || matches!(delimiter, b'\n' | b'\r') || matches!(quote, b'\n' | b'\r') {
            fail!("{at}: delimiter and quote must differ, and neither may be a line break");
        }
        if file.files.trim().is_empty() {
            fail!("{at}: files is empty; it names the files of this source, such as \"data/raw/*.csv\"");
        }
        if file.columns.is_empty() {
            fail!("{at}: [columns] is empty; declare every column of the file's header");
        }
        let mut columns: Vec<Column> = Vec::with_capacity(file.columns.len());
        for (name, value) in file.columns {
            let column = column(path, &text, &name, value, decimal_mark)?;
            if let Some(other) = columns.iter().find(|other| other.header == column.header) {
                fail!("{at}: columns `{}` and `{name}` have the same header \"{}\"", other.name, column.header);
            }
            columns.push(column);
        }
        Ok(Self {
            source,
            files: file.files,
            delimiter,
            quote,
            column_order: file.column_order,
            max_rejects: file.max_rejects,
            allow_empty: file.allow_empty,
            columns,
            path: path.to_owned(),
        })
    }

    /// Hash of what the contract means for a file's rows. Comments, the glob and the reject limit do not
    /// count: changing them does not change a row that was accepted.
    pub fn hash(&self) -> Result<String> {
        let meaning = serde_json::to_string(&(self.delimiter, self.quote, self.column_order, &self.columns))?;
        Ok(hash::of_parts([meaning.as_str()]))
    }
}

fn column(path: &Path, text: &str, name: &str, value: toml::Value, decimal_mark: u8) -> Result<Column> {
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
    let formats = match (kind, written.formats) {
        (ColumnType::Date | ColumnType::Timestamp, Some(formats)) if formats.is_empty() => {
            fail!("{at}: formats is empty")
        }
        (ColumnType::Date | ColumnType::Timestamp, Some(formats)) => formats,
        (ColumnType::Date, None) => vec!["%Y-%m-%d".to_owned()],
        (ColumnType::Timestamp, None) => {
            ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d"].map(str::to_owned).into()
        }
        (_, Some(_)) => fail!("{at}: formats goes with date and timestamp only"),
        (_, None) => Vec::new(),
    };
    for format in &formats {
        if let Err(reason) = exact::check_format(format, kind) {
            fail!("{at}: format \"{format}\" {reason}");
        }
    }
    let bound = |key: &str, bound: Option<String>| -> Result<Option<Decimal>> {
        let Some(bound) = bound else { return Ok(None) };
        match (kind.is_number(), Decimal::parse(bound.as_bytes(), b'.')) {
            (true, Ok(value)) => Ok(Some(value)),
            (true, Err(_)) => fail!("{at}: {key} = \"{bound}\" is not a number"),
            (false, _) => fail!("{at}: {key} goes with numbers only"),
        }
    };
    let (min, max) = (bound("min", written.min)?, bound("max", written.max)?);
    let column = Column {
        name: name.to_owned(),
        header: written.header.unwrap_or_else(|| name.to_owned()),
        kind,
        required: written.required,
        nulls: match written.nulls {
            Some(nulls) => nulls.iter().map(|null| null.trim().to_owned()).collect(),
            None => vec![String::new()],
        },
        null_as: written.null_as,
        min,
        max,
        formats,
        decimal_mark,
        trim: written.trim,
    };
    if let Some(null_as) = &column.null_as {
        if column.required {
            fail!("{at}: required and null_as contradict each other");
        }
        // null_as is written in the contract's own dialect: with a point, whatever the files use.
        let neutral = Column { decimal_mark: b'.', ..column.clone() };
        if let Err(fault) = exact::Caster::new(&neutral).cast(null_as) {
            fail!("{at}: null_as = \"{null_as}\" does not fit the column: {}", fault.reason);
        }
    }
    Ok(column)
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
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
