//! All addresses: what they are called, take and give.

use std::sync::Arc;

use axum::routing::MethodRouter;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::parameter::Parameter;
use super::{grouped, metadata, overall, quality, sales};
use crate::state::App;

/// An address of the API.
pub(super) struct Endpoint {
    /// The end of its path.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it is, in full.
    pub about: &'static str,
    /// Parameters besides those of a filter and `format`.
    pub own: &'static [Parameter],
    /// Its own parameters as an example has them: the end of a query.
    pub example: &'static str,
    /// Does the order of what it gives go on in another answer?
    pub has_pages: bool,
    /// What `data` holds.
    pub data: fn(&mut Schemas) -> RefOr<Schema>,
    /// Its handlers.
    pub route: fn() -> MethodRouter<Arc<App>>,
}

/// Schemas by name, as they are collected.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// All of them, in the order they are described in.
pub(super) const ALL: [&Endpoint; 13] = [
    &overall::KPIS,
    &overall::TREND,
    &grouped::BREAKDOWN,
    &grouped::TOP,
    &grouped::PLACES,
    &grouped::SEGMENTS,
    &overall::RFM,
    &overall::LIFETIME,
    &overall::COHORTS,
    &overall::PARETO,
    &sales::SALES,
    &metadata::METADATA,
    &quality::QUALITY,
];

/// The schema of a type, and into the collection those it refers to.
pub(super) fn schema<T: utoipa::ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name();
    schemas.push((name.to_string(), T::schema()));
    T::schemas(schemas);
    utoipa::openapi::Ref::from_schema_name(name).into()
}
