//! When the next run is due, and what becomes of that when the system's clock is set or the machine sleeps.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use crate::calendar::{Calendar, Expression};
use crate::zone::Zone;

/// From this on a difference between two clocks is no correction by NTP: the clock was set, or the machine slept.
const MOVED: TimeDelta = TimeDelta::seconds(60);

/// Missed starts are counted up to here: after a jump of years, counting them all would take minutes.
pub const MOST_MISSED: u64 = 1000;

/// What a schedule goes by.
#[derive(Debug, Clone)]
pub enum When {
    /// An interval, from start to start.
    Every(Duration),
    /// The calendar.
    Cron(Box<Expression>),
    /// Files.
    Arrival,
}

/// One look at two clocks: the one that people set, and one that only goes forward.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The system's clock.
    pub wall: DateTime<Utc>,
    /// The clock that nobody sets; it stands still while the machine sleeps.
    pub steady: Instant,
}

impl Look {
    /// Unlike [`Utc::now`], no panic where the system's clock stands before 1970.
    pub fn now() -> Self {
        Self { wall: SystemTime::now().into(), steady: Instant::now() }
    }

    /// By how much the system's clock moved since `earlier` beside the time that passed. `None`: it only went on.
    pub fn moved_since(&self, earlier: &Self) -> Option<TimeDelta> {
        let passed = self.steady.saturating_duration_since(earlier.steady);
        let passed = TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX);
        let moved = (self.wall - earlier.wall).checked_sub(&passed)?;
        (moved.abs() >= MOVED).then_some(moved)
    }
}

/// Knows when the next run is due.
pub trait Clock {
    /// How long it is until then; `None` when it is due.
    fn left(&self, now: &Look) -> Option<Duration>;
    /// The moment, in local time, if it is not now.
    fn moment(&self, now: &Look) -> Option<DateTime<FixedOffset>>;
    /// Goes on to the next moment after a run. Returns how many others passed during the run, up to [`MOST_MISSED`].
    ///
    /// # Errors
    /// The calendar has no moment any more.
    fn advance(&mut self, started: &Look, ended: &Look) -> Result<u64>;
    /// The system's clock was set, or the machine slept: works out anew when the next run is due. A start that passed meanwhile is due now;
    /// returns how many others passed with it, up to [`MOST_MISSED`].
    ///
    /// # Errors
    /// The calendar has no moment any more.
    fn clock_moved(&mut self, now: &Look) -> Result<u64>;
}

/// Every so often, beginning now. Sleep of the machine does not count.
#[derive(Debug)]
pub struct Every {
    interval: Duration,
    zone: Zone,
    due: Instant,
}

impl Every {
    /// The first run is due at once. The zone is for telling when the next ones are.
    pub fn new(interval: Duration, zone: Zone) -> Self {
        Self { interval, zone, due: Instant::now() }
    }
}

impl Clock for Every {
    fn left(&self, now: &Look) -> Option<Duration> {
        Some(self.due.saturating_duration_since(now.steady)).filter(|left| !left.is_zero())
    }

    fn moment(&self, now: &Look) -> Option<DateTime<FixedOffset>> {
        let left = TimeDelta::from_std(self.left(now)?).ok()?;
        Some(self.zone.at(now.wall.checked_add_signed(left)?))
    }

    fn advance(&mut self, _started: &Look, ended: &Look) -> Result<u64> {
        let late = ended.steady.saturating_duration_since(self.due);
        let passed = late.as_nanos() / self.interval.as_nanos();
        // The start after those that passed; exactly at a start, that one.
        let is_exact = passed > 0 && late.as_nanos().is_multiple_of(self.interval.as_nanos());
        let missed = passed.saturating_sub(u128::from(is_exact));
        let left = self.interval.as_nanos() * (missed + 1) - late.as_nanos();
        self.due = ended.steady + Duration::from_nanos(u64::try_from(left).unwrap_or(0));
        Ok(u64::try_from(missed).unwrap_or(u64::MAX).min(MOST_MISSED))
    }

    fn clock_moved(&mut self, _now: &Look) -> Result<u64> {
        Ok(0)
    }
}

impl Clock for Calendar {
    fn left(&self, now: &Look) -> Option<Duration> {
        (self.due() - now.wall).to_std().ok().filter(|left| !left.is_zero())
    }

    fn moment(&self, now: &Look) -> Option<DateTime<FixedOffset>> {
        self.left(now).map(|_| self.zone().at(self.due()))
    }

    fn advance(&mut self, started: &Look, ended: &Look) -> Result<u64> {
        let missed = match ended.moved_since(started) {
            // How many starts the run really took, no clock tells.
            Some(_) => 0,
            None => self.count(started.wall.max(self.due()), ended.wall)?,
        };
        // A clock that is put back by seconds must not make the start that has just been run due again.
        let is_just_run = self.due() > ended.wall && self.due() - ended.wall < MOVED;
        self.set_due_after(if is_just_run { self.due() } else { ended.wall })?;
        Ok(missed)
    }

    fn clock_moved(&mut self, now: &Look) -> Result<u64> {
        if self.due() <= now.wall {
            return self.count(self.due(), now.wall);
        }
        self.set_due_after(now.wall)?;
        Ok(0)
    }
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

    const ZERO: Duration = Duration::ZERO;

    /// A look at this time of the system's clock, so long after `start` by the steady one.
    fn look(start: Instant, passed: Duration, wall: &str) -> Look {
        let wall = format!("{wall}:00Z").parse().unwrap();
        Look { wall, steady: start + passed }
    }

    fn quarters(now: &str) -> Calendar {
        calendar("*/15 * * * *", now)
    }

    fn calendar(expression: &str, now: &str) -> Calendar {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        Calendar::new(expression.parse().unwrap(), berlin, look(Instant::now(), ZERO, now).wall).unwrap()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn starts_that_pass_during_a_run_are_counted_and_left_out() {
        let start = Instant::now();
        let at = |seconds| Look { steady: start + Duration::from_secs(seconds), ..Look::now() };
        let mut clock = Every { interval: Duration::from_secs(10), zone: Zone::utc(), due: start };
        assert_eq!(clock.advance(&at(0), &at(3)).unwrap(), 0);
        assert_eq!(clock.due, start + Duration::from_secs(10));
        assert_eq!(clock.advance(&at(10), &at(45)).unwrap(), 3);
        assert_eq!(clock.due, start + Duration::from_secs(50));
        assert_eq!(clock.advance(&at(50), &at(60)).unwrap(), 0);
        assert_eq!(clock.due, start + Duration::from_secs(60));
    }

    #[test]
    fn the_calendar_goes_on_after_a_long_run() {
        let start = Instant::now();
        let mut clock = quarters("2026-06-10T07:50");
        let (begun, short) = (look(start, ZERO, "2026-06-10T08:00"), look(start, minutes(5), "2026-06-10T08:05"));
        assert_eq!(clock.advance(&begun, &short).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2026-06-10 08:15:00 UTC");
        let (begun, long) =
            (look(start, minutes(15), "2026-06-10T08:15"), look(start, minutes(65), "2026-06-10T09:05"));
        assert_eq!(clock.advance(&begun, &long).unwrap(), 3);
        assert_eq!(clock.due().to_string(), "2026-06-10 09:15:00 UTC");
    }

    #[test]
    fn field_i4_due_times_are_worked_out_anew_when_the_clock_moves_forward_or_back() {
        let start = Instant::now();
        let at = |wall| look(start, minutes(1), wall);
        // Forward for one run, and back: the next start is the one of the clock as it is then.
        let mut clock = quarters("2026-06-10T07:59");
        assert_eq!(clock.advance(&look(start, ZERO, "2026-06-10T08:00"), &at("2028-01-01T00:01")).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2028-01-01 00:15:00 UTC");
        assert_eq!(clock.clock_moved(&at("2026-06-10T08:02")).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2026-06-10 08:15:00 UTC");
        // Back while it waits, and back during a run.
        assert_eq!(clock.clock_moved(&at("2026-06-09T22:01")).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2026-06-09 22:15:00 UTC");
        assert_eq!(clock.advance(&look(start, ZERO, "2026-06-09T22:15"), &at("2020-02-01T01:01")).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2020-02-01 01:15:00 UTC");
        // A start that passed is due now, and is no other one.
        assert_eq!(clock.clock_moved(&at("2020-02-01T01:20")).unwrap(), 0);
        assert_eq!(clock.left(&at("2020-02-01T01:20")), None);
        // NTP put the clock back by seconds after the start: it does not come again.
        let mut clock = quarters("2026-06-10T07:59");
        let ended = Look { wall: "2026-06-10T07:59:58Z".parse().unwrap(), steady: start };
        assert_eq!(clock.advance(&look(start, ZERO, "2026-06-10T08:00"), &ended).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2026-06-10 08:15:00 UTC");
    }

    #[test]
    fn field_i4_a_moved_clock_is_told_from_one_that_went_on() {
        let start = Instant::now();
        let begun = look(start, ZERO, "2026-06-10T08:00");
        let hour = look(start, minutes(60), "2026-06-10T09:00");
        assert_eq!(hour.moved_since(&begun), None);
        assert_eq!(look(start, minutes(60), "2026-06-10T10:00").moved_since(&begun), Some(TimeDelta::hours(1)));
        assert_eq!(look(start, minutes(60), "2026-06-10T08:30").moved_since(&begun), Some(TimeDelta::minutes(-30)));
    }

    #[test]
    fn field_i5_a_jump_of_decades_counts_a_thousand_starts_and_no_more() {
        let start = Instant::now();
        let (begun, ended) = (look(start, ZERO, "2026-06-10T08:00"), look(start, minutes(1), "2051-06-10T08:01"));
        let mut clock = calendar("* * * * *", "2026-06-10T07:59");
        assert_eq!(clock.advance(&begun, &ended).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2051-06-10 08:02:00 UTC");
        let mut clock = calendar("* * * * *", "2026-06-10T07:59");
        assert_eq!(clock.clock_moved(&ended).unwrap(), MOST_MISSED);
        // The same where the steady clock goes along.
        let ended = Look { steady: start + (ended.wall - begun.wall).to_std().unwrap(), ..ended };
        let mut clock = calendar("* * * * *", "2026-06-10T07:59");
        assert_eq!(clock.advance(&begun, &ended).unwrap(), MOST_MISSED);
        assert_eq!(clock.due().to_string(), "2051-06-10 08:02:00 UTC");
        let mut every = Every { interval: Duration::from_secs(1), zone: Zone::utc(), due: start };
        assert_eq!(every.advance(&begun, &ended).unwrap(), MOST_MISSED);
        assert!(every.left(&ended).is_none_or(|left| left <= Duration::from_secs(1)));
    }

    #[test]
    fn field_i8_after_a_sleep_only_starts_beside_the_one_that_is_made_up_for_are_left_out() {
        let start = Instant::now();
        let wake = |wall| look(start, minutes(1), wall);
        let mut clock = calendar("0 * * * *", "2026-06-10T07:30");
        assert_eq!(clock.clock_moved(&wake("2026-06-10T08:40")).unwrap(), 0);
        assert_eq!(clock.left(&wake("2026-06-10T08:40")), None);
        // The run that makes up for it takes a minute: nothing fell due during it.
        let ended = look(start, minutes(2), "2026-06-10T08:41");
        assert_eq!(clock.advance(&wake("2026-06-10T08:40"), &ended).unwrap(), 0);
        assert_eq!(clock.due().to_string(), "2026-06-10 09:00:00 UTC");
        assert_eq!(clock.clock_moved(&look(start, minutes(3), "2026-06-10T11:30")).unwrap(), 2);
    }

    #[test]
    fn intervals_have_a_unit_and_are_at_least_a_second() {
        assert!(interval("0s").is_err() && interval("500ms").is_err() && interval("15").is_err());
        assert_eq!(interval("1h30m"), Ok(Duration::from_secs(5400)));
    }
}
