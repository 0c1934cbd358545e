//! Runs in the staging file, `meta.runs`. A run that is at work has a row there, too: the staging file has one process at a
//! time, so a row of another run that says `started` is of a process that died.

use anyhow::Result;
use duckdb::{Connection, params};
use salesmart_base::fail;

use super::{Outcome, Run};

/// Notes that a run is at work, and that others that say so are not.
pub fn begin(conn: &Connection, run: &Run) -> Result<()> {
    for mut dead in select(conn, "where outcome = 'started'", u64::MAX)? {
        if dead.run_id != run.run_id {
            dead.outcome = Outcome::Interrupted;
            dead.message = Some("the process ended in the middle of the run".to_owned());
            keep(conn, &dead)?;
        }
    }
    keep(conn, run)
}

/// Keeps a run as it is now; the warehouse does not have it like this yet.
pub fn keep(conn: &Connection, run: &Run) -> Result<()> {
    conn.execute(
        "insert or replace into meta.runs (run_id, command, started_at, seconds, outcome, message, report, recorded)
         values (?, ?, ?::timestamp, ?, ?, ?, ?, false)",
        params![
            run.run_id,
            run.command,
            run.started_at.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
            run.seconds,
            run.outcome.name(),
            run.message,
            run.json()?.to_string()
        ],
    )?;
    Ok(())
}

/// The newest runs.
pub fn newest(conn: &Connection, limit: u64) -> Result<Vec<Run>> {
    select(conn, "", limit)
}

/// The runs whose identifiers begin like this.
pub fn like(conn: &Connection, prefix: &str) -> Result<Vec<Run>> {
    if !prefix.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        fail!("`{prefix}` is not the beginning of a run's identifier; `salesmart history` lists them");
    }
    select(conn, &format!("where starts_with(run_id, '{}')", prefix.to_ascii_lowercase()), u64::MAX)
}

/// Runs that ended and are not recorded in the warehouse, oldest first, at most so many.
pub fn unrecorded(conn: &Connection, limit: u64) -> Result<Vec<Run>> {
    read(
        conn,
        &format!(
            "select report from meta.runs where not recorded and outcome <> 'started' order by run_id limit {limit}"
        ),
    )
}

/// Notes that the warehouse has this run.
pub fn set_recorded(conn: &Connection, run_id: &str) -> Result<()> {
    conn.execute("update meta.runs set recorded = true where run_id = ?", [run_id])?;
    Ok(())
}

fn select(conn: &Connection, which: &str, limit: u64) -> Result<Vec<Run>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read(conn, &format!("select report from meta.runs {which} order by started_at desc, run_id desc limit {limit}"))
}

fn read(conn: &Connection, sql: &str) -> Result<Vec<Run>> {
    let mut statement = conn.prepare(sql)?;
    let texts: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    texts.iter().map(|text| Run::from_json(text)).collect()
}
