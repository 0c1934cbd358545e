//! How long pages and API take to answer many at once, beside the plain queries on `fact_sales` that say the same.
//!
//! Sixteen clients ask one after the other without a pause, on the machine that serves: what they take of it counts against the
//! server. Every question has a filter of its own, drawn from a seeded generator, so that most answers are computed, not looked up.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints what it measured")]

mod ask;
mod clients;
#[path = "../measure.rs"]
mod measure;
mod naive;
mod questions;
mod report;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use clients::Kind;
use shop::Shop;

/// Measure `salesmart serve` under load.
///
/// Generates sales (the same bytes every time), loads them into a private PostgreSQL, serves them, and has clients ask for a mix of API
/// answers and pages: first for filters that nobody asked for before, then for those that people look at all day. The same
/// questions as plain SQL on fact_sales are asked by as many clients, for comparison. The figures of both must agree.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo bench --profile release --bench serve --")]
struct Args {
    /// Sale lines
    #[arg(long, default_value_t = 2_000_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..))]
    sales: u64,
    /// Clients at once
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// Seconds for each kind of question
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Folder for the project with its server; by default a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
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
    let temporary;
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => {
            temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
            temporary.path().to_owned()
        }
    };
    let shop = Shop::open(&folder, args.sales)?;
    let served = shop.serve()?;
    naive::agree(&shop, &served)?;
    let time = Duration::from_secs(args.seconds);
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        figures.push(clients::run(&served, kind, args.clients, time)?);
    }
    let naive = naive::run(&shop, args.clients, time)?;
    report::print(args.sales, args.clients, &served, &figures, &naive)
}
