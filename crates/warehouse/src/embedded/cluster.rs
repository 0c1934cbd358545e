//! The private server's files: where they are, how they are made, and how the server on them is started.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};
use salesmart_base::failure::Failure;
use salesmart_base::{fail, hash};

use super::{Durability, NAME};
use crate::owner::Owner;
use crate::server_files::ServerFiles;

/// A server that recovers from a crash may take minutes.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// Of the log of a server that does not start. Its last line is seldom the reason.
const SHOWN_LOG_LINES: usize = 30;

/// The setting for the room that the server has for locks.
const LOCKS: &str = "max_locks_per_transaction";

/// Where things are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The project's folder for it: locks, password and port.
    pub state: PathBuf,
    /// PostgreSQL's data folder.
    pub cluster: PathBuf,
}

impl Paths {
    /// The file that holds the owner's password.
    pub fn password(&self) -> PathBuf {
        self.state.join("password")
    }

    /// The major version that made the cluster, if there is one.
    pub fn major(&self) -> Result<Option<u32>> {
        match std::fs::read_to_string(self.cluster.join("PG_VERSION")) {
            Ok(text) => {
                Ok(Some(text.trim().parse().with_context(|| format!("{}/PG_VERSION", self.cluster.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.cluster.display())),
        }
    }

    /// The port of the server that runs on this cluster, if one does.
    pub fn running_port(&self) -> Option<u16> {
        let lock_file = self.lock_file()?;
        let pid = lock_file.pid?;
        let ours = self.cluster.canonicalize().ok()?;
        match std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) {
            Ok(line) => port_of_server(&line, &ours).map(|port| port.or(lock_file.port))?,
            Err(error) if cfg!(target_os = "linux") && error.kind() == ErrorKind::NotFound => None,
            // Without /proc (macOS) the lock file's own words have to do. In a copied project they are those of the original.
            Err(_) => {
                let is_ours = Path::new(&lock_file.folder?).canonicalize().is_ok_and(|folder| folder == ours);
                let is_alive = cfg!(target_os = "linux") || rustix::process::test_kill_process(pid).is_ok();
                lock_file.port.filter(|_| is_ours && is_alive)
            }
        }
    }

    /// `postmaster.pid`, if it is there.
    fn lock_file(&self) -> Option<LockFile> {
        let bytes = std::fs::read(self.cluster.join("postmaster.pid")).ok()?;
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let text = |index: usize| lines.get(index).and_then(|line| std::str::from_utf8(line).ok()).map(str::trim);
        Some(LockFile {
            pid: text(0).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw),
            folder: lines.get(1).map(|line| OsStr::from_bytes(line).to_owned()),
            port: text(3).and_then(|port| port.parse().ok()),
            is_ready: text(7) == Some("ready"),
        })
    }
}

/// What `postmaster.pid` says. PostgreSQL writes by line numbers and does not count the line breaks in the folder's name, so that only
/// the first and the eighth line are there whatever the name.
struct LockFile {
    pid: Option<Pid>,
    folder: Option<OsString>,
    port: Option<u16>,
    is_ready: bool,
}

/// Whether this command line is that of the server of the cluster, and the port in it. After a crash a process number may belong to
/// another program, even to another server. The command line names the cluster, and unlike the working folder may be read by everybody.
fn port_of_server(line: &[u8], cluster: &Path) -> Option<Option<u16>> {
    let words: Vec<&OsStr> = line.split(|byte| *byte == 0).map(OsStr::from_bytes).collect();
    let value = |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1));
    let is_ours = Path::new(value("-D")?).canonicalize().is_ok_and(|folder| folder == cluster);
    is_ours.then(|| value("-p").and_then(|port| port.to_str()?.parse().ok()))
}

/// The data folder: in the project, unless the server's user cannot get in there (a project below `/root`).
pub fn cluster_folder(state: &Path, owner: Option<Owner>) -> Result<PathBuf> {
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

/// Makes a folder of the server's, which the server's user may enter whatever the umask: a process that has opened the staging file
/// closes its new files to other users.
pub fn make_folder(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    let made = std::fs::create_dir_all(folder).and_then(|()| {
        missing.iter().try_for_each(|made| std::fs::set_permissions(made, std::fs::Permissions::from_mode(0o755)))
    });
    made.map_err(|error| {
        Failure::new(format!("cannot make the folder {} for the embedded PostgreSQL: {error}", folder.display())).into()
    })
}

/// A program of the server, run as its user, away from this process's folder and standard input.
pub fn command(files: &ServerFiles, program: &str, owner: Option<Owner>) -> Command {
    command_at(&files.bin.join(program), owner)
}

fn command_at(program: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(program);
    // In a group of its own: a signal to ours, such as Ctrl-C, is for us to answer, and the server must not end by it before its
    // users do.
    command.process_group(0);
    command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

/// Runs a program to its end.
///
/// # Errors
/// What it said, if it failed.
pub fn checked(mut command: Command, what: &str) -> Result<Output> {
    let output = command.output().with_context(|| format!("cannot {what}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    fail!("cannot {what}: {text}")
}

/// Makes the cluster beside its final place and renames it, so that a kill leaves no half of one.
pub fn initialise(paths: &Paths, files: &ServerFiles, owner: Option<Owner>, durability: Durability) -> Result<()> {
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
    // The instructions are a shell command with the folder in it, and of a name with a line break initdb cannot make one.
    initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
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

/// Gives the cluster room for the locks of a sync over hundreds of months, of which each takes a dozen: 15 MB. One that was made by an
/// earlier version lacks the setting.
fn ensure_room_for_locks(paths: &Paths) -> Result<()> {
    let path = paths.cluster.join("postgresql.conf");
    let context = || format!("cannot set {LOCKS} in {}", path.display());
    let text = std::fs::read_to_string(&path).with_context(context)?;
    if text.lines().any(|line| line.trim_start().starts_with(LOCKS)) {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).open(&path).with_context(context)?;
    file.write_all(format!("\n{LOCKS} = 512\n").as_bytes()).with_context(context)
}

/// Starts the server on the port it had before, if that is free, so that BI tools find it again.
pub fn start_server(paths: &Paths, files: &ServerFiles, owner: Option<Owner>) -> Result<u16> {
    ensure_room_for_locks(paths)?;
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
    let mut starting = Starting::new(paths, files, owner, port)?;
    let started = starting.wait(paths);
    started.map_err(|reason| {
        Failure::new(format!("the embedded PostgreSQL does not start: {reason}; its log is {}", starting.log.display()))
    })?;
    // A server that ends while this process goes on must not stay in the list of processes.
    std::thread::Builder::new().name("server".to_owned()).spawn(move || starting.server.wait())?;
    std::fs::write(&port_file, format!("{port}\n")).with_context(|| format!("cannot write {}", port_file.display()))?;
    Ok(port)
}

/// A server that was started and may not answer yet.
struct Starting {
    server: Child,
    log: PathBuf,
    /// Bytes of the log that are from before.
    old_log: u64,
}

impl Starting {
    /// Starts `postgres` itself: `pg_ctl start` puts the names of folders into a shell command, where `$(…)` is run.
    fn new(paths: &Paths, files: &ServerFiles, owner: Option<Owner>, port: u16) -> Result<Self> {
        // Opened by the shell as the server's user: a link in that user's folder must not lead root elsewhere.
        let script = r#"cd -- "$1" && umask 077 && exec "$2" -D "$1" -p "$3" >>server.log 2>&1"#;
        let log = paths.cluster.join("server.log");
        let old_log = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let mut start = command_at(Path::new("/bin/sh"), owner);
        start.args(["-c", script, "sh"]).arg(&paths.cluster).arg(files.bin.join("postgres")).arg(port.to_string());
        // The server inherits nothing of ours to hold open; the pipe is gone when the shell has become the server.
        start.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(Self { server: start.spawn().context("cannot run /bin/sh")?, log, old_log })
    }

    /// Waits until the server answers.
    ///
    /// # Errors
    /// The reason why it does not.
    fn wait(&mut self, paths: &Paths) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let is_ended = self.server.try_wait().map_err(|error| error.to_string())?.is_some();
            let lock_file = paths.lock_file().filter(|file| file.pid == Some(Pid::from_child(&self.server)));
            if !is_ended && lock_file.is_some_and(|file| file.is_ready) {
                return Ok(());
            }
            if is_ended {
                return Err(self.reason());
            }
            if started.elapsed() > START_PATIENCE {
                // As `pg_ctl stop -m fast` asks. It may be recovering after a crash, and goes on with that at the next start.
                let _ = rustix::process::kill_process(Pid::from_child(&self.server), Signal::INT);
                return Err(format!("it did not answer within {} s\n{}", START_PATIENCE.as_secs(), self.new_log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Why the server ended.
    fn reason(&mut self) -> String {
        let mut said = Vec::new();
        if let Some(mut stderr) = self.server.stderr.take() {
            // A reason that cannot be read is missing, and the log follows.
            let _ = stderr.read_to_end(&mut said);
        }
        let ended = self.server.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let texts = [said, self.new_log()].map(|text| text.trim().to_owned());
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        match texts.is_empty() {
            true => format!("it ended at once without a word ({ended})"),
            false => format!("it ended at once ({ended})\n{}\n", texts.join("\n")),
        }
    }

    /// The end of what the server wrote into its log since it was started.
    fn new_log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let new = usize::try_from(self.old_log).ok().and_then(|old| bytes.get(old..)).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n")
    }
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
