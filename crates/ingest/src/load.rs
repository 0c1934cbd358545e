//! From the files of a folder to the rows of a table.
//!
//! [`expand`] finds files, [`complete`] knows when one is no longer being written, [`catalog`] which are loaded. [`intake`]
//! decides which need reading and reads several at once: each [`file`] in one transaction, small ones as a [`group`]. Its records become typed batches
//! ([`batch`]) that DuckDB reads with all threads ([`feed`]) into a [`source_table`]; [`unique`] takes repeated keys out.
//! [`key_conflicts`] counts the records that others replace, unless [`key_hash`] knows that no key occurs twice.
//! [`forget`] withdraws a file.

pub mod batch;
pub mod catalog;
pub mod complete;
pub mod expand;
pub mod feed;
pub mod file;
pub mod forget;
pub mod group;
pub mod intake;
mod keep;
pub mod key_conflicts;
pub mod key_hash;
pub mod source_table;
pub mod unique;
