//! Errors that salesmart foresaw, as against errors it did not.
//!
//! A [`Failure`] is written for the person who reads it: what, where, and what to do next. The program
//! ends with exit code 1 for a failure and 2 for anything else, as dbt does.

use std::fmt;

use crate::console::LogFormat;
use crate::warehouse::refusal;

/// A foreseen failure: bad input, a refused file, a failed check, a database that is down.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with its whole message: what happened, where, and the next step.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Returns from the current function with a [`Failure`].
#[macro_export]
macro_rules! fail {
    ($($arg:tt)*) => {
        return Err($crate::failure::Failure::new(format!($($arg)*)).into())
    };
}

/// Puts a [`Failure`] in front of errors that any step can meet: a full disk, a lost connection, a refusal of the
/// server.
pub fn recognise(error: anyhow::Error) -> anyhow::Error {
    if is_failure(&error) {
        return error;
    }
    // First, as the server's disk may be full, too.
    if let Some(explained) = refusal::find(&error).map(refusal::explain) {
        return error.context(Failure::new(explained));
    }
    if error.chain().any(|cause| is_disk_full(&cause.to_string())) {
        return error.context(Failure::new("the disk is full; make room and run again, nothing is lost"));
    }
    if error.chain().any(|cause| cause.to_string().contains("Out of Memory Error")) {
        return error.context(Failure::new(
            "DuckDB needs more memory than staging.memory_limit allows; raise it, or use fewer --threads. Nothing is lost: run again",
        ));
    }
    error
}

/// Does a message of DuckDB or the system say that the disk is full?
pub fn is_disk_full(message: &str) -> bool {
    message.contains("No space left on device")
}

/// 1 for a foreseen failure, 2 for anything else.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match is_failure(error) {
        true => 1,
        false => 2,
    }
}

fn is_failure(error: &anyhow::Error) -> bool {
    // `is` also finds a failure that was put in front as context; the chain shows such a one under another type.
    error.is::<Failure>() || error.chain().any(|cause| cause.is::<Failure>())
}

/// Prints an error once, to standard error: as text, or as one JSON line.
pub fn report(error: &anyhow::Error, format: LogFormat) {
    match format {
        LogFormat::Text => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            if !is_failure(error) {
                eprintln!("  this was not foreseen: run again with RUST_LOG=debug and report it");
            }
        }
        LogFormat::Json => {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            let line = serde_json::json!({
                "level": "error",
                "message": error.to_string(),
                "causes": causes,
                "foreseen": is_failure(error),
            });
            eprintln!("{line}");
        }
    }
}
