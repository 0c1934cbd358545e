//! The steps of a run, in their order. Read this first.
//!
//! [`run`] is the scheduled job: ingest, build and check, connect, sync. Each step is a crate of its own that knows the ones
//! before it and none after it. [`push`] is what the verbs about the warehouse share.

pub mod push;

use std::time::{Duration, Instant};

use anyhow::Result;
use salesmart_base::config::{self, Config};
use salesmart_base::event::{Both, Event, Observer};
use salesmart_base::{failpoint, failure};
use salesmart_history::{self as history, Outcome, Recorder, Run};
use salesmart_ingest::load::intake::Taken;
use salesmart_project::Project;
use salesmart_staging::Staging;
use salesmart_transform::build;
use salesmart_warehouse::Warehouse;

use push::{Push, SyncOptions};

/// What a run is to do.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// How to build.
    pub build: build::Options,
    /// How to sync.
    pub sync: SyncOptions,
    /// Files that changed within this time are left for the next run; `None`: all are taken.
    pub settle: Option<Duration>,
}

/// The steps. `warehouse` is left open for whoever keeps the record of the run, as is the connection that is returned.
fn steps<'a>(
    project: &Project<'a>,
    job: &Job,
    timing: &mut Timing,
    warehouse: &mut Option<Warehouse<'a>>,
) -> Result<postgres::Client> {
    let files = job.settle.map_or(Taken::All, Taken::Complete);
    timing.measure("ingest", || project.ingest(files))?;
    timing.measure("build and check", || project.build(&job.build))?;
    let opened = timing.measure("connect", || Warehouse::open(project.config, project.observer))?;
    let warehouse = &*warehouse.insert(opened);
    let push = Push { project, warehouse, options: job.sync };
    let client = timing.measure("sync", || push.sync(None))?;
    project.observer.observe(&Event::RunFinished { warehouse: warehouse.describe(), steps: &timing.0 });
    Ok(client)
}

/// Runs the steps. What they did is noted in `run`, and kept. `unkept` are earlier runs that could not be kept, and are now.
///
/// # Errors
/// Those of the steps.
pub fn run(config: &Config, job: &Job, observer: &dyn Observer, run: &mut Run, unkept: &mut Vec<Run>) -> Result<()> {
    let recorder = Recorder::default();
    let observer = Both(observer, &recorder);
    let project = Project::open_for(config, &observer, run.run_id.clone())?;
    history::local::begin(project.staging.conn(), run)?;
    for run in unkept.drain(..) {
        history::local::keep(project.staging.conn(), &run)?;
    }
    failpoint::hit("run.begun");
    let mut warehouse = None;
    let mut timing = Timing::default();
    let (result, client) = match steps(&project, job, &mut timing, &mut warehouse) {
        Ok(client) => (Ok(()), Some(client)),
        Err(error) => (Err(failure::recognise(config.memory.explain(error))), None),
    };
    let mut report = recorder.report();
    timing.0.iter().for_each(|(step, elapsed)| report.took(step, *elapsed));
    run.report = report.after(std::mem::take(&mut run.report));
    run.end(&result);
    if let (None, Err(error), config::Warehouse::Url(_)) = (&warehouse, &result, &config.warehouse)
        && !failure::is_transient(error)
    {
        // The warehouse has not been tried yet, and those who look there should see the failure.
        warehouse = Warehouse::open(config, &observer).ok();
    }
    // Nor is it worth the wait where it has just been found out of reach.
    let is_lost = result.as_ref().is_err_and(failure::is_transient);
    let warehouse = warehouse.as_ref().filter(|_| !is_lost);
    keep(&project.staging, run, warehouse, client, &observer);
    result
}

/// Keeps what a run did: in the staging file, and in the warehouse if that is possible, over `client` if there is one. A run does
/// not fail by that.
pub fn keep(
    staging: &Staging,
    run: &Run,
    warehouse: Option<&Warehouse<'_>>,
    client: Option<postgres::Client>,
    observer: &dyn Observer,
) {
    let conn = staging.conn();
    let kept = history::local::keep(conn, run).and_then(|()| match (warehouse, client) {
        (Some(_), Some(mut client)) => history::warehouse::record(conn, &mut client),
        (Some(warehouse), None) => history::warehouse::record(conn, &mut warehouse.connect()?),
        (None, _) => Ok(()),
    });
    match kept {
        Ok(()) => {}
        // The warehouse may well be why it failed.
        Err(error) if run.outcome == Outcome::Failed => tracing::debug!("the record is not kept: {error:#}"),
        Err(error) => observer.observe(&Event::RecordNotKept { error: &error }),
    }
}

/// Wall time of each step.
#[derive(Debug, Default)]
struct Timing(Vec<(&'static str, Duration)>);

impl Timing {
    fn measure<T>(&mut self, step: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = work();
        self.0.push((step, started.elapsed()));
        result
    }
}
