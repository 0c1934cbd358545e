//! Days and moments from text, exactly: only what is written in a declared format, and only if it exists.

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::fault::{Code, Fault};
use crate::contract::{AmbiguousDates, ColumnType};

/// The formats of one column, parsed once.
pub struct Moments {
    kind: ColumnType,
    formats: Vec<Format>,
}

struct Format {
    text: String,
    items: Vec<Item<'static>>,
    iso: Option<Iso>,
    /// The other formats that some text may fit as well.
    rivals: Vec<usize>,
}

/// The commonest formats, read without the general parser, which costs ten times as much.
#[derive(Debug, Clone, Copy)]
enum Iso {
    Day,
    /// A day and a time with this byte in between.
    Moment(u8),
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Moments {
    /// Formats in the order in which they are tried.
    pub fn new(kind: ColumnType, formats: &[String], ambiguous: AmbiguousDates) -> Self {
        let marks: Vec<String> = formats.iter().map(|format| marks(format)).collect();
        let formats = formats.iter().enumerate().map(|(index, text)| Format {
            text: text.clone(),
            items: StrftimeItems::new(text).parse_to_owned().unwrap_or_default(),
            iso: match text.as_str() {
                "%Y-%m-%d" => Some(Iso::Day),
                "%Y-%m-%d %H:%M:%S" | "%Y-%m-%d %H:%M:%S%.f" => Some(Iso::Moment(b' ')),
                "%Y-%m-%dT%H:%M:%S" | "%Y-%m-%dT%H:%M:%S%.f" => Some(Iso::Moment(b'T')),
                _ => None,
            },
            rivals: match ambiguous {
                AmbiguousDates::FirstFormat => Vec::new(),
                AmbiguousDates::Refuse => {
                    (0..marks.len()).filter(|other| *other != index && marks[*other] == marks[index]).collect()
                }
            },
        });
        Self { kind, formats: formats.collect() }
    }

    /// Reads a day or moment, in microseconds since 1970; no spaces around it.
    ///
    /// # Errors
    /// A fault: no format fits, formats contradict each other, or something would be lost.
    pub fn read(&self, text: &str) -> Result<i64, Fault> {
        let mut finest = None;
        for format in &self.formats {
            match format.read(text).map(|moment| self.exact(text, moment)) {
                Some(Ok(micros)) => return self.unrivalled(text, format, micros),
                Some(Err(fault)) => finest = Some(fault),
                None => {}
            }
        }
        Err(finest.unwrap_or_else(|| {
            let formats: Vec<&str> = self.formats.iter().map(|format| format.text.as_str()).collect();
            Fault::new(Code::BadDate, format!("no such {} in the format {}", self.kind.sql(), formats.join(" or ")))
        }))
    }

    /// A text that another declared format reads as another moment is a guess, unless the contract says who wins.
    fn unrivalled(&self, text: &str, format: &Format, micros: i64) -> Result<i64, Fault> {
        for rival in format.rivals.iter().map(|index| &self.formats[*index]) {
            if let Some(Ok(other)) = rival.read(text).map(|moment| self.exact(text, moment))
                && other != micros
            {
                let (this, other) = (shown(micros), shown(other));
                return Err(Fault::new(
                    Code::AmbiguousDate,
                    format!(
                        "this is {this} in {} and {other} in {}; keep one format, or set ambiguous_dates = \"first_format\"",
                        format.text, rival.text
                    ),
                ));
            }
        }
        Ok(micros)
    }

    fn exact(&self, text: &str, moment: Moment) -> Result<i64, Fault> {
        let moment = match moment {
            // Four digits and whole seconds, by construction.
            Moment::Whole { micros, year } if year >= 1000 => {
                return match self.kind == ColumnType::Date && micros % MICROS_PER_DAY != 0 {
                    true => Err(loses_time()),
                    false => Ok(micros),
                };
            }
            Moment::Whole { year, .. } => return Err(short_year(year)),
            Moment::General(moment) => moment,
        };
        if moment.and_utc().timestamp_subsec_nanos() >= 1_000_000_000 {
            return Err(Fault::new(Code::BadDate, "second 60 would become another moment"));
        }
        // A year of two or three digits that was read with %Y is a misread date, not an ancient sale.
        if !(1000..=9999).contains(&moment.year()) {
            return Err(short_year(moment.year()));
        }
        match self.kind {
            ColumnType::Date if moment.time() != chrono::NaiveTime::MIN => Err(loses_time()),
            ColumnType::Date => Ok(moment.and_utc().timestamp_micros()),
            _ if loses_fraction(text) || !moment.and_utc().timestamp_subsec_nanos().is_multiple_of(1000) => {
                Err(Fault::new(Code::NotExact, "timestamp would lose digits below the microsecond"))
            }
            _ => Ok(moment.and_utc().timestamp_micros()),
        }
    }
}

/// A moment that a format has read.
enum Moment {
    /// Read by the short way: whole seconds.
    Whole {
        micros: i64,
        year: i32,
    },
    General(NaiveDateTime),
}

impl Format {
    fn read(&self, text: &str) -> Option<Moment> {
        if let Some(moment) = self.iso.and_then(|iso| iso_moment(text.as_bytes(), iso)) {
            return Some(moment);
        }
        parse_moment(text, &self.items).filter(|moment| is_written_so(text, *moment, &self.text)).map(Moment::General)
    }
}

fn loses_time() -> Fault {
    Fault::new(Code::NotExact, "date would lose the time of day")
}

fn short_year(year: i32) -> Fault {
    Fault::new(Code::BadDate, format!("the year {year} has not four digits"))
}

/// A moment for messages.
fn shown(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map_or_else(String::new, |moment| {
        let format = if micros % MICROS_PER_DAY == 0 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S%.f" };
        moment.format(format).to_string()
    })
}

/// A day or moment of a contract, in microseconds since 1970.
pub fn iso_micros(text: &str) -> Option<i64> {
    let formats = ColumnType::Timestamp.default_formats();
    Moments::new(ColumnType::Timestamp, &formats, AmbiguousDates::FirstFormat).read(text).ok()
}

/// What is left of a date in this format without letters and digits. Two formats that differ in it fit no text
/// in common.
fn marks(format: &str) -> String {
    let probe = NaiveDate::from_ymd_opt(2001, 11, 23).and_then(|day| day.and_hms_opt(14, 15, 16));
    let written = probe.map(|probe| probe.format(&format.replace("%.f", "")).to_string()).unwrap_or_default();
    written.chars().filter(|c| !c.is_alphanumeric()).collect()
}

/// Reads `2024-03-05` or `2024-03-05 14:22:31`. `None` means "let the general parser decide", never "wrong".
fn iso_moment(bytes: &[u8], iso: Iso) -> Option<Moment> {
    let two = |at: usize| -> Option<i64> {
        let (tens, ones) = (bytes[at].wrapping_sub(b'0'), bytes[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let wanted = if matches!(iso, Iso::Day) { 10 } else { 19 };
    if bytes.len() != wanted || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) {
        return None;
    }
    let seconds = match iso {
        Iso::Day => 0,
        Iso::Moment(separator) => {
            if bytes[10] != separator || bytes[13] != b':' || bytes[16] != b':' {
                return None;
            }
            let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
            // A leap second is left to the general parser.
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3600 + minute * 60 + second
        }
    };
    let micros = days_since_1970(year, month, day) * MICROS_PER_DAY + seconds * 1_000_000;
    Some(Moment::Whole { micros, year: year as i32 })
}

/// Days from 1970-01-01 in the Gregorian calendar, for years from 0. Years are counted from March, so that the leap
/// day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between the first of March of the year 0 and the epoch.
    365 * year + leap_days + days_before_month + day - 1 - 719_468
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

    fn read(kind: ColumnType, formats: &[&str], text: &str) -> Result<i64, Code> {
        let formats: Vec<String> = formats.iter().map(|format| (*format).to_owned()).collect();
        Moments::new(kind, &formats, AmbiguousDates::Refuse).read(text).map_err(|fault| fault.code)
    }

    #[test]
    fn the_short_way_agrees_with_the_calendar() {
        let mut day = NaiveDate::from_ymd_opt(1582, 1, 1).unwrap();
        while day.year() < 2410 {
            let text = day.format("%Y-%m-%d").to_string();
            let expected = day.signed_duration_since(NaiveDate::default()).num_days() * MICROS_PER_DAY;
            assert_eq!(read(ColumnType::Date, &["%Y-%m-%d"], &text), Ok(expected), "{text}");
            day += chrono::TimeDelta::days(if day.day() > 26 { 1 } else { 9 });
        }
    }

    #[test]
    fn a_text_that_two_formats_read_differently_is_refused_unless_the_order_is_declared() {
        let orders = ["%d-%m-%y", "%m-%d-%y"];
        assert_eq!(read(ColumnType::Date, &orders, "01-02-16"), Err(Code::AmbiguousDate));
        assert_eq!(read(ColumnType::Date, &orders, "02-02-16"), read(ColumnType::Date, &["%d-%m-%y"], "02-02-16"));
        assert_eq!(read(ColumnType::Date, &orders, "01-22-16"), read(ColumnType::Date, &["%m-%d-%y"], "01-22-16"));
        assert_eq!(read(ColumnType::Date, &["%Y-%m-%d", "%Y-%d-%m"], "2016-02-01"), Err(Code::AmbiguousDate));
        assert_eq!(read(ColumnType::Date, &["%Y-%m-%d", "%d/%m/%Y"], "2016-02-01"), Ok(16_832 * MICROS_PER_DAY));
        let formats = orders.map(str::to_owned);
        let first = Moments::new(ColumnType::Date, &formats, AmbiguousDates::FirstFormat);
        assert_eq!(first.read("01-02-16").unwrap(), 16_832 * MICROS_PER_DAY);
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
