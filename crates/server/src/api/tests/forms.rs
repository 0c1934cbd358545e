//! The same figures in every form.

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_ipc::reader::StreamReader;
use axum::http::{Method, StatusCode, header};
use rust_decimal::Decimal;
use salesmart_metrics::figures::By;
use salesmart_metrics::money;
use serde_json::Value;

use super::super::endpoint;
use super::super::format::Format;
use super::shop::{REVENUE, Server, revenue};

fn amount(value: &Value) -> Decimal {
    value.to_string().parse().or_else(|_| format!("{:.4}", value.as_f64().unwrap()).parse()).unwrap()
}

fn of_csv(body: &[u8]) -> Decimal {
    let mut reader = csv::Reader::from_reader(body);
    let place = reader.headers().unwrap().iter().position(|name| name == "revenue").unwrap();
    reader.records().map(|record| record.unwrap()[place].parse::<Decimal>().unwrap()).sum()
}

fn of_ndjson(body: &[u8]) -> Decimal {
    let lines = std::str::from_utf8(body).unwrap().lines();
    lines.map(|line| amount(&serde_json::from_str::<Value>(line).unwrap()["revenue"])).sum()
}

fn of_arrow(body: &[u8]) -> Decimal {
    let reader = StreamReader::try_new(body, None).unwrap();
    assert_eq!(reader.schema().metadata()["salesmart.load"], "load-1");
    let sum = |batch: arrow_array::RecordBatch| {
        let revenue = batch.column_by_name("revenue").unwrap().as_primitive::<Decimal128Type>().clone();
        assert_eq!((revenue.precision(), revenue.scale()), (38, 4));
        money::amount(revenue.iter().flatten().sum::<i128>())
    };
    reader.map(|batch| sum(batch.unwrap())).sum()
}

fn of_json(data: &Value, list: &str) -> Decimal {
    let figures = |row: &Value| {
        if row["figures"].is_null() { amount(&row["revenue"]) } else { amount(&row["figures"]["revenue"]) }
    };
    data[list].as_array().unwrap().iter().map(figures).sum()
}

#[tokio::test]
async fn rows_add_up_to_the_figures_in_every_form() {
    let server = Server::new();
    for filter in ["dates=all", "dates=all&region=North", "from=2024-02-01&to=2024-03-01&category=Home&category=Light"]
    {
        let whole = revenue(filter);
        let mut asked: Vec<(String, &str)> = By::ALL
            .iter()
            .filter(|by| **by != By::Customer)
            .map(|by| (format!("breakdown?by={}&{filter}", by.name()), "groups"))
            .collect();
        for (path, list) in [
            ("trend?granularity=day", "buckets"),
            ("trend?granularity=year", "buckets"),
            ("top?by=product", "groups"),
            ("places?level=store", "places"),
            ("segments?", "groups"),
            ("sales?", "rows"),
        ] {
            asked.push((format!("{path}&{filter}"), list));
        }
        for (path, list) in asked {
            let get = async |format: &str| server.get(&format!("/v1/{path}&format={format}")).await;
            assert_eq!(of_json(&get("json").await.json()["data"], list), whole, "{path}");
            assert_eq!(of_csv(&get("csv").await.body), whole, "{path}");
            assert_eq!(of_ndjson(&get("ndjson").await.body), whole, "{path}");
            assert_eq!(of_arrow(&get("arrow").await.body), whole, "{path}");
        }
    }
    assert_eq!(revenue("dates=all"), REVENUE);
}

#[tokio::test]
async fn every_address_has_every_form() {
    let server = Server::new();
    for endpoint in endpoint::ALL {
        let mut columns = Vec::new();
        for format in Format::ALL {
            let path = format!("/v1/{}?dates=all", endpoint.name);
            let got = server.ask(Method::GET, &path, &[("accept", format.media_type())]).await;
            assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
            assert_eq!(got.header(header::CONTENT_TYPE), format.content_type());
            assert!(got.header(header::VARY).contains("accept"));
            columns.push(match format {
                Format::Json => continue,
                Format::Csv => got.text().lines().next().unwrap().split(',').map(str::to_owned).collect(),
                // Without a row there is no name.
                Format::Ndjson if got.body.is_empty() => continue,
                Format::Ndjson => {
                    let first: Value = serde_json::from_str(got.text().lines().next().unwrap()).unwrap();
                    first.as_object().unwrap().keys().cloned().collect::<Vec<String>>()
                }
                Format::Arrow => {
                    let schema = StreamReader::try_new(got.body.as_slice(), None).unwrap().schema();
                    schema.fields().iter().map(|field| field.name().clone()).collect()
                }
            });
        }
        assert!(columns.windows(2).all(|pair| pair[0] == pair[1]) && columns.len() >= 2, "{columns:?}");
    }
}

#[tokio::test]
async fn a_formula_is_made_harmless_in_csv_only() {
    let server = Server::new();
    let path = "/v1/top?dates=all&measure=quantity&limit=1&format=";
    let csv = server.get(&format!("{path}csv")).await.text();
    assert!(
        csv.contains("\r\nP2,\"'=Lamp, \"\"big\"\"\",0.314642,50.5000,,,1,1,50.5000,1,2.0000,0.0000,0.0000,"),
        "{csv}"
    );
    let ndjson = server.get(&format!("{path}ndjson")).await.text();
    assert!(
        ndjson.starts_with(r#"{"key":"P2","label":"=Lamp, \"big\"","share":0.314642,"revenue":50.5000,"profit":null"#),
        "{ndjson}"
    );
}
