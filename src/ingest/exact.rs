//! Exact casts from text: a value is accepted only if nothing of it is lost.

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::contract::{Column, ColumnType};
use super::decimal::{Decimal, NotDecimal};
use super::fault::{Code, Fault};

/// A cast value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// Text, as it stands in the file.
    Text(&'a str),
    /// Any integer or decimal: the number times ten to the column's scale.
    Number(i128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00:00.
    Timestamp(i64),
    /// Truth value.
    Boolean(bool),
}

/// Casts the fields of one column; its formats are parsed once.
pub struct Caster {
    column: Column,
    formats: Vec<(String, Vec<Item<'static>>)>,
}

impl Caster {
    /// A caster for this column.
    pub fn new(column: &Column) -> Self {
        let items = |format: &String| StrftimeItems::new(format).parse_to_owned().unwrap_or_default();
        let formats = column.formats.iter().map(|format| (format.clone(), items(format))).collect();
        Self { column: column.clone(), formats }
    }

    /// The column this caster is for.
    pub fn column(&self) -> &Column {
        &self.column
    }

    /// Casts a field as it stands in the file: absent values, defaults, `required` and bounds included.
    pub fn field<'v>(&'v self, text: &'v str) -> Result<Value<'v>, Fault> {
        let trimmed = text.trim();
        if !self.column.nulls.iter().any(|null| null == trimmed) {
            return self.cast(text);
        }
        match &self.column.null_as {
            Some(stand_in) if self.column.decimal_mark == b'.' => self.cast(stand_in),
            Some(stand_in) => self.number_or(stand_in, b'.'),
            None if self.column.required => Err(Fault::new(Code::Required, "a value is required here")),
            None => Ok(Value::Null),
        }
    }

    /// Casts a text that is a value.
    pub fn cast<'v>(&self, text: &'v str) -> Result<Value<'v>, Fault> {
        match self.column.kind {
            ColumnType::Varchar if self.column.trim => Ok(Value::Text(text.trim())),
            ColumnType::Varchar => Ok(Value::Text(text)),
            ColumnType::Boolean => boolean(text.trim()),
            ColumnType::Date | ColumnType::Timestamp => self.moment(text.trim()),
            _ => self.number(text.trim(), self.column.decimal_mark),
        }
    }

    fn number_or<'v>(&self, text: &'v str, mark: u8) -> Result<Value<'v>, Fault> {
        match self.column.kind.is_number() {
            true => self.number(text, mark),
            false => self.cast(text),
        }
    }

    fn number<'v>(&self, text: &str, mark: u8) -> Result<Value<'v>, Fault> {
        let decimal = match Decimal::parse(text.as_bytes(), mark) {
            Ok(decimal) => decimal,
            Err(NotDecimal::Malformed) => return Err(Fault::new(Code::NotANumber, "this is not a number")),
            Err(NotDecimal::TooLong) => return Err(Fault::new(Code::OutOfRange, "more than 38 digits")),
        };
        let (scale, range) = match self.column.kind {
            ColumnType::Integer => (0, i128::from(i32::MIN)..=i128::from(i32::MAX)),
            ColumnType::Bigint => (0, i128::from(i64::MIN)..=i128::from(i64::MAX)),
            ColumnType::Decimal(precision, scale) => {
                let largest = 10_i128.pow(u32::from(precision)) - 1;
                (u32::from(scale), -largest..=largest)
            }
            _ => return Err(Fault::new(Code::NotANumber, "this column holds no numbers")),
        };
        let kind = || self.column.kind.sql();
        if decimal.scale() > scale {
            return Err(Fault::new(Code::NotExact, format!("{} would lose digits of it", kind())));
        }
        let unsigned = text.trim_start_matches(['-', '+']).as_bytes();
        if scale == 0 && unsigned.len() > 1 && unsigned[0] == b'0' && unsigned[1].is_ascii_digit() {
            let reason = format!("{} would drop the leading zero; if this is a code, declare varchar", kind());
            return Err(Fault::new(Code::NotExact, reason));
        }
        let Some(number) = decimal.at_scale(scale).filter(|number| range.contains(number)) else {
            return Err(Fault::new(Code::OutOfRange, format!("too large for {}", kind())));
        };
        if let Some(min) = self.column.min.filter(|min| decimal < *min) {
            return Err(Fault::new(Code::OutOfRange, format!("less than the minimum {min}")));
        }
        if let Some(max) = self.column.max.filter(|max| decimal > *max) {
            return Err(Fault::new(Code::OutOfRange, format!("more than the maximum {max}")));
        }
        Ok(Value::Number(number))
    }

    fn moment<'v>(&self, text: &str) -> Result<Value<'v>, Fault> {
        let mut finest = None;
        for (format, items) in &self.formats {
            let parsed = match iso_moment(text, format) {
                Some(moment) => Some(moment),
                None => parse_moment(text, items).filter(|moment| is_written_so(text, *moment, format)),
            };
            match parsed.map(|moment| self.moment_value(text, moment)) {
                Some(Ok(value)) => return Ok(value),
                Some(Err(fault)) => finest = Some(fault),
                None => {}
            }
        }
        Err(finest.unwrap_or_else(|| {
            Fault::new(
                Code::BadDate,
                format!("no such {} in the format {}", self.column.kind.sql(), self.column.formats.join(" or ")),
            )
        }))
    }

    fn moment_value<'v>(&self, text: &str, moment: NaiveDateTime) -> Result<Value<'v>, Fault> {
        if moment.and_utc().timestamp_subsec_nanos() >= 1_000_000_000 {
            return Err(Fault::new(Code::BadDate, "second 60 would become another moment"));
        }
        // A year of two or three digits that was read with %Y is a misread date, not an ancient sale.
        if !(1000..=9999).contains(&moment.year()) {
            return Err(Fault::new(Code::BadDate, format!("the year {} has not four digits", moment.year())));
        }
        match self.column.kind {
            ColumnType::Date if moment.time() != chrono::NaiveTime::MIN => {
                Err(Fault::new(Code::NotExact, "date would lose the time of day"))
            }
            ColumnType::Date => {
                Ok(Value::Date(moment.date().signed_duration_since(NaiveDate::default()).num_days() as i32))
            }
            _ if loses_fraction(text) || !moment.and_utc().timestamp_subsec_nanos().is_multiple_of(1000) => {
                Err(Fault::new(Code::NotExact, "timestamp would lose digits below the microsecond"))
            }
            _ => Ok(Value::Timestamp(moment.and_utc().timestamp_micros())),
        }
    }
}

fn boolean<'v>(text: &str) -> Result<Value<'v>, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(Value::Boolean(true)),
        "false" | "f" | "no" | "n" | "0" => Ok(Value::Boolean(false)),
        _ => Err(Fault::new(Code::BadBoolean, "this is neither true nor false")),
    }
}

/// The commonest formats without the general parser, which costs ten times as much. `None` means "let the
/// general parser decide", never "wrong".
fn iso_moment(text: &str, format: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        bytes.get(from..to)?.iter().try_fold(0_u32, |sum, byte| match byte.is_ascii_digit() {
            true => Some(sum * 10 + u32::from(byte - b'0')),
            false => None,
        })
    };
    let separator = match format {
        "%Y-%m-%d" if bytes.len() == 10 => None,
        "%Y-%m-%d %H:%M:%S" | "%Y-%m-%d %H:%M:%S%.f" if bytes.len() == 19 => Some(b' '),
        "%Y-%m-%dT%H:%M:%S" | "%Y-%m-%dT%H:%M:%S%.f" if bytes.len() == 19 => Some(b'T'),
        _ => return None,
    };
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let day = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    match separator {
        None => day.and_hms_opt(0, 0, 0),
        Some(separator) if bytes[10] == separator && bytes[13] == b':' && bytes[16] == b':' => {
            // A leap second is left to the general parser.
            day.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)
        }
        Some(_) => None,
    }
}

/// Is the moment, written in the format, the text again? The parser is lenient about signs, spaces and missing
/// separators; those are guesses. Leading zeros (`1/2/2024`) and the length of a fraction may differ.
fn is_written_so(text: &str, moment: NaiveDateTime, format: &str) -> bool {
    match format.contains("%.f") {
        true => skeleton(without_fraction(text)) == skeleton(&moment.format(&format.replace("%.f", "")).to_string()),
        false => skeleton(text) == skeleton(&moment.format(format).to_string()),
    }
}

/// The text in lower case, with every run of digits marked and without its leading zeros.
fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut in_digits = false;
    for c in text.chars() {
        match c.is_ascii_digit() {
            true => {
                if !in_digits {
                    out.push('#');
                }
                in_digits = true;
                if c != '0' || !out.ends_with('#') {
                    out.push(c);
                }
            }
            false => {
                in_digits = false;
                out.extend(c.to_lowercase());
            }
        }
    }
    out
}

/// The digits behind the last point, if it is followed by nothing else.
fn fraction(text: &str) -> Option<&str> {
    let (_, digits) = text.rsplit_once('.')?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn without_fraction(text: &str) -> &str {
    match fraction(text) {
        Some(digits) => &text[..text.len() - digits.len() - 1],
        None => text,
    }
}

/// Has a time more digits behind the second than a microsecond holds? The parser drops those beyond nine.
fn loses_fraction(text: &str) -> bool {
    text.contains(':')
        && fraction(text).is_some_and(|digits| digits.len() > 6 && digits[6..].bytes().any(|byte| byte != b'0'))
}

fn parse_moment(text: &str, items: &[Item<'_>]) -> Option<NaiveDateTime> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, items.iter()).ok()?;
    let day = parsed.to_naive_date().ok()?;
    match (parsed.hour_div_12(), parsed.hour_mod_12()) {
        (None, None) => day.and_hms_opt(0, 0, 0),
        _ => Some(day.and_time(parsed.to_naive_time().ok()?)),
    }
}

/// Is this a usable format for the type? The error is the end of a sentence about the format.
pub fn check_format(format: &str, kind: ColumnType) -> Result<(), String> {
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.iter().any(|item| matches!(item, Item::Error)) {
        return Err("has an unknown % code; see strftime: %Y %m %d %H %M %S %.f %y %b %I %p".to_owned());
    }
    if format.contains("%z")
        || format.contains("%Z")
        || format.contains("%:z")
        || format.contains("%+")
        || format.contains("%s")
    {
        return Err("holds a time zone or an epoch, which this type does not".to_owned());
    }
    if format.replace("%.f", "").contains("%f") {
        return Err("has %f, which counts nanoseconds; a fraction of a second is %.f, its point included".to_owned());
    }
    let probe = NaiveDate::from_ymd_opt(2001, 11, 23).and_then(|day| day.and_hms_opt(14, 15, 16));
    let Some(probe) = probe else { return Err("cannot be tried".to_owned()) };
    let written = probe.format(format).to_string();
    match parse_moment(&written, &items) {
        Some(read) if read.date() == probe.date() && read.format(format).to_string() == written => Ok(()),
        Some(read) if read.date() == probe.date() => {
            Err("names a part of the time without the larger ones, so it would be dropped".to_owned())
        }
        _ => Err(format!("does not name one {}: day, month and year are needed", kind.sql())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnType, formats: &[&str]) -> Column {
        Column {
            name: "c".into(),
            header: "c".into(),
            kind,
            required: false,
            nulls: vec![String::new()],
            null_as: None,
            min: None,
            max: None,
            formats: formats.iter().map(|format| (*format).to_owned()).collect(),
            decimal_mark: b'.',
            trim: false,
        }
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
        money.decimal_mark = b',';
        assert_eq!(value(&money, ""), Value::Number(50));
        money.null_as = None;
        money.required = true;
        assert_eq!(code(&money, ""), Code::Required);
        money.min = Decimal::parse(b"0", b'.').ok();
        assert_eq!(code(&money, "-0,01"), Code::OutOfRange);
        assert_eq!(value(&money, "0,01"), Value::Number(1));
    }

    #[test]
    fn formats_must_name_a_day() {
        assert!(check_format("%d/%m/%Y", ColumnType::Date).is_ok());
        assert!(check_format("%m/%d/%y %I:%M %p", ColumnType::Timestamp).is_ok());
        assert!(check_format("%Y-%m", ColumnType::Date).is_err());
        assert!(check_format("%Q", ColumnType::Date).is_err());
        assert!(check_format("%Y-%m-%d %M", ColumnType::Timestamp).is_err());
        assert!(check_format("%Y-%m-%d %H:%M:%S.%f", ColumnType::Timestamp).is_err());
        assert!(check_format("%Y-%m-%d %H:%M", ColumnType::Timestamp).is_ok());
        assert!(check_format("%Y-%m-%d %H:%M:%S%.f", ColumnType::Timestamp).is_ok());
        assert!(check_format("%d-%b-%y", ColumnType::Date).is_ok());
        assert!(check_format("%Y-%m-%d %z", ColumnType::Timestamp).is_err());
    }
}
