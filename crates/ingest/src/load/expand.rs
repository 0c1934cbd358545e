//! Finds the files that a pattern matches. Only the pattern's own parts have wildcards: a project folder with
//! brackets in its name is a folder like any other.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use glob::{MatchOptions, Pattern};
use salesmart_base::fail;

use crate::contract::pattern::is_wild;

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// What matches `pattern` below `root` and is not a folder, sorted. `**` stands for any depth of folders. Pipes, dangling links and names
/// that are not UTF-8 are among them: the caller names what it cannot load.
///
/// # Errors
/// A pattern that cannot be read, or a folder that cannot be listed.
pub fn files(root: &Path, pattern: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_owned()];
    let parts: Vec<Component<'_>> = pattern.components().collect();
    let Some((last, before)) = parts.split_last() else { return Ok(Vec::new()) };
    for part in before {
        folders = match part {
            Component::Normal(name) if name.to_str() == Some("**") => with_subfolders(folders)?,
            Component::Normal(name) if is_wild(Path::new(name)) => {
                let matching = matching(&folders, &name.to_string_lossy())?;
                matching.into_iter().filter(|path| path.is_dir()).collect()
            }
            plain => folders.into_iter().map(|folder| folder.join(plain)).collect(),
        };
    }
    let mut files = matching(&folders, &last.as_os_str().to_string_lossy())?;
    files.retain(|path| !path.is_dir());
    files.sort();
    files.dedup();
    Ok(files)
}

fn matching(folders: &[PathBuf], pattern: &str) -> Result<Vec<PathBuf>> {
    let pattern = match Pattern::new(pattern) {
        Ok(pattern) => pattern,
        Err(error) => fail!("\"{pattern}\" is not a glob: {error}"),
    };
    let mut found = Vec::new();
    for folder in folders {
        for path in entries(folder)? {
            let name = path.file_name().unwrap_or_default();
            if pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn with_subfolders(folders: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut all = folders;
    let mut next = 0;
    while next < all.len() {
        let inner = entries(&all[next])?.into_iter().filter(|path| path.is_dir() && !path.is_symlink());
        all.extend(inner);
        next += 1;
    }
    Ok(all)
}

/// What is in a folder; nothing if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => fail!("cannot list {}: {error}", folder.display()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.with_context(|| format!("cannot list {}", folder.display()))?.path());
    }
    Ok(paths)
}
