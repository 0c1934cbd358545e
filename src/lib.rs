//! salesmart: dirty sales CSVs in, an exact PostgreSQL star schema out.
//!
//! Data flows one way: [`ingest`] → [`transform`] → [`check`] → [`sync`]; [`pipeline`] is the order in
//! which they run. A stage never imports a later one.

pub mod check;
pub mod cli;
pub mod config;
pub mod console;
pub mod diff;
pub mod docs;
pub mod failpoint;
pub mod failure;
pub mod hash;
pub mod history;
pub mod ingest;
pub mod inventory;
pub mod lineage;
pub mod model;
pub mod pipeline;
pub mod project;
pub mod relation;
pub mod render;
pub mod sample;
pub mod schedule;
pub mod serve;
pub mod staging;
pub mod stdout;
pub mod summary;
pub mod sync;
pub mod testing;
pub mod toml_file;
pub mod trace;
pub mod transform;
pub mod warehouse;
pub mod watch;
