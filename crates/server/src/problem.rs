//! What goes wrong, for the one who asked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use salesmart_metrics::filter::Invalid;
use serde::Serialize;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The request is wrong.
    Invalid(Invalid),
    /// There is nothing at this address.
    NotFound,
    /// There is something, but it does not take this method. Who answers says which ones it takes.
    MethodNotAllowed,
    /// What can be given is not what is asked for; this can be given.
    NotAcceptable(String),
    /// Nobody is logged in, or the token is not known.
    Unauthorized,
    /// The request came by a name that is not this server's.
    WrongHost,
    /// Too many tries; after so many seconds there may be another one.
    TooMany(u64),
    /// The source cannot be reached.
    Unavailable(String),
    /// The source does not enforce the regions of the requesting role.
    ScopeNotEnforced,
    /// It would have taken too long.
    TooLong,
    /// It is not the asker's fault. What it is, is in the log.
    Internal,
}

impl Problem {
    /// Logs an error that nobody foresaw.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!("{error:#}");
        Self::Internal
    }

    /// Its code in HTTP.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::WrongHost => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::ScopeNotEnforced | Self::TooLong => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// In words.
    pub fn detail(&self) -> String {
        match self {
            Self::Invalid(invalid) => invalid.to_string(),
            Self::NotFound => "there is nothing at this address".to_owned(),
            Self::MethodNotAllowed => "this address is only read: GET or HEAD".to_owned(),
            Self::NotAcceptable(given) => format!("this cannot be given; what can be is {given}"),
            Self::Unauthorized => "log in, or send a token that is known: Authorization: Bearer …".to_owned(),
            Self::WrongHost => "this server answers to localhost only, and to forms of its own pages; for other names configure logins \
                                (docs/serving.md)"
                .to_owned(),
            Self::TooMany(seconds) => format!("too many tries; the next one is possible in {seconds} seconds"),
            Self::Unavailable(reason) => format!("the warehouse cannot be reached: {reason}"),
            Self::ScopeNotEnforced => "your role is restricted to some regions, and the warehouse does not enforce that at the moment; ask your \
                                 administrator, the server's log has the reason"
                .to_owned(),
            Self::TooLong => "it took too long; try again".to_owned(),
            Self::Internal => "something went wrong; the server's log says what".to_owned(),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// As RFC 9457 has it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// What kind of problem.
    title: &'a str,
    /// Its code in HTTP.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

/// As JSON; pages have a form of their own.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let parameter = match &self {
            Self::Invalid(invalid) => Some(invalid.parameter.as_str()),
            _ => None,
        };
        let title = status.canonical_reason().unwrap_or_default();
        let body = Body { title, status: status.as_u16(), detail: self.detail(), parameter };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body)
                .into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unauthorized => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::TooMany(seconds) => drop(headers.insert(header::RETRY_AFTER, seconds.into())),
            Self::Unavailable(_) | Self::ScopeNotEnforced | Self::TooLong => {
                drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5")))
            }
            _ => {}
        }
        response
    }
}
