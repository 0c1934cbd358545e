//! Is it alive, is it ready, what did it do.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use salesmart_dashboard::page::Health;
use salesmart_metrics::source::Scope;

use crate::auth::Viewer;
use crate::problem::Problem;
use crate::state::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// Ready is who has figures and can reach the source of new ones.
async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    match app.health() {
        Health::Reachable if app.has_load() => (StatusCode::OK, "ready\n".to_owned()),
        Health::Reachable | Health::Starting => (StatusCode::SERVICE_UNAVAILABLE, "nothing is loaded yet\n".to_owned()),
        Health::Unreachable { since, reason } => {
            let since = since.format("%Y-%m-%dT%H:%M:%SZ");
            // Names of hosts are not for everybody who can ask.
            let reason = if app.access.is_open() { reason } else { "see the log".to_owned() };
            (StatusCode::SERVICE_UNAVAILABLE, format!("the warehouse cannot be reached since {since}: {reason}\n"))
        }
    }
}

/// Where there are logins, for who may see everything; Prometheus sends a token.
async fn metrics(viewer: Viewer, State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    if *viewer.scope() != Scope::Everything {
        return Err(Problem::NotFound);
    }
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.text()))
}
