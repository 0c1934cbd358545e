//! `salesmart build`

use anyhow::Result;

use super::Global;
use super::select::SelectArgs;
use crate::console::Console;
use crate::pipeline::Project;
use crate::transform::build::Options;

/// Build, check and publish the models that changed.
///
/// Rebuilds the models whose SQL or input changed, in a scratch schema; runs all checks there; publishes everything
/// in one transaction. If a model or a check fails, the last published models stay as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub select: SelectArgs,
    /// The day that RFM looks back from; by default the day after the last sale
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild all models, also those that did not change
    #[arg(long)]
    pub full_refresh: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let project = Project::open(&config, console)?;
    let selected = args.select.of(&project)?;
    project.build(&Options { selected, as_of: args.as_of, full_refresh: args.full_refresh, ..Options::default() })?;
    Ok(())
}
