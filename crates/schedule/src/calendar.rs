//! Cron expressions, by the clock of a time zone.
//!
//! Where summer time begins, an hour of the clock does not exist; where it ends, one comes twice. What an expression means there depends on
//! what it says. One that follows time ("every quarter of an hour": each hour, or a step in its minutes) follows real time: its
//! runs are as far apart as ever. One that names times of the day ("at half past two") runs once for each: at a time that comes twice the
//! first time, for a time that does not exist at the moment when the clock goes on. Vixie cron does the same.

use std::str::FromStr;

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use salesmart_base::fail;

use crate::clock::MOST_MISSED;
use crate::zone::{Local, Zone};

/// A cron expression of five fields.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    cron: Cron,
    follows_time: bool,
}

impl Expression {
    /// The first time of the clock after this one.
    fn next_time(&self, after: NaiveDateTime) -> Result<NaiveDateTime> {
        match self.cron.find_next_occurrence(&after, false) {
            Ok(next) => Ok(next),
            Err(error) => fail!("--cron \"{}\" names no moment in the future: {error}", self.text),
        }
    }
}

impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "five fields are needed: minute, hour, day of the month, month, day of the week; \
                             such as \"0 6 * * *\" (at 6:00) or \"*/15 8-18 * * MON-FRI\"";
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron =
            parser.parse(text).map_err(|error| format!("{}; {SHAPE}", error.to_string().trim_end_matches('.')))?;
        cron.find_next_occurrence(&DateTime::UNIX_EPOCH.naive_utc(), false)
            .map_err(|error| format!("it names no moment in the future, such as February 30 ({error}); {SHAPE}"))?;
        let minutes = text.split_whitespace().next().unwrap_or_default();
        let follows_time = cron.pattern.hours.values().len() == 24 || minutes.contains(['*', '/']);
        Ok(Self { text: text.to_owned(), cron, follows_time })
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// An expression in a time zone, and the moment that is next.
#[derive(Debug, Clone)]
pub struct Calendar {
    expression: Expression,
    zone: Zone,
    due: DateTime<Utc>,
}

impl Calendar {
    /// The first run is due after `now`.
    ///
    /// # Errors
    /// The expression names no moment any more.
    pub fn new(expression: Expression, zone: Zone, now: DateTime<Utc>) -> Result<Self> {
        let mut calendar = Self { expression, zone, due: now };
        calendar.set_due_after(now)?;
        Ok(calendar)
    }

    /// When the next run is due.
    pub fn due(&self) -> DateTime<Utc> {
        self.due
    }

    /// The time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Makes the first moment after this one the next.
    ///
    /// # Errors
    /// The expression names no moment any more.
    pub(crate) fn set_due_after(&mut self, moment: DateTime<Utc>) -> Result<()> {
        self.due = self.after(moment)?;
        Ok(())
    }

    /// How many moments there are after `from`, up to `to`; [`MOST_MISSED`] at most.
    pub(crate) fn count(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<u64> {
        let (mut count, mut moment) = (0, from);
        while count < MOST_MISSED {
            moment = self.after(moment)?;
            if moment > to {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    /// The first moment after this one.
    fn after(&self, moment: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let mut time = self.zone.at(moment).naive_local();
        let second_pass = self.in_second_pass(moment)?;
        loop {
            time = self.expression.next_time(time)?;
            let found = match self.zone.moments(time) {
                Local::Once(found) => Some(found),
                Local::Twice(first, _) if first > moment => Some(first),
                Local::Twice(_, second) => Some(second).filter(|_| self.expression.follows_time),
                Local::Never => Some(self.zone.first_after_gap(time)).filter(|_| !self.expression.follows_time),
            };
            // Several times that do not exist have one moment in their place, and it may have passed.
            if let Some(found) = found.filter(|found| *found > moment) {
                return Ok(second_pass.map_or(found, |other| found.min(other)));
            }
        }
    }

    /// While an hour that comes twice goes by for the first time: the first moment when it comes again, if it counts.
    fn in_second_pass(&self, moment: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let time = self.zone.at(moment).naive_local();
        let Local::Twice(first, second) = self.zone.moments(time) else { return Ok(None) };
        if !self.expression.follows_time || moment >= second {
            return Ok(None);
        }
        let begin = self.zone.at(self.zone.change_between(first, second)).naive_local();
        // The first time again is a moment, too.
        let time = self.expression.next_time(begin - TimeDelta::seconds(1))?;
        Ok(match self.zone.moments(time) {
            Local::Twice(_, second) => Some(second),
            Local::Once(_) | Local::Never => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next moments after this one, in local time with the offset.
    fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let zone = Zone::named(zone).unwrap();
        let after = DateTime::parse_from_rfc3339(after).unwrap().to_utc();
        let mut calendar = Calendar::new(expression.parse().unwrap(), zone.clone(), after).unwrap();
        (0..count)
            .map(|_| {
                let due = calendar.due();
                calendar.set_due_after(due).unwrap();
                zone.at(due).format("%m-%d %H:%M%:z").to_string()
            })
            .collect()
    }

    #[test]
    fn field_i3_every_quarter_of_an_hour_runs_in_the_hour_that_comes_twice() {
        let quarters = next("*/15 * * * *", "Europe/Berlin", "2026-10-25T01:40:00+02:00", 11);
        assert_eq!(
            quarters,
            [
                "10-25 01:45+02:00",
                "10-25 02:00+02:00",
                "10-25 02:15+02:00",
                "10-25 02:30+02:00",
                "10-25 02:45+02:00",
                "10-25 02:00+01:00",
                "10-25 02:15+01:00",
                "10-25 02:30+01:00",
                "10-25 02:45+01:00",
                "10-25 03:00+01:00",
                "10-25 03:15+01:00",
            ]
        );
        // The start may lie in either pass.
        let second = next("*/15 * * * *", "Europe/Berlin", "2026-10-25T02:20:00+01:00", 2);
        assert_eq!(second, ["10-25 02:30+01:00", "10-25 02:45+01:00"]);
        assert_eq!(
            next("0,30 * * * *", "America/New_York", "2026-11-01T01:31:00-04:00", 3),
            ["11-01 01:00-05:00", "11-01 01:30-05:00", "11-01 02:00-05:00"]
        );
        // Half an hour comes twice.
        assert_eq!(
            next("*/20 * * * *", "Australia/Lord_Howe", "2026-04-05T01:25:00+11:00", 5),
            ["04-05 01:40+11:00", "04-05 01:40+10:30", "04-05 02:00+10:30", "04-05 02:20+10:30", "04-05 02:40+10:30"]
        );
        // The hour of midnight comes twice: the day does, too.
        let hours = next("5 * * * *", "America/Havana", "2026-10-31T23:30:00-04:00", 3);
        assert_eq!(hours, ["11-01 00:05-04:00", "11-01 00:05-05:00", "11-01 01:05-05:00"]);
    }

    #[test]
    fn field_i3_a_time_of_the_day_that_comes_twice_runs_once() {
        let daily = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00", 3);
        assert_eq!(daily, ["10-25 02:30+02:00", "10-26 02:30+01:00", "10-27 02:30+01:00"]);
        let again = next("30 2,14 * * *", "Europe/Berlin", "2026-10-25T02:10:00+01:00", 2);
        assert_eq!(again, ["10-25 14:30+01:00", "10-26 02:30+01:00"]);
        let minutes = next("0,20 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00+02:00", 3);
        assert_eq!(minutes, ["10-25 02:00+02:00", "10-25 02:20+02:00", "10-26 02:00+01:00"]);
    }

    #[test]
    fn field_i8_a_time_that_does_not_exist_runs_once_when_the_clock_goes_on() {
        let daily = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00", 3);
        assert_eq!(daily, ["03-29 03:00+02:00", "03-30 02:30+02:00", "03-31 02:30+02:00"]);
        // Three of one moment are one, and with the one that exists then it is one, too.
        let several = next("0,10,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00+01:00", 4);
        assert_eq!(several, ["03-29 03:00+02:00", "03-29 03:10+02:00", "03-29 03:30+02:00", "03-30 02:00+02:00"]);
        // What follows time goes on as ever.
        let quarters = next("*/15 * * * *", "Europe/Berlin", "2026-03-29T01:40:00+01:00", 3);
        assert_eq!(quarters, ["03-29 01:45+01:00", "03-29 03:00+02:00", "03-29 03:15+02:00"]);
        let steps = next("*/15 2 * * *", "Europe/Berlin", "2026-03-29T01:40:00+01:00", 1);
        assert_eq!(steps, ["03-30 02:00+02:00"]);
        // Midnight does not exist, and a whole day.
        assert_eq!(
            next("0 0 * * *", "America/Havana", "2026-03-07T12:00:00-05:00", 2),
            ["03-08 01:00-04:00", "03-09 00:00-04:00"]
        );
        assert_eq!(
            next("0 6 * * *", "Pacific/Apia", "2011-12-29T07:00:00-10:00", 2),
            ["12-31 00:00+14:00", "12-31 06:00+14:00"]
        );
    }

    #[test]
    fn a_rare_day_is_found_years_ahead() {
        assert_eq!(next("0 0 29 2 *", "Europe/Berlin", "2096-03-01T00:00:00Z", 1), ["02-29 00:00+01:00"]);
    }

    #[test]
    fn expressions_that_mean_nothing_are_refused_with_an_example() {
        for wrong in ["", "6", "0 6 * *", "61 6 * * *", "0 6 * * * *", "every day", "0 0 30 2 *"] {
            let error = wrong.parse::<Expression>().unwrap_err();
            assert!(error.contains("\"0 6 * * *\""), "{wrong}: {error}");
        }
    }
}
