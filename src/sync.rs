//! Sync: pushes what changed in the marts to PostgreSQL, exactly once.
//!
//! [`schema`] compares marts with warehouse tables, [`ledger`] decides whether the mirror can be trusted,
//! [`mirror`] is what PostgreSQL is known to hold, [`delta`] the difference, [`copy`] the wire format,
//! [`apply`] the one transaction, and [`push`] the order of it all.

pub mod apply;
pub mod copy;
pub mod delta;
pub mod ledger;
pub mod mirror;
pub mod push;
pub mod schema;
