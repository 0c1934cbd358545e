//! Who holds the locks that a sync waited for.

use anyhow::{Error, Result};
use postgres::Client;
use postgres::error::SqlState;
use salesmart_base::failure::Failure;
use salesmart_base::sqlstate;

use crate::Warehouse;

/// Names the sessions that held the locks, if a lock is what the error is about; else leaves it as it is.
pub fn name_holders(warehouse: &Warehouse, error: Error) -> Error {
    if sqlstate::find(&error).and_then(postgres::Error::code) != Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return error;
    }
    // Over a connection of its own: after a COPY that failed the other one is of no use.
    match warehouse.connect().and_then(|mut client| holders(&mut client)) {
        Ok(holders) if !holders.is_empty() => {
            error.context(Failure::new(format!(
                "somebody else held a lock in the warehouse for longer than warehouse.lock_timeout; nothing was changed; locks there are \
                 now held by\n  {}\nend that session or wait for its end, then run again",
                holders.join("\n  ")
            )))
        }
        Ok(_) => error,
        Err(why) => {
            tracing::debug!("who holds the locks cannot be told: {why:#}");
            error
        }
    }
}

fn holders(client: &mut Client) -> Result<Vec<String>> {
    let rows = client.query(
        "select distinct format('process %s: %s, %s from %s, %s since %s: %s', pid, coalesce(nullif(application_name, ''), '?'), usename,
                coalesce(host(client_addr), 'local'), coalesce(state, '?'), date_trunc('second', state_change), left(query, 80))
         from pg_locks join pg_stat_activity using (pid)
         where granted and application_name <> current_setting('application_name') and pg_locks.database = (select oid from pg_database where datname = current_database())
           and relation in (select oid from pg_class where relnamespace in (to_regnamespace('mart'), to_regnamespace('etl')))
         order by 1",
        &[],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
