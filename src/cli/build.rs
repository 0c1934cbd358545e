//! `salesmart build`

use anyhow::Result;
use salesmart_project::Project;
use salesmart_transform::build::Options;

use super::Global;
use super::select::SelectArgs;
use crate::console::Console;

/// Build, check and publish the models that changed.
///
/// Rebuilds the models whose SQL or input changed: of an incremental model only the rows that are affected. A model that
/// comes out with the same rows stops there: what reads it is not rebuilt. The checks of what changed run before anything is
/// published, in one transaction. If a model or a check fails, the last published models stay as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub select: SelectArgs,
    /// The day that models get as getvariable('as_of'); the shipped ones do not ask for it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild all models from all rows, also those that did not change, and run all checks
    #[arg(long)]
    pub full_refresh: bool,
    /// Say of each model why it is built, or why it is not
    #[arg(long)]
    pub why: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let project = Project::open(&config, console)?;
    let options = Options {
        selected: args.select.of(&project)?,
        as_of: args.as_of,
        full_refresh: args.full_refresh,
        why: args.why,
        ..Options::default()
    };
    project.build(&options)?;
    Ok(())
}
