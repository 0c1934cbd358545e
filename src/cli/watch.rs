//! `salesmart watch`

use anyhow::Result;
use salesmart_transform::build::{Finish, Options};

use super::Global;
use crate::console::Console;
use crate::watch;

/// Rebuild on every save, and show what changes.
///
/// Watches sql/, data/contracts and salesmart.toml. On every save the models that it affects are rebuilt and checked, and what
/// they change is shown as `salesmart diff` shows it. Nothing is published unless --publish says so, so the difference is always
/// the one to the published models. Between saves the staging file is free for other commands. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Models to show; all by default
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Publish after every save whose build and checks are good
    #[arg(long)]
    pub publish: bool,
    /// Rows shown of each kind: added, removed, changed
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub limit: u64,
    /// The day that models get as getvariable('as_of'); the shipped ones do not ask for it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let finish = if args.publish { Finish::Publish } else { Finish::Discard };
    let task = watch::Task {
        models: &args.models,
        options: Options { as_of: args.as_of, finish, ..Options::default() },
        limit: args.limit,
        log_format: global.log_format,
    };
    watch::run(&|| global.config(), &task, console)
}
