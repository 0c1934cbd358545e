//! `salesmart migrate`

use std::path::Path;

use anyhow::Result;
use postgres::error::SqlState;
use salesmart_base::config::Config;
use salesmart_base::{fail, whole_file};
use salesmart_model::Models;
use salesmart_staging::Staging;
use salesmart_sync::drift::Draft;
use salesmart_sync::ledger::{self, Wait};
use salesmart_sync::schema::PushTable;
use salesmart_warehouse::{Warehouse, access, holders, migrate};

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
/// next file: `create table` and `alter table` statements for everything in which marts and warehouse differ, for you to review. They
/// are tried in the warehouse and taken back before the file is written.
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
    /// Make the role salesmart_reader, if it is not there, and give it the rights and policies that it lacks: those of the migrations,
    /// for a role that was made after them
    #[arg(long, conflicts_with_all = ["status", "draft"])]
    pub grants: bool,
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
        let tables = PushTable::all(staging.conn(), &models)?;
        // Tried in the warehouse, and taken back: no sync may be at work meanwhile.
        ledger::lock(&mut client, Wait::ForHolder, console)?;
        let draft = Draft::new(&mut client, &tables).map_err(|error| holders::name_holders(&warehouse, error))?;
        return write(&config.relative(&path), &path, draft, args.print, console);
    }
    let warehouse = Warehouse::open(&config, console)?;
    apply(args, &config, &warehouse, console).map_err(|error| holders::name_holders(&warehouse, error))
}

fn apply(args: &Args, config: &Config, warehouse: &Warehouse<'_>, console: &Console) -> Result<()> {
    let mut client = warehouse.connect()?;
    let wait = if args.no_wait { Wait::Never } else { Wait::ForHolder };
    let pending = migrate::pending(&mut client, &config.root.join(push::MIGRATIONS))?;
    if args.grants {
        if !pending.is_empty() {
            fail!("first apply the pending migrations with `salesmart migrate`: {}", pending.join(", "));
        }
        ledger::lock(&mut client, wait, console)?;
        access::grant(&mut client)?;
        console.say(&format!("{} has its rights and policies in {}", access::READER, warehouse.describe()));
        return Ok(());
    }
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
    push::migrate(&mut client, config, warehouse, wait, console)?;
    Ok(())
}

/// Writes the file, unless PostgreSQL refused its statements.
fn write(shown: &str, path: &Path, draft: Draft, print: bool, console: &Console) -> Result<()> {
    let Draft { statements, refused } = draft;
    if statements.is_empty() {
        console.say("marts and warehouse do not differ; nothing to migrate (after a change of a mart, run `salesmart build` first)");
        return Ok(());
    }
    let text = statements.join("\n\n") + "\n";
    let may_not_try = refused.as_ref().is_some_and(|error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    if may_not_try {
        console.warn("this login may not change the tables, so the statements were not tried");
    } else if let Some(error) = refused {
        if print {
            stdout::say(text.trim_end());
        }
        let said = error.as_db_error().map_or_else(
            || error.to_string(),
            |said| {
                let more = [said.detail(), said.hint()].into_iter().flatten().map(|more| format!("\n  {more}"));
                format!("{}{}", said.message(), more.collect::<String>())
            },
        );
        fail!(
            "the statements were tried and taken back, and PostgreSQL refuses them: {said}\nnothing was written; `salesmart migrate --draft \
             NAME --print` shows them, to be finished by hand"
        );
    }
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
