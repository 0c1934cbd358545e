//! `salesmart ls`

use anyhow::Result;
use duckdb::Connection;
use salesmart_catalog::inventory::Inventory;
use salesmart_ingest::contract::contract_file;
use salesmart_model::Models;
use salesmart_staging::render::Table;
use salesmart_transform::graph::{Graph, Node};
use salesmart_transform::parse;

use super::Global;
use super::form::TableForm;
use super::select::SelectArgs;
use crate::stdout::Answer;

/// List the models: where they stand, how they are kept, what they read, and whether they are up to date.
///
/// Up to date is a model that the next build would leave as it is: neither its SQL nor what was ingested for it changed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which models
    #[command(flatten)]
    pub select: SelectArgs,
    /// The checks, too: those that read a chosen model, with what they found last
    #[arg(long)]
    pub checks: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: TableForm,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let config = global.config()?;
    let models = Models::load(&config)?;
    let contracts = contract_file::load_all(&config)?;
    let sources = contracts.keys().map(String::as_str).collect();
    let parser = Connection::open_in_memory()?;
    let graph = Graph::new(&parser, &models, &sources)?;
    let selected = args.select.resolve(&graph, &models, &config.root)?;
    let is_selected = |name: &str| selected.as_ref().is_none_or(|selected| selected.contains(name));
    let inventory = Inventory::read(&config, &graph, &contracts)?;
    let mut table = Table::new(&[
        ("name", false),
        ("layer", false),
        ("materialized", false),
        ("key", false),
        ("rows", true),
        ("state", false),
        ("reads", false),
    ]);
    for node in graph.nodes.iter().filter(|node| is_selected(&node.model.name)) {
        table.push(model_row(node, &inventory));
    }
    if args.checks {
        for check in &models.checks {
            let reads = parse::models_read(&parser, check, &models)?;
            if selected.is_none() || reads.iter().any(|name| is_selected(name)) {
                table.push(vec![
                    Some(check.name.clone()),
                    Some("check".to_owned()),
                    None,
                    None,
                    inventory.offending.get(&check.name).map(u64::to_string),
                    Some(inventory.verdict(check)),
                    Some(reads.into_iter().collect::<Vec<_>>().join(", ")),
                ]);
            }
        }
    }
    table.write(args.format.into(), &mut Answer::new())
}

fn model_row(node: &Node<'_>, inventory: &Inventory) -> Vec<Option<String>> {
    let model = node.model;
    let sources = node.sources.iter().map(|source| format!("raw.{source}"));
    let reads: Vec<String> = sources.chain(node.models.iter().cloned()).collect();
    vec![
        Some(model.name.clone()),
        Some(model.layer.name().to_owned()),
        Some(model.materialized.name().to_owned()),
        Some(model.key.join(", ")).filter(|key| !key.is_empty()),
        inventory.rows(model).map(|rows| rows.to_string()),
        Some(inventory.state(&model.name).name().to_owned()),
        Some(reads.join(", ")).filter(|reads| !reads.is_empty()),
    ]
}
