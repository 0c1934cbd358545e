//! Answers from the cache, or computed now.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use salesmart_metrics::cube::Cube;

use crate::extract::Seen;
use crate::problem::Problem;
use crate::state::answer::{Answer, Made, tag};

/// The answer of this name for the load at hand: the one that was made before, or a new one, computed on a thread for such
/// work. Names that differ in what they hold must differ; load and scope are added here.
///
/// # Errors
/// What making it says.
pub async fn answer<F>(seen: &Seen, headers: &HeaderMap, name: &str, make: F) -> Result<Response, Problem>
where
    F: FnOnce(&Cube) -> Result<Made, Problem> + Send + 'static,
{
    let key = format!("{}\n{:?}\n{name}", seen.cube.load.id, seen.viewer.scope());
    let making = async {
        let _permit = seen.app.cores.acquire().await.map_err(Problem::internal)?;
        let (cube, tag) = (Arc::clone(&seen.cube), tag(&key)?);
        let made = tokio::task::spawn_blocking(move || {
            make(&cube).and_then(|made| Answer::new(made, tag).map_err(Problem::internal))
        });
        made.await.map_err(Problem::internal)?.map(Arc::new)
    };
    let answer = seen.app.answers.try_get_with(key.clone(), making).await.map_err(|problem| (*problem).clone())?;
    Ok(answer.response(headers))
}
