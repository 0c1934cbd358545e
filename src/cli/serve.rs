//! `salesmart serve`

use std::io::{BufRead, IsTerminal, Write};
use std::net::SocketAddr;

use anyhow::Result;
use salesmart_base::config::parse_listen;
use salesmart_base::fail;
use salesmart_server as dashboard;

use super::Global;
use crate::console::Console;
use crate::serve;
use crate::serve::From;
use crate::stdout::say;

/// Serve the dashboard and its API.
///
/// Pages for people, /api/v1 for programs (described at /api/v1/docs), /healthz, /readyz and /metrics for whoever watches it. It reads
/// the warehouse, holds what it has read in memory, and reads anew after every sync; open pages follow by themselves. SIGTERM or
/// Ctrl-C ends it when open requests are answered.
///
/// Without logins everybody who reaches the address sees everything, so it listens on this machine only. For others, name a file of logins
/// with dashboard.users in salesmart.toml (docs/serving.md), and put a proxy with TLS in front.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port; dashboard.listen in salesmart.toml, else 127.0.0.1:8080. Port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    pub listen: Option<SocketAddr>,
    /// What to show: the warehouse, or the models as they are built in the staging file and not pushed yet
    #[arg(long, value_enum, default_value_t)]
    pub from: From,
    /// Read a password from standard input and print the hash of it for the file of logins; serve nothing
    #[arg(long, conflicts_with_all = ["new_token", "listen"])]
    pub hash_password: bool,
    /// Make a token for programs and print it with the fingerprint for the file of logins; serve nothing
    #[arg(long, conflicts_with = "listen")]
    pub new_token: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    if args.hash_password {
        return hash_password();
    }
    if args.new_token {
        let token = dashboard::new_secret()?;
        say(&format!(
            "token   {token}\nsha256  {}\nThe token is shown only now. Put the second line into dashboard.users: [tokens.NAME] sha256 = \"…\"",
            dashboard::fingerprint(&token)
        ));
        return Ok(());
    }
    let config = global.config()?;
    let listen = args.listen.unwrap_or(config.dashboard.listen);
    serve::run(&config, args.from, listen, console)
}

fn hash_password() -> Result<()> {
    if std::io::stdin().is_terminal() {
        // It is shown while it is typed; a file or a pipe is the other way.
        write!(std::io::stderr(), "password: ")?;
        std::io::stderr().flush()?;
    }
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    match dashboard::hash_password(password.trim_end_matches(['\r', '\n'])) {
        Ok(hash) => say(&hash),
        Err(error) => fail!("{error}"),
    }
    Ok(())
}
