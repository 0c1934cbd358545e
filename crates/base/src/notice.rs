//! What the user is told where no observer can be reached: while a signal ends the process, and at failpoints.

use std::sync::OnceLock;

/// Something to tell the user at once.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A signal ends the process.
    Interrupted,
    /// The private PostgreSQL could not be stopped.
    NotStopped(&'a anyhow::Error),
    /// The process is at a failpoint; and what becomes of it there.
    Failpoint(&'a str, &'a str),
}

/// The function that shows notices: the command line's.
static SHOW: OnceLock<fn(&Notice<'_>)> = OnceLock::new();

/// Has notices shown by this function from now on. Until then they are diagnostics.
pub fn show_by(show: fn(&Notice<'_>)) {
    // There is one command line; if there were a second one, the first would go on.
    let _ = SHOW.set(show);
}

/// Shows a notice.
pub fn show(notice: &Notice<'_>) {
    match SHOW.get() {
        Some(show) => show(notice),
        None => tracing::warn!("{notice:?}"),
    }
}
