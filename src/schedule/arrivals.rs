//! Which files are there and complete, and whether there is news among them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_ingest::contract::contract_file;
use salesmart_ingest::load::{catalog, complete};
use salesmart_ingest::rejects::repairs;

/// The complete files of all contracts, and how they look from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals(BTreeMap<(String, String), [Option<Look>; 2]>);

/// Size and time of a file.
type Look = (u64, Option<SystemTime>);

impl Arrivals {
    /// Looks at them.
    ///
    /// # Errors
    /// A contract that cannot be read.
    pub fn look(config: &Config, settle: Duration) -> Result<Self> {
        let mut found = BTreeMap::new();
        for contract in contract_file::load_all(config)?.values() {
            for file in complete::only(catalog::find(config, contract)?, settle) {
                let looks = [look_at(&file.path), look_at(&repairs::repairs_file(&file.path))];
                found.insert((contract.source.clone(), file.name), looks);
            }
        }
        Ok(Self(found))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file came or changed since. One that left is no news: its rows stay.
    pub fn has_news(&self, before: &Self) -> bool {
        self.0.iter().any(|(name, looks)| before.0.get(name) != Some(looks))
    }
}

fn look_at(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}
