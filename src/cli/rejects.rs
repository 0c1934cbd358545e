//! `salesmart rejects`

use std::path::PathBuf;

use anyhow::{Context, Result};
use salesmart_base::config::Config;
use salesmart_base::count::{counted, grouped};
use salesmart_base::whole_file::Draft;
use salesmart_base::{fail, toml_file};
use salesmart_ingest::contract::Contract;
use salesmart_ingest::contract::contract_file;
use salesmart_ingest::rejects;
use salesmart_ingest::rejects::Filter;
use salesmart_ingest::rejects::replay;
use salesmart_project::Project;
use salesmart_staging::Staging;

use super::Global;
use super::form::TableForm;
use crate::console::Console;
use crate::stdout::Answer;

/// List what was refused, with line, column and reason; export it, and take repairs in.
///
/// Every fault of every refused record, with file, physical line, column, code, value and raw record. The same list
/// lies beside each file as FILE.errors.csv.
///
/// To repair records: `salesmart rejects export --output fix.csv`, correct the columns in an editor, then
/// `salesmart rejects replay fix.csv`. The files themselves are not changed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    which: Which,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u64,
    /// Count by code and column instead
    #[arg(long)]
    summary: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t)]
    format: TableForm,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Only files whose name contains this
    #[arg(long, value_name = "TEXT")]
    file: Option<String>,
    /// Only this code, such as bad_date or not_exact
    #[arg(long)]
    code: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write the refused records as CSV, to be edited
    ///
    /// One row per record: where it is, what is wrong (_reasons), and the contract's columns as they stand in the file.
    /// Correct the columns and hand the file to `salesmart rejects replay`; rows left as they are stay rejects. A
    /// record with too many fields has the surplus in _surplus: move it where it belongs and leave _surplus empty.
    Export {
        #[command(flatten)]
        which: Which,
        /// The source, if several have rejects
        #[arg(long)]
        source: Option<String>,
        /// Where to write it; standard output if not given
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Overwrite the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Take repaired records in as the next version of their files
    ///
    /// Reads what `salesmart rejects export` wrote and somebody corrected. The corrected records are kept beside their
    /// file as FILE.repairs.csv, which belongs to the data: whenever the file is read, a record that is still the one
    /// that was repaired is taken from there. The file is then loaded anew with them, all or nothing; what is still
    /// wrong stays a reject. Nothing is built: `salesmart run` goes on from there.
    Replay {
        /// The corrected export
        file: PathBuf,
    },
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    match &args.verb {
        None => list(args, &config, console),
        Some(Verb::Export { which, source, output, force }) => {
            if let Some(path) = output.as_ref().filter(|path| path.is_file() && !force) {
                fail!("{} is there already; choose another name, or --force", path.display());
            }
            export(&config, which, source.as_deref(), output.as_ref(), console)
        }
        Some(Verb::Replay { file }) => replay(&config, file, console),
    }
}

impl Which {
    fn filter(&self, limit: u64) -> Result<Filter> {
        if let Some(code) = &self.code {
            rejects::check_code(code)?;
        }
        Ok(Filter { file: self.file.clone(), code: self.code.clone(), limit })
    }
}

fn list(args: &Args, config: &Config, console: &Console) -> Result<()> {
    let filter = args.which.filter(args.limit)?;
    let staging = Staging::open_read_only(config)?;
    let mut out = Answer::new();
    if args.summary {
        return rejects::summary(&staging, &filter)?.write(args.format.into(), &mut out);
    }
    let (table, total) = rejects::list(&staging, &filter)?;
    if table.is_empty() && args.format == TableForm::Table {
        console.say("no rejects");
        return Ok(());
    }
    let shown = table.rows().len() as u64;
    table.write(args.format.into(), &mut out)?;
    if shown < total {
        console.warn(&format!(
            "{} of {} shown; see more with --limit, counts with --summary",
            grouped(shown),
            grouped(total)
        ));
    }
    Ok(())
}

fn export(
    config: &Config,
    which: &Which,
    source: Option<&str>,
    output: Option<&PathBuf>,
    console: &Console,
) -> Result<()> {
    let filter = which.filter(u64::MAX)?;
    let contracts = contract_file::load_all(config)?;
    let staging = Staging::open_read_only(config)?;
    let with_rejects = rejects::sources(&staging, &filter)?;
    let chosen: &Contract = match (source, with_rejects.as_slice()) {
        (Some(name), _) => match contracts.get(name) {
            Some(contract) => contract,
            None => {
                let near = toml_file::nearest(name, contracts.keys().map(String::as_str));
                let advice = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                fail!("there is no source {name}{advice}")
            }
        },
        (None, []) => fail!("there are no rejects to export"),
        (None, [only]) => match contracts.get(only) {
            Some(contract) => contract,
            None => fail!("the rejects are of the source {only}, which has no contract any more"),
        },
        (None, several) => fail!("several sources have rejects: {}; choose one with --source", several.join(", ")),
    };
    let exported = match output {
        None => replay::export(config, &staging, chosen, &filter, &mut Answer::new())?,
        Some(path) => {
            let context = || format!("cannot write {}", path.display());
            let mut file = Draft::of(path).with_context(context)?;
            let exported = replay::export(config, &staging, chosen, &filter, &mut file)?;
            file.finish().with_context(context)?;
            console.say(&format!(
                "{} written to {}; correct the columns, then: salesmart rejects replay {}",
                counted(exported.records, "record"),
                path.display(),
                path.display()
            ));
            exported
        }
    };
    if exported.too_long > 0 {
        console.warn(&format!(
            "{} records are too long to be kept whole and are not among them; repair those in their files",
            grouped(exported.too_long)
        ));
    }
    Ok(())
}

fn replay(config: &Config, file: &std::path::Path, console: &Console) -> Result<()> {
    let project = Project::open(config, console)?;
    let replay = replay::take_over(config, &project.staging, &project.contracts, file)?;
    let Some(contract) = project.contracts.get(&replay.source) else {
        fail!("the source {} has no contract any more", replay.source);
    };
    if replay.changed == 0 {
        console.say("the corrections have been taken over before; `salesmart run` goes on from there");
        return Ok(());
    }
    console.say(&format!(
        "{} taken over{}",
        counted(replay.changed, "corrected record"),
        match replay.unchanged {
            0 => String::new(),
            unchanged => format!(", {} left as they were", grouped(unchanged)),
        }
    ));
    project.ingest_files(contract, &replay.files)
}
