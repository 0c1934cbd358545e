//! Can the figures be trusted? How fresh they are, what was rejected, what the checks found.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::parts::Scene;
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure, Width};
use crate::chart::{self, Format, Heading, Mark};
use crate::cube::Selection;
use crate::figures::ratio;
use crate::settings::Settings;
use crate::source::{Change, Quality, RunSummary};

/// Runs in charts.
const RUNS: usize = 30;
/// Runs in tables.
const ROWS: usize = 12;

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
    let mut blocks = vec![Block::Tiles(tiles(&scene, runs))];
    if !runs.is_empty() {
        blocks.extend([rejects(runs).into(), checks(runs).into()]);
        blocks.extend([found(runs), pushed(runs), run_table(runs)].map(Block::Table));
    }
    let mut content = scene.content(blocks);
    content.notes.clear();
    match quality {
        None => content.notes.push("The record of runs cannot be shown here.".to_owned()),
        Some(_) if runs.is_empty() => content.notes.push("No run is on record yet.".to_owned()),
        Some(_) => {}
    }
    content
}

fn tiles(scene: &Scene<'_>, runs: &[RunSummary]) -> Vec<Tile> {
    let cube = scene.cube();
    let last_day = cube.days().map_or(Value::None, |days| Value::Date(days.to));
    let synced = cube.load.committed_at.as_ref().map_or(Value::None, |at| Value::Time(at.clone()));
    let mut tiles = vec![
        Tile::new("Last day with sales", last_day).noted("in the figures shown here"),
        Tile::new("Last sync", synced).noted("when they were committed"),
        Tile::new("Sale lines", Value::Count(cube.lines() as u64)).noted("loaded, on all days"),
    ];
    if let Some(last) = runs.first() {
        tiles.push(Tile::new("Last run", Value::text(&last.outcome)).noted(last.command.clone()));
    }
    // Runs that read no file say nothing of rejects.
    if let Some(last) = runs.iter().find(|run| run.accepted + run.rejected > 0) {
        let share = ratio(last.rejected as f64, (last.accepted + last.rejected) as f64);
        let records = scene.written.full(&Value::Count(last.rejected));
        tiles.push(Tile::new("Rejected", Value::percent(share)).noted(format!("{records} records of the last files")));
    }
    if let Some(last) = runs.iter().find(|run| run.checks > 0) {
        let (failed, warned) = (last.checks_failed.len(), last.checks_warned.len());
        let passed = last.checks.saturating_sub((failed + warned) as u64);
        let note = format!("of {} passed, {failed} failed, {warned} warned", last.checks);
        tiles.push(Tile::new("Checks", Value::Count(passed)).noted(note));
    }
    tiles
}

/// A run in a chart, the oldest first.
fn marks<'a>(runs: &'a [RunSummary], value: impl Fn(&RunSummary) -> (f64, String) + 'a) -> Vec<Mark> {
    runs.iter()
        .rev()
        .map(|run| {
            let (number, text) = value(run);
            let day = run.started_at.get(..10).unwrap_or(&run.started_at);
            let short = day.parse().map_or_else(|_| String::new(), |day: NaiveDate| day.format("%-d %b").to_string());
            Mark::new(day, number).short(short).tip(format!("{}, {}\n{text}", moment(run), run.outcome))
        })
        .collect()
}

fn moment(run: &RunSummary) -> String {
    run.started_at.replace('T', " ").trim_end_matches('Z').chars().take(16).collect()
}

fn rejects(runs: &[RunSummary]) -> Figure {
    let title = "Rejected records by run";
    let runs: Vec<RunSummary> = runs.iter().filter(|run| run.accepted + run.rejected > 0).cloned().collect();
    let marks = marks(&runs, |run| {
        let share = ratio(run.rejected as f64, (run.accepted + run.rejected) as f64);
        let share = share.map_or_else(String::new, |share| format!(" ({})", Format::Percent(2).full(share)));
        let all = Format::Count.full((run.accepted + run.rejected) as f64);
        (run.rejected as f64, format!("{} of {all} records rejected{share}", Format::Count.full(run.rejected as f64)))
    });
    let heading = Heading::new("rejects", title, "records").described("Runs that read files, the oldest first.");
    let chart = chart::Columns::new(heading, Format::Count, "", "Rejected", marks);
    let rows = runs.iter().map(|run| {
        let share = ratio(run.rejected as f64, (run.accepted + run.rejected) as f64);
        let values = [
            Value::Time(run.started_at.clone()),
            Value::Count(run.files),
            Value::Count(run.accepted),
            Value::Count(run.rejected),
            Value::percent(share),
            Value::text(run.refused.join(", ")),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "#Files", "#Accepted", "#Rejected", "#Share", "Files refused whole"];
    let table = Table { empty: "No run has read a file.".to_owned(), ..Table::new("rejects-table", title, &heads) };
    Figure::half(Drawing::Columns(chart), table.rows(rows))
}

fn checks(runs: &[RunSummary]) -> Figure {
    let title = "Checks that found something, by run";
    let runs: Vec<RunSummary> = runs.iter().filter(|run| run.checks > 0).cloned().collect();
    let marks = marks(&runs, |run| {
        let (failed, warned) = (run.checks_failed.len(), run.checks_warned.len());
        ((failed + warned) as f64, format!("{} checks: {failed} failed, {warned} warned", run.checks))
    });
    let heading =
        Heading::new("checks", title, "checks that failed or warned").described("Runs with checks, the oldest first.");
    let chart = chart::Columns::new(heading, Format::Count, "", "Found something", marks);
    let rows = runs.iter().map(|run| {
        let values = [
            Value::Time(run.started_at.clone()),
            Value::Count(run.checks),
            Value::Count(run.checks_failed.len() as u64),
            Value::Count(run.checks_warned.len() as u64),
            Value::text([run.checks_failed.as_slice(), &run.checks_warned].concat().join(", ")),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "#Checks", "#Failed", "#Warned", "Which"];
    let table = Table { empty: "No check has run.".to_owned(), ..Table::new("checks-table", title, &heads) };
    Figure { width: Width::Half, ..Figure::full(Drawing::Columns(chart), table.rows(rows)) }
}

/// By check: how often it failed or warned.
fn found(runs: &[RunSummary]) -> Table {
    // Failed, warned, and the last time; runs come with the newest first.
    let mut found: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for run in runs {
        for name in &run.checks_failed {
            found.entry(name).or_insert((0, 0, &run.started_at)).0 += 1;
        }
        for name in &run.checks_warned {
            found.entry(name).or_insert((0, 0, &run.started_at)).1 += 1;
        }
    }
    let rows = found.into_iter().map(|(name, (failed, warned, last))| {
        let values = [Value::text(name), Value::Count(failed), Value::Count(warned), Value::Time(last.to_owned())];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Check", "#Runs it failed in", "#Runs it warned in", "Last time"];
    Table {
        empty: format!("No check found anything in the last {} runs.", runs.len()),
        ..Table::new("found-table", "Checks that found something", &heads)
    }
    .rows(rows)
}

/// What the last syncs changed in the warehouse.
fn pushed(runs: &[RunSummary]) -> Table {
    let rows = runs.iter().filter(|run| run.sync_number.is_some()).take(ROWS).filter_map(|run| {
        let number = run.sync_number?;
        let all = run.tables.values().fold(Change::default(), |all, change| Change {
            inserts: all.inserts + change.inserts,
            updates: all.updates + change.updates,
            deletes: all.deletes + change.deletes,
        });
        let touched = run.tables.iter().filter(|(_, change)| **change != Change::default());
        let tables: Vec<&str> = touched.map(|(table, _)| table.as_str()).collect();
        let values = [
            Value::text(format!("No. {number}")),
            Value::Time(run.started_at.clone()),
            Value::Count(all.inserts),
            Value::Count(all.updates),
            Value::Count(all.deletes),
            Value::text(tables.join(", ")),
        ];
        Some(Row::new(values.map(Cell::from).into()))
    });
    let heads = ["Sync", "Run", "#Inserted", "#Updated", "#Deleted", "Tables"];
    Table { empty: "Nothing was pushed by these runs.".to_owned(), ..Table::new("syncs-table", "Last syncs", &heads) }
        .rows(rows)
}

fn run_table(runs: &[RunSummary]) -> Table {
    let rows = runs.iter().take(ROWS).map(|run| {
        let values = [
            Value::Time(run.started_at.clone()),
            Value::text(&run.command),
            Value::text(&run.outcome),
            Value::Seconds(run.seconds),
            Value::Count(run.accepted),
            Value::Count(run.rejected),
            Value::Count(run.checks_failed.len() as u64),
            Value::text(run.message.as_deref().unwrap_or_default()),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let heads = ["Run", "Command", "Outcome", "#Took", "#Accepted", "#Rejected", "#Checks failed", "Message"];
    Table::new("runs-table", "Last runs", &heads).rows(rows)
}
