//! `salesmart psql`

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use postgres::config::{Host, TargetSessionAttrs};
use salesmart_base::config::{Roots, SslMode, Tls};
use salesmart_base::fail;
use salesmart_warehouse::Warehouse;
use salesmart_warehouse::embedded::signals;

use super::Global;
use crate::console::Console;

/// Open psql on the warehouse.
///
/// Starts the private server for as long as the shell is open, or connects to the configured one. All arguments go to psql:
/// salesmart psql -c "select count(*) from mart.fact_sales". Options of salesmart itself come first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Arguments for psql
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub args: Vec<OsString>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let warehouse = Warehouse::open(&config, console)?;
    let target = &warehouse.target().driver;
    let program = match warehouse.embedded() {
        Some(embedded) if embedded.bin().join("psql").is_file() => embedded.bin().join("psql"),
        _ => PathBuf::from("psql"),
    };
    let mut psql = Command::new(&program);
    // In the environment, not on the command line, which other users can read.
    if let Some(password) = target.get_password() {
        psql.env("PGPASSWORD", OsString::from(String::from_utf8_lossy(password).into_owned()));
    }
    // Of several hosts psql takes the first that answers, as salesmart does.
    if !target.get_hosts().is_empty() {
        let hosts: Vec<OsString> = target
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.into(),
                #[cfg(unix)]
                Host::Unix(path) => path.into(),
            })
            .collect();
        psql.env("PGHOST", hosts.join(OsStr::new(",")));
    }
    if !target.get_ports().is_empty() {
        let ports: Vec<String> = target.get_ports().iter().map(u16::to_string).collect();
        psql.env("PGPORT", ports.join(","));
    }
    psql.env(
        "PGTARGETSESSIONATTRS",
        match target.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => "read-write",
            TargetSessionAttrs::ReadOnly => "read-only",
            _ => "any",
        },
    );
    if let Some(user) = target.get_user() {
        psql.env("PGUSER", user);
    }
    if let Some(database) = target.get_dbname() {
        psql.env("PGDATABASE", database);
    }
    encrypt(&mut psql, &warehouse.target().tls);
    psql.env("PGOPTIONS", "-c search_path=mart,etl,public");
    signals::leave_interrupts();
    let status = match psql.args(&args.args).status() {
        Ok(status) => status,
        Err(error) => fail!(
            "cannot start {}: {error}; install the PostgreSQL client (Debian/Ubuntu: apt-get install postgresql-client)",
            program.display()
        ),
    };
    match status.success() {
        true => Ok(()),
        false => fail!("psql on {} ended with {status}", warehouse.address()),
    }
}

/// Hands on what the URL asks of the encryption.
fn encrypt(psql: &mut Command, tls: &Tls) {
    psql.env("PGSSLMODE", tls.mode.name()).env_remove("PGSSLROOTCERT");
    if tls.mode < SslMode::VerifyCa {
        return;
    }
    match &tls.roots {
        Roots::File(path) => psql.env("PGSSLROOTCERT", path),
        // psql knows `system` since version 16; its libraries keep the same certificates in one of these files.
        Roots::System => {
            let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
            let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
            let file = named.into_iter().chain(usual.map(PathBuf::from)).find(|file| file.is_file());
            psql.env("PGSSLROOTCERT", file.unwrap_or_else(|| "system".into()))
        }
    };
}
