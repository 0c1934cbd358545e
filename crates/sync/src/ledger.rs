//! The ledger: which sync PostgreSQL committed last, and who may sync now.

use std::sync::LazyLock;

use anyhow::Result;
use duckdb::Connection;
use postgres::{Client, Transaction};
use salesmart_base::event::{Event, Observer};
use salesmart_base::failure::Failure;
use salesmart_base::{clock, fail};
use salesmart_warehouse::timeouts::without_timeouts;
use serde::{Deserialize, Serialize};

/// One sync at a time, per database. Any constant will do.
pub const LOCK: i64 = 0x5a1e_5a47_7379_6e63;

/// The channel on which a commit is announced; the payload is the run number.
const CHANNEL: &str = "salesmart";

/// What the session that took the lock is known by again.
static SESSION: LazyLock<String> = LazyLock::new(clock::run_id);

/// The last committed sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Consecutive number.
    pub number: i64,
    /// Identifier.
    pub run_id: String,
}

/// What the staging file remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The sync after which the mirror was right.
    pub head: Option<String>,
    /// The sync that was begun and may or may not have been committed.
    pub pending: Option<String>,
}

/// What the two together mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The mirror is what PostgreSQL holds.
    Mirror,
    /// The pending sync was committed, and the process died before it could note that.
    Pending,
    /// Staging is new or lost, PostgreSQL was restored, or somebody else synced: the mirror has to be rebuilt.
    Nothing,
}

/// What to do while another sync is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Wait for its end.
    #[default]
    ForHolder,
    /// Fail at once.
    Never,
}

/// Takes the lock for as long as the connection lives.
///
/// # Errors
/// Another sync holds it, and nobody wants to wait.
pub fn lock(client: &mut Client, wait: Wait, observer: &dyn Observer) -> Result<()> {
    let mark = "set_config('salesmart.session', $2, false)";
    let taken: bool =
        client.query_one(&format!("select pg_try_advisory_lock($1), {mark}"), &[&LOCK, &*SESSION])?.get(0);
    if taken {
        return Ok(());
    }
    let holder = holder(client)?;
    if wait == Wait::Never {
        let message =
            format!("another sync is at work ({holder}); nothing was changed; run again later, or without --no-wait");
        return Err(Failure::overlap(message).into());
    }
    observer.observe(&Event::LockAwaited { holder: &holder });
    let wait = format!("select pg_advisory_lock($1), {mark}");
    without_timeouts(client, |client| Ok(client.execute(&wait, &[&LOCK, &*SESSION])?))?;
    Ok(())
}

/// Makes sure that the lock is held by the session that is about to write.
///
/// # Errors
/// It is another one: a connection pooler hands every transaction to whatever session is free.
pub fn ensure_locked(transaction: &mut Transaction<'_>) -> Result<()> {
    let sql = "select current_setting('salesmart.session', true) is not distinct from $1";
    let is_ours: bool = transaction.query_one(sql, &[&*SESSION])?.get(0);
    match is_ours {
        true => Ok(()),
        false => fail!(
            "PostgreSQL gave the sync another session than the one that holds its lock, so nothing was changed; there is a connection \
             pooler in transaction mode in between: connect to PostgreSQL itself, or to a pooler in session mode"
        ),
    }
}

/// Gives the lock back, so that the connection can be used for something else.
pub fn unlock(client: &mut Client) -> Result<()> {
    client.execute("select pg_advisory_unlock($1)", &[&LOCK])?;
    Ok(())
}

fn holder(client: &mut Client) -> Result<String> {
    let row = client.query_opt(
        "select application_name, usename::text, coalesce(host(client_addr), 'local'), backend_start::text
         from pg_locks join pg_stat_activity using (pid)
         where locktype = 'advisory' and granted and objsubid = 1
           and classid::bigint = $1 and objid::bigint = $2
           and database = (select oid from pg_database where datname = current_database())",
        &[&(LOCK >> 32), &(LOCK & 0xffff_ffff)],
    )?;
    Ok(match row {
        Some(row) => {
            let [program, user, host, since]: [String; 4] = [row.get(0), row.get(1), row.get(2), row.get(3)];
            format!("{program}, {user} from {host}, connected since {since}")
        }
        None => "it has just ended".to_owned(),
    })
}

/// The last committed sync of the warehouse.
pub fn head(client: &mut Client) -> Result<Option<Head>> {
    let row = client.query_opt("select run_number, run_id from etl.sync_run order by run_number desc limit 1", &[])?;
    Ok(row.map(|row| Head { number: row.get(0), run_id: row.get(1) }))
}

/// Writes the ledger row after `head` and announces it on the channel `salesmart`, both with the commit; returns its number.
pub fn write(
    transaction: &mut Transaction<'_>,
    head: Option<&Head>,
    run_id: &str,
    tables: &serde_json::Value,
) -> Result<i64> {
    let number = head.map_or(1, |head| head.number + 1);
    transaction.execute(
        "insert into etl.sync_run (run_number, run_id, committed_at, program_version, tables) values ($1, $2, now(), $3, $4)",
        &[&number, &run_id, &env!("CARGO_PKG_VERSION"), tables],
    )?;
    transaction.execute("select pg_notify($1, $2)", &[&CHANNEL, &number.to_string()])?;
    Ok(number)
}

/// Notes in the ledger that the tables are about to be migrated: no staging file, on whatever machine, then trusts what it
/// remembers of their rows. A warehouse without a ledger has nothing to be remembered.
pub fn write_migration(client: &mut Client) -> Result<()> {
    let is_made: bool = client.query_one("select to_regclass('etl.sync_run') is not null", &[])?.get(0);
    if !is_made {
        return Ok(());
    }
    let head = head(client)?;
    let mut transaction = client.transaction()?;
    let run_id = format!("migration-{}", clock::run_id());
    write(&mut transaction, head.as_ref(), &run_id, &serde_json::json!({}))?;
    Ok(transaction.commit()?)
}

/// What the staging file remembers.
pub fn state(conn: &Connection) -> Result<State> {
    Ok(conn.query_row("select head, pending from sync.state", [], |row| {
        Ok(State { head: row.get(0)?, pending: row.get(1)? })
    })?)
}

/// Compares the two. An empty ledger proves nothing: there may be rows that nobody wrote down.
pub fn trust(head: Option<&Head>, state: &State) -> Trust {
    let Some(head) = head else { return Trust::Nothing };
    match state {
        State { pending: Some(pending), .. } if *pending == head.run_id => Trust::Pending,
        State { head: Some(known), .. } if *known == head.run_id => Trust::Mirror,
        _ => Trust::Nothing,
    }
}

/// Notes in the staging file that a sync is about to be committed.
pub fn begin(conn: &Connection, run_id: &str) -> Result<()> {
    match conn.execute("update sync.state set pending = ?", [run_id])? {
        1 => Ok(()),
        rows => {
            fail!("sync.state has {rows} rows instead of one; the staging file is damaged: move it away and run again")
        }
    }
}

/// Notes that the mirror is what PostgreSQL holds after this sync.
pub fn settle(conn: &Connection, head: Option<&str>) -> Result<()> {
    conn.execute("update sync.state set head = ?, pending = null", [head])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_head_is_trusted() {
        let head = |run_id: &str| Some(Head { number: 7, run_id: run_id.into() });
        let state = |head: Option<&str>, pending: Option<&str>| State {
            head: head.map(Into::into),
            pending: pending.map(Into::into),
        };
        assert_eq!(trust(head("a").as_ref(), &state(Some("a"), None)), Trust::Mirror);
        assert_eq!(trust(head("a").as_ref(), &state(Some("a"), Some("b"))), Trust::Mirror);
        assert_eq!(trust(head("b").as_ref(), &state(Some("a"), Some("b"))), Trust::Pending);
        assert_eq!(trust(head("c").as_ref(), &state(Some("a"), Some("b"))), Trust::Nothing);
        assert_eq!(trust(head("a").as_ref(), &state(None, None)), Trust::Nothing);
        assert_eq!(trust(None, &state(Some("a"), None)), Trust::Nothing);
        assert_eq!(trust(None, &state(None, None)), Trust::Nothing);
    }
}
