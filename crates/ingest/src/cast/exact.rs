//! Exact casts from text: a value is accepted only if nothing of it is lost.

use std::collections::HashSet;

use regex::Regex;
use salesmart_base::count::counted;

use super::decimal::{Decimal, NotDecimal};
use super::digits::Rounding;
use super::fault::{Code, Fault};
use super::moment::Moments;
use super::number_style::NumberStyle;
use crate::contract::contract_file;
use crate::contract::{Column, ColumnType};

/// A cast value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// Text, as it stands in the file.
    Text(&'a str),
    /// Any integer or decimal: the number times ten to the column's scale.
    Number(i128),
    /// As a number, which the contract's rounding has changed.
    Rounded(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00:00.
    Timestamp(i64),
    /// Truth value.
    Boolean(bool),
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Casts the fields of one column; its formats and rules are prepared once.
pub struct Caster {
    column: Column,
    /// The only null spelling is the empty text, the common case.
    only_empty_is_null: bool,
    /// Blanks around a value are part of it.
    keeps_blanks: bool,
    moments: Moments,
    allowed: Option<HashSet<String>>,
    regex: Option<Regex>,
    /// Digits behind the point, smallest and largest number of the type.
    scale: u32,
    smallest: i128,
    largest: i128,
}

impl Caster {
    /// A caster for this column.
    pub fn new(column: &Column) -> Self {
        let (scale, smallest, largest) = match column.kind {
            ColumnType::Integer => (0, i128::from(i32::MIN), i128::from(i32::MAX)),
            ColumnType::Bigint => (0, i128::from(i64::MIN), i128::from(i64::MAX)),
            ColumnType::Decimal(precision, scale) => {
                let largest = 10_i128.pow(u32::from(precision)) - 1;
                (u32::from(scale), -largest, largest)
            }
            _ => (0, 0, 0),
        };
        Self {
            only_empty_is_null: column.nulls.iter().all(String::is_empty) && !column.nulls.is_empty(),
            keeps_blanks: column.kind == ColumnType::Varchar && !column.trim,
            // The contract has been checked: a zone that is none does not get here.
            moments: Moments::new(column.kind, &column.formats, column.ambiguous_dates)
                .in_zone(column.time_zone.as_deref().and_then(|zone| zone.parse().ok())),
            allowed: column.rules.allowed.as_ref().map(|allowed| allowed.iter().cloned().collect()),
            // The contract has been checked: an expression that is none does not get here.
            regex: column.rules.regex.as_deref().and_then(|regex| contract_file::whole(regex).ok()),
            column: column.clone(),
            scale,
            smallest,
            largest,
        }
    }

    /// A caster for values of this column that come from a typed file, as text in the one neutral spelling.
    pub fn typed(column: &Column) -> Self {
        // Many programs store days as moments at midnight.
        let formats = match column.kind {
            ColumnType::Date => ColumnType::Timestamp.default_formats(),
            kind => kind.default_formats(),
        };
        // Moments of UTC are marked as such where a zone is declared.
        let with_offset = formats.iter().map(|format| format!("{format}%z")).filter(|_| column.time_zone.is_some());
        let formats = formats.iter().cloned().chain(with_offset).collect();
        Self::new(&Column { number: NumberStyle::typed(), formats, ..column.clone() })
    }

    /// The column this caster is for.
    pub fn column(&self) -> &Column {
        &self.column
    }

    /// Casts a field as it stands in the file: absent values, defaults, `required` and rules included.
    #[inline]
    pub fn field<'v>(&'v self, text: &'v str) -> Result<Value<'v>, Fault> {
        let value = if self.keeps_blanks { text } else { trim(text) };
        let is_null = match self.only_empty_is_null {
            true => value.is_empty(),
            false => self.column.nulls.iter().any(|null| self.is_null(value, null)),
        };
        match is_null {
            true => self.absent(),
            false => self.cast(value),
        }
    }

    /// Is the value this spelling of an absent one? Blanks around it do not count, but a text of blanks alone is what it is.
    fn is_null(&self, value: &str, null: &str) -> bool {
        value == null || value.trim() == null.trim() && !(self.keeps_blanks && null.trim().is_empty())
    }

    /// What an absent value becomes.
    pub fn absent(&self) -> Result<Value<'_>, Fault> {
        match &self.column.null_as {
            Some(stand_in) => self.stand_in(stand_in),
            None if self.column.required => Err(Fault::new(Code::Required, "a value is required here")),
            None => Ok(Value::Null),
        }
    }

    /// Casts `null_as`, which is written as contracts write: with a point, and without the file's decorations.
    pub fn stand_in<'v>(&self, text: &'v str) -> Result<Value<'v>, Fault> {
        match self.column.kind.is_number() {
            true => self.number(text, &NumberStyle::default(), None),
            false => self.cast(text),
        }
    }

    fn cast<'v>(&self, text: &'v str) -> Result<Value<'v>, Fault> {
        match self.column.kind {
            ColumnType::Varchar => self.text(text),
            ColumnType::Boolean => boolean(text),
            ColumnType::Date | ColumnType::Timestamp => self.moment(text),
            _ => self.number(text, &self.column.number, self.column.rounding),
        }
    }

    fn text<'v>(&self, text: &'v str) -> Result<Value<'v>, Fault> {
        let rules = &self.column.rules;
        if let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.contains(text)) {
            let mut known: Vec<&str> = allowed.iter().map(String::as_str).collect();
            known.sort_unstable();
            let more = known.len().saturating_sub(8);
            known.truncate(8);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(Fault::new(
                Code::NotAllowed,
                format!("not among the allowed values {}{more}", known.join(", ")),
            ));
        }
        if self.regex.as_ref().is_some_and(|regex| !regex.is_match(text)) {
            let regex = rules.regex.as_deref().unwrap_or_default();
            return Err(Fault::new(Code::NoMatch, format!("does not match {regex}")));
        }
        if rules.min_length.is_some() || rules.max_length.is_some() {
            let length = text.chars().count();
            let is_short = rules.min_length.is_some_and(|min| length < min);
            if is_short || rules.max_length.is_some_and(|max| length > max) {
                let (word, bound) = if is_short { ("fewer", rules.min_length) } else { ("more", rules.max_length) };
                let bound = bound.unwrap_or_default();
                return Err(Fault::new(
                    Code::BadLength,
                    format!("{}, {word} than {bound}", counted(length as u64, "character")),
                ));
            }
        }
        Ok(Value::Text(text))
    }

    fn number<'v>(&self, text: &str, style: &NumberStyle, rounding: Option<Rounding>) -> Result<Value<'v>, Fault> {
        let parsed = match rounding {
            None => style.parse(text).map(|written| (written, false)),
            Some(rounding) => style.parse_rounded(text, self.scale, rounding),
        };
        let ((decimal, leading_zero), is_rounded) = match parsed {
            Ok(parsed) => parsed,
            Err(NotDecimal::Malformed) => return Err(Fault::new(Code::NotANumber, "this is not a number")),
            Err(NotDecimal::TooLong) => return Err(Fault::new(Code::OutOfRange, "more than 38 digits")),
            Err(NotDecimal::NoPercent) => {
                return Err(Fault::new(Code::NotANumber, "a percentage without % could as well be a ratio"));
            }
        };
        let kind = || self.column.kind.sql();
        if decimal.scale() > self.scale {
            return Err(Fault::new(Code::NotExact, format!("{} would lose digits of it", kind())));
        }
        if leading_zero && self.scale == 0 {
            let reason = format!("{} would drop the leading zero; if this is a code, declare varchar", kind());
            return Err(Fault::new(Code::NotExact, reason));
        }
        let fits = |number: &i128| (self.smallest..=self.largest).contains(number);
        let Some(number) = decimal.at_scale(self.scale).filter(fits) else {
            return Err(Fault::new(Code::OutOfRange, format!("too large for {}", kind())));
        };
        self.within(decimal)?;
        Ok(if is_rounded { Value::Rounded(number) } else { Value::Number(number) })
    }

    fn within(&self, decimal: Decimal) -> Result<(), Fault> {
        if let Some(min) = self.column.rules.min.filter(|min| decimal < *min) {
            return Err(Fault::new(Code::OutOfRange, format!("less than the minimum {min}")));
        }
        if let Some(max) = self.column.rules.max.filter(|max| decimal > *max) {
            return Err(Fault::new(Code::OutOfRange, format!("more than the maximum {max}")));
        }
        Ok(())
    }

    fn moment<'v>(&self, text: &str) -> Result<Value<'v>, Fault> {
        let micros = self.moments.read(text)?;
        if let Some((_, first)) = self.column.rules.first.as_ref().filter(|(first, _)| micros < *first) {
            return Err(Fault::new(Code::OutOfRange, format!("before the minimum {first}")));
        }
        if let Some((_, last)) = self.column.rules.last.as_ref().filter(|(last, _)| micros > *last) {
            return Err(Fault::new(Code::OutOfRange, format!("after the maximum {last}")));
        }
        Ok(match self.column.kind {
            ColumnType::Date => Value::Date(micros.div_euclid(MICROS_PER_DAY) as i32),
            _ => Value::Timestamp(micros),
        })
    }
}

/// The text without white space around it; most texts have none.
#[inline]
fn trim(text: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
    match is_plain(text.as_bytes().first()) && is_plain(text.as_bytes().last()) {
        true => text,
        false => text.trim(),
    }
}

fn boolean<'v>(text: &str) -> Result<Value<'v>, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(Value::Boolean(true)),
        "false" | "f" | "no" | "n" | "0" => Ok(Value::Boolean(false)),
        _ => Err(Fault::new(Code::BadBoolean, "this is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnType, formats: &[&str]) -> Column {
        let mut column = Column::plain("c", kind);
        if !formats.is_empty() {
            column.formats = formats.iter().map(|format| (*format).to_owned()).collect();
        }
        column
    }

    fn code(column: &Column, text: &str) -> Code {
        match Caster::new(column).field(text) {
            Err(fault) => fault.code,
            Ok(value) => panic!("{text:?} was accepted as {value:?}"),
        }
    }

    fn value(column: &Column, text: &str) -> Value<'static> {
        match Caster::new(column).field(text) {
            Ok(Value::Text(_)) => panic!("text"),
            Ok(Value::Number(number)) => Value::Number(number),
            Ok(Value::Rounded(number)) => Value::Rounded(number),
            Ok(Value::Date(day)) => Value::Date(day),
            Ok(Value::Timestamp(moment)) => Value::Timestamp(moment),
            Ok(Value::Boolean(truth)) => Value::Boolean(truth),
            Ok(Value::Null) => Value::Null,
            Err(fault) => panic!("{text:?} was refused: {fault:?}"),
        }
    }

    #[test]
    fn decimals_keep_every_digit_or_are_refused() {
        let money = column(ColumnType::Decimal(12, 2), &[]);
        assert_eq!(value(&money, "19.99"), Value::Number(1999));
        assert_eq!(value(&money, " -0.5 "), Value::Number(-50));
        assert_eq!(value(&money, "19.990000"), Value::Number(1999));
        assert_eq!(value(&money, "+7"), Value::Number(700));
        assert_eq!(value(&money, ".25"), Value::Number(25));
        assert_eq!(code(&money, "19.999"), Code::NotExact);
        for text in ["12,50", "1e3", "abc", ".", "-", "1.2.3", "1 000", "0x10", "١", "--1", "1-"] {
            assert_eq!(code(&money, text), Code::NotANumber, "{text}");
        }
        assert_eq!(code(&money, "99999999999.99"), Code::OutOfRange);
        assert_eq!(code(&money, &"9".repeat(60)), Code::OutOfRange);
        let widest = column(ColumnType::Decimal(38, 0), &[]);
        assert_eq!(value(&widest, &"9".repeat(38)), Value::Number(10_i128.pow(38) - 1));
    }

    #[test]
    fn integers_are_whole_and_keep_their_zeros() {
        let integer = column(ColumnType::Integer, &[]);
        assert_eq!(value(&integer, "-12"), Value::Number(-12));
        assert_eq!(value(&integer, "0"), Value::Number(0));
        assert_eq!(value(&integer, "2.0"), Value::Number(2));
        assert_eq!(code(&integer, "2.7"), Code::NotExact);
        assert_eq!(code(&integer, "007"), Code::NotExact);
        assert_eq!(code(&integer, "2147483648"), Code::OutOfRange);
        assert_eq!(value(&integer, "-2147483648"), Value::Number(-2_147_483_648));
        assert_eq!(code(&integer, "-2147483649"), Code::OutOfRange);
    }

    #[test]
    fn moments_exist_and_keep_their_time() {
        let moment = column(ColumnType::Timestamp, &["%Y-%m-%d %H:%M:%S%.f", "%d/%m/%Y"]);
        assert_eq!(value(&moment, "1970-01-01 00:00:01"), Value::Timestamp(1_000_000));
        assert_eq!(value(&moment, "1970-01-01 00:00:01.25"), Value::Timestamp(1_250_000));
        assert_eq!(value(&moment, "02/01/1970"), Value::Timestamp(86_400_000_000));
        assert_eq!(value(&moment, "1970-01-01 00:00:01.250000000000"), Value::Timestamp(1_250_000));
        assert_eq!(value(&moment, "2/1/1970"), Value::Timestamp(86_400_000_000));
        assert_eq!(code(&moment, "1970-01-01 00:00:01.0000001"), Code::NotExact);
        assert_eq!(code(&moment, "1970-01-01 00:00:01.1234560009"), Code::NotExact);
        for text in [
            "2023-02-29 00:00:00",
            "2023-13-01 00:00:00",
            "yesterday",
            "31/02/2023",
            "2023-01-01 25:00:00",
            "01/02/23",
            "2023-01-01 10:00:00 x",
            "2023-12-31 23:59:60",
            "2023-01-0510:00:00",
            "+2023-01-05 10:00:00",
            "2023- 1- 5 10:00:00",
            "2023-01-05\u{a0}10:00:00",
            "1/ 2/2024",
        ] {
            assert_eq!(code(&moment, text), Code::BadDate, "{text}");
        }
        let compact = column(ColumnType::Date, &["%Y%m%d"]);
        assert_eq!(value(&compact, "19700103"), Value::Date(2));
        assert_eq!(code(&compact, "2024111"), Code::BadDate);
        let named = column(ColumnType::Date, &["%d-%b-%y"]);
        assert_eq!(value(&named, "3-JAN-70"), Value::Date(2));
        let day = column(ColumnType::Date, &["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]);
        assert_eq!(value(&day, "1970-01-03"), Value::Date(2));
        assert_eq!(value(&day, "1970-01-03 00:00:00"), Value::Date(2));
        assert_eq!(code(&day, "1970-01-03 00:00:01"), Code::NotExact);
    }

    #[test]
    fn absent_values_follow_the_contract() {
        let mut money = column(ColumnType::Decimal(12, 2), &[]);
        assert_eq!(value(&money, "  "), Value::Null);
        money.null_as = Some("0.5".into());
        money.number.mark = b',';
        assert_eq!(value(&money, ""), Value::Number(50));
        money.null_as = None;
        money.required = true;
        assert_eq!(code(&money, ""), Code::Required);
        money.rules.min = Decimal::parse(b"0", b'.').ok();
        assert_eq!(code(&money, "-0,01"), Code::OutOfRange);
        assert_eq!(value(&money, "0,01"), Value::Number(1));
    }

    #[test]
    fn rules_hold_for_texts_and_moments() {
        let mut text = column(ColumnType::Varchar, &[]);
        text.rules.allowed = Some(vec!["a".into(), "b".into()]);
        assert_eq!(code(&text, "c"), Code::NotAllowed);
        assert!(Caster::new(&text).field("a").is_ok());
        text.rules.allowed = None;
        text.rules.regex = Some("[A-Z]{2}|x".into());
        assert_eq!(code(&text, "ABC"), Code::NoMatch);
        assert_eq!(code(&text, "AB\n"), Code::NoMatch);
        assert!(Caster::new(&text).field("AB").is_ok());
        text.rules.regex = None;
        text.rules.max_length = Some(2);
        assert_eq!(code(&text, "äöü"), Code::BadLength);
        assert!(Caster::new(&text).field("äö").is_ok());
        let mut day = column(ColumnType::Date, &[]);
        day.rules.first = Some((0, "1970-01-01".into()));
        assert_eq!(code(&day, "1969-12-31"), Code::OutOfRange);
        assert_eq!(value(&day, "1970-01-01"), Value::Date(0));
        assert_eq!(value(&column(ColumnType::Date, &[]), "1969-12-31"), Value::Date(-1));
    }
}
