//! The published models, looked at without building anything: their checks, and the proof that a model may be incremental.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use salesmart_ingest::contract::Contract;
use salesmart_model::Models;
use salesmart_staging::ident;

use super::affected::{Keys, Seen};
use super::content;
use super::delta::Delta;
use super::graph::Node;
use super::incremental;
use super::known::{Current, Known};
use super::parse;
use super::parsed::Parser;
use super::space::{Part, Space};
use crate::check;

/// Runs all checks on all rows of the published models, and keeps the results.
pub fn check(
    conn: &Connection,
    models: &Models,
    contracts: &BTreeMap<String, Contract>,
    run_id: &str,
) -> Result<check::Report> {
    let space = Space::new(conn)?;
    let mut known = Known::new();
    for source in contracts.keys() {
        known.insert(format!("raw.{source}"), Current::source(conn, &space, source)?);
    }
    for (name, model) in content::published(conn)? {
        let current = Current::unchanged(model.content.clone(), space.published(&name), model.rows);
        // All of it is looked at, as if it had just been made.
        known.insert(name, Current { is_redefined: true, built: Some(model), ..current });
    }
    let parser = Parser::new(conn)?;
    let engine = salesmart_staging::engine(conn)?;
    let context =
        check::Context { conn, parser: &parser, space: &space, known: &known, engine: &engine, is_full: true };
    check::run(&context, models, run_id)
}

/// Two relations that are equal if the model's rows depend on input rows with the same `by` values only: the published
/// rows of about half of all values, and what the select makes of the input rows that have these values.
///
/// Within a transaction that is rolled back.
pub fn half(conn: &Connection, models: &Models, node: &Node<'_>) -> Result<(String, String)> {
    let space = Space::new(conn)?;
    let model = node.model;
    let mut inputs = Vec::new();
    for name in node.inputs() {
        let now = match name.strip_prefix("raw.") {
            Some(source) => space.source(source),
            None => space.published(&name),
        };
        let mut seen = Seen::new(models, name, now, Delta::Same, None);
        seen.bind(conn, &model.by)?;
        inputs.push(seen);
    }
    let by: Vec<String> = model.by.iter().map(|column| ident(&column.name)).collect();
    let published = space.published(&model.name);
    let (keys, after) = (space.part(&model.name, Part::Keys), space.part(&model.name, Part::After));
    let keys = Keys::of_rows(conn, keys, &by, &format!("{published} where hash({}) % 2 = 0", by.join(", ")))?;
    incremental::run_restricted(conn, &space, &inputs, &keys, &model.sql, &after)
        .map_err(|error| parse::explain(&model.path, &error))?;
    Ok((format!("({})", keys.restrict(&published, &by)), after))
}
