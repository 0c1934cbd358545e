//! Checks models without running them: every model is bound, in order, against empty tables in memory.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Check, Model, Models};
use salesmart_staging::ident;
use salesmart_staging::relation;
use salesmart_staging::relation::Column;

use super::graph::{self, Graph};
use super::parse::Reference;
use super::proof::Input;
use super::proof::prover::Prover;
use super::{blank, declared, parse, text_casts};

/// The models of a project with their columns, and everything that is wrong with them.
#[derive(Debug)]
pub struct Compiled<'m> {
    /// The models that have a place in the order.
    pub graph: Graph<'m>,
    /// Columns of the models that bind, by name, and of the sources, as `raw.<source>`.
    pub columns: BTreeMap<String, Vec<Column>>,
    /// What is wrong, by model: errors with file and line.
    pub faults: BTreeMap<String, Vec<String>>,
    /// Models that cannot be checked, each with a model that it reads and that is at fault itself.
    pub blocked: BTreeMap<String, String>,
    /// What may not be meant, by model or check: warnings with file and line.
    pub warnings: BTreeMap<String, Vec<String>>,
    /// What is wrong with checks, by name.
    pub check_faults: BTreeMap<String, String>,
}

impl Compiled<'_> {
    /// The columns of a relation; none where it could not be bound.
    pub fn columns_of(&self, relation: &str) -> &[Column] {
        self.columns.get(relation).map_or(&[], Vec::as_slice)
    }
}

/// Binds all models and checks.
///
/// # Errors
/// Only what has nothing to do with the models; their faults are part of the result.
pub fn compile<'m>(models: &'m Models, contracts: &BTreeMap<String, Contract>) -> Result<Compiled<'m>> {
    let conn = blank::open(contracts, models.money)?;
    let mut columns = BTreeMap::new();
    for source in contracts.keys() {
        columns.insert(format!("raw.{source}"), relation::columns(&conn, &format!("raw.{}", ident(source)))?);
    }
    let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
    let prover = Prover::new(None, models.money);
    let input = |name: &str, columns: &BTreeMap<String, Vec<Column>>| {
        columns.get(name).map(|columns| declared::input(models, name, columns.clone()))
    };
    let (graph, found) = Graph::with_faults(models, &sources, |path, sql| parse::parse(&conn, path, sql));
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for fault in &found {
        for model in &fault.models {
            faults.entry(model.clone()).or_default().push(fault.error.to_string());
        }
    }
    let (mut blocked, mut warnings) = (BTreeMap::new(), BTreeMap::new());
    for node in &graph.nodes {
        let name = &node.model.name;
        if faults.contains_key(name) {
            continue;
        }
        if let Some(cause) = node.models.iter().find(|read| !columns.contains_key(*read)) {
            blocked.insert(name.clone(), cause.clone());
            continue;
        }
        match bind(&conn, node.model) {
            Ok(bound) => {
                let inputs: Vec<Input> = node.inputs().filter_map(|name| input(&name, &columns)).collect();
                let found = declared::model(&prover, node, &inputs, &bound)?;
                let wrong: Vec<String> = found.missing.into_iter().chain(found.faults).collect();
                if !wrong.is_empty() {
                    faults.insert(name.clone(), wrong);
                }
                let casts = text_casts::warnings(&conn, node.model)?;
                warnings.insert(name.clone(), found.warnings.into_iter().chain(casts).collect());
                columns.insert(name.clone(), bound);
            }
            Err(error) => {
                faults.insert(name.clone(), vec![parse::explain(&node.model.path, &error).to_string()]);
            }
        }
    }
    // Those in a circle are at fault; those behind one have no place in the order.
    for name in models.models.keys() {
        if graph.get(name).is_none() && !faults.contains_key(name) {
            blocked.insert(name.clone(), "models that read each other in a circle".to_owned());
        }
    }
    let mut check_faults = BTreeMap::new();
    for check in &models.checks {
        let reads = match bind_check(&conn, check, models, &columns) {
            Ok(reads) => reads,
            Err(error) => {
                check_faults.insert(check.name.clone(), error.to_string());
                continue;
            }
        };
        let inputs: Option<Vec<Input>> = reads.iter().map(|read| input(&read.full_name(), &columns)).collect();
        // Bookkeeping tables are no inputs; with a model at fault the check is looked at later.
        let Some(inputs) = inputs else { continue };
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let behind = graph::behind_views(names.iter(), models, &|path, sql| parse::parse(&conn, path, sql))?;
        let found = declared::check(&prover, check, &inputs, &behind)?;
        if !found.faults.is_empty() {
            check_faults.insert(check.name.clone(), found.faults.join("\n"));
        }
        warnings.insert(check.name.clone(), found.warnings);
    }
    Ok(Compiled { graph, columns, faults, blocked, warnings, check_faults })
}

/// Makes the model as an empty table.
fn bind(conn: &Connection, model: &Model) -> Result<Vec<Column>, duckdb::Error> {
    let (name, sql) = (ident(&model.name), &model.sql);
    // The file starts on the first line, so DuckDB's line numbers are the file's; it may end in a comment.
    conn.execute_batch(&format!("create table main.{name} as {sql}\nwith no data"))?;
    relation::columns(conn, &format!("main.{name}"))
}

/// Binds a check, unless it reads a model that could not be bound; what it reads.
fn bind_check(
    conn: &Connection,
    check: &Check,
    models: &Models,
    columns: &BTreeMap<String, Vec<Column>>,
) -> Result<Vec<Reference>> {
    let reads = parse::references(conn, &check.path, &check.sql)?;
    let is_unbound = |name: &str| models.models.contains_key(name) && !columns.contains_key(name);
    if reads.iter().any(|read| read.schema.is_none() && is_unbound(&read.name)) {
        return Ok(Vec::new());
    }
    let statement = format!("create or replace temporary view offending_rows as {}", check.sql);
    conn.execute_batch(&statement).map_err(|error| Failure::new(parse::explain(&check.path, &error).to_string()))?;
    Ok(reads)
}
