//! `salesmart diff`

pub(crate) mod text;

use std::io::Write;

use anyhow::Result;
use salesmart_diff::{Against, held, published, revision};
use salesmart_project::Project;
use salesmart_transform::build::{Finish, Options};

use super::Global;
use super::form::Form;
use crate::console::Console;
use crate::stdout::Answer;

/// Show what the models in the working tree change: rows, cells, columns, money.
///
/// Builds what is stale, publishes none of it, and compares it by key with what is published: rows added, removed and changed,
/// cells before and after, and the sums of revenue and all other decimal columns. A failed check is still an error, after the
/// differences. --against postgres compares the published marts with the rows that PostgreSQL really holds: what a sync
/// would change. --against git:REV compares with the models as of a revision, over the same data.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Models to compare; all by default
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// published, postgres, or git:REV
    #[arg(long, default_value_t, value_name = "WHAT")]
    pub against: Against,
    /// Rows shown of each kind: added, removed, changed
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub limit: u64,
    /// Form of the result: text, or one JSON document with decimals as strings
    #[arg(long, value_enum, default_value_t)]
    pub format: Form,
    /// End with exit code 1 if something differs
    #[arg(long)]
    pub fail_if_diff: bool,
    /// The day that models get as getvariable('as_of'); the shipped ones do not ask for it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    published::require_staging(&config)?;
    let options = Options { as_of: args.as_of, finish: Finish::Discard, ..Options::default() };
    let quiet = console.quiet();
    let (outcome, error) = match &args.against {
        Against::Published => {
            let project = Project::open(&config, &quiet)?;
            published::published(&project, &args.models, &options, args.limit)?
        }
        Against::Postgres => (held::held(&config, &args.models, args.limit, &quiet)?, None),
        Against::Revision(name) => revision::revision(&config, name, &args.models, &options, args.limit, &quiet)?,
    };
    match args.format {
        Form::Text => text::say(&outcome, console)?,
        Form::Json => writeln!(Answer::new(), "{}", outcome.json()?)?,
    }
    if let Some(error) = error {
        return Err(error);
    }
    match args.fail_if_diff {
        true => outcome.refuse(),
        false => Ok(()),
    }
}
