//! Brings the warehouse's own schema up to date, with the numbered migrations of the project.

use std::path::Path;

use anyhow::{Context, Result};
use postgres::Client;
use refinery::{Migration, Runner, Target};

use crate::failure::Failure;

/// Where refinery keeps what was applied: beside the ledger, not in `public`.
const HISTORY_TABLE: &str = "etl.schema_history";

/// A lock of its own, so that two first runs do not migrate at once. Any constant will do.
const LOCK: i64 = 0x5a1e_5a47_6d69_6772;

/// Applies the migrations in `folder` that are not applied yet; returns their names.
///
/// # Errors
/// A migration that was changed after it was applied, one that is missing, and any SQL error.
pub fn run(client: &mut Client, folder: &Path) -> Result<Vec<String>> {
    let migrations = load(folder)?;
    client.execute("select pg_advisory_lock($1)", &[&LOCK])?;
    let applied = apply(client, &migrations);
    client.execute("select pg_advisory_unlock($1)", &[&LOCK])?;
    applied
}

/// Are there migrations to apply? A history that does not match counts: [`run`] will say why.
pub fn is_pending(client: &mut Client, folder: &Path) -> Result<bool> {
    Ok(pending(client, &load(folder)?)? != Some(0))
}

fn load(folder: &Path) -> Result<Vec<Migration>> {
    let migrations = refinery::load_sql_migrations(folder)
        .map_err(|error| Failure::new(format!("cannot read the migrations in {}: {error}", folder.display())))?;
    match migrations.is_empty() {
        true => Err(Failure::new(format!(
            "there are no migrations in {}; they are named V1__what_it_does.sql",
            folder.display()
        ))
        .into()),
        false => Ok(migrations),
    }
}

fn apply(client: &mut Client, migrations: &[Migration]) -> Result<Vec<String>> {
    // The usual case costs one query.
    if pending(client, migrations)?.is_some_and(|count| count == 0) {
        return Ok(Vec::new());
    }
    client
        .batch_execute("create schema if not exists etl")
        .context("cannot create the schema etl; the login needs the right to create schemas")?;
    let mut runner =
        Runner::new(migrations).set_target(Target::Latest).set_abort_divergent(true).set_abort_missing(true);
    runner.set_migration_table_name(HISTORY_TABLE);
    let report = runner.run(client).map_err(|error| {
        let cause =
            std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {}", describe(cause)));
        Failure::new(format!("cannot migrate the warehouse: {error}{cause}"))
    })?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// The innermost cause says what the server said.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// How many of the migrations are not applied; `None` if the history is not there or does not match.
fn pending(client: &mut Client, migrations: &[Migration]) -> Result<Option<usize>> {
    let exists: bool = client.query_one("select to_regclass($1) is not null", &[&HISTORY_TABLE])?.get(0);
    if !exists {
        return Ok(None);
    }
    let rows = client.query(&format!("select version::bigint, checksum from {HISTORY_TABLE}"), &[])?;
    let applied: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let known =
        |migration: &&Migration| applied.contains(&(i64::from(migration.version()), migration.checksum().to_string()));
    let matching = migrations.iter().filter(known).count();
    Ok((matching == applied.len()).then(|| migrations.len() - matching))
}
