//! What a build knows of models and sources while it goes through them.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;

use super::content::{self, Published};
use super::delta::{Delta, Scope};
use super::space::Space;

/// A model or a source, as this build sees it.
#[derive(Debug)]
pub struct Current {
    /// Stands for its rows now.
    pub content: String,
    /// Stood for its rows when the build began; `None` if it was not published.
    pub before: Option<String>,
    /// How it differs from then.
    pub delta: Delta,
    /// All its rows now.
    pub now: String,
    /// How many they are; 0 of views and sources.
    pub rows: u64,
    /// Complete sets of its rows.
    pub scope: Option<Scope>,
    /// Whether it is what its file says for the first time.
    pub is_redefined: bool,
    /// Whether it is older than what it reads: it was left out of this build.
    pub is_stale: bool,
    /// Of a source: the last load.
    pub load: Option<i64>,
    /// What is to be written down about a model that was built.
    pub built: Option<Published>,
}

impl Current {
    /// Something that is not built: a published model, or a source.
    pub fn unchanged(content: String, now: String, rows: u64) -> Self {
        Self {
            before: Some(content.clone()),
            content,
            delta: Delta::Same,
            now,
            rows,
            scope: None,
            is_redefined: false,
            is_stale: false,
            load: None,
            built: None,
        }
    }

    /// A source.
    pub fn source(conn: &Connection, space: &Space, source: &str) -> Result<Self> {
        let load = Some(content::last_load(conn, source)?);
        Ok(Self { load, ..Self::unchanged(content::of_source(conn, source)?, space.source(source), 0) })
    }
}

/// Everything that a build knows, by name; sources are `raw.<source>`.
pub type Known = BTreeMap<String, Current>;
