//! Records that share their key with a record of other content.

/// Records of an ingest that share their key with a record of other content, counted by kind.
#[derive(Debug, Clone, Default)]
pub struct KeyConflicts {
    /// The columns of the key, as the contract names them.
    pub key: String,
    /// Records that a later record of the same file replaces.
    pub repeated: KeyConflict,
    /// Newly loaded records that have no effect, because a file that was loaded before sorts later.
    pub outranked: KeyConflict,
    /// Records that are replaced by unrelated records of another file, where that happens to most of a file.
    pub unrelated: KeyConflict,
}

/// Conflicts of one kind.
#[derive(Debug, Clone, Default)]
pub struct KeyConflict {
    /// Number of records without effect.
    pub records: u64,
    /// The first two of them.
    pub examples: Vec<ConflictExample>,
}

/// A record without effect, and the record that has its place.
#[derive(Debug, Clone)]
pub struct ConflictExample {
    /// The values of their key.
    pub key: String,
    /// The record without effect.
    pub lost: RecordPlace,
    /// The record that counts.
    pub kept: RecordPlace,
}

/// Where a record stands.
#[derive(Debug, Clone)]
pub struct RecordPlace {
    /// The file's name.
    pub file: String,
    /// The line on which the record starts.
    pub line: u64,
}

/// `data/raw/sales.csv, line 2`.
impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

impl KeyConflicts {
    /// Adds the counts of another source; its examples have been told.
    pub fn add(&mut self, other: &Self) {
        self.repeated.records += other.repeated.records;
        self.outranked.records += other.outranked.records;
        self.unrelated.records += other.unrelated.records;
    }
}
