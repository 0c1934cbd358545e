//! Runs unit tests in a DuckDB of their own: the models as they stand in their files, on the rows of the test.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::toml_file;
use salesmart_ingest::contract::Contract;
use salesmart_model::{Model, Models};
use salesmart_staging::ident;
use salesmart_staging::relation;
use salesmart_staging::relation::Column;
use salesmart_staging::render::Table;
use salesmart_transform::graph::{Graph, Node};
use salesmart_transform::{blank, parse};

use super::case::Outcome;
use super::comparison::Comparison;
use super::given;
use super::rows::Rows;
use super::unit_file::{Given, UnitTest};

/// Empty tables of all sources and models, in which tests put their rows.
pub struct Bench<'m> {
    conn: Connection,
    graph: Graph<'m>,
    /// The models whose columns cannot be known, and why.
    broken: BTreeMap<&'m str, String>,
}

/// Why a test cannot run, in words; or an error that no test is to blame for.
type Ran<T> = Result<Result<T, String>>;

impl<'m> Bench<'m> {
    /// Makes the tables.
    ///
    /// # Errors
    /// Syntax errors, unknown names and cycles in any model.
    pub fn new(models: &'m Models, contracts: &BTreeMap<String, Contract>) -> Result<Self> {
        let conn = blank::open(contracts, models.money)?;
        let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
        let graph = Graph::new(&conn, models, &sources)?;
        let mut broken: BTreeMap<&str, String> = BTreeMap::new();
        for node in &graph.nodes {
            let model = node.model;
            // The first reason on the way is the one to repair.
            if let Some(reason) = node.models.iter().find_map(|name| broken.get(name.as_str())).cloned() {
                broken.insert(model.name.as_str(), reason);
                continue;
            }
            // The columns are known without running anything.
            let sql = format!("create table main.{} as {}\nwith no data", ident(&model.name), model.sql);
            if let Err(error) = conn.execute_batch(&sql) {
                broken.insert(model.name.as_str(), parse::explain(&model.path, &error).to_string());
            }
        }
        Ok(Self { conn, graph, broken })
    }

    /// Runs one test; what it writes is taken back.
    pub fn run(&self, test: &UnitTest) -> Result<Outcome> {
        self.conn.execute_batch("begin transaction")?;
        match test.as_of {
            Some(day) => self.conn.execute_batch(&format!("set variable as_of = date '{day}'"))?,
            None => self.conn.execute_batch("reset variable as_of")?,
        }
        let differences = self.differences(test);
        self.conn.execute_batch("rollback")?;
        Ok(match differences? {
            Ok(None) => Outcome::Passed,
            Ok(Some(differences)) => Outcome::Failed(differences),
            Err(problem) => Outcome::Failed(problem),
        })
    }

    fn differences(&self, test: &UnitTest) -> Ran<Option<String>> {
        let Some(node) = self.graph.nodes.iter().find(|node| node.model.name == test.model) else {
            return Ok(Err(format!("there is no model {}", test.model)));
        };
        let above = self.above(node);
        if let Some((name, reason)) = above.iter().find_map(|name| self.broken.get_key_value(name.as_str())) {
            return Ok(Err(format!("the columns of {name}, which {} reads, cannot be known: {reason}", test.model)));
        }
        for given in &test.given {
            if let Err(problem) = self.give(test, given, &above)? {
                return Ok(Err(problem));
            }
        }
        // What lies between the given rows and the model is built from them; everything else stays empty.
        let mut filled: BTreeSet<&str> = test.given.iter().map(|given| given.input.as_str()).collect();
        for between in self.graph.nodes.iter().filter(|node| above.contains(&node.model.name)) {
            let name = between.model.name.as_str();
            if !filled.contains(name) && between.inputs().any(|input| filled.contains(input.as_str())) {
                if let Err(problem) = self.build(between.model) {
                    return Ok(Err(problem));
                }
                filled.insert(name);
            }
        }
        if let Err(problem) = self.build(node.model) {
            return Ok(Err(problem));
        }
        self.compare(test, node.model)
    }

    /// The names of everything that a model reads, directly or not.
    fn above(&self, node: &Node<'_>) -> BTreeSet<String> {
        let mut above: BTreeSet<String> = node.inputs().collect();
        for node in self.graph.nodes.iter().rev() {
            if above.contains(&node.model.name) {
                above.extend(node.inputs());
            }
        }
        above
    }

    fn give(&self, test: &UnitTest, given: &Given, above: &BTreeSet<String>) -> Ran<()> {
        let input = given.input.as_str();
        if !above.contains(input) {
            let near = toml_file::nearest(input, above.iter().map(String::as_str));
            let advice = match near {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it reads {}", above.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
            };
            return Ok(Err(format!(
                "{}:{}: {} does not read {input}; {advice}",
                test.file.display(),
                given.line,
                test.model
            )));
        }
        let (table, is_source) = match input.strip_prefix("raw.") {
            Some(source) => (format!("raw.{}", ident(source)), true),
            None => (format!("main.{}", ident(input)), false),
        };
        let columns = relation::columns(&self.conn, &table)?;
        let fill_in = |column: &str, number: usize| match column {
            // Where a record stood matters to versions only; in a test the later row is the later version.
            "_file" if is_source => "'given'".to_owned(),
            "_line" if is_source => number.to_string(),
            _ => "null".to_owned(),
        };
        given::insert(&self.conn, &table, input, &columns, &given.rows, fill_in)
    }

    /// Builds a model from the tables as they are.
    fn build(&self, model: &Model) -> Result<(), String> {
        // The file starts behind the prefix on the first line, so DuckDB's line numbers are the file's.
        let sql = format!("create or replace table main.{} as {}", ident(&model.name), model.sql);
        self.conn.execute_batch(&sql).map_err(|error| parse::explain(&model.path, &error).to_string())
    }

    fn compare(&self, test: &UnitTest, model: &Model) -> Ran<Option<String>> {
        let table = format!("main.{}", ident(&model.name));
        let columns = relation::columns(&self.conn, &table)?;
        let names = test.columns.as_ref().unwrap_or(&test.expect.columns);
        if names.is_empty() {
            return self.expect_nothing(&table);
        }
        let mut compared: Vec<Column> = Vec::new();
        for name in names {
            match given::column(&columns, name, &model.name) {
                Ok(column) => compared.push(column.clone()),
                Err(problem) => return Ok(Err(format!("{}: {problem}", place_of(&test.expect, name, test)))),
            }
        }
        if let Some(cell) =
            test.expect.rows.iter().flat_map(|row| &row.cells).find(|cell| !names.contains(&cell.column))
        {
            let file = test.expect.file.display();
            return Ok(Err(format!("{file}:{}: {} is not among the test's `columns`", cell.line, cell.column)));
        }
        let declared: Vec<String> =
            compared.iter().map(|column| format!("{} {}", ident(&column.name), column.kind)).collect();
        self.conn.execute_batch(&format!("create table main.__expected ({})", declared.join(", ")))?;
        let of = format!("the expected {}", model.name);
        let filled =
            given::insert(&self.conn, "main.__expected", &of, &compared, &test.expect, |_, _| "null".to_owned())?;
        if let Err(problem) = filled {
            return Ok(Err(problem));
        }
        let selected: Vec<String> = compared.iter().map(|column| ident(&column.name)).collect();
        let expected = Table::query(&self.conn, "from main.__expected")?;
        let got = Table::query(&self.conn, &format!("select {} from {table}", selected.join(", ")))?;
        let key: Option<Vec<usize>> =
            model.key.iter().map(|column| compared.iter().position(|compared| &compared.name == column)).collect();
        let comparison = Comparison { columns: got.columns(), key: key.unwrap_or_default(), ordered: test.ordered };
        Ok(Ok(comparison.differences(expected.rows(), got.rows())))
    }

    /// `expect = []`: no column is named, so every row is one too many.
    fn expect_nothing(&self, table: &str) -> Ran<Option<String>> {
        let got = Table::query(&self.conn, &format!("from {table}"))?;
        let comparison = Comparison { columns: got.columns(), key: Vec::new(), ordered: false };
        Ok(Ok(comparison.differences(&[], got.rows())))
    }
}

/// Where an expected column is named first.
fn place_of(expect: &Rows, column: &str, test: &UnitTest) -> String {
    let named = expect.rows.iter().flat_map(|row| &row.cells).find(|cell| cell.column == column);
    match named {
        Some(cell) => format!("{}:{}", expect.file.display(), cell.line),
        None => format!("{}:{}", test.file.display(), test.line),
    }
}
