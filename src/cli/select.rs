//! Choosing models: the words that several verbs take.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use salesmart_model::Models;
use salesmart_project::Project;
use salesmart_transform::graph::Graph;
use salesmart_transform::parsed::Parser;
use salesmart_transform::select;

/// Which models.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SelectArgs {
    /// Models: NAME (with *), +NAME (and what it reads), NAME+ (and what reads it), 2+NAME, path:sql/marts, tag:WORD,
    /// state:modified (differs from git HEAD), state:modified:REV; all by default
    #[arg(value_name = "SELECT")]
    pub select: Vec<String>,
    /// Models to leave out, in the same words
    #[arg(long, value_name = "SELECT")]
    pub exclude: Vec<String>,
}

impl SelectArgs {
    /// The chosen models, or `None` for all.
    pub fn resolve(&self, graph: &Graph<'_>, models: &Models, root: &Path) -> Result<Option<BTreeSet<String>>> {
        select::select(graph, models, root, &self.select, &self.exclude)
    }

    /// The same for an open project.
    pub fn of(&self, project: &Project<'_>) -> Result<Option<BTreeSet<String>>> {
        if self.select.is_empty() && self.exclude.is_empty() {
            return Ok(None);
        }
        let sources = project.contracts.keys().map(String::as_str).collect();
        let graph = Parser::new(project.staging.conn())?.graph(&project.models, &sources)?;
        self.resolve(&graph, &project.models, &project.config.root)
    }
}
