//! `salesmart rejects`

use anyhow::Result;

use super::Global;
use crate::console::{Console, grouped};
use crate::ingest::rejects::{self, Filter};
use crate::render::Format;
use crate::staging::Staging;

/// List what was refused, with line, column and reason.
///
/// Every fault of every refused record, with file, physical line, column, code, value and raw record. The same list
/// lies beside each file as FILE.errors.csv.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only files whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub file: Option<String>,
    /// Only this code, such as bad_date or not_exact
    #[arg(long)]
    pub code: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u64,
    /// Count by code and column instead
    #[arg(long)]
    pub summary: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    if let Some(code) = &args.code {
        rejects::check_code(code)?;
    }
    let staging = Staging::open_read_only(&global.config()?)?;
    let mut out = std::io::stdout().lock();
    if args.summary {
        return rejects::summary(&staging)?.write(args.format, &mut out);
    }
    let filter = Filter { file: args.file.clone(), code: args.code.clone(), limit: args.limit };
    let (table, total) = rejects::list(&staging, &filter)?;
    if table.is_empty() && args.format == Format::Table {
        console.say("no rejects");
        return Ok(());
    }
    let shown = table.rows().len() as u64;
    table.write(args.format, &mut out)?;
    if shown < total {
        console.warn(&format!("{} of {} shown; see more with --limit", grouped(shown), grouped(total)));
    }
    Ok(())
}
