//! The router: all addresses, what is around every request, and serving them until a signal.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::connections;
use crate::http::{download, live, login, measure, probe};
use crate::problem::Problem;
use crate::state::{App, keep};
use crate::{api, page};

/// The longest a request may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The longest body that is read, in bytes; only forms have one.
const BODY_LIMIT: usize = 64 * 1024;
/// Maximum number of concurrent requests; more wait. Event streams, probes and logins are not counted.
const AT_ONCE: usize = 256;
/// The longest a login may take, with the time until its form has arrived.
const LOGIN_TIME_LIMIT: Duration = Duration::from_secs(15);
/// How long open requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Scripts, styles and pictures from here only, nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Serves until `stop` is done, then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let keeping = tokio::spawn(keep::keep(Arc::clone(&app)));
    let stopping = Arc::clone(&app);
    let (stopped, is_stopped) = tokio::sync::oneshot::channel();
    let serving = connections::accept(listener, router(app), async move {
        stop.await;
        // Event streams never end by themselves.
        stopping.close();
        let _ = stopped.send(());
    });
    let too_long = async {
        let _ = is_stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serving => {}
        () = too_long => tracing::warn!("requests that were still open after {} s are cut off", GRACE.as_secs()),
    }
    keeping.abort();
    Ok(())
}

/// All addresses.
pub fn router(app: Arc<App>) -> Router {
    let timed = |limit: Duration| {
        ServiceBuilder::new().layer(HandleErrorLayer::new(|_| async { Problem::TooLong })).timeout(limit)
    };
    // Whoever sends half a form, or asks for many pages, must not keep probes and logins waiting.
    let probes = probe::routes().layer(timed(TIME_LIMIT));
    let logins = login::routes().layer(timed(LOGIN_TIME_LIMIT));
    let limited = Router::new()
        .merge(page::routes())
        .merge(download::routes())
        .merge(api::routes())
        .layer(timed(TIME_LIMIT).layer(GlobalConcurrencyLimitLayer::new(AT_ONCE)));
    Router::new()
        .merge(probes)
        .merge(logins)
        .merge(limited)
        .merge(live::routes())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(send_to_login))
        .layer(middleware::from_fn(protect))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), measure::measure))
        .with_state(app)
}

/// Who opens a page without being logged in is asked to, and comes back to it.
async fn send_to_login(request: axum::extract::Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET
        && request.headers().get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str()).to_owned();
    let response = next.run(request).await;
    if is_page && response.status() == StatusCode::UNAUTHORIZED {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &wanted).finish();
        return Redirect::to(&format!("/login?{query}")).into_response();
    }
    response
}

async fn protect(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
