//! The command line: clap types, and one thin verb per file.

mod build;
mod compile;
mod demo;
pub(crate) mod diff;
mod docs;
mod doctor;
mod forget;
mod form;
mod history;
mod ingest;
mod init;
mod lineage;
mod ls;
mod migrate;
mod plan;
mod psql;
mod rejects;
mod report;
mod run;
mod sample;
mod select;
mod serve;
mod show;
mod sniff;
mod summary;
mod sync;
mod test;
mod trace;
mod verify;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use clap::{Args as ClapArgs, Parser, Subcommand};
use salesmart_base::clock;
use salesmart_base::config::{Config, Overrides, SecretUrl};

use crate::console::{Console, LogFormat};

/// A sales data mart that runs on a laptop.
///
/// Dirty sales CSVs go in; a clean PostgreSQL star schema with RFM customer segments comes out. Files are loaded
/// exactly or rejected with line and reason, modelled by plain SQL files in an embedded DuckDB, checked, and only
/// what changed is pushed to PostgreSQL, exactly once.
#[derive(Debug, Parser)]
#[command(name = "salesmart", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Start with `salesmart demo`, then `salesmart init DIR` for a project of your own.\n\
                        Exit codes: 0 done; 1 a foreseen failure (a check failed, a file was refused, the database is down); 2 a wrong command line or anything else.")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every verb.
#[derive(Debug, ClapArgs)]
pub struct Global {
    /// Project folder; by default the nearest one upwards that holds a salesmart.toml
    #[arg(long, global = true, env = "SALESMART_PROJECT", value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Profile: a section [profiles.NAME] of salesmart.toml
    #[arg(long, global = true, env = "SALESMART_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// PostgreSQL to push to; without one (and without DATABASE_URL) a private server is started. The environment
    /// is the better place: a command line can be read by other users
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<SecretUrl>,
    /// Threads for parsing and for DuckDB; all cores by default
    #[arg(long, global = true, env = "SALESMART_THREADS", value_name = "N")]
    pub threads: Option<usize>,
    /// One readable line per step, or one JSON object per line
    #[arg(long, global = true, env = "SALESMART_LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The verbs. What each does stands at its own `Args`, where the long help comes from.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "a comment here would take the place of the verb's own help")]
pub enum Verb {
    Run(Box<run::Args>),
    Demo(demo::Args),
    Init(init::Args),
    Sniff(sniff::Args),
    Ingest(ingest::Args),
    Forget(forget::Args),
    Rejects(rejects::Args),
    Build(build::Args),
    Ls(ls::Args),
    Show(show::Args),
    Compile(compile::Args),
    Lineage(lineage::Args),
    Docs(docs::Args),
    Test(test::Args),
    Trace(trace::Args),
    Diff(diff::Args),
    Watch(watch::Args),
    Plan(plan::Args),
    Sync(sync::Args),
    Verify(verify::Args),
    Migrate(migrate::Args),
    Serve(serve::Args),
    Report(report::Args),
    History(history::Args),
    Sample(sample::Args),
    Psql(psql::Args),
    Doctor(doctor::Args),
}

/// Runs a verb.
pub fn run(args: &Args) -> Result<()> {
    log_to_stderr(args.global.log_format, args.verb.diagnostics());
    clock::check(SystemTime::now())?;
    let console = Console::new(args.global.log_format);
    let global = &args.global;
    match &args.verb {
        Verb::Run(verb) => run::run(verb, global, &console),
        Verb::Demo(verb) => demo::run(verb, global, &console),
        Verb::Init(verb) => init::run(verb, &console),
        Verb::Sniff(verb) => sniff::run(verb, global, &console),
        Verb::Ingest(verb) => ingest::run(verb, global, &console),
        Verb::Forget(verb) => forget::run(verb, global, &console),
        Verb::Rejects(verb) => rejects::run(verb, global, &console),
        Verb::Build(verb) => build::run(verb, global, &console),
        Verb::Ls(verb) => ls::run(verb, global),
        Verb::Show(verb) => show::run(verb, global),
        Verb::Compile(verb) => compile::run(verb, global, &console),
        Verb::Lineage(verb) => lineage::run(verb, global),
        Verb::Docs(verb) => docs::run(verb, global, &console),
        Verb::Test(verb) => test::run(verb, global, &console),
        Verb::Trace(verb) => trace::run(verb, global),
        Verb::Diff(verb) => diff::run(verb, global, &console),
        Verb::Watch(verb) => watch::run(verb, global, &console),
        Verb::Plan(verb) => plan::run(verb, global, &console),
        Verb::Sync(verb) => sync::run(verb, global, &console),
        Verb::Verify(verb) => verify::run(verb, global, &console),
        Verb::Migrate(verb) => migrate::run(verb, global, &console),
        Verb::Report(verb) => report::run(verb, global, &console),
        Verb::Serve(verb) => serve::run(verb, global, &console),
        Verb::History(verb) => history::run(verb, global, &console),
        Verb::Sample(verb) => sample::run(verb, &console),
        Verb::Psql(verb) => psql::run(verb, global, &console),
        Verb::Doctor(verb) => doctor::run(verb, global, &console),
    }
}

impl Verb {
    /// What is logged where RUST_LOG does not say otherwise.
    fn diagnostics(&self) -> &'static str {
        match self {
            Self::Serve(_) => "error,salesmart_dashboard=info,crate::request=info",
            _ => "error",
        }
    }
}

impl Global {
    /// The configuration of the project these options choose.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.overrides())
    }

    /// Puts in front of an error what the configuration has to do with it.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.config() {
            Ok(config) => config.memory.explain(error),
            // Then the error says so, or has nothing to do with it.
            Err(_) => error,
        }
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            project: self.project.clone(),
            profile: self.profile.clone(),
            database_url: self.database_url.clone(),
            threads: self.threads,
        }
    }
}

/// Diagnostics, for `RUST_LOG=debug`; what users read goes through the console.
fn log_to_stderr(format: LogFormat, default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if let Err(error) = started {
        eprintln!("warning: no diagnostics: {error}");
    }
}
