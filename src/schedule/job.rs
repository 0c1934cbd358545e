//! One run: tried again while what stopped it may pass, kept, and reported to whoever wants to know of failures.

use std::time::Duration;

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::failure;
use salesmart_history::{Outcome, Run, local};
use salesmart_staging::Staging;

use super::{SETTLE, on_failure};
use crate::console::Console;
use crate::pipeline;
use crate::pipeline::Job;

/// The longest pause before a run is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is done each time.
pub struct Repeated<'a> {
    /// The pipeline's part.
    pub job: Job,
    /// What is kept as the run's command.
    pub command: String,
    /// How often a run is tried again.
    pub retries: u32,
    /// A shell command to call after a run that failed.
    pub on_failure: Option<&'a str>,
    /// Whether a run that meets another process is left out, instead of being tried again.
    pub skips: bool,
    /// Where it is told.
    pub console: &'a Console,
    /// Runs that could not be kept yet, as the staging file was in use.
    pub unkept: Vec<Run>,
}

/// How a run ended, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Well,
    /// It may go well the next time.
    ForNow,
    /// Somebody has to do something.
    Badly,
}

impl Repeated<'_> {
    /// How long a file must not have changed to count as complete.
    pub fn settle(&self) -> Duration {
        self.job.settle.unwrap_or(SETTLE)
    }

    /// Runs once, with its retries. `pause` waits, and returns true if no more is wanted.
    pub fn run(
        &mut self,
        configure: &dyn Fn() -> Result<Config>,
        missed: u64,
        pause: &dyn Fn(Duration) -> bool,
    ) -> (Run, Result<()>) {
        let mut run = Run { missed, ..Run::start(&self.command) };
        let mut wait = Duration::from_secs(1);
        let result = loop {
            let result = self.attempt(configure, &mut run);
            let Err(error) = &result else { break result };
            let is_skipped = self.skips && failure::is_overlap(error);
            if is_skipped || run.attempts > self.retries || !failure::is_transient(error) {
                break result;
            }
            self.console.warn(&format!(
                "{}; trying again in {} s (try {} of {})",
                failure::in_words(error),
                wait.as_secs(),
                run.attempts + 1,
                self.retries + 1
            ));
            if pause(wait) {
                break result;
            }
            wait = (wait * 2).min(LONGEST_PAUSE);
            run.attempts += 1;
        };
        let is_failure = result.is_err() && !(self.skips && run.outcome == Outcome::Skipped);
        if let (true, Some(command)) = (is_failure, self.on_failure) {
            on_failure::call(command, &run, self.console);
        }
        (run, result)
    }

    fn attempt(&mut self, configure: &dyn Fn() -> Result<Config>, run: &mut Run) -> Result<()> {
        run.outcome = Outcome::Started;
        run.message = None;
        let (config, result) = match configure() {
            Ok(config) => {
                let result = pipeline::run(&config, &self.job, self.console, run, &mut self.unkept);
                (Some(config), result)
            }
            Err(error) => (None, Err(error)),
        };
        let result = result.map_err(failure::recognise);
        if run.outcome == Outcome::Started {
            // The project could not be opened.
            run.end(&result);
            let staging =
                config.filter(|config| config.staging_file.exists()).and_then(|config| Staging::open(&config).ok());
            if staging.is_none_or(|staging| local::keep(staging.conn(), run).is_err()) {
                self.unkept.retain(|other| other.run_id != run.run_id);
                self.unkept.push(run.clone());
            }
        }
        result
    }
}
