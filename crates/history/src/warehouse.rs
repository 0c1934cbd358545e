//! Runs in the warehouse, `etl.run`. The staging file has the say: what is here is a copy for those who see the warehouse only.

use anyhow::Result;
use duckdb::Connection;
use postgres::Client;

use super::{Run, local};

/// At most so many runs are sent at once; the next run sends the next ones.
const AT_ONCE: u64 = 10_000;

/// Whether the table is there: its migration may be pending.
pub fn is_there(client: &mut Client) -> Result<bool> {
    Ok(client.query_one("select to_regclass('etl.run') is not null", &[])?.get(0))
}

/// Whether the table has all columns that are written.
fn is_current(client: &mut Client) -> Result<bool> {
    let sql = "select exists (
                   select from pg_attribute
                   where attrelid = to_regclass('etl.run') and attname = 'rows_unrelated' and not attisdropped
               )";
    Ok(client.query_one(sql, &[])?.get(0))
}

/// Sends the runs that are not recorded yet. A run that was tried again after it was sent takes the place of what was.
pub fn record(conn: &Connection, client: &mut Client) -> Result<()> {
    if !is_current(client)? {
        return Ok(());
    }
    let runs = local::unrecorded(conn, AT_ONCE)?;
    let mut transaction = client.transaction()?;
    let statement = transaction.prepare(
        "insert into etl.run (run_id, started_at, seconds, command, outcome, message, files, rows_accepted, rows_rejected,
             checks_failed, sync_number, report, rows_repeated, rows_outranked, rows_unrelated)
         values ($1, $2::text::timestamptz, $3::text::numeric, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (run_id) do update set seconds = excluded.seconds, outcome = excluded.outcome, message = excluded.message,
             files = excluded.files, rows_accepted = excluded.rows_accepted, rows_rejected = excluded.rows_rejected,
             checks_failed = excluded.checks_failed, sync_number = excluded.sync_number, report = excluded.report,
             rows_repeated = excluded.rows_repeated, rows_outranked = excluded.rows_outranked,
             rows_unrelated = excluded.rows_unrelated",
    )?;
    for run in &runs {
        let report = &run.report;
        transaction.execute(
            &statement,
            &[
                &run.run_id,
                &run.started_at_text(),
                &format!("{:.3}", run.seconds),
                &run.command,
                &run.outcome.name(),
                &run.message.as_deref().map(without_nul),
                &i64::try_from(report.files.loaded)?,
                &i64::try_from(report.rows.accepted)?,
                &i64::try_from(report.rows.rejected)?,
                &i64::try_from(report.checks.failed.len())?,
                &report.sync_number,
                &postgres::types::Json(storable(run.json()?)),
                &i64::try_from(report.rows.repeated)?,
                &i64::try_from(report.rows.outranked)?,
                &i64::try_from(report.rows.unrelated)?,
            ],
        )?;
    }
    transaction.commit()?;
    for run in &runs {
        local::set_recorded(conn, &run.run_id)?;
    }
    Ok(())
}

/// PostgreSQL has no texts with NUL in them, in JSON either; a message that quotes a file's content may have one.
fn storable(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(without_nul(&text)),
        Value::Array(values) => values.into_iter().map(storable).collect(),
        Value::Object(pairs) => pairs.into_iter().map(|(key, value)| (key, storable(value))).collect(),
        other => other,
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The newest runs.
pub fn newest(client: &mut Client, limit: u64) -> Result<Vec<Run>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read(client.query("select report::text from etl.run order by started_at desc, run_id desc limit $1", &[&limit])?)
}

/// The runs whose identifiers begin like this.
pub fn like(client: &mut Client, prefix: &str) -> Result<Vec<Run>> {
    let sql = "select report::text from etl.run where starts_with(run_id, $1) order by started_at desc, run_id desc";
    read(client.query(sql, &[&prefix.to_ascii_lowercase()])?)
}

fn read(rows: Vec<postgres::Row>) -> Result<Vec<Run>> {
    rows.iter().map(|row| Run::from_json(row.get(0))).collect()
}
