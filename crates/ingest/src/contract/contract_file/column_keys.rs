//! The keys of one column of a contract.

use std::path::Path;

use anyhow::Result;
use salesmart_base::config::MoneyScale;
use salesmart_base::{fail, toml_file};
use salesmart_staging::is_plain_name;
use serde::Deserialize;

use super::number_keys::{Negative, NumberFile, number_style};
use crate::cast::decimal::Decimal;
use crate::cast::digits::Rounding;
use crate::cast::exact::Caster;
use crate::cast::moment;
use crate::cast::number_style::{Grouping, NumberStyle};
use crate::contract::dialect::Format;
use crate::contract::{AmbiguousDates, Column, ColumnType, Position, Rules, header_name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    header: Option<String>,
    position: Option<usize>,
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
    time_zone: Option<String>,
    ambiguous_dates: Option<AmbiguousDates>,
    decimal: Option<String>,
    thousands: Option<String>,
    grouping: Option<Grouping>,
    currency: Option<Vec<String>>,
    #[serde(default)]
    percent: bool,
    negatives: Option<Vec<Negative>>,
    exponent: Option<bool>,
    rounding: Option<Rounding>,
    trim: Option<bool>,
    start: Option<usize>,
    width: Option<usize>,
}

/// What the contract says for all columns.
pub struct Defaults {
    pub number: NumberStyle,
    pub nulls: Option<Vec<String>>,
    pub trim: bool,
    pub ambiguous_dates: AmbiguousDates,
    pub format: Format,
    pub money: MoneyScale,
}

/// The column that its table declares. `text` is the contract's, for the line.
///
/// # Errors
/// A key that is not known or does not go with the type, and a value that cannot be right.
pub fn column(path: &Path, text: &str, name: &str, value: toml::Value, defaults: &Defaults) -> Result<Column> {
    let at = format!("{}:{}: column `{name}`", path.display(), line_of_key(text, name));
    if !is_plain_name(name) {
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
    let Some(kind) = ColumnType::parse(&written.kind, defaults.money) else {
        fail!(
            "{at}: type \"{}\" is not known; known: varchar, integer, bigint, decimal(p,s) with p up to 38, money, date, timestamp, boolean{}",
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
    let has_header = matches!(defaults.format, Format::Csv | Format::Whitespace);
    let position = match (written.position, &written.header) {
        (None, _) => None,
        (Some(_), _) if !has_header => fail!("{at}: position goes with format = \"csv\" and \"whitespace\" only"),
        (Some(0), _) => fail!("{at}: position counts from 1, the first field of a record"),
        (Some(position), Some(_)) => Some(Position::Named(position - 1)),
        (Some(_), None) if !written.aliases.is_empty() => {
            fail!(
                "{at}: aliases go with a header: a column with a position and no header may have any name in the file"
            )
        }
        (Some(position), None) => Some(Position::Unnamed(position - 1)),
    };
    let in_file = |name: &String| if has_header { header_name(name) } else { name.clone() };
    let has_number_keys = written.decimal.is_some()
        || written.thousands.is_some()
        || written.grouping.is_some()
        || written.exponent.is_some()
        || written.rounding.is_some()
        || written.currency.is_some()
        || written.negatives.is_some()
        || written.percent;
    if has_number_keys && !kind.is_number() {
        fail!(
            "{at}: decimal, thousands, grouping, currency, percent, negatives, exponent and rounding go with numbers only"
        );
    }
    let number = NumberFile {
        decimal: written.decimal.as_deref(),
        thousands: written.thousands.as_deref(),
        grouping: written.grouping,
        currency: written.currency.as_ref(),
        negatives: written.negatives.as_ref(),
        percent: written.percent,
        exponent: written.exponent,
    };
    let nulls = written.nulls.as_ref().or(defaults.nulls.as_ref());
    let column = Column {
        header: written.header.as_ref().map_or_else(|| name.to_owned(), in_file),
        aliases: written.aliases.iter().map(in_file).collect(),
        optional: written.optional,
        required: written.required,
        nulls: match nulls {
            Some(nulls) => nulls.clone(),
            None => vec![String::new()],
        },
        null_as: written.null_as.clone(),
        rules: rules(&at, kind, &written)?,
        formats: formats(&at, kind, written.formats, written.time_zone.as_deref(), defaults.format)?,
        time_zone: written.time_zone,
        ambiguous_dates: written.ambiguous_dates.unwrap_or(defaults.ambiguous_dates),
        number: number_style(&at, &number, &defaults.number)?,
        rounding: written.rounding,
        trim: written.trim.unwrap_or(defaults.trim),
        place,
        position,
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

fn formats(
    at: &str,
    kind: ColumnType,
    written: Option<Vec<String>>,
    time_zone: Option<&str>,
    file_format: Format,
) -> Result<Vec<String>> {
    if let Some(zone) = time_zone {
        check_zone(at, kind, zone)?;
    }
    let formats = match written {
        Some(_) if !kind.is_moment() => fail!("{at}: formats goes with date and timestamp only"),
        Some(formats) if formats.is_empty() => fail!("{at}: formats is empty"),
        Some(formats) => formats,
        None if time_zone.is_some() => ColumnType::default_formats_with_offset(),
        None => kind.default_formats(),
    };
    for format in &formats {
        if let Err(reason) = moment::check_format(format, kind) {
            fail!("{at}: format \"{format}\" {reason}");
        }
    }
    // The moments of a Parquet file say themselves whether they are UTC's.
    if time_zone.is_some() && file_format != Format::Parquet && !moment::has_offset(&formats) {
        fail!(
            "{at}: time_zone converts moments that have an offset from UTC, and no format has an offset; write %z where it stands (it reads Z, too)"
        );
    }
    Ok(formats)
}

fn check_zone(at: &str, kind: ColumnType, zone: &str) -> Result<()> {
    if !kind.is_moment() {
        fail!("{at}: time_zone goes with date and timestamp only");
    }
    if zone.parse::<chrono_tz::Tz>().is_err() {
        let near = toml_file::nearest(zone, chrono_tz::TZ_VARIANTS.iter().map(|known| known.name()));
        let advice = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        fail!("{at}: time_zone = \"{zone}\" is no time zone such as \"America/Chicago\" or \"UTC\"{advice}");
    }
    Ok(())
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
    let (min, max) = (number("min", &written.min)?, number("max", &written.max)?);
    let (first, last) = (moment("min", &written.min)?, moment("max", &written.max)?);
    let numbers_cross = min.zip(max).is_some_and(|(min, max)| min > max);
    let moments_cross = first.as_ref().zip(last.as_ref()).is_some_and(|(first, last)| first.0 > last.0);
    if numbers_cross || moments_cross {
        fail!("{at}: min is above max, so that no value fits");
    }
    Ok(Rules {
        min,
        max,
        first,
        last,
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
pub fn line_of_key(text: &str, name: &str) -> usize {
    let is_key = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
            || line.trim_end().ends_with(&format!(".{name}]"))
    };
    text.lines().position(is_key).map_or(1, |index| index + 1)
}
