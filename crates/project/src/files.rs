//! The files that make the models: what they hold, and which of them a save changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use salesmart_base::config::FILE_NAME;
use salesmart_base::hash;

/// The contents of all watched files, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files {
    root: PathBuf,
    hashes: BTreeMap<PathBuf, String>,
}

impl Files {
    /// Reads them. A file that is gone by the time it is read counts as gone.
    pub fn read(root: &Path) -> Self {
        let mut files = Self { root: root.to_owned(), hashes: BTreeMap::new() };
        files.take_folder(&root.join("sql"), "sql");
        files.take_folder(&root.join("data/contracts"), "toml");
        files.take(root.join(FILE_NAME));
        files
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Whether one of these paths is a watched file.
    pub fn hold(&self, paths: &[PathBuf]) -> bool {
        paths.iter().any(|path| self.hashes.contains_key(path))
    }

    /// Files that came, went or have another content, relative to the project.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let is_changed = |path: &&PathBuf| self.hashes.get(*path) != before.hashes.get(*path);
        let mut changed: Vec<&PathBuf> = self.hashes.keys().chain(before.hashes.keys()).filter(is_changed).collect();
        changed.sort_unstable();
        changed.dedup();
        changed.iter().map(|path| path.strip_prefix(&self.root).unwrap_or(path).display().to_string()).collect()
    }

    fn take_folder(&mut self, folder: &Path, extension: &str) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                self.take_folder(&path, extension);
            } else if path.extension().is_some_and(|found| found == extension) {
                self.take(path);
            }
        }
    }

    fn take(&mut self, path: PathBuf) {
        if let Ok(hash) = hash::of_file(&path) {
            self.hashes.insert(path, hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_another_content_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sql/marts/a.sql", "select 1");
        write("sql/marts/b.sql", "select 2");
        write("salesmart.toml", "");
        let before = Files::read(folder.path());
        assert_eq!(before.count(), 3);
        write("sql/marts/a.sql", "select 1");
        write("sql/marts/.a.sql.swp", "editor's own");
        write("data/raw/sales.csv", "not watched");
        assert_eq!(Files::read(folder.path()).changed_since(&before), Vec::<String>::new());
        write("sql/marts/a.sql", "select 3");
        write("data/contracts/sales.toml", "");
        std::fs::remove_file(folder.path().join("sql/marts/b.sql")).unwrap();
        let after = Files::read(folder.path());
        assert_eq!(after.changed_since(&before), ["data/contracts/sales.toml", "sql/marts/a.sql", "sql/marts/b.sql"]);
        assert!(after.hold(&[folder.path().join("sql/marts/a.sql")]));
        assert!(!after.hold(&[folder.path().join("sql/marts/.a.sql.swp")]));
    }
}
