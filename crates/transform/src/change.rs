//! What a build changes in one model: handed to whoever wants to look at it before it is published.

use anyhow::Result;
use duckdb::Connection;
use salesmart_model::Model;

/// A model that was built and differs from what is published, or is new.
#[derive(Debug)]
pub struct Change<'a> {
    /// The model.
    pub model: &'a Model,
    /// A relation to select from: published rows that are replaced or gone, with the columns of the published table. Rows that
    /// stay as they are may be among them. `None` if the model is not published yet.
    pub before: Option<&'a str>,
    /// A relation to select from: the rows that take their place, and new ones. It holds at least the rows that differ.
    pub after: &'a str,
}

/// Called for each changed model, in build order, while both relations can be read. An error stops the build.
pub type Inspector<'a> = dyn FnMut(&Connection, &Change<'_>) -> Result<()> + 'a;

/// An inspector that does not look.
pub fn ignore(_: &Connection, _: &Change<'_>) -> Result<()> {
    Ok(())
}
