//! Counts every request, and logs it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::state::App;

/// Counts and logs a request. Neither names what was asked for beyond its path: queries may hold names of people.
pub(crate) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    app.metrics.answered(route, status, elapsed);
    tracing::info!(target: "salesmart::request", %method, path, status, ms = (elapsed.as_secs_f64() * 1e4).round() / 10.0, "request");
    response
}
