//! Builds what changed into a scratch schema, has it checked there, and publishes it in one transaction.
//!
//! A table is built as `main."<model>__next"` with a view of the model's name in the schema `scratch`, which
//! comes first in the search path: models and checks see the new rows, and publishing is a rename, not a copy.
//! Until then readers see the last published models; after a failed build or check the scratch schema stays,
//! so that the offending rows can be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use duckdb::{Connection, params};

use super::change::{Change, Observer};
use super::graph::{Graph, Node};
use super::parse;
use crate::check;
use crate::console::{Console, Step, grouped};
use crate::fail;
use crate::failpoint;
use crate::hash;
use crate::ingest::contract::Contract;
use crate::model::{Materialized, Models};
use crate::staging::{Staging, ident, literal};

/// What becomes of a build that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finish {
    /// It takes the place of what was published.
    #[default]
    Publish,
    /// It was only looked at.
    Discard,
}

/// How to build.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The models to build, if not all. Those they read must be built already.
    pub selected: Option<BTreeSet<String>>,
    /// Publish or not.
    pub finish: Finish,
    /// The day that RFM looks back from; the day after the last sale when absent.
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild models that did not change, too.
    pub full_refresh: bool,
}

/// What a build did.
#[derive(Debug, Default)]
pub struct Report {
    /// Models that were rebuilt, in order.
    pub built: Vec<String>,
    /// Models that were up to date.
    pub unchanged: u64,
    /// What the checks found.
    pub checks: check::Report,
    /// Time of the checks.
    pub check_time: Duration,
}

/// Builds, checks and publishes.
///
/// # Errors
/// An error in a model names its file and line; a failed check shows offending rows. In both cases the last
/// published models stay as they are.
pub fn run(
    staging: &Staging,
    models: &Models,
    contracts: &BTreeMap<String, Contract>,
    options: &Options,
    run_id: &str,
    console: &Console,
    observer: &mut Observer<'_>,
) -> Result<Report> {
    let conn = staging.conn();
    set_as_of(conn, options)?;
    let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
    let graph = Graph::new(conn, models, &sources)?;
    refuse_incomplete(conn)?;
    make_missing_sources(conn, contracts)?;
    let fingerprints = fingerprints(conn, &graph, options)?;
    let published = published(conn)?;
    let is_stale = |node: &&Node<'_>| {
        let name = node.model.name.as_str();
        let is_selected = options.selected.as_ref().is_none_or(|selected| selected.contains(name));
        is_selected
            && (options.full_refresh
                || published.get(name).map(|(_, fingerprint)| fingerprint) != fingerprints.get(name))
    };
    let stale: Vec<&Node<'_>> = graph.nodes.iter().filter(is_stale).collect();
    let gone: Vec<&String> = published.keys().filter(|name| !models.models.contains_key(*name)).collect();
    let mut report = Report { unchanged: (graph.nodes.len() - stale.len()) as u64, ..Report::default() };

    clear_scratch(conn)?;
    conn.execute_batch("create schema scratch; set search_path = 'scratch,main'")?;
    let outcome = build_and_check(conn, &stale, models, &published, run_id, console, observer, &mut report);
    conn.execute_batch("set search_path = 'main'")?;
    let rows = outcome?;

    if stale.is_empty() && gone.is_empty() {
        conn.execute_batch("drop schema scratch cascade")?;
        return Ok(report);
    }
    if options.finish == Finish::Discard {
        clear_scratch(conn)?;
        return Ok(report);
    }
    failpoint::hit("build.before_publish");
    staging.transaction(|conn| {
        conn.execute_batch("drop schema scratch cascade")?;
        for name in gone {
            drop_published(conn, name)?;
            conn.execute("delete from meta.models where name = ?", [name])?;
        }
        for node in &stale {
            publish(conn, node)?;
            let name = node.model.name.as_str();
            conn.execute(
                "insert or replace into meta.models values (?, ?, ?, ?)",
                params![name, node.model.materialized.name(), fingerprints.get(name), rows.get(name)],
            )?;
        }
        Ok(())
    })?;
    failpoint::hit("build.published");
    Ok(report)
}

/// After a change of its contract a source is whole again only when all its files are.
fn refuse_incomplete(conn: &Connection) -> Result<()> {
    let mut statement = conn.prepare("select file from ingest.expected order by file")?;
    let files: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match files.first() {
        None => Ok(()),
        Some(first) => fail!(
            "{} files were loaded before their contract changed and are not loaded again yet (first: {first}); repair them and run \
             `salesmart ingest`, or withdraw them with `salesmart forget FILE`",
            grouped(files.len() as u64)
        ),
    }
}

/// `getvariable('as_of')` in a model is this day, or NULL.
fn set_as_of(conn: &Connection, options: &Options) -> Result<()> {
    match options.as_of {
        Some(day) => conn.execute_batch(&format!("set variable as_of = date '{day}'"))?,
        None => conn.execute_batch("reset variable as_of")?,
    }
    Ok(())
}

/// A source that was never ingested reads as an empty table.
fn make_missing_sources(conn: &Connection, contracts: &BTreeMap<String, Contract>) -> Result<()> {
    for contract in contracts.values() {
        let columns: String =
            contract.columns.iter().map(|column| format!(", {} {}", ident(&column.name), column.kind.sql())).collect();
        conn.execute_batch(&format!(
            "create table if not exists raw.{} (_file varchar not null, _line bigint not null{columns})",
            contract.source
        ))?;
    }
    Ok(())
}

/// Of each model: its SQL, the engine's version, and the fingerprints of all it reads.
pub(crate) fn fingerprints(
    conn: &Connection,
    graph: &Graph<'_>,
    options: &Options,
) -> Result<BTreeMap<String, String>> {
    let engine = conn.version()?;
    let as_of = options.as_of.map_or_else(String::new, |day| day.to_string());
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for node in &graph.nodes {
        let model = node.model;
        let mut parts = vec![engine.clone(), model.materialized.name().to_owned(), model.sql.clone()];
        if model.sql.to_ascii_lowercase().contains("as_of") {
            parts.push(as_of.clone());
        }
        for source in &node.sources {
            parts.push(source_fingerprint(conn, source)?);
        }
        parts.extend(node.models.iter().filter_map(|name| known.get(name).cloned()));
        known.insert(model.name.clone(), hash::of_parts(parts.iter().map(String::as_str)));
    }
    Ok(known)
}

/// A source's contract and the names, contents and repairs of its files.
fn source_fingerprint(conn: &Connection, source: &str) -> Result<String> {
    let mut statement = conn.prepare(
        "select contract_hash, '' from ingest.sources where source = $1
         union all
         (select file, content_hash || coalesce(repairs_hash, '') from ingest.files
          where source = $1 and outcome = 'loaded' order by file)",
    )?;
    let rows = statement.query_map([source], |row| Ok([row.get::<_, String>(0)?, row.get::<_, String>(1)?]))?;
    let mut rows: Vec<[String; 2]> = rows.collect::<Result<_, _>>()?;
    // Name and content stay together: two files that swap their contents are a change.
    rows.sort();
    let parts: Vec<String> = std::iter::once(source.to_owned()).chain(rows.into_iter().flatten()).collect();
    Ok(hash::of_parts(parts.iter().map(String::as_str)))
}

/// Kind and fingerprint of each published model.
pub(crate) fn published(conn: &Connection) -> Result<BTreeMap<String, (String, String)>> {
    let mut statement = conn.prepare("select name, kind, fingerprint from meta.models")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes what an earlier build left behind.
fn clear_scratch(conn: &Connection) -> Result<()> {
    conn.execute_batch("drop schema if exists scratch cascade")?;
    let mut statement = conn.prepare(
        "select table_name from duckdb_tables() where schema_name = 'main' and ends_with(table_name, '__next')",
    )?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        conn.execute_batch(&format!("drop table main.{}", ident(&name)))?;
    }
    Ok(())
}

/// Builds the stale models in order, then runs the checks; returns each table's rows.
fn build_and_check(
    conn: &Connection,
    stale: &[&Node<'_>],
    models: &Models,
    published: &BTreeMap<String, (String, String)>,
    run_id: &str,
    console: &Console,
    observer: &mut Observer<'_>,
    report: &mut Report,
) -> Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    for node in stale {
        let model = node.model;
        let started = Instant::now();
        let statement = match model.materialized {
            // The file starts behind the prefix on the first line, so DuckDB's line numbers are the file's.
            Materialized::Table | Materialized::Incremental => {
                format!("create table main.{} as {}", next(&model.name), model.sql)
            }
            Materialized::View => format!("create view scratch.{} as {}", ident(&model.name), model.sql),
        };
        conn.execute_batch(&statement).map_err(|error| parse::explain(&model.path, &error))?;
        let count = match model.materialized {
            Materialized::Table | Materialized::Incremental => {
                conn.execute_batch(&format!(
                    "create view scratch.{} as from main.{}",
                    ident(&model.name),
                    next(&model.name)
                ))?;
                let count: u64 =
                    conn.query_row(&format!("select count(*) from main.{}", next(&model.name)), [], |row| row.get(0))?;
                rows.insert(model.name.clone(), count);
                let before = published.contains_key(&model.name).then(|| format!("main.{}", ident(&model.name)));
                let after = format!("main.{}", next(&model.name));
                observer(conn, &Change { model, before: before.as_deref(), after: &after })?;
                Some(count)
            }
            Materialized::View => None,
        };
        console.step(&Step {
            stage: "build",
            subject: &model.name,
            rows: count,
            elapsed: started.elapsed(),
            note: String::new(),
        });
        report.built.push(model.name.clone());
    }
    let checks = checks_fingerprint(models);
    let last: Option<String> = conn.query_row("select max(fingerprint) from meta.checked", [], |row| row.get(0))?;
    if stale.is_empty() {
        let note = format!("{} models up to date", grouped(report.unchanged));
        console.step(&Step { stage: "build", subject: "nothing changed", rows: None, elapsed: Duration::ZERO, note });
        if last.as_ref() == Some(&checks) {
            return Ok(rows);
        }
    }
    let started = Instant::now();
    report.checks = check::run(conn, models, run_id)?;
    report.check_time = started.elapsed();
    report.checks.say(report.check_time, console);
    report.checks.refuse()?;
    conn.execute_batch("delete from meta.checked")?;
    conn.execute("insert into meta.checked values (?)", [checks])?;
    Ok(rows)
}

/// Of all checks: a new or changed one runs even where no model changed.
fn checks_fingerprint(models: &Models) -> String {
    let files = models.checks.iter().flat_map(|check| [check.name.as_str(), check.sql.as_str()]);
    let keys =
        models.models.values().flat_map(|model| std::iter::once(&model.name).chain(&model.key)).map(String::as_str);
    hash::of_parts(files.chain(keys))
}

/// The table a model is built as, quoted.
fn next(name: &str) -> String {
    ident(&format!("{name}__next"))
}

fn publish(conn: &Connection, node: &Node<'_>) -> Result<()> {
    let model = node.model;
    drop_published(conn, &model.name)?;
    let statement = match model.materialized {
        Materialized::Table | Materialized::Incremental => {
            format!("alter table main.{} rename to {}", next(&model.name), ident(&model.name))
        }
        Materialized::View => format!("create view main.{} as {}", ident(&model.name), model.sql),
    };
    Ok(conn.execute_batch(&statement)?)
}

fn drop_published(conn: &Connection, name: &str) -> Result<()> {
    let condition = format!("schema_name = 'main' and {{}} = {}", literal(name));
    for (kind, catalog, column) in [("view", "duckdb_views()", "view_name"), ("table", "duckdb_tables()", "table_name")]
    {
        let exists: bool = conn.query_row(
            &format!("select count(*) > 0 from {catalog} where {}", condition.replace("{}", column)),
            [],
            |row| row.get(0),
        )?;
        if exists {
            conn.execute_batch(&format!("drop {kind} main.{}", ident(name)))?;
        }
    }
    Ok(())
}
