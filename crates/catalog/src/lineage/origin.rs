//! What a column is computed from.

use std::collections::BTreeSet;

/// One thing a column is computed from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// A model, or a source as `raw.<source>`.
    pub relation: String,
    /// Its column; `None` if only its rows matter, as to `count(*)`.
    pub column: Option<String>,
}

/// Everything a column is computed from. Conditions of joins and filters do not count: they choose rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// What is known; nothing for a constant.
    pub from: BTreeSet<Origin>,
    /// Whether there may be more that cannot be told.
    pub is_unknown: bool,
}

impl Origins {
    /// A column.
    pub fn column(relation: &str, column: &str) -> Self {
        let origin = Origin { relation: relation.to_owned(), column: Some(column.to_owned()) };
        Self { from: BTreeSet::from([origin]), is_unknown: false }
    }

    /// The rows of a relation.
    pub fn rows(relation: &str) -> Self {
        let origin = Origin { relation: relation.to_owned(), column: None };
        Self { from: BTreeSet::from([origin]), is_unknown: false }
    }

    /// What cannot be told.
    pub fn unknown() -> Self {
        Self { from: BTreeSet::new(), is_unknown: true }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.from.extend(other.from.iter().cloned());
        self.is_unknown |= other.is_unknown;
    }

    /// Both together.
    pub fn and(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// Whether there is nothing it is computed from.
    pub fn is_constant(&self) -> bool {
        self.from.is_empty() && !self.is_unknown
    }
}

/// `fact_sales.revenue`, or `rows of fact_sales`.
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{column}", self.relation),
            None => write!(f, "rows of {}", self.relation),
        }
    }
}

/// The origins between commas; `constant` and `unknown` where that is all there is to say.
impl std::fmt::Display for Origins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<String> = self.from.iter().map(ToString::to_string).collect();
        if self.is_unknown {
            parts.push("unknown".to_owned());
        }
        if parts.is_empty() {
            parts.push("constant".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
