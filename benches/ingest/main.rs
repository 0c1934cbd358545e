//! How long `salesmart ingest` takes for a large file, beside DuckDB's own `read_csv` on the same file.
//!
//! Both run as processes of their own, so that start, commit and closing count and memory is that of one run. The
//! rounds alternate who goes first: what warms up or throttles the machine hits both.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod generate;
#[path = "../measure.rs"]
mod measure;
mod report;
mod sides;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use salesmart_base::count::grouped;

use report::Report;
use sides::{Side, Sides};

/// Measure `salesmart ingest` against DuckDB's read_csv.
///
/// Generates a CSV of sales (14 columns, the same bytes every time), then loads it in rounds: once with `salesmart
/// ingest`, once with `create table … as select * from read_csv(…)` with the columns' types given, each as a process of
/// its own into a fresh database file with the same number of threads. At the end both must hold the same rows, else
/// the exit code is 1.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo bench --profile release --bench ingest --")]
struct Args {
    /// Rows of the file; 2,000,000 are about 255 MB
    #[arg(long, default_value_t = 2_000_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=999_999_999))]
    rows: u64,
    /// Rounds; one more comes first that is not measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Threads for each side; all cores by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Folder to work in; by default salesmart-bench in the folder for temporary files. The CSV stays there for the
    /// next time
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
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
    /// The process that is measured against salesmart
    #[command(hide = true)]
    Peer { db: PathBuf, csv: PathBuf, threads: u32 },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.child {
        Some(Child::Peer { db, csv, threads }) => sides::peer(db, csv, *threads),
        None => compare(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<()> {
    let threads = match args.threads {
        Some(threads) => threads,
        None => u32::try_from(std::thread::available_parallelism().context("cannot count the cores")?.get())?,
    };
    let dir = args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("salesmart-bench"));
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // Both sides run elsewhere, and a pattern in a contract is relative to the project.
    let dir = dir.canonicalize().with_context(|| format!("cannot enter {}", dir.display()))?;

    let csv = dir.join("sales.csv");
    let bytes = generate::ensure(&csv, args.rows)?;
    println!("{}: {} rows, {} bytes; {threads} threads", csv.display(), grouped(args.rows), grouped(bytes));

    let sides = Sides::prepare(&dir, csv, threads)?;
    for side in Side::BOTH {
        sides.run(side)?;
    }
    let mut report = Report::new(args.rows, bytes, threads);
    for round in 1..=args.rounds {
        let mut order = Side::BOTH;
        if round % 2 == 0 {
            order.reverse();
        }
        for side in order {
            report.add(side, sides.run(side)?);
        }
        println!("round {round} of {}: {}", args.rounds, report.last());
    }
    sides.verify(args.rows)?;
    sides.remove_databases()?;
    println!("\n{report}");
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
