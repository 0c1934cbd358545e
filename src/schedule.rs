//! Runs that follow each other: at intervals, by the calendar, or as files arrive. In the foreground, until a signal ends it.
//!
//! A run never meets another one of the same schedule: what falls due meanwhile is left out, and said. The staging file is
//! closed between runs.

pub mod arrivals;
pub mod job;
pub mod on_failure;
pub mod stop;

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::TimeDelta;
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::failure;
use salesmart_history::Outcome;
use salesmart_project::files::Files;
use salesmart_schedule::calendar::Calendar;
use salesmart_schedule::clock::{Clock, Every, Look, MOST_MISSED, When};
use salesmart_schedule::zone::Zone;
use salesmart_warehouse::embedded::signals;

use crate::console::{self, Console, LogFormat};
use arrivals::Arrivals;
use job::{Ended, Repeated};
use stop::Stop;

/// How often the folders are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// When a run that may go well by itself is tried anew, if no file comes earlier.
const ANEW: Duration = Duration::from_secs(60);

/// The longest pause before a run for files that were late.
const LONGEST_GRACE: Duration = Duration::from_secs(60);

/// How long a file must not have changed to count as complete, if nothing else is said.
pub const SETTLE: Duration = Duration::from_secs(2);

/// Runs `job` by the schedule until a signal ends it. `configure` reads the configuration anew for each run.
///
/// # Errors
/// What makes no sense from the start. Failed runs are reported, and the next ones go on.
pub fn run(
    when: When,
    job: &mut Repeated<'_>,
    configure: &dyn Fn() -> Result<Config>,
    format: LogFormat,
    console: &Console,
) -> Result<()> {
    let zone = Zone::of_environment()?;
    let config = configure()?;
    let settle = job.settle();
    let mut arrivals = Arrivals::look(&config, settle)?;
    signals::leave_signals();
    let stop = Stop::listen()?;
    let now = Look::now();
    let runner = Runner { stop: &stop, configure, format, console, late: Cell::new(0), looked: Cell::new(now) };
    match when {
        When::Every(interval) => runner.by_clock(job, Every::new(interval, zone))?,
        When::Cron(cron) => runner.by_clock(job, Calendar::new(*cron, zone, now.wall)?)?,
        When::Arrival => runner.as_files_arrive(job, &mut arrivals, settle)?,
    }
    let Some(signal) = stop.requested() else { return Ok(()) };
    console.say(&format!("stopped  by {}; nothing is half done", stop::name(signal)));
    match signal {
        signal_hook::consts::SIGTERM => Ok(()),
        other => std::process::exit(128 + other),
    }
}

struct Runner<'a> {
    stop: &'a Stop,
    configure: &'a dyn Fn() -> Result<Config>,
    format: LogFormat,
    console: &'a Console,
    /// Files that were still being written at the last run.
    late: Cell<u64>,
    /// The last look at the clocks.
    looked: Cell<Look>,
}

impl Runner<'_> {
    fn by_clock(&self, job: &mut Repeated<'_>, mut clock: impl Clock) -> Result<()> {
        let mut missed = 0;
        if self.wait_for(&mut clock)? {
            return Ok(());
        }
        loop {
            let (started, begun) = (Look::now(), Instant::now());
            if self.has_work(job.settle()) {
                self.once(job, missed);
            } else {
                self.console.say("nothing to do yet: there is no complete file of any contract");
            }
            let ended = Look::now();
            self.looked.set(ended);
            missed = clock.advance(&started, &ended)?;
            if self.stop.requested().is_some() {
                return Ok(());
            }
            if missed > 0 {
                let took = begun.elapsed().as_secs_f64();
                self.console.warn(&format!("the run took {took:.1} s; {} out", left(missed, "during it ")));
            }
            self.take_late_files(job, &clock);
            if self.wait_for(&mut clock)? {
                return Ok(());
            }
        }
    }

    /// The next start may be a day away: files that were still being written get runs of their own, unless it is near.
    fn take_late_files(&self, job: &mut Repeated<'_>, clock: &impl Clock) {
        let mut pause = job.settle().max(LOOK);
        while self.late.get() > 0 && clock.left(&Look::now()).is_some_and(|left| left > LONGEST_GRACE) {
            let (late, verb) = (self.late.get(), if self.late.get() == 1 { "is" } else { "are" });
            self.console.say(&format!(
                "{} {verb} still being written; once more in {} s",
                counted(late, "file"),
                pause.as_secs_f64()
            ));
            if self.stop.wait(pause) {
                return;
            }
            self.once(job, 0);
            pause = (pause * 2).min(LONGEST_GRACE);
        }
    }

    /// True if a signal came first.
    fn wait_for(&self, clock: &mut impl Clock) -> Result<bool> {
        self.follow(clock)?;
        self.say_next(clock);
        // In short pieces: the clock may be set, and the machine may sleep.
        while let Some(left) = clock.left(&self.looked.get()) {
            if self.stop.wait(left.min(Duration::from_secs(10))) {
                return Ok(true);
            }
            if self.follow(clock)? {
                self.say_next(clock);
            }
        }
        Ok(self.stop.requested().is_some())
    }

    /// Looks at the clocks. True if the system's clock was set, or the machine slept: then the next start is another one.
    fn follow(&self, clock: &mut impl Clock) -> Result<bool> {
        let (before, now) = (self.looked.get(), Look::now());
        self.looked.set(now);
        let Some(moved) = now.moved_since(&before) else { return Ok(false) };
        let passed = clock.clock_moved(&now)?;
        let seconds = Duration::from_secs(moved.num_seconds().unsigned_abs());
        let (moved, missed) = match moved > TimeDelta::zero() {
            true => ("forward", "in between "),
            false => ("back", ""),
        };
        let seconds = humantime::format_duration(seconds);
        let text = format!("the system's clock went {moved} by {seconds} (it was set, or the machine slept)");
        match passed {
            0 => self.console.say(&text),
            passed => {
                self.console.warn(&format!("{text}; one run makes up for it now, and {} out", left(passed, missed)))
            }
        }
        Ok(true)
    }

    fn say_next(&self, clock: &impl Clock) {
        if let Some(moment) = clock.moment(&self.looked.get()) {
            self.console.say(&format!("next    run at {}", moment.format("%Y-%m-%d %H:%M:%S %:z")));
        }
    }

    /// Before the first file there is nothing to run on. Errors are for the run to tell.
    fn has_work(&self, settle: Duration) -> bool {
        let look = |config: Config| Ok(config.staging_file.exists() || !Arrivals::look(&config, settle)?.is_empty());
        (self.configure)().and_then(look).unwrap_or(true)
    }

    fn as_files_arrive(&self, job: &mut Repeated<'_>, first: &mut Arrivals, settle: Duration) -> Result<()> {
        let config = (self.configure)()?;
        let mut seen = Arrivals::default();
        // What was left undone, also without a new file.
        let mut due = config.staging_file.exists();
        let mut anew: Option<Instant> = None;
        let mut refused: Option<Files> = None;
        let mut complaint = String::new();
        let mut found = std::mem::take(first);
        self.console.say("watching for files; a signal ends it");
        loop {
            let is_mended = refused.as_ref().is_some_and(|before| Files::read(&config.root) != *before);
            if due || found.has_news(&seen) || is_mended || anew.is_some_and(|at| at <= Instant::now()) {
                (due, anew, refused) = (false, None, None);
                let project = Files::read(&config.root);
                match self.once(job, 0) {
                    Ended::Well => {}
                    Ended::ForNow => anew = Some(Instant::now() + ANEW),
                    Ended::Badly => refused = Some(project),
                }
                seen = found.clone();
                if self.stop.requested().is_some() {
                    return Ok(());
                }
                self.console.say("next    run when a file is complete");
            }
            if self.stop.wait(LOOK) {
                return Ok(());
            }
            match (self.configure)().and_then(|config| Arrivals::look(&config, settle)) {
                Ok(now) => {
                    found = now;
                    complaint.clear();
                }
                Err(error) if complaint != error.to_string() => {
                    complaint = error.to_string();
                    self.console.warn(&format!("cannot look for files: {complaint}"));
                }
                Err(_) => {}
            }
        }
    }

    /// One run with its retries, told to the user.
    fn once(&self, job: &mut Repeated<'_>, missed: u64) -> Ended {
        self.stop.at_work(true);
        let (run, result) = job.run(self.configure, missed, &|pause| {
            self.stop.at_work(false);
            let is_over = self.stop.wait(pause);
            self.stop.at_work(true);
            is_over
        });
        self.stop.at_work(false);
        self.late.set(run.report.files.waiting);
        match (result, run.outcome) {
            (Ok(()), _) => Ended::Well,
            (Err(error), Outcome::Skipped) => {
                self.console.warn(&format!("run skipped: {error}"));
                Ended::ForNow
            }
            (Err(error), _) => {
                console::report(&error, self.format);
                if failure::is_transient(&error) { Ended::ForNow } else { Ended::Badly }
            }
        }
    }
}

/// "3 starts during it were left", for a sentence that goes on with "out".
fn left(missed: u64, when: &str) -> String {
    let more = if missed >= MOST_MISSED { " or more" } else { "" };
    format!("{}{more} {when}{} left", counted(missed, "start"), if missed == 1 { "was" } else { "were" })
}
