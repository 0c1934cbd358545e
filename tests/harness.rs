//! The harness: a project in a temporary folder, the real program, a database of its own.

pub mod browser;
mod cluster;
pub mod content;
pub mod dashboard;
pub mod declared;
pub mod edits;
mod pooler;
mod project;
mod proxy;
pub mod running;
mod server;
mod shop;

pub use browser::Browser;
pub use cluster::Cluster;
pub use dashboard::Dashboard;
pub use pooler::Pooler;
pub use project::{Outcome, Project, SALES_HEADER, sale};
pub use proxy::{Fault, Proxy};
pub use server::Server;

use std::path::PathBuf;

/// The folder of real data, or `None` with a message where it is absent.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real").join(name);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not here; this test needs the real data beside the checkout", folder.display());
    None
}
