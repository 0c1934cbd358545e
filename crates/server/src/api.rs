//! The figures for programs: `/api/v1`, and the document that describes it.
//!
//! Every address is an [`endpoint::Endpoint`]: what it is called, what it takes and what it gives. The routes, the checks of
//! parameters and the OpenAPI document are all made of that one list, so that they cannot disagree.

mod arrow;
mod call;
mod csv;
mod document;
mod endpoint;
mod format;
mod grouped;
mod metadata;
mod ndjson;
mod overall;
mod parameter;
mod quality;
mod reference;
mod sales;
mod tables;
mod tabular;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get};

use crate::problem::Problem;
use crate::state::App;

/// Where all addresses begin.
const BASE: &str = "/api/v1";

/// The addresses of the API.
pub fn routes() -> Router<Arc<App>> {
    let mut router = Router::new()
        .route("/api/v1/openapi.json", get(document::document))
        .route("/api/v1/docs", get(reference::reference))
        // Whatever else begins so is no page either.
        .route("/api", any(nothing))
        .route("/api/", any(nothing))
        .route("/api/{*rest}", any(nothing));
    for endpoint in endpoint::ALL {
        router = router.route(&format!("{BASE}/{}", endpoint.name), (endpoint.route)());
    }
    router.method_not_allowed_fallback(async || Problem::MethodNotAllowed)
}

async fn nothing() -> Problem {
    Problem::NotFound
}
