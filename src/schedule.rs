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
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::failure;
use salesmart_history::Outcome;
use salesmart_project::files::Files;
use salesmart_schedule::clock::{Clock, Every, When};
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
    let config = configure()?;
    let settle = job.settle();
    let mut arrivals = Arrivals::look(&config, settle)?;
    signals::leave_signals();
    let stop = Stop::listen()?;
    let runner = Runner { stop: &stop, configure, format, console, late: Cell::new(0) };
    match when {
        When::Every(interval) => runner.by_clock(job, Every::new(interval))?,
        When::Cron(cron) => runner.by_clock(job, *cron)?,
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
}

impl Runner<'_> {
    fn by_clock(&self, job: &mut Repeated<'_>, mut clock: impl Clock) -> Result<()> {
        let mut missed = 0;
        if self.wait_for(&clock)? {
            return Ok(());
        }
        loop {
            let started = Instant::now();
            if self.has_work(job.settle()) {
                self.once(job, missed);
            } else {
                self.console.say("nothing to do yet: there is no complete file of any contract");
            }
            missed = clock.advance()?;
            if self.stop.requested().is_some() {
                return Ok(());
            }
            if missed > 0 {
                self.console.warn(&format!(
                    "the run took {:.1} s; {} during it {} left out",
                    started.elapsed().as_secs_f64(),
                    counted(missed, "start"),
                    if missed == 1 { "was" } else { "were" }
                ));
            }
            self.take_late_files(job, &clock);
            if self.wait_for(&clock)? {
                return Ok(());
            }
        }
    }

    /// The next start may be a day away: files that were still being written get runs of their own, unless it is near.
    fn take_late_files(&self, job: &mut Repeated<'_>, clock: &impl Clock) {
        let mut pause = job.settle().max(LOOK);
        while self.late.get() > 0 && clock.left().is_some_and(|left| left > LONGEST_GRACE) {
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
    fn wait_for(&self, clock: &impl Clock) -> Result<bool> {
        if let Some(moment) = clock.moment() {
            self.console.say(&format!("next    run at {}", moment.format("%Y-%m-%d %H:%M:%S")));
        }
        // In short pieces: the calendar's clock may be set, and the machine may sleep.
        while let Some(left) = clock.left() {
            if self.stop.wait(left.min(Duration::from_secs(10))) {
                return Ok(true);
            }
        }
        Ok(self.stop.requested().is_some())
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
