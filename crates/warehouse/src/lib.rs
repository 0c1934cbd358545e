//! The PostgreSQL warehouse: reaching it, running a private one, and keeping its schema up to date.

pub mod access;
pub mod connect;
pub mod embedded;
pub mod holders;
mod hosts;
pub mod migrate;
pub mod notices;
pub mod owner;
pub mod server_files;
pub mod timeouts;
pub mod tls;

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use salesmart_base::config;
use salesmart_base::config::{Config, Patience, Target};
use salesmart_base::event::Observer;

use embedded::Embedded;
use notices::Notices;

/// A warehouse that can be connected to for as long as this lives.
pub struct Warehouse<'a> {
    target: Target,
    /// The host that answered last.
    reached: Mutex<Option<Target>>,
    notices: Notices,
    patience: Patience,
    observer: &'a dyn Observer,
    // Dropped last: stops the private server, if it is ours and nobody else uses it.
    embedded: Option<Embedded>,
}

impl<'a> Warehouse<'a> {
    /// Finds the warehouse, starting the private server if the project uses one.
    pub fn open(config: &Config, observer: &'a dyn Observer) -> Result<Self> {
        let (target, embedded) = match &config.warehouse {
            config::Warehouse::Url(url) => (url.target()?, None),
            config::Warehouse::Embedded(folder) => {
                let embedded = Embedded::start(folder, observer)?;
                (Target::plain(embedded.config()?), Some(embedded))
            }
        };
        let (reached, notices) = (Mutex::default(), Notices::default());
        Ok(Self { target, reached, notices, patience: config.patience, observer, embedded })
    }

    /// A new connection, with the server's version and state checked.
    pub fn connect(&self) -> Result<postgres::Client> {
        let opened = connect::open(&self.target, &self.patience, &self.notices, self.observer)?;
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.target);
        Ok(opened.client)
    }

    /// What the server remarked on its connections.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// How it is reached, password included.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How a driver of one's own reaches it: the settings that [`connect`](Self::connect) uses.
    pub fn prepared(&self) -> Target {
        connect::prepared(&self.target, &self.patience)
    }

    /// The private server, if there is one.
    pub fn embedded(&self) -> Option<&Embedded> {
        self.embedded.as_ref()
    }

    /// `user@host:port/database`.
    pub fn describe(&self) -> String {
        match &self.embedded {
            Some(_) => "embedded PostgreSQL".to_owned(),
            None => self.address(),
        }
    }

    /// `user@host:port/database`; of several hosts the one that answered, or all before one did.
    pub fn address(&self) -> String {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.as_ref().unwrap_or(&self.target).describe()
    }
}
