//! `salesmart run`

use anyhow::Result;

use super::Global;
use super::sync::ReachArgs;
use crate::console::Console;
use crate::pipeline;
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
    /// How to reach the warehouse.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let options = Options { as_of: args.as_of, full_refresh: args.full_refresh, ..Options::default() };
    pipeline::run(&config, &options, args.reach.options(args.full_refresh), console)
}
