//! The `salesmart` program: parse the command line, run the verb, print the error, set the exit code.

use std::process::ExitCode;

use clap::Parser;
use salesmart::warehouse::embedded::signals;
use salesmart::{cli, failure};

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let result = cli::run(&args);
    signals::yield_to_interrupt();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = failure::recognise(error);
            failure::report(&error, args.global.log_format);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
