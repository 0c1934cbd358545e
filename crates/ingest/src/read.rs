//! From a file to the cells of its records.
//!
//! [`opened`] is a file at its first record: [`input`] makes text of it ([`decoding`]), [`header`] finds the columns. [`reader`] cuts text into
//! records, a [`block`] at a time ([`scan`] finds where one ends), [`split`] gives their cells ([`fields`] with their [`escapes`], [`fixed`], [`ndjson`]);
//! [`parquet`] files have cells already. [`record_at`] finds a record again in its file.

pub mod block;
pub mod decoding;
pub mod escapes;
pub mod fields;
pub mod fixed;
pub mod header;
pub mod input;
pub mod ndjson;
pub mod opened;
pub mod parquet;
pub mod reader;
pub mod record_at;
pub mod scan;
pub mod split;
