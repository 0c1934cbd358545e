//! Which columns of an input a select uses, according to DuckDB's optimizer: a change in the others does not matter to it.

use anyhow::Result;
use duckdb::Connection;
use salesmart_staging::relation;
use serde_json::Value;

use super::affected::Seen;
use super::incremental;
use super::space::{self, Space};

/// An empty table with the input's columns takes its place while the plan is made.
const PROBE: &str = "temp.main.__probe";

/// The columns of `input` that `sql` uses, in the input's order. All of them where the plan does not tell.
pub fn columns(conn: &Connection, space: &Space, sql: &str, input: &Seen) -> Result<Vec<String>> {
    let all: Vec<String> = relation::columns(conn, &input.now)?.into_iter().map(|column| column.name).collect();
    space::run(
        conn,
        format!(
            "create or replace temp table {PROBE} as select * from {} limit 0;
         create or replace temp view {} as select * from {PROBE};
         set disabled_optimizers = 'statistics_propagation,empty_result_pullup'",
            input.now,
            space.shadow(&input.name)
        ),
    )?;
    // What an empty table's statistics would rule out must stay in the plan.
    let plan: Result<String, duckdb::Error> =
        conn.query_row(&format!("explain (format json) {sql}"), [], |row| row.get(1));
    space::run(conn, "reset disabled_optimizers")?;
    incremental::show(conn, space, input)?;
    space::run(conn, format!("drop table {PROBE}"))?;
    let plan: Value = serde_json::from_str(&plan?)?;
    let mut used = Vec::new();
    let mut is_told = true;
    let mut scans = 0;
    walk(&plan, &mut |info| {
        scans += 1;
        let filters = info["Filters"].to_string();
        let projected: Vec<&Value> = match &info["Projections"] {
            Value::Array(names) => names.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        // A part of a struct is projected as such, and a quote is written otherwise in a filter.
        is_told &= projected.iter().all(|shown| shown.as_str() == Some("") || all.iter().any(|name| *shown == name));
        is_told &= filters == "null" || all.iter().all(|name| !name.contains(['"', '\\']));
        let is_projected = |name: &String| projected.iter().any(|shown| *shown == name);
        used.extend(all.iter().filter(|name| is_projected(name) || filters.contains(name.as_str())).cloned());
    });
    match scans {
        0 => Ok(all),
        _ if !is_told => Ok(all),
        _ => Ok(all.into_iter().filter(|name| used.contains(name)).collect()),
    }
}

/// Visits what is said of every scan of the probe.
fn walk(node: &Value, visit: &mut impl FnMut(&Value)) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(fields) => {
            let info = &node["extra_info"];
            if info["Table"].as_str().is_some_and(|table| table.ends_with("__probe")) {
                visit(info);
            }
            fields.values().for_each(|value| walk(value, visit));
        }
        _ => {}
    }
}
