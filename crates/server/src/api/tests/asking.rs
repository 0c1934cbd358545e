//! What HTTP promises: tags, compression, methods, media types, pages.

use std::io::Read;

use axum::http::{Method, StatusCode, header};

use super::super::endpoint;
use super::shop::Server;

#[tokio::test]
async fn figures_come_with_load_and_filter() {
    let got = Server::new().get("/v1/kpis?region=South&region=North&dates=all&compare=none").await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(got.header("salesmart-load"), "load-1");
    assert!(got.text().contains(r#""revenue":160.5000,"profit":40.0000,"margin":0.4,"orders":4,"customers":2"#));
    let json = got.json();
    assert_eq!(json["load"], serde_json::json!({ "id": "load-1", "committed_at": "2024-03-21T00:00:00Z" }));
    assert_eq!(json["filter"]["query"], "dates=all&compare=none&region=North&region=South");
    assert_eq!(json["filter"]["dates"], serde_json::json!({ "from": "2024-01-10", "to": "2024-03-20" }));
    assert_eq!(json["filter"]["granularity"], "week");
    assert_eq!(json["filter"]["regions"], serde_json::json!(["North", "South"]));
}

#[tokio::test]
async fn the_best_are_ranked_by_any_measure() {
    let server = Server::new();
    for (query, keys, number) in [
        ("dates=all", &["P1", "P2", "unknown"][..], 3),
        ("dates=all&measure=quantity", &["P2", "P1", "unknown"], 3),
        ("dates=all&measure=profit&limit=1", &["P1"], 3),
        ("dates=all&by=customer&measure=orders", &["C1", "C2"], 2),
        ("dates=all&by=city&measure=orders", &["Oslo", "Bergen", "Rome"], 3),
        ("from=2024-03-01&by=store", &["Oslo 1", "Rome 1"], 2),
    ] {
        let data = server.get(&format!("/v1/top?{query}")).await.json()["data"].clone();
        let got: Vec<&str> = data["groups"].as_array().unwrap().iter().map(|g| g["key"].as_str().unwrap()).collect();
        assert_eq!((got.as_slice(), &data["number"]), (keys, &number.into()), "{query}");
    }
}

#[tokio::test]
async fn places_follow_the_filter() {
    let server = Server::new();
    for (query, level, first) in [
        ("dates=all", "region", "North"),
        ("dates=all&region=North", "city", "Oslo"),
        ("dates=all&city=Rome", "store", "Rome 1"),
        ("dates=all&region=North&level=store", "store", "Oslo 1"),
    ] {
        let data = server.get(&format!("/v1/places?{query}")).await.json()["data"].clone();
        assert_eq!((&data["level"], &data["places"][0]["key"]), (&level.into(), &first.into()), "{query}");
    }
    // 150.5 and 10 of 160.5 are in the north, and one of two customers.
    let north = server.get("/v1/places?dates=all").await.json()["data"]["places"][0].clone();
    assert_eq!((&north["share_of_revenue"], &north["share_of_customers"]), (&1.0.into(), &0.5.into()));
}

#[tokio::test]
async fn a_known_answer_is_not_sent_again() {
    let server = Server::new();
    for endpoint in endpoint::ALL {
        let path = format!("/v1/{}", endpoint.name);
        let one = server.get(&format!("{path}?region=North&dates=all&region=South")).await;
        let tag = one.header(header::ETAG).to_owned();
        assert!(!tag.is_empty(), "{path}");
        let permuted = format!("{path}?region=South&region=North&region=South&dates=all");
        assert_eq!(server.get(&permuted).await.header(header::ETAG), tag, "{path}");
        let again = server.ask(Method::GET, &permuted, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
        let other = server.ask(Method::GET, &permuted, &[("if-none-match", &tag), ("accept", "text/csv")]).await;
        assert_eq!(other.status, StatusCode::OK, "{path}");
        assert_ne!(other.header(header::ETAG), tag, "{path}");
    }
    let top = |query: &'static str| async { server.get(query).await.header(header::ETAG).to_owned() };
    assert_eq!(top("/v1/top").await, top("/v1/top?limit=10&measure=revenue&by=product").await);
    assert_ne!(top("/v1/top").await, top("/v1/top?limit=11").await);
}

#[tokio::test]
async fn great_answers_are_compressed() {
    let server = Server::new();
    let path = "/v1/trend?dates=all&granularity=day";
    let plain = server.get(path).await;
    let packed = server.ask(Method::GET, path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header(header::CONTENT_ENCODING), "gzip");
    assert!(packed.body.len() * 5 < plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
}

#[tokio::test]
async fn head_says_what_get_would() {
    let server = Server::new();
    for path in ["/v1/kpis", "/v1/sales", "/v1/openapi.json", "/v1/docs"] {
        let get = server.get(path).await;
        let head = server.ask(Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header(header::CONTENT_TYPE), get.header(header::CONTENT_TYPE));
        assert_eq!(head.header(header::ETAG), get.header(header::ETAG));
        assert_eq!(head.header(header::CONTENT_LENGTH), get.body.len().to_string());
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_done_is_a_problem() {
    let server = Server::new();
    for path in ["", "/", "/v1", "/v1/", "/v1/nothing", "/v1/kpis/", "/v1/kpis/more", "/v2/kpis", "/v1/%00", "/v1/%ff"]
    {
        let got = server.get(path).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        got.problem();
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in ["/v1/kpis", "/v1/sales", "/v1/openapi.json"] {
            let got = server.ask(method.clone(), path, &[]).await;
            assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(got.header(header::ALLOW), "GET,HEAD");
            got.problem();
        }
    }
    let got = server.ask(Method::GET, "/v1/kpis", &[("accept", "image/png")]).await;
    assert_eq!(got.status, StatusCode::NOT_ACCEPTABLE);
    assert!(got.problem()["detail"].as_str().unwrap().contains("application/vnd.apache.arrow.stream"));
}

#[tokio::test]
async fn pages_follow_each_other_until_the_last() {
    let server = Server::new();
    let all = server.get("/v1/sales?dates=all").await.json();
    assert!(all["data"]["next"].is_null());
    let mut path = "/v1/sales?dates=all&limit=2".to_owned();
    let mut rows = Vec::new();
    let mut pages = 0;
    loop {
        let got = server.get(&path).await;
        let page = got.json();
        pages += 1;
        rows.extend(page["data"]["rows"].as_array().unwrap().clone());
        let Some(next) = page["data"]["next"].as_str() else {
            assert_eq!(got.header(header::LINK), "");
            break;
        };
        let link = format!("</api/v1/sales?dates=all&after={next}&format=json&limit=2>; rel=\"next\"");
        assert_eq!(got.header(header::LINK), link);
        path = format!("/v1/sales?dates=all&after={next}&format=json&limit=2");
    }
    assert_eq!((pages, &rows), (3, all["data"]["rows"].as_array().unwrap()));
    // No key is greater than the greatest.
    let got = server.get("/v1/sales?dates=all&after=20240301.9999999999999999999").await.json();
    assert_eq!(got["data"]["rows"].as_array().unwrap().len(), 2);
}
