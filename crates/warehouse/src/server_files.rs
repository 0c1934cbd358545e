//! Finds the PostgreSQL server programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use salesmart_base::fail;

/// The oldest major version that works.
pub const OLDEST_MAJOR: u32 = 15;

/// A folder with `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The folder.
    pub bin: PathBuf,
    /// The major version, such as 15.
    pub major: u32,
}

/// Finds the server programs: of version `major` if given, else the newest.
///
/// Looks at `SALESMART_PG_BIN`, the `PATH`, `pg_config`, and where Debian, Homebrew and Postgres.app put them.
pub fn find(major: Option<u32>) -> Result<ServerFiles> {
    let mut found: Vec<ServerFiles> = candidates().iter().filter_map(|bin| inspect(bin)).collect();
    found.sort_by_key(|files| files.major);
    let fitting = |files: &&ServerFiles| match major {
        Some(major) => files.major == major,
        None => files.major >= OLDEST_MAJOR,
    };
    if let Some(files) = found.iter().rfind(fitting) {
        return Ok(files.clone());
    }
    let seen = match found.last() {
        Some(files) => format!("found only version {} in {}", files.major, files.bin.display()),
        None => "found none".to_owned(),
    };
    match major {
        Some(major) => fail!(
            "the embedded warehouse was made by PostgreSQL {major}, and its programs are not here ({seen}); install PostgreSQL {major}, \
             or move the warehouse's folder away to have it built anew"
        ),
        None => fail!(
            "PostgreSQL {OLDEST_MAJOR} or newer is needed for the embedded warehouse, {seen}; install it (Debian/Ubuntu: apt-get install \
             postgresql, macOS: brew install postgresql@17), name its folder in SALESMART_PG_BIN, or set DATABASE_URL to a server"
        ),
    }
}

fn candidates() -> Vec<PathBuf> {
    if let Some(bin) = std::env::var_os("SALESMART_PG_BIN") {
        return vec![bin.into()];
    }
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let patterns = [
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    ];
    folders.extend(patterns.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten().flatten());
    folders
}

fn inspect(bin: &Path) -> Option<ServerFiles> {
    let complete = ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).is_file());
    if !complete {
        return None;
    }
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian …)"
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(2)?;
    let major = version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    Some(ServerFiles { bin: bin.to_owned(), major })
}
