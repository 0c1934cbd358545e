//! Incremental builds: after any sequence of changes the tables are those of a full rebuild; what cannot be incremental is refused.

use std::path::Path;

use crate::harness::edits::{Dice, change};
use crate::harness::{Project, sale};

/// The models of the staging file with all their rows.
fn tables(file: &Path) -> Vec<(String, Vec<String>)> {
    let conn = duckdb::Connection::open_with_flags(
        file,
        duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap(),
    )
    .unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let models = names("select name from meta.models order by 1");
    models
        .into_iter()
        .map(|name| {
            let rows = names(&format!("select t::varchar from main.{name} as t order by 1"));
            (name, rows)
        })
        .collect()
}

/// Builds a copy of the project's staging file whole and compares.
#[track_caller]
pub fn assert_equals_full_rebuild(project: &Project, what: &str) {
    let copy = project.path("copy");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir_all(&copy).unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-r", "--parents", "data/contracts", "sql", "copy"])
        .current_dir(project.path(""))
        .status();
    assert!(copied.unwrap().success());
    std::fs::write(copy.join("salesmart.toml"), "").unwrap();
    std::fs::copy(project.path("data/staging.duckdb"), copy.join("data/staging.duckdb")).unwrap();
    project.ok(&["build", "--full-refresh", "--project", copy.to_str().unwrap()]);
    let (found, expected) = (tables(&project.path("data/staging.duckdb")), tables(&copy.join("data/staging.duckdb")));
    assert_eq!(found.len(), expected.len());
    for ((name, found), (_, expected)) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{name} after {what}");
    }
}

#[test]
fn any_sequence_of_changes_ends_in_the_tables_of_a_full_rebuild() {
    let cases: u64 = std::env::var("SALESMART_PROPERTY_CASES").map_or(3, |cases| cases.parse().unwrap());
    let mut incremental = 0;
    for seed in 0..cases {
        let mut dice = Dice::new(seed);
        let project = Project::embedded();
        project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
        let mut files = Vec::new();
        project.write("data/raw/sales_000.csv", dice.records(80));
        let mut history = vec!["a history".to_owned()];
        for _ in 0..8 {
            project.ok(&["ingest"]);
            let report = project.ok(&["build", "--why"]).stdout;
            incremental += report.matches("rows out").count();
            assert_equals_full_rebuild(&project, &format!("{} (seed {seed})\n{report}", history.join(", ")));
            for _ in 0..=dice.below(2) {
                history.push(change(&project, &mut dice, &mut files));
            }
        }
    }
    // Else this test would compare full rebuilds with each other.
    assert!(incremental > 20, "only {incremental} models were built incrementally");
}

fn project() -> Project {
    let project = Project::embedded();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10"),
            sale("T2", "O2", "2024-02-01 10:00:00", "C2", "P2", "20"),
        ],
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project
}

fn add_a_day(project: &Project) {
    project.sales("sales_2.csv", &[sale("T3", "O3", "2024-02-02 10:00:00", "C1", "P1", "30")]);
    project.ok(&["ingest"]);
}

#[test]
fn a_new_sale_touches_its_own_rows_only() {
    let project = project();
    add_a_day(&project);
    let report = project.ok(&["build", "--why"]).stdout;
    let line = |name: &str| {
        let found = report.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        found.unwrap_or_else(|| panic!("{name} is not in\n{report}"))
    };
    assert!(line("stg_sales").contains("0 rows out, 1 in; because raw.sales changed"), "{report}");
    assert!(line("fact_sales").contains("0 rows out, 1 in; because stg_sales changed"), "{report}");
    assert!(line("agg_daily_sales").contains("0 rows out, 1 in"), "{report}");
    assert!(line("agg_monthly_product").contains("0 rows out, 1 in"), "{report}");
    assert!(line("dim_customer").contains("2 rows out, 2 in"), "{report}");
    assert!(line("dim_region").contains("the same rows as before"), "{report}");
    assert!(project.ok(&["build", "--why"]).stdout.contains("dim_region                 is up to date"));
}

#[test]
fn a_renamed_product_moves_its_days_to_another_category() {
    let project = project();
    project.sales("sales_2.csv", &["T3,O3,2024-03-01 10:00:00,C1,,P1,,Games,South,Ulm,Ulm 1,1,30,30,1".to_owned()]);
    project.ok(&["ingest"]);
    let report = project.ok(&["build"]).stdout;
    assert!(report.contains("agg_daily_sales") && report.contains("1 rows out, 2 in"), "{report}");
    assert_eq!(
        project.staged("select date_id, category, revenue from agg_daily_sales order by 1, 2"),
        ["20240101,Games,10.0000", "20240201,Toys,20.0000", "20240301,Games,30.0000"]
    );
}

#[test]
fn what_cannot_be_incremental_is_refused_with_the_reason() {
    let cases = [
        (
            "-- materialized: incremental\n-- key: nothing\nselect sale_id as nothing from fact_sales",
            "none of its inputs has the columns it is incremental by (nothing)",
        ),
        (
            "-- materialized: incremental\n-- key: day\n-- by: date_id as day\n-- lookup: dim_region\nselect date_id as day from fact_sales group by all",
            "x.sql:4: lookup: the select does not read dim_region",
        ),
        (
            "-- materialized: incremental\n-- key: other\n-- by: date_id\nselect date_id, 1 as other from fact_sales",
            "checks failed: int_x_key",
        ),
        (
            "-- materialized: incremental\n-- key: date_id, lines\n-- by: date_id\nselect date_id, nullif(count(*), 1) as lines from fact_sales group by all",
            "checks failed: int_x_key",
        ),
    ];
    for (sql, expected) in cases {
        let project = project();
        project.write("sql/intermediate/int_x.sql", sql);
        let first = project.run(&["build"]);
        add_a_day(&project);
        let error = match first.code {
            Some(0) => project.fails(&["build"]),
            _ => first.stderr,
        };
        assert!(error.contains(expected), "{sql}\n{error}");
    }
}

#[test]
fn headers_that_make_no_sense_are_errors_with_their_line() {
    let cases = [
        ("-- by: a\nselect 1 as a", "int_x.sql:1: `by:` says how a model is incremental"),
        ("-- materialized: incremental\nselect 1 as a", "int_x.sql:1: an incremental model needs a key"),
        (
            "-- materialized: incremental\n-- key: a\n-- by: (a as b\nselect 1 as a",
            "int_x.sql:3: by is a list of columns",
        ),
        ("select * from raw.sales", "only models in sql/staging read raw.*"),
    ];
    for (sql, expected) in cases {
        let project = project();
        project.write("sql/intermediate/int_x.sql", sql);
        let error = project.fails(&["build"]);
        assert!(error.contains(expected), "{sql}\n{error}");
    }
}

#[test]
fn a_build_killed_after_any_model_leaves_the_published_ones_whole() {
    let project = project();
    let before = tables(&project.path("data/staging.duckdb"));
    add_a_day(&project);
    for model in ["stg_sales", "fact_sales", "dim_customer", "agg_daily_sales"] {
        project.killed_at(&format!("build.built.{model}"), &["build"]);
        project.staged("select 1");
        assert_eq!(tables(&project.path("data/staging.duckdb")), before, "killed after {model}");
    }
    project.killed_at("build.before_publish", &["build"]);
    assert_eq!(tables(&project.path("data/staging.duckdb")), before);
    project.ok(&["build"]);
    assert_eq!(project.staged("select count(*) from fact_sales"), ["3"]);
    assert_equals_full_rebuild(&project, "kills");
}

#[test]
fn a_failed_check_of_an_incremental_build_publishes_nothing_and_can_be_looked_at() {
    let project = project();
    project.write(
        "sql/checks/no_february.sql",
        "-- Nothing more may be sold in February.\n-- by: transaction_id\nselect transaction_id, revenue from fact_sales where date_id > 20240201",
    );
    project.ok(&["build"]);
    add_a_day(&project);
    let error = project.fails(&["build"]);
    assert!(error.contains("checks failed: no_february") && error.contains("T3"), "{error}");
    assert_eq!(project.staged("select count(*) from fact_sales"), ["2"]);
    assert_eq!(project.staged("select transaction_id from scratch.fact_sales order by 1"), ["T1", "T2", "T3"]);
    std::fs::remove_file(project.path("sql/checks/no_february.sql")).unwrap();
    project.ok(&["build"]);
    assert_equals_full_rebuild(&project, "a failed check");
}

#[test]
fn checks_look_at_what_changed_and_at_all_where_rows_were_let_pass() {
    let project = project();
    let check = "-- severity: warn\n-- tolerance: 2\n-- by: transaction_id\nselect transaction_id from fact_sales where revenue > 15";
    project.write("sql/checks/dear.sql", check);
    project.ok(&["build"]);
    assert_eq!(project.staged("select offending from meta.checked where check_name = 'dear'"), ["1"]);
    // One more is let pass, the next one is one too many: those of earlier days count.
    add_a_day(&project);
    assert!(!project.ok(&["build"]).stderr.contains("check dear"));
    project.sales("sales_3.csv", &[sale("T4", "O4", "2024-02-03 10:00:00", "C1", "P1", "40")]);
    project.ok(&["ingest"]);
    let warning = project.ok(&["build"]).stderr;
    assert!(warning.contains("check dear") && warning.contains("3 offending rows"), "{warning}");
}

#[test]
fn a_build_of_some_models_skips_checks_it_cannot_answer_and_is_not_pushed() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["ingest"]);
    let report = project.ok(&["build", "+agg_monthly_product"]).stdout;
    assert!(report.contains("all passed; 5 skipped, as they read models that were left out"), "{report}");
    assert!(project.fails(&["sync"]).contains("nothing was pushed"));
    project.ok(&["run"]);
    // One more day reaches the facts and not the daily aggregate, which then no longer agrees with them.
    add_a_day(&project);
    let report = project.ok(&["build", "+fact_sales"]).stdout;
    assert!(report.contains("skipped, as they read models that were left out"), "{report}");
    assert_eq!(project.staged("select count(*) from fact_sales"), ["2"]);
    let error = project.fails(&["sync"]);
    assert!(error.contains("skipped the checks daily_sales_agree_with_facts, "), "{error}");
    assert!(error.contains("nothing was pushed; run `salesmart build` without a selection first"), "{error}");
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1"]);
    project.ok(&["build"]);
    assert_equals_full_rebuild(&project, "a build of some models");
    project.ok(&["sync"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["2"]);
    assert!(project.ok(&["sync"]).stdout.contains("no row written"));
}

#[test]
fn rows_that_are_there_twice_are_found_by_the_check_of_the_key() {
    let project = project();
    // Whole: one row becomes two equal ones. Incremental: the new sale comes out twice.
    for header in ["-- key: sale_id", "-- materialized: incremental\n-- key: sale_id"] {
        project.write("sql/intermediate/int_x.sql", format!("{header}\nselect sale_id from fact_sales"));
        project.ok(&["build"]);
        project.write(
            "sql/intermediate/int_x.sql",
            format!(
                "{header}\nselect sale_id from fact_sales union all select sale_id from fact_sales where revenue < 15"
            ),
        );
        let error = project.fails(&["build"]);
        assert!(error.contains("checks failed: int_x_key") && error.contains("1 offending row"), "{error}");
    }
    project.write(
        "sql/intermediate/int_x.sql",
        "-- materialized: incremental\n-- key: sale_id\nselect sale_id from fact_sales union all select sale_id from fact_sales where revenue = 30",
    );
    project.ok(&["build"]);
    add_a_day(&project);
    assert!(project.fails(&["build"]).contains("checks failed: int_x_key"));
}

#[test]
fn a_check_that_fails_in_a_build_that_is_not_kept_promises_nothing_to_look_at() {
    let project = project();
    project.write("sql/checks/never.sql", "-- Nothing may be sold.\nselect sale_id from fact_sales");
    assert!(project.fails(&["build"]).contains("can be looked at with `salesmart show scratch.MODEL`"));
    let error = project.fails(&["diff"]);
    assert!(error.contains("checks failed: never") && !error.contains("scratch"), "{error}");
}

#[test]
fn a_mart_whose_key_changes_between_two_syncs_is_compared_as_a_whole() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.write(
        "sql/marts/agg_orders.sql",
        "-- materialized: incremental\n-- key: order_id\n-- by: order_id\nselect order_id, order_id || '!' as other_id, sum(revenue)::decimal(18,4) as revenue from fact_sales group by order_id",
    );
    let table = "create table mart.agg_orders (order_id text not null, other_id text not null, revenue numeric(18,4), row_hash bigint not null, primary key (order_id));";
    project.write("sql/postgres/migrations/V40__orders.sql", table);
    project.ok(&["run"]);
    add_a_day(&project);
    project.ok(&["build"]);
    assert_eq!(project.staged("select count(*) from unpushed.agg_orders"), ["1"]);
    project.edit("sql/marts/agg_orders.sql", "-- key: order_id", "-- key: other_id");
    project.edit("sql/marts/agg_orders.sql", "as revenue", "+ 1 as revenue");
    project.write(
        "sql/postgres/migrations/V41__orders.sql",
        "alter table mart.agg_orders drop constraint agg_orders_pkey; alter table mart.agg_orders alter revenue type numeric(18,4); alter table mart.agg_orders add primary key (other_id);",
    );
    project.edit("sql/marts/agg_orders.sql", "sum(revenue)::decimal(18,4) + 1", "(sum(revenue) + 1)::decimal(18,4)");
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select other_id, revenue from mart.agg_orders order by 1"),
        ["O1!,11.0000", "O3!,31.0000"]
    );
}
