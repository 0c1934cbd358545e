//! Proves, before anything is built, that a select may be run for some values of its `by` columns alone.
//!
//! In: the select, the columns of what it reads, and what its header declares (`by`, `lookup`). The claim is that the rows of one value of
//! `by` come from input rows of that value only, and that a looked-up table matters only to rows that carry its key. The proof walks
//! DuckDB's logical plan, in which names, stars and `using` are resolved, and follows the values of `by` from the inputs to the result. Out: a
//! [`Proof`], which says how the affected rows are found. What cannot be proved is built whole; what is wrong is refused.

mod expression;
mod join;
pub mod prover;
mod relation;
mod stability;
mod suggestion;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::hash;
use salesmart_model::ByColumn;
use salesmart_staging::relation::Column;
use salesmart_staging::{ident, relation as staged};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::relation::{Part, Restriction};
pub use self::stability::is_ambiguous;
use self::stability::{ambiguous, unstable};
pub use self::suggestion::not_an_output;
use self::walk::Walk;

/// What a header declares about a select.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The file, for messages.
    pub path: &'a Path,
    /// The select.
    pub sql: &'a str,
    /// The columns by whose values the select is restricted.
    pub by: &'a [ByColumn],
    /// The inputs that are read whole.
    pub lookups: &'a [String],
    /// Whether the result has a column for each of `by`, as a model's has and a check's need not have.
    pub has_by_columns: bool,
}

/// Something that a select reads.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name; a source is `raw.<source>`.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The columns that make its rows unique, if a header says so.
    pub key: Vec<String>,
}

/// What was found out about a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Why rows of one value may depend on input rows of another; `None`: they do not.
    pub doubt: Option<String>,
    /// The inputs that are shown with the rows of the changed values only.
    pub restricted: BTreeSet<String>,
    /// Per declared lookup, how the rows that carry its key are found.
    pub lookups: BTreeMap<String, Lookup>,
    /// Declarations that are wrong, in any case.
    pub refusals: Vec<Refusal>,
}

/// How the rows that depend on a row of a looked-up input are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lookup {
    /// They have its key in these columns of these inputs.
    Carried(BTreeSet<Carrier>),
    /// Not at all, and why.
    Doubtful(String),
}

/// The columns of an input whose values are looked up, in the order of the looked-up key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Carrier {
    /// The input.
    pub input: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// A declaration that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The header's setting.
    pub setting: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Invalidates what older versions of the program proved.
const VERSION: &str = "2";

/// Stands for all that a proof depends on, except DuckDB's version.
pub fn fingerprint(claim: &Claim<'_>, inputs: &[Input]) -> String {
    let mut parts =
        vec!["proof".to_owned(), VERSION.to_owned(), claim.sql.to_owned(), claim.has_by_columns.to_string()];
    parts.extend(claim.by.iter().map(|by| format!("{by:?}")));
    parts.extend(claim.lookups.iter().cloned());
    for input in inputs {
        parts.push(input.name.clone());
        parts.push(input.key.join(","));
        parts.extend(input.columns.iter().map(|column| format!("{} {}", column.name, column.kind)));
    }
    hash::of_parts(parts.iter().map(String::as_str))
}

/// Examines a claim. `conn` is a database in memory with the project's functions: the inputs are made there as empty tables.
///
/// # Errors
/// DuckDB's, if the select does not bind.
pub fn examine(conn: &Connection, claim: &Claim<'_>, inputs: &[Input]) -> Result<Proof, duckdb::Error> {
    make_inputs(conn, inputs)?;
    let plan = match plan_of(conn, claim.sql)? {
        Ok(plan) => plan,
        Err(reason) => return Ok(Proof { doubt: Some(reason), ..Proof::default() }),
    };
    let mut proof = Proof::default();
    let by = bound_by(conn, claim, inputs)?;
    proof.restricted = by.keys().cloned().collect();
    if by.is_empty() && !claim.by.is_empty() {
        proof.refusals.push(suggestion::no_input_has_by(conn, claim, inputs, &plan)?);
        return Ok(proof);
    }
    let keyed = inputs.iter().filter(|input| claim.lookups.contains(&input.name));
    let mut keys = BTreeMap::new();
    for lookup in keyed {
        if lookup.key.is_empty() {
            proof.refusals.push(suggestion::lookup_without_key(claim, &lookup.name));
        } else {
            keys.insert(lookup.name.clone(), lookup.key.clone());
        }
    }
    let mut walk = Walk::new(&by, &keys, claim.by);
    let result = walk.visit(&plan, &[]);
    proof.doubt = match result.part(&Restriction::By) {
        None => Some("it does not read the inputs that have the columns of `by`".to_owned()),
        Some(Part::Whole(reason)) => Some(reason.clone()),
        Some(Part::Split(values)) if claim.has_by_columns => {
            let names = output_names(conn, claim.sql)?;
            let lost = claim.by.iter().zip(values).find(|(by, values)| {
                let place = names.iter().position(|name| name.eq_ignore_ascii_case(&by.name));
                !place.is_some_and(|place| values.contains(&expression::column(place)))
            });
            lost.map(|(by, _)| format!("its column {} is not the {} of the input rows", by.name, by.written()))
        }
        Some(Part::Split(_)) => None,
    };
    proof.doubt = proof.doubt.or(walk.lost().cloned()).or_else(|| unstable(&plan)).or_else(|| ambiguous(&by, inputs));
    for name in keys.keys() {
        match walk.lookup(name) {
            Ok(lookup) => {
                // A part of it that was not joined with anything still counts.
                let is_open = result.part(&Restriction::Lookup(name.clone())).is_some();
                let key = keys[name].iter().map(|column| expression::named(column)).collect();
                let doubt = match is_open {
                    true => Some("it is also read otherwise than by its key".to_owned()),
                    false => ambiguous(&BTreeMap::from([(name.clone(), key)]), inputs),
                };
                proof.lookups.insert(name.clone(), doubt.map_or(lookup, Lookup::Doubtful));
            }
            Err(message) => proof.refusals.push(suggestion::lookup_not_joined(claim, name, &keys[name], &message)),
        }
    }
    Ok(proof)
}

/// Whether the result of a select has a text column with a collation.
///
/// # Errors
/// DuckDB's, if the select does not bind.
pub fn has_collated_output(conn: &Connection, sql: &str, inputs: &[Input]) -> Result<bool, duckdb::Error> {
    make_inputs(conn, inputs)?;
    output_names(conn, sql)?;
    let statement =
        "select count(*) > 0 from duckdb_tables() where table_name = '__examined' and contains(sql, ' COLLATE ')";
    conn.query_row(statement, [], |row| row.get(0))
}

/// Makes the inputs as empty tables.
pub(crate) fn make_inputs(conn: &Connection, inputs: &[Input]) -> Result<(), duckdb::Error> {
    for input in inputs {
        let columns: Vec<String> =
            input.columns.iter().map(|column| format!("{} {}", ident(&column.name), column.kind)).collect();
        let name = match input.name.strip_prefix("raw.") {
            Some(source) => format!("raw.{}", ident(source)),
            None => format!("main.{}", ident(&input.name)),
        };
        conn.execute_batch(&format!("create or replace table {name} ({})", columns.join(", ")))?;
    }
    Ok(())
}

/// DuckDB's logical plan of a select; the inner error says why there is none.
fn plan_of(conn: &Connection, sql: &str) -> Result<Result<Value, String>, duckdb::Error> {
    let text: String = conn.query_row("select json_serialize_plan(?::varchar)", [sql], |row| row.get(0))?;
    let mut plan: Value = match serde_json::from_str(&text) {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(format!("DuckDB's plan of it cannot be read: {error}"))),
    };
    match plan["plans"][0].take() {
        Value::Null => Ok(Err(format!(
            "DuckDB does not show its plan: {}",
            plan["error_message"].as_str().unwrap_or("no reason is given")
        ))),
        plan => Ok(Ok(plan)),
    }
}

/// Names of the result's columns.
fn output_names(conn: &Connection, sql: &str) -> Result<Vec<String>, duckdb::Error> {
    conn.execute_batch(&format!("create or replace table main.__examined as {sql}\nwith no data"))?;
    Ok(staged::columns(conn, "main.__examined")?.into_iter().map(|column| column.name).collect())
}

/// Per input that is not looked up and has the columns of `by`: these, as expressions over its column names.
fn bound_by(
    conn: &Connection,
    claim: &Claim<'_>,
    inputs: &[Input],
) -> Result<BTreeMap<String, Vec<Value>>, duckdb::Error> {
    let mut bound = BTreeMap::new();
    for input in inputs.iter().filter(|input| !claim.lookups.contains(&input.name)) {
        let mut values = Vec::new();
        for by in claim.by {
            let own = staged::named(&input.columns, &by.name).map(|column| column.name.clone());
            let value = match (own, &by.expression) {
                (Some(name), _) => Some(expression::named(&name)),
                (None, Some(written)) => expression::over_names(conn, written, input)?,
                (None, None) => None,
            };
            values.extend(value);
        }
        if values.len() == claim.by.len() && !values.is_empty() {
            bound.insert(input.name.clone(), values);
        }
    }
    Ok(bound)
}
