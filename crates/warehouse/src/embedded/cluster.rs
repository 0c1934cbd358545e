//! The private server's files: where they are, how they are made, and how the server on them is started.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use salesmart_base::failure::Failure;
use salesmart_base::{fail, hash};

use super::{Durability, NAME};
use crate::owner::Owner;
use crate::server_files::ServerFiles;

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
    let mut command = Command::new(files.bin.join(program));
    // In a group of its own: a signal to ours, such as Ctrl-C, is for us to answer, and `pg_ctl` may be what answers it.
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
pub fn start_server(paths: &Paths, files: &ServerFiles, owner: Option<Owner>) -> Result<u16> {
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
