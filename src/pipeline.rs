//! The steps in their order. Read this first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::config::Config;
use crate::console::Console;
use crate::fail;
use crate::ingest::catalog::SourceFile;
use crate::ingest::contract::Contract;
use crate::ingest::{contract_file, intake, report};
use crate::model::Models;
use crate::staging::Staging;
use crate::sync::{ledger, push};
use crate::transform::build;
use crate::transform::change::{self, Observer};
use crate::warehouse::{Warehouse, migrate};

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
}

impl<'a> Project<'a> {
    /// Reads contracts and models, and opens the staging file.
    pub fn open(config: &'a Config, console: &'a Console) -> Result<Self> {
        let contracts = contract_file::load_all(&config.root.join("data/contracts"))?;
        let models = Models::load(config)?;
        let staging = Staging::open(config)?;
        Ok(Self { config, staging, contracts, models, console, run_id: uuid::Uuid::now_v7().to_string() })
    }

    /// Loads what is new; if a file is refused, all others are loaded before this fails.
    pub fn ingest(&self) -> Result<()> {
        let contracts: Vec<&Contract> = self.contracts.values().collect();
        settle(&intake::run(self.config, &self.staging, &contracts, None, self.console)?)
    }

    /// Loads these files of one source.
    pub fn ingest_files(&self, contract: &Contract, files: &[SourceFile]) -> Result<()> {
        settle(&intake::run(self.config, &self.staging, &[contract], Some(files), self.console)?)
    }

    /// Builds, checks and publishes the models.
    pub fn build(&self, options: &build::Options) -> Result<build::Report> {
        self.build_observed(options, &mut change::ignore)
    }

    /// The same, with an eye on every model that changes.
    pub fn build_observed(&self, options: &build::Options, observer: &mut Observer<'_>) -> Result<build::Report> {
        build::run(&self.staging, &self.models, &self.contracts, options, &self.run_id, self.console, observer)
    }

    /// Pushes the delta.
    pub fn sync(&self, warehouse: &Warehouse, options: push::Options) -> Result<push::Report> {
        let mut client = warehouse.connect()?;
        let migrations = self.config.root.join("sql/postgres/migrations");
        if migrate::is_pending(&mut client, &migrations)? {
            // A migration may empty or change a table. Noted before it runs, so that no crash can hide it.
            ledger::distrust(self.staging.conn())?;
            for applied in migrate::run(&mut client, &migrations)? {
                self.console.say(&format!("        migrated the warehouse: {applied}"));
            }
        }
        push::run(self.config, &self.staging, &mut client, &self.models, options, self.console)
    }
}

/// Ingest, build, check, sync: the scheduled job.
pub fn run(config: &Config, options: &build::Options, sync: push::Options, console: &Console) -> Result<()> {
    let project = Project::open(config, console)?;
    let mut timing = Timing::default();
    timing.measure("ingest", || project.ingest())?;
    timing.measure("build and check", || project.build(options))?;
    let warehouse = timing.measure("connect", || Warehouse::open(config, console))?;
    timing.measure("sync", || project.sync(&warehouse, sync))?;
    console.say(&format!("done    {} in {timing}", warehouse.describe()));
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
