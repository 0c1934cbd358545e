//! The staging file: one DuckDB database that holds what was ingested, the published models, and what
//! the warehouse is known to hold. It is disposable: delete it, run again, and the warehouse stays as it is.

mod create;
pub mod relation;
pub mod render;
mod spill;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duckdb::Connection;
use salesmart_base::config::{Config, MoneyScale};
use salesmart_base::fail;
use salesmart_base::failure::Failure;

/// Layout version of the tables below. A file of another version is refused, not guessed at.
const LAYOUT: i64 = 5;

/// The schemas and bookkeeping tables.
pub const LAYOUT_SQL: &str = "
create schema if not exists raw;
create schema if not exists loaded;
create schema if not exists removed;
create schema if not exists ingest;
create schema if not exists meta;
create schema if not exists sync;
create schema if not exists mirror;
create schema if not exists unpushed;
create table if not exists meta.layout (version bigint not null);
create table if not exists ingest.sources (
    source varchar primary key, contract_hash varchar not null);
create table if not exists ingest.files (
    source varchar not null, file varchar not null, content_hash varchar not null,
    stat_signature varchar, same_as varchar, outcome varchar not null, reason varchar,
    bytes bigint not null, records bigint not null, accepted bigint not null, rejected bigint not null,
    repaired bigint not null, skipped bigint not null, places varchar, drift varchar, repairs_hash varchar,
    load_id bigint, primary key (source, file));
create sequence if not exists ingest.load_ids;
create table if not exists ingest.expected (source varchar not null, file varchar not null);
create table if not exists ingest.meanings (source varchar primary key, meaning varchar not null);
create table if not exists ingest.withdrawn (source varchar not null, file varchar not null);
create table if not exists ingest.control_totals (
    source varchar not null, file varchar not null, column_name varchar not null, total varchar not null,
    primary key (source, file, column_name));
create table if not exists main.rejects (
    source varchar not null, file varchar not null, line bigint not null, column_name varchar,
    code varchar not null, value varchar, reason varchar not null, raw varchar not null);
create table if not exists meta.models (
    name varchar primary key, kind varchar not null, definition varchar not null, engine varchar not null,
    as_of varchar not null, content varchar not null, rows bigint);
create table if not exists meta.inputs (
    model varchar not null, input varchar not null, content varchar not null, load_id bigint, primary key (model, input));
create table if not exists meta.parsed (sql_hash varchar primary key, parsed varchar not null);
create table if not exists meta.checked (
    check_name varchar primary key, definition varchar not null, inputs varchar not null, offending bigint not null);
create table if not exists meta.check_results (
    run_id varchar not null, check_name varchar not null, severity varchar not null,
    offending bigint not null, sample varchar not null, seconds double not null);
create table if not exists meta.runs (
    run_id varchar primary key, command varchar not null, started_at timestamp not null, seconds double not null,
    outcome varchar not null, message varchar, report varchar not null, recorded boolean not null);
create table if not exists meta.unchecked (check_name varchar primary key);
create table if not exists sync.state (head varchar, pending varchar);
insert into sync.state select null, null where not exists (from sync.state);
create table if not exists sync.pushed (table_name varchar primary key, content varchar not null);
create table if not exists sync.observed (table_name varchar primary key);
create table if not exists sync.unpushed (table_name varchar primary key, since varchar not null);
";

/// Statements that make the functions that models may use, beside DuckDB's own.
///
/// `surrogate_key` is the first 63 bits of the md5 of the natural key: stable across versions, machines and
/// databases, unlike `hash()` and `md5_number()`, whose order of bytes is DuckDB's own. NULL is the unknown member, 0.
///
/// `natural_order` is a text that sorts as people sort names of files: a number by its value, whatever its length; upper case as lower
/// case; a name before one that adds to it (`sales.csv`, `sales (2).csv`), so without its extension. A number becomes the count of its digits in
/// three places (a name has at most 255 characters) and its digits. Names that are alike so far are compared as they are: the name
/// comes last, behind the NUL that no name has, so that two names never give the same text. The subquery has DuckDB compute it once per
/// distinct name: 0.15 s for 2,000,000 rows instead of 4 s.
const FUNCTIONS_SQL: &str = r"
create or replace macro main.surrogate_key(natural_key) as
    case when natural_key is null then 0 else (('0x' || left(md5(natural_key), 16))::ubigint >> 1)::bigint end;
create or replace macro main.natural_order(file_name) as (
    select
        array_to_string(
            list_transform(
                regexp_extract_all(
                    regexp_replace(lower(file_name), '\.[a-z][a-z0-9]*(\.(gz|zst))?$', ''), '[0-9]+|[^0-9]+'
                ),
                lambda part: case
                    when part[1] between '0' and '9'
                        then lpad(cast(length(ltrim(part, '0')) as varchar), 3, '0') || ltrim(part, '0')
                    else part
                end
            ),
            ''
        ) || chr(0) || file_name
);
";

/// Statements that make these functions, and `money`, which casts to the project's type of money. It rounds half away from zero, as
/// DuckDB's cast does.
pub fn functions_sql(money: MoneyScale) -> String {
    format!("{FUNCTIONS_SQL}create or replace macro main.money(amount) as cast(amount as {});\n", money.sql())
}

/// What the results of models depend on beside their files and inputs: DuckDB's version, and the type of money if it is not the default.
pub fn engine(conn: &Connection) -> Result<String> {
    let version = conn.version()?;
    Ok(match money_type(conn)? {
        Some(kind) if kind != type_name(MoneyScale::default()) => format!("{version} with money as {kind}"),
        _ => version,
    })
}

/// DuckDB's name of the type that `money` gives; `None` if a function is missing, as in files of earlier versions.
fn money_type(conn: &Connection) -> Result<Option<String>> {
    // Binding their names takes 0.3 ms, looking through the list of all functions 14.
    match conn.prepare("select typeof(main.money(0)), main.natural_order(''), main.surrogate_key('')") {
        Ok(mut found) => Ok(Some(found.query_row([], |row| row.get(0))?)),
        Err(_) => Ok(None),
    }
}

fn type_name(money: MoneyScale) -> String {
    money.sql().to_uppercase()
}

/// The settings of a DuckDB that runs a project's SQL: no access to files other than its own, no `attach`, no extensions. Data enters
/// through contracts only.
///
/// # Errors
/// DuckDB rejects a setting.
pub fn sandboxed() -> Result<duckdb::Config> {
    Ok(without_extensions()?.enable_external_access(false)?)
}

/// DuckDB's message, with the next step where the sandbox is the reason: DuckDB names a configuration that users cannot change.
pub fn explain_sandbox(message: &str) -> String {
    match message.contains("disabled by configuration") {
        true => format!(
            "{}\nSQL in a project reads and writes no files; load the file with a contract (data/contracts) and read raw.NAME",
            message.trim_end()
        ),
        false => message.to_owned(),
    }
}

fn without_extensions() -> Result<duckdb::Config> {
    Ok(duckdb::Config::default()
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?)
}

/// An open staging file. One process holds it at a time; DuckDB's own file lock sees to that.
pub struct Staging {
    conn: Connection,
    path: PathBuf,
    /// DuckDB's memory limit, in bytes.
    memory: u64,
}

impl Staging {
    /// Opens the file, making it (and its folder) if there is none.
    ///
    /// # Errors
    /// Names the process that holds the file if another run is at work, and says what to do with a file
    /// that is damaged or of another layout.
    pub fn open(config: &Config) -> Result<Self> {
        let path = config.staging_file.clone();
        if path.to_string_lossy().contains('?') {
            fail!("{}: DuckDB takes the ? in this path for the start of options; rename the folder", path.display());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", folder.display())))?;
        }
        create::keep_others_out();
        create::remove_abandoned(&path);
        if !path.exists() {
            create::create(&path)?;
        }
        let mut options = without_extensions()?.with("preserve_insertion_order", "false")?;
        if let Some(threads) = config.threads {
            options = options.threads(i64::try_from(threads)?)?;
        }
        options = options.max_memory(&in_bytes(config.memory.bytes()))?;
        let conn = Connection::open_with_flags(&path, options).map_err(|error| explain_open(&path, &error))?;
        // The file is locked now, so no other process spills.
        spill::clear(&path);
        let staging = Self { conn, path, memory: config.memory.bytes() };
        staging.lay_out(config.money)?;
        Ok(staging)
    }

    /// Opens the file for reading; others may read it at the same time.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is no file yet.
    pub fn open_read_only(config: &Config) -> Result<Self> {
        let path = config.staging_file.clone();
        if !path.exists() {
            fail!("{} is not there yet; run `salesmart run` (or ingest and build) first", path.display());
        }
        create::keep_others_out();
        // The folder first: within the sandbox it can no longer be chosen.
        let options = without_extensions()?
            .with("temp_directory", spill::reader(&path).to_string_lossy())?
            .enable_external_access(false)?
            .access_mode(duckdb::AccessMode::ReadOnly)?
            .max_memory(&in_bytes(config.memory.bytes()))?;
        let conn = Connection::open_with_flags(&path, options).map_err(|error| explain_open(&path, &error))?;
        let staging = Self { conn, path, memory: config.memory.bytes() };
        staging.is_laid_out()?;
        Ok(staging)
    }

    /// Another connection to the same file, for another thread.
    pub fn another(&self) -> Result<Self> {
        Ok(Self { conn: self.conn.try_clone()?, path: self.path.clone(), memory: self.memory })
    }

    /// Runs a stage with less memory than the project's limit. That ends with the stage: what comes after has the limit again.
    ///
    /// # Errors
    /// Those of the stage; DuckDB holds more than the limit already and cannot let go of it.
    pub fn limited_to<T>(&self, bytes: u64, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        self.set_memory_limit(bytes.min(self.memory))?;
        let result = stage();
        // `reset memory_limit` would change what DuckDB shows, and leave its limit as it is.
        self.set_memory_limit(self.memory)?;
        result
    }

    fn set_memory_limit(&self, bytes: u64) -> Result<()> {
        Ok(self.conn.execute_batch(&format!("set memory_limit = '{}'", in_bytes(bytes)))?)
    }

    /// Takes away DuckDB's access to other files, as in [`sandboxed`], before a project's SQL runs. DuckDB cannot be given it back, so
    /// this comes after ingest, where DuckDB reads the Parquet files.
    ///
    /// # Errors
    /// DuckDB rejects the setting.
    pub fn enter_sandbox(&self) -> Result<()> {
        Ok(self.conn.execute_batch("set enable_external_access = false")?)
    }

    /// The connection.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Runs `work` in one transaction: all of it is kept, or nothing.
    pub fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.conn.execute_batch("begin transaction")?;
        match work(&self.conn) {
            Ok(value) => {
                self.conn
                    .execute_batch("commit")
                    .with_context(|| format!("cannot commit to {}", self.path.display()))?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one to tell; a transaction that DuckDB already aborted cannot be rolled back twice.
                if let Err(second) = self.conn.execute_batch("rollback") {
                    tracing::debug!("rollback after an error: {second}");
                }
                Err(error)
            }
        }
    }

    /// Runs `work` in a transaction of which nothing is kept.
    pub fn rehearsal<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.conn.execute_batch("begin transaction")?;
        let result = work(&self.conn);
        self.conn.execute_batch("rollback")?;
        result
    }

    /// Whether the bookkeeping tables are there.
    ///
    /// # Errors
    /// They are those of another version of the program.
    fn is_laid_out(&self) -> Result<bool> {
        let has_layout: bool = self.conn.query_row(
            "select count(*) > 0 from duckdb_tables() where schema_name = 'meta' and table_name = 'layout'",
            [],
            |row| row.get(0),
        )?;
        if has_layout {
            let found: Option<i64> =
                self.conn.query_row("select max(version) from meta.layout", [], |row| row.get(0))?;
            if found != Some(LAYOUT) {
                fail!(
                    "{} has layout {}, this program needs {LAYOUT}; {}",
                    self.path.display(),
                    found.map_or_else(|| "none".to_owned(), |version| version.to_string()),
                    DISPOSABLE
                );
            }
        }
        Ok(has_layout)
    }

    fn lay_out(&self, money: MoneyScale) -> Result<()> {
        if self.is_laid_out()? {
            // Files of earlier versions lack tables that were added since. Binding their names takes 0.3 ms.
            if self.conn.prepare("select from ingest.withdrawn, ingest.meanings").is_err() {
                self.transaction(|conn| Ok(conn.execute_batch(LAYOUT_SQL)?))?;
            }
            // They have fewer functions, too, and the setting may have changed since.
            if money_type(&self.conn)?.is_none_or(|kind| kind != type_name(money)) {
                self.conn.execute_batch(&functions_sql(money))?;
            }
            return Ok(());
        }
        self.transaction(|conn| {
            conn.execute_batch(LAYOUT_SQL)?;
            conn.execute_batch(&functions_sql(money))?;
            conn.execute("insert into meta.layout values (?)", [LAYOUT])?;
            Ok(())
        })
    }
}

/// A size as DuckDB reads it.
fn in_bytes(bytes: u64) -> String {
    format!("{bytes}B")
}

const DISPOSABLE: &str = "the staging file is disposable: move it away and run again, the files are read anew and the \
                          warehouse stays as it is";

fn explain_open(path: &Path, error: &duckdb::Error) -> anyhow::Error {
    let message = error.to_string();
    let shown = path.display();
    if message.contains("Could not set lock") || message.contains("Conflicting lock") {
        let holder = match holder_pid(&message) {
            Some(pid) => format!("process {pid}{}", command_of(pid)),
            None => "another process".to_owned(),
        };
        return Failure::overlap(format!("{shown} is in use by {holder}; wait for it to end, then run again")).into();
    }
    if message.contains("not a valid DuckDB database") || message.contains("checksum") || message.contains("orrupt") {
        return Failure::new(format!("{shown} is damaged or not a DuckDB file; {DISPOSABLE} ({message})")).into();
    }
    Failure::new(format!("cannot open {shown}: {message}; if the file is damaged, {DISPOSABLE}")).into()
}

/// DuckDB says "Conflicting lock is held in /path/program (PID 1234)".
fn holder_pid(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("(PID ")?;
    rest.split(')').next()?.parse().ok()
}

/// The holder's command line in brackets, where the system tells (Linux).
fn command_of(pid: u32) -> String {
    match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) if !bytes.is_empty() => {
            let words: Vec<String> = bytes
                .split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                // Plain words only: an option's value may be a URL with a password in it.
                .filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)))
                .filter(|word| !word.is_empty() && !word.starts_with('-'))
                .take(2)
                .collect();
            format!(" ({})", words.join(" "))
        }
        _ => String::new(),
    }
}

/// A text as an SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Does SQL take this name without quotes? Lower-case letters, digits and underscores, starting with a letter.
pub fn is_plain_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A name as a quoted SQL identifier.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several names, quoted, with an optional prefix such as `m.`.
pub fn idents(names: &[String], prefix: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{prefix}{}", ident(name))).collect();
    quoted.join(", ")
}
