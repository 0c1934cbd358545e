//! `salesmart run`

use anyhow::Result;

use super::Global;
use crate::console::Console;
use crate::pipeline;
use crate::sync::push::{self, Deletes};
use crate::transform::build::Options;

/// Ingest, build, check and sync: the scheduled job.
///
/// Loads new and changed files, rebuilds the models they touch, checks them, and pushes what changed to PostgreSQL
/// in one transaction. Safe to repeat and to interrupt at any moment: what is done is not done again, and nothing
/// is left half done.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The day that RFM looks back from; by default the day after the last sale
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild all models, also those that did not change, and compare the whole warehouse with them
    #[arg(long)]
    pub full_refresh: bool,
    /// Let a sync pass that deletes more than sync.max_delete_pct of a table
    #[arg(long)]
    pub allow_deletes: bool,
}

/// `--allow-deletes` and `--full-refresh` for the sync.
pub fn sync_options(allow_deletes: bool, full_refresh: bool) -> push::Options {
    let deletes = if allow_deletes { Deletes::Allowed } else { Deletes::Guarded };
    push::Options { deletes, compare: full_refresh }
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let options = Options { as_of: args.as_of, full_refresh: args.full_refresh, ..Options::default() };
    pipeline::run(&config, &options, sync_options(args.allow_deletes, args.full_refresh), console)
}
