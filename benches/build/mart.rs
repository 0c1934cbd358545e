//! One history in the keeping of one tool, and what is done to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use salesmart_base::hash;

use crate::base::{Base, Step};
use crate::day::MEASURED;
use crate::inputs::Inputs;
use crate::measure::{self, Run};
use crate::rebuilt;
use crate::size::Size;
use crate::tool::{EDITED, Tool};
use crate::totals::Totals;

/// A mart with its figures.
pub struct Mart {
    /// Who keeps it.
    pub tool: Tool,
    /// Of its history.
    pub size: Size,
    /// The history loaded, and all models built, from nothing.
    pub prepared: Step,
    /// The measured day, per round.
    pub days: Vec<Step>,
    /// A build with nothing changed, per round.
    pub unchanged: Vec<Run>,
    /// A build after the edit of a model, per round.
    pub edited: Vec<Run>,
    project: PathBuf,
    base: Base,
    day: PathBuf,
    expected: Totals,
}

impl Mart {
    /// Loads the history and builds all models, unless an earlier run has left just that.
    pub fn prepare(dir: &Path, tool: Tool, size: Size, inputs: &Inputs) -> Result<Self> {
        let folder = dir.join(tool.name()).join(size.to_string());
        let (project, base) = (folder.join("project"), Base::new(&folder));
        let database = tool.database(&project);
        let day = inputs.file(MEASURED);
        let mut files = inputs.history(size.days());
        let stamp = hash::of_parts([tool.version()?.as_str(), &hash::of_file(&day)?]);
        let prepared = match base.kept(&stamp) {
            Some(prepared) => {
                tool.edit(&project, 0)?;
                prepared
            }
            None => {
                if folder.exists() {
                    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
                }
                tool.init(&project, day.parent().unwrap_or(dir))?;
                let (load, _) = measure::run(&mut tool.load(&project, &files)?)?;
                let (build, _) = measure::run(&mut tool.build(&project))?;
                let prepared = Step { load, build };
                base.keep(&database, stamp, prepared)?;
                prepared
            }
        };
        files.push(day.clone());
        let expected = Totals::expected(inputs, size.days(), &files)?;
        let (days, unchanged, edited) = Default::default();
        Ok(Self { tool, size, prepared, days, unchanged, edited, project, base, day, expected })
    }

    /// Puts the measured day onto the history.
    ///
    /// # Errors
    /// If the models do not hold what the files do.
    pub fn add_day(&mut self) -> Result<Step> {
        self.tool.unload(&self.project, &self.day)?;
        self.base.restore(&self.database())?;
        let mut load = self.tool.load(&self.project, std::slice::from_ref(&self.day))?;
        let (load, _) = measure::run(&mut load)?;
        let (build, _) = measure::run(&mut self.tool.build(&self.project))?;
        let held = Totals::held(&self.database())?;
        ensure!(
            held == self.expected,
            "{} holds other sales than the files:\nexpected {:?}\nfound    {held:?}",
            self.project.display(),
            self.expected
        );
        let step = Step { load, build };
        self.days.push(step);
        Ok(step)
    }

    /// Builds with nothing changed.
    pub fn build_unchanged(&mut self) -> Result<()> {
        let (run, said) = measure::run(&mut self.tool.build(&self.project))?;
        if self.tool == Tool::Salesmart {
            rebuilt::verify(&self.project, &said, None)?;
        }
        self.unchanged.push(run);
        Ok(())
    }

    /// Edits a model and builds.
    pub fn build_edited(&mut self) -> Result<()> {
        // From 1: 0 is no edit.
        self.tool.edit(&self.project, 1 + self.edited.len() as u32)?;
        let (run, said) = measure::run(&mut self.tool.build_edited(&self.project))?;
        if self.tool == Tool::Salesmart {
            rebuilt::verify(&self.project, &said, Some(EDITED))?;
        }
        self.edited.push(run);
        Ok(())
    }

    fn database(&self) -> PathBuf {
        self.tool.database(&self.project)
    }
}
