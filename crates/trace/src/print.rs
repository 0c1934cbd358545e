//! A trace as text and as JSON.

use std::fmt::Write as _;

use anyhow::Result;
use salesmart_base::count::{counted, grouped};
use salesmart_staging::render::{Table, shown};
use serde_json::{Map, Value, json};

use super::origin::{Origin, Record, Version};
use super::{Found, Input, Level};

/// Up to so many rows are shown as columns, so that all their values can be read.
const UPRIGHT: usize = 4;

/// The trace for people.
pub fn text(level: &Level) -> Result<String> {
    let mut out = String::new();
    write_level(&mut out, level, 0)?;
    Ok(out)
}

fn write_level(out: &mut String, level: &Level, depth: usize) -> Result<()> {
    let indent = "  ".repeat(depth);
    let rows = counted(level.total, "row");
    let how = match &level.found {
        Found::Asked(asked) => format!("with {asked}: {rows}"),
        Found::Linked(link) => format!("by {}: {rows}", link.describe()),
    };
    writeln!(out, "{indent}{} {how}", level.name)?;
    let count = level.rows.rows().len();
    if (count as u64) < level.total {
        let (count, total) = (grouped(count as u64), grouped(level.total));
        writeln!(out, "{indent}  {count} of {total} shown and followed; see more with --limit")?;
    }
    if let Found::Linked(link) = &level.found
        && !link.unknown.is_empty()
    {
        writeln!(
            out,
            "{indent}  ({} knows nothing of {}, so not all of these need to count)",
            level.name,
            link.unknown.join(", ")
        )?;
    }
    if count > 0 {
        let table = if count <= UPRIGHT { upright(&level.rows) } else { marked(&level.rows) };
        for line in table.to_string().lines() {
            writeln!(out, "{indent}  {line}")?;
        }
    }
    for origin in &level.origins {
        write_origin(out, origin, &format!("{indent}  "))?;
    }
    for input in &level.inputs {
        writeln!(out)?;
        let indent = "  ".repeat(depth + 1);
        match input {
            Input::Level(level) => write_level(out, level, depth + 1)?,
            Input::Again { name } => writeln!(out, "{indent}{name}: the same rows as above")?,
            Input::Unknown { name, reason } => writeln!(out, "{indent}{name}: {reason}")?,
        }
    }
    Ok(())
}

fn write_origin(out: &mut String, origin: &Origin, indent: &str) -> Result<()> {
    let version = match origin.version {
        Some(Version::Latest) => ", the latest version",
        Some(Version::Earlier) => ", an earlier version",
        None => "",
    };
    writeln!(out, "\n{indent}{}, line {}{version}", origin.file, origin.line)?;
    match &origin.record {
        Record::Read(raw) => write_raw(out, raw, indent)?,
        Record::Repaired { raw, repairs } => {
            write_raw(out, raw, indent)?;
            writeln!(out, "{indent}  (refused like this, and loaded as corrected in {repairs})")?;
        }
        Record::Gone(reason) => writeln!(out, "{indent}  ({reason}; what was loaded from it stands above)")?,
    }
    Ok(())
}

/// A record as it stands in the file: its own line breaks stay, other control characters could harm the terminal.
fn write_raw(out: &mut String, raw: &str, indent: &str) -> Result<()> {
    for line in raw.split('\n') {
        let printable: String = line
            .chars()
            .flat_map(|c| match c {
                '\t' => vec![c],
                c if c.is_control() => c.escape_default().collect(),
                c => vec![c],
            })
            .collect();
        writeln!(out, "{indent}  {printable}")?;
    }
    Ok(())
}

/// One line per column, one column per row.
fn upright(rows: &Table) -> Table {
    let names: Vec<String> = match rows.rows().len() {
        1 => vec!["value".to_owned()],
        count => (1..=count).map(|number| number.to_string()).collect(),
    };
    let columns: Vec<(&str, bool)> =
        std::iter::once(("column", false)).chain(names.iter().map(|name| (name.as_str(), false))).collect();
    let mut table = Table::new(&columns);
    for (index, (name, _)) in rows.columns().iter().enumerate() {
        let values = rows.rows().iter().map(|row| Some(shown(row.get(index).and_then(Option::as_deref))));
        table.push(std::iter::once(Some(name.clone())).chain(values).collect());
    }
    table
}

/// The rows as they are, with NULL told from empty texts.
fn marked(rows: &Table) -> Table {
    let columns: Vec<(&str, bool)> = rows.columns().iter().map(|(name, number)| (name.as_str(), *number)).collect();
    let mut table = Table::new(&columns);
    for row in rows.rows() {
        table.push(row.iter().map(|value| Some(shown(value.as_deref()))).collect());
    }
    table
}

/// The trace for programs: one object, its inputs inside it. Values are texts, so that no digit is lost.
pub fn json(level: &Level) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(level.name));
    match &level.found {
        Found::Asked(asked) => object.insert("asked".to_owned(), json!(asked)),
        Found::Linked(link) => {
            let by: Vec<&str> = link.columns.iter().map(|linked| linked.column.name.as_str()).collect();
            object.insert("by".to_owned(), json!(by))
        }
    };
    object.insert("total".to_owned(), json!(level.total));
    let rows = level.rows.rows().iter().map(|row| {
        let names = level.rows.columns().iter().map(|(name, _)| name.clone());
        Value::Object(names.zip(row.iter().map(|value| json!(value))).collect())
    });
    object.insert("rows".to_owned(), rows.collect());
    if !level.origins.is_empty() {
        object.insert("records".to_owned(), level.origins.iter().map(record).collect());
    }
    let inputs: Vec<Value> = level
        .inputs
        .iter()
        .map(|input| match input {
            Input::Level(level) => json(level),
            Input::Again { name } => json!({"name": name, "same_as_above": true}),
            Input::Unknown { name, reason } => json!({"name": name, "unknown": reason}),
        })
        .collect();
    if !inputs.is_empty() {
        object.insert("inputs".to_owned(), Value::Array(inputs));
    }
    Value::Object(object)
}

fn record(origin: &Origin) -> Value {
    let version = origin.version.map(|version| match version {
        Version::Latest => "latest",
        Version::Earlier => "earlier",
    });
    let (raw, repaired_in, gone) = match &origin.record {
        Record::Read(raw) => (Some(raw), None, None),
        Record::Repaired { raw, repairs } => (Some(raw), Some(repairs), None),
        Record::Gone(reason) => (None, None, Some(reason)),
    };
    json!({
        "file": origin.file, "line": origin.line, "version": version, "raw": raw, "repaired_in": repaired_in, "gone": gone,
    })
}
