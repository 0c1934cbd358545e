//! Verify finds what others did to the warehouse, and repairs just that.

use crate::harness::content::not_rewritten;
use crate::harness::{Project, sale};

fn project() -> Project {
    let project = Project::new();
    let records: Vec<String> = (10..40)
        .map(|number| {
            let month = 1 + number % 3;
            sale(
                &format!("T{number}"),
                &format!("O{number}"),
                &format!("2024-{month:02}-01 10:00:00"),
                "C1",
                "P1",
                "10",
            )
        })
        .collect();
    project.sales("sales_1.csv", &records);
    project.ok(&["run"]);
    project
}

#[test]
fn what_nobody_touched_is_verified() {
    let project = project();
    let report = project.ok(&["verify"]).stdout;
    assert!(report.contains("of 8 tables agree with what was pushed"), "{report}");
    assert!(project.ok(&["verify", "--repair"]).stdout.contains("agree"));
    assert_eq!(project.ledger_without_gap(), 1);
}

#[test]
fn rows_that_others_changed_deleted_and_added_are_named_and_repaired() {
    let project = project();
    let before = project.warehouse_equals_marts("before");
    project
        .warehouse()
        .batch_execute(
            "update mart.fact_sales set revenue = revenue + 1 where transaction_id = 'T12';
             delete from mart.fact_sales where transaction_id = 'T13';
             insert into mart.fact_sales (date_id, sale_id, product_id, customer_id, region_id, transaction_id, order_id, order_key, quantity, unit_price,
             discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash)
             select date_id, 4711, product_id, customer_id, region_id, 'X', order_id, order_key, quantity, unit_price,
             discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash from mart.fact_sales where transaction_id = 'T14';
             update mart.dim_customer set segment = 'Friends' where customer_code = 'C1'",
        )
        .unwrap();
    // A sync trusts the ledger and does not look.
    assert!(project.ok(&["sync"]).stdout.contains("no row written"));
    let outcome = project.run(&["verify"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("4 rows of dim_customer, fact_sales differ from what was pushed"),
        "{}",
        outcome.stderr
    );
    let said = &outcome.stdout;
    for (place, what) in [("2024-01", "1 changed"), ("2024-02", "1 deleted"), ("2024-03", "1 added")] {
        let line = said.lines().find(|line| line.starts_with(&format!("fact_sales {place}")));
        assert!(line.is_some_and(|line| line.ends_with(what)), "{place} {what}:\n{said}");
    }
    assert!(said.contains("    added    sale_id=4711"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&project.run(&["verify", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["expected"], "pushed");

    let report = project.ok(&["verify", "--repair"]).stdout;
    assert!(report.contains("fact_sales                 1 inserted, 1 updated, 1 deleted"), "{report}");
    assert!(report.contains("dim_customer               1 updated"), "{report}");
    let after = project.warehouse_equals_marts("after the repair");
    let touched = ["T12", "T13", "X"];
    let rest = |tables: &std::collections::BTreeMap<String, crate::harness::content::Rows>| {
        let mut tables = tables.clone();
        tables.remove("dim_customer");
        let facts = tables.get_mut("fact_sales").unwrap();
        facts.retain(|row, _| !touched.iter().any(|id| row.contains(&format!("|{id}|"))));
        tables
    };
    not_rewritten(&rest(&before), &rest(&after), "after the repair");
    assert_eq!(rest(&before), rest(&after));
    project.ok(&["verify"]);
    assert_eq!(project.ledger_without_gap(), 2);
}

#[test]
fn changes_that_are_not_pushed_yet_are_no_differences_and_hold_a_repair_back() {
    let project = project();
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let report = project.ok(&["verify"]).stdout;
    assert!(report.contains("agree with what was pushed") && report.contains("not pushed yet"), "{report}");
    project.warehouse().batch_execute("delete from mart.fact_sales where transaction_id = 'T13'").unwrap();
    let error = project.fails(&["verify", "--repair"]);
    assert!(error.contains("a repair would push more than what differs"), "{error}");
    project.ok(&["sync", "--full-refresh"]);
    project.warehouse_equals_marts("after both");
    project.ok(&["verify"]);
}

#[test]
fn a_new_staging_file_verifies_against_its_marts() {
    let project = project();
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let said = project.ok(&["verify"]).stdout;
    assert!(said.contains("agree with the marts") && !said.contains("not pushed yet"), "{said}");
    project.warehouse().batch_execute("delete from mart.fact_sales where transaction_id = 'T13'").unwrap();
    assert!(
        project
            .fails(&["verify"])
            .contains("1 row of fact_sales differs from the marts (what was pushed last is not known")
    );
    project.ok(&["verify", "--repair"]);
    project.warehouse_equals_marts("after the repair");
}

#[test]
fn values_that_no_mart_can_have_are_found_and_put_right() {
    let project = project();
    let mut warehouse = project.warehouse();
    warehouse.batch_execute("update mart.fact_sales set created_at = 'infinity' where transaction_id = 'T11'").unwrap();
    warehouse.batch_execute("update mart.fact_sales set revenue = 'NaN' where transaction_id = 'T12'").unwrap();
    assert!(project.fails(&["verify"]).contains("2 rows of fact_sales differ from what was pushed"));
    project.ok(&["plan", "--full-refresh"]);
    project.ok(&["verify", "--repair"]);
    project.warehouse_equals_marts("after the repair");
}

#[test]
fn a_repair_that_does_not_hold_is_no_success() {
    let project = project();
    project
        .warehouse()
        .batch_execute(
            "create function public.loud() returns trigger language plpgsql as
                 'begin new.product_name := upper(new.product_name); new.category := lower(new.category); return new; end';
             create trigger loud before insert or update on mart.dim_product for each row execute function public.loud();
             update mart.dim_product set category = category",
        )
        .unwrap();
    let error = project.fails(&["verify", "--repair"]);
    assert!(error.contains("nothing was changed") && error.contains("the trigger loud on mart.dim_product"), "{error}");
}

#[test]
fn where_nothing_was_pushed_there_is_nothing_to_verify() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    for verb in ["migrate", "ingest", "build"] {
        project.ok(&[verb]);
    }
    for words in [["verify", "--limit=3"], ["verify", "--repair"]] {
        let error = project.fails(&words);
        assert!(error.contains("the warehouse holds no rows at all: nothing was pushed yet"), "{error}");
    }
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["0"]);
    project.ok(&["sync"]);
    project.ok(&["verify"]);
    // Of what was pushed everything is named.
    project.warehouse().batch_execute("truncate mart.agg_daily_sales, mart.fact_sales").unwrap();
    let error = project.fails(&["verify"]);
    assert!(error.contains("2 rows of agg_daily_sales, fact_sales differ from what was pushed"), "{error}");
}

#[test]
fn a_row_in_the_way_of_a_new_one_is_named_by_postgres_and_found_by_verify() {
    let project = project();
    project
        .warehouse()
        .batch_execute(
            "alter table mart.fact_sales disable trigger all;
             insert into mart.dim_product values (4711, 'P9', 'P9', 'Toys', 1)",
        )
        .unwrap();
    project.fails(&["verify"]);
    project.ok(&["verify", "--repair"]);
    project.warehouse_equals_marts("after the repair");
}

/// Both sides write every value as the same text, or what was pushed would never verify.
#[test]
fn values_at_the_edges_of_every_type_are_verified() {
    let project = project();
    let rows = [
        "1, 0.5, -0.0001, 0, '2024-02-29', '2024-02-29 12:34:56.789', 'ä|~', true",
        "2, -0.5, 0.9999, -99999999999999.9999, '0044-03-15 (BC)', '0001-01-01', '', false",
        "3, 0, null, 123456789.5, '12345-12-31', '1969-12-31 23:59:59.999999', '~', null",
        "-9223372036854775807, null, 0.1, null, null, null, null, null",
    ];
    project.write(
        "sql/marts/agg_edges.sql",
        format!(
            "-- key: id\nselect id::bigint as id, share::decimal(1,1) as share, rest::decimal(4,4) as rest, money::decimal(18,4) as money,
             day::date as day, moment::timestamp as moment, label::varchar as label, flag::boolean as flag
             from (values ({})) as v (id, share, rest, money, day, moment, label, flag)",
            rows.join("), (")
        ),
    );
    project.ok(&["build"]);
    project.ok(&["migrate", "--draft", "edges"]);
    project.ok(&["sync", "--migrate"]);
    let report = project.ok(&["verify"]).stdout;
    assert!(report.contains("of 9 tables agree"), "{report}");
    // Nor would a new staging file find out that everything is there.
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let plan = project.ok(&["plan"]).stdout;
    assert!(plan.contains("nothing to push"), "{plan}");
}
