//! `salesmart verify`

use anyhow::Result;
use salesmart_base::config::SyncPolicy;
use salesmart_base::count::counted;
use salesmart_base::event::Both;
use salesmart_base::{fail, failure};
use salesmart_history::{Recorder, Run};
use salesmart_project::Project;
use salesmart_sync::verify::{Expected, Report};
use salesmart_warehouse::Warehouse;

use super::Global;
use super::form::Form;
use super::sync::ReachArgs;
use crate::console::Console;
use crate::pipeline;
use crate::pipeline::push::{Push, Repair};
use crate::stdout;

/// Look for rows of the warehouse that somebody else changed, deleted or added.
///
/// Computes the digest of every month of every table from the rows that PostgreSQL really holds, compares it with what was pushed,
/// and names the rows of the months that differ. With --repair it puts just those rows right. Without, it fails if any differ.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Push the rows that differ, and only those
    #[arg(long)]
    pub repair: bool,
    /// Name so many rows of each month and kind
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: u64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Form,
    /// How to reach the warehouse.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let quiet = if args.format == Form::Json { console.quiet() } else { console.clone() };
    let recorder = Recorder::default();
    let observer = Both(&quiet, &recorder);
    let project = Project::open(&config, &observer)?;
    let mut run = Run::start("verify --repair");
    let warehouse = Warehouse::open(&config, &observer)?;
    let repair = if args.repair { Repair::Yes } else { Repair::No };
    let push = Push { project: &project, warehouse: &warehouse, options: args.reach.options(false) };
    let (result, report) = match push.verify(args.limit, repair) {
        Ok(report) => (Ok(()), Some(report)),
        Err(error) => (Err(failure::recognise(error)), None),
    };
    run.report = recorder.report();
    run.end(&result);
    // As of a sync: one that wrote nothing leaves no trace.
    if args.repair && (result.is_err() || run.report.sync_number.is_some()) {
        let is_reached = !result.as_ref().is_err_and(failure::is_transient);
        pipeline::keep(&project.staging, &run, Some(&warehouse).filter(|_| is_reached), None, &observer);
    }
    result?;
    let Some(report) = report else { return Ok(()) };
    match args.format {
        Form::Json => stdout::say(&serde_json::to_string_pretty(&report)?),
        Form::Text => say(&report, console),
    }
    let differing: Vec<&str> = report.differing().map(|table| table.table.as_str()).collect();
    if differing.is_empty() || args.repair {
        return Ok(());
    }
    fail!(
        "{} of {} {} from {}; {}",
        counted(report.differences(), "row"),
        differing.join(", "),
        if report.differences() == 1 { "differs" } else { "differ" },
        against(&report),
        advice(&report, config.sync),
    )
}

/// What puts the differences right, with all that it needs.
fn advice(report: &Report, policy: SyncPolicy) -> String {
    let mut before = Vec::new();
    if !report.unchecked.is_empty() {
        before.push(
            "run `salesmart build` without a selection first, since a build that left models out skipped checks"
                .to_owned(),
        );
    }
    if !report.triggers.is_empty() {
        before.push(format!(
            "disable {} first if it changes rows, since rows that are not as pushed are refused",
            report.triggers.join(", ")
        ));
    }
    let has_unpushed = report.expected == Expected::Pushed && !report.unpushed.is_empty();
    let verb = if has_unpushed { "salesmart sync --full-refresh" } else { "salesmart verify --repair" };
    let guarded = report.guarded(policy);
    let (option, why) = match guarded.is_empty() {
        true => ("", String::new()),
        false => (
            " --allow-deletes",
            format!(", which deletes more of {} than the guard lets pass without that option", guarded.join(", ")),
        ),
    };
    let what = match report.expected {
        Expected::Pushed if has_unpushed => format!(
            "puts them right together with the changes of {} that are not pushed yet (a repair pushes only what differs, and is refused until those are pushed)",
            report.unpushed.join(", ")
        ),
        Expected::Pushed if report.differences() == 1 => "puts just that right".to_owned(),
        Expected::Pushed => "puts just those right".to_owned(),
        Expected::Marts => "pushes the marts as they are now".to_owned(),
    };
    before.push(format!("`{verb}{option}` {what}{why}"));
    before.join("; ")
}

fn against(report: &Report) -> &'static str {
    match report.expected {
        Expected::Pushed => "what was pushed",
        Expected::Marts => "the marts (what was pushed last is not known here)",
    }
}

fn say(report: &Report, console: &Console) {
    for table in report.differing() {
        for month in &table.months {
            let place = match month.month {
                Some(month) => format!("{} {}-{:02}", table.table, month / 100, month % 100),
                None => table.table.clone(),
            };
            let counts: Vec<String> = [(month.changed, "changed"), (month.deleted, "deleted"), (month.added, "added")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            console.say(&format!("{place:<34} {}", counts.join(", ")));
            for row in &month.rows {
                console.say(&format!("    {:<8} {}", row.what, row.key));
            }
            let shown = month.rows.len() as u64;
            let all = month.changed + month.deleted + month.added;
            if shown < all {
                console.say(&format!("    and {} more; --limit shows them", all - shown));
            }
        }
    }
    if report.expected == Expected::Pushed && !report.unpushed.is_empty() {
        console.say(&format!("not pushed yet, and not compared: the newest changes of {}", report.unpushed.join(", ")));
    }
    if report.differences() == 0 {
        console.say(&format!(
            "{} of {} agree with {}",
            counted(report.rows, "row"),
            counted(report.tables.len() as u64, "table"),
            against(report)
        ));
    }
}
