//! Files that a server reads again when they change.

use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Identifies a version of a file: inode, length in bytes, and mtime and ctime in nanoseconds. An editor may restore the mtime, but not the
/// ctime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion(u64, u64, i128, i128);

impl FileVersion {
    /// The version of a file; `None` if there is no such file.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self(
            metadata.ino(),
            metadata.len(),
            nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        ))
    }
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, or is no file: whoever opens a pipe waits for its other end.
pub fn read_file(path: &Path) -> Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a folder, a pipe or a device, not a file"));
    }
    std::fs::read_to_string(path)
}
