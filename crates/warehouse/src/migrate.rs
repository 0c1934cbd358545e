//! Brings the warehouse's own schema up to date, with the numbered migrations of the project.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use postgres::Client;
use postgres::error::SqlState;
use refinery::{Migration, Runner, Target};
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_base::sqlstate;

use super::timeouts;

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
    timeouts::without_timeouts(client, |client| Ok(client.execute("select pg_advisory_lock($1)", &[&LOCK])?))?;
    // Building an index may take its time; waiting for somebody's lock, while everybody waits behind this, may not.
    let applied = timeouts::without_statement_timeout(client, |client| apply(client, &migrations));
    client.execute("select pg_advisory_unlock($1)", &[&LOCK])?;
    applied
}

/// The names of the migrations that are not applied yet.
///
/// # Errors
/// A migration that was changed after it was applied, and one that the folder lacks.
pub fn pending(client: &mut Client, folder: &Path) -> Result<Vec<String>> {
    let migrations = load(folder)?;
    Ok(unapplied(client, &migrations)?.iter().map(ToString::to_string).collect())
}

/// The file for a new migration: numbered after the last one.
///
/// # Errors
/// A name with other characters than letters, digits and `_`.
pub fn next_file(folder: &Path, name: &str) -> Result<PathBuf> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        fail!("a migration's name has letters, digits and _ only, such as add_city; not `{name}`");
    }
    let last = load(folder)?.iter().map(|migration| migration.version()).max().unwrap_or(0);
    Ok(folder.join(format!("V{}__{name}.sql", last + 1)))
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
    if unapplied(client, migrations)?.is_empty() {
        return Ok(Vec::new());
    }
    // `if not exists` would ask for the right to create schemas all the same.
    let is_made: bool = client.query_one("select to_regnamespace('etl') is not null", &[])?.get(0);
    if !is_made {
        client
            .batch_execute("create schema if not exists etl")
            .context("cannot create the schema etl; the login needs the right to create schemas")?;
    }
    let mut runner =
        Runner::new(migrations).set_target(Target::Latest).set_abort_divergent(true).set_abort_missing(true);
    runner.set_migration_table_name(HISTORY_TABLE);
    let report = runner.run(client).map_err(|error| {
        let cause =
            std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {}", describe(cause)));
        let message = Failure::new(format!("cannot migrate the warehouse: {error}{cause}"));
        let error = Error::from(error);
        // Who waits for a lock wants to know whose it is, which the error of PostgreSQL leads to.
        let is_lock = sqlstate::find(&error).and_then(postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE);
        if is_lock { error.context(message) } else { message.into() }
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

/// Those of the migrations that are not applied.
fn unapplied<'a>(client: &mut Client, migrations: &'a [Migration]) -> Result<Vec<&'a Migration>> {
    let exists: bool = client.query_one("select to_regclass($1) is not null", &[&HISTORY_TABLE])?.get(0);
    if !exists {
        return Ok(migrations.iter().collect());
    }
    let rows = client.query(&format!("select version::bigint, name, checksum from {HISTORY_TABLE} order by 1"), &[])?;
    let (mut missing, mut changed, mut applied) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let (version, name, checksum): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
        match migrations.iter().find(|migration| i64::from(migration.version()) == version) {
            None => missing.push(format!("V{version}__{name}")),
            Some(migration) if migration.checksum().to_string() != checksum => changed.push(migration.to_string()),
            Some(_) => applied.push(version),
        }
    }
    if !missing.is_empty() {
        fail!(
            "the warehouse has migrations that this project has not: {}; it is newer than these files, so fetch them, then run again",
            missing.join(", ")
        );
    }
    if !changed.is_empty() {
        fail!(
            "migrations were changed after they were applied: {}; put the files back as they were, and make the change a new migration",
            changed.join(", ")
        );
    }
    Ok(migrations.iter().filter(|migration| !applied.contains(&i64::from(migration.version()))).collect())
}
