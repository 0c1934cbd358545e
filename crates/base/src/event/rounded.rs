//! Numbers that a contract's rounding has changed, counted by column.

use std::collections::BTreeMap;

use crate::count::{counted, grouped};

/// How many numbers were rounded, by column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounded(BTreeMap<String, u64>);

impl Rounded {
    /// Adds those of a column.
    pub fn add(&mut self, column: &str, count: u64) {
        *self.0.entry(column.to_owned()).or_default() += count;
    }

    /// Adds those of another file or source.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(column, count)| self.add(column, *count));
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// `3 values rounded (cost 1, price 2)`; nothing if there are none.
impl std::fmt::Display for Rounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(column, count)| format!("{column} {}", grouped(*count))).collect();
        match self.total() {
            0 => Ok(()),
            total => write!(f, "{} rounded ({})", counted(total, "value"), parts.join(", ")),
        }
    }
}
