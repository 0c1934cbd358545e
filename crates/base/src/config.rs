//! Flags, environment and `salesmart.toml` into one validated [`Config`].
//!
//! Precedence: flag > environment > the chosen profile > the file's own sections > defaults. The file
//! never holds a secret: it may only name the environment variable that does.

mod dashboard;
mod database_url;
mod memory;
mod money;
mod project_paths;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::{fail, toml_file};

pub use dashboard::{Dashboard, parse_listen};
pub use database_url::{Roots, SecretUrl, SslMode, Target, Tls, describe};
pub use memory::{MemoryLimit, is_out_of_memory, is_temporary_storage_full};
pub use money::MoneyScale;
pub use project_paths::ProjectPaths;

/// The name of the project file.
pub const FILE_NAME: &str = "salesmart.toml";

/// Everything a command needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds `salesmart.toml`; all relative paths start here.
    pub root: PathBuf,
    /// Where the files that contracts and tests name may lie.
    pub paths: ProjectPaths,
    /// The DuckDB staging file.
    pub staging_file: PathBuf,
    /// How much memory DuckDB may take.
    pub memory: MemoryLimit,
    /// Threads for parsing and for DuckDB; all cores when absent.
    pub threads: Option<usize>,
    /// Where the star schema lives.
    pub warehouse: Warehouse,
    /// How long to wait for it.
    pub patience: Patience,
    /// Decimal places of money.
    pub money: MoneyScale,
    /// What a sync may do.
    pub sync: SyncPolicy,
    /// What `salesmart serve` shows, and to whom.
    pub dashboard: Dashboard,
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

/// How long to wait for the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection to be open and the login accepted.
    pub connect_timeout: Duration,
    /// So many times a connection is tried again that cannot be opened for a reason that may pass.
    pub connect_retries: u32,
    /// For one statement; zero is for ever.
    pub statement_timeout: Duration,
    /// For a lock that somebody else holds; zero is for ever.
    pub lock_timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            connect_retries: 3,
            statement_timeout: Duration::from_secs(30 * 60),
            lock_timeout: Duration::from_secs(60),
        }
    }
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
    dashboard: dashboard::Section,
    #[serde(default)]
    money: money::Section,
    #[serde(default)]
    paths: project_paths::Section,
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
    #[serde(default)]
    dashboard: dashboard::Section,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StagingSection {
    file: Option<PathBuf>,
    memory_limit: Option<memory::Size>,
    threads: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WarehouseSection {
    embedded_dir: Option<PathBuf>,
    database_url_env: Option<String>,
    connect_timeout: Option<String>,
    connect_retries: Option<u32>,
    statement_timeout: Option<String>,
    lock_timeout: Option<String>,
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
        let patience = patience(&profile.warehouse, &file.warehouse, &path)?;
        let url_env = profile.warehouse.database_url_env.or(file.warehouse.database_url_env);
        let embedded_dir = profile.warehouse.embedded_dir.or(file.warehouse.embedded_dir);
        let warehouse = match database_url(overrides, url_env.as_deref())? {
            Some(url) => Warehouse::Url(url),
            None => Warehouse::Embedded(root.join(embedded_dir.unwrap_or_else(|| "data/postgres".into()))),
        };
        let paths = ProjectPaths::new(&root, &file.paths);
        paths.check_sources()?;
        let staging_file =
            root.join(profile.staging.file.or(file.staging.file).unwrap_or_else(|| "data/staging.duckdb".into()));
        if staging_file.starts_with(&root)
            && let Err(reason) = paths.check(&staging_file)
        {
            fail!("{reason}");
        }
        Ok(Self {
            staging_file,
            memory: MemoryLimit::new(profile.staging.memory_limit.or(file.staging.memory_limit), threads),
            threads,
            warehouse,
            patience,
            money: MoneyScale::new(&file.money, &path)?,
            sync: SyncPolicy { max_delete_pct },
            dashboard: Dashboard::new(profile.dashboard, file.dashboard, &root, &path)?,
            root,
            paths,
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

/// The profile's values, else the file's, else the defaults.
fn patience(profile: &WarehouseSection, file: &WarehouseSection, path: &Path) -> Result<Patience> {
    // PostgreSQL counts its timeouts in milliseconds, in 31 bits.
    const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
    let duration = |key: &str, value: Option<&String>, default: Duration| -> Result<Duration> {
        let Some(text) = value else { return Ok(default) };
        match humantime::parse_duration(text) {
            Ok(duration) if duration <= LONGEST && (duration.is_zero() || duration.as_millis() > 0) => Ok(duration),
            _ => fail!(
                "{}: warehouse.{key} is a duration up to 24 days, such as \"10s\" or \"30min\", not \"{text}\"",
                path.display()
            ),
        }
    };
    let default = Patience::default();
    let either = |of: fn(&WarehouseSection) -> Option<&String>| of(profile).or(of(file));
    let patience = Patience {
        connect_timeout: duration(
            "connect_timeout",
            either(|section| section.connect_timeout.as_ref()),
            default.connect_timeout,
        )?,
        connect_retries: profile.connect_retries.or(file.connect_retries).unwrap_or(default.connect_retries),
        statement_timeout: duration(
            "statement_timeout",
            either(|section| section.statement_timeout.as_ref()),
            default.statement_timeout,
        )?,
        lock_timeout: duration("lock_timeout", either(|section| section.lock_timeout.as_ref()), default.lock_timeout)?,
    };
    if patience.connect_timeout.is_zero() {
        fail!("{}: warehouse.connect_timeout cannot be zero: no server answers at once", path.display());
    }
    if patience.connect_retries > 20 {
        fail!("{}: warehouse.connect_retries is at most 20, not {}", path.display(), patience.connect_retries);
    }
    Ok(patience)
}

/// The flag, else the variable that the file names (an unset one is an error: a profile for production
/// must not fall back to another database), else `DATABASE_URL`.
fn database_url(overrides: &Overrides, named: Option<&str>) -> Result<Option<SecretUrl>> {
    let from_env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(SecretUrl::from);
    match (&overrides.database_url, named) {
        (Some(url), _) => Ok(Some(url.clone())),
        (None, Some(name)) => match from_env(name) {
            Some(url) => Ok(Some(url)),
            None => fail!("the environment variable {name}, named by warehouse.database_url_env, is not set"),
        },
        // An empty one is a secret that did not arrive: a private PostgreSQL in its place would go unnoticed.
        (None, None) if std::env::var_os("DATABASE_URL").is_some_and(|value| value.is_empty()) => fail!(
            "DATABASE_URL is set, but empty; set it to the URL of the warehouse, or unset it to use a private PostgreSQL"
        ),
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
