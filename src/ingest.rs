//! Ingest: CSV files into `raw.<source>`, losslessly. Every field is read as text and accepted only if
//! its cast is exact; everything else is rejected with a reason.
//!
//! [`contract`] says what a source looks like and [`header`] finds its columns in a file. [`reader`] cuts bytes
//! into records with exact line numbers, [`fields`] a record into fields. [`exact`] casts ([`decimal`] for numbers,
//! [`fault`] for what can be wrong), [`batch`] makes typed batches of accepted rows, [`feed`] hands them to DuckDB,
//! [`rejects`] keeps what was refused. [`expand`] finds files, [`catalog`] decides which need reading, [`load`] does one file in one
//! transaction, [`forget`] takes one out again.

pub mod batch;
pub mod catalog;
pub mod contract;
pub mod decimal;
pub mod exact;
pub mod expand;
pub mod fault;
pub mod feed;
pub mod fields;
pub mod forget;
pub mod header;
pub mod load;
pub mod reader;
pub mod rejects;
