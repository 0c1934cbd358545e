//! Counters for Prometheus.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What is counted.
pub(crate) struct Metrics {
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
    pub(crate) fn new() -> Self {
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

    /// Counts a request that was answered.
    pub(crate) fn answered(&self, route: String, status: u16, elapsed: Duration) {
        self.requests.get_or_create(&Labels { route: route.clone(), status }).inc();
        self.seconds.get_or_create(&Route { route }).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
