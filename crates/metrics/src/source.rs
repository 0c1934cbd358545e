//! Where the figures come from: the warehouse, or an analyst's staging file.

mod head;
mod quality;
mod rows;
mod warehouse;

use std::sync::Arc;

use anyhow::Result;

use crate::cube::{Cube, Load};

pub use quality::{Change, Quality, RunDetails, RunSummary};
pub use rows::{RowsQuery, SaleKey, SaleRow};
pub use warehouse::{BY_REGION, Notices, Warehouse};

/// The regions that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Scope {
    /// All of them.
    #[default]
    Everything,
    /// Only these, by name, in alphabetical order. PostgreSQL's policies hold to it, see `docs/serving.md`.
    Regions(Arc<[String]>),
}

/// The source does not enforce a restricted scope, so nothing may be read. The message is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeNotEnforced(pub String);

impl std::fmt::Display for ScopeNotEnforced {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "regions are not enforced: {}", self.0)
    }
}

impl std::error::Error for ScopeNotEnforced {}

/// A source of figures.
#[derive(Clone)]
pub enum Source {
    /// The warehouse, in PostgreSQL.
    Warehouse(Warehouse),
    /// Something on this machine, read by blocking calls.
    Local(Arc<dyn Local>),
}

/// A source on this machine: the staging file. It has no roles; who can read it sees everything.
pub trait Local: Send + Sync {
    /// What [`Cube::load`] would have as its identifier; cheap, it is asked every second.
    fn load_id(&self) -> Result<String>;
    /// Reads everything.
    fn load(&self) -> Result<Cube>;
    /// The last runs.
    fn quality(&self) -> Result<Quality>;
    /// Sale lines, by key.
    fn rows(&self, query: &RowsQuery) -> Result<Vec<SaleRow>>;
}

impl Source {
    /// Reads one consistent state, as somebody of this scope may see it.
    ///
    /// # Errors
    /// [`ScopeNotEnforced`] if the source does not keep to the scope; the source cannot be read.
    pub async fn load(&self, scope: &Scope) -> Result<Cube> {
        match self {
            Self::Warehouse(warehouse) => warehouse.load(scope).await,
            Self::Local(local) => {
                require_unrestricted(scope)?;
                blocking(local, |local| local.load()).await
            }
        }
    }

    /// The last runs and syncs.
    pub async fn quality(&self) -> Result<Quality> {
        match self {
            Self::Warehouse(warehouse) => warehouse.quality().await,
            Self::Local(local) => blocking(local, |local| local.quality()).await,
        }
    }

    /// Sale lines by key and the state they are of, as somebody of this scope may see them.
    pub async fn rows(&self, scope: &Scope, query: RowsQuery) -> Result<(Load, Vec<SaleRow>)> {
        match self {
            Self::Warehouse(warehouse) => warehouse.rows(scope, &query).await,
            Self::Local(local) => {
                require_unrestricted(scope)?;
                blocking(local, move |local| {
                    let load = Load { id: local.load_id()?, committed_at: None };
                    Ok((load, local.rows(&query)?))
                })
                .await
            }
        }
    }
}

fn require_unrestricted(scope: &Scope) -> Result<(), ScopeNotEnforced> {
    match scope {
        Scope::Everything => Ok(()),
        Scope::Regions(_) => Err(ScopeNotEnforced("a staging file has no roles".to_owned())),
    }
}

async fn blocking<T: Send + 'static>(
    local: &Arc<dyn Local>,
    work: impl FnOnce(&dyn Local) -> Result<T> + Send + 'static,
) -> Result<T> {
    let local = Arc::clone(local);
    tokio::task::spawn_blocking(move || work(local.as_ref())).await?
}
