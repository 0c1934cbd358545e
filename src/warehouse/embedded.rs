//! The private PostgreSQL: made on first use, started on demand, stopped by its last user.
//!
//! Only its owner gets in: it listens on the loopback interface alone, its socket lies in its own data folder
//! (mode 0700), and both ask for a generated password kept in a file of mode 0600.
//!
//! Several salesmart processes may use it at once. Each holds a shared lock on `users.lock`; whoever leaves and
//! can lock that file alone was the last, and stops the server. A killed process leaves its lock to the system,
//! so a server that outlived its users is found, used and stopped by the next one.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::owner::Owner;
use super::server_files::{self, ServerFiles};
use crate::config::{Patience, Target};
use crate::console::Console;
use crate::failure::Failure;
use crate::{fail, hash};

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

/// Where things are.
#[derive(Debug, Clone)]
struct Paths {
    /// The project's folder for it: locks, password and port.
    state: PathBuf,
    /// PostgreSQL's data folder.
    cluster: PathBuf,
}

/// While set, a Ctrl-C is left to the program in the foreground (`psql`).
static LEAVE_INTERRUPTS: AtomicBool = AtomicBool::new(false);

/// While set, somebody else answers signals, and calls [`end_by`] if the process is to end at once.
static ANSWERED_ELSEWHERE: AtomicBool = AtomicBool::new(false);

/// The server that [`end_by`] has to stop.
static RUNNING: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// Set once a signal is being answered: the process ends with that, whatever else fails meanwhile.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Waits for the end of the process if a signal is ending it: errors that the stop of the server causes are no news.
pub fn yield_to_interrupt() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Leaves all signals to the caller from now on.
pub fn leave_signals() {
    ANSWERED_ELSEWHERE.store(true, Ordering::SeqCst);
}

/// Ends the process because of a signal, wherever it is: what is not committed leaves no trace. A private server is stopped.
pub fn end_by(signal: i32) -> ! {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    interrupt(running.as_deref(), signal)
}

/// Leaves Ctrl-C to a child in the foreground from now on.
pub fn leave_interrupts() {
    LEAVE_INTERRUPTS.store(true, Ordering::Relaxed);
}

impl Embedded {
    /// Starts the server in `folder`, or joins it if it runs. The first start makes the cluster.
    pub fn start(folder: &Path, console: &Console) -> Result<Self> {
        Self::start_with(folder, Durability::Full, console)
    }

    /// [`start`](Self::start) with a choice of durability.
    pub fn start_with(folder: &Path, durability: Durability, console: &Console) -> Result<Self> {
        make_folder(folder)?;
        let starting = lock_file(folder, "start.lock")?;
        starting.lock().with_context(|| format!("cannot lock {}", folder.display()))?;

        let owner = Owner::needed(folder)?;
        let paths = Paths { state: folder.to_owned(), cluster: cluster_folder(folder, owner)? };
        let files = server_files::find(paths.major()?)?;
        if paths.major()?.is_none() {
            console.say(&format!(
                "making an embedded PostgreSQL {} in {} (once)",
                files.major,
                paths.cluster.display()
            ));
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
        stop_on_signals(Arc::clone(&shared))?;
        let port = match shared.paths.running_port() {
            Some(port) => port,
            None => start_server(&shared.paths, &shared.files, owner)?,
        };
        drop(starting);

        let embedded = Self { shared, port, password: password.trim().to_owned() };
        embedded.make_database(console)?;
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

    fn make_database(&self, console: &Console) -> Result<()> {
        // Another process may be making it at the same moment; its success is ours.
        let mut client =
            super::connect::open(&Target::plain(self.config_for("postgres")), &Patience::default(), console)?;
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
            eprintln!("warning: the embedded PostgreSQL could not be stopped: {error:#}");
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

impl Paths {
    fn password(&self) -> PathBuf {
        self.state.join("password")
    }

    /// The major version that made the cluster, if there is one.
    fn major(&self) -> Result<Option<u32>> {
        match std::fs::read_to_string(self.cluster.join("PG_VERSION")) {
            Ok(text) => {
                Ok(Some(text.trim().parse().with_context(|| format!("{}/PG_VERSION", self.cluster.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.cluster.display())),
        }
    }

    /// The port of the server that runs on this cluster, if one does.
    fn running_port(&self) -> Option<u16> {
        let text = std::fs::read_to_string(self.cluster.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid: i32 = lines.next()?.trim().parse().ok()?;
        let folder = lines.next()?;
        let port = lines.nth(1)?.trim().parse().ok()?;
        // In a copied project the file names the server of the original.
        let ours = self.cluster.canonicalize().ok()?;
        let is_ours = Path::new(folder).canonicalize().is_ok_and(|folder| folder == ours);
        (is_ours && serves(pid, &ours)).then_some(port)
    }
}

/// Is this process alive, and the server of this cluster? After a crash its number may belong to another program, even to
/// another server. Its command line names its cluster, and unlike its working folder may be read by everybody.
fn serves(pid: i32, cluster: &Path) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else { return false };
    match std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) {
        Ok(line) => {
            let words: Vec<&OsStr> = line.split(|byte| *byte == 0).map(OsStr::from_bytes).collect();
            let folder = words.iter().position(|word| *word == "-D").and_then(|at| words.get(at + 1));
            folder.is_some_and(|folder| Path::new(folder).canonicalize().is_ok_and(|folder| folder == cluster))
        }
        // Without /proc (macOS) the lock file's own words have to do.
        Err(_) if !cfg!(target_os = "linux") => rustix::process::test_kill_process(pid).is_ok(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// The data folder: in the project, unless the server's user cannot get in there (a project below `/root`).
fn cluster_folder(state: &Path, owner: Option<Owner>) -> Result<PathBuf> {
    match owner {
        Some(owner) if !owner.reaches(state) => {
            let name = hash::of_parts([state.to_string_lossy().as_ref()]);
            let outside = Path::new("/var/lib/salesmart").join(&name[..16]);
            make_folder(&outside)?;
            Ok(outside.join("cluster"))
        }
        _ => Ok(state.join("cluster")),
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!("cannot make the folder {} for the embedded PostgreSQL: {error}", folder.display())).into()
    })
}

fn lock_file(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).read(true).mode(0o600);
    options.open(&path).map_err(|error| Failure::new(format!("cannot open {}: {error}", path.display())).into())
}

/// A program of the server, run as its user, away from this process's folder and standard input.
fn command(files: &ServerFiles, program: &str, owner: Option<Owner>) -> Command {
    let mut command = Command::new(files.bin.join(program));
    // In a group of its own: a signal to ours, such as Ctrl-C, is for us to answer, and `pg_ctl` may be what answers it.
    command.process_group(0);
    command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

fn checked(mut command: Command, what: &str) -> Result<Output> {
    let output = command.output().with_context(|| format!("cannot {what}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    fail!("cannot {what}: {text}")
}

/// Makes the cluster beside its final place and renames it, so that a kill leaves no half of one.
fn initialise(paths: &Paths, files: &ServerFiles, owner: Option<Owner>, durability: Durability) -> Result<()> {
    let password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    write_secret(&paths.password(), &password)?;

    // A killed first start leaves a draft behind, into which its initdb may still be writing: each has a name of its own.
    let draft = paths.cluster.with_file_name(format!("cluster.draft-{}", std::process::id()));
    let handed = paths.cluster.with_file_name(format!("password.draft-{}", std::process::id()));
    for stale in [&draft, &handed] {
        let removed = if stale.is_dir() { std::fs::remove_dir_all(stale) } else { std::fs::remove_file(stale) };
        if let Err(error) = removed.or_else(|error| if stale.exists() { Err(error) } else { Ok(()) }) {
            return Err(error).with_context(|| format!("cannot remove {}", stale.display()));
        }
    }
    std::fs::create_dir(&draft).with_context(|| format!("cannot make {}", draft.display()))?;
    write_secret(&handed, &password)?;
    for path in [&draft, &handed] {
        if let Some(owner) = owner {
            std::os::unix::fs::chown(path, Some(owner.uid), Some(owner.gid))
                .with_context(|| format!("cannot hand over {}", path.display()))?;
        }
    }
    let mut initdb = command(files, "initdb", owner);
    initdb.arg("-D").arg(&draft).arg(format!("--username={NAME}")).arg("--pwfile").arg(&handed);
    initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]);
    if durability == Durability::None {
        initdb.arg("--no-sync");
    }
    let made = checked(initdb, "make the embedded PostgreSQL");
    std::fs::remove_file(&handed).with_context(|| format!("cannot remove {}", handed.display()))?;
    made?;

    let mut settings = String::from(
        "\n# salesmart\n\
         listen_addresses = '127.0.0.1'\n\
         # Relative to the data folder, which only its owner can enter.\n\
         unix_socket_directories = '.'\n\
         timezone = 'UTC'\nlog_timezone = 'UTC'\n\
         shared_buffers = '256MB'\nmaintenance_work_mem = '256MB'\nmax_wal_size = '2GB'\n",
    );
    if durability == Durability::None {
        settings.push_str("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n");
    }
    let path = draft.join("postgresql.conf");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(settings.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&draft, &paths.cluster).with_context(|| format!("cannot rename {}", draft.display()))
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let context = || format!("cannot write {}", path.display());
    let mut file = options.open(path).with_context(context)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).with_context(context)?;
    writeln!(file, "{secret}").with_context(context)
}

/// Starts the server on the port it had before, if that is free, so that BI tools find it again.
fn start_server(paths: &Paths, files: &ServerFiles, owner: Option<Owner>) -> Result<u16> {
    let port_file = paths.state.join("port");
    let before = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
    let port = free_port(before)?;
    // Left by a crash: nobody runs there (or it would have been joined), but the process ids in them may be in use again.
    let entries =
        std::fs::read_dir(&paths.cluster).with_context(|| format!("cannot list {}", paths.cluster.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name == "postmaster.pid" || name.to_string_lossy().starts_with(".s.PGSQL.") {
            std::fs::remove_file(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    let log = paths.cluster.join("server.log");
    let mut start = command(files, "pg_ctl", owner);
    start.arg("start").arg("-D").arg(&paths.cluster).arg("-l").arg(&log);
    start.args(["-w", "-t", "120", "-s", "-o", &format!("-p {port}")]);
    // The server inherits nothing of ours to hold open.
    start.stdout(Stdio::null()).stderr(Stdio::null());
    let status = start.status().context("cannot run pg_ctl")?;
    if !status.success() {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        fail!("the embedded PostgreSQL does not start; the end of {}:\n{}", log.display(), last.join("\n"));
    }
    std::fs::write(&port_file, format!("{port}\n")).with_context(|| format!("cannot write {}", port_file.display()))?;
    Ok(port)
}

/// `wanted` if it is free, else any free port.
fn free_port(wanted: Option<u16>) -> Result<u16> {
    let bound = wanted.and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let listener = match bound {
        Some(listener) => listener,
        None => TcpListener::bind(("127.0.0.1", 0)).context("no free port on the loopback interface")?,
    };
    Ok(listener.local_addr()?.port())
}

/// On SIGINT, SIGTERM and SIGHUP: stops the server like an orderly exit would, then ends the process.
fn stop_on_signals(shared: Arc<Shared>) -> Result<()> {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shared);
    if ANSWERED_ELSEWHERE.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let is_left = signal == SIGINT && LEAVE_INTERRUPTS.load(Ordering::Relaxed);
            if is_left || ANSWERED_ELSEWHERE.load(Ordering::SeqCst) {
                continue;
            }
            interrupt(Some(&shared), signal);
        }
    })?;
    Ok(())
}

fn interrupt(shared: Option<&Shared>, signal: i32) -> ! {
    INTERRUPTED.store(true, Ordering::SeqCst);
    eprintln!("interrupted: nothing half-done is kept; run again to go on");
    if let Some(Err(error)) = shared.map(Shared::leave) {
        eprintln!("warning: the embedded PostgreSQL could not be stopped: {error:#}");
    }
    // Other threads are at work; ending without their clean-up is what a crash does, and is safe.
    signal_hook::low_level::exit(128 + signal)
}
