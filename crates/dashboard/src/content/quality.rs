//! Can the figures be trusted? How fresh they are, what was rejected, what the checks found.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::Selection;
use salesmart_metrics::figures::ratio;
use salesmart_metrics::source::{Change, Quality, RunDetails, RunSummary};

use super::parts::Scene;
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure, Width};
use crate::chart;
use crate::chart::{Format, Heading, Mark};

/// Runs in charts.
const RUNS: usize = 30;
/// Runs in tables.
const ROWS: usize = 12;

/// A run, and what it did.
#[derive(Clone, Copy)]
struct Told<'r> {
    run: &'r RunSummary,
    details: &'r RunDetails,
}

pub(super) fn content(
    selection: &Selection<'_>,
    wanted: &Wanted,
    settings: &Settings,
    quality: Option<&Quality>,
) -> Content {
    let scene = Scene::new(selection, wanted, settings);
    let none = Quality::default();
    let runs = &quality.unwrap_or(&none).runs;
    let runs = &runs[..runs.len().min(RUNS)];
    let told: Vec<Told<'_>> =
        runs.iter().filter_map(|run| Some(Told { run, details: run.details.as_ref()? })).collect();
    let mut blocks = vec![Block::Tiles(tiles(&scene, &told))];
    if !told.is_empty() {
        blocks.extend([rejects(&told).into(), checks(&told).into()]);
        blocks.extend([found(&told), same_keys(&told), pushed(&told), run_table(&told)].map(Block::Table));
    } else if !runs.is_empty() {
        blocks.push(Block::Table(outcomes(runs)));
    }
    let mut content = scene.content(blocks);
    content.notes.clear();
    match quality {
        None => content.notes.push("The record of runs cannot be read at the moment.".to_owned()),
        Some(_) if runs.is_empty() => content.notes.push("No run is on record yet.".to_owned()),
        Some(_) => {}
    }
    content
}

fn tiles(scene: &Scene<'_>, runs: &[Told<'_>]) -> Vec<Tile> {
    let cube = scene.cube();
    let last_day = cube.days().map_or(Value::None, |days| Value::Date(days.to));
    let synced = cube.load.committed_at.as_ref().map_or(Value::None, |at| Value::Time(at.clone()));
    let mut tiles = vec![
        Tile::new("Last day with sales", last_day).noted("in the figures shown here"),
        Tile::new("Last sync", synced).noted("when they were committed"),
        Tile::new("Sale lines", Value::Count(cube.lines() as u64)).noted("loaded, on all days"),
    ];
    if let Some(last) = runs.first() {
        tiles.push(Tile::new("Last run", Value::text(&last.run.outcome)).noted(last.details.command.clone()));
    }
    // Runs that read no file say nothing of rejects.
    if let Some(last) = runs.iter().find(|run| run.details.accepted + run.details.rejected > 0) {
        let share = ratio(last.details.rejected, last.details.accepted + last.details.rejected);
        let records = scene.written.full(&Value::Count(last.details.rejected));
        tiles.push(Tile::new("Rejected", Value::percent(share)).noted(format!("{records} records of the last files")));
    }
    if let Some(last) = runs.iter().find(|run| run.details.checks > 0) {
        let (failed, warned) = (last.details.checks_failed.len(), last.details.checks_warned.len());
        let passed = last.details.checks.saturating_sub((failed + warned) as u64);
        let note = format!("of {} passed, {failed} failed, {warned} warned", last.details.checks);
        tiles.push(Tile::new("Checks", Value::Count(passed)).noted(note));
    }
    tiles
}

/// A run in a chart, the oldest first.
fn marks<'a>(runs: &'a [Told<'a>], value: impl Fn(&Told<'_>) -> (f64, String) + 'a) -> Vec<Mark> {
    runs.iter()
        .rev()
        .map(|run| {
            let (number, text) = value(run);
            let day = run.run.started_at.get(..10).unwrap_or(&run.run.started_at);
            let short = day.parse().map_or_else(|_| String::new(), |day: NaiveDate| day.format("%-d %b").to_string());
            Mark::new(day, number).short(short).tip(format!("{}, {}\n{text}", moment(run), run.run.outcome))
        })
        .collect()
}

fn moment(run: &Told<'_>) -> String {
    run.run.started_at.replace('T', " ").trim_end_matches('Z').chars().take(16).collect()
}

fn rejects(runs: &[Told<'_>]) -> Figure {
    let title = "Rejected records by run";
    let runs: Vec<Told<'_>> =
        runs.iter().filter(|run| run.details.accepted + run.details.rejected > 0).copied().collect();
    let marks = marks(&runs, |run| {
        let share = ratio(run.details.rejected, run.details.accepted + run.details.rejected);
        let share = share.map_or_else(String::new, |share| format!(" ({})", Format::Percent(2).full(share)));
        let all = Format::Count.full((run.details.accepted + run.details.rejected) as f64);
        (
            run.details.rejected as f64,
            format!("{} of {all} records rejected{share}", Format::Count.full(run.details.rejected as f64)),
        )
    });
    let heading = Heading::new("rejects", title, "records").described("Runs that read files, the oldest first.");
    let chart = chart::Columns::new(heading, Format::Count, "", "Rejected", marks);
    let rows = runs.iter().map(|run| {
        let share = ratio(run.details.rejected, run.details.accepted + run.details.rejected);
        let values = [
            Value::Time(run.run.started_at.clone()),
            Value::Count(run.details.files),
            Value::Count(run.details.accepted),
            Value::Count(run.details.rejected),
            Value::percent(share),
            Value::text(run.details.refused.join(", ")),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "#Files", "#Accepted", "#Rejected", "#Share", "Files refused whole"];
    let table = Table { empty: "No run has read a file.".to_owned(), ..Table::new("rejects-table", title, &heads) };
    Figure::half(Drawing::Columns(chart), table.rows(rows))
}

fn checks(runs: &[Told<'_>]) -> Figure {
    let title = "Checks that found something, by run";
    let runs: Vec<Told<'_>> = runs.iter().filter(|run| run.details.checks > 0).copied().collect();
    let marks = marks(&runs, |run| {
        let (failed, warned) = (run.details.checks_failed.len(), run.details.checks_warned.len());
        ((failed + warned) as f64, format!("{} checks: {failed} failed, {warned} warned", run.details.checks))
    });
    let heading =
        Heading::new("checks", title, "checks that failed or warned").described("Runs with checks, the oldest first.");
    let chart = chart::Columns::new(heading, Format::Count, "", "Found something", marks);
    let rows = runs.iter().map(|run| {
        let values = [
            Value::Time(run.run.started_at.clone()),
            Value::Count(run.details.checks),
            Value::Count(run.details.checks_failed.len() as u64),
            Value::Count(run.details.checks_warned.len() as u64),
            Value::text([run.details.checks_failed.as_slice(), &run.details.checks_warned].concat().join(", ")),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "#Checks", "#Failed", "#Warned", "Which"];
    let table = Table { empty: "No check has run.".to_owned(), ..Table::new("checks-table", title, &heads) };
    Figure { width: Width::Half, ..Figure::full(Drawing::Columns(chart), table.rows(rows)) }
}

/// By check: how often it failed or warned.
fn found(runs: &[Told<'_>]) -> Table {
    // Failed, warned, and the last time; runs come with the newest first.
    let mut found: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for run in runs {
        for name in &run.details.checks_failed {
            found.entry(name).or_insert((0, 0, &run.run.started_at)).0 += 1;
        }
        for name in &run.details.checks_warned {
            found.entry(name).or_insert((0, 0, &run.run.started_at)).1 += 1;
        }
    }
    let rows = found.into_iter().map(|(name, (failed, warned, last))| {
        let values = [Value::text(name), Value::Count(failed), Value::Count(warned), Value::Time(last.to_owned())];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Check", "#Runs it failed in", "#Runs it warned in", "Last time"];
    Table {
        empty: "No check found anything in these runs.".to_owned(),
        ..Table::new("found-table", "Checks that found something", &heads)
    }
    .rows(rows)
}

/// Runs that loaded records which share their key with a record of other content.
fn same_keys(runs: &[Told<'_>]) -> Table {
    let with_some = runs.iter().filter(|run| run.details.repeated + run.details.outranked + run.details.unrelated > 0);
    let rows = with_some.take(ROWS).map(|run| {
        let values = [
            Value::Time(run.run.started_at.clone()),
            Value::Count(run.details.repeated),
            Value::Count(run.details.outranked),
            Value::Count(run.details.unrelated),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "#Replaced in the same file", "#Without effect", "#Replaced by unrelated records"];
    Table {
        empty: "No key conflicts in these runs. Sources whose contract declares no key are not checked.".to_owned(),
        ..Table::new("same-keys-table", "Key conflicts", &heads)
    }
    .rows(rows)
}

/// What the last syncs changed in the warehouse.
fn pushed(runs: &[Told<'_>]) -> Table {
    let rows = runs.iter().filter(|run| run.details.sync_number.is_some()).take(ROWS).filter_map(|run| {
        let number = run.details.sync_number?;
        let all = run.details.tables.values().fold(Change::default(), |all, change| Change {
            inserted: all.inserted + change.inserted,
            updated: all.updated + change.updated,
            deleted: all.deleted + change.deleted,
        });
        let touched = run.details.tables.iter().filter(|(_, change)| **change != Change::default());
        let tables: Vec<&str> = touched.map(|(table, _)| table.as_str()).collect();
        let values = [
            Value::text(format!("No. {number}")),
            Value::Time(run.run.started_at.clone()),
            Value::Count(all.inserted),
            Value::Count(all.updated),
            Value::Count(all.deleted),
            Value::text(tables.join(", ")),
        ];
        Some(Row::new(values.map(Cell::from).into()))
    });
    let heads = ["Sync", "Run", "#Inserted", "#Updated", "#Deleted", "Tables"];
    Table { empty: "Nothing was pushed by these runs.".to_owned(), ..Table::new("syncs-table", "Last syncs", &heads) }
        .rows(rows)
}

fn run_table(runs: &[Told<'_>]) -> Table {
    let rows = runs.iter().take(ROWS).map(|run| {
        let values = [
            Value::Time(run.run.started_at.clone()),
            Value::text(&run.details.command),
            Value::text(&run.run.outcome),
            Value::Seconds(run.run.seconds),
            Value::Count(run.details.accepted),
            Value::Count(run.details.rejected),
            Value::Count(run.details.checks_failed.len() as u64),
            Value::text(run.details.message.as_deref().unwrap_or_default()),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "Command", "Outcome", "#Took", "#Accepted", "#Rejected", "#Checks failed", "Message"];
    Table::new("runs-table", "Last runs", &heads).rows(rows)
}

/// What is for everybody: when runs were, and how they ended.
fn outcomes(runs: &[RunSummary]) -> Table {
    let rows = runs.iter().take(ROWS).map(|run| {
        let values = [Value::Time(run.started_at.clone()), Value::text(&run.outcome), Value::Seconds(run.seconds)];
        Row::new(values.map(Cell::from).into())
    });
    Table::new("runs-table", "Last runs", &["Run", "Outcome", "#Took"]).rows(rows)
}
