//! What the parser said of a select, and what was proved of it, is kept in the staging file: only files that changed are looked at.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::hash;
use salesmart_model::Models;

use super::graph::Graph;
use super::parse::{self, Parsed};

/// The checks that a cached parse has passed. A new value invalidates what older versions of the program stored.
const CHECKS: &str = "header expressions without tables, impure functions";

/// Parses, and remembers.
pub struct Parser<'c> {
    conn: &'c Connection,
    engine: String,
    known: HashMap<String, String>,
    /// What was asked for: hash of the text, and what is to be written down if it was not known.
    asked: RefCell<HashMap<String, Option<String>>>,
}

impl<'c> Parser<'c> {
    /// A parser that knows what the staging file has.
    pub fn new(conn: &'c Connection) -> Result<Self> {
        let mut statement = conn.prepare("select sql_hash, parsed from meta.parsed")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known = rows.collect::<Result<_, _>>()?;
        Ok(Self { conn, engine: conn.version()?, known, asked: RefCell::default() })
    }

    /// What the parser says of the select in `sql`.
    ///
    /// # Errors
    /// As [`parse::parse`].
    pub fn parse(&self, path: &Path, sql: &str) -> Result<Parsed> {
        let hash = hash::of_parts([CHECKS, self.engine.as_str(), sql]);
        if let Some(parsed) = self.known.get(&hash).and_then(|parsed| serde_json::from_str(parsed).ok()) {
            self.asked.borrow_mut().insert(hash, None);
            return Ok(parsed);
        }
        let parsed = parse::parse(self.conn, path, sql)?;
        self.asked.borrow_mut().insert(hash, Some(serde_json::to_string(&parsed)?));
        Ok(parsed)
    }

    /// Whether the select was parsed before and did not change.
    pub fn knows(&self, sql: &str) -> bool {
        self.known.contains_key(&hash::of_parts([CHECKS, self.engine.as_str(), sql]))
    }

    /// A text that follows from what the hash stands for and from DuckDB's version alone; `make` is called if it is not known.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn remembered(&self, hash: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
        let hash = hash::of_parts([self.engine.as_str(), hash]);
        let made = self.asked.borrow().get(&hash).cloned().flatten();
        if let Some(text) = self.known.get(&hash).cloned().or(made) {
            self.asked.borrow_mut().entry(hash).or_insert(None);
            return Ok(text);
        }
        let text = make()?;
        self.asked.borrow_mut().insert(hash, Some(text.clone()));
        Ok(text)
    }

    /// The models in order.
    pub fn graph<'m>(&self, models: &'m Models, sources: &BTreeSet<&str>) -> Result<Graph<'m>> {
        Graph::with(models, sources, |path, sql| self.parse(path, sql))
    }

    /// Writes down what is new. What nobody asked for goes then, as no file says it any more: to be called when all files were
    /// looked at.
    pub fn store(&self) -> Result<()> {
        let asked = self.asked.borrow();
        if asked.values().all(Option::is_none) {
            return Ok(());
        }
        for hash in self.known.keys().filter(|hash| !asked.contains_key(*hash)) {
            self.conn.execute("delete from meta.parsed where sql_hash = ?", [hash])?;
        }
        for (hash, parsed) in asked.iter().filter_map(|(hash, parsed)| Some((hash, parsed.as_ref()?))) {
            self.conn.execute("insert or replace into meta.parsed values (?, ?)", [hash, parsed])?;
        }
        Ok(())
    }
}
