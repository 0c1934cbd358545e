//! `salesmart run`

use anyhow::Result;

use super::Global;
use crate::console::Console;
use crate::pipeline;
use crate::sync::push::Deletes;
use crate::transform::build::Options;

/// Ingest, build, check and sync.
///
/// Loads new and changed files, rebuilds the models they touch, checks them, and pushes what changed to PostgreSQL
/// in one transaction. Safe to repeat and to interrupt at any moment: what is done is not done again, and nothing
/// is left half done.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The day that RFM looks back from; by default the day after the last sale
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild all models, also those that did not change
    #[arg(long)]
    pub full_refresh: bool,
    /// Let a sync pass that deletes more than sync.max_delete_pct of a table
    #[arg(long)]
    pub allow_deletes: bool,
}

/// `--allow-deletes` as a policy.
pub fn deletes(allow: bool) -> Deletes {
    match allow {
        true => Deletes::Allowed,
        false => Deletes::Guarded,
    }
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let options = Options { as_of: args.as_of, full_refresh: args.full_refresh };
    pipeline::run(&config, &options, deletes(args.allow_deletes), console)
}
