//! How long a session lets its statements and its waiting for locks take, other than configured, for some work.

use std::time::Duration;

use anyhow::Result;
use postgres::Client;

/// Does something that may take as long as it takes, such as to wait for another sync.
pub fn without_timeouts<T>(client: &mut Client, work: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
    exempt(client, &["statement_timeout", "lock_timeout"], work)
}

/// Does something whose statements may take as long as they take, if no lock holds them up.
pub fn without_statement_timeout<T>(client: &mut Client, work: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
    exempt(client, &["statement_timeout"], work)
}

/// Does something that must not wait longer than this for anybody's lock.
pub fn with_lock_timeout<T>(
    client: &mut Client,
    timeout: Duration,
    work: impl FnOnce(&mut Client) -> Result<T>,
) -> Result<T> {
    let before = setting(client, "lock_timeout")?;
    client.batch_execute(&format!("set lock_timeout = {}", timeout.as_millis()))?;
    let done = work(client);
    // Also after a failure: outside of a transaction the connection is as good as before.
    client.batch_execute(&format!("set lock_timeout = '{before}'"))?;
    done
}

fn exempt<T>(client: &mut Client, names: &[&str], work: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
    let mut before = Vec::new();
    for name in names {
        before.push((name, setting(client, name)?));
        client.batch_execute(&format!("set {name} = 0"))?;
    }
    let done = work(client)?;
    // After a failure the connection is given up.
    for (name, value) in before {
        client.batch_execute(&format!("set {name} = '{value}'"))?;
    }
    Ok(done)
}

/// The value of a setting.
pub(crate) fn setting(client: &mut Client, name: &str) -> Result<String> {
    Ok(client.query_one("select current_setting($1)", &[&name])?.get(0))
}
