//! Lineage: which models and columns a model or column is computed from, and what is computed from it.
//!
//! [`query`] reads one model's syntax tree; here the models are put together. [`tree`] writes it as text, [`layout`] and
//! [`svg`] draw it.

pub mod layout;
pub mod origin;
pub mod query;
mod scope;
pub mod svg;
pub mod tree;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::{fail, toml_file};
use salesmart_ingest::contract::Contract;
use salesmart_model::{Layer, Model, Models};
use salesmart_staging::relation::Column;
use salesmart_transform::compile::Compiled;
use salesmart_transform::parse;

use origin::{Origin, Origins};

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A source: `raw.<source>`.
    Source,
    /// A model of `sql/staging`.
    Staging,
    /// A model of `sql/intermediate`.
    Intermediate,
    /// A model of `sql/marts`.
    Mart,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Staging => Layer::Staging.name(),
            Self::Intermediate => Layer::Intermediate.name(),
            Self::Mart => Layer::Mart.name(),
        }
    }
}

impl From<Layer> for Kind {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Staging => Self::Staging,
            Layer::Intermediate => Self::Intermediate,
            Layer::Mart => Self::Mart,
        }
    }
}

/// A column with what it is computed from, in the models that its model reads.
#[derive(Debug, Clone)]
pub struct Traced {
    /// Name and type.
    pub column: Column,
    /// What it is computed from; nothing for a source's column.
    pub origins: Origins,
}

/// A source or a model.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The model's name, or `raw.<source>`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The relations it reads.
    pub reads: Vec<String>,
    /// Its columns.
    pub columns: Vec<Traced>,
}

/// All sources and models, each after what it reads.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// In build order, sources first.
    pub relations: Vec<Relation>,
}

/// Which way to follow the links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what it is computed from.
    Upstream,
    /// To what is computed from it.
    Downstream,
    /// Both ways.
    Both,
}

/// A model, a source, or one column of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Focus {
    /// The relation.
    pub relation: String,
    /// The column, if one is meant.
    pub column: Option<String>,
}

impl Lineage {
    /// Traces every column of every model.
    ///
    /// # Errors
    /// Models that do not compile: their columns cannot be told.
    pub fn trace(compiled: &Compiled<'_>, models: &Models, contracts: &BTreeMap<String, Contract>) -> Result<Self> {
        let broken: Vec<&str> = compiled.faults.keys().chain(compiled.blocked.keys()).map(String::as_str).collect();
        if !broken.is_empty() {
            fail!("{} cannot be read; `salesmart compile` says why", broken.join(", "));
        }
        let parser = Connection::open_in_memory()?;
        let mut relations: Vec<Relation> = contracts
            .keys()
            .map(|source| {
                let name = format!("raw.{source}");
                let columns = compiled.columns_of(&name).iter();
                let columns = columns.map(|column| Traced { column: column.clone(), origins: Origins::default() });
                Relation { kind: Kind::Source, reads: Vec::new(), columns: columns.collect(), name }
            })
            .collect();
        for node in &compiled.graph.nodes {
            let sources = node.sources.iter().map(|source| format!("raw.{source}"));
            let model = models.get(&node.model.name)?;
            relations.push(Relation {
                name: model.name.clone(),
                kind: model.layer.into(),
                reads: sources.chain(node.models.iter().cloned()).collect(),
                columns: trace(&parser, model, compiled)?,
            });
        }
        Ok(Self { relations })
    }

    /// A relation by name.
    pub fn get(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// What `fact_sales`, `raw.sales`, `fact_sales.revenue` or `raw.sales.revenue` names; the error names the nearest.
    pub fn focus(&self, text: &str) -> Result<Focus> {
        if self.get(text).is_some() {
            return Ok(Focus { relation: text.to_owned(), column: None });
        }
        if let Some((name, column)) = text.rsplit_once('.')
            && let Some(relation) = self.get(name)
        {
            if relation.column(column).is_some() {
                return Ok(Focus { relation: name.to_owned(), column: Some(column.to_owned()) });
            }
            let known = relation.columns.iter().map(|traced| traced.column.name.as_str());
            let advice = match toml_file::nearest(column, known) {
                Some(nearest) => format!("; did you mean {name}.{nearest}?"),
                None => format!("; `salesmart lineage {name} --columns` lists them"),
            };
            fail!("{name} has no column {column}{advice}")
        }
        let known = self.relations.iter().map(|relation| relation.name.as_str());
        let nearest = toml_file::nearest(text.split('.').next().unwrap_or(text), known);
        let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
        fail!("there is no model, source or column {text}{advice}")
    }

    /// The relations that read this one.
    pub fn read_by(&self, name: &str) -> Vec<&str> {
        let readers = self.relations.iter().filter(|relation| relation.reads.iter().any(|read| read == name));
        readers.map(|relation| relation.name.as_str()).collect()
    }

    /// The columns that are computed from this one.
    pub fn used_by(&self, origin: &Origin) -> Vec<Origin> {
        let all = self
            .relations
            .iter()
            .flat_map(|relation| relation.columns.iter().map(move |traced| (relation.name.as_str(), traced)));
        all.filter(|(_, traced)| traced.origins.from.contains(origin))
            .map(|(relation, traced)| Origin {
                relation: relation.to_owned(),
                column: Some(traced.column.name.clone()),
            })
            .collect()
    }

    /// What a column is computed from, one step up.
    pub fn origins(&self, origin: &Origin) -> Origins {
        let relation = self.get(&origin.relation);
        match (&origin.column, relation) {
            (Some(column), Some(relation)) => {
                relation.column(column).map(|traced| traced.origins.clone()).unwrap_or_default()
            }
            _ => Origins::default(),
        }
    }

    /// The part that a model or column is linked with. Of a column, only the columns on the way are kept.
    pub fn part(&self, focus: &Focus, direction: Direction) -> Self {
        match &focus.column {
            None => self.part_of_relation(&focus.relation, direction),
            Some(column) => {
                let start = Origin { relation: focus.relation.clone(), column: Some(column.clone()) };
                self.part_of_column(&start, direction)
            }
        }
    }

    fn part_of_relation(&self, name: &str, direction: Direction) -> Self {
        let start = || BTreeSet::from([name.to_owned()]);
        let mut kept = start();
        if direction != Direction::Downstream {
            kept.extend(closure(start(), |name| {
                self.get(name).map(|relation| relation.reads.clone()).unwrap_or_default()
            }));
        }
        if direction != Direction::Upstream {
            let readers = |name: &String| self.read_by(name).into_iter().map(str::to_owned).collect();
            kept.extend(closure(start(), readers));
        }
        let relations = self.relations.iter().filter(|relation| kept.contains(&relation.name));
        let relations = relations.cloned().map(|mut relation| {
            relation.reads.retain(|read| kept.contains(read));
            relation
        });
        Self { relations: relations.collect() }
    }

    fn part_of_column(&self, start: &Origin, direction: Direction) -> Self {
        let start = || BTreeSet::from([start.clone()]);
        let mut kept = start();
        if direction != Direction::Downstream {
            kept.extend(closure(start(), |origin| self.origins(origin).from.into_iter().collect()));
        }
        if direction != Direction::Upstream {
            kept.extend(closure(start(), |origin| self.used_by(origin)));
        }
        let names: BTreeSet<&str> = kept.iter().map(|origin| origin.relation.as_str()).collect();
        let mut relations = Vec::new();
        for relation in self.relations.iter().filter(|relation| names.contains(relation.name.as_str())) {
            let mut relation = relation.clone();
            let name = relation.name.clone();
            relation.columns.retain(|traced| {
                kept.contains(&Origin { relation: name.clone(), column: Some(traced.column.name.clone()) })
            });
            for traced in &mut relation.columns {
                traced.origins.from.retain(|origin| kept.contains(origin));
            }
            let used: BTreeSet<String> = relation
                .columns
                .iter()
                .flat_map(|traced| traced.origins.from.iter().map(|origin| origin.relation.clone()))
                .collect();
            relation.reads.retain(|read| used.contains(read));
            relations.push(relation);
        }
        Self { relations }
    }

    /// As one JSON document.
    pub fn json(&self) -> serde_json::Value {
        let relations = self.relations.iter().map(|relation| {
            let columns = relation.columns.iter().map(|traced| {
                let from = traced.origins.from.iter();
                let from: Vec<_> = from
                    .map(|origin| serde_json::json!({"relation": origin.relation, "column": origin.column}))
                    .collect();
                let mut column = serde_json::json!({"name": traced.column.name, "type": traced.column.kind});
                if relation.kind != Kind::Source {
                    column["from"] = from.into();
                    column["unknown"] = traced.origins.is_unknown.into();
                }
                column
            });
            serde_json::json!({
                "name": relation.name, "layer": relation.kind.name(), "reads": relation.reads,
                "columns": columns.collect::<Vec<_>>(),
            })
        });
        serde_json::json!({ "relations": relations.collect::<Vec<_>>() })
    }
}

impl Relation {
    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Traced> {
        self.columns.iter().find(|traced| traced.column.name.eq_ignore_ascii_case(name))
    }
}

/// What a model's columns are computed from. What the engine found binds: where the reading of the syntax tree has
/// other columns than it, they are unknown.
fn trace(parser: &Connection, model: &Model, compiled: &Compiled<'_>) -> Result<Vec<Traced>> {
    let catalog = |relation: &str| {
        let columns = compiled.columns.get(relation)?;
        Some(columns.iter().map(|column| column.name.clone()).collect())
    };
    let tree = parse::syntax_tree(parser, &model.path, &model.sql)?;
    let bound = compiled.columns_of(&model.name);
    let read = query::result(&tree, &catalog).columns.filter(|read| read.len() == bound.len());
    let origins = |index: usize, column: &Column| {
        let output = read.as_ref().and_then(|read| read.get(index));
        let is_it = |name: &Option<String>| name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&column.name));
        output.filter(|output| is_it(&output.name)).map_or_else(Origins::unknown, |output| output.origins.clone())
    };
    Ok(bound
        .iter()
        .enumerate()
        .map(|(index, column)| Traced { column: column.clone(), origins: origins(index, column) })
        .collect())
}

/// Everything that can be reached.
fn closure<T: Ord + Clone>(start: BTreeSet<T>, next: impl Fn(&T) -> Vec<T>) -> BTreeSet<T> {
    let mut reached = start.clone();
    let mut frontier: Vec<T> = start.into_iter().collect();
    while let Some(item) = frontier.pop() {
        for found in next(&item) {
            if reached.insert(found.clone()) {
                frontier.push(found);
            }
        }
    }
    reached
}
