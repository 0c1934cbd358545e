//! `salesmart forget`

use anyhow::Result;
use salesmart_base::count::grouped;
use salesmart_ingest::load::forget;
use salesmart_ingest::load::forget::Withdrawn;
use salesmart_staging::Staging;

use super::Global;
use crate::console::Console;

/// Withdraw a file that was loaded.
///
/// Takes its rows out of the staging file; the next run takes their effect out of the warehouse. Removing a file
/// from data/raw does not do this, because people archive files. If the file is still in data/raw, the next ingest
/// loads it again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file's name, as `salesmart show ingest.files` lists it
    pub file: String,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let staging = Staging::open(&config)?;
    let withdrawn = forget::forget(&staging, &args.file)?;
    for part in withdrawn {
        match part {
            Withdrawn::Rows(rows) => console.say(&format!(
                "withdrew {} with {} rows; `salesmart run` takes them out of the marts and the warehouse",
                args.file,
                grouped(rows)
            )),
            Withdrawn::StaysAs(other) => {
                console.say(&format!(
                    "withdrew {}; its content stays loaded as {other}, forget that too if it is wrong",
                    args.file
                ));
            }
        }
    }
    if config.root.join(&args.file).exists() {
        console.warn(&format!("{} is still there, so the next ingest will load it again; move it away", args.file));
    }
    Ok(())
}
