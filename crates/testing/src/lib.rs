//! `salesmart test`: what holds a project to its word, without a line of Rust.
//!
//! Four kinds ([`case`]): [`unit`] runs a model's SQL on given rows ([`unit_file`] reads them, [`rows`] are as written,
//! [`given`] makes them typed, [`comparison`] tells differences); [`checks`] runs the project's checks; [`snapshot`] compares results of
//! queries with reviewed ones; [`incremental`] compares the published models with a full rebuild. [`selection`] says which
//! run, [`junit`] writes for CI.

pub mod case;
pub mod checks;
pub mod comparison;
pub mod given;
pub mod incremental;
pub mod junit;
pub mod rows;
pub mod selection;
pub mod snapshot;
pub mod unit;
pub mod unit_file;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::event::Observer;
use salesmart_base::fail;
use salesmart_ingest::contract::contract_file;
use salesmart_model::{Model, Models};
use salesmart_project::Project;
use salesmart_staging::Staging;

use case::{Case, Kind, Outcome};
use selection::Selection;
use snapshot::{Mode, Query};
use unit::Bench;
use unit_file::UnitTest;

/// How to test.
#[derive(Debug)]
pub struct Options {
    /// The kinds of tests that run.
    pub kinds: Vec<Kind>,
    /// Globs of names; all tests if there are none.
    pub names: Vec<String>,
    /// What becomes of a result that is not the reviewed one.
    pub mode: Mode,
    /// The day with which the published models were built, for a rebuild.
    pub as_of: Option<chrono::NaiveDate>,
}

/// The tests that were selected.
pub struct Plan {
    models: Models,
    units: Vec<UnitTest>,
    /// Names of checks.
    checks: Vec<String>,
    /// Whether these are all.
    has_all_checks: bool,
    queries: Vec<Query>,
    /// Reviewed results without a query.
    left_over: Vec<PathBuf>,
    /// Names of models to be compared with a rebuild.
    rebuilt: Vec<String>,
}

impl Plan {
    /// Reads what tests there are, and selects.
    ///
    /// # Errors
    /// Test files that cannot be read, and names that select nothing.
    pub fn new(config: &Config, options: &Options) -> Result<Self> {
        let models = Models::load(config)?;
        let mut selection = Selection::new(options.kinds.clone(), &options.names)?;
        let units = match selection.has(Kind::Unit) {
            true => unit_file::load_all(config, &models)?,
            false => Vec::new(),
        };
        let units = units
            .into_iter()
            .filter(|test| {
                selection.wants(Kind::Unit, &[&test.model, &test.name, &case::title(&test.model, Some(&test.name))])
            })
            .collect();
        let checks = checks::names(&models).into_iter().filter(|name| selection.wants(Kind::Check, &[name])).collect();
        let has_all_checks = selection.has_all(Kind::Check);
        let all = snapshot::queries(config)?;
        let left_over = match selection.has_all(Kind::Snapshot) {
            true => snapshot::left_over(config, &all)?,
            false => Vec::new(),
        };
        let queries = all.into_iter().filter(|query| selection.wants(Kind::Snapshot, &[&query.name])).collect();
        let rebuilt = incremental::provable(models.models.values())
            .into_iter()
            .filter(|model| selection.wants(Kind::Rebuild, &[&model.name]))
            .map(|model| model.name.clone())
            .collect();
        selection.settle()?;
        let plan = Self { models, units, checks, has_all_checks, queries, left_over, rebuilt };
        if plan.is_empty() {
            fail!("there is no test of this kind; docs/testing.md says how to write one");
        }
        Ok(plan)
    }

    /// The titles of the selected tests, by kind.
    pub fn titles(&self) -> Vec<(Kind, String)> {
        let units = self.units.iter().map(|test| (Kind::Unit, case::title(&test.model, Some(&test.name))));
        let checks = self.checks.iter().map(|name| (Kind::Check, name.clone()));
        let queries = self.queries.iter().map(|query| (Kind::Snapshot, query.name.clone()));
        let left_over = self.left_over.iter().map(|path| (Kind::Snapshot, stem(path)));
        let rebuilt = self.rebuilt.iter().map(|name| (Kind::Rebuild, name.clone()));
        units.chain(checks).chain(queries).chain(left_over).chain(rebuilt).collect()
    }

    fn is_empty(&self) -> bool {
        self.titles().is_empty()
    }

    /// Do the selected tests read published models?
    fn needs_published(&self) -> bool {
        !(self.checks.is_empty() && self.queries.is_empty() && self.rebuilt.is_empty())
    }

    /// Runs the tests; `on_case` receives each of them as soon as it has run.
    ///
    /// # Errors
    /// What keeps tests from running at all. A test that fails is no error here.
    pub fn run(
        &self,
        config: &Config,
        options: &Options,
        observer: &dyn Observer,
        on_case: &mut dyn FnMut(&Case),
    ) -> Result<Report> {
        let started = Instant::now();
        if self.needs_published() {
            self.refuse_unbuilt(config)?;
        }
        let mut report = Collector { root: config.root.clone(), on_case, cases: Vec::new() };
        self.run_units(config, &mut report)?;
        if self.needs_published() {
            let project = Project::open(config, observer)?;
            project.staging.enter_sandbox()?;
            let conn = project.staging.conn();
            use_utc(conn)?;
            if !self.checks.is_empty() {
                let is_wanted = |name: &str| self.has_all_checks || self.checks.iter().any(|wanted| wanted == name);
                checks::run(&project, is_wanted)?.into_iter().for_each(|case| report.add(case));
            }
            for query in &self.queries {
                report.add(Case::timed(Kind::Snapshot, &query.name, None, &query.file, || {
                    snapshot::run(conn, config, query, options.mode)
                })?);
            }
            if !self.rebuilt.is_empty() {
                let chosen: Vec<&Model> =
                    project.models.models.values().filter(|model| self.rebuilt.contains(&model.name)).collect();
                incremental::prove(&project, &chosen, options.as_of)?.into_iter().for_each(|case| report.add(case));
            }
        }
        for path in &self.left_over {
            let file = path.display().to_string();
            report.add(Case::timed(Kind::Snapshot, &stem(path), None, &file, || {
                snapshot::settle_left_over(path, options.mode)
            })?);
        }
        Ok(Report { cases: report.cases, elapsed: started.elapsed() })
    }

    fn run_units(&self, config: &Config, report: &mut Collector<'_>) -> Result<()> {
        if self.units.is_empty() {
            return Ok(());
        }
        let contracts = contract_file::load_all(config)?;
        let bench = Bench::new(&self.models, &contracts)?;
        for test in &self.units {
            let file = format!("{}:{}", test.file.display(), test.line);
            let case = Case::timed(Kind::Unit, &test.model, Some(&test.name), &file, || bench.run(test))?;
            report.add(case);
        }
        Ok(())
    }

    /// Checks, snapshots and comparisons are about the models as they are published.
    fn refuse_unbuilt(&self, config: &Config) -> Result<()> {
        const NEXT: &str = "run `salesmart run` (or ingest and build) first; unit tests alone need no data: `salesmart test --only units`";
        if !config.staging_file.exists() {
            fail!("checks and snapshots read the built models, and nothing is built yet; {NEXT}");
        }
        let staging = Staging::open_read_only(config)?;
        let mut statement = staging.conn().prepare("select name from meta.models")?;
        let built: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        match self.models.models.keys().find(|name| !built.contains(name)) {
            None => Ok(()),
            Some(name) => fail!("checks and snapshots read the built models, and {name} is not built yet; {NEXT}"),
        }
    }
}

/// The tests that have run so far.
struct Collector<'a> {
    /// The project folder, to which files are told relatively.
    root: PathBuf,
    on_case: &'a mut dyn FnMut(&Case),
    cases: Vec<Case>,
}

impl Collector<'_> {
    /// Takes a result in and hands it on.
    fn add(&mut self, mut case: Case) {
        if let Ok(relative) = Path::new(&case.file).strip_prefix(&self.root) {
            case.file = relative.display().to_string();
        }
        (self.on_case)(&case);
        self.cases.push(case);
    }
}

/// The tests that have run.
pub struct Report {
    /// In the order in which they ran.
    pub cases: Vec<Case>,
    /// Wall time of all.
    pub elapsed: Duration,
}

impl Report {
    /// `3 passed, 1 failed`
    pub fn summary(&self) -> String {
        let count = |is: fn(&Outcome) -> bool| self.cases.iter().filter(|case| is(&case.outcome)).count();
        let counts = [
            (count(|outcome| matches!(outcome, Outcome::Passed)), "passed"),
            (count(|outcome| matches!(outcome, Outcome::Written(_))), "written"),
            (count(|outcome| matches!(outcome, Outcome::Warned(_))), "warned"),
            (count(Outcome::is_failure), "failed"),
        ];
        let shown: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        shown.join(", ")
    }

    /// An error that names the tests that failed, if any did.
    pub fn refuse_failures(&self) -> Result<()> {
        let failed: Vec<String> = self.cases.iter().filter(|case| case.outcome.is_failure()).map(Case::title).collect();
        match failed.is_empty() {
            true => Ok(()),
            false => {
                fail!("{} of {} failed: {}", failed.len(), counted(self.cases.len() as u64, "test"), failed.join("; "))
            }
        }
    }
}

/// Moments with a zone are told in UTC, wherever the machine is.
fn use_utc(conn: &duckdb::Connection) -> Result<()> {
    let has_zones: bool =
        conn.query_row("select count(*) > 0 from duckdb_settings() where name = 'TimeZone'", [], |row| row.get(0))?;
    if has_zones {
        conn.execute_batch("set timezone = 'UTC'")?;
    }
    Ok(())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
