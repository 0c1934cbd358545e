//! The page that describes the API, made of its document.

use std::sync::OnceLock;

use axum::http::HeaderMap;
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::document::DOCUMENT;
use super::{BASE, endpoint};
use crate::problem::Problem;
use crate::state::answer::Answer;
use crate::state::answer::Made;

/// As a page.
pub(super) async fn reference(headers: HeaderMap) -> Result<Response, Problem> {
    static ANSWER: OnceLock<Answer> = OnceLock::new();
    if let Some(answer) = ANSWER.get() {
        return Ok(answer.response(&headers));
    }
    let document = serde_json::to_value(&*DOCUMENT).map_err(Problem::internal)?;
    let answer = Answer::fixed(Made::html(page(&document)), "api docs")?;
    Ok(ANSWER.get_or_init(|| answer).response(&headers))
}

fn page(document: &Value) -> Markup {
    let title = format!("{} API {}", text(&document["info"]["title"]), text(&document["info"]["version"]));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="/assets/site.css";
            }
            body class="reference" {
                header { h1 { (title) } }
                main {
                    @for part in text(&document["info"]["description"]).split("\n\n") { p { (marked(part)) } }
                    p { "The same for programs: " a href=(format!("{BASE}/openapi.json")) { "openapi.json" } "." }
                    h2 id="examples" { "Examples" }
                    (examples())
                    nav aria-label="Addresses" {
                        h2 id="addresses" { "Addresses" }
                        ul {
                            @for (path, item) in entries(&document["paths"]) {
                                li { a href=(format!("#{}", &path[1..])) { code { (BASE) (path) } } " " (text(&item["get"]["summary"])) }
                            }
                        }
                    }
                    @for (path, item) in entries(&document["paths"]) { (address(document, path, &item["get"])) }
                    h2 id="schemas" { "Schemas" }
                    @for (name, schema) in entries(&document["components"]["schemas"]) { (described(name, schema)) }
                }
            }
        }
    }
}

fn examples() -> Markup {
    html! {
        p { "Where the server is, and – if it asks who you are – the token, stand in the environment:" }
        pre { code {
            "export SALESMART_URL=http://localhost:8080\n"
            "curl \"$SALESMART_URL" (BASE) "/kpis?dates=this_month\"\n"
            "curl -H \"Authorization: Bearer $SALESMART_TOKEN\" \"$SALESMART_URL" (BASE) "/kpis\"\n"
            "curl -H 'Accept: text/csv' \"$SALESMART_URL" (BASE) "/breakdown?by=product&category=Toys&category=Books\"\n"
            "curl --compressed -H 'Accept: application/x-ndjson' \"$SALESMART_URL" (BASE) "/sales?limit=10000\"\n"
            "curl -o trend.arrow \"$SALESMART_URL" (BASE) "/trend?granularity=day&format=arrow\""
        } }
    }
}

fn address(document: &Value, path: &str, operation: &Value) -> Markup {
    let name = &path[1..];
    let example = endpoint::ALL.iter().find(|endpoint| endpoint.name == name).map_or("", |endpoint| endpoint.example);
    let question = if example.is_empty() { "" } else { "?" };
    html! {
        section {
            h2 id=(name) { (text(&operation["summary"])) }
            p { code { "GET " (BASE) (path) } }
            p { (marked(text(&operation["description"]))) }
            pre { code { "curl \"$SALESMART_URL" (BASE) (path) (question) (example) "\"" } }
            details {
                summary { "Parameters of " (name) }
                table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Values" } th scope="col" { "Meaning" } } }
                    tbody {
                        @for parameter in items(&operation["parameters"]) {
                            @let parameter = resolved(document, parameter);
                            tr {
                                th scope="row" { code { (text(&parameter["name"])) } }
                                td { (values(&parameter["schema"])) }
                                td { (marked(text(&parameter["description"]))) }
                            }
                        }
                    }
                }
            }
            details {
                summary { "Answers of " (name) }
                table {
                    thead { tr { th scope="col" { "Status" } th scope="col" { "Meaning" } th scope="col" { "Body" } } }
                    tbody {
                        @for (status, response) in entries(&operation["responses"]) {
                            @let response = resolved(document, response);
                            tr {
                                th scope="row" { (status) }
                                td { (marked(text(&response["description"]))) }
                                td {
                                    @for (media_type, content) in entries(&response["content"]) {
                                        p { code { (media_type) } " " (body(&content["schema"])) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a JSON body holds: its data, or all of it.
fn body(schema: &Value) -> Markup {
    match schema["properties"].get("data") {
        Some(data) => {
            html! { (kind(&schema["properties"]["load"])) ", " (kind(&schema["properties"]["filter"])) ", " (kind(data)) }
        }
        None => kind(schema),
    }
}

fn described(name: &str, schema: &Value) -> Markup {
    // A type that holds another one whole is written as both.
    let parts: Vec<&Value> = [schema].into_iter().chain(items(&schema["allOf"])).collect();
    html! {
        section {
            h3 id=(format!("schema-{name}")) { (name) }
            p { (marked(text(&schema["description"]))) }
            @if !schema["enum"].is_null() { p { (values(schema)) } }
            @if parts.iter().any(|part| !part["properties"].is_null() || !part["$ref"].is_null()) {
                dl {
                    @for part in parts {
                        @if !part["$ref"].is_null() { dt { "all of " (kind(part)) } }
                        @for (property, schema) in entries(&part["properties"]) {
                            dt { code { (property) } " " (kind(schema)) }
                            dd { (marked(text(&schema["description"]))) }
                        }
                    }
                }
            }
        }
    }
}

/// A type, in words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href=(format!("#schema-{name}")) { (name) } };
    }
    let choices = ["oneOf", "anyOf"].map(|of| &schema[of]).into_iter().find(|choices| choices.is_array());
    if let Some(choices) = choices {
        return html! { @for (place, one) in items(choices).enumerate() { @if place > 0 { " or " } (kind(one)) } };
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect(),
        name => vec![text(name)],
    };
    html! {
        (names.join(" or "))
        @if !schema["format"].is_null() { " (" (text(&schema["format"])) ")" }
        @if !schema["items"].is_null() { " of " (kind(&schema["items"])) }
    }
}

/// What a parameter may be.
fn values(schema: &Value) -> Markup {
    html! {
        @if schema["enum"].is_array() {
            @for (place, value) in items(&schema["enum"]).enumerate() { @if place > 0 { ", " } code { (text(value)) } }
        } @else {
            (kind(schema))
            @if !schema["minimum"].is_null() { " from " (schema["minimum"]) " to " (schema["maximum"]) }
            @for example in items(&schema["examples"]) { ", such as " code { (text(example)) } }
        }
        @match &schema["default"] {
            Value::Null => {},
            Value::String(default) => { "; default " code { (default) } },
            default => { "; default " (default) },
        }
    }
}

/// What a reference stands for.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    value["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#'))).unwrap_or(value)
}

/// A text whose `code` is marked as such.
fn marked(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
