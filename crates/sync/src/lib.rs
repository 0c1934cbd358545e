//! Sync: pushes what changed in the marts to PostgreSQL, exactly once.
//!
//! [`schema`] says what is pushed and [`drift`] whether the warehouse can take it; [`ledger`] decides whether the mirror can be
//! trusted, [`mirror`] is what PostgreSQL is known to hold, [`delta`] the difference, and [`prepare`] does all of that. [`plan`]
//! shows it, [`guard`] and [`source_files`] may object, [`push`] has it applied and remembered. [`apply`] is the one transaction, with [`steps`],
//! [`send`] and [`copy`] for the rows, [`row_hash`] and [`notes`] for those of a first sync, [`partition`] for new months, [`lock_budget`] for
//! their number, [`followers`] for who must see their rows, [`foreign_key`], [`foreign_trigger`] and [`totals`] for what must hold before the commit, [`statistics`]
//! for PostgreSQL's planner after it. [`verify`] looks for what others changed.

pub mod apply;
pub mod change;
pub mod copy;
pub mod delta;
pub mod drift;
pub mod followers;
pub mod foreign_key;
pub mod foreign_trigger;
pub mod guard;
pub mod ledger;
pub mod lock_budget;
pub mod mirror;
pub mod notes;
pub mod partition;
pub mod plan;
pub mod prepare;
pub mod push;
mod renamed_members;
pub mod row_hash;
pub mod schema;
pub mod send;
pub mod source_files;
pub mod statistics;
pub mod steps;
pub mod totals;
pub mod verify;
