//! Answers that are made once per load, and sent as often as somebody asks.

use std::io::Write;

use anyhow::Result;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Smaller bodies are not worth compressing.
const WORTH_IT: usize = 1_000;

/// A body and what it is.
#[derive(Debug, Clone)]
pub struct Made {
    /// Media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Made {
    /// A page.
    pub fn html(page: maud::Markup) -> Self {
        Self { content_type: "text/html; charset=utf-8", body: page.into_string().into_bytes() }
    }
}

/// A body, compressed too where that is worth it, and its tag.
#[derive(Debug)]
pub struct Answer {
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
    tag: HeaderValue,
}

impl Answer {
    pub(crate) fn new(made: Made, tag: HeaderValue) -> Result<Self> {
        let gzip = if made.body.len() >= WORTH_IT {
            let mut encoder = GzEncoder::new(Vec::with_capacity(made.body.len() / 4), Compression::new(2));
            encoder.write_all(&made.body)?;
            Some(kept(encoder.finish()?))
        } else {
            None
        };
        Ok(Self { content_type: made.content_type, plain: kept(made.body), gzip, tag })
    }

    /// One that depends on nothing but this version of the program.
    pub fn fixed(made: Made, name: &str) -> Result<Self, Problem> {
        let tag = tag(name)?;
        Self::new(made, tag).map_err(Problem::internal)
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        self.plain.len() + self.gzip.as_ref().map_or(0, Bytes::len)
    }

    /// The response to a request with these headers.
    pub fn response(&self, headers: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        let own = response.headers_mut();
        own.insert(header::ETAG, self.tag.clone());
        // Looked up each time, which costs an empty answer: a sync may come at any moment.
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        own.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding, cookie, authorization"));
        if is_known(headers, &self.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let body = match &self.gzip {
            Some(gzip) if takes_gzip(headers) => {
                own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip
            }
            _ => &self.plain,
        };
        *response.body_mut() = Body::from(body.clone());
        response
    }
}

/// Without the room it grew into: answers are kept for long, and counted by their length.
fn kept(body: Vec<u8>) -> Bytes {
    body.into_boxed_slice().into()
}

/// The tag says which load and which question, in this version of the program.
pub(crate) fn tag(key: &str) -> Result<HeaderValue, Problem> {
    let digest = Sha256::new().chain_update(env!("CARGO_PKG_VERSION")).chain_update(key).finalize();
    let text: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Weak: the same tag is for the compressed body and the plain one.
    HeaderValue::from_str(&format!("W/\"{text}\"")).map_err(Problem::internal)
}

fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|one| one.trim() == "*" || one.trim().as_bytes() == tag.as_bytes())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let taken = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    taken.flat_map(|value| value.split(',')).any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, ""));
        name.trim() == "gzip" && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}
