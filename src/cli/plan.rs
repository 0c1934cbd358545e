//! `salesmart plan`

mod text;

pub(crate) use text::{say, warn_of_unbuilt};

use std::path::PathBuf;

use anyhow::Result;
use salesmart_project::Project;
use salesmart_warehouse::Warehouse;

use super::Global;
use super::form::Form;
use super::sync::PushArgs;
use crate::console::Console;
use crate::pipeline::push::Push;
use crate::stdout;

/// Rows that are shown of each table and operation.
pub const SAMPLES: u64 = 3;

/// Show what the next sync would do to PostgreSQL.
///
/// Per table and month: rows that would be inserted, updated and deleted, and by how much that changes revenue, with some of the
/// rows. The marts count as they were built last; models that changed since are named. No row is written. `--out FILE` keeps the plan, for somebody to look at and for `salesmart sync --plan FILE`, which does
/// exactly that or nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the plan in this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Form,
    /// Show so many rows of each table and operation
    #[arg(long, value_name = "N", default_value_t = SAMPLES)]
    pub samples: u64,
    /// How to compare.
    #[command(flatten)]
    pub push: PushArgs,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let quiet = if args.format == Form::Json { console.quiet() } else { console.clone() };
    let project = Project::open(&config, &quiet)?;
    let warehouse = Warehouse::open(&config, &quiet)?;
    let plan = Push { project: &project, warehouse: &warehouse, options: args.push.options() }.plan(args.samples)?;
    if let Some(path) = &args.out {
        plan.save(path)?;
    }
    let unbuilt = project.unbuilt()?;
    match args.format {
        Form::Json => {
            let mut json = serde_json::to_value(&plan)?;
            json["unbuilt"] = serde_json::to_value(&unbuilt)?;
            stdout::say(&serde_json::to_string_pretty(&json)?);
        }
        Form::Text => say(&plan, &unbuilt, console),
    }
    if let (Some(path), Form::Text) = (&args.out, args.format) {
        let path = path.display();
        console.say(&format!("kept in {path}; `salesmart sync --plan {path}` does exactly this, or nothing"));
    }
    Ok(())
}
