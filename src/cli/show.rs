//! `salesmart show`

use anyhow::Result;

use super::Global;
use crate::failure::Failure;
use crate::render::{Format, Table};
use crate::staging::Staging;

/// Show the rows of a model, a table or a query.
///
/// Of a model (fact_sales), of what was ingested (raw.sales, ingest.files, rejects), of a build that failed its
/// checks (scratch.fact_sales), or of a query. Reads only.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a model or table, or an SQL query
    pub what: String,
    /// At most so many rows
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u64,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let staging = Staging::open_read_only(&global.config()?)?;
    let is_name = args.what.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let sql = match is_name {
        true => format!("select * from {} limit {}", args.what, args.limit),
        false => {
            format!("select * from ({}\n) as result limit {}", args.what.trim_end().trim_end_matches(';'), args.limit)
        }
    };
    let table = Table::query(staging.conn(), &sql).map_err(|error| Failure::new(error.to_string()))?;
    table.write(args.format, &mut std::io::stdout().lock())
}
