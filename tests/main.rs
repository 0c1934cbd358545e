//! One test binary: it drives the real program against a real, throw-away PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "tests are read by their names")]
#![allow(clippy::print_stderr, reason = "what a test leaves out is said")]

mod harness;

mod acceptance;
mod amounts;
mod architecture;

mod cli;
mod connect;
mod contracts;
mod dashboard;
mod dialects;
mod diff;
mod drift;
mod exactly_once;
mod field;
mod flood;
mod foreign_keys;
mod fuzz;
mod history;
mod incremental;
mod ingest;
mod inspect;
mod killed;
mod limits;
mod lineage;
mod marts;
mod migrate;
mod outage;
mod parquet;
mod plan;
mod reader;
mod real_files;
mod replay;
mod role_sweep;
mod roles;
mod sample;
mod schedule;
mod security;
mod select;
mod serve;
mod snapshots;
mod sniff;
mod staging;
mod sync;
mod testing;
mod trace;
mod transform;
mod trust;
mod verify;
mod warehouse;
mod watch;
