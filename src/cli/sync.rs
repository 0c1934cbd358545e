//! `salesmart sync`

use anyhow::Result;

use super::Global;
use super::run::sync_options;
use crate::console::Console;
use crate::pipeline::Project;
use crate::warehouse::Warehouse;

/// Push what changed in the marts to PostgreSQL.
///
/// Compares the published marts with what PostgreSQL is known to hold, and pushes the difference in one transaction
/// that also writes the ledger: all of it arrives, once, or nothing does.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compare every row of the warehouse with the marts, as after somebody else wrote there, instead of trusting the ledger
    #[arg(long)]
    pub full_refresh: bool,
    /// Let a sync pass that deletes more than sync.max_delete_pct of a table
    #[arg(long)]
    pub allow_deletes: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let project = Project::open(&config, console)?;
    let warehouse = Warehouse::open(&config, console)?;
    project.sync(&warehouse, sync_options(args.allow_deletes, args.full_refresh))?;
    Ok(())
}
