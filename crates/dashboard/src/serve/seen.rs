//! Who asks, and the load that answers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::app::App;
use super::problem::Problem;
use super::viewer::Viewer;
use crate::cube::Cube;
use crate::filter::{Filter, Invalid, unknown_parameter};

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

/// What is asked: a filter, and the parameters that only this address has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The filter.
    pub filter: Filter,
    own: Vec<(String, String)>,
}

impl Asked {
    /// Reads a query that may hold a filter and these parameters, each of them once.
    pub fn parse(query: Option<&str>, own: &[&'static str]) -> Result<Self, Invalid> {
        let mut pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let filter = Filter::take(&mut pairs)?;
        pairs.retain(|(_, value)| !value.is_empty());
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !own.contains(&name.as_str()) {
                return Err(unknown_parameter(name, own));
            }
            if pairs[..place].iter().any(|(other, _)| other == name) {
                return Err(Invalid::new(name, "it is given twice"));
            }
        }
        pairs.sort();
        Ok(Self { filter, own: pairs })
    }

    /// The value of one of the address's own parameters.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The whole query, written in the one way it is written in: what answers are kept under.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(self.filter.query());
        query.extend_pairs(&self.own);
        query.finish().trim_start_matches('&').to_owned()
    }
}
