//! The project's checks, on the published models.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::clock;
use salesmart_base::count::counted;
use salesmart_model::{Models, Severity};
use salesmart_project::Project;
use salesmart_transform::published;

use super::case::{Case, Kind, Outcome};

/// The names of all checks.
pub fn names(models: &Models) -> Vec<String> {
    let keyed = models.models.values().filter(|model| !model.key.is_empty());
    let keys = keyed.map(|model| format!("{}_key", model.name));
    keys.chain(models.checks.iter().map(|check| check.name.clone())).collect()
}

/// Runs all checks; the results of those that `is_wanted` are returned. A check that cannot run stops the others.
pub fn run(project: &Project<'_>, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Case>> {
    let conn = project.staging.conn();
    let run_id = clock::run_id();
    let report = match published::check(conn, &project.models, &project.contracts, &run_id) {
        Ok(report) => report,
        Err(error) => return Ok(vec![Case::failed(Kind::Check, "all checks", &error)]),
    };
    let seconds = seconds(conn, &run_id)?;
    let wanted = report.results.into_iter().filter(|finding| is_wanted(&finding.name));
    let cases = wanted.map(|finding| {
        let found = || format!("{}\n{}", counted(finding.offending, "offending row"), finding.sample);
        let outcome = match (finding.passed, finding.severity) {
            (true, _) => Outcome::Passed,
            (false, Severity::Warn) => Outcome::Warned(found()),
            (false, Severity::Error) => Outcome::Failed(found()),
        };
        Case {
            kind: Kind::Check,
            elapsed: seconds.get(&finding.name).copied().unwrap_or_default(),
            subject: finding.name,
            name: None,
            file: finding.place.unwrap_or_default(),
            outcome,
        }
    });
    Ok(cases.collect())
}

/// How long each check took.
fn seconds(conn: &Connection, run_id: &str) -> Result<HashMap<String, Duration>> {
    let mut statement = conn.prepare("select check_name, seconds from meta.check_results where run_id = ?")?;
    let rows = statement.query_map([run_id], |row| Ok((row.get(0)?, Duration::from_secs_f64(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
