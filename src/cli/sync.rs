//! `salesmart sync`

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::FalseyValueParser;
use salesmart_base::event::Both;
use salesmart_base::{fail, failure};
use salesmart_history::{Recorder, Run};
use salesmart_project::Project;
use salesmart_sync::ledger::Wait;
use salesmart_sync::plan::Plan;
use salesmart_sync::prepare::Compare;
use salesmart_sync::push::Deletes;
use salesmart_warehouse::Warehouse;

use super::Global;
use crate::console::Console;
use crate::pipeline;
use crate::pipeline::push::{Migrations, Push, SyncOptions};

/// Push what changed in the marts to PostgreSQL.
///
/// Compares the published marts with what PostgreSQL is known to hold, and pushes the difference in one transaction
/// that also writes the ledger: all of it arrives, once, or nothing does.
///
/// `salesmart plan` shows beforehand what a sync would do. A plan that was saved can be pushed as it is: `salesmart plan --out
/// friday.json`, have somebody look at it, `salesmart sync --plan friday.json`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Push exactly what this saved plan says, or nothing if the marts or the warehouse are not what they were
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Show what would be pushed, as `salesmart plan` does, and push nothing
    #[arg(long, conflicts_with = "plan")]
    pub dry_run: bool,
    /// How to push.
    #[command(flatten)]
    pub push: PushArgs,
}

/// The options of all verbs that compare with the warehouse or push to it.
#[derive(Debug, clap::Args)]
pub struct PushArgs {
    /// Compare every row of the warehouse with the marts, as after somebody else wrote there, instead of trusting the ledger
    #[arg(long)]
    pub full_refresh: bool,
    /// How to reach the warehouse.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// The options that do not say what is compared.
#[derive(Debug, clap::Args)]
pub struct ReachArgs {
    /// Let a sync pass that deletes more than sync.max_delete_pct of a table, or leaves a table or month empty
    #[arg(long)]
    pub allow_deletes: bool,
    /// Fail at once if another sync is at work, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Apply pending migrations of sql/postgres/migrations first, instead of refusing; a private server is always migrated
    #[arg(long, env = "SALESMART_MIGRATE", value_parser = FalseyValueParser::new())]
    pub migrate: bool,
}

impl ReachArgs {
    /// As the pipeline takes them.
    pub fn options(&self, full_refresh: bool) -> SyncOptions {
        SyncOptions {
            push: salesmart_sync::push::Options {
                deletes: if self.allow_deletes { Deletes::Allowed } else { Deletes::Guarded },
                compare: if full_refresh { Compare::Rows } else { Compare::Mirror },
                wait: if self.no_wait { Wait::Never } else { Wait::ForHolder },
            },
            migrations: if self.migrate { Migrations::Apply } else { Migrations::Refuse },
        }
    }
}

impl PushArgs {
    /// As the pipeline takes them.
    pub fn options(&self) -> SyncOptions {
        self.reach.options(self.full_refresh)
    }
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let plan = args.plan.as_deref().map(Plan::read).transpose()?;
    if plan.is_some() && args.push.full_refresh {
        fail!("a plan says what changes; --full-refresh would look for more: leave out one of the two");
    }
    let recorder = Recorder::default();
    let observer = Both(console, &recorder);
    let project = Project::open(&config, &observer)?;
    let mut run = Run::start("sync");
    let warehouse = Warehouse::open(&config, &observer)?;
    let push = Push { project: &project, warehouse: &warehouse, options: args.push.options() };
    if args.dry_run {
        super::plan::say(&push.plan(super::plan::SAMPLES)?, &project.unbuilt()?, console);
        return Ok(());
    }
    let (result, client) = match push.sync(plan.as_ref()) {
        Ok(client) => (Ok(()), Some(client)),
        Err(error) => (Err(failure::recognise(error)), None),
    };
    if result.is_ok() {
        super::plan::warn_of_unbuilt(&project.unbuilt()?, console);
    }
    run.report = recorder.report();
    run.end(&result);
    // One that had nothing to push leaves no trace.
    if result.is_err() || run.report.sync_number.is_some() {
        let is_reached = !result.as_ref().is_err_and(failure::is_transient);
        pipeline::keep(&project.staging, &run, Some(&warehouse).filter(|_| is_reached), client, &observer);
    }
    result
}
