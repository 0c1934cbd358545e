//! How long a sync takes beside the least that PostgreSQL needs for the same rows.
//!
//! Both sides work on the same server in turn, round by round: what warms up or throttles the machine hits both alike. The sync runs as
//! a process of its own, so that start, comparison, control totals, commit and remembering count. The floor is `COPY` of rows that
//! are ready in memory, and nothing else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod floor;
mod inputs;
#[path = "../measure.rs"]
mod measure;
mod report;
mod sales;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use inputs::Inputs;
use report::{Report, Round};
use sales::Sales;
use server::Server;

/// Measure `salesmart sync` beside binary `COPY`.
///
/// Generates a history of sales over 36 months (the same bytes every time), loads it and builds the models. Then, in rounds: (a) the
/// first sync of all marts, beside COPY of the same sales into a bare table and building the same indexes; (b) a day of 100,000
/// more, beside COPY of those into the same indexed partitions without foreign keys; (c) a sync with nothing changed; (d) one of
/// corrections, 1 % of the sales, in all months. After every sync the warehouse must hold what the marts do, else the exit code is 1.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo bench --profile release --bench sync --")]
struct Args {
    /// Sales of the history
    #[arg(long, default_value_t = 2_000_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    sales: u64,
    /// Sales of the day
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    day: u64,
    /// Rounds
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Folder for files, databases and the server; by default a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = args.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // The server's own user has to get in, too.
    #[cfg(unix)]
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let inputs = Inputs::ensure(&folder.join("inputs"), args.sales, args.day)?;
    let server = Server::start(&folder.join("server"))?;
    let sales = Sales::prepare(&folder.join("project"), &inputs)?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        println!("round {number} of {}", args.rounds);
        rounds.push(round(&server, &sales, &inputs)?);
    }
    let report = Report { sales: args.sales, day: args.day, rounds };
    print!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn round(server: &Server, sales: &Sales, inputs: &Inputs) -> Result<Round> {
    let url = server.fresh("mart")?;
    sales.reset()?;
    sales.migrate(&url)?;
    server.settle("mart")?;
    let first = sales.sync(&url)?;
    let size = server.size("mart")?;
    sales.compare(&url)?;
    // What is copied is what the sync itself put there.
    let history = floor::rows(server, "mart", "select * from mart.fact_sales")?;
    let first_floor = floor::bare(server, &history)?;
    drop(history);
    server.copy("mart", "floor")?;
    floor::drop_foreign_keys(server)?;

    sales.add(&url, inputs.day())?;
    server.settle("mart")?;
    let day = sales.sync(&url)?;
    sales.compare(&url)?;
    let rows = floor::rows(server, "mart", &format!("select * from mart.fact_sales where date_id = {}", inputs::DAY))?;
    server.settle("floor")?;
    let day_floor = floor::day(server, &rows)?;

    let ledger = server.ledger("mart")?;
    let unchanged = sales.sync(&url)?;
    ensure!(server.ledger("mart")? == ledger, "a sync with nothing changed wrote to the ledger");

    sales.add(&url, inputs.corrections())?;
    server.settle("mart")?;
    let corrections = sales.sync(&url)?;
    sales.compare(&url)?;
    Ok(Round { first, first_floor, day, day_floor, unchanged, corrections, size })
}
