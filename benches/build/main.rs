//! How long a day's sales take from their file into the models, and how that grows with the history.
//!
//! Every command runs as a process of its own, so that start, commit and closing count and memory is that of one run.
//! The rounds go through all histories in turn: what warms up or throttles the machine hits all alike.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod base;
mod day;
mod dbt;
mod generated;
mod inputs;
mod mart;
#[path = "../measure.rs"]
mod measure;
mod rebuilt;
mod report;
mod size;
mod tool;
mod totals;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use generated::Generated;
use inputs::Inputs;
use mart::Mart;
use report::Report;
use size::Size;
use tool::Tool;

/// Measure `salesmart ingest` and `salesmart build` on histories of several sizes, beside dbt.
///
/// Generates the sales of a business that sells 100,000 lines a day (the same bytes every time), loads histories of
/// several sizes and builds their models. Then, in rounds, the next day comes: 100,000 records, 500 of them corrections of
/// the last week. Also measured: a build with nothing changed, one after the edit of a model, and both in a project of
/// many generated models. The same is done with dbt on an equivalent project. After every day all marts must hold what
/// the files do, and a build must touch only what it has to, else the exit code is 1.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo bench --profile release --bench build --")]
struct Args {
    /// Histories, in millions of records: 0.1 is one day. 20 take 2.8 GB of files and about 9 GB of
    /// databases
    #[arg(long, default_value = "2,10,20", value_name = "M,…", value_delimiter = ',')]
    histories: Vec<Size>,
    /// Rounds of the day
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Rounds of the builds with nothing changed and after an edit
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    short_rounds: u32,
    /// Histories that dbt gets, too; the smallest one by default
    #[arg(long, value_name = "M,…", value_delimiter = ',')]
    peer_histories: Vec<Size>,
    /// Leave dbt out
    #[arg(long, conflicts_with = "peer_histories")]
    no_peer: bool,
    /// Models of the generated project
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999))]
    models: u32,
    /// Folder to work in; by default bench-build beside the compiled programs. Files, histories and dbt stay there for
    /// the next time
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the files and install dbt, then stop
    #[arg(long)]
    only_prepare: bool,
    /// Remove the folder, then stop
    #[arg(long)]
    clean: bool,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What `cargo bench` passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    child: Option<Child>,
}

#[derive(Debug, clap::Subcommand)]
enum Child {
    /// The process that loads files for dbt
    #[command(hide = true)]
    Load { database: PathBuf, files: Vec<PathBuf> },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.child {
        Some(Child::Load { database, files }) => totals::load(database, files),
        None => run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-build");
    let dir = args.dir.clone().unwrap_or(beside);
    if args.clean {
        return match dir.exists() {
            true => std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display())),
            false => Ok(()),
        };
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // The commands run elsewhere, and links need whole paths.
    let dir = dir.canonicalize().with_context(|| format!("cannot enter {}", dir.display()))?;

    let sizes = sorted(&args.histories);
    let peer_sizes = match args.peer_histories.is_empty() {
        true => sizes.iter().take(1).copied().collect(),
        false => sorted(&args.peer_histories),
    };
    let days = sizes.iter().chain(&peer_sizes).map(|size| size.days()).max().unwrap_or(0);
    let inputs = Inputs::ensure(dir.join("inputs"), days)?;
    let peer = match args.no_peer {
        true => Err("left out".to_owned()),
        // Whoever cannot have dbt still has the other figures.
        false => dbt::install(&dir).map(Tool::Dbt).map_err(|error| format!("{error:#}")),
    };
    if args.only_prepare {
        return Ok(());
    }

    let mut marts = Vec::new();
    for size in &sizes {
        marts.push(prepare(&dir, Tool::Salesmart, *size, &inputs)?);
    }
    if let Ok(dbt) = &peer {
        for size in &peer_sizes {
            marts.push(prepare(&dir, dbt.clone(), *size, &inputs)?);
        }
    }
    for round in 1..=args.rounds {
        for mart in &mut marts {
            let step = mart.add_day()?;
            let (name, size) = (mart.tool.name(), mart.size);
            let (load, build) = (step.load.seconds, step.build.seconds);
            println!("round {round} of {}: day onto {size}, {name}: load {load:.2} s, build {build:.2} s", args.rounds);
        }
    }
    for _ in 0..args.short_rounds {
        for mart in &mut marts {
            mart.build_unchanged()?;
            // One size shows it.
            if mart.size == sizes[0] {
                mart.build_edited()?;
            }
        }
    }
    let mut generated = Generated::prepare(&dir, args.models)?;
    for _ in 0..args.short_rounds {
        generated.round()?;
    }

    let report = Report { marts: &marts, generated: &generated, no_peer: peer.err() };
    println!("\n{report}");
    if let Some(path) = &args.json {
        tool::write(path, &(serde_json::to_string_pretty(&report.json())? + "\n"))?;
    }
    Ok(())
}

fn prepare(dir: &Path, tool: Tool, size: Size, inputs: &Inputs) -> Result<Mart> {
    let name = tool.name();
    let mart = Mart::prepare(dir, tool, size, inputs)?;
    let (load, build) = (mart.prepared.load.seconds, mart.prepared.build.seconds);
    println!("history of {size}, {name}: load {load:.2} s, build {build:.2} s");
    Ok(mart)
}

/// By size, each once.
fn sorted(sizes: &[Size]) -> Vec<Size> {
    std::collections::BTreeSet::from_iter(sizes.iter().copied()).into_iter().collect()
}
