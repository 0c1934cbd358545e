//! An incremental build of one model: its unchanged select runs over the rows of its inputs that have the affected values of
//! its `by` columns, and replaces the published rows that have them.
//!
//! This is right if rows with one value depend on input rows with that value only, which the [`Proof`] says. Rows with other values than
//! the affected ones are noticed here all the same.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::fail;
use salesmart_model::Model;
use salesmart_staging::ident;
use salesmart_staging::relation;

use super::affected::{Keys, Reader, Seen};
use super::delta::{self, Built, Delta, Scope};
use super::parse;
use super::proof::Proof;
use super::space::{self, Part, Space};

/// Builds the affected rows of a model. `None`: its columns are no longer those of the published table, or rows repeat, so it
/// has to be built whole.
///
/// # Errors
/// DuckDB's, with file and line; and a model that makes rows of values that were not asked for.
pub fn build(conn: &Connection, space: &Space, model: &Model, proof: &Proof, inputs: &[Seen]) -> Result<Option<Built>> {
    let part = |part| space.part(&model.name, part);
    let reader = Reader { path: &model.path, sql: &model.sql, lookups: &proof.lookups };
    let keys = Keys::collect(conn, space, part(Part::Keys), &reader, inputs).map_err(|error| {
        // An expression of the header that fails on a value fails in the select, too, unless the select leaves that row out.
        match error.downcast_ref::<duckdb::Error>() {
            Some(engine) => parse::explain(&model.path, engine),
            None => error,
        }
    })?;
    let published = space.published(&model.name);
    let before_rows = space::count(conn, &published)?;
    let same = Built { delta: Delta::Same, now: published.clone(), rows: before_rows, scope: None };
    if keys.count == 0 {
        return Ok(Some(same));
    }
    let after = part(Part::After);
    run_restricted(conn, space, inputs, &keys, &model.sql, &after)
        .map_err(|error| parse::explain(&model.path, &error))?;
    let columns = relation::columns(conn, &published)?;
    if relation::columns(conn, &after)? != columns {
        return Ok(None);
    }
    let by: Vec<String> = model.by.iter().map(|column| ident(&column.name)).collect();
    refuse_strangers(conn, model, &keys, &after, &by)?;
    let before = part(Part::Before);
    space::run(
        conn,
        format!("create or replace temp table {before} as {}", keys.restrict_with_rowid(&published, &by)),
    )?;
    let delta = delta::trim(conn, space, &model.name, &columns, &before, &after)?;
    match delta {
        Delta::Same => return Ok(Some(same)),
        Delta::Whole => return Ok(None),
        Delta::Rows { .. } => {}
    }
    let (now, replaced, added) = (part(Part::Now), part(Part::Replaced), part(Part::Added));
    let (gone, come) = (space::count(conn, &replaced)?, space::count(conn, &added)?);
    let stay = match gone {
        0 => format!("select * from {published}"),
        _ => format!("select p.* from {published} as p anti join {replaced} as r on p.rowid = r._rowid"),
    };
    space::run(conn, format!("create or replace temp view {now} as {stay} union all select * from {added}"))?;
    let scope = Scope {
        by: model.by.iter().map(|column| column.name.clone()).collect(),
        keys: keys.table.clone(),
        rows: after,
    };
    Ok(Some(Built { delta, now, rows: before_rows + come - gone, scope: Some(scope) }))
}

/// Runs a select into the temporary table `into` while its inputs show only the rows that have these values.
pub fn run_restricted(
    conn: &Connection,
    space: &Space,
    inputs: &[Seen],
    keys: &Keys,
    sql: &str,
    into: &str,
) -> Result<(), duckdb::Error> {
    let foreseen = |error: anyhow::Error| duckdb::Error::InvalidParameterName(format!("{error:#}"));
    for input in inputs {
        let Some(by) = &input.by else { continue };
        let restricted = match usable(conn, input, by, keys).map_err(foreseen)? {
            Some(scope) => keys.restrict(&scope.rows, by),
            None => keys.restrict_input(conn, input, by).map_err(foreseen)?,
        };
        match input.name.strip_prefix("raw.") {
            Some(source) => space.show_source(conn, source, &format!("({restricted})")).map_err(foreseen)?,
            None => conn
                .execute_batch(&format!("create or replace temp view {} as {restricted}", space.shadow(&input.name)))?,
        }
    }
    // The file starts behind the prefix on the first line, so DuckDB's line numbers are the file's.
    space::run(conn, format!("create or replace temp table {into} as {sql}"))?;
    for input in inputs.iter().filter(|input| input.by.is_some()) {
        match input.name.strip_prefix("raw.") {
            Some(source) => space.restore_source(conn, source).map_err(foreseen)?,
            None => show(conn, space, input)?,
        }
    }
    Ok(())
}

/// Lets readers see all rows of an input again.
pub fn show(conn: &Connection, space: &Space, input: &Seen) -> Result<(), duckdb::Error> {
    let shadow = space.shadow(&input.name);
    match input.now == space.published(&input.name) {
        true => space::run(conn, format!("drop view if exists {shadow}")),
        false => space::run(conn, format!("create or replace temp view {shadow} as select * from {}", input.now)),
    }
}

/// The input's scope, if it was built by the same columns and has all rows of these values: no need to look for them.
fn usable<'s>(conn: &Connection, input: &'s Seen, by: &[String], keys: &Keys) -> Result<Option<&'s Scope>> {
    let Some(scope) = &input.scope else { return Ok(None) };
    let is_same = scope.by.len() == by.len() && scope.by.iter().zip(by).all(|(one, other)| ident(one) == *other);
    Ok(match is_same && keys.is_within(conn, scope)? {
        true => Some(scope),
        false => None,
    })
}

fn refuse_strangers(conn: &Connection, model: &Model, keys: &Keys, after: &str, by: &[String]) -> Result<()> {
    if let Some(found) = keys.stranger(conn, after, by)? {
        let names: Vec<&str> = model.by.iter().map(|column| column.name.as_str()).collect();
        fail!(
            "{}: the select made a row with ({}) = {found} out of input rows that have other values, so the model cannot be \
             incremental by these columns; say in `by:` what the inputs have, or make it `materialized: table`",
            model.path.display(),
            names.join(", ")
        );
    }
    Ok(())
}
