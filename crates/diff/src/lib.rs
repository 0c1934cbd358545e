//! What differs between two states of the models: rows by key, cells, columns, and money.
//!
//! [`compare`] compares two relations inside DuckDB and describes the difference; [`published`], [`revision`] and
//! [`held`] say which relations; [`report`] is how people and programs read it.

pub mod columns;
pub mod compare;
pub mod held;
mod keyed;
pub mod published;
pub mod report;
pub mod revision;
pub mod totals;
mod whole_rows;

use std::str::FromStr;

use serde::{Serialize, Serializer};

use columns::ColumnChanges;
use totals::Total;

/// What the models are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Against {
    /// The published models in the staging file.
    #[default]
    Published,
    /// What PostgreSQL really holds.
    Postgres,
    /// The models as of a revision, over the same data.
    Revision(String),
}

impl FromStr for Against {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("git:")) {
            ("published", _) => Ok(Self::Published),
            ("postgres", _) => Ok(Self::Postgres),
            (_, Some(revision)) if !revision.is_empty() => Ok(Self::Revision(revision.to_owned())),
            _ => Err("expected published, postgres or git:REV (such as git:main)".to_owned()),
        }
    }
}

impl std::fmt::Display for Against {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Published => f.write_str("published"),
            Self::Postgres => f.write_str("postgres"),
            Self::Revision(revision) => write!(f, "git:{revision}"),
        }
    }
}

impl Serialize for Against {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The result of a comparison.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What was compared with.
    pub against: Against,
    /// False if the build failed: models behind the failure were not compared.
    pub complete: bool,
    /// Models that differ, in build order.
    pub models: Vec<ModelDiff>,
    /// Models that do not.
    pub same: Vec<String>,
    /// Views that changed. They have no rows of their own: what they change shows in the models that read them.
    pub views: Vec<String>,
}

/// How a model differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was not there before.
    New,
    /// It is no longer there.
    Removed,
    /// It has other rows or columns.
    Changed,
    /// It does not.
    Same,
}

/// The difference of one model.
#[derive(Debug, Serialize)]
pub struct ModelDiff {
    /// The model.
    pub model: String,
    /// How it differs.
    pub state: State,
    /// The key by which rows were matched; empty if whole rows were compared.
    pub key: Vec<String>,
    /// Why whole rows were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Numbers of rows.
    pub rows: Rows,
    /// Columns that came, went or have another type.
    pub columns: ColumnChanges,
    /// How many cells changed, by column; only columns with changes.
    pub cells_changed: Vec<CellCount>,
    /// The sum of every decimal column, revenue first.
    pub totals: Vec<Total>,
    /// The first rows of each kind.
    pub samples: Samples,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Rows {
    /// All rows before.
    pub before: u64,
    /// All rows after.
    pub after: u64,
    /// Rows whose key is new.
    pub added: u64,
    /// Rows whose key is gone.
    pub removed: u64,
    /// Rows with the same key and other values.
    pub changed: u64,
}

/// How many cells of a column changed.
#[derive(Debug, Serialize)]
pub struct CellCount {
    /// The column.
    pub column: String,
    /// Cells with another value.
    pub changed: u64,
}

/// The first rows of each kind, in the order of their keys.
#[derive(Debug, Default, Serialize)]
pub struct Samples {
    /// Added rows.
    pub added: Vec<Cells>,
    /// Removed rows.
    pub removed: Vec<Cells>,
    /// Changed rows.
    pub changed: Vec<ChangedRow>,
}

/// Names and values, as text so that no digit is lost; absent values as `None`.
#[derive(Debug, PartialEq, Eq)]
pub struct Cells(pub Vec<(String, Option<String>)>);

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A row with the same key and other values.
#[derive(Debug, Serialize)]
pub struct ChangedRow {
    /// Its key.
    pub key: Cells,
    /// What changed.
    pub cells: Vec<ChangedCell>,
}

/// A value that changed.
#[derive(Debug, Serialize)]
pub struct ChangedCell {
    /// The column.
    pub column: String,
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
}

/// What a way of comparing finds.
#[derive(Debug, Default)]
struct Findings {
    added: u64,
    removed: u64,
    changed: u64,
    cells_changed: Vec<CellCount>,
    samples: Samples,
}
