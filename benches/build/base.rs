//! A database that holds a history, kept as it was before the measured day.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::measure::Run;

/// The two commands that bring new files into the models.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Step {
    /// The one that loads files.
    pub load: Run,
    /// The one that builds models.
    pub build: Run,
}

impl Step {
    /// Both, one after the other.
    pub fn total(&self) -> Run {
        Run {
            seconds: self.load.seconds + self.build.seconds,
            cpu: self.load.cpu.zip(self.build.cpu).map(|(load, build)| load + build),
            peak: self.load.peak.max(self.build.peak),
        }
    }
}

/// What is known of a kept database.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// What it was made by and from.
    stamp: String,
    prepared: Step,
}

/// Where the database is kept.
pub struct Base {
    file: PathBuf,
    note: PathBuf,
}

impl Base {
    /// In this folder.
    pub fn new(folder: &Path) -> Self {
        Self { file: folder.join("base.duckdb"), note: folder.join("base.json") }
    }

    /// What making the database took, if it is there and was made by and from what the stamp says.
    pub fn kept(&self, stamp: &str) -> Option<Step> {
        let note: Note = serde_json::from_slice(&std::fs::read(&self.note).ok()?).ok()?;
        (note.stamp == stamp && self.file.exists()).then_some(note.prepared)
    }

    /// Keeps a database that was just made.
    pub fn keep(&self, database: &Path, stamp: String, prepared: Step) -> Result<()> {
        let log = beside(database, ".wal");
        ensure!(!log.exists(), "{} was left behind: the database was not closed", log.display());
        std::fs::rename(database, &self.file).with_context(|| format!("cannot move {}", database.display()))?;
        let note = serde_json::to_string_pretty(&Note { stamp, prepared })?;
        std::fs::write(&self.note, note).with_context(|| format!("cannot write {}", self.note.display()))
    }

    /// Puts a copy in the place of the database. It is on the disk and in memory when this returns, so that nothing
    /// of the copying falls into what is measured next.
    pub fn restore(&self, database: &Path) -> Result<()> {
        for suffix in ["", ".wal", ".tmp"] {
            let path = beside(database, suffix);
            let removed = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false if path.exists() => std::fs::remove_file(&path),
                false => Ok(()),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        let copy = || -> io::Result<()> {
            std::fs::copy(&self.file, database)?;
            let mut file = File::open(database)?;
            file.sync_all()?;
            io::copy(&mut file, &mut io::sink())?;
            Ok(())
        };
        copy().with_context(|| format!("cannot copy {}", self.file.display()))
    }
}

/// What DuckDB may leave beside a database: its log and its folder for temporary files.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}
