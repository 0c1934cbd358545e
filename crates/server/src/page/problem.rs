//! What went wrong, as a page.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use salesmart_dashboard::content::{Links, Page, Wanted};
use salesmart_dashboard::page::document;

use crate::problem::Problem;

/// A page that says what is wrong and offers a way on.
pub(super) fn page(problem: &Problem, site: &str, page: Option<Page>) -> Response {
    let back = page.unwrap_or(Page::Overview);
    let title = title(problem);
    let markup = document(
        site,
        title,
        None,
        back,
        None,
        html! {
            main #main tabindex="-1" {
                section.card.problem {
                    h1 { (title) }
                    (words(problem))
                    p.ways {
                        @match problem {
                            Problem::Unavailable(_)
                            | Problem::ScopeNotEnforced
                            | Problem::TooLong
                            | Problem::Internal
                            | Problem::TooMany(_) => {
                                a.button href="" { "Try again" }
                            },
                            Problem::Unauthorized => a.button href="/login" { "Log in" },
                            Problem::Invalid(_)
                            | Problem::NotFound
                            | Problem::MethodNotAllowed
                            | Problem::NotAcceptable(_)
                            | Problem::WrongHost => {
                                a.button href=(Links::to(&Wanted::page(back))) { (back.title()) " without a filter" }
                            },
                        }
                    }
                }
            }
        },
    );
    // The JSON form knows the status and the headers that go with it.
    let mut response = problem.clone().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    *response.body_mut() = axum::body::Body::from(markup.into_string());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn title(problem: &Problem) -> &'static str {
    match problem {
        Problem::Invalid(_) => "This address cannot be read",
        Problem::MethodNotAllowed | Problem::NotAcceptable(_) => "This cannot be given",
        Problem::WrongHost => "This server has another name",
        Problem::TooLong => "It took too long",
        Problem::NotFound => "There is nothing at this address",
        Problem::Unauthorized => "Please log in",
        Problem::TooMany(_) => "Too many tries",
        Problem::Unavailable(_) => "No figures yet",
        Problem::ScopeNotEnforced => "Your figures cannot be shown",
        Problem::Internal => "Something went wrong",
    }
}

fn words(problem: &Problem) -> Markup {
    html! {
        @match problem {
            Problem::Invalid(invalid) => {
                p { "The part " code { (invalid.parameter) } " is wrong: " (invalid.reason) "." }
            },
            Problem::MethodNotAllowed | Problem::NotAcceptable(_) | Problem::WrongHost | Problem::TooLong | Problem::ScopeNotEnforced => {
                p { (problem.detail()) "." }
            },
            Problem::NotFound => p { "The link may be old, or a letter may be missing." },
            Problem::Unauthorized => p { "This dashboard is for people who are known here." },
            Problem::TooMany(seconds) => p { "The next one is possible in " (seconds) " seconds." },
            // What exactly the database says is for the log, not for everybody.
            Problem::Unavailable(_) => {
                p { "The warehouse cannot be reached, and nothing was loaded before. This page shows the figures by itself as "
                    "soon as they are there." }
            },
            Problem::Internal => p { "It is not your fault. The server's log says what it is." },
        }
    }
}
