//! An opened project: its configuration, contracts and models, and the staging file that its files are loaded into and its
//! models are built in. What comes out is published models; pushing them is not this crate's business.

pub mod files;

use std::collections::BTreeMap;

use anyhow::Result;
use salesmart_base::clock;
use salesmart_base::config::Config;
use salesmart_base::event::{Ingested, Observer};
use salesmart_base::fail;
use salesmart_ingest::contract::{Contract, contract_file};
use salesmart_ingest::load::catalog::SourceFile;
use salesmart_ingest::load::intake::{self, Taken};
use salesmart_model::Models;
use salesmart_staging::Staging;
use salesmart_transform::build::{self, Inputs, Options, Report};
use salesmart_transform::change::{self, Inspector};
use salesmart_transform::unbuilt;

/// Of the reasons why files were refused, so many are listed in an error.
const REASONS: usize = 10;

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
    /// Receives what its stages report.
    pub observer: &'a dyn Observer,
    run_id: String,
}

impl<'a> Project<'a> {
    /// Reads contracts and models, and opens the staging file.
    ///
    /// # Errors
    /// A contract or model that cannot be read; a staging file that is in use or damaged.
    pub fn open(config: &'a Config, observer: &'a dyn Observer) -> Result<Self> {
        Self::open_for(config, observer, clock::run_id())
    }

    /// [`open`](Self::open) for a run that has an identifier already.
    pub fn open_for(config: &'a Config, observer: &'a dyn Observer, run_id: String) -> Result<Self> {
        let contracts = contract_file::load_all(config)?;
        let models = Models::load(config)?;
        let staging = Staging::open(config)?;
        Ok(Self { config, staging, contracts, models, observer, run_id })
    }

    /// Loads what is new or changed among the files of all contracts, or among those that `taken` names.
    ///
    /// # Errors
    /// A file was refused; all others are loaded before this fails.
    pub fn ingest(&self, taken: Taken<'_>) -> Result<()> {
        let contracts: Vec<&Contract> = self.contracts.values().collect();
        refuse(&intake::run(self.config, &self.staging, &contracts, taken, self.observer)?)
    }

    /// Loads these files of one source.
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest).
    pub fn ingest_files(&self, contract: &Contract, files: &[SourceFile]) -> Result<()> {
        refuse(&intake::run(self.config, &self.staging, &[contract], Taken::Only(files), self.observer)?)
    }

    /// Builds, checks and publishes the models.
    ///
    /// # Errors
    /// A model cannot be built, or a check failed; what was published before stays.
    pub fn build(&self, options: &Options) -> Result<Report> {
        self.build_inspected(options, &mut change::ignore)
    }

    /// The models that are not as they were built last.
    ///
    /// # Errors
    /// A model that cannot be parsed.
    pub fn unbuilt(&self) -> Result<Vec<String>> {
        unbuilt::unbuilt(self.staging.conn(), &self.models, &self.contracts)
    }

    /// [`build`](Self::build) that shows every changed model to `inspector` before it is published.
    pub fn build_inspected(&self, options: &Options, inspector: &mut Inspector<'_>) -> Result<Report> {
        self.staging.enter_sandbox()?;
        let inputs =
            Inputs { staging: &self.staging, models: &self.models, contracts: &self.contracts, run_id: &self.run_id };
        build::run(&inputs, options, inspector, self.observer)
    }
}

/// An error that lists the refused files, if there are any.
fn refuse(report: &Ingested) -> Result<()> {
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
    let mut lines: Vec<String> = by_reason
        .iter()
        .take(REASONS)
        .map(|(reason, files)| match files.as_slice() {
            [file] => format!("{file}: {reason}"),
            [first, others @ ..] => format!("{first} and {} more alike: {reason}", others.len()),
            [] => String::new(),
        })
        .collect();
    if by_reason.len() > REASONS {
        lines.push(format!("and {} more; `salesmart show ingest.files` has them all", by_reason.len() - REASONS));
    }
    let others = if report.loaded + report.unchanged > 0 { "; the other files are loaded" } else { "" };
    fail!(
        "{files} refused, so nothing is built or pushed{others}. Repair it, or change the contract, and run again:\n  {}",
        lines.join("\n  ")
    )
}
