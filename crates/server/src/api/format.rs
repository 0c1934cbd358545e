//! In which form an answer is wanted: by the parameter `format`, else by the header `Accept`.

use axum::http::{HeaderMap, header};
use salesmart_metrics::filter::one_of;

use crate::problem::Problem;

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Everything, nested.
    Json,
    /// The rows, as text.
    Csv,
    /// The rows, a JSON object each.
    Ndjson,
    /// The rows, typed, as an Arrow IPC stream.
    Arrow,
}

impl Format {
    /// All of them; what comes first is given where several are wanted equally.
    pub(super) const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Ndjson, Self::Arrow];

    /// As it is written in URLs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
        }
    }

    /// The media type that is asked for.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The media type that is said of an answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            other => other.media_type(),
        }
    }

    /// The form that a request wants most, the parameter before the header.
    pub(super) fn wanted(parameter: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        if let Some(value) = parameter {
            return Ok(one_of("format", value, &Self::ALL, Self::name)?);
        }
        let mut accepted = headers.get_all(header::ACCEPT).iter().peekable();
        if accepted.peek().is_none() {
            return Ok(Self::Json);
        }
        let ranges: Vec<Accepted<'_>> = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(Accepted::parse)
            .collect();
        let mut best = None;
        for format in Self::ALL {
            let quality = quality(&ranges, format.media_type());
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((format, quality));
            }
        }
        best.map(|(format, _)| format).ok_or_else(|| {
            let given: Vec<&str> = Self::ALL.iter().map(|format| format.media_type()).collect();
            Problem::NotAcceptable(given.join(", "))
        })
    }
}

/// A part of an `Accept` header.
struct Accepted<'h> {
    range: &'h str,
    /// In thousandths.
    quality: u16,
}

impl<'h> Accepted<'h> {
    /// None of what is not written as HTTP has it.
    fn parse(text: &'h str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let range = parts.next().filter(|range| range.contains('/'))?;
        let mut quality = 1_000;
        for part in parts {
            // Other parameters, such as a character set, are taken as they come.
            if let Some(("q" | "Q", value)) = part.split_once('=') {
                let number: f64 = value.parse().ok().filter(|number| (0.0..=1.0).contains(number))?;
                quality = (number * 1e3).round() as u16;
            }
        }
        Some(Self { range, quality })
    }

    /// How closely it names a media type; none if it does not.
    fn closeness(&self, media_type: &str) -> Option<u8> {
        let kind = media_type.split('/').next().unwrap_or_default();
        match self.range.split_once('/') {
            Some(("*", "*")) => Some(0),
            Some((own, "*")) if own.eq_ignore_ascii_case(kind) => Some(1),
            _ if self.range.eq_ignore_ascii_case(media_type) => Some(2),
            _ => None,
        }
    }
}

/// What the part says that names it most closely.
fn quality(ranges: &[Accepted<'_>], media_type: &str) -> u16 {
    let named = ranges.iter().filter_map(|range| Some((range.closeness(media_type)?, range.quality)));
    named.max_by_key(|(closeness, _)| *closeness).map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wanted(accept: &str) -> Result<Format, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        Format::wanted(None, &headers)
    }

    #[test]
    fn what_is_wanted_most_is_given() {
        for (accept, format) in [
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("TEXT/CSV; charset=utf-8", Format::Csv),
            ("text/*", Format::Csv),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Json),
            ("application/json;q=0.5, application/x-ndjson;q=0.9", Format::Ndjson),
            ("application/*;q=0.9, application/json;q=0.1", Format::Ndjson),
            ("*/*, application/json;q=0, text/csv;q=0.2", Format::Ndjson),
            ("application/vnd.apache.arrow.stream, text/csv;q=0.999", Format::Arrow),
            ("rubbish, text/csv", Format::Csv),
        ] {
            assert_eq!(wanted(accept), Ok(format), "{accept}");
        }
        assert_eq!(Format::wanted(None, &HeaderMap::new()), Ok(Format::Json));
    }

    #[test]
    fn what_cannot_be_given_is_refused_with_what_can_be() {
        for accept in ["text/html", "application/json;q=0", "", "text/csv;q=7", "rubbish"] {
            let Err(Problem::NotAcceptable(given)) = wanted(accept) else { panic!("{accept}") };
            assert!(given.contains("application/json, text/csv"), "{given}");
        }
    }

    #[test]
    fn the_parameter_counts_more_than_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("image/png"));
        assert_eq!(Format::wanted(Some("arrow"), &headers), Ok(Format::Arrow));
        let Err(Problem::Invalid(invalid)) = Format::wanted(Some("xml"), &headers) else { panic!() };
        assert_eq!(invalid.to_string(), "format: it is one of json, csv, ndjson, arrow");
    }
}
