//! The steps in their order. Read this first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::config::{self, Config};
use crate::console::{Console, counted};
use crate::history::{self, Outcome, Run};
use crate::ingest::catalog::SourceFile;
use crate::ingest::contract::Contract;
use crate::ingest::intake::Taken;
use crate::ingest::{contract_file, intake, report};
use crate::model::Models;
use crate::staging::Staging;
use crate::sync::ledger::{self, Wait};
use crate::sync::plan::Plan;
use crate::sync::prepare::{Compare, Prepared};
use crate::sync::push::{self, Deletes};
use crate::sync::verify::{self, Expected};
use crate::transform::build;
use crate::transform::change::{self, Observer};
use crate::warehouse::{Warehouse, migrate, refusal};
use crate::{check, fail, failpoint, failure};

/// Time per stage.
#[derive(Debug, Default)]
pub struct Timing(Vec<(&'static str, Duration)>);

impl Timing {
    fn measure<T>(&mut self, stage: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = work();
        self.0.push((stage, started.elapsed()));
        result
    }

    fn tell(&self, report: &mut history::Report) {
        self.0.iter().for_each(|(stage, elapsed)| report.took(stage, *elapsed));
    }
}

/// `ingest 0.31 s, build 0.52 s`
impl std::fmt::Display for Timing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total: Duration = self.0.iter().map(|(_, elapsed)| *elapsed).sum();
        let parts: Vec<String> =
            self.0.iter().map(|(stage, elapsed)| format!("{stage} {:.2} s", elapsed.as_secs_f64())).collect();
        write!(f, "{:.2} s: {}", total.as_secs_f64(), parts.join(", "))
    }
}

/// A project with its staging file open.
pub struct Project<'a> {
    /// Its configuration.
    pub config: &'a Config,
    /// Its staging file.
    pub staging: Staging,
    /// Its contracts, by source.
    pub contracts: BTreeMap<String, Contract>,
    /// Its models and checks.
    pub models: Models,
    console: &'a Console,
    run_id: String,
    /// What its stages did.
    told: RefCell<history::Report>,
    /// The connection of a sync that went well, over which the record of the run can be sent.
    connected: RefCell<Option<postgres::Client>>,
}

impl<'a> Project<'a> {
    /// Reads contracts and models, and opens the staging file.
    pub fn open(config: &'a Config, console: &'a Console) -> Result<Self> {
        Self::open_for(config, console, uuid::Uuid::now_v7().to_string())
    }

    /// The same, for a run that has its identifier.
    fn open_for(config: &'a Config, console: &'a Console, run_id: String) -> Result<Self> {
        let contracts = contract_file::load_all(&config.root.join("data/contracts"))?;
        let models = Models::load(config)?;
        let staging = Staging::open(config)?;
        Ok(Self {
            config,
            staging,
            contracts,
            models,
            console,
            run_id,
            told: RefCell::default(),
            connected: RefCell::default(),
        })
    }

    /// Loads what is new; if a file is refused, all others are loaded before this fails.
    pub fn ingest(&self) -> Result<()> {
        self.take(Taken::All)
    }

    fn take(&self, taken: Taken<'_>) -> Result<()> {
        let contracts: Vec<&Contract> = self.contracts.values().collect();
        let report = intake::run(self.config, &self.staging, &contracts, taken, self.console)?;
        self.told.borrow_mut().ingested(&report);
        settle(&report)
    }

    /// Loads these files of one source.
    pub fn ingest_files(&self, contract: &Contract, files: &[SourceFile]) -> Result<()> {
        settle(&intake::run(self.config, &self.staging, &[contract], Taken::Only(files), self.console)?)
    }

    /// Builds, checks and publishes the models.
    pub fn build(&self, options: &build::Options) -> Result<build::Report> {
        self.build_observed(options, &mut change::ignore)
    }

    /// The same, with an eye on every model that changes.
    pub fn build_observed(&self, options: &build::Options, observer: &mut Observer<'_>) -> Result<build::Report> {
        let (staging, told) = (&self.staging, &self.told);
        let mut checked = |checks: &check::Report| told.borrow_mut().checked(checks);
        let (models, contracts, run_id) = (&self.models, &self.contracts, &self.run_id);
        let report = build::run(staging, models, contracts, options, run_id, self.console, observer, &mut checked)?;
        told.borrow_mut().built(&report);
        Ok(report)
    }

    /// Pushes the delta; exactly the planned one, if there is a plan.
    pub fn sync(&self, warehouse: &Warehouse, options: SyncOptions, plan: Option<&Plan>) -> Result<push::Report> {
        let started = Instant::now();
        let mut client = self.connect(warehouse, options)?;
        let mut prepared = self.prepare(&mut client, options.push)?;
        if let Some(plan) = plan {
            prepared.save(self.staging.conn())?;
            plan.hold(self.staging.conn(), &prepared)?;
        }
        let report = self.push(warehouse, &mut client, &prepared, options.push.deletes)?;
        ledger::unlock(&mut client)?;
        self.connected.replace(Some(client));
        push::say(&report, started, self.console);
        Ok(report)
    }

    /// Keeps what a run did: in the staging file, and in the warehouse if that is possible. A run does not fail by that.
    pub fn keep(&self, run: &Run, warehouse: Option<&Warehouse>) {
        let conn = self.staging.conn();
        let kept = history::local::keep(conn, run).and_then(|()| match warehouse {
            Some(warehouse) => {
                let mut client = match self.connected.take() {
                    Some(client) => client,
                    None => warehouse.connect()?,
                };
                history::warehouse::record(conn, &mut client)
            }
            None => Ok(()),
        });
        match kept {
            Ok(()) => {}
            // The warehouse may well be why it failed.
            Err(error) if run.outcome == Outcome::Failed => tracing::debug!("the record is not kept: {error:#}"),
            Err(error) => self.console.warn(&format!(
                "the record of this run could not be kept, the next run tries again: {}",
                failure::in_words(&error)
            )),
        }
    }

    /// What its stages did so far.
    pub fn report(&self) -> history::Report {
        self.told.borrow().clone()
    }

    /// What [`sync`](Self::sync) would do, with up to `samples` rows per table and operation.
    pub fn plan(&self, warehouse: &Warehouse, options: SyncOptions, samples: u64) -> Result<Plan> {
        let mut client = self.connect(warehouse, options)?;
        let mut prepared = self.prepare(&mut client, options.push)?;
        prepared.save(self.staging.conn())?;
        Plan::new(&self.staging, &mut client, &prepared, self.config.sync, samples)
    }

    /// Looks for what others changed in the warehouse; up to `limit` rows are named per month and kind. With `repair`, puts just that
    /// right.
    pub fn verify(
        &self,
        warehouse: &Warehouse,
        options: SyncOptions,
        limit: u64,
        repair: Repair,
    ) -> Result<verify::Report> {
        let started = Instant::now();
        let mut client = self.connect(warehouse, options)?;
        let push::Options { deletes, wait, .. } = options.push;
        let report = verify::run(&self.staging, &mut client, &self.models, wait, limit, self.console)?;
        if repair == Repair::Yes && report.differences() > 0 {
            let compare = match report.expected {
                Expected::Pushed => {
                    verify::admit(&self.staging, &self.models, &report)?;
                    Compare::Mirror
                }
                // There is no mirror that could be put right.
                Expected::Marts => Compare::Rows,
            };
            let prepared = self.prepare(&mut client, push::Options { deletes, wait, compare })?;
            let pushed = self.push(warehouse, &mut client, &prepared, deletes)?;
            push::say(&pushed, started, self.console);
            let after = verify::run(&self.staging, &mut client, &self.models, wait, limit, self.console)?;
            if after.differences() > 0 {
                let tables: Vec<&str> = after.differing().map(|table| table.table.as_str()).collect();
                fail!(
                    "{} of {} still differ after the repair: something in PostgreSQL, such as a trigger, changes rows as they are written",
                    counted(after.differences(), "row"),
                    tables.join(", ")
                );
            }
        }
        Ok(report)
    }

    fn prepare(&self, client: &mut postgres::Client, options: push::Options) -> Result<Prepared> {
        Prepared::new(&self.staging, client, &self.models, options.wait, options.compare, self.console)
    }

    fn push(
        &self,
        warehouse: &Warehouse,
        client: &mut postgres::Client,
        prepared: &Prepared,
        deletes: Deletes,
    ) -> Result<push::Report> {
        let report = push::push(self.config, &self.staging, client, prepared, deletes, self.console)
            .map_err(|error| refusal::name_holders(warehouse, error))?;
        self.told.borrow_mut().synced(&report);
        Ok(report)
    }

    /// Connects to a warehouse whose schema is up to date. The private one is the project's own, and is migrated as needed.
    fn connect(&self, warehouse: &Warehouse, options: SyncOptions) -> Result<postgres::Client> {
        let mut client = warehouse.connect()?;
        let folder = self.config.root.join("sql/postgres/migrations");
        let pending = migrate::pending(&mut client, &folder)?;
        if pending.is_empty() {
            return Ok(client);
        }
        if options.migrations == Migrations::Refuse && warehouse.embedded().is_none() {
            fail!(
                "{} pending in {}: {}; look at them and run `salesmart migrate` (or add --migrate), then run again",
                if pending.len() == 1 { "a migration is" } else { "migrations are" },
                warehouse.describe(),
                pending.join(", ")
            );
        }
        migrate(&mut client, &folder, options.push.wait, self.console)?;
        Ok(client)
    }
}

/// Applies the pending migrations, one migrating process and no sync at a time; returns their names.
pub fn migrate(client: &mut postgres::Client, folder: &Path, wait: Wait, console: &Console) -> Result<Vec<String>> {
    ledger::lock(client, wait, console)?;
    // A migration may empty or change a table. Noted before it runs, so that no crash can hide it.
    ledger::write_migration(client)?;
    let applied = migrate::run(client, folder)?;
    for name in &applied {
        console.say(&format!("        migrated the warehouse: {name}"));
    }
    Ok(applied)
}

/// What to do with migrations that are not applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// Do not touch the warehouse until somebody applies them.
    #[default]
    Refuse,
    /// Apply them first.
    Apply,
}

/// What to do with differences that [`Project::verify`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Name them.
    No,
    /// Push just those rows.
    Yes,
}

/// How to reach the warehouse and push to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SyncOptions {
    /// How to push.
    pub push: push::Options,
    /// Pending migrations.
    pub migrations: Migrations,
}

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

/// Ingest, build, check, sync: the scheduled job. What it did is noted in `run`, and kept. `unkept` are earlier runs that could not
/// be kept, and are now.
///
/// # Errors
/// Those of the stages.
pub fn run(config: &Config, job: &Job, console: &Console, run: &mut Run, unkept: &mut Vec<Run>) -> Result<()> {
    let project = Project::open_for(config, console, run.run_id.clone())?;
    history::local::begin(project.staging.conn(), run)?;
    for run in unkept.drain(..) {
        history::local::keep(project.staging.conn(), &run)?;
    }
    failpoint::hit("run.begun");
    let mut warehouse = None;
    let mut timing = Timing::default();
    let result = stages(&project, job, &mut timing, &mut warehouse).map_err(failure::recognise);
    let mut report = project.report();
    timing.tell(&mut report);
    run.report = report.after(std::mem::take(&mut run.report));
    run.end(&result);
    if let (None, Err(error), config::Warehouse::Url(_)) = (&warehouse, &result, &config.warehouse)
        && !failure::is_transient(error)
    {
        // The warehouse has not been tried yet, and those who look there should see the failure.
        warehouse = Warehouse::open(config, console).ok();
    }
    // Nor is it worth the wait where it has just been found out of reach.
    let is_lost = result.as_ref().is_err_and(failure::is_transient);
    project.keep(run, warehouse.as_ref().filter(|_| !is_lost));
    result
}

fn stages(project: &Project<'_>, job: &Job, timing: &mut Timing, warehouse: &mut Option<Warehouse>) -> Result<()> {
    let taken = job.settle.map_or(Taken::All, Taken::Complete);
    timing.measure("ingest", || project.take(taken))?;
    timing.measure("build and check", || project.build(&job.build))?;
    let opened = timing.measure("connect", || Warehouse::open(project.config, project.console))?;
    let opened = warehouse.insert(opened);
    timing.measure("sync", || project.sync(opened, job.sync, None))?;
    project.console.say(&format!("done    {} in {timing}", opened.describe()));
    Ok(())
}

fn settle(report: &report::Report) -> Result<()> {
    if report.refused.is_empty() {
        return Ok(());
    }
    let files = match report.refused.len() {
        1 => "1 file was".to_owned(),
        count => format!("{count} files were"),
    };
    // Files of one exporter tend to be wrong in the same way.
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for refused in &report.refused {
        match by_reason.iter_mut().find(|(reason, _)| *reason == refused.reason) {
            Some((_, files)) => files.push(&refused.file),
            None => by_reason.push((&refused.reason, vec![&refused.file])),
        }
    }
    const SHOWN: usize = 10;
    let mut lines: Vec<String> = by_reason
        .iter()
        .take(SHOWN)
        .map(|(reason, files)| match files.as_slice() {
            [file] => format!("{file}: {reason}"),
            [first, others @ ..] => format!("{first} and {} more alike: {reason}", others.len()),
            [] => String::new(),
        })
        .collect();
    if by_reason.len() > SHOWN {
        lines.push(format!("and {} more; `salesmart show ingest.files` has them all", by_reason.len() - SHOWN));
    }
    let others = if report.loaded + report.unchanged > 0 { "; the other files are loaded" } else { "" };
    fail!(
        "{files} refused, so nothing is built or pushed{others}. Repair it, or change the contract, and run again:\n  {}",
        lines.join("\n  ")
    )
}
