//! Transform: plain SQL models, built in a scratch schema, checked there, published in one transaction.
//!
//! [`parse`] asks DuckDB what a query reads, [`graph`] puts the models in order, [`build`] runs them,
//! [`select`] chooses among them, and [`compile`] checks them without running them.

pub mod build;
pub mod change;
pub mod compile;
pub mod graph;
pub mod parse;
pub mod select;
