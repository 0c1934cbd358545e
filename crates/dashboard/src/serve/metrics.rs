//! Counters for Prometheus, and a line in the log per request.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::app::App;

/// What is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    /// Event streams that are open.
    pub streams: Gauge<i64, AtomicI64>,
    /// Times that a new state was read.
    pub loads: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

fn histogram() -> Histogram {
    // From a millisecond to eight seconds.
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("salesmart");
        let requests = Family::default();
        let seconds = Family::<Route, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let (streams, loads) = (Gauge::default(), Counter::default());
        registry.register("http_requests", "Requests, by route and status", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer, by route",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("event_streams", "Open event streams", streams.clone());
        registry.register("loads", "New states read from the source", loads.clone());
        Self { registry, requests, seconds, streams, loads }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts and logs a request. Neither names what was asked for beyond its path: queries may hold names of people.
pub(super) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let (elapsed, status) = (started.elapsed(), response.status().as_u16());
    app.metrics.requests.get_or_create(&Labels { route: route.clone(), status }).inc();
    app.metrics.seconds.get_or_create(&Route { route }).observe(elapsed.as_secs_f64());
    tracing::info!(target: "salesmart::request", %method, path, status, ms = (elapsed.as_secs_f64() * 1e4).round() / 10.0, "request");
    response
}
