//! What to write instead of a declaration that is wrong.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::toml_file::nearest;
use salesmart_model::ByColumn;
use serde_json::Value;

use super::expression::{self, column};
use super::relation::{Part, Restriction};
use super::walk::Walk;
use super::{Claim, Input, Refusal};

/// None of the inputs has the columns of `by`.
pub fn no_input_has_by(
    conn: &Connection,
    claim: &Claim<'_>,
    inputs: &[Input],
    plan: &Value,
) -> Result<Refusal, duckdb::Error> {
    let names: Vec<&str> = claim.by.iter().map(|by| by.name.as_str()).collect();
    let instead = instead_of_by(conn, claim, inputs, plan)?;
    let message = format!(
        "none of its inputs has the columns it is incremental by ({}){}",
        names.join(", "),
        instead.unwrap_or_else(|| "; say where they come from, as in `-- by: date_id // 100 as month_id`".to_owned())
    );
    Ok(Refusal { setting: "by".to_owned(), message })
}

/// A column of `by` that the result does not have.
///
/// # Errors
/// DuckDB's, if the select does not bind.
pub fn not_an_output(
    conn: &Connection,
    claim: &Claim<'_>,
    inputs: &[Input],
    missing: &str,
) -> Result<Refusal, duckdb::Error> {
    super::make_inputs(conn, inputs)?;
    let outputs = super::output_names(conn, claim.sql)?;
    let similar = nearest(missing, outputs.iter().map(String::as_str));
    if let Some(similar) = similar {
        let message = format!("the select has no column {missing}; did you mean {similar}?");
        return Ok(Refusal { setting: "by".to_owned(), message });
    }
    let instead = match super::plan_of(conn, claim.sql)? {
        Ok(plan) => instead_of_by(conn, claim, inputs, &plan)?,
        Err(_) => None,
    };
    let message = format!(
        "the select has no column {missing}, and the rows to replace are found by it{}",
        instead.unwrap_or_else(|| "; add it to the select".to_owned())
    );
    Ok(Refusal { setting: "by".to_owned(), message })
}

/// A column of the result by which the select can be proved to be incremental, as the header to write.
fn instead_of_by(
    conn: &Connection,
    claim: &Claim<'_>,
    inputs: &[Input],
    plan: &Value,
) -> Result<Option<String>, duckdb::Error> {
    let outputs = super::output_names(conn, claim.sql)?;
    let (no_by, no_keys) = (BTreeMap::new(), BTreeMap::new());
    let result = Walk::new(&no_by, &no_keys, &[]).visit(plan, &[]);
    for (place, output) in outputs.iter().enumerate() {
        let origins = result.branches.iter().map(|branch| branch.get(place).cloned().flatten());
        let Some(origins) = origins.collect::<Option<Vec<_>>>() else { continue };
        let Some(first) = origins.first() else { continue };
        if origins.iter().any(|origin| origin.column != first.column) {
            continue;
        }
        let bound: BTreeMap<String, Vec<Value>> = inputs
            .iter()
            .filter(|input| !claim.lookups.contains(&input.name))
            .filter(|input| input.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&first.column)))
            .map(|input| (input.name.clone(), vec![expression::named(&first.column)]))
            .collect();
        let by = [ByColumn { name: output.clone(), expression: Some(first.column.clone()) }];
        let result = Walk::new(&bound, &no_keys, &by).visit(plan, &[]);
        if matches!(result.part(&Restriction::By), Some(Part::Split(values)) if values[0].contains(&column(place))) {
            let written = by[0].written();
            return Ok(Some(format!("; write `-- by: {written}`")));
        }
    }
    Ok(None)
}

/// A looked-up input whose rows nothing tells apart.
pub fn lookup_without_key(claim: &Claim<'_>, name: &str) -> Refusal {
    let message =
        format!("{name} has no key to look it up by; write `-- key: …` in its file, or here {}", others(claim, name));
    Refusal { setting: "lookup".to_owned(), message }
}

/// A looked-up input that is not joined by its key.
pub fn lookup_not_joined(claim: &Claim<'_>, name: &str, key: &[String], reason: &str) -> Refusal {
    let message = format!(
        "{name} cannot be looked up by its key ({}): {reason}; {}, and a change of {name} rebuilds the whole model",
        key.join(", "),
        others(claim, name)
    );
    Refusal { setting: "lookup".to_owned(), message }
}

/// The header without this lookup.
fn others(claim: &Claim<'_>, name: &str) -> String {
    let others: Vec<&str> = claim.lookups.iter().map(String::as_str).filter(|other| *other != name).collect();
    match others.is_empty() {
        true => "remove `-- lookup:`".to_owned(),
        false => format!("write `-- lookup: {}`", others.join(", ")),
    }
}
