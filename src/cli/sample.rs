//! `salesmart sample`

use std::path::PathBuf;

use anyhow::Result;
use salesmart_sample::{Size, files};

use crate::console::Console;

/// Generate sample sales, with planted findings and planted dirt.
///
/// One CSV per month from January 2023, one of corrections, and manifest.json, which says what was planted and what a
/// correct run arrives at. The same rows, days and seed give the same bytes on every machine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sale lines
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub rows: u64,
    /// Days
    #[arg(long, default_value_t = 730, value_name = "D")]
    pub days: u32,
    /// Seed
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// Folder to write to; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Runs the verb.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let manifest = files::write(Size { rows: args.rows, days: args.days, seed: args.seed }, &args.out)?;
    console.say(&format!("{} in {}", manifest.describe(), args.out.display()));
    Ok(())
}
