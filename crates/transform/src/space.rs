//! Where the tables of a build are.
//!
//! A build is one transaction of the staging file. Published models lie in `main`; what takes their place is made beside
//! them as `<model>__next`, or as rows in temporary tables. A temporary view of the model's name shows the new state: DuckDB
//! resolves a name without a schema among temporary objects first, so every model and check runs as it is written. What
//! the engine means itself is therefore always named with its catalog.

use anyhow::Result;
use duckdb::Connection;
use salesmart_ingest::contract::Contract;
use salesmart_staging::{ident, literal};

/// Names in one staging file.
#[derive(Debug, Clone)]
pub struct Space {
    catalog: String,
}

/// What a temporary table of a model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The values of its `by` columns whose rows are built anew.
    Keys,
    /// Its published rows of those values, with `_rowid`.
    Before,
    /// Its new rows of those values.
    After,
    /// The published rows that leave, with `_rowid`.
    Replaced,
    /// The published rows that leave.
    Removed,
    /// The rows that come.
    Added,
    /// All its rows, as they will be published.
    Now,
}

impl Part {
    fn suffix(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Before => "before",
            Self::After => "after",
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Now => "now",
        }
    }
}

impl Space {
    /// The names of this connection's staging file.
    pub fn new(conn: &Connection) -> Result<Self> {
        let catalog: String = conn.query_row("select current_database()", [], |row| row.get(0))?;
        Ok(Self { catalog: ident(&catalog) })
    }

    /// A schema of the staging file.
    pub fn schema(&self, name: &str) -> String {
        format!("{}.{name}", self.catalog)
    }

    /// A published model.
    pub fn published(&self, model: &str) -> String {
        format!("{}.main.{}", self.catalog, ident(model))
    }

    /// The table that takes a model's place.
    pub fn next(&self, model: &str) -> String {
        self.published(&format!("{model}__next"))
    }

    /// A temporary table of a model.
    pub fn part(&self, model: &str, part: Part) -> String {
        format!("temp.main.{}", ident(&format!("{model}__{}", part.suffix())))
    }

    /// The temporary view that shows a model to those that read it.
    pub fn shadow(&self, model: &str) -> String {
        format!("temp.main.{}", ident(model))
    }

    /// All rows of a source.
    pub fn source(&self, source: &str) -> String {
        format!("(select * exclude (_load) from {}.loaded.{source})", self.catalog)
    }

    /// The rows that came to a source after this load.
    pub fn source_added(&self, source: &str, load: i64) -> String {
        format!("(select * exclude (_load) from {}.loaded.{source} where _load > {load})", self.catalog)
    }

    /// The rows that left a source after this load.
    pub fn source_removed(&self, source: &str, load: i64) -> String {
        format!("(select * exclude (_load) from {}.removed.{source} where _load > {load})", self.catalog)
    }

    /// Lets models see other rows of a source than all: within the transaction only, as it is restored before the end.
    pub fn show_source(&self, conn: &Connection, source: &str, relation: &str) -> Result<()> {
        Ok(run(conn, format!("create or replace view {}.raw.{source} as select * from {relation}", self.catalog))?)
    }

    /// Lets models see all rows of a source.
    pub fn restore_source(&self, conn: &Connection, source: &str) -> Result<()> {
        Ok(run(
            conn,
            format!(
                "create or replace view {}.raw.{source} as select * exclude (_load) from loaded.{source}",
                self.catalog
            ),
        )?)
    }

    /// Drops what an earlier build left behind.
    pub fn clear(&self, conn: &Connection) -> Result<()> {
        self.clear_temporary(conn)?;
        run(conn, format!("drop schema if exists {} cascade", self.schema("scratch")))?;
        let mut statement = conn.prepare(&format!(
            "select table_name from duckdb_tables()
             where database_name = current_database() and schema_name = 'main' and ends_with(table_name, {})",
            literal("__next")
        ))?;
        let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for name in names {
            run(conn, format!("drop table {}", self.published(&name)))?;
        }
        Ok(())
    }

    /// Drops the temporary tables and views.
    pub fn clear_temporary(&self, conn: &Connection) -> Result<()> {
        for (kind, sql) in [
            ("view", "select view_name from duckdb_views() where database_name = 'temp' and not internal"),
            ("table", "select table_name from duckdb_tables() where database_name = 'temp'"),
        ] {
            let mut statement = conn.prepare(sql)?;
            let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for name in names {
                run(conn, format!("drop {kind} if exists temp.main.{}", ident(&name)))?;
            }
        }
        Ok(())
    }

    /// Sources that no file was ever loaded for read as empty tables.
    pub fn make_sources<'c>(&self, conn: &Connection, contracts: impl Iterator<Item = &'c Contract>) -> Result<()> {
        let mut statement = conn.prepare("select table_name from duckdb_tables() where schema_name = 'loaded'")?;
        let known: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for contract in contracts.filter(|contract| !known.contains(&contract.source)) {
            salesmart_ingest::load::source_table::make(conn, contract)?;
        }
        Ok(())
    }
}

/// How many rows a relation has.
pub fn count(conn: &Connection, relation: &str) -> Result<u64> {
    Ok(conn.query_row(&format!("select count(*) from {relation}"), [], |row| row.get(0))?)
}

/// Runs statements of the engine. `RUST_LOG=salesmart=debug` shows each with its time.
pub fn run(conn: &Connection, sql: impl AsRef<str>) -> Result<(), duckdb::Error> {
    let started = std::time::Instant::now();
    let result = conn.execute_batch(sql.as_ref());
    tracing::debug!("{:.3} s: {}", started.elapsed().as_secs_f64(), sql.as_ref());
    result
}
