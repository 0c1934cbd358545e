//! Accepted records whose number of fields was made to fit, counted by kind.

use crate::count::counted;

/// How many accepted records had other fields than columns, as the contract allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fitted {
    /// Records with missing fields at their end, which count as absent values.
    pub padded: u64,
    /// Records with further empty fields at their end, which were dropped.
    pub shortened: u64,
}

impl Fitted {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.padded + self.shortened
    }

    /// Adds those of other records.
    pub fn add(&mut self, other: &Self) {
        self.padded += other.padded;
        self.shortened += other.shortened;
    }
}

/// `2 records padded, 1 record shortened by empty fields`; nothing if there are none.
impl std::fmt::Display for Fitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [(self.padded, "padded"), (self.shortened, "shortened by empty fields")];
        let parts: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{} {kind}", counted(*count, "record")))
            .collect();
        f.write_str(&parts.join(", "))
    }
}
