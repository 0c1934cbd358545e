//! What is known about the models, checks and sources of a project: what the staging file remembers of them, if
//! there is one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::Config;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Check, Materialized, Model, Severity};
use salesmart_staging::Staging;
use salesmart_transform::content;
use salesmart_transform::graph::Graph;

/// Everything the staging file tells; nothing where there is none yet.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The models that are built, with their rows.
    pub built: BTreeMap<String, Option<u64>>,
    /// The built models that the next build would leave as they are.
    pub current: BTreeSet<String>,
    /// Offending rows that each check found when it ran last.
    pub offending: BTreeMap<String, u64>,
    /// The files of each source, by name.
    pub files: BTreeMap<String, Vec<File>>,
    /// Rejects of each source: column (where there is one), code and count.
    pub rejects: BTreeMap<String, Vec<(Option<String>, String, u64)>>,
}

/// One file that was read.
#[derive(Debug)]
pub struct File {
    /// Its path, relative to the project.
    pub name: String,
    /// `loaded`, `refused` and the like.
    pub outcome: String,
    /// Records read.
    pub records: u64,
    /// Records accepted.
    pub accepted: u64,
    /// Records rejected.
    pub rejected: u64,
}

/// Whether a model is there, and as its files and inputs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was never built.
    NotBuilt,
    /// Its SQL or its input changed since.
    Stale,
    /// The next build leaves it as it is.
    Current,
}

impl State {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotBuilt => "not built",
            Self::Stale => "to be rebuilt",
            Self::Current => "up to date",
        }
    }
}

impl Inventory {
    /// Reads the staging file.
    pub fn read(config: &Config, graph: &Graph<'_>, contracts: &BTreeMap<String, Contract>) -> Result<Self> {
        if !config.staging_file.exists() {
            return Ok(Self::default());
        }
        let staging = Staging::open_read_only(config)?;
        let conn = staging.conn();
        let built = pairs(conn, "select name, rows from meta.models")?.into_iter().collect();
        Ok(Self {
            built,
            current: current(conn, graph, contracts)?,
            offending: pairs(
                conn,
                "select check_name, arg_max(offending, run_id) from meta.check_results group by all",
            )?
            .into_iter()
            .collect(),
            files: files(conn)?,
            rejects: rejects(conn)?,
        })
    }

    /// How many rows a model has; nothing for a view, or for one that is not built.
    pub fn rows(&self, model: &Model) -> Option<u64> {
        let is_view = model.materialized == Materialized::View;
        self.built.get(&model.name).copied().flatten().filter(|_| !is_view)
    }

    /// The state of a model.
    pub fn state(&self, model: &str) -> State {
        match (self.built.contains_key(model), self.current.contains(model)) {
            (false, _) => State::NotBuilt,
            (true, false) => State::Stale,
            (true, true) => State::Current,
        }
    }

    /// What a check found last, in words.
    pub fn verdict(&self, check: &Check) -> String {
        verdict(self.offending.get(&check.name).copied(), check.tolerance, check.severity)
    }

    /// The same for the check that a model's key is unique.
    pub fn key_verdict(&self, model: &str) -> String {
        verdict(self.offending.get(&format!("{model}_key")).copied(), 0, Severity::Error)
    }
}

/// The models that are what their files say, built from what their inputs hold now.
fn current(conn: &Connection, graph: &Graph<'_>, contracts: &BTreeMap<String, Contract>) -> Result<BTreeSet<String>> {
    let published = content::published(conn)?;
    let engine = salesmart_staging::engine(conn)?;
    let mut current = BTreeSet::new();
    for node in &graph.nodes {
        let Some(built) = published.get(&node.model.name) else { continue };
        let is_seen = |input: &str, content: Option<&str>| {
            built.inputs.get(input).is_some_and(|(seen, _)| Some(seen.as_str()) == content)
        };
        let mut is_current = built.definition == content::definition(node, contracts)?
            && built.engine == engine
            && built.as_of.is_empty();
        for source in &node.sources {
            is_current &= is_seen(&format!("raw.{source}"), Some(&content::of_source(conn, source)?));
        }
        for read in &node.models {
            let content = published.get(read).map(|published| published.content.as_str());
            is_current &= current.contains(read) && is_seen(read, content);
        }
        if is_current {
            current.insert(node.model.name.clone());
        }
    }
    Ok(current)
}

fn verdict(offending: Option<u64>, tolerance: u64, severity: Severity) -> String {
    match (offending, severity) {
        (None, _) => "not run yet".to_owned(),
        (Some(0), _) => "passed".to_owned(),
        (Some(rows), _) if rows <= tolerance => format!("passed, {rows} within tolerance"),
        (Some(rows), Severity::Warn) => format!("warned, {rows} offending"),
        (Some(rows), Severity::Error) => format!("failed, {rows} offending"),
    }
}

fn pairs<T: duckdb::types::FromSql>(conn: &Connection, sql: &str) -> Result<Vec<(String, T)>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn files(conn: &Connection) -> Result<BTreeMap<String, Vec<File>>> {
    let sql = "select source, file, outcome, records, accepted, rejected from ingest.files order by source, file";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let file = File {
            name: row.get(1)?,
            outcome: row.get(2)?,
            records: row.get(3)?,
            accepted: row.get(4)?,
            rejected: row.get(5)?,
        };
        Ok((row.get::<_, String>(0)?, file))
    })?;
    let mut files: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for row in rows {
        let (source, file) = row?;
        files.entry(source).or_default().push(file);
    }
    Ok(files)
}

/// Column, code and how many.
type RejectCount = (Option<String>, String, u64);

fn rejects(conn: &Connection) -> Result<BTreeMap<String, Vec<RejectCount>>> {
    let sql = "select source, column_name, code, count(*) from main.rejects
               group by all order by source, count(*) desc, column_name nulls first, code";
    let mut statement = conn.prepare(sql)?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?;
    let mut rejects: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in rows {
        let (source, reject) = row?;
        rejects.entry(source).or_default().push(reject);
    }
    Ok(rejects)
}
