//! `salesmart doctor`

use anyhow::Result;
use salesmart_base::config;
use salesmart_base::config::Config;
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_ingest::contract::contract_file;
use salesmart_ingest::load::catalog;
use salesmart_model::Models;
use salesmart_staging::Staging;
use salesmart_transform::graph::Graph;
use salesmart_warehouse::access::{self, Access, READER};
use salesmart_warehouse::{Warehouse, server_files};

use super::Global;
use crate::console::Console;

/// Check everything, and say how BI tools connect.
///
/// Looks at the configuration, the contracts and their files, the models, the staging file and the warehouse, says
/// what is wrong and what to do, and prints how BI tools connect.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(_: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let mut troubles = 0;
    let mut check = |what: &str, found: Result<String>| match found {
        Ok(text) => console.say(&format!("ok       {what}: {text}")),
        Err(error) => {
            troubles += 1;
            console.say(&format!("trouble  {what}: {error:#}"));
        }
    };
    check("project", Ok(config.root.display().to_string()));
    check("salesmart", Ok(format!("{} with DuckDB {}", env!("CARGO_PKG_VERSION"), duckdb_version()?)));
    check("contracts", contracts(&config));
    check("models", models(&config));
    check("staging file", staging(&config));
    if let config::Warehouse::Embedded(_) = config.warehouse {
        check(
            "PostgreSQL programs",
            server_files::find(None).map(|files| format!("{} in {}", files.major, files.bin.display())),
        );
    }
    match Warehouse::open(&config, console) {
        Ok(warehouse) => {
            let reached = reach(&warehouse);
            let access = if reached.is_ok() { reader(&warehouse) } else { Ok(None) };
            check("warehouse", reached);
            match access {
                Ok(None) => {}
                Ok(Some(Access::NoRole)) => console.warn(&format!(
                    "there is no role {READER}, which dashboards read by; `salesmart migrate --grants` makes it and gives it its rights"
                )),
                Ok(Some(Access::Whole)) => check("reader role", Ok(format!("{READER} has its rights and policies"))),
                Ok(Some(Access::Lacks(rights))) => check(
                    "reader role",
                    Err(Failure::new(format!(
                        "{READER} lacks {}; `salesmart migrate --grants` gives it to the role",
                        rights.join(", ")
                    ))
                    .into()),
                ),
                Err(error) => check("reader role", Err(error)),
            }
            how_to_connect(&warehouse, console);
        }
        Err(error) => check("warehouse", Err(error)),
    }
    match troubles {
        0 => Ok(()),
        1 => fail!("1 trouble; see above"),
        troubles => fail!("{troubles} troubles; see above"),
    }
}

fn duckdb_version() -> Result<String> {
    Ok(duckdb::Connection::open_in_memory()?.version()?)
}

fn contracts(config: &Config) -> Result<String> {
    let mut parts = Vec::new();
    for contract in contract_file::load_all(config)?.values() {
        let files = catalog::find(config, contract)?.len();
        parts.push(format!("{} ({files} files match \"{}\")", contract.source, contract.files));
    }
    Ok(parts.join(", "))
}

fn models(config: &Config) -> Result<String> {
    let models = Models::load(config)?;
    let contracts = contract_file::load_all(config)?;
    let sources = contracts.keys().map(String::as_str).collect();
    let graph = Graph::new(&duckdb::Connection::open_in_memory()?, &models, &sources)?;
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.model.name.as_str()).collect();
    Ok(format!("{} in build order, {} checks", names.join(", "), models.checks.len()))
}

fn staging(config: &Config) -> Result<String> {
    let path = config.relative(&config.staging_file);
    if !config.staging_file.exists() {
        return Ok(format!("{path}, not made yet"));
    }
    let staging = Staging::open_read_only(config)?;
    let files: u64 =
        staging.conn().query_row("select count(*) from ingest.files where outcome = 'loaded'", [], |row| row.get(0))?;
    Ok(format!("{path}, {files} files loaded"))
}

fn reach(warehouse: &Warehouse<'_>) -> Result<String> {
    let mut client = warehouse.connect()?;
    let version: String = client.query_one("select current_setting('server_version')", &[])?.get(0);
    let is_made: bool = client.query_one("select to_regclass('etl.sync_run') is not null", &[])?.get(0);
    let syncs = match is_made {
        true => format!("{} syncs", client.query_one("select count(*) from etl.sync_run", &[])?.get::<_, i64>(0)),
        false => "nothing pushed yet".to_owned(),
    };
    Ok(format!("{}, PostgreSQL {version}, {syncs}", warehouse.describe()))
}

/// The state of the role that dashboards read by.
fn reader(warehouse: &Warehouse<'_>) -> Result<Option<Access>> {
    access::find(&mut warehouse.connect()?)
}

fn how_to_connect(warehouse: &Warehouse<'_>, console: &Console) {
    console.heading("How BI tools connect");
    let target = warehouse.address();
    match warehouse.embedded() {
        Some(embedded) => console.say(&format!(
            "  host 127.0.0.1, port {}, database salesmart, schema mart, user salesmart\n  \
             password: in the file {}\n  \
             The private server runs while a salesmart command does; keep one open with `salesmart psql`.",
            embedded.port(),
            embedded.password_file().display()
        )),
        None => {
            console.say(&format!("  {target}, schema mart; give dashboards a login that has the role salesmart_reader"))
        }
    }
}
