//! Opens connections, and says in plain words why one cannot be opened.

use std::error::Error as _;
use std::time::Duration;

use anyhow::Result;
use postgres::error::SqlState;
use postgres::{Client, NoTls};

use crate::config::describe;
use crate::failure::Failure;
use crate::{fail, failure};

/// The oldest server version that works, as PostgreSQL numbers it.
const OLDEST: i32 = 150_000;

/// Connects and checks that the server is one that can be written to.
///
/// # Errors
/// One message per cause: not reachable, wrong password, no such database, too old, read-only.
pub fn open(config: &postgres::Config) -> Result<Client> {
    let mut config = config.clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    if config.get_application_name().is_none() {
        config.application_name(&format!("salesmart {} (pid {})", env!("CARGO_PKG_VERSION"), std::process::id()));
    }
    let mut client = config.connect(NoTls).map_err(|error| explain(&config, &error))?;
    // Text forms of times must not depend on the server's settings.
    client.batch_execute("set timezone = 'UTC'; set datestyle = 'ISO'")?;
    let version: i32 = setting(&mut client, "server_version_num")?.parse()?;
    if version < OLDEST {
        fail!(
            "the server at {} is PostgreSQL {}; salesmart needs 15 or newer",
            describe(&config),
            setting(&mut client, "server_version")?
        );
    }
    if setting(&mut client, "transaction_read_only")? == "on" {
        fail!(
            "the server at {} takes no writes (a replica, or default_transaction_read_only is on); connect to the primary",
            describe(&config)
        );
    }
    Ok(client)
}

fn setting(client: &mut Client, name: &str) -> Result<String> {
    Ok(client.query_one("select current_setting($1)", &[&name])?.get(0))
}

fn explain(config: &postgres::Config, error: &postgres::Error) -> anyhow::Error {
    let whom = describe(config);
    let cause = match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    };
    let advice = match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check user and password in the database URL"
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => "create the database first: createdb NAME",
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => "all connections are taken; try again later",
        Some(code) if *code == SqlState::CANNOT_CONNECT_NOW => {
            "the server is starting or stopping; try again in a moment"
        }
        Some(_) => "see the server's log",
        None if cause.contains("TLS") => {
            "TLS is not supported yet: use sslmode=disable or prefer over a trusted network"
        }
        None => "is the server running, and is host and port right?",
    };
    let message = format!("cannot connect to PostgreSQL at {whom}: {cause}; {advice}");
    match failure::is_transient_answer(error) {
        true => Failure::transient(message).into(),
        false => Failure::new(message).into(),
    }
}
