//! Transform: plain SQL models, built in a scratch schema, checked there, published in one transaction.
//!
//! [`parse`] asks DuckDB what a query reads, [`graph`] puts the models in order, [`build`] runs them.

pub mod build;
pub mod change;
pub mod graph;
pub mod parse;
