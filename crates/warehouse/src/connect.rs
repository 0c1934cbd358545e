//! Opens connections, tries again if the reason may pass, and says in plain words why one cannot be opened.

use std::error::Error as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use postgres::config::Host;
use postgres::error::SqlState;
use postgres::{Client, NoTls};
use salesmart_base::config::{Patience, SslMode, Target};
use salesmart_base::event::{Event, Observer};
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::notices::Notices;
use super::timeouts::setting;
use super::{hosts, tls};

/// The oldest server version that works, as PostgreSQL numbers it.
const OLDEST: i32 = 150_000;

/// The wait before the first further try; doubled before each one after that.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest of those waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a silent connection is believed in before the system asks whether the other end is there, and between its questions.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// A connection, and how it was reached: of several hosts, the one that answered.
pub struct Opened {
    /// The connection.
    pub client: Client,
    /// Its host.
    pub target: Target,
}

/// Connects and checks that the server is one that can be written to. What the server remarks on the connection goes to `notices`.
///
/// # Errors
/// One message per cause: not reachable, wrong password, no such database, certificate, too old, read-only.
pub fn open(target: &Target, patience: &Patience, notices: &Notices, observer: &dyn Observer) -> Result<Opened> {
    let mut targets: Vec<Target> = hosts::each(target).iter().map(|target| prepared(target, patience)).collect();
    for target in &mut targets {
        let notices = notices.clone();
        target.driver.notice_callback(move |said| notices.keep(&said));
    }
    let mut pause = FIRST_PAUSE;
    let mut tries_left = patience.connect_retries;
    let Opened { mut client, target } = loop {
        let refusals = match first_host(&targets, patience.connect_timeout)? {
            Ok(opened) => break opened,
            Err(refusals) => refusals,
        };
        if tries_left == 0 || !refusals.iter().any(|(_, refusal)| refusal.may_pass()) {
            return Err(explain_all(&refusals));
        }
        tries_left -= 1;
        let causes: Vec<String> = refusals.iter().map(|(_, refusal)| refusal.cause()).collect();
        let hosts: Vec<String> = targets.iter().map(Target::describe).collect();
        let (target, cause) = (hosts.join(" or "), causes.join("; "));
        observer.observe(&Event::ConnectRetried { target, cause, pause });
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    settle(&mut client, patience)?;
    check(&mut client, &target, targets.len())?;
    Ok(Opened { client, target })
}

/// The first of the hosts that lets this login in, as libpq and the driver do it.
fn first_host(targets: &[Target], timeout: Duration) -> Result<Result<Opened, Vec<(Target, Refusal)>>> {
    let mut refusals = Vec::new();
    for target in targets {
        match connect(target, timeout)? {
            Ok(client) => return Ok(Ok(Opened { client, target: target.clone() })),
            Err(refusal) => refusals.push((target.clone(), refusal)),
        }
    }
    Ok(Err(refusals))
}

/// The target with what the driver has to be told.
pub fn prepared(target: &Target, patience: &Patience) -> Target {
    let mut target = target.clone();
    #[cfg(unix)]
    if matches!(target.driver.get_hosts().first(), Some(Host::Unix(_))) {
        // Nobody listens in between, and the server would not encrypt.
        target.tls.mode = SslMode::Disable;
    }
    let driver = &mut target.driver;
    driver.ssl_mode(match target.tls.mode {
        SslMode::Disable => postgres::config::SslMode::Disable,
        SslMode::Prefer => postgres::config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => postgres::config::SslMode::Require,
    });
    if driver.get_connect_timeout().is_none() {
        driver.connect_timeout(patience.connect_timeout);
    }
    if driver.get_application_name().is_none() {
        driver.application_name(&format!("salesmart {} (pid {})", env!("CARGO_PKG_VERSION"), std::process::id()));
    }
    let (idle, interval, retries) = KEEPALIVE;
    if driver.get_keepalives_interval().is_none() && driver.get_keepalives_retries().is_none() {
        // No tcp_user_timeout: it would also cut a server off that is alive and takes its time to read.
        driver.keepalives_idle(idle).keepalives_interval(interval).keepalives_retries(retries);
    }
    target
}

/// Why a connection was not opened.
enum Refusal {
    Driver(postgres::Error),
    Silent(Duration),
}

/// One try. It is made in a thread of its own, because the driver's timeout ends with the TCP connection: a server, or what
/// stands before it, may accept that and then say nothing.
fn connect(target: &Target, timeout: Duration) -> Result<Result<Client, Refusal>> {
    let (driver, mode) = (target.driver.clone(), target.tls.mode);
    let connector = if mode == SslMode::Disable { None } else { Some(tls::connector(&target.tls)?) };
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("connect".to_owned()).spawn(move || {
        let opened = first(&by_address(&driver), |driver| match &connector {
            None => driver.connect(NoTls),
            Some(connector) => encrypted(driver, mode, connector.clone()),
        });
        // If nobody waits any more, the connection is closed.
        drop(sender.send(opened));
    })?;
    match receiver.recv_timeout(timeout) {
        Ok(opened) => Ok(opened.map_err(Refusal::Driver)),
        Err(mpsc::RecvTimeoutError::Timeout) => Ok(Err(Refusal::Silent(timeout))),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(anyhow!("the thread that connects panicked")),
    }
}

fn encrypted(
    driver: &postgres::Config,
    mode: SslMode,
    connector: MakeRustlsConnect,
) -> Result<Client, postgres::Error> {
    match driver.connect(connector) {
        // As libpq does it: preferred is not required. A server may also refuse the login because it is encrypted.
        Err(error) if mode == SslMode::Prefer && (is_tls(&error) || is_unlisted(&error)) => {
            tracing::debug!("not encrypted: {}", cause(&error));
            let mut driver = driver.clone();
            // What it says to an unencrypted login may only be that it is not encrypted.
            driver.ssl_mode(postgres::config::SslMode::Disable).connect(NoTls).map_err(|_| error)
        }
        opened => opened,
    }
}

/// One configuration per address of the host. The driver would try a second address also after the server at the first one had
/// said no, and report what the second one said: for `localhost` mostly that nobody listens there.
fn by_address(driver: &postgres::Config) -> Vec<postgres::Config> {
    let whole = vec![driver.clone()];
    let [Host::Tcp(name)] = driver.get_hosts() else { return whole };
    if !driver.get_hostaddrs().is_empty() {
        return whole;
    }
    let port = driver.get_ports().first().copied().unwrap_or(5432);
    // The driver says best why there is no address.
    let Ok(addresses) = (name.as_str(), port).to_socket_addrs() else { return whole };
    let addresses: Vec<SocketAddr> = addresses.collect();
    let share = driver.get_connect_timeout().map(|timeout| *timeout / addresses.len().max(1) as u32);
    let at = |address: &SocketAddr| {
        let mut driver = driver.clone();
        driver.hostaddr(address.ip());
        if let Some(share) = share {
            driver.connect_timeout(share);
        }
        driver
    };
    if addresses.is_empty() { whole } else { addresses.iter().map(at).collect() }
}

/// The first of them (there is one) that somebody answers at.
fn first(
    drivers: &[postgres::Config],
    open: impl Fn(&postgres::Config) -> Result<Client, postgres::Error>,
) -> Result<Client, postgres::Error> {
    let mut opened = open(&drivers[0]);
    for driver in &drivers[1..] {
        match &opened {
            Err(error) if is_unreachable(error) => opened = open(driver),
            _ => break,
        }
    }
    opened
}

fn settle(client: &mut Client, patience: &Patience) -> Result<()> {
    // Text forms of times must not depend on the server's settings. Its limits for sessions and transactions that wait are meant for
    // forgotten ones; this one computes meanwhile. Only newer servers know the last of them.
    client.batch_execute(&format!(
        "set timezone = 'UTC'; set datestyle = 'ISO'; set statement_timeout = {}; set lock_timeout = {};
         set idle_session_timeout = 0; set idle_in_transaction_session_timeout = 0;
         select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'",
        patience.statement_timeout.as_millis(),
        patience.lock_timeout.as_millis()
    ))?;
    Ok(())
}

fn check(client: &mut Client, target: &Target, hosts: usize) -> Result<()> {
    let version: i32 = setting(client, "server_version_num")?.parse()?;
    if version < OLDEST {
        fail!(
            "the server at {} is PostgreSQL {}; salesmart needs 15 or newer",
            target.describe(),
            setting(client, "server_version")?
        );
    }
    // SQL_ASCII takes all bytes as they are.
    let encoding = setting(client, "server_encoding")?;
    if !["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        fail!(
            "the database at {} keeps texts as {encoding}, which has no place for every character; make one with `create database NAME \
             encoding 'UTF8' template template0` and use that",
            target.describe()
        );
    }
    if setting(client, "transaction_read_only")? == "on" {
        fail!(
            "the server at {} takes no writes (a replica, or default_transaction_read_only is on); connect to the primary{}",
            target.describe(),
            if hosts > 1 { ", or add target_session_attrs=read-write to the URL" } else { "" }
        );
    }
    Ok(())
}

impl Refusal {
    /// May it be otherwise in a moment, without anybody doing anything?
    fn may_pass(&self) -> bool {
        let error = match self {
            Self::Silent(_) => return true,
            Self::Driver(error) => error,
        };
        if let Some(code) = error.code() {
            return [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS].contains(code);
        }
        match io_error(error).map(io::Error::kind) {
            // In the middle of a handshake it is the server's word.
            Some(io::ErrorKind::UnexpectedEof) => !is_tls(error),
            Some(kind) => matches!(
                kind,
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            ),
            // The server hung up before it had answered.
            None => error.is_closed(),
        }
    }

    fn cause(&self) -> String {
        match self {
            Self::Silent(timeout) => {
                format!("it did not answer within {}", humantime::format_duration(*timeout))
            }
            Self::Driver(error) => cause(error),
        }
    }
}

fn cause(error: &postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(source)) => source.to_string(),
        (None, None) => error.to_string(),
    }
}

fn io_error(error: &postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// Did nobody accept the TCP connection? The driver says so in its text only.
fn is_unreachable(error: &postgres::Error) -> bool {
    error.to_string() == "error connecting to server"
}

/// Did the handshake fail, or was there none? The driver says so in its text only.
fn is_tls(error: &postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

/// Does the server not let this kind of login in?
fn is_unlisted(error: &postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// What rustls objects to.
fn certificate(error: &postgres::Error) -> Option<(String, &'static str)> {
    io_error(error)?.get_ref()?.downcast_ref().and_then(tls::explain)
}

/// One message for all hosts that refused.
fn explain_all(refusals: &[(Target, Refusal)]) -> anyhow::Error {
    let messages: Vec<String> = refusals.iter().map(|(target, refusal)| explain(target, refusal)).collect();
    let message = messages.join("\n");
    match refusals.iter().any(|(_, refusal)| refusal.may_pass()) {
        true => Failure::transient(message).into(),
        false => Failure::new(message).into(),
    }
}

fn explain(target: &Target, refusal: &Refusal) -> String {
    let (cause, advice) = match refusal {
        Refusal::Silent(_) => (
            refusal.cause(),
            "is it overloaded, or does a firewall swallow the connection? (warehouse.connect_timeout)",
        ),
        Refusal::Driver(error) => match certificate(error) {
            Some(explained) => explained,
            None => (refusal.cause(), advice(target, error)),
        },
    };
    format!("cannot connect to PostgreSQL at {}: {cause}; {advice}", target.describe())
}

fn advice(target: &Target, error: &postgres::Error) -> &'static str {
    let Some(code) = error.code() else {
        let cause = cause(error);
        return match () {
            () if cause.contains("does not support TLS") => {
                "switch it on there (ssl = on), or use sslmode=prefer or disable over a network that you trust"
            }
            () if is_tls(error) => {
                "is there a PostgreSQL at that port that takes TLS 1.2 or 1.3? sslmode says what is asked of it"
            }
            () if cause.contains("password missing") => "put the password into the database URL",
            () => "is the server running, and is host and port right?",
        };
    };
    let is_encrypted = target.tls.mode > SslMode::Prefer;
    match code {
        code if *code == SqlState::INVALID_PASSWORD => "check user and password in the database URL",
        code if is_unlisted(error) => match (code, cause(error)) {
            (_, said) if !said.contains("pg_hba.conf") => "check user and password in the database URL",
            _ if is_encrypted => {
                "its pg_hba.conf does not let this user, host and database in; ask its administrator for a line"
            }
            _ => {
                "its pg_hba.conf does not let this user, host and database in (does it ask for encryption? sslmode=require); ask its administrator for a line"
            }
        },
        code if *code == SqlState::INVALID_CATALOG_NAME => "create the database first: createdb NAME",
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "the login needs `grant connect on database`; see docs/warehouse.md"
        }
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "all connections are taken; try again later, or raise max_connections there"
        }
        code if *code == SqlState::CANNOT_CONNECT_NOW => "the server is starting or stopping; try again in a moment",
        _ => "see the server's log",
    }
}
