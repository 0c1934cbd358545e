//! `salesmart migrate`

use anyhow::Result;
use salesmart_base::{fail, whole_file};
use salesmart_model::Models;
use salesmart_staging::Staging;
use salesmart_sync::drift;
use salesmart_sync::ledger::Wait;
use salesmart_sync::schema::PushTable;
use salesmart_warehouse::{Warehouse, migrate};

use super::Global;
use crate::console::Console;
use crate::pipeline::push;
use crate::stdout;

/// Bring the warehouse's schema up to date, or draft how.
///
/// Applies the files of sql/postgres/migrations that are not applied yet, in the order of their numbers. Nothing is pushed while one
/// is pending. A file that was applied must not change: add another.
///
/// After a mart got a new column, or there is a new mart, `salesmart build` and then `salesmart migrate --draft add_city` write the
/// next file: `create table` and `alter table` statements for everything in which marts and warehouse differ, for you to review.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write what marts and warehouse differ in as the next migration of this name, and apply nothing
    #[arg(long, value_name = "NAME", conflicts_with_all = ["status", "no_wait"])]
    pub draft: Option<String>,
    /// With --draft: print the statements instead of writing the file
    #[arg(long, requires = "draft")]
    pub print: bool,
    /// List the pending migrations, and apply nothing
    #[arg(long)]
    pub status: bool,
    /// Fail at once if a sync is at work, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let folder = config.root.join(push::MIGRATIONS);
    if let Some(name) = &args.draft {
        let path = migrate::next_file(&folder, name)?;
        let models = Models::load(&config)?;
        let staging = Staging::open_read_only(&config)?;
        let warehouse = Warehouse::open(&config, console)?;
        let mut client = warehouse.connect()?;
        let pending = migrate::pending(&mut client, &folder)?;
        if !pending.is_empty() {
            fail!("first apply the pending migrations with `salesmart migrate`: {}", pending.join(", "));
        }
        let mut statements = Vec::new();
        for table in PushTable::all(staging.conn(), &models)? {
            if let Some(drift) = drift::find(&mut client, &table)? {
                statements.extend(drift.statements());
            }
        }
        return draft(&config.relative(&path), &path, &statements, args.print, console);
    }
    let warehouse = Warehouse::open(&config, console)?;
    let mut client = warehouse.connect()?;
    let pending = migrate::pending(&mut client, &folder)?;
    if pending.is_empty() {
        console.say(&format!("the schema of {} is up to date", warehouse.describe()));
        return Ok(());
    }
    if args.status {
        for name in pending {
            console.say(&format!("pending  {name}"));
        }
        return Ok(());
    }
    let wait = if args.no_wait { Wait::Never } else { Wait::ForHolder };
    push::migrate(&mut client, &config, wait, console)?;
    Ok(())
}

fn draft(shown: &str, path: &std::path::Path, statements: &[String], print: bool, console: &Console) -> Result<()> {
    if statements.is_empty() {
        console.say("marts and warehouse do not differ; nothing to migrate (after a change of a mart, run `salesmart build` first)");
        return Ok(());
    }
    let text = statements.join("\n\n") + "\n";
    if print {
        stdout::say(text.trim_end());
        return Ok(());
    }
    if let Err(error) = whole_file::write_new(path, &text) {
        fail!("cannot write {shown}: {error}");
    }
    console.say(&format!(
        "wrote {shown}:\n\n{text}\nreview it, add comments on the columns, then run `salesmart migrate`"
    ));
    Ok(())
}
