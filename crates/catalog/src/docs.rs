//! The documentation of a project: a folder of plain HTML pages that need no server and nothing from elsewhere.
//!
//! The same project and the same rows give the same bytes: no page says when it was written.

mod checks;
pub mod comments;
mod index;
mod model_page;
pub mod page;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use maud::Markup;
use salesmart_base::config::Config;
use salesmart_base::count::grouped;
use salesmart_base::{fail, whole_file};
use salesmart_ingest::contract::Contract;
use salesmart_model::{Check, Model, Models};
use salesmart_transform::compile::Compiled;

use crate::inventory::Inventory;
use crate::lineage::Lineage;
use comments::Comments;

/// Everything that the pages are made of.
#[derive(Debug)]
pub struct Site<'a> {
    /// The project's configuration.
    pub config: &'a Config,
    /// Its contracts.
    pub contracts: &'a BTreeMap<String, Contract>,
    /// Its models and checks.
    pub models: &'a Models,
    /// Their columns.
    pub compiled: &'a Compiled<'a>,
    /// What they are computed from.
    pub lineage: &'a Lineage,
    /// What the staging file knows.
    pub inventory: &'a Inventory,
    /// What the warehouse's migrations say about columns.
    pub comments: &'a Comments,
    /// The models that each check reads.
    pub check_reads: &'a BTreeMap<String, BTreeSet<String>>,
}

impl Site<'_> {
    /// The checks that read a model.
    fn checks_of(&self, model: &str) -> impl Iterator<Item = &Check> {
        let reads = move |check: &&Check| self.check_reads.get(&check.name).is_some_and(|reads| reads.contains(model));
        self.models.checks.iter().filter(reads)
    }

    /// Rows of a model as people write them; nothing for a view or one that is not built.
    fn rows(&self, model: &Model) -> Option<String> {
        self.inventory.rows(model).map(grouped)
    }
}

/// Writes the pages into a folder and returns how many they are. Pages of models that are gone are removed.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(site: &Site<'_>, folder: &Path) -> Result<usize> {
    let mut pages: BTreeMap<String, Markup> = BTreeMap::from([
        ("index.html".to_owned(), index::page(site)),
        ("sources.html".to_owned(), sources::page(site)),
        ("checks.html".to_owned(), checks::page(site)),
    ]);
    for model in site.models.models.values() {
        pages.insert(format!("models/{}.html", model.name), model_page::page(site, model));
    }
    let models = folder.join("models");
    if let Err(error) = std::fs::create_dir_all(&models) {
        fail!("cannot make the folder {}: {error}", models.display());
    }
    remove_old(&models, &pages)?;
    for (name, markup) in &pages {
        let path = folder.join(name);
        if let Err(error) = whole_file::write(&path, markup.0.as_bytes()) {
            fail!("cannot write {}: {error}", path.display());
        }
    }
    Ok(pages.len())
}

/// Only what an earlier run wrote: the folder may hold other files.
fn remove_old(models: &Path, pages: &BTreeMap<String, Markup>) -> Result<()> {
    for entry in std::fs::read_dir(models)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_kept = pages.contains_key(&format!("models/{name}")) || !name.ends_with(".html");
        if !is_kept && std::fs::read_to_string(&path).is_ok_and(|text| text.contains(page::MARK)) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
