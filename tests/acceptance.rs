//! Real data: 305 daily files that nobody here wrote, against answers computed independently. Test names are run in alphabetical order, and this is
//! the longest one: it begins first.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Project, real_data};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn put(project: &Project, file: &Path) {
    std::fs::copy(file, project.path("data/raw").join(file.file_name().unwrap())).unwrap();
}

#[test]
fn all_files_at_once_give_the_reference_in_staging_and_in_postgres_and_so_do_they_one_by_one() {
    let (Some(folder), Some(reference), Some(rfm)) = (
        real_data("online_retail_by_day"),
        real_data("online_retail_reference.json"),
        real_data("online_retail_rfm.json"),
    ) else {
        return;
    };
    let read = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let reference = Reference { sales: read(&reference), rfm: read(&rfm) };
    let at_once = Project::online_retail();
    for file in files(&folder) {
        put(&at_once, &file);
    }
    let report = at_once.ok(&["run"]).stdout;
    assert!(report.contains("305 files read"), "{report}");
    equals_reference(&at_once, &reference);

    let one_by_one = Project::online_retail();
    for file in files(&folder) {
        put(&one_by_one, &file);
        one_by_one.ok(&["run"]);
    }
    for ((table, at_once), (_, one_by_one)) in at_once.warehouse_content().iter().zip(&one_by_one.warehouse_content()) {
        assert!(at_once == one_by_one, "{table} differs");
    }
}

/// Answers that were computed independently.
struct Reference {
    sales: Value,
    rfm: Value,
}

fn equals_reference(project: &Project, reference: &Reference) {
    let Reference { sales: reference, rfm } = reference;
    assert_eq!(
        project.staged("select sum(records), sum(accepted), sum(rejected), count(*) from ingest.files"),
        ["541909,541909,0,305"]
    );
    let raw = &reference["all_rows"];
    assert_eq!(
        project.staged("select count(*), cast(sum(quantity * unit_price) as decimal(38,3)), count(distinct invoice_no), count(distinct customer_id), count(distinct stock_code) from raw.sales"),
        [format!("{},{},{},{},{}", raw["rows"], raw["revenue"].as_str().unwrap(), raw["invoices"], raw["customers"], raw["products"])]
    );
    let clean = &reference["clean_sales (dedup, no C-invoice, quantity>0, price>0)"];
    let known = &reference["clean_sales_known_customer"];
    assert_eq!(
        (known["rows"].as_u64(), known["customers"].as_u64(), known["revenue"].as_str()),
        (Some(392_692), Some(4_338), Some("8887208.894"))
    );
    let figures = "select count(*) as n, cast(sum(revenue) as decimal(18,3)) as r, count(distinct order_id) as o, count(distinct product_id) as p, count(distinct nullif(customer_id, 0)) as c";
    for (expected, condition) in [(clean, "true"), (known, "customer_id <> 0")] {
        let expected = format!(
            "{},{},{},{},{}",
            expected["rows"],
            expected["revenue"].as_str().unwrap(),
            expected["invoices"],
            expected["products"],
            expected["customers"]
        );
        assert_eq!(
            project.staged(&format!("{figures} from fact_sales where {condition}")),
            std::slice::from_ref(&expected)
        );
        assert_eq!(project.pushed(&format!("{figures} from mart.fact_sales where {condition}")), [expected.as_str()]);
    }

    let months: Vec<String> = reference["clean_revenue_by_month"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(month, revenue)| format!("{},{}", month.replace('-', ""), padded(revenue.as_str().unwrap())))
        .collect();
    assert_eq!(
        project.staged("select date_id // 100 as m, sum(revenue) from fact_sales group by 1 order by 1"),
        months
    );
    assert_eq!(
        project.pushed("select date_id / 100 as m, sum(revenue) as r from mart.fact_sales group by 1 order by 1"),
        months
    );
    assert_eq!(
        project.pushed("select month_id, sum(revenue) as r from mart.agg_monthly_product group by 1 order by 1"),
        months
    );

    let top = |key: &str| -> Vec<String> {
        let pairs = reference[key].as_array().unwrap().iter();
        pairs
            .map(|pair| {
                format!("{},{}", pair[0].as_str().unwrap().trim_end_matches(".0"), padded(pair[1].as_str().unwrap()))
            })
            .collect()
    };
    let ranked = |name: &str, dimension: &str, key: &str| {
        format!(
            "select {name}, sum(revenue) as r from mart.fact_sales join mart.{dimension} using ({key}) where {name} is not null group by 1 order by 2 desc limit 5"
        )
    };
    assert_eq!(project.pushed(&ranked("product_code", "dim_product", "product_id")), top("clean_top5_products"));
    assert_eq!(project.pushed(&ranked("region", "dim_region", "region_id")), top("clean_top5_countries"));
    assert_eq!(
        project.pushed("select customer_code, lifetime_value from mart.dim_customer order by 2 desc limit 5"),
        top("clean_top5_customers")
    );

    let counts = |key: &str| -> Vec<String> {
        rfm[key].as_object().unwrap().iter().map(|(cell, count)| format!("{cell},{count}")).collect()
    };
    for (key, columns) in [
        ("R", "recency_score::text"),
        ("F", "frequency_score::text"),
        ("M", "monetary_score::text"),
        ("cells_RFM", "recency_score::text || frequency_score::text || monetary_score::text"),
    ] {
        let query = |schema: &str| {
            format!(
                "select {columns} as cell, count(*) as n from {schema}dim_customer where customer_id <> 0 group by 1 order by 1"
            )
        };
        assert_eq!(project.staged(&query("")), counts(key), "{key}");
        assert_eq!(project.pushed(&query("mart.")), counts(key), "{key}");
    }
}

/// Reference amounts come with as many places as they need; the warehouse has four.
fn padded(amount: &str) -> String {
    let places = amount.split_once('.').map_or(0, |(_, places)| places.len());
    let point = if places == 0 { "." } else { "" };
    format!("{amount}{point}{}", "0".repeat(4 - places))
}
