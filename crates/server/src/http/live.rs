//! Server-sent events: open pages hear of new loads.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use tokio_stream::wrappers::BroadcastStream;

use crate::auth::Viewer;
use crate::problem::Problem;
use crate::state::{App, Event};

/// Streams that may be open at once.
const STREAMS: i64 = 2_000;
/// Between signs of life, so that proxies keep the connection.
const ALIVE: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/events", get(events))
}

/// `load` with the load's identifier, at once and after every sync; `health` when the source goes or comes back.
async fn events(_: Viewer, State(app): State<Arc<App>>) -> Response {
    if app.metrics.streams.get() >= STREAMS {
        return Problem::TooMany(60).into_response();
    }
    match app.events() {
        Some(told) => Sse::new(stream(app, told)).keep_alive(KeepAlive::new().interval(ALIVE)).into_response(),
        None => Problem::Unavailable("the server is stopping".to_owned()).into_response(),
    }
}

fn stream(
    app: Arc<App>,
    told: tokio::sync::broadcast::Receiver<Event>,
) -> impl Stream<Item = Result<Sent, Infallible>> {
    let open = Open::new(app);
    // A page that came between two loads learns so from the first event.
    let first = open.0.newest().map(Event::Loaded);
    let later = BroadcastStream::new(told).filter_map(|told| async move {
        // Who is too far behind looks for the newest load anyway.
        Some(told.unwrap_or(Event::Health))
    });
    stream::iter(first).chain(later).map(move |event| {
        // The stream owns it: it is counted until it ends.
        let _ = &open;
        Ok(match event {
            Event::Loaded(id) => Sent::default().event("load").data(id),
            // Browsers drop an event without data.
            Event::Health => Sent::default().event("health").data("changed"),
        })
    })
}

/// An open stream, counted for as long as it lives.
struct Open(Arc<App>);

impl Open {
    fn new(app: Arc<App>) -> Self {
        app.metrics.streams.inc();
        Self(app)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.streams.dec();
    }
}
