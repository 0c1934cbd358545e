//! The project whose marts are pushed.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::inputs::Inputs;
use crate::measure::{self, Run, salesmart};

/// The project, with the history built and nothing pushed.
pub struct Sales {
    project: PathBuf,
    base: PathBuf,
    history: PathBuf,
}

impl Sales {
    /// Makes the project, loads the history and builds the models.
    pub fn prepare(project: &Path, inputs: &Inputs) -> Result<Self> {
        if project.exists() {
            std::fs::remove_dir_all(project).with_context(|| format!("cannot remove {}", project.display()))?;
        }
        let sales = Self { project: project.to_owned(), base: project.join("base.duckdb"), history: inputs.history() };
        measure::init(project, sales.history.parent().unwrap_or(Path::new(".")))?;
        link(&sales.history, &sales.raw())?;
        println!("loading and building the history");
        for verb in ["ingest", "build"] {
            measure::run(sales.command("", &[verb]).env_remove("DATABASE_URL"))?;
        }
        std::fs::rename(sales.staging(), &sales.base).context("cannot keep the staging file")?;
        Ok(sales)
    }

    /// Back to the history, nothing pushed.
    pub fn reset(&self) -> Result<()> {
        std::fs::remove_dir_all(self.raw()).context("cannot clear data/raw")?;
        link(&self.history, &self.raw())?;
        std::fs::copy(&self.base, self.staging()).context("cannot copy the staging file")?;
        Ok(())
    }

    /// Makes the warehouse's tables.
    pub fn migrate(&self, url: &str) -> Result<()> {
        measure::run(&mut self.command(url, &["migrate"]))?;
        Ok(())
    }

    /// Loads one more file and builds.
    pub fn add(&self, url: &str, file: PathBuf) -> Result<()> {
        link(&file, &self.raw())?;
        for verb in ["ingest", "build"] {
            measure::run(&mut self.command(url, &[verb]))?;
        }
        Ok(())
    }

    /// Pushes.
    pub fn sync(&self, url: &str) -> Result<Run> {
        Ok(measure::run(&mut self.command(url, &["sync"]))?.0)
    }

    /// Every row of the warehouse is the mart's.
    pub fn compare(&self, url: &str) -> Result<()> {
        let (_, said) = measure::run(&mut self.command(url, &["diff", "--against", "postgres"]))?;
        ensure!(said.contains("no differences"), "the warehouse is not what the marts are:\n{said}");
        Ok(())
    }

    fn raw(&self) -> PathBuf {
        self.project.join("data/raw")
    }

    fn staging(&self) -> PathBuf {
        self.project.join("data/staging.duckdb")
    }

    fn command(&self, url: &str, words: &[&str]) -> Command {
        let mut command = salesmart();
        command.args(words).arg("--project").arg(&self.project).env("DATABASE_URL", url);
        command
    }
}

fn link(file: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let link = folder.join(file.file_name().unwrap_or_default());
    // A hard link would change the file's own times, by which it is known again.
    symlink(std::path::absolute(file)?, &link).with_context(|| format!("cannot link {}", link.display()))
}
