//! Models that are not as they were built last: their file, a contract or their input changed since, or they are gone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_ingest::contract::Contract;
use salesmart_model::Models;

use super::content;
use super::parsed::Parser;

/// Their names: what a build would look at. It may find that their rows stay as they are.
///
/// # Errors
/// A model that cannot be parsed.
pub fn unbuilt(conn: &Connection, models: &Models, contracts: &BTreeMap<String, Contract>) -> Result<Vec<String>> {
    let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
    let graph = Parser::new(conn)?.graph(models, &sources)?;
    let published = content::published(conn)?;
    let mut loaded = BTreeMap::new();
    for source in contracts.keys() {
        loaded.insert(format!("raw.{source}"), content::of_source(conn, source)?);
    }
    let mut names: Vec<String> = Vec::new();
    for node in &graph.nodes {
        let name = &node.model.name;
        let Some(built) = published.get(name) else {
            names.push(name.clone());
            continue;
        };
        let is_as_built = |input: &String| {
            let now = loaded.get(input).or_else(|| published.get(input).map(|model| &model.content));
            now.is_some() && now == built.inputs.get(input).map(|(content, _)| content) && !names.contains(input)
        };
        if built.definition != content::definition(node, contracts)? || !node.inputs().all(|input| is_as_built(&input))
        {
            names.push(name.clone());
        }
    }
    names.extend(published.keys().filter(|name| !models.models.contains_key(*name)).cloned());
    Ok(names)
}
