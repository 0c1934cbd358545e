//! `salesmart sync`

use anyhow::Result;

use super::Global;
use super::run::deletes;
use crate::console::Console;
use crate::pipeline::Project;
use crate::warehouse::Warehouse;

/// Push what changed in the marts.
///
/// Compares the published marts with what PostgreSQL is known to hold, and pushes the difference in one transaction
/// that also writes the ledger: all of it arrives, once, or nothing does.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Let a sync pass that deletes more than sync.max_delete_pct of a table
    #[arg(long)]
    pub allow_deletes: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let project = Project::open(&config, console)?;
    let warehouse = Warehouse::open(&config, console)?;
    project.sync(&warehouse, deletes(args.allow_deletes))?;
    Ok(())
}
