//! What an ingest did.

use std::collections::BTreeMap;

use super::{Fitted, KeyConflicts, Rounded, Skipped};

/// What an ingest did, of one source or of all.
#[derive(Debug, Clone, Default)]
pub struct Ingested {
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
    /// Accepted records whose number of fields was made to fit.
    pub fitted: Fitted,
    /// Numbers with more places than their column, which the contract has rounded.
    pub rounded: Rounded,
    /// What differs from the contract and is allowed, once each: files and difference.
    pub drift: BTreeMap<String, u64>,
    /// Files with refused records: name and counts.
    pub with_rejects: Vec<String>,
    /// Files refused whole.
    pub refused: Vec<Refused>,
    /// Loaded records that share their key with a record of other content.
    pub conflicts: KeyConflicts,
}

/// A file of which nothing is loaded.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
    /// Its rejected records, as far as it was read.
    pub rejected: u64,
}

impl Ingested {
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
        self.fitted.add(&other.fitted);
        self.rounded.merge(&other.rounded);
        self.with_rejects.extend(other.with_rejects);
        self.refused.extend(other.refused);
        self.conflicts.add(&other.conflicts);
        for (drift, files) in other.drift {
            *self.drift.entry(drift).or_default() += files;
        }
    }
}
