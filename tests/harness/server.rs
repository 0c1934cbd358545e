//! A PostgreSQL of one test, which may be harmed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use postgres::{Client, NoTls};
use salesmart_base::event::Silent;
use salesmart_warehouse::embedded::{Durability, Embedded};

/// A cluster of its own; stopped when dropped.
pub struct Server {
    // Stopped before its folder goes.
    embedded: Option<Embedded>,
    folder: PathBuf,
    durability: Durability,
    _temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// In a temporary folder.
    pub fn new(durability: Durability) -> Self {
        let temporary = tempfile::Builder::new().prefix("salesmart-server-").tempdir().unwrap();
        let mut server = Self::inside(temporary.path(), durability);
        server._temporary = Some(temporary);
        server
    }

    /// In this folder.
    pub fn inside(folder: &Path, durability: Durability) -> Self {
        // The server's own user has to get in when the tests run as root.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Self { embedded: None, folder: folder.join("pg"), durability, _temporary: None };
        server.start();
        server
    }

    /// Starts it again, after [`stop`](Self::stop) or its violent end.
    pub fn start(&mut self) {
        self.embedded = None;
        self.embedded = Some(Embedded::start_with(&self.folder, self.durability, &Silent).unwrap());
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.embedded = None;
    }

    /// Kills the postmaster, as the system does that runs out of memory.
    pub fn kill(&self) {
        let pid_file = std::fs::read_to_string(self.running().cluster().join("postmaster.pid")).unwrap();
        let pid: i32 = pid_file.lines().next().unwrap().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// What runs.
    pub fn running(&self) -> &Embedded {
        self.embedded.as_ref().unwrap()
    }

    /// The URL of its database, through this port.
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://salesmart:{}@127.0.0.1:{port}/salesmart", self.running().password())
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        self.url_through(self.running().port())
    }

    /// A connection of its owner.
    pub fn connect(&self) -> Client {
        self.running().config_for("salesmart").connect(NoTls).unwrap()
    }

    /// Adds settings, which are in force at once or after a restart.
    pub fn configure(&self, settings: &str) {
        let path = self.running().cluster().join("postgresql.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n{settings}\n")).unwrap();
        self.connect().batch_execute("select pg_reload_conf()").unwrap();
    }
}
