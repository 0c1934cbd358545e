//! Transform: plain SQL models, built in a scratch schema, checked there, published in one transaction.
//!
//! [`parse`] asks DuckDB what a query reads, [`graph`] puts the models in order, [`declared`] holds headers to the selects ([`proof`]),
//! [`content`] knows what is published,
//! [`build`] runs what is stale: [`whole`] from all rows, or [`incremental`] from those that a [`delta`] has [`affected`]
//! ([`usage`]: as far as it matters);
//! [`space`] is where their tables are, [`change`] shows them to whoever looks, [`publish`] puts them in place.
//! [`select`] chooses among the models, [`compile`] checks them without running them, and [`unbuilt`] knows which have changed since.

pub mod affected;
pub mod blank;
pub mod build;
pub mod change;
pub mod check;
pub mod compile;
pub mod content;
mod culprit;
pub mod decision;
pub mod declared;
pub mod delta;
pub mod graph;
mod header_expression;
mod header_review;
pub mod incremental;
pub mod known;
pub mod parse;
pub mod parsed;
pub mod perturbation;
pub mod proof;
pub mod publish;
pub mod published;
pub mod select;
pub mod space;
mod text_casts;
pub mod unbuilt;
pub mod usage;
pub mod whole;
