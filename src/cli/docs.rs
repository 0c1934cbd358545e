//! `salesmart docs`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::counted;
use salesmart_base::fail;
use salesmart_catalog::docs;
use salesmart_catalog::docs::Site;
use salesmart_catalog::docs::comments::Comments;
use salesmart_catalog::inventory::Inventory;
use salesmart_catalog::lineage::Lineage;
use salesmart_ingest::contract::contract_file;
use salesmart_model::Models;
use salesmart_transform::compile::compile;
use salesmart_transform::parse;

use super::Global;
use crate::console::Console;

/// Write the documentation of the project: plain HTML pages, to be opened from disk or put anywhere.
///
/// An overview with the lineage, a page per model (what it is, its columns and what they are computed from, its checks,
/// its SQL), the sources with their rules, files and rejects, and the checks. Works before the first build, too: then
/// without rows. The pages change only if the project or its rows do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the pages; data/docs of the project by default, which its .gitignore leaves out
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let models = Models::load(&config)?;
    let contracts = contract_file::load_all(&config)?;
    let compiled = compile(&models, &contracts)?;
    let lineage = Lineage::trace(&compiled, &models, &contracts)?;
    if let Some((check, _)) = compiled.check_faults.first_key_value() {
        fail!("the check {check} cannot be read; `salesmart compile` says why");
    }
    let parser = Connection::open_in_memory()?;
    let mut check_reads = BTreeMap::new();
    for check in &models.checks {
        check_reads.insert(check.name.clone(), parse::models_read(&parser, check, &models)?);
    }
    let site = Site {
        inventory: &Inventory::read(&config, &compiled.graph, &contracts)?,
        comments: &Comments::load(&config.root.join("sql/postgres/migrations"))?,
        config: &config,
        contracts: &contracts,
        models: &models,
        compiled: &compiled,
        lineage: &lineage,
        check_reads: &check_reads,
    };
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => {
            let folder = config.root.join("data/docs");
            config.paths.check_folder(&folder)?;
            folder
        }
    };
    let pages = docs::write(&site, &folder)?;
    let first = config.relative(&folder.join("index.html"));
    console.say(&format!("wrote {}; open {first}", counted(pages as u64, "page")));
    Ok(())
}
