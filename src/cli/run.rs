//! `salesmart run`

use std::time::Duration;

use anyhow::Result;
use salesmart_schedule::calendar::Expression;
use salesmart_schedule::clock;
use salesmart_schedule::clock::When;
use salesmart_sync::ledger::Wait;
use salesmart_transform::build::Options;

use super::Global;
use super::sync::ReachArgs;
use crate::console::Console;
use crate::pipeline::Job;
use crate::schedule;
use crate::schedule::SETTLE;
use crate::schedule::job::Repeated;

/// How often a scheduled run is tried again, if nothing else is said.
const RETRIES: u32 = 5;

/// Ingest, build, check and sync: the scheduled job.
///
/// Loads new and changed files, rebuilds the models they touch, checks them, and pushes what changed to PostgreSQL
/// in one transaction. Safe to repeat and to interrupt at any moment: what is done is not done again, and nothing
/// is left half done.
///
/// With --every, --cron or --watch it stays in the foreground and runs again and again. A failed run is reported and the next one
/// goes on; a run that meets another process on the same staging file or warehouse is skipped, and said; files that are still
/// being written are left for the next run, or for one soon if that is far away. SIGTERM and Ctrl-C end it: a run at work is
/// finished first, a second signal ends it at once. `salesmart history` shows all runs. See docs/scheduling.md for systemd, cron
/// and Airflow.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  \
    salesmart run                                   once\n  \
    salesmart run --every 15m                       at once, then every quarter of an hour\n  \
    salesmart run --cron \"0 6 * * MON-FRI\"          at 6:00 on working days, local time\n  \
    salesmart run --watch                           as soon as files are complete\n  \
    salesmart run --retries 3 --on-failure 'mail -s \"salesmart: $SALESMART_OUTCOME\" me@example.com'")]
pub struct Args {
    /// The day that models get as getvariable('as_of'); the shipped ones do not ask for it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild all models, also those that did not change, and compare the whole warehouse with them
    #[arg(long)]
    pub full_refresh: bool,
    /// Run now and then at this interval, from start to start: 30s, 15m, 1h30m
    #[arg(long, value_name = "INTERVAL", group = "schedule", value_parser = clock::interval)]
    pub every: Option<Duration>,
    /// Run when this cron expression says: minute, hour, day of the month, month, day of the week, in local time,
    /// or that of the environment variable TZ
    #[arg(long, value_name = "EXPRESSION", group = "schedule")]
    pub cron: Option<Expression>,
    /// Run now and whenever files have arrived
    #[arg(long, group = "schedule")]
    pub watch: bool,
    /// With --every, --cron or --watch: a file is complete when it has not changed for so long [default: 2s]
    #[arg(long, value_name = "TIME", requires = "schedule", value_parser = clock::duration)]
    pub settle: Option<Duration>,
    /// Try a run again so often, after 1 s, 2 s, 4 s and so on to 60 s, if what stopped it may pass: PostgreSQL is not there, a lock,
    /// a full disk [default: 5 with --every, --cron or --watch, else 0]
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// Shell command to call after a run that failed, its retries included. The run is JSON on its standard input, and
    /// SALESMART_RUN_ID and SALESMART_OUTCOME are in its environment
    #[arg(long, value_name = "COMMAND")]
    pub on_failure: Option<String>,
    /// How to reach the warehouse.
    #[command(flatten)]
    pub reach: ReachArgs,
}

impl Args {
    /// What the runs go by, and how that is written.
    fn schedule(&self) -> Option<(When, String)> {
        match (self.every, &self.cron, self.watch) {
            (Some(interval), ..) => {
                Some((When::Every(interval), format!("run --every {}", humantime::format_duration(interval))))
            }
            (_, Some(cron), _) => Some((When::Cron(Box::new(cron.clone())), format!("run --cron \"{cron}\""))),
            (.., true) => Some((When::Arrival, "run --watch".to_owned())),
            _ => None,
        }
    }
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let schedule = args.schedule();
    let build = Options { as_of: args.as_of, full_refresh: args.full_refresh, ..Options::default() };
    let mut sync = args.reach.options(args.full_refresh);
    let mut settle = None;
    if schedule.is_some() {
        sync.push.wait = Wait::Never;
        settle = Some(args.settle.unwrap_or(SETTLE));
    }
    let mut repeated = Repeated {
        job: Job { build, sync, settle },
        command: schedule.as_ref().map_or_else(|| "run".to_owned(), |(_, written)| written.clone()),
        retries: args.retries.unwrap_or(if schedule.is_some() { RETRIES } else { 0 }),
        on_failure: args.on_failure.as_deref(),
        skips: schedule.is_some(),
        console,
        unkept: Vec::new(),
    };
    let configure = || global.config();
    match schedule {
        Some((when, _)) => schedule::run(when, &mut repeated, &configure, global.log_format, console),
        None => {
            let pause = |pause| {
                std::thread::sleep(pause);
                false
            };
            repeated.run(&configure, 0, &pause).1
        }
    }
}
