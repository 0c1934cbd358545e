//! What every stage needs: configuration, failures, events, hashes.
//!
//! Nothing here knows a stage, DuckDB or a file format. [`clock`] is the system's, [`event`] is how stages report, [`failure`] how they fail,
//! [`sqlstate`] what PostgreSQL's error codes mean,
//! [`sum`] what databases have added up, [`whole_file`] how files are written.

pub mod clock;
pub mod config;
pub mod count;
pub mod event;
pub mod failpoint;
pub mod failure;
pub mod file_version;
pub mod formula;
pub mod hash;
pub mod notice;
pub mod settings;
pub mod sqlstate;
pub mod sum;
pub mod toml_file;
pub mod whole_file;
