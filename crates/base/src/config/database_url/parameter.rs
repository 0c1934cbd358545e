//! Parameters of a database URL. The driver says only that it cannot read a URL with one it does not know; people copy URLs from other
//! programs, so it is named here, with what to do. Values are never shown: one may be a password.

use std::str::FromStr;

use anyhow::Result;

use crate::{fail, toml_file};

/// What the driver takes.
const KNOWN: [&str; 19] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslmode",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Parameters of libpq with the values that ask for what happens anyway. They are not handed to the driver.
const HARMLESS: [(&str, &[&str]); 4] = [
    ("gssencmode", &["disable", "prefer"]),
    ("sslcompression", &["0", "1"]),
    ("client_encoding", &["utf8", "utf-8", "auto", "unicode"]),
    ("fallback_application_name", &[]),
];

/// Parameters that other programs write, and what to do about them here.
const FOREIGN: [(&[&str], &str); 7] = [
    (
        &["pgbouncer", "statement_cache_size", "prepare_threshold", "preparethreshold"],
        "remove it, and connect to PostgreSQL itself or to a pooler in session mode: a sync needs one session from its beginning to its end",
    ),
    (
        &["schema", "currentschema", "search_path", "searchpath"],
        "remove it: salesmart always writes to the schemas mart and etl",
    ),
    (&["connection_limit", "pool_timeout", "pool_size", "max_pool_size", "pool_mode", "sslaccept"], "remove it"),
    (&["ssl", "usessl", "requiressl"], "write sslmode=require, or sslmode=verify-full to have the certificate checked"),
    (&["database", "db"], "write the name behind the host (postgres://user@host:5432/database) or as dbname"),
    (&["username"], "write user"),
    (&["timeout", "connecttimeout"], "write connect_timeout, in seconds"),
];

/// May this be the name of a parameter?
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn is_harmless(name: &str) -> bool {
    HARMLESS.iter().any(|(known, _)| *known == name)
}

/// Refuses a harmless parameter with a value that asks for more.
///
/// # Errors
/// It does.
pub(super) fn check_harmless(name: &str, value: &str) -> Result<()> {
    match HARMLESS.iter().find(|(known, _)| *known == name) {
        Some((_, values)) if !values.is_empty() && !values.contains(&value.to_ascii_lowercase().as_str()) => fail!(
            "the database URL asks for something with `{name}` that is not supported; remove it, or set it to {}",
            values.join(" or ")
        ),
        _ => Ok(()),
    }
}

/// Refuses what the driver does not take.
///
/// # Errors
/// A parameter that it does not know, or whose value it cannot read.
pub(super) fn check(name: &str, value: &str) -> Result<()> {
    // What is no name may be a part of the password.
    if !is_name(name) {
        return Ok(());
    }
    if KNOWN.contains(&name) {
        let pair = format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
        return match postgres::Config::from_str(&pair) {
            Ok(_) => Ok(()),
            Err(_) => fail!("the database URL has a value of `{name}` that cannot be read; correct or remove it"),
        };
    }
    let lower = name.to_ascii_lowercase();
    let foreign =
        FOREIGN.iter().find(|(names, _)| names.contains(&lower.as_str())).map(|(_, advice)| (*advice).to_owned());
    let near = toml_file::nearest(&lower, KNOWN).map(|known| format!("did you mean `{known}`?"));
    let advice = foreign.or(near).unwrap_or_else(|| "remove it".to_owned());
    fail!("the database URL has a parameter `{name}` that is not known here; {advice}")
}
