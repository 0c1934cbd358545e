//! `salesmart init`

use std::path::PathBuf;

use anyhow::Result;

use crate::console::Console;
use crate::template;
use crate::template::Raw;

/// Make a new project.
///
/// Writes salesmart.toml, a contract, the SQL models and checks, the warehouse's migrations and a small sample. Then
/// put your CSV files into data/raw, say in data/contracts/sales.toml what they look like, and in
/// sql/staging/stg_sales.sql how they become sale lines. Everything else works as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the project; made if it is not there
    pub dir: PathBuf,
    /// Put the sample into data/raw, so that `salesmart run` works at once
    #[arg(long)]
    pub with_sample: bool,
}

/// Runs the verb.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let raw = if args.with_sample { Raw::Sample } else { Raw::Empty };
    template::init(&args.dir, raw)?;
    let next = match raw {
        Raw::Sample => "salesmart run",
        Raw::Empty => {
            "put files named sales_*.csv into data/raw (or edit data/contracts/sales.toml), then: salesmart run"
        }
    };
    console.say(&format!("made a project in {dir}\nnext:  cd {dir}, {next}", dir = args.dir.display()));
    Ok(())
}
