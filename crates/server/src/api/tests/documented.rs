//! The document says what is.

use axum::http::StatusCode;
use salesmart_metrics::filter::PARAMETERS;
use serde_json::Value;

use super::super::endpoint;
use super::shop::Server;

/// Calls for every reference in it.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            found.extend(entries.get("$ref").and_then(Value::as_str).map(str::to_owned));
            entries.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = Server::new().get("/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

/// What a generator of clients makes names of: `Group`, not `Group_KeyFigures`.
#[tokio::test]
async fn schemas_have_plain_names() {
    let document = Server::new().get("/v1/openapi.json").await.json();
    let names = document["components"]["schemas"].as_object().unwrap().keys();
    let odd: Vec<_> = names.filter(|name| !name.chars().all(|letter| letter.is_ascii_alphanumeric())).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn every_address_takes_what_is_documented() {
    let server = Server::new();
    let document = server.get("/v1/openapi.json").await.json();
    assert_eq!(document["paths"].as_object().unwrap().len(), endpoint::ALL.len());
    for endpoint in endpoint::ALL {
        let operation = &document["paths"][format!("/{}", endpoint.name)]["get"];
        let parameters: Vec<&Value> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parameter| match parameter["$ref"].as_str() {
                Some(reference) => document.pointer(&reference[1..]).unwrap(),
                None => parameter,
            })
            .collect();
        for name in PARAMETERS {
            assert!(parameters.iter().any(|parameter| parameter["name"] == name), "{} {name}", endpoint.name);
        }
        for parameter in parameters {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let values =
                ["enum", "examples"].into_iter().flat_map(|list| schema[list].as_array().into_iter().flatten());
            let bounds = ["minimum", "maximum", "default"].into_iter().filter_map(|name| schema.get(name));
            for value in values.chain(bounds) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let got = server.get(&format!("/v1/{}?{name}={value}", endpoint.name)).await;
                assert_eq!(got.status, StatusCode::OK, "{} {name}={value}: {}", endpoint.name, got.text());
            }
        }
        let got = server.get(&format!("/v1/{}?{}", endpoint.name, endpoint.example)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", endpoint.name);
        let data = &operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"];
        let schema = document.pointer(&data["$ref"].as_str().unwrap()[1..]).unwrap().to_string();
        for name in got.json()["data"].as_object().unwrap().keys() {
            assert!(schema.contains(&format!("\"{name}\"")) || schema.contains("allOf"), "{} {name}", endpoint.name);
        }
    }
}

#[tokio::test]
async fn the_page_shows_every_address_and_nothing_inline() {
    let page = Server::new().get("/v1/docs").await;
    assert_eq!(page.status, StatusCode::OK);
    let page = page.text();
    for endpoint in endpoint::ALL {
        assert!(page.contains(&format!("id=\"{}\"", endpoint.name)), "{}", endpoint.name);
    }
    for forbidden in ["<script", "<style", "style=\"", "http://cdn", "https://", "onclick"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // Every link on it leads somewhere on it.
    for link in page.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}
