//! `salesmart show`

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::Config;
use salesmart_base::failure::Failure;
use salesmart_base::{fail, toml_file};
use salesmart_model::Models;
use salesmart_staging::render::Table;
use salesmart_staging::{Staging, explain_sandbox};
use salesmart_transform::parse;

use super::Global;
use super::form::TableForm;
use crate::stdout::Answer;

/// Show the rows of a model, a table or a query.
///
/// Of a model (fact_sales), of what was ingested (raw.sales, ingest.files, rejects), of a build that failed its
/// checks (scratch.fact_sales), of a query, or of a file with a query, such as a model that is being written. Reads only.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of a model or table, an SQL query, a file of one (.sql), or - for a query on standard input
    pub what: String,
    /// At most so many rows
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u64,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: TableForm,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let config = global.config()?;
    let staging = Staging::open_read_only(&config)?;
    let is_name = args.what.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let (place, sql) = match args.what.as_str() {
        "-" => (Some("standard input".to_owned()), read_standard_input()?),
        file if file.ends_with(".sql") => (Some(file.to_owned()), read_file(&config, file)?),
        name if is_name => {
            require_relation(staging.conn(), &config, name)?;
            (None, format!("from {name}"))
        }
        query => (None, query.to_owned()),
    };
    // The line break is for a query that ends in a comment.
    let query = sql.trim().trim_end_matches(';');
    let limited = format!("select * from ({query}\n) as result limit {}", args.limit);
    // Several statements would all run.
    parse::query(staging.conn(), Path::new(place.as_deref().unwrap_or("the query")), &limited)?;
    let table = Table::query(staging.conn(), &limited).map_err(|error| {
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        match unbuilt(staging.conn(), &config, query) {
            Some(model) => {
                Failure::new(format!("{place}{model} is not built yet; run `salesmart build`, then look again"))
            }
            None => Failure::new(format!("{place}{}", explain_sandbox(&error.to_string()))),
        }
    })?;
    table.write(args.format.into(), &mut Answer::new())
}

fn read_standard_input() -> Result<String> {
    let mut sql = String::new();
    match std::io::stdin().read_to_string(&mut sql) {
        Ok(_) if sql.trim().is_empty() => fail!("there is no query on standard input"),
        Ok(_) => Ok(sql),
        Err(error) => fail!("cannot read the query from standard input: {error}"),
    }
}

/// A file of the current folder, else of the project.
fn read_file(config: &Config, file: &str) -> Result<String> {
    let here = Path::new(file).to_owned();
    let path = if here.exists() { here } else { config.root.join(file) };
    match std::fs::read_to_string(&path) {
        Ok(sql) => Ok(sql.trim_start_matches('\u{feff}').to_owned()),
        Err(error) => fail!("cannot read {file}: {error}"),
    }
}

/// A model that is not built yet, or a name that is mistyped, deserves more than the engine's message.
fn require_relation(conn: &Connection, config: &Config, name: &str) -> Result<()> {
    let (schema, table) = name.rsplit_once('.').unwrap_or(("main", name));
    let there = relations(conn)?;
    let is_it = |known: &(String, String)| known.0.eq_ignore_ascii_case(schema) && known.1.eq_ignore_ascii_case(table);
    if there.iter().any(is_it) || !["main", "raw", "ingest", "meta", "scratch"].contains(&schema) {
        return Ok(());
    }
    let models = Models::load(config)?;
    if schema == "scratch" {
        fail!(
            "there is no {name}: the schema scratch holds the models of a build that failed, and only those it rebuilt"
        );
    }
    if schema == "main" && models.models.contains_key(table) {
        fail!("{table} is not built yet; run `salesmart build`, then look again");
    }
    let mut known: Vec<String> = there
        .iter()
        .map(|(schema, table)| if schema == "main" { table.clone() } else { format!("{schema}.{table}") })
        .collect();
    known.extend(models.models.keys().cloned());
    let nearest = toml_file::nearest(name, known.iter().map(String::as_str));
    let advice = nearest
        .map_or_else(|| "`salesmart ls` lists the models".to_owned(), |nearest| format!("did you mean {nearest}?"));
    fail!("there is no model or table {name}; {advice}")
}

/// Schema and name of every table and view.
fn relations(conn: &Connection) -> Result<Vec<(String, String)>> {
    let mut statement = conn.prepare(
        "select schema_name, table_name from duckdb_tables() where not internal
         union all select schema_name, view_name from duckdb_views() where not internal order by all",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A model that a query reads and that is not built. Only looked for after an error: none is a reason for another.
fn unbuilt(conn: &Connection, config: &Config, query: &str) -> Option<String> {
    let models = Models::load(config).ok()?;
    let there = relations(conn).ok()?;
    let reads = parse::references(conn, Path::new("query"), query).ok()?;
    let is_built = |name: &str| there.iter().any(|(schema, table)| schema == "main" && table == name);
    let mut names = reads.into_iter().filter(|read| read.schema.is_none()).map(|read| read.name.to_ascii_lowercase());
    names.find(|name| models.models.contains_key(name) && !is_built(name))
}
