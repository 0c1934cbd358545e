//! The `salesmart` program: parse the command line, run the verb, print the error, set the exit code.
//!
//! All that is printed is printed here: the crates below return values and report events.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the command line is what prints")]

mod cli;
mod console;
mod pipeline;
mod schedule;
mod serve;
mod stdout;
mod template;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use salesmart_base::{failure, notice};
use salesmart_warehouse::embedded::signals;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    notice::show_by(console::notice);
    let result = cli::run(&args);
    signals::yield_to_interrupt();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = failure::recognise(args.global.explain(error));
            console::report(&error, args.global.log_format);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
