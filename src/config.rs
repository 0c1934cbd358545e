//! Flags, environment and `salesmart.toml` into one validated [`Config`].
//!
//! Precedence: flag > environment > the chosen profile > the file's own sections > defaults. The file
//! never holds a secret: it may only name the environment variable that does.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use serde::Deserialize;

use crate::{fail, toml_file};

/// The name of the project file.
pub const FILE_NAME: &str = "salesmart.toml";

/// Everything a command needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds `salesmart.toml`; all relative paths start here.
    pub root: PathBuf,
    /// The DuckDB staging file.
    pub staging_file: PathBuf,
    /// Memory limit handed to DuckDB, such as `4GB`.
    pub memory_limit: Option<String>,
    /// Threads for parsing and for DuckDB; all cores when absent.
    pub threads: Option<usize>,
    /// Where the star schema lives.
    pub warehouse: Warehouse,
    /// What a sync may do.
    pub sync: SyncPolicy,
}

/// The PostgreSQL that holds the star schema.
#[derive(Debug, Clone)]
pub enum Warehouse {
    /// A private server, started and stopped by salesmart, with its files in this folder.
    Embedded(PathBuf),
    /// A server that somebody else runs.
    Url(SecretUrl),
}

/// Guards of the sync.
#[derive(Debug, Clone, Copy)]
pub struct SyncPolicy {
    /// A sync that would delete more than this share of a table's rows (percent) is stopped.
    pub max_delete_pct: f64,
}

/// A connection URL. Its password shows in neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The driver's configuration, password included.
    pub fn config(&self) -> Result<postgres::Config> {
        match postgres::Config::from_str(&self.0) {
            Ok(config) => Ok(config),
            // The parser's error may quote the text, and the text holds the password.
            Err(_) => fail!(
                "the database URL cannot be read; expected postgres://user:password@host:5432/database (set in {})",
                "DATABASE_URL or --database-url"
            ),
        }
    }
}

impl FromStr for SecretUrl {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match postgres::Config::from_str(&self.0) {
            Ok(config) => f.write_str(&describe(&config)),
            Err(_) => f.write_str("(unreadable URL)"),
        }
    }
}

/// `user@host:port/database` of a driver configuration: everything but the password.
pub fn describe(config: &postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        // An unescaped @ in a password leaves its rest before the host.
        Some(postgres::config::Host::Tcp(name)) => name.rsplit('@').next().unwrap_or_default().to_owned(),
        #[cfg(unix)]
        Some(postgres::config::Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().unwrap_or("?");
    let database = config.get_dbname().unwrap_or(user);
    format!("{user}@{host}:{port}/{database}")
}

/// What the command line says about configuration.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Project folder; found upwards from the current one when absent.
    pub project: Option<PathBuf>,
    /// Profile in `salesmart.toml`.
    pub profile: Option<String>,
    /// Connection URL.
    pub database_url: Option<SecretUrl>,
    /// Threads.
    pub threads: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    staging: StagingSection,
    #[serde(default)]
    warehouse: WarehouseSection,
    #[serde(default)]
    sync: SyncSection,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    #[serde(default)]
    staging: StagingSection,
    #[serde(default)]
    warehouse: WarehouseSection,
    #[serde(default)]
    sync: SyncSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StagingSection {
    file: Option<PathBuf>,
    memory_limit: Option<String>,
    threads: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WarehouseSection {
    embedded_dir: Option<PathBuf>,
    database_url_env: Option<String>,
    // Known only so that the error can say why they must not be here.
    url: Option<toml::Value>,
    database_url: Option<toml::Value>,
    password: Option<toml::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncSection {
    max_delete_pct: Option<f64>,
}

impl Config {
    /// Finds and reads the project file, then applies profile, environment and flags.
    pub fn load(overrides: &Overrides) -> Result<Self> {
        let root = find_root(overrides.project.as_deref())?;
        let path = root.join(FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => fail!("cannot read {}: {error}", path.display()),
        };
        let mut file: File = toml_file::parse(&path, &text)?;
        let profile = match &overrides.profile {
            None => Profile::default(),
            Some(name) => chosen_profile(&mut file.profiles, name, &path)?,
        };
        for section in [&file.warehouse, &profile.warehouse] {
            refuse_secrets(section, &path)?;
        }

        let max_delete_pct = profile.sync.max_delete_pct.or(file.sync.max_delete_pct).unwrap_or(5.0);
        if !(0.0..=100.0).contains(&max_delete_pct) {
            fail!("{}: sync.max_delete_pct is a percentage from 0 to 100, not {max_delete_pct}", path.display());
        }
        let threads = overrides.threads.or(profile.staging.threads).or(file.staging.threads);
        if threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            fail!("threads must be from 1 to 1024 (from --threads or staging.threads in {})", path.display());
        }
        let url_env = profile.warehouse.database_url_env.or(file.warehouse.database_url_env);
        let embedded_dir = profile.warehouse.embedded_dir.or(file.warehouse.embedded_dir);
        let warehouse = match database_url(overrides, url_env.as_deref())? {
            Some(url) => Warehouse::Url(url),
            None => Warehouse::Embedded(root.join(embedded_dir.unwrap_or_else(|| "data/postgres".into()))),
        };
        let staging_file = profile.staging.file.or(file.staging.file);
        Ok(Self {
            staging_file: root.join(staging_file.unwrap_or_else(|| "data/staging.duckdb".into())),
            memory_limit: profile.staging.memory_limit.or(file.staging.memory_limit),
            threads,
            warehouse,
            sync: SyncPolicy { max_delete_pct },
            root,
        })
    }

    /// A path as the user would write it: relative to the project where it lies inside.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

fn chosen_profile(profiles: &mut BTreeMap<String, Profile>, name: &str, path: &Path) -> Result<Profile> {
    if let Some(profile) = profiles.remove(name) {
        return Ok(profile);
    }
    let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
    let advice = match known.as_slice() {
        [] => format!("add a section [profiles.{name}]"),
        known => format!("known profiles: {}", known.join(", ")),
    };
    fail!("{}: there is no profile `{name}`; {advice}", path.display())
}

fn refuse_secrets(section: &WarehouseSection, path: &Path) -> Result<()> {
    let secrets = [("url", &section.url), ("database_url", &section.database_url), ("password", &section.password)];
    for (key, value) in secrets {
        if value.is_some() {
            fail!(
                "{}: warehouse.{key} does not belong in this file, because files are shared; set DATABASE_URL in the \
                 environment, or name your own variable with warehouse.database_url_env",
                path.display()
            );
        }
    }
    Ok(())
}

/// The flag, else the variable that the file names (an unset one is an error: a profile for production
/// must not fall back to another database), else `DATABASE_URL`.
fn database_url(overrides: &Overrides, named: Option<&str>) -> Result<Option<SecretUrl>> {
    let from_env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(SecretUrl);
    match (&overrides.database_url, named) {
        (Some(url), _) => Ok(Some(url.clone())),
        (None, Some(name)) => match from_env(name) {
            Some(url) => Ok(Some(url)),
            None => fail!("the environment variable {name}, named by warehouse.database_url_env, is not set"),
        },
        (None, None) => Ok(from_env("DATABASE_URL")),
    }
}

/// `--project`, else the nearest folder upwards that holds a `salesmart.toml`.
fn find_root(project: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = project {
        if !folder.join(FILE_NAME).is_file() {
            fail!(
                "{} is not a salesmart project: it has no {FILE_NAME}; make one with `salesmart init {}`",
                folder.display(),
                folder.display()
            );
        }
        return Ok(std::path::absolute(folder)?);
    }
    let here = std::env::current_dir()?;
    match here.ancestors().find(|folder| folder.join(FILE_NAME).is_file()) {
        Some(folder) => Ok(folder.to_owned()),
        None => fail!(
            "no {FILE_NAME} here or in a folder above {}; make a project with `salesmart init DIR`, or name one with --project",
            here.display()
        ),
    }
}
