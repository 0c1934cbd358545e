//! Where DuckDB spills what does not fit into its memory: the folder `staging.duckdb.tmp` beside the staging file, DuckDB's own default. It
//! removes its files when it is closed; a process that is killed leaves them, with gigabytes in them.

use std::fs;
use std::path::{Path, PathBuf};

/// How DuckDB's names of temporary files begin.
const PREFIX: &str = "duckdb_temp_";

/// The folder of a staging file.
fn folder(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    file.with_file_name(name)
}

/// Removes what killed processes left. For the holder of the staging file only. A failure costs disk, so it is no reason to stop.
pub fn clear(file: &Path) {
    let folder = folder(file);
    let Ok(entries) = fs::read_dir(&folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!("cannot remove {}: {error}", entry.path().display());
        }
    }
    // Files of others keep it; so does a link to another disk.
    if let Err(error) = fs::remove_dir(&folder) {
        tracing::debug!("cannot remove {}: {error}", folder.display());
    }
}
