//! A plan for people.

use salesmart_base::count::{RowCounts, counted, grouped};
use salesmart_base::sum::Sum;
use salesmart_staging::render::Table;
use salesmart_sync::plan::{Plan, Sample, TablePlan};
use serde_json::{Map, Value};

use crate::console::{Console, Ink};

/// Samples are cut at this width.
const WIDTH: usize = 110;

/// Of models that are not built, so many are named.
const NAMED: usize = 8;

/// Says what a sync would do. `unbuilt` are the models that are not as they were built last.
pub fn say(plan: &Plan, unbuilt: &[String], console: &Console) {
    if plan.tables.is_empty() && unbuilt.is_empty() {
        console.say("nothing to push: the warehouse holds what the marts hold");
        return;
    }
    if plan.tables.is_empty() {
        console.say("nothing to push yet: the warehouse holds what the marts held when they were built last");
        warn_of_unbuilt(unbuilt, console);
        return;
    }
    let after = plan
        .after
        .as_ref()
        .map_or_else(|| "nothing was pushed yet".to_owned(), |head| format!("after sync {}", head.number));
    console.say(&format!("the next sync ({after}) would change {}:\n", counted(plan.rows(), "row")));
    console.say(&months(plan).to_string());
    for table in &plan.tables {
        if table.samples.is_empty() {
            continue;
        }
        console.say(&console.ink(Ink::Bold, &table.table));
        for sample in &table.samples {
            let ink = match sample.op.as_str() {
                "insert" => Ink::Green,
                "delete" => Ink::Red,
                _ => Ink::Yellow,
            };
            console.say(&console.ink(ink, &format!("  {}", cut(&text(sample)))));
        }
    }
    console.say("");
    if let Some(refusal) = &plan.refusal {
        console.warn(&format!("the sync will stop: {refusal}"));
    }
    warn_of_unbuilt(unbuilt, console);
    for objection in &plan.objections {
        console.warn(&format!("{objection}; the sync will stop unless it is run with --allow-deletes"));
    }
}

/// Says which models a build would look at first.
pub fn warn_of_unbuilt(unbuilt: &[String], console: &Console) {
    if unbuilt.is_empty() {
        return;
    }
    let named: Vec<&str> = unbuilt.iter().take(NAMED).map(String::as_str).collect();
    let more = match unbuilt.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    console.warn(&format!(
        "changed and not built yet: {}{more}; run `salesmart build` first, then this shows what they change",
        named.join(", ")
    ));
}

/// A line per table and month, and one for all months of a table that has several.
fn months(plan: &Plan) -> Table {
    let columns = [
        ("table", false),
        ("month", false),
        ("inserts", true),
        ("updates", true),
        ("deletes", true),
        ("change", true),
        ("of", false),
    ];
    let mut lines = Table::new(&columns);
    for table in &plan.tables {
        let months = &table.months;
        for month in months {
            let name = month.month.map_or_else(String::new, |month| format!("{}-{:02}", month / 100, month % 100));
            lines.push(line(table, name, month.counts, month.change.clone()));
        }
        if months.len() > 1 {
            lines.push(line(table, "all".to_owned(), table.counts, None));
        }
    }
    lines
}

fn line(table: &TablePlan, month: String, counts: RowCounts, change: Option<Sum>) -> Vec<Option<String>> {
    let count = |count: u64| (count > 0).then(|| grouped(count)).or_else(|| Some(String::new()));
    let of = change.as_ref().and(table.money.clone()).unwrap_or_default();
    let signed = change.map_or_else(String::new, |change| match change.is_negative() {
        true => change.to_string(),
        false => format!("+{change}"),
    });
    vec![
        Some(table.table.clone()),
        Some(month),
        count(counts.inserted),
        count(counts.updated),
        count(counts.deleted),
        Some(signed),
        Some(of),
    ]
}

fn text(sample: &Sample) -> String {
    let key: Vec<String> = sample.key.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let key = key.join(", ");
    match (&sample.before, &sample.after) {
        (Some(before), Some(after)) => {
            let cells: Vec<String> = after
                .iter()
                .filter(|(name, value)| before.get(*name) != Some(value))
                .map(|(name, value)| {
                    format!("{name} {} → {}", shown(before.get(name).unwrap_or(&Value::Null)), shown(value))
                })
                .collect();
            format!("~ {key}: {}", cells.join(", "))
        }
        (None, Some(row)) => format!("+ {key}: {}", fields(sample, row)),
        (Some(row), None) => format!("- {key}: {}", fields(sample, row)),
        (None, None) => key,
    }
}

fn fields(sample: &Sample, row: &Map<String, Value>) -> String {
    let fields: Vec<String> = row
        .iter()
        .filter(|(name, value)| !sample.key.contains_key(*name) && !value.is_null())
        .map(|(name, value)| format!("{name} {}", shown(value)))
        .collect();
    fields.join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
