//! Contracts: what the files of a source look like and what each column holds. [`contract_file`] reads them, [`dialect`]
//! is how their records are written, [`encoding`] how their text is, which a [`mark`] may prove.

pub mod contract_file;
pub mod dialect;
pub mod encoding;
pub mod mark;
pub mod pattern;

use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::config::MoneyScale;
use salesmart_base::hash;
use salesmart_staging::ident;
use serde::{Deserialize, Serialize};

use crate::cast::decimal::Decimal;
use crate::cast::digits::Rounding;
use crate::cast::number_style::NumberStyle;
use crate::contract::dialect::Dialect;

/// A checked contract.
#[derive(Debug, Clone, Serialize)]
pub struct Contract {
    /// Name of the source: the file's stem. Its rows go to the table `raw.<source>`.
    pub source: String,
    /// Glob of the files, relative to the project folder.
    pub files: String,
    /// How the files are written.
    pub dialect: Dialect,
    /// Whether columns may come in another order than declared.
    pub column_order: ColumnOrder,
    /// What becomes of columns that the contract does not name.
    pub drift: Drift,
    /// Columns whose values together occur once in a file; empty: there is no such rule.
    pub unique: Vec<String>,
    /// Columns that say which record this is: of two with the same values, the later one counts. Empty: nobody said, and records
    /// that replace others are not counted.
    pub key: Vec<String>,
    /// How many rejects a file may have before it is refused whole.
    pub max_rejects: RejectLimit,
    /// Whether a file with a header and no records is accepted.
    pub allow_empty: bool,
    /// What fixed places are counted in.
    #[serde(skip_serializing_if = "WidthUnit::is_undeclared")]
    pub width_unit: WidthUnit,
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
    /// Other names it has in some files' headers.
    pub aliases: Vec<String>,
    /// A file may lack it; its values are then absent.
    pub optional: bool,
    /// Type.
    pub kind: ColumnType,
    /// An absent value is a reject.
    pub required: bool,
    /// Spellings of an absent value, compared after trimming.
    pub nulls: Vec<String>,
    /// The value that stands in for an absent one, as text.
    pub null_as: Option<String>,
    /// What a value must be.
    pub rules: Rules,
    /// Formats of dates and timestamps, tried in this order.
    pub formats: Vec<String>,
    /// What to do with a text that is one moment in one format and another in another.
    pub ambiguous_dates: AmbiguousDates,
    /// The zone whose clock counts where a text has an offset from UTC; else it is the clock in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How numbers are written.
    pub number: NumberStyle,
    /// How a number becomes one of the type if it has more places; without it, it is a reject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Whether spaces around a text are dropped. Other types are always trimmed.
    pub trim: bool,
    /// The place in a line of fixed places: first character or column, from 0, and how many.
    pub place: Option<(usize, usize)>,
    /// Which field it is, if that is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Which field of a record a column is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Position {
    /// Whatever name the header has there.
    Unnamed(usize),
    /// The header has the column's name there.
    Named(usize),
}

impl Position {
    /// The field, from 0.
    pub fn place(self) -> usize {
        match self {
            Self::Unnamed(place) | Self::Named(place) => place,
        }
    }
}

/// A name in a header as names are compared: without blanks around it, and with one kind of line break.
pub fn header_name(written: &str) -> String {
    written.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// What a value must be, beyond its type.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rules {
    /// Smallest number.
    pub min: Option<Decimal>,
    /// Largest number.
    pub max: Option<Decimal>,
    /// First day or moment, in microseconds since 1970, and as written.
    pub first: Option<(i64, String)>,
    /// Last day or moment.
    pub last: Option<(i64, String)>,
    /// The only texts there may be.
    pub allowed: Option<Vec<String>>,
    /// What the whole text must match.
    pub regex: Option<String>,
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
}

/// The types of columns. There is no floating point: money and quantities are decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// What becomes of columns that the contract does not name?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// They are an error.
    #[default]
    Error,
    /// They are not loaded.
    IgnoreExtra,
}

/// What are fixed places counted in?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum WidthUnit {
    /// Characters; a line in which columns would make a difference is a reject.
    #[default]
    #[serde(skip)]
    Undeclared,
    /// Characters.
    Characters,
    /// Columns of a terminal: two for a Chinese, Japanese or Korean character, none for a combining mark.
    Columns,
}

impl WidthUnit {
    fn is_undeclared(&self) -> bool {
        *self == Self::Undeclared
    }

    /// The word for one of them.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Undeclared | Self::Characters => "character",
            Self::Columns => "column",
        }
    }
}

/// What becomes of a text that is one moment in one declared format and another in another?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AmbiguousDates {
    /// It is a reject.
    #[default]
    Refuse,
    /// The format that stands first in the contract wins.
    FirstFormat,
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

    /// The type of this name; `money` is a decimal with the project's places.
    pub fn parse(text: &str, money: MoneyScale) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        Some(match text.as_str() {
            "varchar" => Self::Varchar,
            "money" => Self::Decimal(MoneyScale::PRECISION, money.places()),
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

    /// Does the type hold numbers, so that a decimal mark means something?
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Bigint | Self::Decimal(..))
    }

    /// Digits behind the point of a number; 0 for other types.
    pub fn scale(self) -> u32 {
        match self {
            Self::Decimal(_, scale) => u32::from(scale),
            _ => 0,
        }
    }

    /// Does the type hold days or moments?
    pub fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }

    /// The formats of a day or moment where a contract names none: ISO 8601.
    pub fn default_formats(self) -> Vec<String> {
        let formats: &[&str] = match self {
            Self::Date => &["%Y-%m-%d"],
            Self::Timestamp => &["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d"],
            _ => &[],
        };
        formats.iter().map(|format| (*format).to_owned()).collect()
    }

    /// The same with an offset from UTC, where a contract declares a time zone.
    pub fn default_formats_with_offset() -> Vec<String> {
        ["%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f%z"].map(str::to_owned).to_vec()
    }
}

impl Column {
    /// A column of this name and type with every default.
    pub fn plain(name: &str, kind: ColumnType) -> Self {
        Self {
            name: name.to_owned(),
            header: name.to_owned(),
            aliases: Vec::new(),
            optional: false,
            kind,
            required: false,
            nulls: vec![String::new()],
            null_as: None,
            rules: Rules::default(),
            formats: kind.default_formats(),
            ambiguous_dates: AmbiguousDates::default(),
            time_zone: None,
            number: NumberStyle::default(),
            rounding: None,
            trim: false,
            place: None,
            position: None,
        }
    }
}

impl Contract {
    /// Name and type of every column, as a table declares them behind others: `, "a" VARCHAR, "b" DATE`.
    pub fn column_definitions(&self) -> String {
        self.columns.iter().map(|column| format!(", {} {}", ident(&column.name), column.kind.sql())).collect()
    }

    /// What [`hash`](Self::hash) is of, by name, so that two contracts can be compared.
    pub fn meaning(&self) -> Result<serde_json::Value> {
        Ok(serde_json::json!({
            "dialect": self.dialect,
            "width_unit": self.width_unit.singular(),
            "column_order": self.column_order,
            "drift": self.drift,
            "unique": self.unique,
            "columns": serde_json::to_value(&self.columns)?,
        }))
    }

    /// Hash of what the contract means for a file's rows. Comments, the glob, the reject limit and the key
    /// do not count: changing them does not change a row that was accepted.
    pub fn hash(&self) -> Result<String> {
        let meaning =
            serde_json::to_string(&(&self.dialect, self.column_order, self.drift, &self.unique, &self.columns))?;
        Ok(match self.width_unit {
            WidthUnit::Undeclared => hash::of_parts([meaning.as_str()]),
            unit => hash::of_parts([meaning.as_str(), unit.singular()]),
        })
    }
}
