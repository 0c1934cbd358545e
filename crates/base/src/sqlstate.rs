//! What PostgreSQL's error codes (SQLSTATE) mean, and what to do then. The only place where their classes are named.

use std::io;

use anyhow::Error;
use postgres::error::{DbError, SqlState};

/// The error of PostgreSQL that this one comes from, if it does.
pub fn find(error: &Error) -> Option<&postgres::Error> {
    error.chain().find_map(|cause| {
        cause.downcast_ref().or_else(|| {
            // What a COPY writes to wraps it, and skips it among its causes.
            cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref())
        })
    })
}

/// What happened, and the next step. The server's own words follow among the causes.
pub fn explain(error: &postgres::Error) -> String {
    match error.as_db_error() {
        // Classes 08 (connection) and 57P (the server is going away).
        Some(said) if !said.code().code().starts_with("08") && !said.code().code().starts_with("57P") => refused(said),
        None if error.code().is_none() && is_ours(error) => {
            "what PostgreSQL answered is not what was expected, so nothing was changed there".to_owned()
        }
        _ => "the connection to PostgreSQL was lost; run again: the ledger shows whether the sync was committed, and only what is \
              missing is pushed"
            .to_owned(),
    }
}

/// Does the driver object, rather than the network?
fn is_ours(error: &postgres::Error) -> bool {
    let said = error.to_string();
    ["serializing", "column", "parameters", "number of rows"].iter().any(|word| said.contains(word))
}

fn refused(said: &DbError) -> String {
    let code = said.code();
    let table = match (said.schema(), said.table()) {
        (Some(schema), Some(table)) => format!("{schema}.{table}"),
        _ => "a table".to_owned(),
    };
    let of = |states: &[SqlState]| states.contains(code);
    let (what, next) = if of(&[SqlState::DISK_FULL]) {
        ("the disk of PostgreSQL is full".to_owned(), "make room there and run again".to_owned())
    } else if is_lock_table_full(said) {
        (
            "PostgreSQL has no room for so many locks: it keeps one for every month of a table and each of its indexes until a transaction ends"
                .to_owned(),
            "have its administrator double max_locks_per_transaction in postgresql.conf (64 by default) and restart it, then run again"
                .to_owned(),
        )
    } else if of(&[SqlState::OUT_OF_MEMORY]) {
        (
            "PostgreSQL is out of memory".to_owned(),
            "run again when less is going on there, or have its administrator lower work_mem".to_owned(),
        )
    } else if of(&[SqlState::LOCK_NOT_AVAILABLE]) {
        (
            "somebody else held a lock in the warehouse for longer than warehouse.lock_timeout".to_owned(),
            format!(
                "end that session or wait for its end, then run again; who holds locks shows\n  salesmart psql -c \"{}\"",
                "select distinct pid, usename, application_name, state, query from pg_locks join pg_stat_activity using (pid) \
                 where relation in (select oid from pg_class where relnamespace in ('mart'::regnamespace, 'etl'::regnamespace))"
            ),
        )
    } else if of(&[SqlState::QUERY_CANCELED]) && said.message().contains("statement timeout") {
        (
            "a statement took longer than warehouse.statement_timeout".to_owned(),
            "raise that in salesmart.toml (\"0s\" is for ever), or find out what slows PostgreSQL down, then run again"
                .to_owned(),
        )
    } else if of(&[SqlState::QUERY_CANCELED]) {
        ("somebody cancelled the statement in PostgreSQL".to_owned(), "run again".to_owned())
    } else if of(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
        (
            "another session changed the same rows of the warehouse at the same moment".to_owned(),
            "run again; nobody but salesmart should write to the schemas mart and etl".to_owned(),
        )
    } else if of(&[SqlState::READ_ONLY_SQL_TRANSACTION]) {
        (
            "PostgreSQL takes no writes (it has become a replica, or default_transaction_read_only is on)".to_owned(),
            "connect to the primary and run again".to_owned(),
        )
    } else if of(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
        (
            "the login lacks a right in the warehouse".to_owned(),
            "docs/warehouse.md says what it needs; have an administrator grant it, then run again".to_owned(),
        )
    } else if of(&[SqlState::UNIQUE_VIOLATION]) {
        (
            format!(
                "{table} already holds a row that was to be inserted: somebody else wrote there, or the marts break {}",
                said.constraint().map_or_else(|| "an index of somebody else".to_owned(), |name| format!("\"{name}\""))
            ),
            "`salesmart verify` shows what others wrote, and `salesmart sync --full-refresh` puts that right and pushes what is new; a rule \
             that the marts break has to be dropped, or kept by the models"
                .to_owned(),
        )
    } else if of(&[SqlState::TOO_MANY_CONNECTIONS, SqlState::CONFIGURATION_LIMIT_EXCEEDED]) {
        (
            "PostgreSQL has reached a limit of its configuration".to_owned(),
            "have its administrator raise it, then run again".to_owned(),
        )
    } else {
        return "PostgreSQL refused a statement, so nothing was changed there".to_owned();
    };
    format!("{what}; nothing was changed; {next}")
}

/// Is the table of locks full? PostgreSQL calls it out of memory, and says what to do in its hint, which names the setting in every
/// language.
fn is_lock_table_full(said: &DbError) -> bool {
    *said.code() == SqlState::OUT_OF_MEMORY
        && said.hint().is_some_and(|hint| hint.contains("max_locks_per_transaction"))
}

/// Is an answer of PostgreSQL, or its absence, one that may be another one in a while? Classes 08 (connection), 40 (rolled back:
/// serialization, deadlock), 53 (resources), 57P (the server is going away or coming), and a lock timeout.
pub fn is_transient(error: &postgres::Error) -> bool {
    if error.as_db_error().is_some_and(is_lock_table_full) {
        return false;
    }
    match error.code() {
        Some(code) => {
            let code = code.code();
            code == "55P03" || ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class))
        }
        None => {
            let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
            error.is_closed() || source.is_some()
        }
    }
}
