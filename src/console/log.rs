//! What the stages report, as lines: text or JSON, as the console writes them.

use std::time::Duration;

use salesmart_base::count::{counted, grouped};
use salesmart_base::event::{CheckResult, ChecksRun, Event, Ingested, ModelBuilt, ModelChange, Synced, Verdict};
use salesmart_base::failure;

use super::{Console, Step, conflicts};

/// Of the files with rejects, so many are named.
const SHOWN: usize = 3;

/// Writes an event, if it is one that people read.
pub(super) fn write(console: &Console, event: &Event<'_>) {
    match event {
        Event::EmbeddedCreated { major, folder } => {
            console.say(&format!("making an embedded PostgreSQL {major} in {} (once)", folder.display()));
        }
        Event::ConnectRetried { target, cause, pause } => console.warn(&format!(
            "cannot connect to PostgreSQL at {target} yet: {cause}; trying again in {} s",
            pause.as_secs_f32()
        )),
        Event::LockAwaited { holder } => {
            console.warn(&format!("another sync is at work ({holder}); waiting for it to end"));
        }
        Event::Migrated { name } => console.say(&format!("        migrated the warehouse: {name}")),
        Event::MigrationNotice { text, is_warning: true } => console.warn(&format!("a migration warns: {text}")),
        Event::MigrationNotice { text, is_warning: false } => console.say(&format!("        a migration notes: {text}")),
        Event::DuplicateFile { file, same_as } => {
            console.warn(&format!("{file} has the same content as {same_as}, which is loaded; it is not loaded twice"));
        }
        Event::RejectsNotListed { error } => {
            console.warn(&format!("{error:#}; the rejects are in the table: `salesmart rejects`"));
        }
        Event::RowsKept { source, files } => {
            let named: Vec<&str> = files.iter().map(String::as_str).take(SHOWN).collect();
            let more = match files.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            console.warn(&format!(
                "{source}: the contract changed; {} gone from the folder, and the change touches none of their rows, so those stay as they \
                 are: {}{more} (what was rejected of them is not looked at again)",
                if files.len() == 1 { "1 file is".to_owned() } else { format!("{} files are", files.len()) },
                named.join(", ")
            ));
        }
        Event::Ingested { source, report, elapsed } => ingested(console, source, report, *elapsed),
        Event::ModelBuilt(model) => built(console, model),
        Event::ModelUpToDate { model, why } => {
            console.say(&format!("{:<7} {model:<26} is up to date: {why}", "build"));
        }
        Event::ModelWarning { text } => console.warn(text),
        Event::AllUpToDate { models } => {
            let note = format!("{} models up to date", grouped(*models));
            console.step(&Step {
                stage: "build",
                subject: "nothing changed",
                rows: None,
                elapsed: Duration::ZERO,
                note,
            });
        }
        Event::ChecksRun(checks) => checked(console, checks),
        Event::UnknownTable { table } => console.warn(&format!(
            "the warehouse table mart.{table} has no mart; its rows stay as they are until a migration drops it"
        )),
        Event::PendingPromoted => {
            console.say("the last sync was committed before it was interrupted; taking note of it");
        }
        Event::MirrorRebuilt { after_sync, keys } => console.say(&format!(
            "        compared the marts with the warehouse after its sync {after_sync}: {} row keys read",
            grouped(*keys)
        )),
        Event::StatisticsStale { error } => console.warn(&format!(
            "everything is committed, but PostgreSQL's planner has no up-to-date statistics, so dashboards that ask it may be slow: {}",
            failure::in_words(error)
        )),
        Event::Synced(sync) => synced(console, sync),
        Event::RunFinished { warehouse, steps } => {
            let total: Duration = steps.iter().map(|(_, elapsed)| *elapsed).sum();
            let steps: Vec<String> =
                steps.iter().map(|(step, elapsed)| format!("{step} {:.2} s", elapsed.as_secs_f64())).collect();
            console.say(&format!("done    {warehouse} in {:.2} s: {}", total.as_secs_f64(), steps.join(", ")));
        }
        Event::RecordNotKept { error } => console.warn(&format!(
            "the record of this run could not be kept, the next run tries again: {}",
            failure::in_words(error)
        )),
        Event::FolderLeft { folder, error } => {
            console.warn(&format!("{} could not be removed: {error}", folder.display()));
        }
        Event::IngestStarted { .. }
        | Event::BuildFinished { .. }
        | Event::SyncStarted { .. }
        | Event::TableStarted { .. }
        | Event::SyncEnded => {}
    }
}

/// The line of a source, and warnings about what its user should know.
fn ingested(console: &Console, source: &str, report: &Ingested, elapsed: Duration) {
    let mut parts = Vec::new();
    let counts = [
        (report.loaded, "read"),
        (report.unchanged, "unchanged, not read"),
        (report.duplicates, "with content already loaded"),
        (report.waiting, "still being written"),
    ];
    for (count, what) in counts {
        if count > 0 {
            let files = if count == 1 { "file" } else { "files" };
            parts.push(format!("{} {files} {what}", grouped(count)));
        }
    }
    if report.rejected > 0 {
        parts.push(format!("{} rejected", counted(report.rejected, "record")));
    }
    if report.repaired > 0 {
        parts.push(format!("{} repaired", counted(report.repaired, "record")));
    }
    if report.skipped.total() > 0 {
        parts.push(report.skipped.to_string());
    }
    if report.fitted.total() > 0 {
        parts.push(report.fitted.to_string());
    }
    let conflicts = [
        (report.conflicts.repeated.records, "replaced in the same file"),
        (report.conflicts.outranked.records, "without effect"),
        (report.conflicts.unrelated.records, "replaced by unrelated records"),
    ];
    for (count, what) in conflicts.iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{} {what}", counted(*count, "record")));
    }
    if report.rounded.total() > 0 {
        parts.push(report.rounded.to_string());
    }
    if !report.refused.is_empty() {
        let files = if report.refused.len() == 1 { "file" } else { "files" };
        parts.push(format!("{} {files} refused", report.refused.len()));
    }
    let rows = report.records - report.rejected;
    console.step(&Step { stage: "ingest", subject: source, rows: Some(rows), elapsed, note: parts.join(", ") });
    for (drift, files) in &report.drift {
        let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        console.warn(&format!("{}: in {files} the header differs as the contract allows: {drift}", source));
    }
    conflicts::warnings(source, &report.conflicts).iter().for_each(|warning| console.warn(warning));
    if report.with_rejects.is_empty() {
        return;
    }
    let mut lines: Vec<String> = report.with_rejects.iter().take(SHOWN).cloned().collect();
    if report.with_rejects.len() > SHOWN {
        lines.push(format!("and {} more files", report.with_rejects.len() - SHOWN));
    }
    console
        .warn(&format!("{}; listed beside the file in FILE.errors.csv, and by `salesmart rejects`", lines.join("; ")));
}

fn built(console: &Console, model: &ModelBuilt<'_>) {
    let mut parts = Vec::new();
    match model.change {
        ModelChange::Same => parts.push("the same rows as before".to_owned()),
        ModelChange::Rows { removed, added } => {
            parts.push(format!("{} rows out, {} in", grouped(removed), grouped(added)));
        }
        ModelChange::Unknown => {}
    }
    if let Some(why) = model.why {
        parts.push(format!("because {why}"));
    }
    let (subject, rows, elapsed) = (model.model, model.rows, model.elapsed);
    console.step(&Step { stage: "build", subject, rows, elapsed, note: parts.join("; ") });
}

/// One line for all checks, and the rows of those that did not pass.
fn checked(console: &Console, checks: &ChecksRun<'_>) {
    if checks.results.is_empty() && checks.skipped == 0 {
        return;
    }
    let count = |verdict| checks.results.iter().filter(|result| result.verdict == verdict).count();
    let note = match (count(Verdict::Failed), count(Verdict::Warned)) {
        (0, 0) => "all passed".to_owned(),
        (errors, 0) => format!("{errors} failed"),
        (0, warned) => format!("passed, {warned} with warnings"),
        (errors, warned) => format!("{errors} failed, {warned} with warnings"),
    };
    let note = match checks.skipped {
        0 => note,
        skipped => format!("{note}; {skipped} skipped, as they read models that were left out"),
    };
    let subject = format!("{} checks", checks.results.len());
    console.step(&Step { stage: "check", subject: &subject, rows: None, elapsed: checks.elapsed, note });
    for result in checks.results.iter().filter(|result| result.verdict != Verdict::Passed) {
        console.warn(&describe(result));
    }
}

fn describe(result: &CheckResult<'_>) -> String {
    let place = result.place.map_or_else(String::new, |place| format!(" ({place})"));
    let rows = if result.offending == 1 { "row" } else { "rows" };
    let description = match result.description {
        "" => String::new(),
        text => format!("{text}\n"),
    };
    format!(
        "check {}{place}: {} offending {rows}\n{description}{}",
        result.name,
        grouped(result.offending),
        result.sample
    )
}

fn synced(console: &Console, sync: &Synced<'_>) {
    let changed: Vec<_> = sync.tables.iter().filter(|(_, counts)| counts.total() > 0).collect();
    for (name, counts) in &changed {
        let parts: Vec<String> =
            [(counts.inserted, "inserted"), (counts.updated, "updated"), (counts.deleted, "deleted")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{} {what}", grouped(*count)))
                .collect();
        console.say(&format!("        {name:<26} {}", parts.join(", ")));
    }
    let total = changed.iter().map(|(_, counts)| counts.total()).sum();
    let (subject, note) = match sync.number {
        Some(number) => (format!("{} tables", changed.len()), format!("committed as sync {number}")),
        None => ("nothing changed".to_owned(), "no row written".to_owned()),
    };
    console.step(&Step { stage: "sync", subject: &subject, rows: Some(total), elapsed: sync.elapsed, note });
}
