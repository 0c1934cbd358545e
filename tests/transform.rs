//! Models: order, errors with file and line, scratch, checks, publishing.

use crate::harness::{Project, sale};

fn project() -> Project {
    let project = Project::new();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10"),
            sale("T2", "O2", "2024-02-01 10:00:00", "C2", "P2", "20"),
        ],
    );
    project
}

#[test]
fn errors_in_models_name_file_and_line() {
    let cases = [
        ("sql/marts/agg_x.sql", "-- key: a\nselect 1 as a\nfrm stg_sales x", "agg_x.sql:3: syntax error"),
        (
            "sql/marts/agg_x.sql",
            "-- key: a\nselect 1 as a\nfrom stg_sale",
            "agg_x.sql:3: stg_sale is neither a model nor a source (raw.*); did you mean stg_sales?",
        ),
        ("sql/marts/agg_x.sql", "-- key: a\nselect\n    nonsense as a\nfrom stg_sales", "agg_x.sql:3: "),
        (
            "sql/marts/agg_x.sql",
            "-- key: a\nselect 1 as a from raw.sales",
            "agg_x.sql:2: only models in sql/staging read raw.*",
        ),
        (
            "sql/staging/stg_x.sql",
            "select * from raw.sale",
            "stg_x.sql:1: there is no contract for raw.sale; did you mean raw.sales?",
        ),
        ("sql/staging/stg_x.sql", "select 1; select 2", "a file holds one select, this one holds 2 statements"),
        ("sql/staging/stg_x.sql", "drop table stg_sales", "Only SELECT statements"),
        ("sql/marts/agg_x.sql", "select 1 as a", "a mart needs a key"),
        (
            "sql/marts/agg_x.sql",
            "-- materialized: view\n-- key: a\nselect 1 as a",
            "a mart is pushed from its rows, so it cannot be a view",
        ),
        ("sql/staging/stg_x.sql", "-- materialised: view\nselect 1 as a", "agg"),
        (
            "sql/staging/stg_x.sql",
            "-- materialized: cube\nselect 1 as a",
            "stg_x.sql:1: materialized is view, table or incremental, not cube",
        ),
        ("sql/staging/rejects.sql", "select 1 as a", "the name rejects is used by salesmart itself"),
        ("sql/staging/stg__next.sql", "select 1 as a", "the name stg__next is used by salesmart itself"),
        (
            "sql/staging/stg_x.sql",
            "select *\nfrom read_csv('x.csv')",
            "stg_x.sql:2: read_csv() reads something that is neither",
        ),
        ("sql/staging/stg_x.sql", "select * from query_table('stg_sales')", "query_table() reads something"),
        ("sql/staging/stg_X.sql", "select 1 as a", "the file's name becomes a table name"),
        ("sql/staging/dim_date.sql", "select 1 as a", "have the same name"),
        ("sql/checks/x.sql", "-- severity: bad\nselect 1", "x.sql:1: severity is error or warn, not bad"),
        ("sql/checks/x.sql", "-- fine\nselect *\nfrom nowhere", "x.sql:3: "),
    ];
    for (file, sql, expected) in cases {
        let project = project();
        project.write(file, sql);
        let error = project.fails(&["run"]);
        let expected = if expected == "agg" { "did you mean `materialized:`?" } else { expected };
        assert!(error.contains(expected), "{file}: {sql}\n{error}");
    }
}

#[test]
fn cycles_name_every_step() {
    let project = project();
    project.write("sql/staging/stg_a.sql", "select 1 as a\nfrom stg_b");
    project.write("sql/staging/stg_b.sql", "select 1 as a from stg_c");
    project.write("sql/staging/stg_c.sql", "select 1 as a\n\nfrom stg_a");
    let error = project.fails(&["build"]);
    assert!(error.contains("read each other in a circle"), "{error}");
    for step in ["stg_a.sql:2 reads stg_b", "stg_b.sql:1 reads stg_c", "stg_c.sql:3 reads stg_a"] {
        assert!(error.contains(step), "{error}");
    }
}

#[test]
fn only_what_changed_is_rebuilt() {
    let project = project();
    project.ok(&["run"]);
    assert!(project.ok(&["build"]).stdout.contains("13 models up to date"));
    // What a select says counts, not how it is written.
    project.edit("sql/marts/agg_monthly_product.sql", "-- One row", "-- Exactly one row");
    project.edit("sql/marts/agg_monthly_product.sql", "select * from final", "SELECT *\nFROM final");
    assert!(project.ok(&["build"]).stdout.contains("13 models up to date"));
    project.edit("sql/marts/agg_monthly_product.sql", "count(*) as sale_lines", "count(*) + 0 as sale_lines");
    let report = project.ok(&["build"]).stdout;
    assert!(report.contains("agg_monthly_product") && !report.contains("fact_sales"), "{report}");
    assert!(report.contains("the same rows as before"), "{report}");
    project.edit("sql/marts/dim_product.sql", "'Unknown' as product_name", "'Not known' as product_name");
    let report = project.ok(&["build"]).stdout;
    assert!(
        report.contains("dim_product") && report.contains("agg_daily_sales") && !report.contains("dim_region"),
        "{report}"
    );
    assert!(project.ok(&["build", "--full-refresh"]).stdout.contains("dim_region"));
}

#[test]
fn a_failed_check_shows_the_rows_and_keeps_the_last_good_marts() {
    let project = project();
    project.ok(&["run"]);
    project.write(
        "sql/checks/no_toys.sql",
        "-- Toys are not sold here.\nselect product_id, category\nfrom dim_product\nwhere category = 'Games'",
    );
    project.edit("sql/marts/dim_product.sql", "coalesce(category, 'Unknown')", "'Games'");
    let error = project.fails(&["run"]);
    assert!(
        error.contains("checks failed: no_toys") && error.contains("2 offending rows") && error.contains("Games"),
        "{error}"
    );
    assert_eq!(project.staged("select distinct category from dim_product order by 1"), ["Toys", "Unknown"]);
    assert_eq!(project.staged("select distinct category from scratch.dim_product order by 1"), ["Games", "Unknown"]);
    assert_eq!(project.pushed("select distinct category from mart.dim_product order by 1"), ["Toys", "Unknown"]);
    assert_eq!(
        project.staged("select check_name, offending from meta.check_results where offending > 0"),
        ["no_toys,2"]
    );
    project.edit("sql/checks/no_toys.sql", "-- Toys are", "-- severity: warn\n-- Toys are");
    assert!(project.ok(&["run"]).stderr.contains("check no_toys"));
    assert_eq!(project.pushed("select distinct category from mart.dim_product order by 1"), ["Games", "Unknown"]);
    assert_eq!(
        project.staged("select table_name from duckdb_tables() where ends_with(table_name, '__next')"),
        Vec::<String>::new()
    );
}

#[test]
fn keys_that_repeat_or_are_null_stop_the_build() {
    let project = project();
    project.write("sql/staging/stg_twice.sql", "-- key: a\nselect unnest([1, 1, null]) as a");
    let error = project.fails(&["build"]);
    assert!(error.contains("checks failed: stg_twice_key") && error.contains("2 offending rows"), "{error}");
    project.write("sql/staging/stg_twice.sql", "-- key: b\nselect 1 as a");
    let error = project.fails(&["build"]);
    assert!(error.contains("the declared key (b) cannot be checked"), "{error}");
}

#[test]
fn views_tables_and_removed_models_change_places() {
    let project = project();
    project.write("sql/staging/stg_v.sql", "-- materialized: view\nselect transaction_id from stg_sales");
    project.write("sql/staging/stg_w.sql", "select count(*) as n from stg_v");
    project.ok(&["build"]);
    project.ok(&["run"]);
    assert_eq!(project.staged("select n from stg_w"), ["2"]);
    let kind = "select 'view' from duckdb_views() where view_name = 'stg_v' union all select 'table' from duckdb_tables() where table_name = 'stg_v'";
    assert_eq!(project.staged(kind), ["view"]);
    project.edit("sql/staging/stg_v.sql", "materialized: view", "materialized: table");
    project.ok(&["build"]);
    assert_eq!(project.staged(kind), ["table"]);
    project.edit("sql/staging/stg_v.sql", "materialized: table", "materialized: view");
    project.ok(&["build"]);
    assert_eq!(project.staged(kind), ["view"]);
    std::fs::remove_file(project.path("sql/staging/stg_w.sql")).unwrap();
    std::fs::remove_file(project.path("sql/staging/stg_v.sql")).unwrap();
    project.ok(&["build"]);
    assert_eq!(project.staged(kind), Vec::<String>::new());
}

#[test]
fn a_killed_build_leaves_the_last_marts_and_the_next_one_succeeds() {
    let project = project();
    project.ok(&["run"]);
    project.sales("sales_2.csv", &[sale("T3", "O3", "2024-03-01 10:00:00", "C3", "P3", "30")]);
    project.ok(&["ingest"]);
    project.killed_at("build.before_publish", &["build"]);
    assert_eq!(project.staged("select count(*) from fact_sales"), ["2"]);
    project.ok(&["build"]);
    assert_eq!(project.staged("select count(*) from fact_sales"), ["3"]);
    assert_eq!(project.staged("select count(*) from duckdb_schemas() where schema_name = 'scratch'"), ["0"]);
}

#[test]
fn the_as_of_day_is_a_parameter_and_not_the_clock() {
    let project = project();
    let model = "-- key: customer_code
select customer_code, coalesce(cast(getvariable('as_of') as date), date '2024-02-02') - last_order_date as days
from dim_customer where customer_id <> 0";
    project.write("sql/intermediate/int_recency.sql", model);
    project.ok(&["run"]);
    let recency = "select days from int_recency order by customer_code";
    assert_eq!(project.staged(recency), ["32", "1"]);
    project.ok(&["build", "--as-of", "2024-03-01"]);
    assert_eq!(project.staged(recency), ["60", "29"]);
}

#[test]
fn a_new_check_runs_although_no_model_changed() {
    let project = project();
    project.ok(&["run"]);
    project.write(
        "sql/checks/never.sql",
        "-- Nothing may be sold.\nselect sale_id, now() as at from fact_sales; -- really",
    );
    for _ in 0..2 {
        let error = project.fails(&["run"]);
        assert!(error.contains("checks failed: never") && error.contains("2 offending rows"), "{error}");
    }
    std::fs::remove_file(project.path("sql/checks/never.sql")).unwrap();
    project.ok(&["run"]);
}
