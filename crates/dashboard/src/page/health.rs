//! Whether the figures are up to date.

use chrono::{DateTime, Utc};

/// Whether the source can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nothing was tried yet.
    Starting,
    /// Yes.
    Reachable,
    /// No, and figures are those of the last load.
    Unreachable {
        /// Since when.
        since: DateTime<Utc>,
        /// What it says.
        reason: String,
    },
}
