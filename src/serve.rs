//! `salesmart serve`: opens the source of the figures, and runs the server of `crates/dashboard` around it.

mod staging_file;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use salesmart_dashboard::serve::{self as dashboard, Access, App};
use salesmart_dashboard::source::{self, Source};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::config::{Config, SslMode};
use crate::console::Console;
use crate::fail;
use crate::failure::Failure;
use crate::schedule::stop::Stop;
use crate::warehouse::{Warehouse, tls};
use staging_file::StagingFile;

/// Where the figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum From {
    /// The warehouse: what was pushed.
    #[default]
    Warehouse,
    /// The staging file: what was built.
    Staging,
}

/// The tables whose rows belong to regions or sum them up, in the order in which their policies read each other.
const BY_REGION: [&str; 6] =
    ["dim_region", "fact_sales", "agg_daily_sales", "dim_customer", "agg_monthly_product", "agg_customer_cohort"];

/// Serves until a signal asks for the end.
///
/// # Errors
/// The address is taken, or may not be used without logins; nothing was pushed yet; the file of logins is wrong.
pub fn run(config: &Config, from: From, listen: SocketAddr, console: &Console) -> Result<()> {
    let access = match &config.dashboard.users {
        Some(users) => Access::users(users.clone()).map_err(|error| Failure::new(format!("{error:#}")))?,
        None if listen.ip().is_loopback() => Access::Open,
        None => fail!(
            "{listen} can be reached by others, and nobody would have to log in; name a file of logins with dashboard.users in \
             salesmart.toml (docs/serving.md), or listen on 127.0.0.1"
        ),
    };
    let opened = Opened::new(config, from, &access, console)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = match TcpListener::bind(listen).await {
            Ok(listener) => listener,
            Err(error) => fail!("cannot listen on {listen}: {error}; choose another port with --listen"),
        };
        let app = App::new(config.dashboard.settings.clone(), access, opened.source(config)?);
        // Before anybody is told where it is: the first page is there at once.
        app.prepare().await.map_err(|problem| Failure::new(problem.detail()))?;
        console.step(&crate::console::Step {
            stage: "serve",
            subject: &format!("http://{}", listener.local_addr()?),
            rows: None,
            elapsed: Duration::ZERO,
            note: format!("{}; Ctrl-C ends it", opened.describe()),
        });
        dashboard::serve(listener, app, stopped()?).await
    });
    // A thread may be reading still.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// Is done when a signal asks for the end.
fn stopped() -> Result<impl Future<Output = ()> + Send + 'static> {
    let stop = Stop::listen()?;
    let (tell, told) = oneshot::channel::<()>();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        while !stop.wait(Duration::from_secs(3_600)) {}
        drop(tell);
    })?;
    Ok(async move {
        // It is never sent: the end of the thread is the sign.
        let _ = told.await;
    })
}

/// What the figures are read from, held open for as long as they are served.
enum Opened {
    Warehouse(Box<Warehouse>),
    Staging(Arc<StagingFile>),
}

impl Opened {
    fn new(config: &Config, from: From, access: &Access, console: &Console) -> Result<Self> {
        if from == From::Staging {
            if access.keeps_regions_apart() {
                fail!(
                    "the staging file knows no roles: whoever sees it sees every region; serve it without dashboard.users"
                );
            }
            return Ok(Self::Staging(Arc::new(StagingFile::new(config)?)));
        }
        let warehouse = Warehouse::open(config, console)?;
        let mut client = warehouse.connect()?;
        let is_there: bool = client.query_one("select to_regclass('mart.fact_sales') is not null", &[])?.get(0);
        if !is_there {
            fail!("nothing was pushed to {} yet; `salesmart run` first", warehouse.describe());
        }
        let may_read: bool = client
            .query_one(
                "select exists (select from pg_roles where rolname = 'salesmart_reader' and pg_has_role(oid, 'member'))",
                &[],
            )?
            .get(0);
        if !may_read {
            fail!(
                "{} may not read as salesmart_reader; have an administrator run: grant salesmart_reader to {}",
                warehouse.describe(),
                warehouse.target().driver.get_user().unwrap_or("it")
            );
        }
        if access.keeps_regions_apart() {
            keep_regions_apart(&warehouse, &mut client)?;
        }
        Ok(Self::Warehouse(Box::new(warehouse)))
    }

    fn source(&self, config: &Config) -> Result<Source> {
        let warehouse = match self {
            Self::Staging(file) => return Ok(Source::Local(Arc::clone(file) as Arc<dyn source::Local>)),
            Self::Warehouse(warehouse) => warehouse,
        };
        let target = warehouse.prepared();
        let tls = if target.tls.mode == SslMode::Disable { None } else { Some(tls::connector(&target.tls)?) };
        Ok(Source::Warehouse(source::Warehouse::new(&for_async(&target.driver), tls, config.patience.connect_timeout)?))
    }

    fn describe(&self) -> String {
        match self {
            Self::Warehouse(warehouse) => format!("from {}", warehouse.describe()),
            Self::Staging(file) => format!("from {}, not pushed yet", file.name()),
        }
    }
}

/// The same settings for the driver that the server uses. The blocking one does not give them away as they are.
fn for_async(driver: &postgres::Config) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    for host in driver.get_hosts() {
        match host {
            postgres::config::Host::Tcp(name) => config.host(name),
            #[cfg(unix)]
            postgres::config::Host::Unix(path) => config.host_path(path),
        };
    }
    for address in driver.get_hostaddrs() {
        config.hostaddr(*address);
    }
    for port in driver.get_ports() {
        config.port(*port);
    }
    if let Some(user) = driver.get_user() {
        config.user(user);
    }
    if let Some(password) = driver.get_password() {
        config.password(password);
    }
    if let Some(database) = driver.get_dbname() {
        config.dbname(database);
    }
    if let Some(options) = driver.get_options() {
        config.options(options);
    }
    if let Some(timeout) = driver.get_connect_timeout() {
        config.connect_timeout(*timeout);
    }
    config
        .ssl_mode(driver.get_ssl_mode())
        .channel_binding(driver.get_channel_binding())
        .target_session_attrs(driver.get_target_session_attrs())
        .keepalives(driver.get_keepalives())
        .keepalives_idle(driver.get_keepalives_idle());
    config
}

/// Logins with regions need PostgreSQL's policies. On the private server they are switched on here; elsewhere that is for an
/// administrator to decide, because logins that push rows without owning the tables need another right then.
fn keep_regions_apart(warehouse: &Warehouse, client: &mut postgres::Client) -> Result<()> {
    let held: i64 = client
        .query_one(
            "select count(*)
             from pg_policies
             inner join pg_class on pg_class.oid = format('%I.%I', schemaname, tablename)::regclass
             where schemaname = 'mart' and policyname = 'salesmart_regions' and tablename = any($1)",
            &[&BY_REGION.as_slice()],
        )?
        .get(0);
    if held < BY_REGION.len() as i64 {
        fail!("{} has no policies by region yet; `salesmart migrate` makes them", warehouse.describe());
    }
    let off: Vec<String> = client
        .query(
            "select relname::text from pg_class where relnamespace = 'mart'::regnamespace and relname = any($1) and not relrowsecurity",
            &[&BY_REGION.as_slice()],
        )?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let statements: Vec<String> =
        off.iter().map(|table| format!("alter table mart.{table} enable row level security;")).collect();
    match (statements.as_slice(), warehouse.embedded()) {
        ([], _) => Ok(()),
        (statements, Some(_)) => Ok(client.batch_execute(&statements.join("\n"))?),
        (statements, None) => fail!(
            "dashboard.users keeps logins to regions, but row-level security is off in {}; have the owner of the tables run (docs/serving.md):\n{}",
            warehouse.describe(),
            statements.join("\n")
        ),
    }
}
