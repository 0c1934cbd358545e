//! Proves that incremental builds are right.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::counted;
use salesmart_model::{Materialized, Model};
use salesmart_project::Project;
use salesmart_staging::ident;
use salesmart_staging::relation;
use salesmart_staging::render::Table;
use salesmart_transform::build::{Finish, Options};
use salesmart_transform::change::Change;
use salesmart_transform::parsed::Parser;
use salesmart_transform::perturbation::{self, Trial};
use salesmart_transform::proof::prover::Prover;
use salesmart_transform::space::Space;

use super::case::{Case, Kind, Outcome};
use super::comparison::{Comparison, SHOWN};

/// Runs every proof for the chosen models; `as_of` is the day with which the published models were built.
pub fn prove(project: &Project<'_>, chosen: &[&Model], as_of: Option<chrono::NaiveDate>) -> Result<Vec<Case>> {
    let mut cases = equal_to_a_full_rebuild(project, chosen, as_of)?;
    cases.extend(perturbed_inputs(project, chosen)?);
    Ok(cases)
}

/// Removes, changes and adds rows of each input of each incremental model, lookups included: what the incremental build then makes of the
/// published rows must be what the whole select makes. An input whose changes build the model whole has no such test.
fn perturbed_inputs(project: &Project<'_>, chosen: &[&Model]) -> Result<Vec<Case>> {
    let sources = project.contracts.keys().map(String::as_str).collect();
    let parser = Parser::new(project.staging.conn())?;
    let graph = parser.graph(&project.models, &sources)?;
    let prover = Prover::new(Some(&parser), project.models.money);
    let mut cases = Vec::new();
    for node in &graph.nodes {
        let model = node.model;
        let is_chosen = chosen.iter().any(|chosen| chosen.name == model.name);
        if !is_chosen || model.materialized != Materialized::Incremental {
            continue;
        }
        for (place, input) in node.inputs().enumerate() {
            let started = Instant::now();
            let found = project.staging.rehearsal(|conn| {
                let space = Space::new(conn)?;
                let mut inputs = perturbation::published_inputs(conn, &space, &project.models, node)?;
                let proof = perturbation::proof(&prover, &project.models, node, &mut inputs)?;
                Ok(match perturbation::of_input(conn, &space, model, &proof, (inputs, place))? {
                    perturbation::Outcome::Whole => None,
                    perturbation::Outcome::Tried(Trial { found, expected }) => {
                        Some(differences(conn, &Change { model, before: Some(&found), after: &expected })?)
                    }
                })
            });
            let outcome = match found {
                Ok(None) => continue,
                Ok(Some(None)) => Outcome::Passed,
                Ok(Some(Some(found))) => Outcome::Failed(found),
                Err(error) => Outcome::Failed(format!("{error:#}")),
            };
            cases.push(Case {
                kind: Kind::Rebuild,
                subject: model.name.clone(),
                name: Some(format!("rows of {input} removed, changed and added")),
                file: model.path.display().to_string(),
                elapsed: started.elapsed(),
                outcome,
            });
        }
    }
    Ok(cases)
}

/// The models that hold rows of their own, so that these can differ from a rebuild.
pub fn provable<'m>(models: impl IntoIterator<Item = &'m Model>) -> Vec<&'m Model> {
    models.into_iter().filter(|model| model.materialized != Materialized::View).collect()
}

/// Builds everything anew, publishes none of it, and compares it with what is published.
fn equal_to_a_full_rebuild(
    project: &Project<'_>,
    chosen: &[&Model],
    as_of: Option<chrono::NaiveDate>,
) -> Result<Vec<Case>> {
    let mut compared: BTreeMap<String, (Duration, Option<String>)> = BTreeMap::new();
    let options = Options { full_refresh: true, finish: Finish::Discard, as_of, ..Options::default() };
    let built = project.build_inspected(&options, &mut |conn, change| {
        if chosen.iter().any(|model| model.name == change.model.name) {
            let started = Instant::now();
            let differences = differences(conn, change)?;
            compared.insert(change.model.name.clone(), (started.elapsed(), differences));
        }
        Ok(())
    });
    let mut cases = Vec::new();
    for model in chosen {
        let (elapsed, differences) = match (compared.remove(&model.name), &built) {
            (Some(compared), _) => compared,
            // What did not have to be shown is as it was.
            (None, Ok(_)) => Default::default(),
            (None, Err(_)) => continue,
        };
        cases.push(Case {
            kind: Kind::Rebuild,
            subject: model.name.clone(),
            name: None,
            file: model.path.display().to_string(),
            elapsed,
            outcome: differences.map_or(Outcome::Passed, Outcome::Failed),
        });
    }
    if let Err(error) = built {
        cases.push(Case::failed(Kind::Rebuild, "full rebuild", &error));
    }
    Ok(cases)
}

/// How the published rows differ from the rebuilt ones, as multisets.
fn differences(conn: &Connection, change: &Change<'_>) -> Result<Option<String>> {
    let Change { model, before, after } = change;
    let Some(before) = before else { return Ok(Some("it is not published".to_owned())) };
    let (published, rebuilt) = (relation::columns(conn, before)?, relation::columns(conn, after)?);
    let described = |columns: &[relation::Column]| {
        columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect::<Vec<_>>().join(", ")
    };
    if described(&published) != described(&rebuilt) {
        return Ok(Some(format!(
            "the published table has other columns than the model; `salesmart build` builds it anew\n- rebuilt:   {}\n+ published: {}",
            described(&rebuilt),
            described(&published)
        )));
    }
    let missing = format!("(from {after} except all from {before})");
    let surplus = format!("(from {before} except all from {after})");
    let counts = format!("select (select count(*) from {missing}), (select count(*) from {surplus})");
    let (missing_rows, surplus_rows): (u64, u64) = conn.query_row(&counts, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if missing_rows + surplus_rows == 0 {
        return Ok(None);
    }
    let keys: Vec<String> = model.key.iter().map(|column| ident(column)).collect();
    let order = if keys.is_empty() { "all".to_owned() } else { keys.join(", ") };
    // The first rows of both sides by key, so that those that belong together are among them.
    let sample = |from: &str| Table::query(conn, &format!("select * from {from} order by {order} limit {SHOWN}"));
    let (missing, surplus) = (sample(&missing)?, sample(&surplus)?);
    let key = model.key.iter().filter_map(|column| rebuilt.iter().position(|typed| &typed.name == column)).collect();
    let comparison = Comparison { columns: missing.columns(), key, ordered: false };
    Ok(Some(format!(
        "not what a full rebuild gives: - {} of the rebuild missing, + {} too many (by {order}, the first {SHOWN} of each)\n{}",
        counted(missing_rows, "row"),
        counted(surplus_rows, "row"),
        comparison.side_by_side(missing.rows().to_vec(), surplus.rows().to_vec())
    )))
}
