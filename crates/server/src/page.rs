//! The pages over HTTP.

mod problem;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use salesmart_dashboard::content::{Links, Page};
use salesmart_dashboard::page::asset::{self, Asset};
use salesmart_dashboard::page::{self, Shelf, Shell};
use salesmart_metrics::filter::{Field, Invalid};
use salesmart_metrics::source::{Quality, Scope};

use crate::extract::Seen;
use crate::http::answer::answer;
use crate::problem::Problem;
use crate::state::App;
use crate::state::answer::Made;

/// The addresses of pages, of what they load, and of what is not there.
pub fn routes() -> Router<Arc<App>> {
    let pages = Page::ALL.into_iter().fold(Router::new(), |router, page| {
        let handler = move |seen, query, headers, shelf| show(page, seen, query, headers, shelf);
        router.route(&format!("/{}", page.name()), get(handler))
    });
    pages
        .route("/", get(front))
        .route("/assets/{name}", get(asset))
        .route("/members/{field}", get(members))
        .fallback(not_found)
        .layer(Extension(Arc::new(Shelf::default())))
}

async fn front(RawQuery(query): RawQuery) -> Redirect {
    Redirect::temporary(&match query {
        Some(query) => format!("/{}?{query}", Page::Overview.name()),
        None => format!("/{}", Page::Overview.name()),
    })
}

async fn asset(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match asset::named(&name) {
        Some(asset) => asset_response(asset, query.as_deref(), &headers),
        None => problem::page(&Problem::NotFound, "", None),
    }
}

/// The members of a long list whose name has `q` in it: what the search of a slicer adds to those that it shows.
async fn members(
    seen: Seen,
    Path(field): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let field = Field::ALL.into_iter().find(|one| one.name() == field).ok_or(Problem::NotFound)?;
    let sought = match form_urlencoded::parse(query.unwrap_or_default().as_bytes()).next() {
        Some((name, sought)) if name == "q" => sought.trim().to_lowercase(),
        _ => return Err(Invalid::new("q", "it is missing; it is a part of a name").into()),
    };
    let name = format!("members of {} with {sought}", field.name());
    answer(&seen, &headers, &name, move |cube| Ok(Made::html(page::found(field, &sought, cube)))).await
}

/// Programs get their problem as JSON, people as a page.
async fn not_found(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    if !uri.path().starts_with("/api/") && wants_html(&headers) {
        return problem::page(&Problem::NotFound, "", None);
    }
    Problem::NotFound.into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_none_or(|accepted| accepted.contains("text/html") || accepted.contains("*/*"))
}

async fn show(
    page: Page,
    seen: Result<Seen, Problem>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Extension(shelf): Extension<Arc<Shelf>>,
) -> Response {
    let title = seen.as_ref().map(|seen| seen.app.settings.title.clone()).unwrap_or_default();
    match try_show(page, seen, query.as_deref(), &headers, &shelf).await {
        Ok(response) => response,
        Err(problem) => problem::page(&problem, &title, Some(page)),
    }
}

async fn try_show(
    page: Page,
    seen: Result<Seen, Problem>,
    query: Option<&str>,
    headers: &HeaderMap,
    shelf: &Shelf,
) -> Result<Response, Problem> {
    let seen = seen?;
    let wanted = page::read(page, query)?;
    if query.is_some_and(|query| wanted.query().len() < query.len()) {
        // What a form sent says more than it has to: its address is the short one.
        return Ok(see_other(&Links::to(&wanted)));
    }
    let quality = match page {
        Page::Quality => seen.app.quality(seen.viewer.scope()).await.ok(),
        _ => None,
    };
    let health = seen.app.health();
    let mut views = shelf.views(seen.app.settings.views.as_deref());
    if *seen.viewer.scope() != Scope::Everything {
        views = Arc::new(views.of_restricted(seen.viewer.role()));
    }
    let name = format!(
        "page {}?{}\n{:?} {:?}\n{health:?}\n{}\n{}",
        page.name(),
        wanted.query(),
        seen.viewer.name(),
        seen.viewer.role(),
        views.tag,
        quality.as_ref().map_or_else(String::new, runs_tag),
    );
    let (app, viewer) = (Arc::clone(&seen.app), seen.viewer.name().map(str::to_owned));
    answer(&seen, headers, &name, move |cube| {
        let content = wanted.content(cube, &app.settings, quality.as_ref());
        let shell = Shell {
            cube,
            settings: &app.settings,
            wanted: &wanted,
            viewer: viewer.as_deref(),
            health: &health,
            views: &views,
        };
        Ok(Made::html(shell.page(&content)))
    })
    .await
}

fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_owned())]).into_response()
}

/// What the quality page shows may change without a load.
fn runs_tag(quality: &Quality) -> String {
    quality
        .runs
        .first()
        .map_or_else(String::new, |run| format!("{} {} {}", run.started_at, run.outcome, quality.runs.len()))
}

/// With its own hash in the address it is kept for good, without one it is looked up each time.
fn asset_response(asset: &'static Asset, query: Option<&str>, headers: &HeaderMap) -> Response {
    let is_exact = query.and_then(|query| query.strip_prefix("v=")) == Some(asset.hash.as_str());
    let kept = if is_exact { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let takes_gzip = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|taken| {
        taken.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip"))
    });
    let mut response = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ]
    .into_response();
    if takes_gzip && !asset.gzip.is_empty() {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = Body::from(asset.gzip.as_slice());
    } else {
        *response.body_mut() = Body::from(asset.plain.as_slice());
    }
    response
}
