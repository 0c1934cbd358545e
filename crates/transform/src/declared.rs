//! Holds what headers declare (`key`, `by`, `lookup`, `cluster`, `partition`) to what the selects say, before anything is built.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_base::toml_file;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Check, Materialized, Model, Models};
use salesmart_staging::ident;
use salesmart_staging::relation::{self, Column};

use super::content::{self, Published};
use super::graph::{self, Graph, Node};
use super::parsed::Parser;
use super::proof::prover::Prover;
use super::proof::{self, Claim, Input, Lookup, Proof};
use super::space::Space;

/// What is wrong with a header, and what may not be meant: each with file and line.
#[derive(Debug, Default)]
pub struct Findings {
    /// Columns of `key`, `cluster` and `partition` that are not there: errors, which a build finds when it uses them.
    pub missing: Vec<String>,
    /// Errors that a build must not wait for.
    pub faults: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// What a model's header claims about its select.
pub fn claim(model: &Model) -> Claim<'_> {
    Claim { path: &model.path, sql: &model.sql, by: &model.by, lookups: &model.lookups, has_by_columns: true }
}

/// What a check's header claims about its select.
pub fn claim_of_check(check: &Check) -> Claim<'_> {
    Claim { path: &check.path, sql: &check.sql, by: &check.by, lookups: &check.lookups, has_by_columns: false }
}

/// Why an incremental build cannot show a select the changed rows of its inputs alone: DuckDB resolves names inside a view in the same way
/// as in the select, so a view that reads an input would see only these rows of it, too.
pub fn view_doubt(
    inputs: impl Iterator<Item = String>,
    lookups: &[String],
    behind_views: &BTreeSet<String>,
) -> Option<String> {
    let mut shown = inputs.filter(|name| !lookups.contains(name));
    let name = shown.find(|name| behind_views.contains(name))?;
    Some(format!("it reads {name} itself and through a view"))
}

/// Names that DuckDB gives the places of rows, by which the engine finds them.
const ROW_NAMES: [&str; 2] = ["rowid", "_rowid"];

/// Looks at the header of a model whose select has these columns and reads these inputs.
///
/// # Errors
/// Those of DuckDB.
pub fn model(prover: &Prover<'_>, node: &Node<'_>, inputs: &[Input], columns: &[Column]) -> Result<Findings> {
    let model = node.model;
    let at = |setting: &str| format!("{}:{}", model.path.display(), model.header_line(setting));
    let mut findings = Findings::default();
    let is_column = |name: &str| relation::named(columns, name).is_some();
    // Without a `by` of its own a model is incremental by its key.
    let own_by = !model.by.iter().map(|by| &by.name).eq(model.key.iter());
    for (setting, written) in [
        ("key", model.key.iter().collect::<Vec<_>>()),
        ("cluster", model.cluster.iter().collect()),
        ("partition", model.partition.iter().collect()),
    ] {
        for name in written.into_iter().filter(|name| !is_column(name)) {
            let nearest = toml_file::nearest(name, columns.iter().map(|column| column.name.as_str()));
            let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
            findings.missing.push(format!("{}: {setting}: the select has no column {name}{advice}", at(setting)));
        }
    }
    for column in columns.iter().filter(|column| ROW_NAMES.iter().any(|name| column.name.eq_ignore_ascii_case(name))) {
        let file = model.path.display();
        findings
            .faults
            .push(format!("{file}: the column {} hides DuckDB's places of rows; give it another name", column.name));
    }
    if model.sql.to_ascii_lowercase().contains("collate")
        && proof::has_collated_output(prover.bench()?, &model.sql, inputs)?
    {
        findings.faults.push(format!(
            "{}: a column has a collation, by which different texts are equal; write lower(…) or the like instead",
            model.path.display()
        ));
    }
    if own_by {
        for by in model.by.iter().filter(|by| !is_column(&by.name)) {
            let refusal = proof::not_an_output(prover.bench()?, &claim(model), inputs, &by.name)?;
            findings.faults.push(format!("{}: by: {}", at("by"), refusal.message));
        }
    }
    for name in &model.lookups {
        let reads = || node.models.iter().chain(&node.sources).map(String::as_str);
        let plain = name.strip_prefix("raw.").unwrap_or(name);
        if !reads().any(|read| read == plain) {
            let nearest = toml_file::nearest(plain, reads());
            let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
            findings.faults.push(format!("{}: lookup: the select does not read {name}{advice}", at("lookup")));
        }
    }
    if findings.faults.is_empty() && findings.missing.is_empty() && model.materialized == Materialized::Incremental {
        let line = |setting: &str| match setting {
            // By the key, if there is no `by`.
            "by" if !own_by => at("key"),
            setting => at(setting),
        };
        let mut proof = prover.prove(&claim(model), inputs)?;
        proof.doubt = proof.doubt.or(view_doubt(node.inputs(), &model.lookups, &node.behind_views));
        findings.add(&proof, &model.by, "it is built whole whenever one of them changes", line);
    }
    Ok(findings)
}

/// Looks at the header of a check that reads these inputs.
///
/// # Errors
/// Those of DuckDB.
pub fn check(
    prover: &Prover<'_>,
    check: &Check,
    inputs: &[Input],
    behind_views: &BTreeSet<String>,
) -> Result<Findings> {
    let mut findings = Findings::default();
    if check.by.is_empty() {
        return Ok(findings);
    }
    let mut proof = prover.prove(&claim_of_check(check), inputs)?;
    let names = inputs.iter().map(|input| input.name.clone());
    proof.doubt = proof.doubt.or(view_doubt(names, &check.lookups, behind_views));
    let line =
        |setting: &str| format!("{}:{}", check.path.display(), salesmart_model::header_line(&check.sql, setting));
    findings.add(&proof, &check.by, "it looks at all rows whenever one of them changes", line);
    Ok(findings)
}

impl Findings {
    fn add(
        &mut self,
        proof: &Proof,
        by: &[salesmart_model::ByColumn],
        consequence: &str,
        line: impl Fn(&str) -> String,
    ) {
        for refusal in &proof.refusals {
            self.faults.push(format!("{}: {}: {}", line(&refusal.setting), refusal.setting, refusal.message));
        }
        if let (Some(doubt), true) = (&proof.doubt, proof.refusals.is_empty()) {
            let names: Vec<&str> = by.iter().map(|by| by.name.as_str()).collect();
            self.warnings.push(format!(
                "{}: by: its rows of one {} may depend on input rows of another, so {consequence}: {doubt}",
                line("by"),
                names.join(", ")
            ));
        }
        for (name, lookup) in &proof.lookups {
            if let Lookup::Doubtful(doubt) = lookup {
                self.warnings
                    .push(format!("{}: lookup: a change of {name} has it look at all rows: {doubt}", line("lookup")));
            }
        }
    }
}

/// The models and checks of a build whose headers nobody has looked at.
pub struct Unseen<'a> {
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

impl Unseen<'_> {
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

/// An input with the key that its header says.
pub fn input(models: &Models, name: &str, columns: Vec<Column>) -> Input {
    let key = models.models.get(name).map(|model| model.key.clone()).unwrap_or_default();
    Input { name: name.to_owned(), columns, key }
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
