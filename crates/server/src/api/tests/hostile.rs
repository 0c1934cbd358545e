//! What nobody would ask in good faith is refused or finds nothing, and never breaks anything.

use axum::http::StatusCode;

use super::super::endpoint;
use super::shop::Server;

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let server = Server::new();
    let long = format!("region={}", "x".repeat(10_000));
    let many: String = (0..201).map(|number| format!("&city={number}")).collect();
    for (query, parameter) in [
        ("region=a%00b", "region"),
        (long.as_str(), "region"),
        (many.as_str(), "city"),
        ("dates=all&dates=all", "dates"),
        ("dates='; drop table mart.fact_sales --", "dates"),
        ("from=2024-02-01&to=2024-01-01", "from"),
        ("from=2024-02-30", "from"),
        ("to=1' or '1'='1", "to"),
        ("granularity=second", "granularity"),
        ("compare=all", "compare"),
        ("format=xml", "format"),
        ("format=csv&format=csv", "format"),
        ("colour=red", "colour"),
        ("colour=", "colour"),
        ("from=", "from"),
        ("region=North&region=", "region"),
        ("format", "format"),
        ("%ff%fe=1", "\u{fffd}\u{fffd}"),
        ("%zz=1", "%zz"),
        ("Region=North", "Region"),
    ] {
        for endpoint in endpoint::ALL {
            let query = query.replace(' ', "%20");
            let got = server.get(&format!("/v1/{}?{query}", endpoint.name)).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{} {parameter}", endpoint.name);
            let problem = got.problem();
            assert_eq!(problem["parameter"], parameter);
            assert!(got.body.len() < 1_000, "what was sent is not repeated at length");
        }
    }
}

#[tokio::test]
async fn own_parameters_are_refused_by_name() {
    let server = Server::new();
    for (path, parameter) in [
        ("sales?limit=0", "limit"),
        ("sales?limit=-1", "limit"),
        ("sales?limit=1000000000", "limit"),
        ("sales?limit=99999999999999999999", "limit"),
        ("sales?limit=%2B5", "limit"),
        ("sales?limit=007", "limit"),
        ("sales?limit=1e3", "limit"),
        ("sales?limit=1&limit=2", "limit"),
        ("sales?after=garbage", "after"),
        ("sales?after=20240301", "after"),
        ("sales?after=20240301.", "after"),
        ("sales?after=-2024030.1", "after"),
        ("sales?after=20240301.-1", "after"),
        ("sales?after=20240301.99999999999999999999", "after"),
        ("sales?after=20240301.1'%20or%201=1", "after"),
        ("top?limit=501", "limit"),
        ("top?by=weekday", "by"),
        ("top?measure=margin", "measure"),
        ("breakdown?by=year", "by"),
        ("breakdown?limit=10001", "limit"),
        ("places?level=country", "level"),
        ("kpis?limit=1", "limit"),
    ] {
        let got = server.get(&format!("/v1/{path}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(got.problem()["parameter"], parameter, "{path}");
    }
}

#[tokio::test]
async fn names_are_only_ever_names() {
    let server = Server::new();
    for name in
        ["'; drop table mart.fact_sales; --", "North' or 'a'='a", "%25", "*", "%ff%fe", "%F0%9F%92%A9", "\\", "{}"]
    {
        let name = name.replace(' ', "%20");
        for endpoint in endpoint::ALL {
            for list in ["region", "city", "store", "category", "product", "segment"] {
                let got = server.get(&format!("/v1/{}?dates=all&{list}={name}", endpoint.name)).await;
                assert_eq!(got.status, StatusCode::OK, "{} {list}={name}: {}", endpoint.name, got.text());
                if endpoint.name == "kpis" {
                    assert_eq!(got.json()["data"]["figures"]["lines"], 0);
                }
            }
        }
    }
}

#[tokio::test]
async fn days_without_sales_have_no_figures() {
    let server = Server::new();
    for dates in
        ["from=1900-01-01&to=1900-01-02", "from=2200-12-31", "to=1900-01-01", "from=1900-01-01&to=2200-12-31&region=x"]
    {
        for endpoint in endpoint::ALL {
            for format in ["json", "csv", "ndjson", "arrow"] {
                let path = format!("/v1/{}?{dates}&format={format}", endpoint.name);
                let got = server.get(&path).await;
                assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
            }
        }
    }
    let day = server.get("/v1/trend?from=1900-01-01&granularity=day").await.json();
    assert_eq!(day["filter"]["granularity"], day["data"]["granularity"]);
    assert_ne!(day["data"]["granularity"], "day");
}
