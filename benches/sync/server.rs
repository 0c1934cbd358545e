//! The PostgreSQL server that both sides use, with the settings of the private one.

use std::path::Path;

use anyhow::{Context, Result};
use postgres::{Client, NoTls};
use salesmart_base::event::Silent;
use salesmart_warehouse::embedded::{Durability, Embedded};

/// A running server; it stops when this goes.
pub struct Server {
    embedded: Embedded,
}

impl Server {
    /// Starts it, with its files in this folder.
    pub fn start(folder: &Path) -> Result<Self> {
        Ok(Self { embedded: Embedded::start_with(folder, Durability::Full, &Silent)? })
    }

    /// A connection to a database.
    pub fn connect(&self, database: &str) -> Result<Client> {
        self.embedded.config_for(database).connect(NoTls).with_context(|| format!("cannot connect to {database}"))
    }

    /// Makes a database, in the place of one of that name; returns its URL.
    pub fn fresh(&self, database: &str) -> Result<String> {
        self.copy("template1", database)?;
        let (password, port) = (self.embedded.password(), self.embedded.port());
        Ok(format!("postgres://salesmart:{password}@127.0.0.1:{port}/{database}"))
    }

    /// Makes a database that is a copy of another.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        let mut client = self.connect("postgres")?;
        client.batch_execute(&format!("drop database if exists {to} with (force)"))?;
        client.batch_execute(&format!("create database {to} template {from}"))?;
        Ok(())
    }

    /// Brings a database to rest, so that nothing of what came before falls into what is measured.
    pub fn settle(&self, database: &str) -> Result<()> {
        let mut client = self.connect(database)?;
        client.batch_execute("vacuum analyze")?;
        Ok(client.batch_execute("checkpoint")?)
    }

    /// Bytes of a database.
    pub fn size(&self, database: &str) -> Result<i64> {
        Ok(self.connect(database)?.query_one("select pg_database_size(current_database())", &[])?.get(0))
    }

    /// The number of the last sync.
    pub fn ledger(&self, database: &str) -> Result<i64> {
        Ok(self.connect(database)?.query_one("select max(run_number) from etl.sync_run", &[])?.get(0))
    }
}
