//! Four real files as other programs write them, against answers computed independently.

use std::path::Path;

use serde_json::Value;

use crate::harness::declared::field;
use crate::harness::{Project, real_data};

/// A project in which a real file is loaded and its model built, and the reference's answers.
fn real(name: &str) -> Option<(Project, Value)> {
    let file = real_data(&format!("dialects/{name}.csv"))?;
    let reference = real_data("dialects_reference.json")?;
    let reference: Value = serde_json::from_slice(&std::fs::read(reference).unwrap()).unwrap();
    let reference = reference[format!("{name}.csv")].clone();
    assert!(reference.is_object(), "no answers for {name}");

    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    for layer in ["staging", "intermediate", "marts", "checks"] {
        std::fs::remove_dir_all(project.path("sql").join(layer)).unwrap();
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_files");
    let read = |end: &str| std::fs::read(ours.join(format!("{name}.{end}"))).unwrap();
    project
        .write(&format!("data/raw/{name}.csv"), std::fs::read(file).unwrap())
        .write(&format!("data/contracts/{name}.toml"), read("toml"))
        .write(&format!("sql/staging/{name}.sql"), read("sql"));
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let rows = &reference["rows"];
    assert_eq!(
        project.staged("select records, accepted, rejected, skipped, outcome from ingest.files"),
        [format!("{rows},{rows},0,0,loaded")]
    );
    Some((project, reference))
}

/// An amount with four places, as the tables have it: the reference gives as many as it needs.
fn amount(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    let point = if places == 0 { "." } else { "" };
    format!("{text}{point}{}", "0".repeat(4 - places))
}

/// `{"2018-01": "1.5"}` as lines.
fn amounts_by_key(object: &Value) -> Vec<String> {
    object.as_object().unwrap().iter().map(|(key, value)| format!("{key},{}", amount(value))).collect()
}

/// `[["West", "1.5"]]` as lines.
fn ranked(pairs: &Value) -> Vec<String> {
    let pairs = pairs.as_array().unwrap().iter();
    pairs.map(|pair| format!("{},{}", field(pair[0].as_str().unwrap()), amount(&pair[1]))).collect()
}

/// `{"a": 1}` as lines, in order of the keys.
fn counts(object: &Value) -> Vec<String> {
    let mut lines: Vec<String> =
        object.as_object().unwrap().iter().map(|(key, count)| format!("{key},{count}")).collect();
    lines.sort();
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Fails if the reference has a figure that the test has not compared.
fn all_compared(reference: &Value, compared: &[&str]) {
    let mut missed: Vec<&String> = reference.as_object().unwrap().keys().collect();
    missed.retain(|key| !compared.contains(&key.as_str()));
    assert!(missed.is_empty(), "not compared: {missed:?}");
}

fn superstore(name: &str) {
    let Some((project, reference)) = real(name) else { return };
    let staged = |query: &str| project.staged(&query.replace("lines", name));
    assert_eq!(
        staged(
            "select count(*), count(distinct order_id), count(distinct customer_id), count(distinct product_id), count(*) filter (postal_code is null), count(*) filter (is_repeated), sum(quantity) from lines"
        ),
        [[
            "rows",
            "orders",
            "customers",
            "product_ids",
            "missing_postal_code",
            "duplicates_ignoring_row_id",
            "quantity"
        ]
        .map(|key| reference[key].to_string())
        .join(",")]
    );
    assert_eq!(
        staged("select sum(revenue), sum(profit), min(sold_on), max(sold_on) from lines"),
        [[
            amount(&reference["revenue"]).as_str(),
            &amount(&reference["profit"]),
            text(&reference["first"]),
            text(&reference["last"])
        ]
        .join(",")]
    );
    assert_eq!(
        staged(
            "select count(*) from (select product_id from lines group by 1 having count(distinct product_name) > 1)"
        ),
        [reference["product_ids_with_over_1_name"].to_string()]
    );
    assert_eq!(
        staged("select strftime(sold_on, '%Y-%m'), sum(revenue) from lines group by 1 order by 1"),
        amounts_by_key(&reference["revenue_by_month"])
    );
    for (column, key, limit) in [
        ("product_name", "top5_products_by_name", "limit 5"),
        ("region", "revenue_by_region", ""),
        ("category", "revenue_by_category", ""),
    ] {
        assert_eq!(
            staged(&format!("select {column}, sum(revenue) from lines group by 1 order by 2 desc {limit}")),
            ranked(&reference[key]),
            "{key}"
        );
    }
    all_compared(
        &reference,
        &[
            "rows",
            "orders",
            "customers",
            "product_ids",
            "product_ids_with_over_1_name",
            "missing_postal_code",
            "duplicates_ignoring_row_id",
            "revenue",
            "profit",
            "quantity",
            "first",
            "last",
            "revenue_by_month",
            "top5_products_by_name",
            "revenue_by_region",
            "revenue_by_category",
        ],
    );
    // Characters outside ASCII, whose bytes differ between the two files.
    assert_eq!(
        project.staged(&format!("select distinct customer_name from raw.{name} where customer_name like '%Franzö%' or customer_name like '%ühler' order by 1")),
        ["Barry Französisch", "Neil Französisch", "Peter Bühler", "Roy Französisch"]
    );
    assert_eq!(
        staged("select count(distinct product_name) from lines where product_name like '%Messag%5 ¾” x 11”'"),
        ["1"]
    );
}

#[test]
fn superstore_with_semicolons_gives_the_reference() {
    superstore("superstore_semicolon");
}

#[test]
fn superstore_in_windows_1252_gives_the_reference() {
    superstore("superstore_cp1252_dmy");
}

#[test]
fn the_classic_sales_sample_gives_the_reference() {
    let name = "sales_data_sample";
    let Some((project, reference)) = real(name) else { return };
    let staged = |query: &str| project.staged(&query.replace("lines", name));
    assert_eq!(
        staged(
            "select count(*), count(distinct order_id), count(distinct customer), count(distinct product_id), count(*) filter (is_capped) from lines"
        ),
        [["rows", "orders", "customers", "products", "rows_where_qty*price!=sales"]
            .map(|key| reference[key].to_string())
            .join(",")]
    );
    assert_eq!(
        staged("select sum(revenue), min(sold_on), max(sold_on) from lines"),
        [[amount(&reference["revenue"]).as_str(), text(&reference["first"]), text(&reference["last"])].join(",")]
    );
    for key in ["status", "territory"] {
        assert_eq!(
            staged(&format!("select {key}, count(*) from lines group by 1 order by 1")),
            counts(&reference[key]),
            "{key}"
        );
    }
    assert_eq!(
        staged("select count(*) from lines where territory = 'NA'"),
        [reference["territory"]["NA"].to_string()],
        "NA is a value"
    );
    assert_eq!(
        staged("select strftime(sold_on, '%Y-%m'), sum(revenue) from lines group by 1 order by 1"),
        amounts_by_key(&reference["revenue_by_month"])
    );
    assert_eq!(
        staged("select product_id, sum(revenue) from lines group by 1 order by 2 desc limit 5"),
        ranked(&reference["top5_products"])
    );
    // Every value of every column that is not ASCII.
    let non_ascii: Vec<String> =
        reference["non_ascii_values (cp850)"].as_array().unwrap().iter().map(|value| field(text(value))).collect();
    assert_eq!(
        project.staged("select distinct value from (unpivot (select columns(*)::varchar from raw.sales_data_sample) on columns(*)) where strlen(value) <> length(value) order by 1"),
        non_ascii
    );
    all_compared(
        &reference,
        &[
            "rows",
            "orders",
            "customers",
            "products",
            "revenue",
            "rows_where_qty*price!=sales",
            "status",
            "territory",
            "non_ascii_values (cp850)",
            "first",
            "last",
            "revenue_by_month",
            "top5_products",
        ],
    );
}

const CAFE: [(&str, &str); 8] = [
    ("transaction_id", "Transaction ID"),
    ("item", "Item"),
    ("quantity", "Quantity"),
    ("price_per_unit", "Price Per Unit"),
    ("total_spent", "Total Spent"),
    ("payment_method", "Payment Method"),
    ("location", "Location"),
    ("sold_on", "Transaction Date"),
];

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn the_dirty_cafe_gives_the_reference() {
    let name = "dirty_cafe_iso";
    let Some((project, reference)) = real(name) else { return };
    let staged = |query: &str| project.staged(&query.replace("lines", name));
    assert_eq!(
        project.staged("select count(*), count(*) - (select count(*) from (select distinct * exclude (_file, _line) from raw.dirty_cafe_iso)), count(distinct transaction_id) from raw.dirty_cafe_iso"),
        [["rows", "duplicate_rows", "distinct_transaction_ids"].map(|key| reference[key].to_string()).join(",")]
    );
    assert_eq!(
        project.staged(
            "select transaction_id from raw.dirty_cafe_iso where not regexp_full_match(transaction_id, 'TXN_[0-9]{7}')"
        ),
        texts(&reference["bad_transaction_ids"])
    );
    for (column, header) in CAFE {
        let dirt = |condition: &str| {
            project.staged(&format!("select count(*) from raw.dirty_cafe_iso where {column} {condition}"))
        };
        for (condition, key) in [("is null", "empty"), ("= 'ERROR'", "ERROR"), ("= 'UNKNOWN'", "UNKNOWN")] {
            assert_eq!(dirt(condition), [reference[key][header].to_string()], "{key} in {header}");
        }
    }
    let mut odd_dates = texts(&reference["odd_dates"]);
    odd_dates.sort_unstable();
    assert_eq!(project.staged("select sold_on from raw.dirty_cafe_iso where sold_on like '%/%' order by 1"), odd_dates);
    assert_eq!(
        staged(
            "select count(*) from lines where sold_on in (date '2023-05-01', date '2023-10-19', date '2023-03-25') and line in (select _line from raw.dirty_cafe_iso where sold_on like '%/%')"
        ),
        ["3"]
    );
    // Quantities are 1 to 5 otherwise.
    assert_eq!(
        staged("select quantity from lines where quantity not between 1 and 5 order by quantity"),
        texts(&reference["odd_quantities"])
    );
    assert_eq!(
        staged("select sum(stated_total), sum(revenue) from lines"),
        [["revenue_of_stated_totals", "recovered_revenue"].map(|key| amount(&reference[key])).join(",")]
    );
    assert_eq!(
        staged("select revenue_from, count(*) from lines group by 1 order by 1"),
        counts(&reference["recovery"])
    );
    let top_items = ranked(&reference["top5_items_of_stated_totals"]);
    assert_eq!(
        staged("select item, sum(stated_total) from lines where item is not null group by 1 order by 2 desc"),
        top_items
    );
    all_compared(
        &reference,
        &[
            "rows",
            "duplicate_rows",
            "distinct_transaction_ids",
            "bad_transaction_ids",
            "empty",
            "ERROR",
            "UNKNOWN",
            "revenue_of_stated_totals",
            "odd_dates",
            "odd_quantities",
            "recovered_revenue",
            "recovery",
            "top5_items_of_stated_totals",
        ],
    );

    // The contract that types it all, on the same file: the same answers without any cleaning in SQL.
    let typed = include_str!("real_files/dirty_cafe_typed.toml");
    project.write("data/contracts/dirty_cafe_typed.toml", typed);
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select sum(rejected), count(*) from ingest.files"), ["0,2"]);
    let (mut missing, mut expected) = (Vec::new(), Vec::new());
    for (column, header) in CAFE {
        missing.push(format!("count(*) filter ({column} is null)"));
        let dirt = ["empty", "ERROR", "UNKNOWN"].map(|key| reference[key][header].as_u64().unwrap());
        expected.push(dirt.iter().sum::<u64>().to_string());
    }
    assert_eq!(
        project.staged(&format!("select {} from raw.dirty_cafe_typed", missing.join(", "))),
        [expected.join(",")]
    );
    assert_eq!(
        project.staged("select sum(total_spent), cast(sum(coalesce(quantity * price_per_unit, total_spent)) as decimal(18, 4)) from raw.dirty_cafe_typed"),
        [["revenue_of_stated_totals", "recovered_revenue"].map(|key| amount(&reference[key])).join(",")]
    );
    assert_eq!(
        project.staged(
            "select count(*) from raw.dirty_cafe_typed as t join dirty_cafe_iso as m on m.line = t._line where m.sold_on is distinct from t.sold_on or m.quantity is distinct from t.quantity or m.location is distinct from t.location"
        ),
        ["0"]
    );
}
