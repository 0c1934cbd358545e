//! Checks: queries that return offending rows. Zero rows is a pass.
//!
//! Besides the project's own (`sql/checks/*.sql`) every model with a key is checked to have it unique and
//! not null.

use std::time::{Duration, Instant};

use anyhow::Result;
use duckdb::{Connection, params};

use crate::console::{Console, Step, grouped};
use crate::failure::Failure;
use crate::model::{Models, Severity};
use crate::render::Table;
use crate::staging::{ident, idents};
use crate::transform::parse;

/// Of the offending rows, this many are shown and kept.
const SAMPLE: u64 = 10;

/// What all checks found.
#[derive(Debug, Default)]
pub struct Report {
    /// Every check, passed or not.
    pub results: Vec<Finding>,
}

/// What one check found.
#[derive(Debug)]
pub struct Finding {
    /// The check.
    pub name: String,
    /// Where it is written; a built-in one has no file.
    pub place: Option<String>,
    /// How bad offending rows are.
    pub severity: Severity,
    /// How many offending rows there are.
    pub offending: u64,
    /// Whether that is within the check's tolerance.
    pub passed: bool,
    /// The first of them.
    pub sample: Table,
}

/// Runs all checks against the models that the search path shows, and keeps the results.
pub fn run(conn: &Connection, models: &Models, run_id: &str) -> Result<Report> {
    let mut report = Report::default();
    for model in models.models.values().filter(|model| !model.key.is_empty()) {
        let keys = idents(&model.key, "");
        let is_null: String = model.key.iter().map(|column| format!(" or {} is null", ident(column))).collect();
        let sql = format!(
            "select {keys}, count(*) as rows from {} group by {keys} having count(*) > 1{is_null} order by all",
            ident(&model.name)
        );
        let name = format!("{}_key", model.name);
        let offending = offending(conn, &sql).map_err(|error| {
            Failure::new(format!(
                "{}: the declared key ({}) cannot be checked: {error}",
                model.path.display(),
                model.key.join(", ")
            ))
        })?;
        keep(
            conn,
            run_id,
            &mut report,
            Finding {
                name,
                place: Some(model.path.display().to_string()),
                severity: Severity::Error,
                offending: offending.0,
                passed: offending.0 == 0,
                sample: offending.1,
            },
            offending.2,
        )?;
    }
    for check in &models.checks {
        let (count, sample, elapsed) =
            offending(conn, &check.sql).map_err(|error| parse::explain(&check.path, &error))?;
        keep(
            conn,
            run_id,
            &mut report,
            Finding {
                name: check.name.clone(),
                place: Some(check.path.display().to_string()),
                severity: check.severity,
                offending: count,
                passed: count <= check.tolerance,
                sample,
            },
            elapsed,
        )?;
    }
    Ok(report)
}

/// Counts the rows of a check's query and keeps the first ones. As a view, so that the file may end in a comment.
fn offending(conn: &Connection, sql: &str) -> Result<(u64, Table, Duration), duckdb::Error> {
    let started = Instant::now();
    conn.execute_batch(&format!("create or replace temporary view offending_rows as {sql}"))?;
    let count: u64 = conn.query_row("select count(*) from temp.offending_rows", [], |row| row.get(0))?;
    let sample = match count {
        0 => Table::default(),
        _ => Table::query(conn, &format!("select * from temp.offending_rows limit {SAMPLE}"))
            .map_err(|error| duckdb::Error::InvalidParameterName(error.to_string()))?,
    };
    conn.execute_batch("drop view temp.offending_rows")?;
    Ok((count, sample, started.elapsed()))
}

fn keep(conn: &Connection, run_id: &str, report: &mut Report, finding: Finding, elapsed: Duration) -> Result<()> {
    let mut sample = Vec::new();
    finding.sample.write(crate::render::Format::Json, &mut sample)?;
    conn.execute(
        "insert into meta.check_results values (?, ?, ?, ?, ?, ?)",
        params![
            run_id,
            finding.name,
            finding.severity.name(),
            finding.offending,
            String::from_utf8_lossy(&sample),
            elapsed.as_secs_f64()
        ],
    )?;
    report.results.push(finding);
    Ok(())
}

impl Report {
    /// Prints one line for all, and the rows of those that did not pass.
    pub fn say(&self, elapsed: Duration, console: &Console) {
        let failed: Vec<&Finding> = self.results.iter().filter(|finding| !finding.passed).collect();
        let warned = failed.iter().filter(|finding| finding.severity == Severity::Warn).count();
        let errors = failed.len() - warned;
        let note = match (errors, warned) {
            (0, 0) => "all passed".to_owned(),
            (errors, 0) => format!("{errors} failed"),
            (0, warned) => format!("passed, {warned} with warnings"),
            (errors, warned) => format!("{errors} failed, {warned} with warnings"),
        };
        let subject = format!("{} checks", self.results.len());
        console.step(&Step { stage: "check", subject: &subject, rows: None, elapsed, note });
        for finding in failed {
            console.warn(&finding.describe());
        }
    }

    /// An error if a check of severity `error` did not pass.
    pub fn refuse(&self) -> Result<()> {
        let names: Vec<&str> = self
            .results
            .iter()
            .filter(|finding| !finding.passed && finding.severity == Severity::Error)
            .map(|finding| finding.name.as_str())
            .collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "checks failed: {}; nothing was published, the last good marts stay; the rows of the failed build can be \
                 looked at with `salesmart show scratch.MODEL`",
                names.join(", ")
            ))
            .into()),
        }
    }
}

impl Finding {
    fn describe(&self) -> String {
        let place = self.place.as_deref().map_or_else(String::new, |place| format!(" ({place})"));
        let rows = if self.offending == 1 { "row" } else { "rows" };
        format!("check {}{place}: {} offending {rows}\n{}", self.name, grouped(self.offending), self.sample)
    }
}
