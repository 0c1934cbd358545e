//! What handlers take from a request: who asks, and the load that answers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use salesmart_metrics::cube::Cube;

use crate::auth::Viewer;
use crate::problem::Problem;
use crate::state::App;

/// Somebody, and the newest load as they may see it. Everything of one answer comes from it.
#[derive(Clone)]
pub struct Seen {
    /// The server's state.
    pub app: Arc<App>,
    /// Who asks.
    pub viewer: Viewer,
    /// What they may see.
    pub cube: Arc<Cube>,
}

impl FromRequestParts<Arc<App>> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        let cube = app.cube(viewer.scope()).await?;
        Ok(Self { app: Arc::clone(app), viewer, cube })
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        app.access.viewer(&parts.headers)
    }
}
