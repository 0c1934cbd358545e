//! Strict TOML files: an unknown key is an error that names the line and the nearest known key.

use std::path::Path;

use anyhow::Result;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Parses `text` into `T`, which must deny unknown fields; `path` is only for the message.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = error.message();
        let advice = advice(message);
        Failure::new(format!("{}:{line}: {message}{advice}", path.display())).into()
    })
}

/// "; did you mean …?" for a message about an unknown key, if a known one is near.
pub fn advice(message: &str) -> String {
    nearest_in(message).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The line number (from 1) of a byte offset in `text`.
pub fn line_of(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    1 + text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count()
}

/// serde says "unknown field `x`, expected one of `a`, `b`": the first quoted name is the culprit, the
/// others are the candidates.
fn nearest_in(message: &str) -> Option<&str> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let culprit = quoted.next()?;
    nearest(culprit, quoted)
}

/// The candidate most like `name`, if one is like it at all.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
