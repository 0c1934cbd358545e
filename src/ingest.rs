//! Ingest: CSV files into `raw.<source>`, losslessly. Every field is read as text and accepted only if
//! its cast is exact; everything else is rejected with a reason.
//!
//! [`contract`] says what a source looks like, [`reader`] cuts bytes into records with exact line numbers,
//! [`fields`] cuts a record into fields, [`exact`] casts, [`batch`] makes typed batches of accepted rows,
//! [`feed`] hands them to DuckDB, [`rejects`] keeps what was refused, [`catalog`] decides which files need
//! reading, and [`load`] does one file in one transaction.

pub mod batch;
pub mod catalog;
pub mod contract;
pub mod exact;
pub mod feed;
pub mod fields;
pub mod forget;
pub mod load;
pub mod reader;
pub mod rejects;
