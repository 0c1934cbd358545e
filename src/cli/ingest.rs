//! `salesmart ingest`

use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::fail;
use salesmart_ingest::load::catalog;
use salesmart_ingest::load::intake::Taken;
use salesmart_project::Project;

use super::Global;
use crate::console::Console;

/// Load new and changed files into the staging file.
///
/// Without FILE, loads whatever is new or changed among the files of all contracts. A file is loaded whole in one
/// transaction or not at all; a record that does not fit its contract exactly is refused with line, column and
/// reason (see `salesmart rejects`). A file that is loaded already is not read again; one with new content
/// replaces its old rows.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files to load; each must belong to a contract
    pub files: Vec<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let project = Project::open(&config, console)?;
    if args.files.is_empty() {
        return project.ingest(Taken::All);
    }
    let mut wanted = Vec::new();
    for file in &args.files {
        match std::fs::canonicalize(file) {
            Ok(path) => wanted.push((file, path, false)),
            Err(error) => fail!("cannot read {}: {error}", file.display()),
        }
    }
    for contract in project.contracts.values() {
        let mut chosen = Vec::new();
        for found in catalog::find(&config, contract)? {
            let Ok(path) = std::fs::canonicalize(&found.path) else { continue };
            if let Some((_, _, is_known)) = wanted.iter_mut().find(|(_, wanted, _)| *wanted == path) {
                *is_known = true;
                chosen.push(found);
            }
        }
        if !chosen.is_empty() {
            project.ingest_files(contract, &chosen)?;
        }
    }
    match wanted.iter().find(|(_, _, is_known)| !is_known) {
        None => Ok(()),
        Some((file, ..)) => {
            let known: Vec<String> = project
                .contracts
                .values()
                .map(|contract| format!("{} (\"{}\")", contract.source, contract.files))
                .collect();
            fail!("{} belongs to no contract; contracts and their files: {}", file.display(), known.join(", "))
        }
    }
}
