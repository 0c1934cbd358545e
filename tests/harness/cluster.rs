//! One throw-away PostgreSQL for all tests of a run.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{Client, NoTls};
use salesmart_base::event::Silent;
use salesmart_warehouse::embedded::{Durability, Embedded};

/// A running cluster.
pub struct Cluster {
    server: Embedded,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static NEXT_DATABASE: AtomicU32 = AtomicU32::new(1);

impl Cluster {
    /// The cluster of this run, started by the first test that needs it.
    pub fn get() -> &'static Self {
        CLUSTER.get_or_init(|| {
            let folder = tempfile::Builder::new().prefix("salesmart-tests-").tempdir().unwrap().keep();
            // The server's own user has to get in when the tests run as root.
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
            let server = Embedded::start_with(&folder.join("pg"), Durability::None, &Silent).unwrap();
            let pid_file = server.cluster().join("postmaster.pid");
            let pid = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().to_owned();
            // Statics are never dropped. This process waits for the end of its standard input, which is the end of
            // the test run, however it comes, and then stops the server by its process id.
            let script = "read -r _; kill -INT \"$1\"; for _ in $(seq 100); do kill -0 \"$1\" 2>/dev/null || break; sleep 0.1; done; rm -rf \"$2\"";
            let guard = Command::new("sh")
                .args(["-c", script, "guard", &pid])
                .arg(&folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap();
            std::mem::forget(guard);
            Self { server }
        })
    }

    /// Makes a database and returns its URL.
    pub fn database(&self) -> String {
        let name = format!("test_{}_{}", std::process::id(), NEXT_DATABASE.fetch_add(1, Ordering::Relaxed));
        let mut client = self.server.config_for("postgres").connect(NoTls).unwrap();
        client.batch_execute(&format!("create database {name}")).unwrap();
        self.url("salesmart", self.server.password(), &name)
    }

    /// Drops the database of a URL, whoever is connected to it.
    pub fn drop_database(&self, url: &str) {
        let name = url.rsplit('/').next().unwrap();
        let mut client = self.server.config_for("postgres").connect(NoTls).unwrap();
        client.batch_execute(&format!("drop database {name} with (force)")).unwrap();
    }

    /// A URL for a login and a database of this cluster.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.server.port())
    }

    /// The port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Connects by URL.
    pub fn connect(url: &str) -> Client {
        Client::connect(url, NoTls).unwrap()
    }
}
