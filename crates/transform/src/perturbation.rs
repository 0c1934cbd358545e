//! Tries an incremental model: some rows of one of its inputs are removed, changed and added, and what the incremental build then makes of
//! the published rows is laid beside what the whole select makes.

use anyhow::Result;
use duckdb::Connection;
use salesmart_model::{Model, Models};
use salesmart_staging::relation::{self, Column};
use salesmart_staging::{ident, idents};

use super::affected::Seen;
use super::declared::{claim, input, view_doubt};
use super::delta::Delta;
use super::graph::Node;
use super::proof::prover::Prover;
use super::proof::{Lookup, Proof};
use super::space::{self, Space};
use super::{incremental, parse};

/// This many rows of an input are perturbed: a third of them is removed, changed and added each.
const PERTURBED: u32 = 60;

/// Two relations that are equal if the incremental build is right.
#[derive(Debug, PartialEq, Eq)]
pub struct Trial {
    /// What the incremental build gives.
    pub found: String,
    /// What the whole select gives.
    pub expected: String,
}

/// What a trial of one input came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both were built.
    Tried(Trial),
    /// A change of this input builds the model whole, so there is nothing to compare.
    Whole,
}

/// The inputs of a model as they are published.
///
/// # Errors
/// Those of DuckDB.
pub fn published_inputs(conn: &Connection, space: &Space, models: &Models, node: &Node<'_>) -> Result<Vec<Seen>> {
    let mut inputs = Vec::new();
    for name in node.inputs() {
        let now = match name.strip_prefix("raw.") {
            Some(source) => space.source(source),
            None => space.published(&name),
        };
        let mut seen = Seen::new(models, name, now, Delta::Same, None);
        seen.bind(conn, &node.model.by, &node.model.lookups)?;
        inputs.push(seen);
    }
    Ok(inputs)
}

/// The proof for a model whose inputs are these.
///
/// # Errors
/// Those of DuckDB.
pub fn proof(prover: &Prover<'_>, models: &Models, node: &Node<'_>, inputs: &mut [Seen]) -> Result<Proof> {
    let model = node.model;
    let read = inputs.iter().map(|seen| input(models, &seen.name, seen.columns.clone())).collect::<Vec<_>>();
    let mut proof = prover.prove(&claim(model), &read)?;
    proof.doubt = proof.doubt.or(view_doubt(node.inputs(), &model.lookups, &node.behind_views));
    inputs.iter_mut().for_each(|input| input.restrict_only(&proof.restricted));
    Ok(proof)
}

/// Perturbs the input at `place`, and builds the model in both ways. Within a transaction that is rolled back.
///
/// # Errors
/// Those of DuckDB, with the model's file and line.
pub fn of_input(
    conn: &Connection,
    space: &Space,
    model: &Model,
    proof: &Proof,
    (mut inputs, place): (Vec<Seen>, usize),
) -> Result<Outcome> {
    let perturbed = &mut inputs[place];
    let is_found = perturbed.by.is_some() || matches!(proof.lookups.get(&perturbed.name), Some(Lookup::Carried(_)));
    if proof.doubt.is_some() || !proof.refusals.is_empty() || !is_found {
        return Ok(Outcome::Whole);
    }
    perturb(conn, perturbed)?;
    let name = perturbed.name.clone();
    show(conn, space, &name, &perturbed.now)?;
    let expected = "temp.main.__whole".to_owned();
    space::run(conn, format!("create or replace temp table {expected} as {}", model.sql))
        .map_err(|error| parse::explain(&model.path, &error))?;
    let built = incremental::build(conn, space, model, proof, &inputs)?;
    Ok(match built {
        Some(built) => Outcome::Tried(Trial { found: built.now, expected }),
        None => Outcome::Whole,
    })
}

fn show(conn: &Connection, space: &Space, name: &str, now: &str) -> Result<()> {
    match name.strip_prefix("raw.") {
        Some(source) => space.show_source(conn, source, now),
        None => {
            Ok(space::run(conn, format!("create or replace temp view {} as select * from {now}", space.shadow(name)))?)
        }
    }
}

/// Lets the input stand for a table in which rows of it were removed, changed and added.
fn perturb(conn: &Connection, input: &mut Seen) -> Result<()> {
    let columns = relation::columns(conn, &input.now)?;
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let all = idents(&names, "");
    // Whichever rows these are, they are the same on every machine.
    space::run(
        conn,
        format!(
            "create or replace temp table __sample as
             select *, row_number() over () as _n from (select * from {} order by md5(row({all})::varchar) limit {PERTURBED})",
            input.now
        ),
    )?;
    let is_key = |column: &&Column| input.key.iter().any(|key| key.eq_ignore_ascii_case(&column.name));
    // A value of another row is one that the column may have.
    let other = |column: &Column| {
        let name = ident(&column.name);
        format!("coalesce(lag({name}) over (order by _n), {name}) as {name}")
    };
    let changed: Vec<String> =
        columns.iter().map(|column| if is_key(&column) { ident(&column.name) } else { other(column) }).collect();
    let added: Vec<String> = columns
        .iter()
        .map(|column| match is_key(&column) || column.name == "_line" {
            true => format!("{} as {}", next(column), ident(&column.name)),
            false => other(column),
        })
        .collect();
    let keys: Vec<String> = input.key.iter().map(|name| ident(name)).collect();
    let is_new = match keys.is_empty() {
        true => String::new(),
        false => format!(" where ({0}) not in (select ({0}) from {1})", keys.join(", "), input.now),
    };
    space::run(
        conn,
        format!(
            "create or replace temp table __gone as select {all} from __sample where _n % 3 < 2;
             create or replace temp table __come as
             select {all} from (select _n, {changed} from __sample) where _n % 3 = 1
             union all
             select {all} from (select distinct on ({distinct}) * from (select {added} from __sample where _n % 3 = 2)){is_new};
             create or replace temp table __perturbed as
             (select {all} from {now} except all select {all} from __gone) union all select {all} from __come",
            changed = changed.join(", "),
            added = added.join(", "),
            distinct = if keys.is_empty() { all.clone() } else { keys.join(", ") },
            now = input.now,
        ),
    )?;
    input.now = "temp.main.__perturbed".to_owned();
    input.delta = Delta::Rows { removed: "temp.main.__gone".to_owned(), added: "temp.main.__come".to_owned() };
    Ok(())
}

/// A value that comes after the column's, of the same type.
fn next(column: &Column) -> String {
    let name = ident(&column.name);
    match column.kind.as_str() {
        "VARCHAR" => format!("{name} || '~'"),
        "DATE" => format!("cast({name} + interval 1 day as date)"),
        kind if kind.starts_with("TIMESTAMP") => format!("cast({name} + interval 1 second as {kind})"),
        kind if column.scale().is_some() => format!("cast({name} + 1 as {kind})"),
        _ => name,
    }
}
