//! The source of the figures, opened: the warehouse with its policies looked at, or the staging file.

mod staging_file;

use std::sync::Arc;

use anyhow::Result;
use salesmart_base::config::{Config, SslMode};
use salesmart_base::event::Observer;
use salesmart_base::fail;
use salesmart_metrics::money;
use salesmart_metrics::source;
use salesmart_metrics::source::{BY_REGION, Source};
use salesmart_warehouse::{Warehouse, tls};

use staging_file::StagingFile;

/// Whether some may see only some regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regions {
    /// Everybody sees all.
    Together,
    /// PostgreSQL's policies must hold.
    Apart,
}

/// What the figures are read from, held open for as long as somebody reads.
pub enum Opened<'a> {
    /// The warehouse.
    Warehouse(Box<Warehouse<'a>>),
    /// The staging file.
    Staging(Arc<StagingFile>),
}

impl<'a> Opened<'a> {
    /// Opens the models of the staging file.
    ///
    /// # Errors
    /// There is no staging file, or nothing was built; regions are to be kept apart, which only PostgreSQL does.
    pub fn staging(config: &Config, regions: Regions) -> Result<Self> {
        if regions == Regions::Apart {
            fail!(
                "the staging file knows no roles: whoever sees it sees every region; serve it without dashboard.users"
            );
        }
        money::set_scale(config.money.places());
        Ok(Self::Staging(Arc::new(StagingFile::new(config)?)))
    }

    /// Opens the warehouse, and looks whether it holds what `regions` needs.
    ///
    /// # Errors
    /// It cannot be reached, nothing was pushed to it, or its login lacks a right.
    pub fn warehouse(config: &Config, regions: Regions, observer: &'a dyn Observer) -> Result<Self> {
        money::set_scale(config.money.places());
        let warehouse = Warehouse::open(config, observer)?;
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
        // On the private server it costs nothing, and a role may be added later.
        if regions == Regions::Apart || warehouse.embedded().is_some() {
            keep_regions_apart(&warehouse, &mut client, regions)?;
        }
        Ok(Self::Warehouse(Box::new(warehouse)))
    }

    /// What figures are read from.
    pub fn source(&self, config: &Config) -> Result<Source> {
        let warehouse = match self {
            Self::Staging(file) => return Ok(Source::Local(Arc::clone(file) as Arc<dyn source::Local>)),
            Self::Warehouse(warehouse) => warehouse,
        };
        let target = warehouse.prepared();
        let tls = if target.tls.mode == SslMode::Disable { None } else { Some(tls::connector(&target.tls)?) };
        Ok(Source::Warehouse(source::Warehouse::new(&for_async(&target.driver), tls, config.patience.connect_timeout)?))
    }

    /// Where figures come from, in words.
    pub fn describe(&self) -> String {
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
fn keep_regions_apart(warehouse: &Warehouse<'_>, client: &mut postgres::Client, regions: Regions) -> Result<()> {
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
        if regions == Regions::Together {
            return Ok(());
        }
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
