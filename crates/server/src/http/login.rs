//! Logging in and out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{DOCTYPE, html};
use serde::Deserialize;

use crate::auth::{Access, COOKIE, LASTS, cookie};
use crate::problem::Problem;
use crate::state::App;

/// The longest name and password that are looked at, in bytes.
const LONGEST: usize = 1_000;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/login", get(form).post(log_in)).route("/logout", post(log_out))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn form(State(app): State<Arc<App>>, Query(query): Query<Next>) -> Response {
    if app.access.is_open() {
        return Redirect::to("/").into_response();
    }
    page(&app, &query.next, None).into_response()
}

async fn log_in(
    State(app): State<Arc<App>>,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Problem> {
    let Access::Users(known) = &app.access else { return Ok(Redirect::to("/").into_response()) };
    if !is_own(&headers) {
        return Err(Problem::WrongHost);
    }
    let peer = address.map_or(IpAddr::from([0, 0, 0, 0]), |Extension(ConnectInfo(address))| address.ip());
    let address = known.proxies.client(peer, &headers);
    if login.name.len() > LONGEST || login.password.len() > LONGEST {
        return Ok(refused(&app, &login.next));
    }
    let now = Instant::now();
    known.attempts.begin(&login.name, address, now).map_err(Problem::TooMany)?;
    let session = known.passwords.check(known.users.current(), login.name.clone(), login.password).await?;
    let Some(session) = session else {
        tracing::warn!(%address, "a login failed");
        return Ok(refused(&app, &login.next));
    };
    known.attempts.succeeded(&login.name, address, now);
    let secret = known.sessions.open(session).map_err(Problem::internal)?;
    with_cookie(Redirect::to(inside(&login.next)).into_response(), &headers, &secret, LASTS.as_secs())
}

async fn log_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if !is_own(&headers) {
        return Err(Problem::WrongHost);
    }
    if let (Access::Users(known), Some(secret)) = (&app.access, cookie(&headers)) {
        known.sessions.close(secret);
    }
    with_cookie(Redirect::to("/login").into_response(), &headers, "", 0)
}

fn refused(app: &App, next: &str) -> Response {
    (StatusCode::UNAUTHORIZED, page(app, next, Some("Name or password is wrong."))).into_response()
}

/// Scripts cannot read it, other sites cannot send it along with a form, and over HTTPS it goes over nothing else.
fn with_cookie(mut response: Response, headers: &HeaderMap, secret: &str, seconds: u64) -> Result<Response, Problem> {
    // Each proxy of a chain adds its own: the first is what the browser spoke. Who lies about it harms their own session only.
    let proto = headers.get("x-forwarded-proto").and_then(|proto| proto.to_str().ok()).unwrap_or_default();
    let is_https = proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"));
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let cookie = HeaderValue::from_str(&cookie).map_err(Problem::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Does the form come from a page of this server? Browsers say so themselves.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, own)| own == host),
        _ => true,
    }
}

/// An address of this server, whatever was sent: `//elsewhere` and `/\elsewhere` lead away.
fn inside(next: &str) -> &str {
    let is_inside =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']) && next.is_ascii();
    if is_inside { next } else { "/" }
}

fn page(app: &App, next: &str, said: Option<&str>) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Log in · " (app.settings.title) }
                link rel="stylesheet" href="/assets/site.css";
            }
            body.login {
                main {
                    h1 { (app.settings.title) }
                    form method="post" action="/login" {
                        @if let Some(said) = said { p.error role="alert" { (said) } }
                        input type="hidden" name="next" value=(inside(next));
                        label for="name" { "Name" }
                        input #name name="name" autocomplete="username" required autofocus;
                        label for="password" { "Password" }
                        input #password name="password" type="password" autocomplete="current-password" required;
                        button type="submit" { "Log in" }
                    }
                }
            }
        }
    };
    Html(page.into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_login_one_stays_here() {
        for (next, to) in [
            ("/overview?dates=all", "/overview?dates=all"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(inside(next), to);
        }
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap())).collect()
        };
        assert!(is_own(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!is_own(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(is_own(&headers(&[("origin", "http://a:8080"), ("host", "a:8080")])));
        assert!(!is_own(&headers(&[("origin", "http://b"), ("host", "a:8080")])));
        assert!(is_own(&headers(&[("host", "a:8080")])));
    }
}
