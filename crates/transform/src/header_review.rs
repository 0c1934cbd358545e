//! The headers of new and changed models and checks are looked at before anything is built, with the columns that their inputs will have.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Model, Models};
use salesmart_staging::ident;
use salesmart_staging::relation::{self, Column};

use super::content::{self, Published};
use super::declared::{check, input, model};
use super::graph::{self, Graph, Node};
use super::parsed::Parser;
use super::proof::prover::Prover;
use super::proof::{self, Input};
use super::space::Space;

/// A look at the headers of models and checks that are new or changed, before a build.
pub struct HeaderReview<'a> {
    /// The staging file.
    pub conn: &'a Connection,
    /// Knows the files that did not change.
    pub parser: &'a Parser<'a>,
    /// Makes the proofs.
    pub prover: &'a Prover<'a>,
    /// The project's models and checks.
    pub models: &'a Models,
    /// Its contracts, by source.
    pub contracts: &'a BTreeMap<String, Contract>,
}

impl HeaderReview<'_> {
    /// Refuses headers that are wrong. What does not bind is left to the build, which says so in its place.
    ///
    /// # Errors
    /// All that are wrong, with file and line.
    pub fn refuse(&self, graph: &Graph<'_>, selected: Option<&BTreeSet<String>>) -> Result<()> {
        let published = content::published(self.conn)?;
        let space = Space::new(self.conn)?;
        let mut columns: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        let mut faults = Vec::new();
        for node in &graph.nodes {
            let name = &node.model.name;
            let is_selected = selected.is_none_or(|selected| selected.contains(name));
            if !self.is_changed(node, published.get(name))? || !is_selected {
                continue;
            }
            let Some(inputs) = self.inputs(&node.inputs().collect::<Vec<_>>(), &columns, &space)? else { continue };
            let Ok(bound) = bind(self.prover.bench()?, node.model, &inputs) else { continue };
            if let Ok(findings) = model(self.prover, node, &inputs, &bound) {
                faults.extend(findings.faults);
            }
            columns.insert(name.clone(), bound);
        }
        for one in self.models.checks.iter().filter(|check| !check.by.is_empty() && !self.parser.knows(&check.sql)) {
            let names = self.parser.parse(&one.path, &one.sql)?.references.into_iter().map(|read| read.full_name());
            let names: Vec<String> = names.collect();
            let behind = graph::behind_views(names.iter(), self.models, &|path, sql| self.parser.parse(path, sql))?;
            let Some(inputs) = self.inputs(&names, &columns, &space)? else { continue };
            if let Ok(findings) = check(self.prover, one, &inputs, &behind) {
                faults.extend(findings.faults);
            }
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(faults.join("\n")).into()),
        }
    }

    fn is_changed(&self, node: &Node<'_>, published: Option<&Published>) -> Result<bool> {
        let definition = content::definition(node, self.contracts)?;
        Ok(published.is_none_or(|published| published.definition != definition))
    }

    /// What is read, with the columns that it will have; `None` if one of them is not there.
    fn inputs(
        &self,
        names: &[String],
        changed: &BTreeMap<String, Vec<Column>>,
        space: &Space,
    ) -> Result<Option<Vec<Input>>> {
        let mut inputs = Vec::new();
        for name in names {
            let columns = match (changed.get(name), name.strip_prefix("raw.")) {
                (Some(columns), _) => Some(columns.clone()),
                (None, Some(source)) => match self.contracts.get(source) {
                    Some(contract) => Some(source_columns(self.prover.bench()?, contract)?),
                    None => None,
                },
                (None, None) => relation::columns(self.conn, &space.published(name)).ok(),
            };
            let Some(columns) = columns else { return Ok(None) };
            inputs.push(input(self.models, name, columns));
        }
        Ok(Some(inputs))
    }
}

/// The columns of a source, as models see it.
fn source_columns(bench: &Connection, contract: &Contract) -> Result<Vec<Column>> {
    let name = format!("raw.{}", ident(&contract.source));
    bench.execute_batch(&format!(
        "create or replace table {name} (_file varchar not null, _line bigint not null{})",
        contract.column_definitions()
    ))?;
    Ok(relation::columns(bench, &name)?)
}

/// The columns of a model that reads these inputs.
fn bind(bench: &Connection, model: &Model, inputs: &[Input]) -> Result<Vec<Column>, duckdb::Error> {
    proof::make_inputs(bench, inputs)?;
    let name = format!("main.{}", ident(&model.name));
    bench.execute_batch(&format!("create or replace table {name} as {}\nwith no data", model.sql))?;
    relation::columns(bench, &name)
}
