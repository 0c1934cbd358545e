//! Holds what headers declare (`key`, `by`, `lookup`, `cluster`, `partition`) to what the selects say, before anything is built.

use std::collections::BTreeSet;

use anyhow::Result;
use salesmart_base::toml_file;
use salesmart_model::{Check, Materialized, Model, Models};
use salesmart_staging::relation::{self, Column};

use super::graph::Node;
use super::proof::prover::Prover;
use super::proof::{self, Claim, Input, Lookup, Proof};

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
        findings.add(&proof, &model.by, "the whole model is rebuilt when an input changes", line);
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
    findings.add(&proof, &check.by, "the check looks at all rows when an input changes", line);
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
                "{}: by: rows of one {} may depend on input rows of another, so {consequence}: {doubt}",
                line("by"),
                names.join(", ")
            ));
        }
        for (name, lookup) in &proof.lookups {
            if let Lookup::Doubtful(doubt) = lookup {
                self.warnings.push(format!(
                    "{}: lookup: the rows that {name} affects are not known, so {consequence}: {doubt}",
                    line("lookup")
                ));
            }
        }
    }
}

/// An input with the key that its header says.
pub fn input(models: &Models, name: &str, columns: Vec<Column>) -> Input {
    let key = models.models.get(name).map(|model| model.key.clone()).unwrap_or_default();
    Input { name: name.to_owned(), columns, key }
}
