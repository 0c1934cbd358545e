//! Creation of the staging file. DuckDB writes the three header blocks of a new file one after the other, and refuses a file that lacks
//! one of them. A process killed in between must not leave such a file to the next run, so a new file is made under another name, and
//! takes its own when it is whole.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use duckdb::Connection;
use rustix::fs::Mode;
use rustix::process::umask;
use salesmart_base::failpoint;
use salesmart_base::failure::Failure;

/// Age after which a file that is still being created belongs to a process that was killed. Creation takes milliseconds.
const ABANDONED: Duration = Duration::from_secs(60);

/// Files that this process creates from now on are closed to users outside its group. DuckDB creates its log and its temporary files
/// by itself, so the mode of the staging file alone is not enough.
pub fn keep_others_out() {
    let others = Mode::RWXO;
    let current = umask(others);
    umask(current | others);
}

/// Creates an empty DuckDB file at `path`, unless another process was faster.
///
/// # Errors
/// The folder cannot be written, or the disk is full.
pub fn create(path: &Path) -> Result<()> {
    let unfinished = unfinished(path);
    let result = create_at(&unfinished).and_then(|()| {
        failpoint::hit("staging.before_publish");
        publish(&unfinished, path)
    });
    for name in [unfinished.clone(), with_ending(&unfinished, ".wal")] {
        if let Err(error) = fs::remove_file(&name)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::debug!("cannot remove {}: {error}", name.display());
        }
    }
    result
}

fn create_at(path: &Path) -> Result<()> {
    let options = super::without_extensions()?;
    let conn = Connection::open_with_flags(path, options).map_err(|error| super::explain_open(path, &error))?;
    conn.close().map_err(|(_, error)| super::explain_open(path, &error))
}

/// A hard link fails where the name is taken; a rename would replace the file of another process.
fn publish(unfinished: &Path, path: &Path) -> Result<()> {
    let linked = match fs::hard_link(unfinished, path) {
        // File systems without hard links, such as FAT.
        Err(error)
            if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) && !path.exists() =>
        {
            fs::rename(unfinished, path)
        }
        other => other,
    };
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(Failure::new(format!("cannot create {}: {error}", path.display())).into())
        }
        _ => Ok(()),
    }
}

/// `staging.duckdb` is created as `staging.duckdb.1234-567890.new`: the process and the nanosecond make the name unique.
fn unfinished(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    with_ending(path, &format!(".{}-{}{ENDING}", std::process::id(), now.subsec_nanos()))
}

const ENDING: &str = ".new";

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Removes what processes left that were killed during [`create`]. A failure costs some kilobytes of disk, so it is no reason to stop.
pub fn remove_abandoned(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let is_unfinished = file_name
            .to_str()
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(ENDING))
            .is_some_and(|middle| middle.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|made| made.elapsed().ok());
        if is_unfinished && age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
