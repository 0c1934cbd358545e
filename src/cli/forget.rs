//! `salesmart forget`

use anyhow::{Context, Result};
use salesmart_base::config::{self, Config};
use salesmart_base::count::grouped;
use salesmart_ingest::load::forget::{self, Withdrawn};
use salesmart_staging::Staging;
use salesmart_sync::source_files;
use salesmart_warehouse::Warehouse;

use super::Global;
use crate::console::Console;

/// Withdraw files that were loaded.
///
/// Takes their rows out of the staging file; the next run takes their effect out of the warehouse. Removing a file
/// from data/raw does not do this, because people archive files. If the file is still in data/raw, the next ingest
/// loads it again.
///
/// After the staging file was lost, files may be withdrawn of which only the warehouse has the rows.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The files' names, as `salesmart show ingest.files` lists them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let staging = Staging::open(&config)?;
    for file in &args.files {
        match forget::forget(&staging, file)? {
            Some(withdrawn) => withdrawn.iter().for_each(|part| say(file, part, console)),
            None => forget_unknown(&config, &staging, file, console)?,
        }
        if config.root.join(file).exists() {
            console.warn(&format!("{file} is still there, so the next ingest will load it again; move it away"));
        }
    }
    Ok(())
}

fn say(file: &str, part: &Withdrawn, console: &Console) {
    match part {
        Withdrawn::Rows(rows) => console.say(&format!(
            "withdrew {file} with {} rows; `salesmart run` takes them out of the marts and the warehouse",
            grouped(*rows)
        )),
        Withdrawn::StaysAs(other) => console
            .say(&format!("withdrew {file}; its content stays loaded as {other}, forget that too if it is wrong")),
    }
}

/// Withdraws a file that this staging file does not know, if the warehouse does.
fn forget_unknown(config: &Config, staging: &Staging, file: &str, console: &Console) -> Result<()> {
    let not_loaded = forget::not_loaded(staging, file)?;
    let is_made = match &config.warehouse {
        config::Warehouse::Url(_) => true,
        config::Warehouse::Embedded(folder) => folder.exists(),
    };
    if !is_made {
        return Err(not_loaded.into());
    }
    let sources = Warehouse::open(config, console)
        .and_then(|warehouse| source_files::sources_of(&mut warehouse.connect()?, file))
        .with_context(|| format!("{file} is not loaded here, and the warehouse was asked whether it has its rows"))?;
    if sources.is_empty() {
        return Err(not_loaded.into());
    }
    forget::note_unknown(staging, &sources, file)?;
    console
        .say(&format!("withdrew {file}, of which only the warehouse has rows; `salesmart run` takes them out there"));
    Ok(())
}
