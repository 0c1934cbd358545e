//! What an ingest did, and telling it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::contract::Contract;
use super::skipped::Skipped;
use crate::console::{Console, Step, counted, grouped};

/// What an ingest did, over all sources.
#[derive(Debug, Default)]
pub struct Report {
    /// Files whose rows were loaded or replaced.
    pub loaded: u64,
    /// Their names.
    pub names: Vec<String>,
    /// Files left for the next time, because they are still being written.
    pub waiting: u64,
    /// Files that were as before and were not read.
    pub unchanged: u64,
    /// Files whose content is loaded under another name.
    pub duplicates: u64,
    /// Records read.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Records accepted because they are repaired.
    pub repaired: u64,
    /// Rows that are no records.
    pub skipped: Skipped,
    /// What differs from the contract and is allowed, once each: files and difference.
    pub drift: BTreeMap<String, u64>,
    /// Files with refused records: name and counts.
    pub with_rejects: Vec<String>,
    /// Files refused whole.
    pub refused: Vec<Refused>,
}

/// A file of which nothing is loaded.
#[derive(Debug)]
pub struct Refused {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Adds what another source's ingest did.
    pub fn add(&mut self, other: Self) {
        self.loaded += other.loaded;
        self.names.extend(other.names);
        self.waiting += other.waiting;
        self.unchanged += other.unchanged;
        self.duplicates += other.duplicates;
        self.records += other.records;
        self.rejected += other.rejected;
        self.repaired += other.repaired;
        self.skipped.add(&other.skipped);
        self.with_rejects.extend(other.with_rejects);
        self.refused.extend(other.refused);
        for (drift, files) in other.drift {
            *self.drift.entry(drift).or_default() += files;
        }
    }

    /// Writes the line of a source, and warnings about what its user should know.
    pub fn say(&self, contract: &Contract, elapsed: Duration, console: &Console) {
        let mut parts = Vec::new();
        let counts = [
            (self.loaded, "read"),
            (self.unchanged, "unchanged, not read"),
            (self.duplicates, "with content already loaded"),
            (self.waiting, "still being written"),
        ];
        for (count, what) in counts {
            if count > 0 {
                let files = if count == 1 { "file" } else { "files" };
                parts.push(format!("{} {files} {what}", grouped(count)));
            }
        }
        if self.rejected > 0 {
            parts.push(format!("{} rejected", counted(self.rejected, "record")));
        }
        if self.repaired > 0 {
            parts.push(format!("{} repaired", counted(self.repaired, "record")));
        }
        if self.skipped.total() > 0 {
            parts.push(self.skipped.to_string());
        }
        if !self.refused.is_empty() {
            let files = if self.refused.len() == 1 { "file" } else { "files" };
            parts.push(format!("{} {files} refused", self.refused.len()));
        }
        let rows = self.records - self.rejected;
        console.step(&Step {
            stage: "ingest",
            subject: &contract.source,
            rows: Some(rows),
            elapsed,
            note: parts.join(", "),
        });
        for (drift, files) in &self.drift {
            let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            console
                .warn(&format!("{}: in {files} the header differs as the contract allows: {drift}", contract.source));
        }
        if self.with_rejects.is_empty() {
            return;
        }
        const SHOWN: usize = 3;
        let mut lines: Vec<String> = self.with_rejects.iter().take(SHOWN).cloned().collect();
        if self.with_rejects.len() > SHOWN {
            lines.push(format!("and {} more files", self.with_rejects.len() - SHOWN));
        }
        console.warn(&format!(
            "{}; listed beside the file in FILE.errors.csv, and by `salesmart rejects`",
            lines.join("; ")
        ));
    }
}
