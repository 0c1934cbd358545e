//! The time zone that a schedule goes by: the one that `TZ` names, else the system's.
//!
//! What the system makes of a `TZ` that it does not understand is UTC, without a word. So it is looked at here: names are found in the
//! program's own copy of the time zone database (a container may have none), and rules are read before they are handed on.

mod posix;

use std::env::{self, VarError};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use salesmart_base::{fail, toml_file};

/// Where systems keep the time zone database.
const DATABASES: [&str; 4] = ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo", "/usr/share/lib/zoneinfo"];

/// A time zone.
#[derive(Debug, Clone)]
pub struct Zone(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// By name.
    Named(Tz),
    /// The system's, or that of a rule or a file in `TZ`.
    System,
}

/// When a time of the clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// The usual case.
    Once(DateTime<Utc>),
    /// The clock was put back over it.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// The clock was put forward over it.
    Never,
}

impl Zone {
    /// The zone that `TZ` names, else the system's.
    ///
    /// # Errors
    /// `TZ` is no time zone.
    pub fn of_environment() -> Result<Self> {
        match env::var("TZ") {
            Ok(text) => {
                let zone = Self::named(&text)?;
                zone.check_rule(&text)?;
                Ok(zone)
            }
            Err(VarError::NotPresent) => Ok(Self(Kind::System)),
            Err(VarError::NotUnicode(text)) => fail!("TZ is no time zone: {text:?}; {EXAMPLES}"),
        }
    }

    /// UTC.
    pub fn utc() -> Self {
        Self(Kind::Named(Tz::UTC))
    }

    /// The zone of a value of `TZ`: a name or a path of the time zone database, also behind a colon; a rule; UTC if it is empty.
    ///
    /// # Errors
    /// It is none of these; the nearest name is in the message.
    pub fn named(text: &str) -> Result<Self> {
        let name = text.strip_prefix(':').unwrap_or(text);
        if name.is_empty() {
            return Ok(Self::utc());
        }
        if let Ok(zone) = name.parse::<Tz>() {
            return Ok(Self(Kind::Named(zone)));
        }
        if is_zone_file(name) {
            return Ok(Self(Kind::System));
        }
        if text.starts_with(':') {
            fail!("TZ=\"{text}\" is no time zone{}; {EXAMPLES}", did_you_mean(name));
        }
        match posix::offsets(text) {
            Ok(_) => Ok(Self(Kind::System)),
            Err(reason) if text.contains(|c: char| c.is_ascii_digit() || c == ',') && !text.contains('/') => {
                fail!("TZ=\"{text}\" is no time zone: {reason}{}; {EXAMPLES}", did_you_mean(name))
            }
            Err(_) => fail!("TZ=\"{text}\" is no time zone{}; {EXAMPLES}", did_you_mean(name)),
        }
    }

    /// The system may still not follow a rule that reads well, and would take UTC.
    fn check_rule(&self, text: &str) -> Result<()> {
        let (Kind::System, Ok((standard, summer))) = (&self.0, posix::offsets(text)) else { return Ok(()) };
        let offset = self.at(SystemTime::now().into()).offset().local_minus_utc();
        if offset != standard && Some(offset) != summer {
            fail!("TZ=\"{text}\" is a rule that this system does not follow; {EXAMPLES}");
        }
        Ok(())
    }

    /// A moment in local time.
    pub fn at(&self, moment: DateTime<Utc>) -> DateTime<FixedOffset> {
        let offset = match self.0 {
            Kind::Named(zone) => zone.offset_from_utc_datetime(&moment.naive_utc()).fix(),
            Kind::System => chrono::Local.offset_from_utc_datetime(&moment.naive_utc()).fix(),
        };
        moment.with_timezone(&offset)
    }

    /// When a time of the clock is.
    pub fn moments(&self, time: NaiveDateTime) -> Local {
        // The clock is put forward or back by a day at most, and never twice within two.
        let around = [-WINDOW, WINDOW].map(|distance| self.at(time.and_utc() + distance).offset().fix());
        let [one, other] = around.map(|offset| {
            let moment = (time - offset).and_utc();
            Some(moment).filter(|moment| self.at(*moment).naive_local() == time)
        });
        match (one, other) {
            (Some(one), Some(other)) if one != other => Local::Twice(one.min(other), one.max(other)),
            (Some(moment), _) | (_, Some(moment)) => Local::Once(moment),
            (None, None) => Local::Never,
        }
    }

    /// The moment when the clock is put forward over a time that does not exist.
    pub fn first_after_gap(&self, time: NaiveDateTime) -> DateTime<Utc> {
        let (before, after) = (time.and_utc() - WINDOW, time.and_utc() + WINDOW);
        first(before, after, |moment| self.at(moment).naive_local() > time)
    }

    /// The moment after `before`, up to `after`, when the clock is put forward or back.
    pub fn change_between(&self, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
        let offset = *self.at(before).offset();
        first(before, after, |moment| *self.at(moment).offset() != offset)
    }
}

/// Longer than any offset from UTC, and any jump of a clock (Samoa left out a day).
const WINDOW: TimeDelta = TimeDelta::hours(26);

const EXAMPLES: &str = "write a name such as Europe/Berlin, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3";

fn did_you_mean(name: &str) -> String {
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let same = known.clone().find(|zone| zone.eq_ignore_ascii_case(name));
    match same.or_else(|| toml_file::nearest(name, known)) {
        Some(zone) => format!(", did you mean `{zone}`?"),
        None => String::new(),
    }
}

/// The first second after `before`, up to `after`, from which on `is_past` holds.
fn first(before: DateTime<Utc>, after: DateTime<Utc>, is_past: impl Fn(DateTime<Utc>) -> bool) -> DateTime<Utc> {
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    let moment = |second| DateTime::from_timestamp(second, 0).unwrap_or(after);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match is_past(moment(middle)) {
            true => high = middle,
            false => low = middle,
        }
    }
    moment(high)
}

/// Is it the path of a compiled time zone, or its name in the system's database?
fn is_zone_file(name: &str) -> bool {
    let is_compiled = |path: &Path| {
        let mut magic = [0; 4];
        File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"TZif"
    };
    match name.starts_with('/') {
        true => is_compiled(Path::new(name)),
        false if name == "localtime" => is_compiled(Path::new("/etc/localtime")),
        false => DATABASES.iter().any(|folder| is_compiled(&Path::new(folder).join(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Zone::named(text).unwrap_err().to_string()
    }

    #[test]
    fn field_i6_a_time_zone_that_does_not_exist_is_an_error_with_the_nearest_name() {
        for wrong in
            ["Europe/Berln", ":Europe/Berln", "europe/berlin", "Berlin/Europe", " Europe/Berlin", "Europe/Berlin\n"]
        {
            let error = error(wrong);
            assert!(error.starts_with(&format!("TZ=\"{wrong}\" is no time zone")), "{error}");
            assert!(error.contains("Europe/Berlin"), "{error}");
        }
        assert!(error("Europe/Berln").contains("did you mean `Europe/Berlin`?"));
        assert!(error("europe/berlin").contains("did you mean `Europe/Berlin`?"));
        assert!(error("/no/such/file").contains("is no time zone"));
        assert!(error("/etc/passwd").contains("is no time zone"));
        assert!(error("CET-1CEST,M3.5.0").contains("is no time zone: "), "{}", error("CET-1CEST,M3.5.0"));
        assert!(error("CET-1CEST").contains("rules"), "{}", error("CET-1CEST"));
    }

    #[test]
    fn field_i6_names_rules_and_nothing_are_time_zones() {
        for right in ["Europe/Berlin", ":Europe/Berlin", "UTC", "EST5EDT", "Etc/GMT+5", ""] {
            assert!(matches!(Zone::named(right).unwrap().0, Kind::Named(_)), "{right}");
        }
        for right in ["CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "UTC0", "IST-5:30", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1"] {
            assert!(matches!(Zone::named(right).unwrap().0, Kind::System), "{right}");
        }
        assert_eq!(Zone::named(":").unwrap().at(DateTime::UNIX_EPOCH).offset().local_minus_utc(), 0);
    }

    #[test]
    fn a_time_of_the_clock_is_once_twice_or_never() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let moments = |text: &str| zone.moments(text.parse().unwrap());
        let utc = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(moments("2026-10-25T01:59:59"), Local::Once(utc("2026-10-24T23:59:59Z")));
        assert_eq!(
            moments("2026-10-25T02:00:00"),
            Local::Twice(utc("2026-10-25T00:00:00Z"), utc("2026-10-25T01:00:00Z"))
        );
        assert_eq!(moments("2026-10-25T03:00:00"), Local::Once(utc("2026-10-25T02:00:00Z")));
        assert_eq!(moments("2026-03-29T02:00:00"), Local::Never);
        assert_eq!(moments("2026-03-29T03:00:00"), Local::Once(utc("2026-03-29T01:00:00Z")));
        assert_eq!(zone.first_after_gap("2026-03-29T02:30:00".parse().unwrap()), utc("2026-03-29T01:00:00Z"));
    }
}
