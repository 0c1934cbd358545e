//! What the published models are made of: by this the next build knows what it need not do.

use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::{Connection, params};
use salesmart_base::hash;
use salesmart_ingest::contract::Contract;

use super::graph::Node;

/// A published model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// `view`, `table` or `incremental`.
    pub kind: String,
    /// Hash of its select, of its header, and of the contracts of the sources that it reads.
    pub definition: String,
    /// Version of DuckDB.
    pub engine: String,
    /// The day given with `--as-of`, where the model asks for it; else empty.
    pub as_of: String,
    /// Stands for its rows: it changes only if they do.
    pub content: String,
    /// How many rows it has.
    pub rows: u64,
    /// What it was built from: the content of each input, and of a source the last load.
    pub inputs: BTreeMap<String, (String, Option<i64>)>,
}

/// All published models by name.
pub fn published(conn: &Connection) -> Result<BTreeMap<String, Published>> {
    let mut statement =
        conn.prepare("select name, kind, definition, engine, as_of, content, coalesce(rows, 0) from meta.models")?;
    let rows = statement.query_map([], |row| {
        let published = Published {
            kind: row.get(1)?,
            definition: row.get(2)?,
            engine: row.get(3)?,
            as_of: row.get(4)?,
            content: row.get(5)?,
            rows: row.get(6)?,
            inputs: BTreeMap::new(),
        };
        Ok((row.get::<_, String>(0)?, published))
    })?;
    let mut models: BTreeMap<String, Published> = rows.collect::<Result<_, _>>()?;
    let mut statement = conn.prepare("select model, input, content, load_id from meta.inputs")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    for row in rows {
        let (model, input, content, load): (String, String, String, Option<i64>) = row?;
        if let Some(published) = models.get_mut(&model) {
            published.inputs.insert(input, (content, load));
        }
    }
    Ok(models)
}

/// Writes down what a model is made of.
pub fn store(conn: &Connection, name: &str, now: &Published) -> Result<()> {
    conn.execute(
        "insert or replace into meta.models values (?, ?, ?, ?, ?, ?, ?)",
        params![name, now.kind, now.definition, now.engine, now.as_of, now.content, now.rows],
    )?;
    conn.execute("delete from meta.inputs where model = ?", [name])?;
    for (input, (content, load)) in &now.inputs {
        conn.execute("insert into meta.inputs values (?, ?, ?, ?)", params![name, input, content, load])?;
    }
    Ok(())
}

/// Forgets a model that is gone.
pub fn forget(conn: &Connection, name: &str) -> Result<()> {
    conn.execute("delete from meta.models where name = ?", [name])?;
    conn.execute("delete from meta.inputs where model = ?", [name])?;
    Ok(())
}

/// Hash of all that a model's file says, and of the contracts of its sources.
pub fn definition(node: &Node<'_>, contracts: &BTreeMap<String, Contract>) -> Result<String> {
    let model = node.model;
    let mut parts = vec![model.materialized.name().to_owned(), node.meaning.clone(), model.key.join(",")];
    for column in &model.by {
        parts.push(format!("{} = {}", column.name, column.expression.as_deref().unwrap_or_default()));
    }
    parts.push(model.lookups.join(","));
    parts.push(model.cluster.clone().unwrap_or_default());
    parts.push(model.partition.clone().unwrap_or_default());
    for contract in node.sources.iter().filter_map(|source| contracts.get(source)) {
        parts.push(contract.hash()?);
    }
    Ok(hash::of_parts(parts.iter().map(String::as_str)))
}

/// What a source holds: its contract, and the names, contents and repairs of its files.
pub fn of_source(conn: &Connection, source: &str) -> Result<String> {
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

/// The number of the last load of a source, or of the last time that rows of it were taken out.
pub fn last_load(conn: &Connection, source: &str) -> Result<i64> {
    let sql = format!(
        "select greatest(
             (select coalesce(max(load_id), 0) from ingest.files where source = ?),
             (select coalesce(max(_load), 0) from removed.{source}))"
    );
    Ok(conn.query_row(&sql, [source], |row| row.get(0))?)
}

/// Drops the removed rows that every model which reads the source has seen.
pub fn forget_removed(conn: &Connection, source: &str) -> Result<()> {
    let name = format!("raw.{source}");
    conn.execute(
        &format!(
            "delete from removed.{source} where _load <= coalesce(
                 (select min(coalesce(load_id, 0)) from meta.inputs where input = ?), 9223372036854775807)"
        ),
        [name],
    )?;
    Ok(())
}
