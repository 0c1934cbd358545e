//! Ingest: files into `raw.<source>`, losslessly. Every value is accepted only if its cast is exact; everything else
//! is rejected with a reason.
//!
//! What a source looks like: [`contract`] ([`contract_file`] reads it), [`dialect`], [`encoding`]. From bytes to values: [`opened`] is a
//! file at its first record, [`input`] makes text of it, [`reader`] cuts it into records with exact line numbers, a [`block`] at a time
//! ([`scan`] finds where one ends; what is [`skipped`] is counted), [`header`] finds the columns, [`split`] gives their cells
//! ([`fields`], [`ndjson`], [`parquet`]), [`exact`] casts them ([`decimal`], [`moment`]; [`fault`] is what can be wrong), [`batch`] makes
//! typed batches, [`feed`] hands them to DuckDB. What is refused: [`spool`], [`rejects`], [`repairs`], [`replay`], [`unique`]. Files:
//! [`expand`] finds them, [`complete`] knows when one is, [`catalog`] knows those that are loaded, [`intake`] decides which need reading
//! ([`report`] tells what was done), [`load`] does one in one transaction, [`source_table`] is where rows go, [`forget`] takes a file out
//! again, [`record_at`] finds a record again in its file. [`sniff`] drafts a contract.

pub mod batch;
pub mod block;
pub mod catalog;
pub mod complete;
pub mod contract;
pub mod contract_file;
pub mod decimal;
pub mod dialect;
pub mod encoding;
pub mod exact;
pub mod expand;
pub mod fault;
pub mod feed;
pub mod fields;
pub mod forget;
pub mod header;
pub mod input;
pub mod intake;
pub mod load;
pub mod moment;
pub mod ndjson;
pub mod opened;
pub mod parquet;
pub mod reader;
pub mod record_at;
pub mod rejects;
pub mod repairs;
pub mod replay;
pub mod report;
pub mod scan;
pub mod skipped;
pub mod sniff;
pub mod source_table;
pub mod split;
pub mod spool;
pub mod unique;
