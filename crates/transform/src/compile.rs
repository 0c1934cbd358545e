//! Checks models without running them: every model is bound, in order, against empty tables in memory.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_base::toml_file;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Check, Materialized, Model, Models};
use salesmart_staging::ident;
use salesmart_staging::relation;
use salesmart_staging::relation::Column;

use super::graph::{Graph, Node};
use super::{blank, parse, text_casts};

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
    /// What a model may not mean, by model: warnings with file and line.
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
                let wrong = header_faults(node, &bound);
                if !wrong.is_empty() {
                    faults.insert(name.clone(), wrong);
                }
                warnings.insert(name.clone(), text_casts::warnings(&conn, node.model)?);
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
        if let Err(error) = bind_check(&conn, check, models, &columns) {
            check_faults.insert(check.name.clone(), error.to_string());
        }
    }
    Ok(Compiled { graph, columns, faults, blocked, warnings, check_faults })
}

/// Makes the model as an empty table, or as a view.
fn bind(conn: &Connection, model: &Model) -> Result<Vec<Column>, duckdb::Error> {
    let (name, sql) = (ident(&model.name), &model.sql);
    // The file starts on the first line, so DuckDB's line numbers are the file's; it may end in a comment.
    conn.execute_batch(&match model.materialized {
        Materialized::View => format!("create view main.{name} as {sql}"),
        Materialized::Table | Materialized::Incremental => format!("create table main.{name} as {sql}\nwith no data"),
    })?;
    relation::columns(conn, &format!("main.{name}"))
}

/// What a header says about columns and inputs that are not there.
fn header_faults(node: &Node<'_>, columns: &[Column]) -> Vec<String> {
    let model = node.model;
    let mut faults = Vec::new();
    let mut fault = |setting: &str, message: String, name: &str, known: &mut dyn Iterator<Item = &str>| {
        let nearest = toml_file::nearest(name, known);
        let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
        faults.push(format!("{}:{}: {setting}: {message}{advice}", model.path.display(), model.header_line(setting)));
    };
    let names = || columns.iter().map(|column| column.name.as_str());
    let is_column = |name: &str| names().any(|column| column.eq_ignore_ascii_case(name));
    // Without a `by` of its own a model is incremental by its key.
    let by = match model.by.iter().map(|by| &by.name).eq(model.key.iter()) {
        true => Vec::new(),
        false => model.by.iter().map(|by| &by.name).collect(),
    };
    let settings: [(&str, Vec<&String>); 4] = [
        ("key", model.key.iter().collect()),
        ("by", by),
        ("cluster", model.cluster.iter().collect()),
        ("partition", model.partition.iter().collect()),
    ];
    for (setting, written) in settings {
        for name in written.into_iter().filter(|name| !is_column(name)) {
            fault(setting, format!("the select has no column {name}"), name, &mut names());
        }
    }
    for name in &model.lookups {
        let reads = || node.models.iter().chain(&node.sources).map(String::as_str);
        let plain = name.strip_prefix("raw.").unwrap_or(name);
        if !reads().any(|read| read == plain) {
            fault("lookup", format!("the select does not read {name}"), plain, &mut reads());
        }
    }
    faults
}

/// Binds a check, unless it reads a model that could not be bound.
fn bind_check(
    conn: &Connection,
    check: &Check,
    models: &Models,
    columns: &BTreeMap<String, Vec<Column>>,
) -> Result<()> {
    let reads = parse::references(conn, &check.path, &check.sql)?;
    let is_unbound = |name: &str| models.models.contains_key(name) && !columns.contains_key(name);
    if reads.iter().any(|read| read.schema.is_none() && is_unbound(&read.name)) {
        return Ok(());
    }
    let statement = format!("create or replace temporary view offending_rows as {}", check.sql);
    conn.execute_batch(&statement).map_err(|error| Failure::new(parse::explain(&check.path, &error).to_string()))?;
    Ok(())
}
