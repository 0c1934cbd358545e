//! A real connection pooler, PgBouncer, between salesmart and PostgreSQL.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It listens on the loopback interface only, and ends when dropped.
pub struct Pooler {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// Before the database of this URL, in this mode (`transaction` or `session`). `None` with a message where PgBouncer is not
    /// installed.
    pub fn before(url: &str, mode: &str) -> Option<Self> {
        if Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: PgBouncer is not installed (scripts/pooler.sh)");
            return None;
        }
        let to: postgres::Config = url.parse().unwrap();
        let (user, database) = (to.get_user().unwrap(), to.get_dbname().unwrap());
        let password = std::str::from_utf8(to.get_password().unwrap()).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n\
             {database} = host=127.0.0.1 port={} dbname={database} user={user} password={password}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\nuser = nobody\n",
            to.get_ports()[0]
        );
        std::fs::write(&settings, text).unwrap();
        let process = Command::new("pgbouncer")
            .arg("-q")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self { process, url: format!("postgres://{user}@127.0.0.1:{port}/{database}"), _folder: folder };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "PgBouncer does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(pooler)
    }

    /// The database through the pooler.
    pub fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
