//! Checks of the published models, without building anything.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use salesmart_ingest::contract::Contract;
use salesmart_model::Models;

use super::content;
use super::known::{Current, Known};
use super::parsed::Parser;
use super::proof::prover::Prover;
use super::space::Space;
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
    let prover = Prover::new(Some(&parser), models.money);
    let context = check::Context {
        conn,
        parser: &parser,
        prover: &prover,
        space: &space,
        known: &known,
        engine: &engine,
        is_full: true,
    };
    check::run(&context, models, run_id)
}
