//! Where the files that a project names may lie: in the project's folder, or in a folder that `salesmart.toml` lists. Contracts and
//! tests come with pull requests, and must not reach other files of the machine. SECURITY.md states the rule.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;

use super::FILE_NAME;
use crate::fail;

/// The folders of the project's files, with symbolic links resolved.
#[derive(Debug, Clone)]
pub struct ProjectPaths {
    root: PathBuf,
    allowed: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    #[serde(default)]
    allowed: Vec<PathBuf>,
}

/// The folders whose files are read as code or settings of the project.
const SOURCES: [&str; 4] = ["sql", "data/contracts", "dashboards", "tests"];

impl ProjectPaths {
    pub(super) fn new(root: &Path, section: &Section) -> Self {
        Self {
            root: resolve(root),
            allowed: section.allowed.iter().map(|folder| resolve(&root.join(folder))).collect(),
        }
    }

    /// Whether a path lies in one of the folders, wherever its symbolic links lead. It need not exist.
    ///
    /// # Errors
    /// It lies elsewhere; the text says where, and what to do.
    pub fn check(&self, path: &Path) -> Result<(), String> {
        let resolved = resolve(path);
        if std::iter::once(&self.root).chain(&self.allowed).any(|folder| resolved.starts_with(folder)) {
            return Ok(());
        }
        let is_link = resolved != normalize(path);
        let leads = if is_link { format!("leads to {}, which is", resolved.display()) } else { "is".to_owned() };
        let folder = if resolved.is_dir() { &resolved } else { resolved.parent().unwrap_or(&resolved) };
        Err(format!(
            "{} {leads} outside the project; move it into the project, or allow its folder in {FILE_NAME}: [paths] allowed = [\"{}\"]",
            path.display(),
            folder.display()
        ))
    }

    /// Checks the project's own SQL files, contracts and pages: symbolic links that leave the project, and what is no file, such as a pipe.
    ///
    /// # Errors
    /// The first such path.
    pub(super) fn check_sources(&self) -> Result<()> {
        SOURCES.iter().try_for_each(|folder| self.check_source(&self.root.join(folder)))
    }

    /// Checks a folder with all that is in it, before the program writes there: files that lead elsewhere would be overwritten.
    ///
    /// # Errors
    /// The first path that leaves the project, or is a pipe, a socket or a device.
    pub fn check_folder(&self, folder: &Path) -> Result<()> {
        self.check_source(folder)
    }

    fn check_source(&self, path: &Path) -> Result<()> {
        // A file that vanishes in the meantime, or cannot be read, is an error of whoever reads it.
        let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
        if metadata.is_dir() {
            let Ok(entries) = std::fs::read_dir(path) else { return Ok(()) };
            return entries.flatten().try_for_each(|entry| self.check_source(&entry.path()));
        }
        if metadata.is_symlink()
            && let Err(reason) = self.check(path)
        {
            fail!("{reason}");
        }
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                fail!("{} is a pipe, a socket or a device; a project consists of files", path.display())
            }
            _ => Ok(()),
        }
    }
}

/// The path without symbolic links; of what does not exist, without `.` and `..`.
fn resolve(path: &Path) -> PathBuf {
    resolve_links(path, 0)
}

fn resolve_links(path: &Path, depth: usize) -> PathBuf {
    // As Linux: a longer chain is a circle.
    const MAX_DEPTH: usize = 40;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in path.ancestors() {
        let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
        if let Ok(existing) = std::fs::canonicalize(ancestor) {
            return normalize(&existing.join(rest));
        }
        // A link to what does not exist yet: whoever writes there makes it.
        if let Ok(target) = std::fs::read_link(ancestor)
            && depth < MAX_DEPTH
        {
            let target = ancestor.parent().unwrap_or(ancestor).join(target).join(rest);
            return resolve_links(&target, depth + 1);
        }
    }
    normalize(&path)
}

/// The path without `.` and `..`, by its text alone.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn g5_paths_lie_in_the_project_or_in_a_listed_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        for name in ["project/data", "project-2", "listed/inner", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("other"), root.join("data/out")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("data/dangling")).unwrap();
        std::os::unix::fs::symlink("../../other/not-yet", root.join("data/dangling-out")).unwrap();
        std::os::unix::fs::symlink("circle", root.join("data/circle")).unwrap();
        let paths = ProjectPaths::new(&root, &Section { allowed: vec!["../listed".into()] });
        for inside in
            ["data/a.csv", "data/../b", "not/there/yet", "data/dangling", "../listed/inner/x", "../project/data", "."]
        {
            assert_eq!(paths.check(&root.join(inside)), Ok(()), "{inside}");
        }
        for outside in [
            "..",
            "../other/x",
            "../project-2/x",
            "data/out/x",
            "data/../../other",
            "data/dangling-out",
            "data/dangling-out/x",
            "/etc/passwd",
            "not/../../x",
            "/",
        ] {
            let reason = paths.check(&root.join(outside)).unwrap_err();
            assert!(
                reason.contains("outside the project") && reason.contains("[paths] allowed"),
                "{outside}: {reason}"
            );
        }
    }
}
