//! When the next run is due.

use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use chrono::{DateTime, Local};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use salesmart_base::fail;

/// What a schedule goes by.
#[derive(Debug, Clone)]
pub enum When {
    /// An interval, from start to start.
    Every(Duration),
    /// The calendar.
    Cron(Box<Calendar>),
    /// Files.
    Arrival,
}

/// Knows when the next run is due.
pub trait Clock {
    /// How long it is until then; `None` when it is due.
    fn left(&self) -> Option<Duration>;
    /// The moment, if it is not now.
    fn moment(&self) -> Option<DateTime<Local>>;
    /// Goes on to the next moment that has not passed; returns how many others have since the last one.
    fn advance(&mut self) -> Result<u64>;
}

/// Every so often, beginning now.
#[derive(Debug)]
pub struct Every {
    interval: Duration,
    due: Instant,
}

impl Every {
    /// The first run is due at once.
    pub fn new(interval: Duration) -> Self {
        Self { interval, due: Instant::now() }
    }

    fn advance_from(&mut self, now: Instant) -> u64 {
        self.due += self.interval;
        let late = now.saturating_duration_since(self.due);
        if late.is_zero() {
            return 0;
        }
        let missed = late.as_nanos().div_ceil(self.interval.as_nanos());
        self.due += self.interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        u64::try_from(missed).unwrap_or(u64::MAX)
    }
}

impl Clock for Every {
    fn left(&self) -> Option<Duration> {
        Some(self.due.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    fn moment(&self) -> Option<DateTime<Local>> {
        self.left().map(|left| now() + left)
    }

    fn advance(&mut self) -> Result<u64> {
        Ok(self.advance_from(Instant::now()))
    }
}

/// A cron expression of five fields, in local time, and the moment that is next.
#[derive(Debug, Clone)]
pub struct Calendar {
    text: String,
    cron: Cron,
    due: DateTime<Local>,
}

impl Calendar {
    fn after(&self, moment: &DateTime<Local>) -> Result<DateTime<Local>> {
        match self.cron.find_next_occurrence(moment, false) {
            Ok(next) => Ok(next),
            Err(error) => fail!("--cron \"{}\" names no moment in the future: {error}", self.text),
        }
    }

    fn advance_from(&mut self, now: &DateTime<Local>) -> Result<u64> {
        let mut missed = 0;
        self.due = self.after(&self.due)?;
        while self.due < *now {
            missed += 1;
            self.due = self.after(&self.due)?;
        }
        Ok(missed)
    }
}

impl FromStr for Calendar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "five fields are needed: minute, hour, day of the month, month, day of the week; \
                             such as \"0 6 * * *\" (at 6:00) or \"*/15 8-18 * * MON-FRI\"";
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron =
            parser.parse(text).map_err(|error| format!("{}; {SHAPE}", error.to_string().trim_end_matches('.')))?;
        let now = now();
        let due = cron
            .find_next_occurrence(&now, false)
            .map_err(|error| format!("it names no moment in the future, such as February 30 ({error}); {SHAPE}"))?;
        Ok(Self { text: text.to_owned(), cron, due })
    }
}

impl std::fmt::Display for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Clock for Calendar {
    fn left(&self) -> Option<Duration> {
        (self.due - now()).to_std().ok().filter(|left| !left.is_zero())
    }

    fn moment(&self) -> Option<DateTime<Local>> {
        self.left().map(|_| self.due)
    }

    fn advance(&mut self) -> Result<u64> {
        self.advance_from(&now())
    }
}

/// Unlike [`Local::now`], no panic where the system's clock stands before 1970.
fn now() -> DateTime<Local> {
    SystemTime::now().into()
}

/// A length of time such as `15m`, at least a second, for the command line.
pub fn interval(text: &str) -> Result<Duration, String> {
    let example = "such as 30s, 15m or 1h30m";
    let interval = duration(text)?;
    match interval < Duration::from_secs(1) {
        true => Err(format!("it must be at least a second, {example}")),
        false => Ok(interval),
    }
}

/// A length of time such as `2s`, for the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 30s, 15m or 1h30m"))?;
    // A clock has an end.
    match duration > Duration::from_secs(366 * 86_400) {
        true => Err("it must not be more than a year".to_owned()),
        false => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn starts_that_pass_during_a_run_are_counted_and_left_out() {
        let start = Instant::now();
        let mut clock = Every { interval: Duration::from_secs(10), due: start };
        assert_eq!(clock.advance_from(start + Duration::from_secs(3)), 0);
        assert_eq!(clock.due, start + Duration::from_secs(10));
        assert_eq!(clock.advance_from(start + Duration::from_secs(45)), 3);
        assert_eq!(clock.due, start + Duration::from_secs(50));
        assert_eq!(clock.advance_from(start + Duration::from_secs(60)), 0);
        assert_eq!(clock.due, start + Duration::from_secs(60));
    }

    #[test]
    fn the_calendar_goes_on_after_a_long_run() {
        let at = |hour, minute| Local.with_ymd_and_hms(2026, 6, 10, hour, minute, 0).unwrap();
        let mut clock: Calendar = "*/15 * * * *".parse().unwrap();
        clock.due = at(8, 0);
        assert_eq!(clock.advance_from(&at(8, 5)).unwrap(), 0);
        assert_eq!(clock.due, at(8, 15));
        assert_eq!(clock.advance_from(&at(9, 5)).unwrap(), 3);
        assert_eq!(clock.due, at(9, 15));
    }

    #[test]
    fn expressions_that_mean_nothing_are_refused_with_an_example() {
        for wrong in ["", "6", "0 6 * *", "61 6 * * *", "0 6 * * * *", "every day", "0 0 30 2 *"] {
            let error = wrong.parse::<Calendar>().unwrap_err();
            assert!(error.contains("\"0 6 * * *\""), "{wrong}: {error}");
        }
        assert!(interval("0s").is_err() && interval("500ms").is_err() && interval("15").is_err());
        assert_eq!(interval("1h30m"), Ok(Duration::from_secs(5400)));
    }
}
