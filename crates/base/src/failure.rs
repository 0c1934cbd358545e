//! Errors that salesmart foresaw, as against errors it did not.
//!
//! A [`Failure`] is written for the person who reads it: what, where, and what to do next. The program
//! ends with exit code 1 for a failure and 2 for anything else, as dbt does.

use std::{fmt, io};

use crate::config::is_temporary_storage_full;
use crate::sqlstate;

/// A foreseen failure: bad input, a refused file, a failed check, a database that is down.
#[derive(Debug)]
pub struct Failure {
    message: String,
    kind: Kind,
}

/// What may help against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Somebody has to do something.
    Lasting,
    /// Trying again in a while.
    Transient,
    /// The same: another process is at work, and ends by itself.
    Overlap,
}

impl Failure {
    /// A failure with its whole message: what happened, where, and the next step.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Lasting }
    }

    /// One that may be gone when the same is tried again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Transient }
    }

    /// One that is gone when another process has ended.
    pub fn overlap(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: Kind::Overlap }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
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
    if let Some(explained) = sqlstate::find(&error).map(sqlstate::explain) {
        return error.context(Failure::new(explained));
    }
    if error.chain().any(|cause| is_disk_full(&cause.to_string())) {
        return error.context(Failure::new("the disk is full; make room and run again, nothing is lost"));
    }
    error
}

/// Is it worth trying the same again? So it is after a lost or refused connection, a server that starts or stops, a lock that was
/// not to be had, a deadlock, a full disk, and while another process is at work.
pub fn is_transient(error: &anyhow::Error) -> bool {
    has_kind(error, Kind::Transient)
        || is_overlap(error)
        || sqlstate::find(error).is_some_and(sqlstate::is_transient)
        || error.chain().any(is_transient_cause)
}

/// Is another process at work on the same staging file or warehouse?
pub fn is_overlap(error: &anyhow::Error) -> bool {
    has_kind(error, Kind::Overlap)
}

fn has_kind(error: &anyhow::Error, kind: Kind) -> bool {
    let is_it = |failure: &Failure| failure.kind == kind;
    error.downcast_ref::<Failure>().is_some_and(is_it)
        || error.chain().any(|cause| cause.downcast_ref::<Failure>().is_some_and(is_it))
}

fn is_transient_cause(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(is_lost_connection) || is_disk_full(&cause.to_string())
}

fn is_lost_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | TimedOut)
}

/// An error and its causes as one text, for a record of it.
pub fn in_words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    text
}

/// Does a message of DuckDB or the system say that the disk is full?
pub fn is_disk_full(message: &str) -> bool {
    message.contains("No space left on device") || is_temporary_storage_full(message)
}

/// 1 for a foreseen failure, 2 for anything else.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match is_failure(error) {
        true => 1,
        false => 2,
    }
}

/// Was the error foreseen, wherever in its chain that is said?
pub fn is_failure(error: &anyhow::Error) -> bool {
    // `is` also finds a failure that was put in front as context; the chain shows such a one under another type.
    error.is::<Failure>() || error.chain().any(|cause| cause.is::<Failure>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(is_transient(&anyhow::Error::from(refused).context("cannot connect")));
        assert!(is_transient(&anyhow::anyhow!("IO Error: No space left on device").context(Failure::new("full"))));
        assert!(is_transient(&Failure::transient("later").into()));
        let busy: anyhow::Error = Failure::overlap("in use").into();
        assert!(is_transient(&busy) && is_overlap(&busy));
        let behind = busy.context("cannot open the project");
        assert!(is_transient(&behind) && is_overlap(&behind));
        assert!(!is_transient(&Failure::new("1 file was refused").into()));
        assert!(!is_transient(&anyhow::Error::from(io::Error::from(io::ErrorKind::NotFound))));
    }
}
