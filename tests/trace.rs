//! `salesmart trace`: from a row back to file and line.

use std::io::Write;

use crate::harness::{Project, SALES_HEADER, sale};

/// A project whose models say how their rows depend on others.
fn project() -> Project {
    let project = Project::embedded();
    project.write(
        "sql/marts/agg_shop.sql",
        "-- materialized: incremental\n-- key: shop, month_id\n-- by: upper(store) as shop, year(sold_at) * 100 + month(sold_at) as month_id\n\
         select upper(store) as shop, year(sold_at) * 100 + month(sold_at) as month_id, sum(revenue) as revenue\n\
         from stg_sales group by all",
    );
    project
}

fn build(project: &Project) {
    project.ok(&["ingest"]);
    project.ok(&["build"]);
}

fn trace(project: &Project, args: &[&str]) -> String {
    project.ok(&[&["trace"], args].concat()).stdout
}

/// The trace as JSON: the records of the deepest level.
fn records(project: &Project, args: &[&str]) -> Vec<serde_json::Value> {
    let text = trace(project, &[args, &["--format", "json"]].concat());
    let mut level: serde_json::Value = serde_json::from_str(&text).unwrap();
    while let Some(input) = level["inputs"].get(0) {
        level = input.clone();
    }
    level["records"].as_array().cloned().unwrap_or_default()
}

fn t1(revenue: &str) -> String {
    sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", revenue)
}

#[test]
fn a_fact_is_followed_to_both_versions_of_its_record() {
    let project = project();
    let other = sale("T2", "O2", "2024-01-02 10:00:00", "C2", "P2", "5");
    project.sales("sales_1.csv", &[other, t1("10")]);
    project.sales("sales_2.csv", &[t1("12")]);
    build(&project);
    let text = trace(&project, &["fact_sales", "transaction_id=T1"]);
    let expected = format!(
        "data/raw/sales_2.csv, line 2, the latest version\n        {}\n\n      data/raw/sales_1.csv, line 3, an earlier version\n        {}\n",
        t1("12"),
        t1("10")
    );
    assert!(text.contains(&expected), "{text}");
    for part in [
        "fact_sales with transaction_id = T1: 1 row",
        "stg_sales by transaction_id: 1 row",
        "raw.sales by transaction_id: 2 rows",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("T2"), "{text}");
    // By the key itself, to the same end.
    let key = &project.staged("select sale_id from fact_sales where transaction_id = 'T1'")[0];
    assert_eq!(records(&project, &["fact_sales", key]), records(&project, &["fact_sales", "transaction_id=T1"]));
    let found = records(&project, &["fact_sales", key]);
    assert_eq!((found[0]["version"].as_str(), found[0]["line"].as_u64()), (Some("latest"), Some(2)));
    assert_eq!((found[1]["version"].as_str(), found[1]["raw"].as_str()), (Some("earlier"), Some(t1("10").as_str())));
}

#[test]
fn an_aggregate_is_followed_by_the_expressions_of_its_header() {
    let project = project();
    project.sales(
        "sales_1.csv",
        &[
            t1("10"),
            sale("T2", "O2", "2024-01-31 10:00:00", "C2", "P2", "5"),
            sale("T3", "O3", "2024-02-01 10:00:00", "C2", "P2", "7"),
            sale("T4", "O4", "2024-01-01 10:00:00", "C2", "P2", "7").replace("Ulm 1", "Ulm 2"),
        ],
    );
    build(&project);
    let text = trace(&project, &["agg_shop", "ULM 1", "202401"]);
    assert!(text.contains("agg_shop with shop = ULM 1, month_id = 202401: 1 row"), "{text}");
    assert!(
        text.contains("stg_sales by shop (upper(store)), month_id (year(sold_at) * 100 + month(sold_at)): 2 rows"),
        "{text}"
    );
    assert!(text.contains("line 2\n") && text.contains("line 3\n") && !text.contains("version"), "{text}");
    let lines: Vec<_> =
        records(&project, &["agg_shop", "ULM 1", "202401"]).iter().map(|found| found["line"].as_u64()).collect();
    assert_eq!(lines, [Some(3), Some(2)]);
    // Only some of the rows are shown and followed, and that is said.
    let text = trace(&project, &["agg_shop", "ULM 1", "202401", "--limit", "1"]);
    assert!(text.contains("1 of 2 shown and followed; see more with --limit"), "{text}");
    assert!(text.contains("line 2\n") && !text.contains("line 3\n"), "{text}");
    let text = trace(&project, &["agg_shop", "month_id=202401"]);
    assert!(text.contains("agg_shop with month_id = 202401: 2 rows"), "{text}");
    // A dimension says nothing of its rows' origin.
    let text = trace(&project, &["dim_region", "region_id=0"]);
    assert!(text.contains("is known to say which rows of dim_region it makes"), "{text}");
}

#[test]
fn records_are_read_from_compressed_files_and_over_quoted_lines() {
    let project = project();
    let long = "T2,O2,2024-01-02 10:00:00,C2,\"Bob,\nthe \"\"Builder\"\"\",P2,Tee,Toys,South,Ulm,Ulm 1,1,5,5,1";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    write!(gz, "{SALES_HEADER}\n\n{long}\n{}\n", t1("10")).unwrap();
    project.write("data/raw/sales_1.csv", gz.finish().unwrap());
    build(&project);
    let found = records(&project, &["fact_sales", "transaction_id=T2"]);
    assert_eq!((found[0]["line"].as_u64(), found[0]["raw"].as_str()), (Some(3), Some(long)));
    let text = trace(&project, &["stg_sales", "T2"]);
    assert!(text.contains("C2,\"Bob,\n      the \"\"Builder\"\"\",P2"), "{text}");
    assert!(text.contains("line 3\n") && text.contains("\"Bob,\\nthe"), "{text}");
    // Behind it lines are still physical.
    let found = records(&project, &["stg_sales", "T1"]);
    assert_eq!((found[0]["line"].as_u64(), found[0]["raw"].as_str()), (Some(5), Some(t1("10").as_str())));
}

#[test]
fn a_repaired_record_is_shown_as_it_stands_in_the_file() {
    let project = project();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    project.sales("sales_1.csv", &[t1("ten"), sale("T2", "O2", "2024-01-02 10:00:00", "C2", "P2", "5")]);
    project.ok(&["ingest"]);
    project.ok(&["rejects", "export", "--output", "fix.csv"]);
    let fixed: String = std::fs::read_to_string(project.path("fix.csv")).unwrap();
    let (header, row) = fixed.split_once('\n').unwrap();
    let raw = t1("ten");
    // The columns are corrected; the record as it stands in the file stays.
    let row = row.replacen(",1,ten,ten,1,", ",1,10,10,1,", 1);
    project.write("fix.csv", format!("{header}\n{row}"));
    project.ok(&["rejects", "replay", "fix.csv"]);
    project.ok(&["build"]);
    let text = trace(&project, &["stg_sales", "T1"]);
    assert!(text.contains(&raw), "{text}");
    assert!(
        text.contains("(refused like this, and loaded as corrected in data/raw/sales_1.csv.repairs.csv)"),
        "{text}"
    );
    let found = records(&project, &["stg_sales", "T1"]);
    assert_eq!(found[0]["repaired_in"], "data/raw/sales_1.csv.repairs.csv");
    assert_eq!(records(&project, &["stg_sales", "T2"])[0]["repaired_in"], serde_json::Value::Null);
}

#[test]
fn a_file_that_is_gone_or_holds_something_else_is_told() {
    let project = project();
    project.sales("sales_1.csv", &[t1("10")]);
    build(&project);
    let file = project.path("data/raw/sales_1.csv");
    // A copy of the content is as good.
    std::fs::copy(&file, project.path("data/raw/sales_0.csv")).unwrap();
    project.ok(&["ingest"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(records(&project, &["stg_sales", "T1"])[0]["raw"], t1("10"));
    std::fs::remove_file(project.path("data/raw/sales_0.csv")).unwrap();
    let text = trace(&project, &["stg_sales", "T1"]);
    assert!(text.contains("data/raw/sales_1.csv, line 2\n"), "{text}");
    assert!(text.contains("(the file is not in its folder any more; what was loaded from it stands above)"), "{text}");
    assert!(text.contains("10.0000"), "{text}");
    project.sales("sales_1.csv", &[t1("11")]);
    let found = records(&project, &["stg_sales", "T1"]);
    assert_eq!(
        (found[0]["gone"].as_str(), found[0]["raw"].as_str()),
        (Some("the file holds something else now"), None)
    );
}

#[test]
fn what_is_not_there_is_told_with_the_next_step() {
    let project = project();
    let error = project.fails(&["trace", "fact_sales", "1"]);
    assert!(error.contains("is not there yet"), "{error}");
    project.sales("sales_1.csv", &[t1("10")]);
    build(&project);
    for (args, expected) in [
        (
            &["fact_sales", "1"][..],
            "there is no row of fact_sales with sale_id = 1; if its record was refused, `salesmart rejects` has it",
        ),
        (&["fact_sales", "-1"], "no row of fact_sales with sale_id = -1"),
        (&["fact_sales", "T1"], "sale_id of fact_sales is a BIGINT, and \"T1\" is none"),
        (&["fact_sale", "1"], "there is no model fact_sale; did you mean fact_sales?"),
        (&["fact_sales", "transaktion_id=T1"], "fact_sales has no column transaktion_id; did you mean transaction_id?"),
        (&["agg_shop", "ULM 1"], "the key of agg_shop is shop, month_id: give 2 values in this order"),
    ] {
        let error = project.fails(&[&["trace"], args].concat());
        assert!(error.contains(expected), "{args:?}\n{error}");
    }
    project.write("sql/staging/stg_new.sql", "-- key: a\nselect 1 as a");
    assert!(project.fails(&["trace", "stg_new", "1"]).contains("stg_new is not built yet; run `salesmart build`"));
}
