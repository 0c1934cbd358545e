//! Style sheet, scripts and pictures, embedded in the program. Their addresses hold a hash, so browsers keep them for good.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::chart::palette;

/// A file that pages load.
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    plain: Bytes,
    gzip: Bytes,
    hash: String,
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    let style = palette::stylesheet() + include_str!("../../../../dashboards/web/site.css");
    [
        Asset::new("site.css", "text/css; charset=utf-8", style),
        Asset::new(
            "site.js",
            "text/javascript; charset=utf-8",
            include_str!("../../../../dashboards/web/site.js").to_owned(),
        ),
        Asset::new(
            "theme.js",
            "text/javascript; charset=utf-8",
            include_str!("../../../../dashboards/web/theme.js").to_owned(),
        ),
        Asset::new("favicon.svg", "image/svg+xml", include_str!("../../../../dashboards/web/favicon.svg").to_owned()),
    ]
});

/// The asset of this name.
pub(super) fn named(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Its address, which changes whenever it does.
pub(super) fn address(name: &str) -> String {
    named(name).map_or_else(String::new, |asset| format!("/assets/{name}?v={}", asset.hash))
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, text: String) -> Self {
        let hash = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Into memory: it cannot fail, and an empty one is not sent.
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { name, content_type, plain: text.into(), gzip: gzip.into(), hash }
    }

    /// With its own hash in the address it is kept for good, without one it is looked up each time.
    pub(super) fn response(&self, query: Option<&str>, headers: &HeaderMap) -> Response {
        let is_exact = query.and_then(|query| query.strip_prefix("v=")) == Some(self.hash.as_str());
        let kept = if is_exact { "public, max-age=31536000, immutable" } else { "public, no-cache" };
        let takes_gzip =
            headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|taken| {
                taken.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip"))
            });
        let mut response = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ]
        .into_response();
        if takes_gzip && !self.gzip.is_empty() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(self.gzip.clone());
        } else {
            *response.body_mut() = Body::from(self.plain.clone());
        }
        response
    }
}
