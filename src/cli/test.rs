//! `salesmart test`

use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::count::counted;
use salesmart_testing::case::{Case, Kind};
use salesmart_testing::snapshot::Mode;
use salesmart_testing::{Options, Plan, junit};

use super::Global;
use crate::console::{Console, Step};

/// Test the project: unit tests of models, checks, reviewed results of queries.
///
/// Unit tests (sql/marts/NAME.test.toml) give rows to a model and say what it makes of them; they need no data. Checks
/// (sql/checks) and snapshots (the results of sql/queries/*.sql and tests/*.sql, reviewed in tests/snapshots) are about the
/// models as they are built. Nothing is built or pushed. docs/testing.md has examples.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of models, tests, checks or queries; * and ? stand for any characters
    pub names: Vec<String>,
    /// Write the results of queries that are new or have changed, and show what changed
    #[arg(long)]
    pub update: bool,
    /// Also compare every built model with a full rebuild, and try each incremental one with rows of its inputs removed, changed and added
    #[arg(long)]
    pub incremental: bool,
    /// Only tests of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,
    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// List the tests and run none
    #[arg(long)]
    pub list: bool,
    /// With --incremental: the --as-of day with which the models were built, if one was given
    #[arg(long, value_name = "YYYY-MM-DD", requires = "incremental")]
    pub as_of: Option<chrono::NaiveDate>,
}

/// The kinds of tests that can be asked for alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Checks of the built models
    Checks,
    /// Unit tests of models
    Units,
    /// Reviewed results of queries
    Snapshots,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let options = Options {
        kinds: args.kinds(),
        names: args.names.clone(),
        mode: if args.update { Mode::Update } else { Mode::Compare },
        as_of: args.as_of,
    };
    let plan = Plan::new(&config, &options)?;
    if args.list {
        plan.titles().iter().for_each(|(kind, title)| console.say(&format!("{:<7} {title}", kind.word())));
        return Ok(());
    }
    let report = plan.run(&config, &options, console, &mut |case| say(case, console))?;
    if let Some(path) = &args.junit {
        junit::write(path, &report.cases)?;
    }
    let subject = counted(report.cases.len() as u64, "test");
    let (elapsed, note) = (report.elapsed, report.summary());
    console.step(&Step { stage: "test", subject: &subject, rows: None, elapsed, note });
    report.refuse_failures()
}

/// The line of a test, and what there is to say beyond it.
fn say(case: &Case, console: &Console) {
    let title = case.title();
    console.step(&Step {
        stage: case.kind.word(),
        subject: &title,
        rows: None,
        elapsed: case.elapsed,
        note: case.outcome.word().to_owned(),
    });
    if let Some(detail) = case.outcome.detail() {
        let indented: Vec<String> = detail.lines().map(|line| format!("        {line}")).collect();
        let file = if case.file.is_empty() { String::new() } else { format!("        {}\n", case.file) };
        console.say(&format!("{file}{}", indented.join("\n")));
    }
}

impl Args {
    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = match self.only {
            None => vec![Kind::Unit, Kind::Check, Kind::Snapshot],
            Some(Only::Units) => vec![Kind::Unit],
            Some(Only::Checks) => vec![Kind::Check],
            Some(Only::Snapshots) => vec![Kind::Snapshot],
        };
        if self.incremental {
            kinds.push(Kind::Rebuild);
        }
        kinds
    }
}
