//! `salesmart history`

use anyhow::Result;
use postgres::Client;
use salesmart_base::config::Config;
use salesmart_base::fail;
use salesmart_history::{Run, local, warehouse};
use salesmart_staging::Staging;
use salesmart_staging::render::Table;
use salesmart_warehouse::Warehouse;

use super::Global;
use super::form::TableForm;
use crate::console::Console;
use crate::stdout::Answer;

/// Show what the last runs did: files, rows, rejects, checks, what was pushed, time and outcome.
///
/// The newest first. With the identifier of a run, or its beginning, everything that is known of it. Every `run` is kept, and every
/// `sync` and `verify --repair` that pushed something or failed: in the staging file, and in the table etl.run of the warehouse. A run whose process was
/// killed is `started` until the next run, then `interrupted`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  \
    salesmart history                               the last 20 runs\n  \
    salesmart history 0199                          one run, by the beginning of its identifier\n  \
    salesmart history --format json --limit 1       all of the last run, as JSON\n  \
    salesmart history --from warehouse              as dashboards see them")]
pub struct Args {
    /// A run, by its identifier or the beginning of it
    #[arg(value_name = "RUN_ID")]
    pub run_id: Option<String>,
    /// At most so many runs
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u64,
    /// Form of the result; as JSON, each run is an object with everything that is known of it
    #[arg(long, value_enum, default_value_t)]
    pub format: TableForm,
    /// Where to look
    #[arg(long, value_enum, default_value_t, value_name = "PLACE")]
    pub from: Place,
}

/// Where runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Place {
    /// In the staging file of this project.
    #[default]
    Staging,
    /// In etl.run of the warehouse: also those of other staging files.
    Warehouse,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let runs = find(args, &config, console)?;
    let out = &mut Answer::new();
    if args.format == TableForm::Json {
        use std::io::Write;
        for run in &runs {
            writeln!(out, "{}", run.json()?)?;
        }
        return Ok(());
    }
    match (&args.run_id, runs.as_slice()) {
        (Some(_), [run]) => detail(run).write(args.format.into(), out),
        _ if args.format == TableForm::Table => overview(&runs).write(args.format.into(), out),
        _ => list(&runs).write(args.format.into(), out),
    }
}

fn find(args: &Args, config: &Config, console: &Console) -> Result<Vec<Run>> {
    let found = match args.from {
        Place::Staging => {
            let staging = Staging::open_read_only(config)?;
            match &args.run_id {
                Some(prefix) => local::like(staging.conn(), prefix)?,
                None => local::newest(staging.conn(), args.limit)?,
            }
        }
        Place::Warehouse => {
            let opened = Warehouse::open(config, console)?;
            let mut client: Client = opened.connect()?;
            if !warehouse::is_there(&mut client)? {
                fail!("{} has no table etl.run yet; `salesmart migrate` makes it", opened.describe());
            }
            match &args.run_id {
                Some(prefix) => warehouse::like(&mut client, prefix)?,
                None => warehouse::newest(&mut client, args.limit)?,
            }
        }
    };
    let Some(prefix) = &args.run_id else { return Ok(found) };
    match found.as_slice() {
        [] => fail!("there is no run {prefix}; `salesmart history` lists them"),
        [_] => Ok(found),
        several => {
            let shown: Vec<&str> = several.iter().take(5).map(|run| run.run_id.as_str()).collect();
            fail!("{} runs begin with {prefix}; name more of one, such as {}", several.len(), shown.join(", "))
        }
    }
}

fn moment(run: &Run) -> String {
    run.started_at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// What fits a terminal.
fn overview(runs: &[Run]) -> Table {
    let mut table = Table::new(&[
        ("run_id", false),
        ("started_at", false),
        ("seconds", true),
        ("command", false),
        ("outcome", false),
        ("files", true),
        ("rows", true),
        ("rejects", true),
        ("key_conflicts", true),
        ("pushed", true),
        ("sync", true),
        ("message", false),
    ]);
    for run in runs {
        let report = &run.report;
        table.push(vec![
            Some(abbreviated(run, runs).to_owned()),
            Some(moment(run)),
            Some(format!("{:.2}", run.seconds)),
            Some(run.command.clone()),
            Some(run.outcome.name().to_owned()),
            Some(report.files.loaded.to_string()),
            Some(report.rows.accepted.to_string()),
            Some(report.rows.rejected.to_string()),
            Some(report.rows.conflicts().to_string()),
            Some(report.delta().total().to_string()),
            Some(report.sync_number.map_or_else(String::new, |number| number.to_string())),
            Some(run.message.as_deref().map_or_else(String::new, |message| shortened(message, 40))),
        ]);
    }
    table
}

/// As much of a run's identifier as tells it from the others shown, at least the moment that it begins with.
fn abbreviated<'a>(run: &'a Run, runs: &[Run]) -> &'a str {
    const MOMENT: usize = 13;
    let id = run.run_id.as_str();
    let is_enough = |end: &usize| runs.iter().filter(|other| other.run_id.get(..*end) == id.get(..*end)).count() == 1;
    (MOMENT..id.len()).find(is_enough).and_then(|end| id.get(..end)).unwrap_or(id)
}

/// Everything in columns.
fn list(runs: &[Run]) -> Table {
    let mut table = Table::new(&[
        ("run_id", false),
        ("started_at", false),
        ("seconds", true),
        ("command", false),
        ("outcome", false),
        ("files", true),
        ("rows", true),
        ("rejects", true),
        ("key_conflicts", true),
        ("checks_failed", true),
        ("inserted", true),
        ("updated", true),
        ("deleted", true),
        ("sync", true),
        ("message", false),
    ]);
    for run in runs {
        let report = &run.report;
        let delta = report.delta();
        let counts = [
            report.files.loaded,
            report.rows.accepted,
            report.rows.rejected,
            report.rows.conflicts(),
            report.checks.failed.len() as u64,
            delta.inserted,
            delta.updated,
            delta.deleted,
        ];
        let mut row = vec![
            Some(run.run_id.clone()),
            Some(moment(run)),
            Some(format!("{:.2}", run.seconds)),
            Some(run.command.clone()),
            Some(run.outcome.name().to_owned()),
        ];
        row.extend(counts.iter().map(|count| Some(count.to_string())));
        row.push(report.sync_number.map(|number| number.to_string()));
        row.push(run.message.as_deref().map(|message| shortened(message, 80)));
        table.push(row);
    }
    table
}

/// A message in a table: whoever wants all of it looks at the run.
fn shortened(message: &str, longest: usize) -> String {
    let text = message.lines().next().unwrap_or_default();
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn detail(run: &Run) -> Table {
    let mut table = Table::new(&[("what", false), ("value", false)]);
    let mut say = |what: &str, value: String| table.push(vec![Some(what.to_owned()), Some(value)]);
    let report = &run.report;
    say("run_id", run.run_id.clone());
    say("command", run.command.clone());
    say("started_at", moment(run));
    say("seconds", format!("{:.3}", run.seconds));
    say("outcome", run.outcome.name().to_owned());
    for line in run.message.iter().flat_map(|message| message.lines()) {
        say("message", line.trim().to_owned());
    }
    say("attempts", run.attempts.to_string());
    if run.missed > 0 {
        say("starts left out before it", run.missed.to_string());
    }
    let files = &report.files;
    say("files loaded", files.loaded.to_string());
    say("files unchanged", files.unchanged.to_string());
    say("files loaded under another name", files.duplicates.to_string());
    say("files still being written", files.waiting.to_string());
    files.names.iter().for_each(|name| say("file", name.clone()));
    files.refused.iter().for_each(|refused| say("file refused", format!("{}: {}", refused.file, refused.reason)));
    say("rows accepted", report.rows.accepted.to_string());
    say("rows rejected", report.rows.rejected.to_string());
    say("rows repaired", report.rows.repaired.to_string());
    say("rows replaced in the same file", report.rows.repeated.to_string());
    say("rows without effect", report.rows.outranked.to_string());
    say("rows replaced by unrelated rows", report.rows.unrelated.to_string());
    say("models built", report.models.built.join(", "));
    say("models unchanged", report.models.unchanged.to_string());
    say("checks run", report.checks.ran.to_string());
    report.checks.failed.iter().for_each(|name| say("check failed", name.clone()));
    report.checks.warned.iter().for_each(|name| say("check warned", name.clone()));
    for (name, counts) in &report.tables {
        let text = format!("{} inserted, {} updated, {} deleted", counts.inserted, counts.updated, counts.deleted);
        say(&format!("table {name}"), text);
    }
    say("sync", report.sync_number.map_or_else(|| "nothing pushed".to_owned(), |number| number.to_string()));
    for (stage, seconds) in &report.stages {
        say(&format!("seconds of {stage}"), format!("{seconds:.3}"));
    }
    table
}
