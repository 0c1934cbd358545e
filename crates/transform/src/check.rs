//! Checks: queries that return offending rows. Zero rows is a pass.
//!
//! Besides the project's own (`sql/checks/*.sql`) every model with a key is checked to have it unique and
//! not null, and every mart to hold only [`texts`] that PostgreSQL takes.

mod texts;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use duckdb::{Connection, OptionalExt, params};
use salesmart_base::event::{CheckResult, ChecksRun, Event, Observer, Verdict};
use salesmart_base::failure::Failure;
use salesmart_base::hash;
use salesmart_model::{Check, Model, Models, Severity};
use salesmart_staging::render::Table;
use salesmart_staging::{ident, idents};

use crate::affected::{Keys, Reader, Seen};
use crate::declared::{claim_of_check, input, view_doubt};
use crate::delta::Delta;
use crate::known::{Current, Known};
use crate::parsed::Parser;
use crate::proof::prover::Prover;
use crate::proof::{Lookup, Proof};
use crate::space;
use crate::space::{Part, Space};
use crate::{graph, incremental, parse};

/// Of the offending rows, this many are shown and kept.
const SAMPLE: u64 = 10;

/// What all checks found.
#[derive(Debug, Default)]
pub struct Report {
    /// Every check that ran, passed or not.
    pub results: Vec<Finding>,
    /// Checks that could not run, as they read a model that was left out of the build.
    pub skipped: Vec<String>,
}

/// What one check found.
#[derive(Debug)]
pub struct Finding {
    /// The check.
    pub name: String,
    /// Where it is written; a built-in one has no file.
    pub place: Option<String>,
    /// What its header says about it: what is wrong with an offending row, and what to do.
    pub description: String,
    /// How bad offending rows are.
    pub severity: Severity,
    /// How many offending rows there are.
    pub offending: u64,
    /// Whether that is within the check's tolerance.
    pub passed: bool,
    /// The first of them.
    pub sample: Table,
    /// What the project's own checks were run on.
    pub state: Option<State>,
}

/// What the checks look at: the state that is about to be published.
pub struct Context<'a> {
    /// The staging file.
    pub conn: &'a Connection,
    /// Knows the checks that did not change.
    pub parser: &'a Parser<'a>,
    /// Knows by which changes they are affected.
    pub prover: &'a Prover<'a>,
    /// Names in it.
    pub space: &'a Space,
    /// The models and sources of this build.
    pub known: &'a Known,
    /// Version of DuckDB.
    pub engine: &'a str,
    /// Whether checks run that already passed on the same rows.
    pub is_full: bool,
}

/// Runs the checks that have something new to look at, and keeps their results. A check that passed is not run again
/// until it, or what it reads, changed; one with `by` then looks at the changed rows only.
pub fn run(context: &Context<'_>, models: &Models, run_id: &str) -> Result<Report> {
    let mut report = Report::default();
    for model in models.models.values().filter(|model| !model.key.is_empty()) {
        let Some(current) = context.known.get(&model.name).filter(|current| is_to_be_looked_at(current)) else {
            continue;
        };
        let sql = key_query(context, model, current);
        let name = format!("{}_key", model.name);
        let found = offending(context.conn, &sql).map_err(|error| {
            Failure::new(format!(
                "{}: the declared key ({}) cannot be checked: {error}",
                model.path.display(),
                model.key.join(", ")
            ))
        })?;
        let finding = Finding {
            name,
            place: Some(model.path.display().to_string()),
            description: String::new(),
            severity: Severity::Error,
            offending: found.count,
            passed: found.count == 0,
            sample: found.sample,
            state: None,
        };
        keep(context.conn, run_id, &mut report, finding, found.elapsed)?;
    }
    for model in models.models.values().filter(|model| model.is_pushed()) {
        let Some(current) = context.known.get(&model.name).filter(|current| is_to_be_looked_at(current)) else {
            continue;
        };
        if let Some((finding, elapsed)) = texts::check(context, model, current)? {
            keep(context.conn, run_id, &mut report, finding, elapsed)?;
        }
    }
    for check in &models.checks {
        let Some(state) = State::of(context, check, models)? else {
            report.skipped.push(check.name.clone());
            continue;
        };
        let last = State::last(context.conn, &check.name)?;
        if !context.is_full && last.as_ref().is_some_and(|(last, _)| *last == state) {
            continue;
        }
        let found = match changed_rows(context, check, models, &state, last.as_ref())? {
            Some((inputs, proof)) => among_changed(context, check, &inputs, &proof)?,
            None => offending(context.conn, &check.sql).map_err(|error| parse::explain(&check.path, &error))?,
        };
        let finding = Finding {
            name: check.name.clone(),
            place: Some(check.path.display().to_string()),
            description: check.description.clone(),
            severity: check.severity,
            offending: found.count,
            passed: found.count <= check.tolerance,
            sample: found.sample,
            state: Some(state),
        };
        keep(context.conn, run_id, &mut report, finding, found.elapsed)?;
    }
    Ok(report)
}

fn is_to_be_looked_at(current: &Current) -> bool {
    current.built.is_some() && (current.is_redefined || current.delta != Delta::Same)
}

/// Rows that share their key, or have none. Of an incremental build only the new rows can, with each other or with a row
/// that stays.
fn key_query(context: &Context<'_>, model: &Model, current: &Current) -> String {
    let keys = idents(&model.key, "");
    let is_null: Vec<String> = model.key.iter().map(|column| format!("{} is null", ident(column))).collect();
    let is_null = is_null.join(" or ");
    let Some(scope) = &current.scope else {
        return format!(
            "select {keys}, count(*) as rows from {} group by {keys} having count(*) > 1 or {is_null} order by all",
            current.now
        );
    };
    let is_within_by = scope.by.iter().all(|column| model.key.contains(column));
    let stay = match is_within_by {
        // Rows with one key have one value of `by`, and of that all are here.
        true => String::new(),
        false => format!(
            " union all select {} from {} as p semi join {} as a using ({keys}) where p.rowid not in (select _rowid from {})",
            idents(&model.key, "p."),
            context.space.published(&model.name),
            context.space.part(&model.name, Part::Added),
            context.space.part(&model.name, Part::Replaced)
        ),
    };
    let rows = match is_within_by {
        true => context.space.part(&model.name, Part::After),
        false => context.space.part(&model.name, Part::Added),
    };
    format!(
        "select {keys}, count(*) as rows from (select {keys} from {rows}{stay}) group by {keys} having count(*) > 1 or {is_null} order by all"
    )
}

/// What a check was run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Hash of all that its file says.
    definition: String,
    /// What it reads, and the content of each.
    inputs: BTreeMap<String, String>,
}

impl State {
    /// `None` if the check reads a model that was left out of this build: one that is not built, or older than what it reads.
    fn of(context: &Context<'_>, check: &Check, models: &Models) -> Result<Option<Self>> {
        let parsed = context.parser.parse(&check.path, &check.sql)?;
        parse::refuse_functions(&check.path, &parsed, |_| false)?;
        let mut by: Vec<String> = check.by.iter().map(|column| format!("{column:?}")).collect();
        by.extend(check.lookups.iter().cloned());
        by.push(check.severity.name().to_owned());
        by.push(check.tolerance.to_string());
        let parts = [parsed.meaning.as_str(), context.engine].into_iter().chain(by.iter().map(String::as_str));
        let definition = hash::of_parts(parts);
        let mut inputs = BTreeMap::new();
        for reference in &parsed.references {
            let name = reference.full_name();
            match context.known.get(&name) {
                Some(current) if current.is_stale => return Ok(None),
                Some(current) => {
                    inputs.insert(name, current.content.clone());
                }
                None if models.models.contains_key(&name) => return Ok(None),
                // A table of bookkeeping, such as ingest.files: it may change with any source.
                None => inputs.extend(
                    context
                        .known
                        .iter()
                        .filter(|(_, current)| current.load.is_some())
                        .map(|(source, current)| (format!("{name} of {source}"), current.content.clone())),
                ),
            }
        }
        Ok(Some(Self { definition, inputs }))
    }

    /// The state in which a check last passed, and how many rows it let pass.
    fn last(conn: &Connection, name: &str) -> Result<Option<(Self, u64)>> {
        let found = conn
            .query_row("select definition, inputs, offending from meta.checked where check_name = ?", [name], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, u64>(2)?))
            })
            .optional()?;
        Ok(match found {
            Some((definition, inputs, offending)) => {
                Some((Self { definition, inputs: serde_json::from_str(&inputs)? }, offending))
            }
            None => None,
        })
    }
}

/// The inputs of a check that needs to look at changed rows only: it passed on the published rows without one exception, and
/// what changed since is known.
fn changed_rows(
    context: &Context<'_>,
    check: &Check,
    models: &Models,
    state: &State,
    last: Option<&(State, u64)>,
) -> Result<Option<(Vec<Seen>, Proof)>> {
    let Some((last, 0)) = last else { return Ok(None) };
    if context.is_full || check.by.is_empty() || last.definition != state.definition {
        return Ok(None);
    }
    let mut inputs = Vec::new();
    for name in state.inputs.keys() {
        let Some(current) = context.known.get(name).filter(|current| current.load.is_none()) else { return Ok(None) };
        let is_seen = last.inputs.get(name) == current.before.as_ref();
        let delta = if last.inputs.get(name) == Some(&current.content) { Delta::Same } else { current.delta.clone() };
        if delta == Delta::Whole || !is_seen {
            return Ok(None);
        }
        let mut seen = Seen::new(models, name.clone(), current.now.clone(), delta, current.scope.clone());
        seen.bind(context.conn, &check.by, &check.lookups)?;
        inputs.push(seen);
    }
    let read = inputs.iter().map(|seen| input(models, &seen.name, seen.columns.clone())).collect::<Vec<_>>();
    let mut proof = context.prover.prove(&claim_of_check(check), &read)?;
    let parse = |path: &Path, sql: &str| context.parser.parse(path, sql);
    let behind = graph::behind_views(inputs.iter().map(|seen| &seen.name), models, &parse)?;
    proof.doubt = proof.doubt.or(view_doubt(inputs.iter().map(|seen| seen.name.clone()), &check.lookups, &behind));
    inputs.iter_mut().for_each(|seen| seen.restrict_only(&proof.restricted));
    let is_found = |seen: &&Seen| {
        seen.delta == Delta::Same
            || seen.by.is_some()
            || matches!(proof.lookups.get(&seen.name), Some(Lookup::Carried(_)))
    };
    let is_proved = proof.doubt.is_none() && proof.refusals.is_empty() && inputs.iter().all(|seen| is_found(&seen));
    Ok(is_proved.then_some((inputs, proof)))
}

/// The offending rows among those that have a changed value of `by`.
fn among_changed(context: &Context<'_>, check: &Check, inputs: &[Seen], proof: &Proof) -> Result<Found> {
    let started = Instant::now();
    let (keys, rows) = ("temp.main.__check_keys".to_owned(), "temp.main.__check_rows");
    let reader = Reader { path: &check.path, sql: &check.sql, lookups: &proof.lookups };
    let keys = Keys::collect(context.conn, context.space, keys, &reader, inputs)?;
    incremental::run_restricted(context.conn, context.space, inputs, &keys, &check.sql, rows)
        .map_err(|error| parse::explain(&check.path, &error))?;
    let count = space::count(context.conn, rows)?;
    let sample = match count {
        0 => Table::default(),
        _ => Table::query(context.conn, &format!("select * from {rows} limit {SAMPLE}"))?.exact(),
    };
    Ok(Found { count, sample, elapsed: started.elapsed() })
}

/// What a check's query gave.
struct Found {
    count: u64,
    sample: Table,
    elapsed: Duration,
}

/// Counts the rows of a check's query and keeps the first ones. As a view, so that the file may end in a comment.
fn offending(conn: &Connection, sql: &str) -> Result<Found, duckdb::Error> {
    let started = Instant::now();
    conn.execute_batch(&format!("create or replace temporary view __offending_rows as {sql}"))?;
    let count: u64 = conn.query_row("select count(*) from temp.__offending_rows", [], |row| row.get(0))?;
    let sample = match count {
        0 => Table::default(),
        _ => Table::query(conn, &format!("select * from temp.__offending_rows limit {SAMPLE}"))
            .map_err(|error| duckdb::Error::InvalidParameterName(error.to_string()))?
            .exact(),
    };
    conn.execute_batch("drop view temp.__offending_rows")?;
    Ok(Found { count, sample, elapsed: started.elapsed() })
}

fn keep(conn: &Connection, run_id: &str, report: &mut Report, finding: Finding, elapsed: Duration) -> Result<()> {
    let mut sample = Vec::new();
    finding.sample.write(salesmart_staging::render::Format::Json, &mut sample)?;
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
    /// Writes down on what the checks passed: until that changes they need not run again. And which of them have not looked
    /// at what is published now.
    pub fn remember(&self, conn: &Connection, models: &Models) -> Result<()> {
        for name in &self.skipped {
            conn.execute("insert or ignore into meta.unchecked values (?)", [name])?;
        }
        let names: Vec<&str> = models.checks.iter().map(|check| check.name.as_str()).collect();
        let mut statement = conn.prepare("select check_name from meta.unchecked")?;
        let unchecked: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let is_done = |name: &String| !self.skipped.contains(name) || !names.contains(&name.as_str());
        for name in unchecked.iter().filter(|name| is_done(name)) {
            conn.execute("delete from meta.unchecked where check_name = ?", [name])?;
        }
        for finding in self.results.iter().filter(|finding| finding.passed) {
            if let Some(state) = &finding.state {
                conn.execute(
                    "insert or replace into meta.checked values (?, ?, ?, ?)",
                    params![finding.name, state.definition, serde_json::to_string(&state.inputs)?, finding.offending],
                )?;
            }
        }
        Ok(())
    }

    /// Reports all results.
    pub fn tell(&self, elapsed: Duration, observer: &dyn Observer) {
        let results = self.results.iter().map(Finding::result).collect();
        observer.observe(&Event::ChecksRun(ChecksRun { results, skipped: self.skipped.len() as u64, elapsed }));
    }

    /// An error if a check of severity `error` did not pass. `is_kept`: whether the schema `scratch` shows the build.
    pub fn refuse(&self, is_kept: bool) -> Result<()> {
        let names: Vec<&str> = self
            .results
            .iter()
            .filter(|finding| !finding.passed && finding.severity == Severity::Error)
            .map(|finding| finding.name.as_str())
            .collect();
        let look = match is_kept {
            true => "; the rows of the failed build can be looked at with `salesmart show scratch.MODEL`",
            false => "",
        };
        match names.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "checks failed: {}; nothing was published, the last good marts stay{look}",
                names.join(", ")
            ))
            .into()),
        }
    }
}

impl Finding {
    fn result(&self) -> CheckResult<'_> {
        CheckResult {
            name: &self.name,
            place: self.place.as_deref(),
            description: &self.description,
            verdict: match (self.passed, self.severity) {
                (true, _) => Verdict::Passed,
                (false, Severity::Warn) => Verdict::Warned,
                (false, Severity::Error) => Verdict::Failed,
            },
            offending: self.offending,
            sample: &self.sample,
        }
    }
}
