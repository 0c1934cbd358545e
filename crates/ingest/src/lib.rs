//! Ingest: files into `raw.<source>`, losslessly. Every value is accepted only if its cast is exact; everything else is
//! rejected with a reason.
//!
//! A [`contract`] says what the files of a source look like. [`read`] cuts a file into records with exact line numbers and
//! finds the contract's columns in them, [`cast`] makes values of text, [`load`] decides which files need reading and loads
//! each in one transaction, [`rejects`] keeps what was refused and takes corrections. [`sniff`] drafts a contract.

pub mod cast;
pub mod contract;
pub mod load;
pub mod read;
pub mod rejects;
pub mod sniff;
