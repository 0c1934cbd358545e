//! `salesmart trace`

use std::io::Write;

use anyhow::Result;
use salesmart_trace as trace;
use salesmart_trace::{Wanted, print};

use super::Global;
use crate::stdout::Answer;

/// Follow a row of a model back to file and line, with the raw record.
///
/// Names the row by the values of the model's key, or by any columns: `trace fact_sales transaction_id=T17`. Shows the rows
/// it was made of, level by level, and at the end each record as it stands in its file. Reads only; needs no warehouse.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model
    pub model: String,
    /// Values of its key in order, or column=value
    #[arg(required = true, allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Show and follow at most so many rows of each model
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The forms of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object, with the inputs inside
    Json,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let level = trace::run(&global.config()?, &Wanted { model: &args.model, key: &args.key, limit: args.limit })?;
    let mut out = Answer::new();
    match args.format {
        Format::Text => write!(out, "{}", print::text(&level)?)?,
        Format::Json => writeln!(out, "{}", print::json(&level))?,
    }
    Ok(())
}
