//! Days and moments from text, exactly: only what is written in a declared format, and only if it exists.

use chrono::{Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use super::fault::{Code, Fault};
use super::moment_format::{self, MomentFormat, Reading};
use crate::contract::{AmbiguousDates, ColumnType};

/// The formats of one column, parsed once.
pub struct Moments {
    kind: ColumnType,
    formats: Vec<Format>,
    /// Where a text has an offset from UTC, the clock of this zone counts, not the one in the text.
    zone: Option<Tz>,
}

struct Format {
    text: String,
    pieces: MomentFormat,
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
        let marks: Vec<String> = formats.iter().map(|format| MomentFormat::new(format).marks()).collect();
        let formats = formats.iter().enumerate().map(|(index, text)| Format {
            text: text.clone(),
            pieces: MomentFormat::new(text),
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
        Self { kind, formats: formats.collect(), zone: None }
    }

    /// Reads moments that have an offset from UTC as the clock of this zone shows them.
    pub fn in_zone(self, zone: Option<Tz>) -> Self {
        Self { zone, ..self }
    }

    /// Reads a day or moment, in microseconds since 1970; no spaces around it.
    ///
    /// # Errors
    /// A fault: no format fits, formats contradict each other, or something would be lost.
    pub fn read(&self, text: &str) -> Result<i64, Fault> {
        let mut finest = None;
        for format in &self.formats {
            match format.read(text).map(|moment| self.exact(moment)) {
                Some(Ok(micros)) => return self.unrivalled(text, format, micros),
                Some(Err(fault)) => finest = Some(fault),
                None => {}
            }
        }
        Err(finest.unwrap_or_else(|| {
            let formats: Vec<&str> = self.formats.iter().map(|format| format.text.as_str()).collect();
            let advice = match moment_format::ends_with_offset(text) && !self.formats.iter().any(|format| format.pieces.has_offset()) {
                true => "; it ends with an offset from UTC: add %z to the format, and time_zone if the clock of one zone counts",
                false => "",
            };
            let reason = format!("no such {} in the format {}{advice}", self.kind.sql(), formats.join(" or "));
            Fault::new(Code::BadDate, reason)
        }))
    }

    /// A text that another declared format reads as another moment is a guess, unless the contract says who wins.
    fn unrivalled(&self, text: &str, format: &Format, micros: i64) -> Result<i64, Fault> {
        for rival in format.rivals.iter().map(|index| &self.formats[*index]) {
            if let Some(Ok(other)) = rival.read(text).map(|moment| self.exact(moment))
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

    fn exact(&self, moment: Moment<'_>) -> Result<i64, Fault> {
        let reading = match moment {
            // Four digits and whole seconds, by construction.
            Moment::Whole { micros, year } if year >= 1000 => {
                return match self.kind == ColumnType::Date && micros % MICROS_PER_DAY != 0 {
                    true => Err(loses_time()),
                    false => Ok(micros),
                };
            }
            Moment::Whole { year, .. } => return Err(short_year(year)),
            Moment::General(reading) => reading,
        };
        if reading.clock.nanosecond() >= 1_000_000_000 {
            return Err(Fault::new(Code::BadDate, "second 60 would become another moment"));
        }
        // A year of two or three digits that was read with %Y is a misread date, not an ancient sale.
        if !(1000..=9999).contains(&reading.clock.year()) {
            return Err(short_year(reading.clock.year()));
        }
        let Some(micros) = micros_of(reading.fraction) else {
            return Err(Fault::new(
                Code::NotExact,
                format!("{} would lose digits below the microsecond", self.kind.sql()),
            ));
        };
        let clock = self.clock(&reading);
        if !(1000..=9999).contains(&clock.year()) {
            return Err(short_year(clock.year()));
        }
        let micros = clock.and_utc().timestamp_micros() + micros;
        match self.kind == ColumnType::Date && micros % MICROS_PER_DAY != 0 {
            true => Err(loses_time()),
            false => Ok(micros),
        }
    }

    /// What the clock shows that counts.
    fn clock(&self, reading: &Reading<'_>) -> NaiveDateTime {
        let (Some(zone), Some(offset)) = (self.zone, reading.offset) else { return reading.clock };
        let utc = reading.clock - TimeDelta::seconds(offset);
        utc + TimeDelta::seconds(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
    }
}

/// Microseconds of the digits of a fraction; `None` if there is more behind them.
fn micros_of(fraction: &str) -> Option<i64> {
    let (kept, rest) = fraction.split_at(fraction.len().min(6));
    let missing = 6 - kept.len() as u32;
    rest.bytes().all(|byte| byte == b'0').then_some(kept.parse::<i64>().unwrap_or(0) * 10_i64.pow(missing))
}

/// A moment that a format has read.
enum Moment<'t> {
    /// Read by the short way: whole seconds.
    Whole {
        micros: i64,
        year: i32,
    },
    General(Reading<'t>),
}

impl Format {
    fn read<'t>(&self, text: &'t str) -> Option<Moment<'t>> {
        match self.iso.and_then(|iso| iso_moment(text.as_bytes(), iso)) {
            Some(moment) => Some(moment),
            None => self.pieces.read(text).map(Moment::General),
        }
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

/// Reads `2024-03-05` or `2024-03-05 14:22:31`. `None` means "let the general parser decide", never "wrong".
fn iso_moment(bytes: &[u8], iso: Iso) -> Option<Moment<'static>> {
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

/// Is this a usable format for the type? The error is the end of a sentence about the format.
pub fn check_format(format: &str, kind: ColumnType) -> Result<(), String> {
    if format.contains("%Z") {
        return Err(
            "has %Z, the name of a zone, which does not say one offset; offsets and Z are read by %z".to_owned()
        );
    }
    if format.contains("%+") || format.contains("%s") {
        return Err(format!(
            "has a code that no {} is read by; ISO 8601 with an offset is %Y-%m-%dT%H:%M:%S%.f%z, seconds since 1970 are an integer",
            kind.sql()
        ));
    }
    MomentFormat::new(format).fault(&kind.sql()).map_or(Ok(()), Err)
}

/// Does one of these formats name an offset from UTC?
pub fn has_offset(formats: &[String]) -> bool {
    formats.iter().any(|format| MomentFormat::new(format).has_offset())
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

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
        assert!(check_format("%Y-%m-%d %H:%M:%S.%f", ColumnType::Timestamp).is_ok());
        assert!(check_format("%Y-%m-%d %H:%M%.f", ColumnType::Timestamp).is_err());
        assert!(check_format("%Y-%m-%d %H:%M:%S%.f %f", ColumnType::Timestamp).is_err());
        assert!(check_format("%Y-%m-%d %H:%M", ColumnType::Timestamp).is_ok());
        assert!(check_format("%Y-%m-%d %H:%M:%S%.f", ColumnType::Timestamp).is_ok());
        assert!(check_format("%d-%b-%y", ColumnType::Date).is_ok());
        assert!(check_format("%Y-%m-%d %H:%M:%S %z", ColumnType::Timestamp).is_ok());
        assert!(check_format("%Y-%m-%d %Z", ColumnType::Timestamp).is_err());
        assert!(check_format("%Y-%m-%dT%H:%M:%S%.f%z %z", ColumnType::Timestamp).is_err());
    }
}
