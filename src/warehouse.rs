//! The PostgreSQL warehouse: reaching it, running a private one, and keeping its schema up to date.

pub mod connect;
pub mod embedded;
pub mod migrate;
pub mod server_files;

use anyhow::Result;

use crate::config::{self, Config};
use crate::console::Console;
use embedded::Embedded;

/// A warehouse that can be connected to for as long as this lives.
pub struct Warehouse {
    config: postgres::Config,
    // Dropped last: stops the private server, if it is ours and nobody else uses it.
    embedded: Option<Embedded>,
}

impl Warehouse {
    /// Finds the warehouse, starting the private server if the project uses one.
    pub fn open(config: &Config, console: &Console) -> Result<Self> {
        match &config.warehouse {
            config::Warehouse::Url(url) => Ok(Self { config: url.config()?, embedded: None }),
            config::Warehouse::Embedded(folder) => {
                let embedded = Embedded::start(folder, console)?;
                Ok(Self { config: embedded.config()?, embedded: Some(embedded) })
            }
        }
    }

    /// A new connection, with the server's version and state checked.
    pub fn connect(&self) -> Result<postgres::Client> {
        connect::open(&self.config)
    }

    /// The driver's configuration, password included.
    pub fn config(&self) -> &postgres::Config {
        &self.config
    }

    /// The private server, if there is one.
    pub fn embedded(&self) -> Option<&Embedded> {
        self.embedded.as_ref()
    }

    /// `user@host:port/database`.
    pub fn describe(&self) -> String {
        match &self.embedded {
            Some(_) => "embedded PostgreSQL".to_owned(),
            None => config::describe(&self.config),
        }
    }
}
