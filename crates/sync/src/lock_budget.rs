//! The locks that a sync takes, against those that the server has room for.
//!
//! PostgreSQL keeps a lock for every table and index that a transaction touches until it ends, in a table of fixed size; by default it has
//! room for some 7,800, and answers "out of shared memory" beyond. A first sync of 1,000 months would take 15,000: the months are then made
//! beforehand, some at a time. They are empty, so that it does not matter if nothing follows. What does not fit either is said before
//! anything is written.

use anyhow::Result;
use duckdb::Connection;
use postgres::Client;
use salesmart_base::count::{counted, grouped};
use salesmart_base::fail;

use super::change::Change;
use super::schema::PushTable;
use super::{ledger, partition};

/// Beside the months: dimensions, aggregates, their indexes, temporary tables and the catalog.
const OTHERS: u64 = 150;

/// A month's table, its TOAST table with an index, and the constraint that says its range.
const MONTH: u64 = 4;

/// A foreign key of a month leaves two triggers behind, whose parent's ones take over.
const FOREIGN_KEY: u64 = 2;

/// The room that the server has.
struct Room {
    /// `max_locks_per_transaction`
    setting: u64,
    /// Number of sessions and prepared transactions that it counts with.
    sessions: u64,
}

/// The months of a table that a sync touches.
struct Months<'a> {
    table: &'a PushTable,
    missing: Vec<i32>,
    touched: u64,
    indexes: u64,
    foreign_keys: u64,
}

impl Room {
    fn of(client: &mut Client) -> Result<Self> {
        let row = client.query_one(
            "select max(setting::bigint) filter (where name = 'max_locks_per_transaction'),
                    sum(setting::bigint) filter (where name <> 'max_locks_per_transaction')::bigint + 1
             from pg_settings
             where name in ('max_locks_per_transaction', 'max_connections', 'max_prepared_transactions', 'max_worker_processes',
                            'max_wal_senders', 'autovacuum_max_workers')",
            &[],
        )?;
        Ok(Self { setting: row.get::<_, i64>(0).unsigned_abs(), sessions: row.get::<_, i64>(1).unsigned_abs() })
    }

    fn locks(&self) -> u64 {
        self.setting * self.sessions
    }
}

impl Months<'_> {
    /// Locks for rows in the months.
    fn written(&self) -> u64 {
        self.touched * (1 + self.indexes)
    }

    /// Locks for one new month that is made, and filled before it is attached.
    fn made(&self) -> u64 {
        MONTH + self.indexes + FOREIGN_KEY * self.foreign_keys
    }
}

/// Makes the new months beforehand, if one transaction has no room for all that they take.
///
/// # Errors
/// The server has no room for the rows of all months, whoever made these. Nothing is written then.
pub fn make_room(client: &mut Client, conn: &Connection, changes: &[Change<'_>]) -> Result<()> {
    let mut months = Vec::new();
    for change in changes.iter().filter(|change| change.table.partition.is_some()) {
        months.push(find(client, conn, change)?);
    }
    let made: u64 = months.iter().map(|months| months.missing.len() as u64 * months.made()).sum();
    let written: u64 = months.iter().map(Months::written).sum();
    // Most syncs end here, without a further question.
    if made + written < OTHERS {
        return Ok(());
    }
    let room = Room::of(client)?;
    if written + OTHERS > room.locks() {
        let touched: u64 = months.iter().map(|months| months.touched).sum();
        // A quarter more, for the other sessions.
        let wanted = ((written + OTHERS) * 5 / 4).div_ceil(room.sessions);
        fail!(
            "this sync touches {}, and PostgreSQL holds a lock for each and each of its indexes, about {} in one transaction; it has room for \
             {} (max_locks_per_transaction = {}); nothing was changed; have its administrator set max_locks_per_transaction = {wanted} in \
             postgresql.conf and restart it, then run again",
            counted(touched, "month"),
            grouped(written + OTHERS),
            grouped(room.locks()),
            room.setting
        );
    }
    if made + written + OTHERS <= room.locks() / 2 {
        return Ok(());
    }
    for months in &months {
        let at_once = (room.locks() / 4 / months.made()).clamp(1, 50) as usize;
        for missing in months.missing.chunks(at_once) {
            let mut transaction = client.transaction()?;
            ledger::ensure_locked(&mut transaction)?;
            partition::create_empty(&mut transaction, months.table, missing)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

fn find<'a>(client: &mut Client, conn: &Connection, change: &Change<'a>) -> Result<Months<'a>> {
    let written = partition::months_written(conn, change.table, change.extent)?;
    let missing = partition::missing(client, change.table, &written)?;
    let row = client.query_one(
        "select (select count(*) from pg_index where indrelid = to_regclass($1)),
                (select count(*) from pg_constraint where conrelid = to_regclass($1) and contype = 'f'),
                (select count(*) from pg_inherits where inhparent = to_regclass($1))",
        &[&change.table.target()],
    )?;
    let count = |index: usize| row.get::<_, i64>(index).unsigned_abs();
    // Rows are deleted by their keys alone, so that PostgreSQL looks into every month.
    let touched = match change.counts.updated + change.counts.deleted {
        0 => written.len() as u64,
        _ => count(2) + missing.len() as u64,
    };
    Ok(Months { table: change.table, missing, touched, indexes: count(0), foreign_keys: count(1) })
}
