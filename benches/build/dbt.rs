//! dbt in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use duckdb::Connection;

use crate::measure;

/// Installs dbt with DuckDB's adapter, unless an earlier run has; returns the program.
///
/// # Errors
/// If there is no Python, or the packages cannot be had.
pub fn install(dir: &Path) -> Result<PathBuf> {
    let environment = dir.join("dbt/venv");
    let program = environment.join("bin/dbt");
    if program.exists() {
        return Ok(program);
    }
    println!("installing dbt in {}", environment.display());
    // The engine that salesmart has, so that it is not engines that are compared.
    let engine = Connection::open_in_memory()?.version()?;
    let engine = format!("duckdb=={}", engine.trim_start_matches('v'));
    measure::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
        .context("cannot make a Python environment")?;
    let packages = ["dbt-core<1.11", "dbt-duckdb<1.11", engine.as_str()];
    measure::run(Command::new(environment.join("bin/pip")).args(["install", "--quiet"]).args(packages))
        .with_context(|| format!("cannot install {}", packages.join(", ")))?;
    Ok(program)
}
