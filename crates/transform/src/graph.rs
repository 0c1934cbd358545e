//! The models in the order of their dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_base::{fail, toml_file};
use salesmart_model::{Layer, Materialized, Model, Models};

use super::parse::{self, Parsed, Reference};

/// A model with what it reads.
#[derive(Debug)]
pub struct Node<'m> {
    /// The model.
    pub model: &'m Model,
    /// The models it reads.
    pub models: Vec<String>,
    /// The sources (`raw.*`) it reads.
    pub sources: Vec<String>,
    /// What the views read that it reads, whatever they read through views: sources as `raw.<source>`.
    pub behind_views: BTreeSet<String>,
    /// A hash of what its select says.
    pub meaning: String,
}

impl Node<'_> {
    /// All that it reads; sources as `raw.<source>`.
    pub fn inputs(&self) -> impl Iterator<Item = String> {
        self.models.iter().cloned().chain(self.sources.iter().map(|source| format!("raw.{source}")))
    }
}

/// The models, each after those it reads.
#[derive(Debug)]
pub struct Graph<'m> {
    /// In build order.
    pub nodes: Vec<Node<'m>>,
}

/// What stands in the way of an order.
#[derive(Debug)]
pub struct Fault {
    /// The models that are at fault.
    pub models: Vec<String>,
    /// The error, with file and line.
    pub error: anyhow::Error,
}

impl<'m> Graph<'m> {
    /// Parses all models and orders them.
    ///
    /// # Errors
    /// Syntax errors, names that are neither a model nor a source, models outside `sql/staging` that read a
    /// source, and cycles: each with file and line.
    pub fn new(conn: &Connection, models: &'m Models, sources: &BTreeSet<&str>) -> Result<Self> {
        Self::with(models, sources, |path, sql| parse::parse(conn, path, sql))
    }

    /// The same, with a parser that may know some of them already.
    pub fn with(
        models: &'m Models,
        sources: &BTreeSet<&str>,
        parse: impl FnMut(&Path, &str) -> Result<Parsed>,
    ) -> Result<Self> {
        let (graph, faults) = Self::with_faults(models, sources, parse);
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault.error);
        }
        Ok(graph)
    }

    /// The same for models that may be at fault: all faults, and the order of the others. A model that reads one at fault
    /// has its place; one that is in a circle, or reads such a one, has none.
    pub fn with_faults(
        models: &'m Models,
        sources: &BTreeSet<&str>,
        mut parse: impl FnMut(&Path, &str) -> Result<Parsed>,
    ) -> (Self, Vec<Fault>) {
        let mut nodes = BTreeMap::new();
        let mut faults = Vec::new();
        let mut lines: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for model in models.models.values() {
            let fault = |error| Fault { models: vec![model.name.clone()], error };
            let parsed = parse(&model.path, &model.sql).unwrap_or_else(|error| {
                faults.push(fault(error));
                Parsed::default()
            });
            let (models_read, sources_read) = (Vec::new(), Vec::new());
            let behind_views = BTreeSet::new();
            let meaning = parsed.meaning;
            let mut node = Node { model, models: models_read, sources: sources_read, behind_views, meaning };
            for reference in parsed.references {
                let line = reference.line;
                match resolve(model, &reference, models, sources) {
                    Ok(Read::Model(name)) => {
                        lines.insert((model.name.as_str(), name.clone()), line);
                        node.models.push(name);
                    }
                    Ok(Read::Source(name)) => node.sources.push(name),
                    Err(error) => faults.push(fault(error)),
                }
            }
            nodes.insert(model.name.as_str(), node);
        }
        let mut ordered: Vec<Node<'m>> = Vec::with_capacity(nodes.len());
        let mut done: BTreeSet<String> = BTreeSet::new();
        while !nodes.is_empty() {
            let ready: Vec<&str> = nodes
                .iter()
                .filter(|(_, node)| node.models.iter().all(|name| done.contains(name)))
                .map(|(name, _)| *name)
                .collect();
            if ready.is_empty() {
                let (models, text) = describe_cycle(&nodes, &lines);
                faults.push(Fault { models, error: Failure::new(text).into() });
                break;
            }
            for name in ready {
                if let Some(mut node) = nodes.remove(name) {
                    for read in ordered.iter().filter(|read| node.models.contains(&read.model.name)) {
                        if read.model.materialized == Materialized::View {
                            node.behind_views.extend(read.inputs().chain(read.behind_views.iter().cloned()));
                        }
                    }
                    done.insert(name.to_owned());
                    ordered.push(node);
                }
            }
        }
        (Self { nodes: ordered }, faults)
    }

    /// The model of this name.
    pub fn get(&self, name: &str) -> Option<&Node<'m>> {
        self.nodes.iter().find(|node| node.model.name == name)
    }
}

/// What the views among these inputs read, through views as well; sources as `raw.<source>`.
///
/// # Errors
/// Those of the parser.
pub fn behind_views<'n>(
    names: impl Iterator<Item = &'n String>,
    models: &Models,
    parse: &dyn Fn(&Path, &str) -> Result<Parsed>,
) -> Result<BTreeSet<String>> {
    let is_view = |name: &String| models.models.get(name).filter(|model| model.materialized == Materialized::View);
    let mut views: Vec<&Model> = names.filter_map(is_view).collect();
    let mut behind = BTreeSet::new();
    while let Some(view) = views.pop() {
        for read in parse(&view.path, &view.sql)?.references {
            let name = read.full_name();
            if behind.insert(name.clone()) {
                views.extend(is_view(&name));
            }
        }
    }
    Ok(behind)
}

enum Read {
    Model(String),
    Source(String),
}

fn resolve(model: &Model, reference: &Reference, models: &Models, sources: &BTreeSet<&str>) -> Result<Read> {
    let at = format!("{}:{}", model.path.display(), reference.line);
    let name = reference.name.to_ascii_lowercase();
    match reference.schema.as_deref() {
        Some("raw") => {
            if !sources.contains(name.as_str()) {
                let nearest = toml_file::nearest(&name, sources.iter().copied());
                let advice = match nearest {
                    Some(nearest) => format!("did you mean raw.{nearest}?"),
                    None => format!("write data/contracts/{name}.toml"),
                };
                fail!("{at}: there is no contract for raw.{name}; {advice}");
            }
            if model.layer != Layer::Staging {
                fail!(
                    "{at}: only models in sql/staging read raw.*; read a stg_ model here, so that the marts do not depend on a source's shape"
                );
            }
            Ok(Read::Source(name))
        }
        Some(parse::TABLE_FUNCTION) => fail!(
            "{at}: {name} reads something that is neither a model nor a source, so its changes would go unnoticed; load it with a \
             contract (data/contracts) and read raw.NAME"
        ),
        None if models.models.contains_key(&name) => Ok(Read::Model(name)),
        schema => {
            let written = schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
            let nearest = toml_file::nearest(&name, models.models.keys().map(String::as_str));
            let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
            fail!("{at}: {written} is neither a model nor a source (raw.*){advice}")
        }
    }
}

/// Follows one cycle among the models that are left over: its models, and a text.
fn describe_cycle(nodes: &BTreeMap<&str, Node<'_>>, lines: &BTreeMap<(&str, String), usize>) -> (Vec<String>, String) {
    let mut path: Vec<&str> = Vec::new();
    let mut here = nodes.keys().next().copied().unwrap_or_default();
    while !path.contains(&here) {
        path.push(here);
        let next =
            nodes.get(here).and_then(|node| node.models.iter().find_map(|name| nodes.get_key_value(name.as_str())));
        match next {
            Some((name, _)) => here = name,
            None => break,
        }
    }
    let start = path.iter().position(|name| *name == here).unwrap_or(0);
    let cycle = &path[start..];
    let steps: Vec<String> = cycle
        .iter()
        .enumerate()
        .filter_map(|(index, name)| {
            let next = cycle[(index + 1) % cycle.len()];
            let line = lines.get(&(*name, next.to_owned()))?;
            Some(format!("{}:{line} reads {next}", nodes.get(name)?.model.path.display()))
        })
        .collect();
    let text = format!("the models read each other in a circle: {}", steps.join(", "));
    (cycle.iter().map(|name| (*name).to_owned()).collect(), text)
}
