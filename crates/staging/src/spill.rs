//! Where DuckDB spills what does not fit into its memory: folders beside the staging file. Whoever writes has `staging.duckdb.tmp`, DuckDB's own
//! default. Readers may be several, and DuckDB gives its temporary files the same names in every process, so each has a folder of its own.
//! DuckDB removes them when it is closed; a process that is killed leaves them, with gigabytes in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How DuckDB's names of temporary files begin.
const PREFIX: &str = "duckdb_temp_";

const ENDING: &str = ".tmp";

/// The folder of a reader: `staging.duckdb.1234-0.tmp`, after its process and the number of its connection there.
pub fn reader(file: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}{ENDING}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    file.with_file_name(name)
}

/// Removes what killed processes left. For the writer of the staging file only: while there is one, nobody reads. A failure costs disk, so it
/// is no reason to stop.
pub fn clear(file: &Path) {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .and_then(|folder| folder.strip_prefix(name)?.strip_suffix(ENDING))
            .is_some_and(|middle| middle.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte)));
        if is_ours {
            empty(&entry.path());
        }
    }
}

fn empty(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!("cannot remove {}: {error}", entry.path().display());
        }
    }
    // Files of others keep it; so does a link to another disk.
    if let Err(error) = fs::remove_dir(folder) {
        tracing::debug!("cannot remove {}: {error}", folder.display());
    }
}
