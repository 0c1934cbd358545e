//! From a row of a model to the records it was made of: `salesmart trace`.
//!
//! Level by level against the flow: [`link`] says by which columns the rows of a model and of one of its inputs belong
//! together, [`origin`] finds the records of rows in their files, [`print`] writes it all down.

pub mod link;
pub mod origin;
pub mod print;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::Config;
use salesmart_base::{fail, toml_file};
use salesmart_ingest::contract::Contract;
use salesmart_ingest::contract::contract_file;
use salesmart_model::{Model, Models};
use salesmart_staging::relation;
use salesmart_staging::relation::Column;
use salesmart_staging::render::Table;
use salesmart_staging::{Staging, ident, literal};
use salesmart_transform::graph::Graph;

use link::Link;
use origin::{Origin, Origins};

/// The order of the versions of a record, the one that wins first.
const NEWEST_FIRST: &str = "natural_order(_file) desc, _line desc";

/// Rows of one model or source.
#[derive(Debug)]
pub struct Level {
    /// Name of the model, or of the source as `raw.NAME`.
    pub name: String,
    /// How these rows were found.
    pub found: Found,
    /// The rows that are shown; the others are not followed either.
    pub rows: Table,
    /// How many there are in all.
    pub total: u64,
    /// Of a source: where each shown row comes from.
    pub origins: Vec<Origin>,
    /// What the rows were made of.
    pub inputs: Vec<Input>,
}

/// How the rows of a level were found.
#[derive(Debug)]
pub enum Found {
    /// By what was asked: `sale_id = 7`.
    Asked(String),
    /// By the rows of the level before.
    Linked(Link),
}

/// One input of a model.
#[derive(Debug)]
pub enum Input {
    /// Rows of it belong to those of the level before.
    Level(Level),
    /// The same rows have been followed on another way.
    Again {
        /// The input.
        name: String,
    },
    /// It is not known which rows do.
    Unknown {
        /// The input.
        name: String,
        /// Why.
        reason: String,
    },
}

/// What to look for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The model.
    pub model: &'a str,
    /// Values of its key in order, or pairs `column=value`.
    pub key: &'a [String],
    /// So many rows of each level are shown and followed.
    pub limit: u64,
}

/// Follows rows of a model back to their records.
///
/// # Errors
/// An unknown model, key or column, and a model that is not built.
pub fn run(config: &Config, wanted: &Wanted<'_>) -> Result<Level> {
    let contracts = contract_file::load_all(config)?;
    let models = Models::load(config)?;
    let model = models.get(wanted.model)?;
    let staging = Staging::open_read_only(config)?;
    let conn = staging.conn();
    let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
    let graph = Graph::new(conn, &models, &sources)?;
    let trace = Trace {
        conn,
        graph: &graph,
        models: &models,
        contracts: &contracts,
        origins: Origins::new(config, conn),
        limit: wanted.limit,
    };
    let columns = match relation::columns(conn, &in_sql(&model.name)) {
        Ok(columns) => columns,
        Err(_) => fail!("{} is not built yet; run `salesmart build`", model.name),
    };
    let asked = asked(conn, model, &columns, wanted.key)?;
    let condition = asked.iter().map(|(column, value)| equals(column, value)).collect::<Vec<_>>().join(" and ");
    let described =
        asked.iter().map(|(column, value)| format!("{} = {value}", column.name)).collect::<Vec<_>>().join(", ");
    let level = trace.model(model, &condition, Found::Asked(described.clone()), &mut HashSet::new())?;
    if level.total == 0 {
        fail!(
            "there is no row of {} with {described}; if its record was refused, `salesmart rejects` has it",
            model.name
        );
    }
    Ok(level)
}

/// The columns and values that the command line asks for.
fn asked<'c>(
    conn: &Connection,
    model: &Model,
    columns: &'c [Column],
    key: &[String],
) -> Result<Vec<(&'c Column, String)>> {
    let split = |text: &String| text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let pairs: Option<Vec<(String, String)>> =
        key.iter().map(|text| split(text).filter(|(name, _)| is_name(name))).collect();
    let pairs = match pairs {
        Some(pairs) => pairs,
        None if key.len() == model.key.len() => model.key.iter().cloned().zip(key.iter().cloned()).collect(),
        None if model.key.is_empty() => {
            fail!("{} has no key; name the row by its columns: column=value", model.name)
        }
        None => fail!(
            "the key of {} is {}: give {} in this order, or name the row by any columns: column=value",
            model.name,
            model.key.join(", "),
            if model.key.len() == 1 { "its value".to_owned() } else { format!("{} values", model.key.len()) }
        ),
    };
    let mut asked = Vec::new();
    for (name, value) in pairs {
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            let near = toml_file::nearest(&name, columns.iter().map(|column| column.name.as_str()));
            let advice = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            fail!("{} has no column {name}{advice}", model.name);
        };
        let sql = format!("select try_cast({} as {}) is not null", literal(&value), column.kind);
        let fits: bool = conn.query_row(&sql, [], |row| row.get(0))?;
        if !fits {
            fail!("{name} of {} is a {}, and \"{value}\" is none", model.name, column.kind);
        }
        asked.push((column, value));
    }
    Ok(asked)
}

/// An SQL condition: the column has this value.
fn equals(column: &Column, value: &str) -> String {
    format!("{} = cast({} as {})", ident(&column.name), literal(value), column.kind)
}

/// The walk.
struct Trace<'a> {
    conn: &'a Connection,
    graph: &'a Graph<'a>,
    models: &'a Models,
    contracts: &'a BTreeMap<String, Contract>,
    origins: Origins<'a>,
    limit: u64,
}

/// The rows that have been followed already, by relation and condition.
type Followed = HashSet<(String, String)>;

impl Trace<'_> {
    /// The rows of a model under this condition, and everything they are made of.
    fn model(&self, model: &Model, condition: &str, found: Found, followed: &mut Followed) -> Result<Level> {
        let key: Vec<String> = model.key.iter().map(|column| ident(column)).collect();
        let order = if key.is_empty() { "all".to_owned() } else { key.join(", ") };
        let shown =
            format!("(select * from {} where {condition} order by {order} limit {})", in_sql(&model.name), self.limit);
        let mut level = self.level(&model.name, condition, &shown, found)?;
        let Some(node) = self.graph.nodes.iter().find(|node| node.model.name == model.name) else { return Ok(level) };
        if level.total > 0 {
            for input in node.inputs() {
                level.inputs.push(self.input(model, &input, &shown, followed)?);
            }
        }
        Ok(level)
    }

    /// The rows of an input that belong to the shown rows of a model.
    fn input(&self, model: &Model, name: &str, shown: &str, followed: &mut Followed) -> Result<Input> {
        let input = self.models.models.get(name);
        let link = match Link::find(self.conn, model, name, input)? {
            Ok(link) => link,
            Err(reason) => return Ok(Input::Unknown { name: name.to_owned(), reason }),
        };
        let condition = link.condition(self.conn, shown)?;
        if !followed.insert((name.to_owned(), condition.clone())) {
            return Ok(Input::Again { name: name.to_owned() });
        }
        let level = match (input, name.strip_prefix("raw.").and_then(|source| self.contracts.get(source))) {
            (Some(input), _) => self.model(input, &condition, Found::Linked(link), followed)?,
            (None, Some(contract)) => self.source(contract, name, &condition, link)?,
            (None, None) => {
                return Ok(Input::Unknown { name: name.to_owned(), reason: "it has no contract any more".to_owned() });
            }
        };
        Ok(Input::Level(level))
    }

    /// Rows of a source, newest version first.
    fn source(&self, contract: &Contract, name: &str, condition: &str, link: Link) -> Result<Level> {
        let shown =
            format!("(select * from {} where {condition} order by {NEWEST_FIRST} limit {})", in_sql(name), self.limit);
        let origins = self.origins.of(contract, &shown, &link)?;
        Ok(Level { origins, ..self.level(name, condition, &shown, Found::Linked(link))? })
    }

    fn level(&self, name: &str, condition: &str, shown: &str, found: Found) -> Result<Level> {
        let count = format!("select count(*) from {} where {condition}", in_sql(name));
        let total = self.conn.query_row(&count, [], |row| row.get(0))?;
        let rows = Table::query(self.conn, &format!("from {shown}"))?;
        Ok(Level { name: name.to_owned(), found, rows, total, origins: Vec::new(), inputs: Vec::new() })
    }
}

/// A model or source as SQL names it.
pub fn in_sql(name: &str) -> String {
    match name.strip_prefix("raw.") {
        Some(source) => format!("raw.{}", ident(source)),
        None => format!("main.{}", ident(name)),
    }
}
