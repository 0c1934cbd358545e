//! The star schema: scores, calendar, scale of money, orders, categories, optional columns, discount.

use crate::harness::{Dashboard, Project, SALES_HEADER, sale};

/// A record of the shipped contract, discount included.
const DISCOUNT_HEADER: &str = "Discount Amount";

fn with_discounts(project: &Project, name: &str, records: &[&str]) {
    let content = format!("{SALES_HEADER},{DISCOUNT_HEADER}\n{}\n", records.join("\n"));
    project.write(&format!("data/raw/{name}"), content);
}

fn scores(project: &Project) -> Vec<String> {
    let query = "select customer_code, recency_score, frequency_score, monetary_score from {}dim_customer where customer_id <> 0 order by 1";
    let staged = project.staged(&query.replace("{}", ""));
    assert_eq!(project.pushed(&query.replace("{}", "mart.")), staged);
    staged
}

#[test]
fn field_a1_the_buyers_of_the_last_day_have_the_best_recency_score() {
    let project = Project::new();
    let mut records = vec![sale("T0", "O0", "2024-03-26 10:00:00", "C0", "P1", "10")];
    records.extend(
        (1..10).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-05-05 10:00:00", &format!("C{n}"), "P1", "10")),
    );
    project.sales("sales_1.csv", &records);
    project.ok(&["run"]);
    let mut expected = vec!["C0,1,1,1".to_owned()];
    expected.extend((1..10).map(|n| format!("C{n},5,1,1")));
    assert_eq!(scores(&project), expected);
    assert_eq!(
        project.pushed(
            "select segment, count(*) as n from mart.dim_customer where customer_id <> 0 group by 1 order by 1"
        ),
        ["Lost,1", "New,9"]
    );
}

#[test]
fn field_a1_a_single_customer_scores_five_one_one() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-05-05 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    assert_eq!(scores(&project), ["C1,5,1,1"]);
}

#[test]
fn field_a1_ties_in_the_middle_take_the_best_recency_and_the_lowest_frequency_and_value() {
    let project = Project::new();
    // Most recent: C1; then C2, C3 and C4 on one day; then C5 and C6.
    let days = [("C1", "06"), ("C2", "05"), ("C3", "05"), ("C4", "05"), ("C5", "02"), ("C6", "02")];
    let records: Vec<String> = days
        .iter()
        .map(|(customer, day)| {
            sale(
                &format!("T{customer}"),
                &format!("O{customer}"),
                &format!("2024-05-{day} 10:00:00"),
                customer,
                "P1",
                "10",
            )
        })
        .collect();
    project.sales("sales_1.csv", &records);
    project.ok(&["run"]);
    // 5 - least(4, 5 * more_recent // 5): 0, 1 and 4 customers are more recent.
    assert_eq!(scores(&project), ["C1,5,1,1", "C2,4,1,1", "C3,4,1,1", "C4,4,1,1", "C5,1,1,1", "C6,1,1,1"]);
}

#[test]
fn field_a1_in_every_sample_the_buyers_of_the_last_day_score_five() {
    for seed in ["1", "2", "3"] {
        let project = Project::new();
        project.ok(&["sample", "--rows", "2000", "--days", "200", "--seed", seed, "--out", "data/raw"]);
        project.ok(&["run"]);
        assert_eq!(
            project.pushed(
                "select distinct recency_score from mart.dim_customer
                 where last_order_date = (select max(last_order_date) from mart.dim_customer)"
            ),
            ["5"],
            "seed {seed}"
        );
    }
}

#[test]
fn field_a5_a_sale_a_thousand_years_ahead_is_named_and_does_not_fill_the_calendar() {
    let project = Project::new();
    let mut records: Vec<String> = (1..29)
        .map(|day| {
            sale(&format!("T{day}"), &format!("O{day}"), &format!("2024-05-{day:02} 10:00:00"), "C1", "P1", "10")
        })
        .collect();
    records.push(sale("STRAY", "O99", "3024-01-05 10:00:00", "C2", "P1", "10"));
    project.sales("sales_1.csv", &records);
    let outcome = project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n from mart.dim_date"), ["732"]);
    let told = outcome.stdout + &outcome.stderr;
    assert!(told.contains("sale_days_are_near_each_other") && told.contains("STRAY"), "{told}");
    // 28 lines of May stay unmentioned.
    assert!(!told.contains("T28"), "{told}");

    // Pages open on May 2024, and the stray line is in the sum of all days.
    for args in [&[] as &[&str], &["--from", "staging"]] {
        let dashboard = Dashboard::with(&project, args);
        let figures = |path: &str| dashboard.get(path).json()["data"].clone();
        let year = figures("/api/v1/kpis");
        assert_eq!((year["range"]["to"].as_str(), year["figures"]["lines"].as_u64()), (Some("2024-05-28"), Some(28)));
        let month = figures("/api/v1/kpis?dates=this_month");
        assert_eq!(month["range"]["from"].as_str(), Some("2024-05-01"));
        assert_eq!(figures("/api/v1/kpis?dates=all")["figures"]["lines"].as_u64(), Some(29));
        dashboard.end();
    }
}

#[test]
fn field_a5_one_wild_date_does_not_take_the_memory_of_the_dashboard() {
    let project = Project::new();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-05 10:00:00", "C1", "P1", "10"),
            sale("T2", "O2", "2024-02-05 10:00:00", "C1", "P1", "10"),
            sale("T3", "O3", "9999-12-31 10:00:00", "C2", "P1", "10"),
            sale("T4", "O4", "1850-01-01 10:00:00", "C3", "P1", "10"),
        ],
    );
    project.ok(&["run"]);
    let dashboard = Dashboard::of(&project);
    assert_eq!(dashboard.get("/api/v1/cohorts?dates=all").status, 200);
    assert_eq!(dashboard.get("/customers?dates=all").status, 200);
    assert!(dashboard.memory() < 500_000_000, "{}", dashboard.memory());
}

#[test]
fn field_a5_days_far_in_the_past_are_named_too_and_seasons_and_eras_are_not() {
    let project = Project::new();
    let mut records: Vec<String> = (1..29)
        .map(|day| {
            sale(&format!("T{day}"), &format!("O{day}"), &format!("2024-05-{day:02} 10:00:00"), "C1", "P1", "10")
        })
        .collect();
    records.push(sale("ZERO", "O99", "1970-01-01 00:00:00", "C2", "P1", "10"));
    project.sales("sales_1.csv", &records);
    project.ok(&["ingest"]);
    let told = project.ok(&["build"]);
    let told = told.stdout + &told.stderr;
    assert!(told.contains("ZERO"), "{told}");

    // A shop that opens in December only, and one that was closed for five years: nothing stands out.
    for days in [
        ["2021-12-01", "2022-12-01", "2023-12-01", "2024-12-01"],
        ["2015-12-01", "2015-12-02", "2021-12-01", "2021-12-02"],
    ] {
        let project = Project::new();
        let records: Vec<String> = days
            .iter()
            .enumerate()
            .map(|(n, day)| sale(&format!("T{n}"), &format!("O{n}"), &format!("{day} 10:00:00"), "C1", "P1", "10"))
            .collect();
        project.sales("sales_1.csv", &records);
        let told = project.ok(&["run"]);
        assert!(!(told.stdout + &told.stderr).contains("sale_days_are_near_each_other"));
        let gapless = days[0] == "2021-12-01";
        let years = if gapless { "1461" } else { "730" };
        assert_eq!(project.pushed("select count(*) as n from mart.dim_date"), [years]);
    }
}

/// A project whose contract keeps six places of the unit price.
fn six_places() -> Project {
    let project = Project::new();
    project.edit(
        "data/contracts/sales.toml",
        "header = \"Unit Price\", type = \"money\"",
        "header = \"Unit Price\", type = \"decimal(18,6)\"",
    );
    project.sales(
        "sales_1.csv",
        &["T1,O1,2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,1000,0.012345,12.345,1".to_owned()],
    );
    project
}

#[test]
fn field_a6_what_the_warehouse_would_round_is_refused_with_both_values() {
    let project = six_places();
    let error = project.fails(&["run"]);
    assert!(
        error.contains("fact_sales_conserves_sales") && error.contains("0.012345") && error.contains("0.0123"),
        "{error}"
    );
    assert!(error.contains("[money] scale"), "the next step: {error}");
    // Nothing was published.
    assert_eq!(
        project.staged("select count(*) from duckdb_tables() where schema_name = 'main' and table_name = 'fact_sales'"),
        ["0"]
    );
}

#[test]
fn field_a6_the_type_money_takes_what_the_warehouse_keeps_and_rejects_the_rest() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    let line =
        |n: u32, price: &str| format!("T{n},O{n},2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,1,{price},1,1");
    project.sales("sales_1.csv", &[line(1, "0.012345"), line(2, "0.0123"), line(3, "0.01230000")]);
    project.ok(&["run"]);
    assert_eq!(
        project.staged("select line, column_name, code, value from rejects"),
        ["2,unit_price,not_exact,0.012345"]
    );
    assert_eq!(
        project.pushed("select transaction_id, unit_price from mart.fact_sales order by 1"),
        ["T2,0.0123", "T3,0.0123"]
    );
}

#[test]
fn field_a6_contracts_marts_and_warehouse_follow_the_declared_scale() {
    let project = Project::new();
    project.edit("salesmart.toml", "scale = 4", "scale = 6");
    project.sales(
        "sales_1.csv",
        &[
            "T1,O1,2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,1000,0.012345,,0.000001".to_owned(),
            "T2,O2,2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,3,0.333333,0.999999,".to_owned(),
        ],
    );
    project.ok(&["run"]);
    let query = "select transaction_id, unit_price, revenue, cost, profit from {}fact_sales order by 1";
    let expected = ["T1,0.012345,12.345000,0.000001,12.344999", "T2,0.333333,0.999999,,"];
    assert_eq!(project.staged(&query.replace("{}", "")), expected);
    assert_eq!(project.pushed(&query.replace("{}", "mart.")), expected);
    for (table, column) in [
        ("agg_daily_sales", "revenue"),
        ("agg_monthly_product", "revenue"),
        ("dim_customer", "lifetime_value"),
        ("agg_customer_cohort", "revenue"),
    ] {
        assert_eq!(project.pushed(&format!("select sum({column}) as s from mart.{table}")), ["13.344999"], "{table}");
    }
    project.warehouse_equals_marts("with six places");
    project.ok(&["verify"]);
    for args in [&[] as &[&str], &["--from", "staging"]] {
        let dashboard = Dashboard::with(&project, args);
        let figures = dashboard.get("/api/v1/kpis?dates=all").text();
        assert!(figures.contains("\"revenue\":13.344999,") && figures.contains("\"profit\":12.344999,"), "{figures}");
        let lines = dashboard.get("/api/v1/sales?dates=all&format=csv").text();
        assert!(lines.contains(",1000.000000,0.012345,0.000000,12.345000,0.000001,12.344999,"), "{lines}");
        dashboard.end();
    }
}

#[test]
fn field_a6_a_changed_scale_rebuilds_the_marts_and_the_draft_changes_the_warehouse() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10.25")]);
    project.ok(&["run"]);
    project.edit("salesmart.toml", "scale = 4", "scale = 5");
    let error = project.fails(&["run"]);
    assert!(error.contains("type numeric(18,5)") && error.contains("migrate --draft"), "{error}");
    project.ok(&["migrate", "--draft", "money"]);
    project.ok(&["migrate"]);
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P1", "0.12345")]);
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select transaction_id, revenue from mart.fact_sales order by 1"),
        ["T1,10.25000", "T2,0.12345"]
    );
    project.warehouse_equals_marts("after the change");

    // Fewer places: the draft does not round what is there, and is tried before it is written.
    project.edit("salesmart.toml", "scale = 5", "scale = 2");
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let error = project.fails(&["migrate", "--draft", "fewer"]);
    assert!(error.contains("more than 2 decimal places, which would be rounded"), "{error}");
    assert_eq!(
        project.pushed("select transaction_id, revenue from mart.fact_sales order by 1"),
        ["T1,10.25000", "T2,0.12345"]
    );

    project.edit("salesmart.toml", "scale = 2", "scale = 12");
    let error = project.fails(&["build"]);
    assert!(error.contains("money.scale") && error.contains("from 0 to 8"), "{error}");
    project.edit("salesmart.toml", "scale = 12", "scale = \"2\"");
    let error = project.fails(&["build"]);
    assert!(error.contains("money.scale") && error.contains("a whole number from 0 to 8 without quotes"), "{error}");
}

/// Order number 1 in two stores, bought by two customers; order number 2 in one of them.
fn two_stores(project: &Project) {
    let line = |n: u32, order: u32, customer: &str, product: &str, store: &str| {
        format!("T{n},{order},2024-01-01 10:00:00,{customer},,{product},,Toys,South,Ulm,{store},1,10,10,1")
    };
    project.sales(
        "sales_1.csv",
        &[
            line(1, 1, "C1", "P1", "Ulm 1"),
            line(2, 1, "C1", "P2", "Ulm 1"),
            line(3, 1, "C2", "P1", "Ulm 2"),
            line(4, 2, "C1", "P1", "Ulm 2"),
        ],
    );
}

#[test]
fn field_a11_an_order_is_a_number_at_one_place_everywhere() {
    let project = Project::new();
    two_stores(&project);
    project.ok(&["run"]);
    for (orders, query) in [
        ("3", "select count(distinct order_key) as n from mart.fact_sales"),
        ("3", "select sum(orders) as n from mart.agg_daily_sales"),
        ("3", "select sum(frequency) as n from mart.dim_customer"),
        (
            "3",
            "select orders as n from mart.agg_monthly_product join mart.dim_product using (product_id) where product_code = 'P1'",
        ),
    ] {
        assert_eq!(project.pushed(query), [orders], "{query}");
    }
    for args in [&[] as &[&str], &["--from", "staging"]] {
        let dashboard = Dashboard::with(&project, args);
        let orders = |path: &str| dashboard.get(path).json()["data"]["figures"]["orders"].as_u64();
        assert_eq!(orders("/api/v1/kpis?dates=all"), Some(3));
        assert_eq!(orders("/api/v1/kpis?dates=all&store=Ulm+1"), Some(1));
        assert_eq!(orders("/api/v1/kpis?dates=all&store=Ulm+2"), Some(2));
        dashboard.end();
    }
}

#[test]
fn field_a11_one_customer_may_have_the_same_number_at_two_places() {
    let project = Project::new();
    let line =
        |n: u32, day: &str, store: &str| format!("T{n},1,{day} 10:00:00,C1,,P1,,Toys,South,Ulm,{store},1,10,10,1");
    // The order at the second place has lines in two months, and is still one.
    project.sales(
        "sales_1.csv",
        &[line(1, "2024-01-31", "Ulm 1"), line(2, "2024-01-31", "Ulm 2"), line(3, "2024-02-01", "Ulm 2")],
    );
    project.ok(&["run"]);
    assert_eq!(project.pushed("select frequency from mart.dim_customer where customer_id <> 0"), ["2"]);
    assert_eq!(project.pushed("select count(distinct order_key) as n from mart.fact_sales"), ["2"]);
}

#[test]
fn field_a11_a_number_that_several_customers_share_at_one_place_is_named() {
    let project = Project::new();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "1", "2024-01-01 10:00:00", "C1", "P1", "10"),
            sale("T2", "1", "2024-01-02 10:00:00", "C2", "P1", "10"),
        ],
    );
    let told = project.ok(&["run"]);
    assert!((told.stdout + &told.stderr).contains("orders_have_one_customer"));
}

/// A project whose contract lets lines without a product code in.
fn without_codes() -> Project {
    let project = Project::new();
    project.edit(
        "data/contracts/sales.toml",
        "header = \"Product ID\", type = \"varchar\", required = true",
        "header = \"Product ID\", type = \"varchar\"",
    );
    project
}

#[test]
fn field_a13_a_line_without_product_code_keeps_its_category_and_name() {
    let project = without_codes();
    let line = |n: u32, code: &str, name: &str, category: &str| {
        format!("T{n},O{n},2024-01-01 10:00:00,C1,,{code},{name},{category},South,Ulm,Ulm 1,1,10,10,1")
    };
    project.sales(
        "sales_1.csv",
        &[
            line(1, "P1", "Ball", "Toys"),
            line(2, "", "", "Toys"),
            line(3, "", "Lamp", "Home"),
            line(4, "", "", ""),
            line(5, "", "Mug", ""),
            line(6, "", "", "Toys"),
            // Slashes do not make two of them one.
            line(7, "", "B", "A"),
            line(8, "", "", "A / B"),
        ],
    );
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select category, sum(revenue) as r from mart.agg_daily_sales group by 1 order by 1"),
        ["A,10.0000", "A / B,10.0000", "Home,10.0000", "Toys,30.0000", "Unknown,20.0000"]
    );
    assert_eq!(
        project.pushed(
            "select product_code, product_name, category, sum(revenue) as r from mart.fact_sales join mart.dim_product using (product_id)
             group by 1, 2, 3 order by sum(revenue) desc, product_code nulls first"
        ),
        [
            "(no code) Toys,(no code) Toys,Toys,20.0000",
            ",Unknown,Unknown,10.0000",
            "(no code) / Mug,Mug,Unknown,10.0000",
            "(no code) A / B,B,A,10.0000",
            "(no code) A // B,(no code) A // B,A / B,10.0000",
            "(no code) Home / Lamp,Lamp,Home,10.0000",
            "P1,Ball,Toys,10.0000",
        ]
    );
    // A product that changes its line's category is not the one without a code.
    project.sales("sales_2.csv", &[line(2, "", "", "Home")]);
    project.ok(&["run"]);
    project.warehouse_equals_marts("after the correction");
    project.ok(&["test", "--incremental"]);
}

/// A sale line as the API has it.
fn line_of(dashboard: &Dashboard, transaction: &str) -> serde_json::Value {
    let lines = dashboard.get("/api/v1/sales?dates=all").json();
    let lines = lines["data"]["rows"].as_array().unwrap();
    lines.iter().find(|line| line["transaction_id"] == transaction).unwrap().clone()
}

/// The header without some columns, and records of it.
fn write_without(project: &Project, left_out: &[&str], records: &[&[(&str, &str)]]) {
    let columns: Vec<&str> = SALES_HEADER.split(',').filter(|column| !left_out.contains(column)).collect();
    let lines: Vec<String> = records
        .iter()
        .map(|record| {
            let field = |column: &&str| record.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value);
            columns.iter().map(field).collect::<Vec<&str>>().join(",")
        })
        .collect();
    project.write("data/raw/sales_1.csv", format!("{}\n{}\n", columns.join(","), lines.join("\n")));
}

const LINE: [(&str, &str); 4] =
    [("Transaction ID", "T1"), ("Order ID", "O1"), ("Sold At", "2024-01-01 10:00:00"), ("Product ID", "P1")];

#[test]
fn field_a14_a_source_without_unit_price_loads() {
    let project = Project::new();
    project.edit(
        "data/contracts/sales.toml",
        "header = \"Unit Price\", type = \"money\", required = true",
        "header = \"Unit Price\", type = \"money\", optional = true",
    );
    let record = [LINE.as_slice(), &[("Quantity", "2"), ("Revenue", "20"), ("Cost", "5")]].concat();
    write_without(&project, &["Unit Price"], &[&record]);
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select quantity, unit_price, revenue, profit, margin from mart.fact_sales"),
        ["2.0000,,20.0000,15.0000,0.750000"]
    );
    project.warehouse_equals_marts("without unit price");
}

#[test]
fn field_a14_a_source_without_quantity_loads_and_returns_are_known_by_revenue() {
    let project = Project::new();
    project.edit(
        "data/contracts/sales.toml",
        "header = \"Unit Price\", type = \"money\", required = true",
        "header = \"Unit Price\", type = \"money\", optional = true",
    );
    project.edit(
        "data/contracts/sales.toml",
        "header = \"Quantity\", type = \"decimal(18,4)\", required = true",
        "header = \"Quantity\", type = \"decimal(18,4)\", optional = true",
    );
    let sold = [LINE.as_slice(), &[("Revenue", "20"), ("Cost", "5")]].concat();
    let mut returned = [LINE.as_slice(), &[("Revenue", "-8"), ("Cost", "2")]].concat();
    returned[0].1 = "T2";
    write_without(&project, &["Unit Price", "Quantity"], &[&sold, &returned]);
    project.ok(&["run"]);
    assert_eq!(
        project.pushed(
            "select transaction_id, quantity, unit_price, revenue, profit, is_return from mart.fact_sales order by 1"
        ),
        ["T1,,,20.0000,15.0000,false", "T2,,,-8.0000,-6.0000,true"]
    );
    assert_eq!(project.pushed("select quantity, revenue from mart.agg_daily_sales"), [",12.0000"]);
    project.warehouse_equals_marts("without quantity");
    for args in [&[] as &[&str], &["--from", "staging"]] {
        let dashboard = Dashboard::with(&project, args);
        let line = line_of(&dashboard, "T1");
        assert!(line["quantity"].is_null() && line["unit_price"].is_null(), "{line}");
        assert_eq!(line["revenue"].as_f64(), Some(20.0));
        assert_eq!(dashboard.get("/overview?dates=all").status, 200);
        dashboard.end();
    }
    // Without revenue, nothing can be derived: the line is named.
    let nothing = [LINE.as_slice(), &[("Cost", "5")]].concat();
    write_without(&project, &["Unit Price", "Quantity"], &[&nothing]);
    let error = project.fails(&["run"]);
    assert!(error.contains("stg_sales_is_complete") && error.contains("T1"), "{error}");
}

#[test]
fn field_a15_discounts_go_from_the_file_to_the_aggregates() {
    let project = Project::new();
    let line = |n: u32, quantity: &str, revenue: &str, discount: &str| {
        format!("T{n},O{n},2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,{quantity},10,{revenue},1,{discount}")
    };
    let lines = [
        line(1, "2", "17.50", "2.50"),
        // Revenue left out: quantity times price less the discount.
        line(2, "3", "", "1.25"),
        // Absent is none.
        line(3, "1", "10", ""),
        // Goods come back, and the discount with them, however the file signs it.
        line(4, "-2", "-18", "2"),
        line(5, "-2", "", "-2"),
        line(6, "2", "-18", "2"),
    ];
    with_discounts(&project, "sales_1.csv", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    // A file of before the column was there.
    project.sales("sales_2.csv", &[sale("T7", "O7", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let query = "select transaction_id, discount_amount, revenue from {}fact_sales order by 1";
    let expected = [
        "T1,2.5000,17.5000",
        "T2,1.2500,28.7500",
        "T3,0.0000,10.0000",
        "T4,-2.0000,-18.0000",
        "T5,-2.0000,-18.0000",
        "T6,-2.0000,-18.0000",
        "T7,0.0000,10.0000",
    ];
    assert_eq!(project.staged(&query.replace("{}", "")), expected);
    assert_eq!(project.pushed(&query.replace("{}", "mart.")), expected);
    for table in ["agg_daily_sales", "agg_monthly_product"] {
        assert_eq!(
            project.pushed(&format!("select discount_amount, revenue from mart.{table}")),
            ["-2.2500,12.2500"],
            "{table}"
        );
    }
    let comments = project.pushed(
        "select count(*) as n from pg_description join pg_attribute on attrelid = objoid and attnum = objsubid
         join pg_class on pg_class.oid = objoid
         where attname = 'discount_amount' and relname in ('fact_sales', 'agg_daily_sales', 'agg_monthly_product')",
    );
    assert_eq!(comments, ["3"]);
    for args in [&[] as &[&str], &["--from", "staging"]] {
        let dashboard = Dashboard::with(&project, args);
        let figures = dashboard.get("/api/v1/kpis?dates=all").json()["data"]["figures"].clone();
        assert_eq!((figures["discount"].as_f64(), figures["revenue"].as_f64()), (Some(-2.25), Some(12.25)));
        assert!(dashboard.get("/overview?dates=all").text().contains("Discounts"));
        let line = line_of(&dashboard, "T1");
        assert_eq!(line["discount_amount"].as_f64(), Some(2.5), "{line}");
        dashboard.end();
    }
}

#[test]
fn field_a15_a_discount_above_the_price_is_no_return() {
    let project = Project::new();
    let line = |n: u32, quantity: &str| {
        format!("T{n},O{n},2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,{quantity},10,,,15")
    };
    let lines = [line(1, "1"), line(2, "-1")];
    with_discounts(&project, "sales_1.csv", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    project.ok(&["run"]);
    assert_eq!(
        project.pushed(
            "select transaction_id, quantity, discount_amount, revenue, is_return from mart.fact_sales order by 1"
        ),
        ["T1,1.0000,15.0000,-5.0000,false", "T2,-1.0000,-15.0000,5.0000,true"]
    );
}

#[test]
fn field_a15_a_source_without_discounts_shows_none() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let dashboard = Dashboard::of(&project);
    assert!(!dashboard.get("/overview?dates=all").text().contains("Discounts"));
}

#[test]
fn field_a15_a_warehouse_of_before_the_discount_is_migrated_and_filled() {
    let project = Project::new();
    with_discounts(
        &project,
        "sales_1.csv",
        &["T1,O1,2024-01-01 10:00:00,C1,,P1,,Toys,South,Ulm,Ulm 1,2,10,17.50,1,2.50"],
    );
    project.ok(&["run"]);
    let right = project.warehouse_content();
    // What the migrations up to the fifth made, with rows whose hashes know nothing of the new columns.
    project
        .warehouse()
        .batch_execute(
            "alter table mart.fact_sales drop column discount_amount, drop column order_key;
             alter table mart.agg_daily_sales drop column discount_amount;
             alter table mart.agg_monthly_product drop column discount_amount;
             update mart.fact_sales set row_hash = 1;
             update mart.agg_daily_sales set row_hash = 1;
             update mart.agg_monthly_product set row_hash = 1;
             alter table mart.dim_customer add column recency_days integer;
             update mart.dim_customer set row_hash = 1;
             drop table etl.source_file;
             alter table etl.run drop column rows_repeated, drop column rows_outranked, drop column rows_unrelated;
             delete from etl.schema_history where version >= 6;",
        )
        .unwrap();
    let told = project.ok(&["run"]).stdout;
    assert!(told.contains("migrated the warehouse: V6__discounts"), "{told}");
    assert_eq!(project.pushed("select discount_amount from mart.fact_sales"), ["2.5000"]);
    assert!(project.warehouse_content() == right);
    project.ok(&["verify"]);
}
