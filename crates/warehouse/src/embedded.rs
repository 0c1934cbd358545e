//! The private PostgreSQL: made on first use, started on demand, stopped by its last user.
//!
//! Only its owner gets in: it listens on the loopback interface alone, its socket lies in its own data folder
//! (mode 0700), and both ask for a generated password kept in a file of mode 0600.
//!
//! Several salesmart processes may use it at once. Each holds a shared lock on `users.lock`; whoever leaves and
//! can lock that file alone was the last, and stops the server. A killed process leaves its lock to the system,
//! so a server that outlived its users is found, used and stopped by the next one.

mod cluster;
pub mod signals;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use salesmart_base::config::{Patience, Target};
use salesmart_base::event::{Event, Observer};
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_base::notice::{self, Notice};

use self::cluster::{Paths, checked, cluster_folder, command, initialise, make_folder, start_server};
use super::connect;
use super::notices::Notices;
use super::owner::Owner;
use super::server_files::{self, ServerFiles};

/// The login, and the database, of the embedded warehouse.
const NAME: &str = "salesmart";

/// Does the server wait for the disk before it says "committed"?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Yes.
    Full,
    /// No: a power cut may destroy it. For throw-away clusters of tests.
    None,
}

/// A running private server.
pub struct Embedded {
    shared: Arc<Shared>,
    port: u16,
    password: String,
}

/// What is needed to stop the server, also from the thread that waits for signals.
struct Shared {
    paths: Paths,
    files: ServerFiles,
    owner: Option<Owner>,
    /// The shared lock; taken out when this process is done.
    user: Mutex<Option<File>>,
}

impl Embedded {
    /// Starts the server in `folder`, or joins it if it runs. The first start makes the cluster.
    pub fn start(folder: &Path, observer: &dyn Observer) -> Result<Self> {
        Self::start_with(folder, Durability::Full, observer)
    }

    /// [`start`](Self::start) with a choice of durability.
    pub fn start_with(folder: &Path, durability: Durability, observer: &dyn Observer) -> Result<Self> {
        make_folder(folder)?;
        let starting = lock_file(folder, "start.lock")?;
        starting.lock().with_context(|| format!("cannot lock {}", folder.display()))?;

        let owner = Owner::needed(folder)?;
        let paths = Paths { state: folder.to_owned(), cluster: cluster_folder(folder, owner)? };
        let files = server_files::find(paths.major()?)?;
        if paths.major()?.is_none() {
            observer.observe(&Event::EmbeddedCreated { major: files.major, folder: &paths.cluster });
            initialise(&paths, &files, owner, durability)?;
        }
        let password = std::fs::read_to_string(paths.password()).map_err(|error| {
            Failure::new(format!(
                "cannot read the password of the embedded warehouse in {}: {error}; without it the warehouse cannot be opened: move {} away \
                 to have it built anew",
                paths.password().display(),
                paths.cluster.display()
            ))
        })?;
        let user = lock_file(folder, "users.lock")?;
        if paths.running_port().is_none() && user.try_lock().is_err() {
            fail!(
                "{} is used by another salesmart, and its server cannot be seen from here (is it in another container?); wait for it to \
                 end, then run again",
                paths.cluster.display()
            );
        }
        user.lock_shared().context("cannot lock users.lock")?;
        let shared = Arc::new(Shared { paths, files, owner, user: Mutex::new(Some(user)) });
        // Before the start, so that a signal in the middle of it finds somebody who stops the server again.
        signals::stop_on_signals(Arc::clone(&shared))?;
        let port = match shared.paths.running_port() {
            Some(port) => port,
            None => start_server(&shared.paths, &shared.files, owner)?,
        };
        drop(starting);

        let embedded = Self { shared, port, password: password.trim().to_owned() };
        embedded.make_database(observer)?;
        Ok(embedded)
    }

    /// How to connect as the owner.
    pub fn config(&self) -> Result<postgres::Config> {
        Ok(self.config_for(NAME))
    }

    /// How to connect to one of its databases.
    pub fn config_for(&self, database: &str) -> postgres::Config {
        let mut config = postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(NAME).password(&self.password).dbname(database);
        config
    }

    /// The port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The file that holds the password, for people who set up a BI tool.
    pub fn password_file(&self) -> PathBuf {
        self.shared.paths.password()
    }

    /// The folder of `psql` and the server programs.
    pub fn bin(&self) -> &Path {
        &self.shared.files.bin
    }

    /// PostgreSQL's data folder.
    pub fn cluster(&self) -> &Path {
        &self.shared.paths.cluster
    }

    fn make_database(&self, observer: &dyn Observer) -> Result<()> {
        // Another process may be making it at the same moment; its success is ours.
        let target = Target::plain(self.config_for("postgres"));
        let mut client = connect::open(&target, &Patience::default(), &Notices::default(), observer)?.client;
        let exists = client.query_opt("select from pg_database where datname = $1", &[&NAME])?.is_some();
        if exists {
            return Ok(());
        }
        match client.batch_execute(&format!("create database {NAME}")) {
            Err(error) if error.code() != Some(&postgres::error::SqlState::DUPLICATE_DATABASE) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Err(error) = self.shared.leave() {
            notice::show(&Notice::NotStopped(&error));
        }
    }
}

impl Shared {
    /// Gives up this process's share, and stops the server if it was the last.
    fn leave(&self) -> Result<()> {
        let user = self.user.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(user) = user else { return Ok(()) };
        let starting = lock_file(&self.paths.state, "start.lock")?;
        starting.lock()?;
        user.unlock()?;
        if user.try_lock().is_err() || self.paths.running_port().is_none() {
            return Ok(());
        }
        let mut stop = command(&self.files, "pg_ctl", self.owner);
        stop.arg("stop").arg("-D").arg(&self.paths.cluster).args(["-m", "fast", "-w", "-s"]);
        checked(stop, "stop the embedded PostgreSQL")?;
        Ok(())
    }
}

fn lock_file(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).read(true).mode(0o600);
    options.open(&path).map_err(|error| Failure::new(format!("cannot open {}: {error}", path.display())).into())
}
