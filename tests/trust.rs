//! When the staging file may believe what it remembers of the warehouse.

use crate::harness::{Project, sale};

/// A mart without a source.
const MART: &str = "-- key: id\nselect i::integer as id, 'v' || i as label from range(1, 200) as t(i)";

const TABLE: &str = "create table mart.agg_own (id integer primary key, label text, row_hash bigint not null)";

/// Forty sales of four months and the mart, pushed.
fn project() -> Project {
    let project = Project::new();
    let records: Vec<String> = (10..50)
        .map(|number| {
            let moment = format!("2024-{:02}-01 10:00:00", 1 + number % 4);
            sale(&format!("T{number}"), &format!("O{number}"), &moment, "C1", "P1", "10")
        })
        .collect();
    project.sales("sales_1.csv", &records);
    project.write("sql/marts/agg_own.sql", MART);
    project.write("sql/postgres/migrations/V40__own.sql", TABLE);
    project.ok(&["run", "--migrate"]);
    project
}

/// Doubles every sale, under other keys.
fn tamper(project: &Project) {
    project
        .warehouse()
        .batch_execute(
            "insert into mart.fact_sales (date_id, sale_id, product_id, customer_id, region_id, transaction_id, order_id, order_key, quantity, unit_price,
             discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash)
             select date_id, sale_id + 1, product_id, customer_id, region_id, transaction_id, order_id, order_key, quantity, unit_price,
             discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash from mart.fact_sales",
        )
        .unwrap();
}

#[test]
fn what_a_refused_repair_has_seen_does_not_count_as_pushed() {
    let project = project();
    // Enough that taking it out again is more than the guard allows.
    let more: Vec<String> =
        (100..400).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-01-02 10:00:00", "C1", "P1", "10")).collect();
    project.sales("sales_2.csv", &more);
    project.ok(&["run"]);
    tamper(&project);
    assert!(project.fails(&["verify", "--repair"]).contains("run again with --allow-deletes"));
    assert!(project.fails(&["verify"]).contains("340 rows of fact_sales differ from the marts"));
    project.ok(&["verify", "--repair", "--allow-deletes"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["340"]);
    assert!(project.ok(&["verify"]).stdout.contains("agree with what was pushed"));
    project.warehouse_equals_marts("after the repair");
}

#[test]
fn what_a_plan_has_seen_does_not_count_as_pushed() {
    let project = project();
    project
        .warehouse()
        .batch_execute("update mart.fact_sales set revenue = 1000 where transaction_id = 'T13'")
        .unwrap();
    project.ok(&["plan", "--full-refresh"]);
    assert!(project.fails(&["verify"]).contains("1 row of fact_sales differs from the marts"));
    project.ok(&["verify", "--repair"]);
    assert!(project.ok(&["verify"]).stdout.contains("agree with what was pushed"));
    project.warehouse_equals_marts("after the repair");
}

#[test]
fn a_mart_that_comes_back_is_compared_with_its_table() {
    let project = project();
    let away = |migration: &str, statement: &str| {
        std::fs::remove_file(project.path("sql/marts/agg_own.sql")).unwrap();
        project.write(&format!("sql/postgres/migrations/{migration}"), statement);
        project.ok(&["run", "--migrate"]);
    };
    let count = "select count(*) as n from mart.agg_own where label like 'v%'";
    // Its table was made anew meanwhile, while the mart was away.
    away("V41__drop.sql", "drop table mart.agg_own");
    project.write("sql/postgres/migrations/V42__again.sql", TABLE);
    project.ok(&["run", "--migrate"]);
    project.write("sql/marts/agg_own.sql", MART);
    project.ok(&["run"]);
    assert_eq!(project.pushed(count), ["199"]);
    // Its table stayed as it was.
    std::fs::remove_file(project.path("sql/marts/agg_own.sql")).unwrap();
    project.ok(&["run"]);
    project.write("sql/marts/agg_own.sql", MART);
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    // It went away after a sync that could not be noted.
    project.write("sql/marts/agg_own.sql", MART.replace("200", "300"));
    project.ok(&["build"]);
    let killed = project.command(&["sync"]).env("SALESMART_FAILPOINT", "sync.after_commit").output().unwrap();
    assert_eq!(killed.status.code(), None);
    std::fs::remove_file(project.path("sql/marts/agg_own.sql")).unwrap();
    project.ok(&["run"]);
    project.write("sql/marts/agg_own.sql", MART.replace("200", "300"));
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_eq!(project.pushed(count), ["299"]);
}

#[test]
fn columns_that_somebody_changed_by_hand_have_the_rows_compared() {
    let project = project();
    project.edit("sql/marts/agg_own.sql", "as label", "as title");
    assert!(project.fails(&["run"]).contains("drop column \"label\""));
    let mut warehouse = project.warehouse();
    warehouse
        .batch_execute("alter table mart.agg_own add column title text; alter table mart.agg_own drop column label")
        .unwrap();
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(title) as n from mart.agg_own"), ["199"]);
    project.edit(
        "sql/marts/agg_own.sql",
        "i::integer as id",
        "case i when 150 then 5000000150 else i end::bigint as id",
    );
    assert!(project.fails(&["run"]).contains("alter column \"id\" type bigint"));
    warehouse.batch_execute("alter table mart.agg_own alter column id type bigint").unwrap();
    project.ok(&["run"]);
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_eq!(project.pushed("select max(id) as n from mart.agg_own"), ["5000000150"]);
    project.ok(&["verify"]);
}

#[test]
fn a_mart_that_is_partitioned_from_now_on_gets_a_new_table() {
    let project = project();
    let partitioned = "-- key: id\n-- partition: day\nselect i::integer as id, 20240101 + i::integer % 20 as day from range(1, 200) as t(i)";
    project.edit("sql/marts/agg_own.sql", "'v' || i as label", "20240101 + i::integer % 20 as day");
    project.write(
        "sql/postgres/migrations/V41__day.sql",
        "drop table mart.agg_own; create table mart.agg_own (id integer, day integer, row_hash bigint not null, primary key (day, id))",
    );
    project.write("sql/marts/agg_own.sql", partitioned);
    let error = project.fails(&["run", "--migrate"]);
    assert!(
        error.contains("It is not partitioned by day") && error.contains("partition by range (\"day\")"),
        "{error}"
    );
    project.ok(&["migrate", "--draft", "anew"]);
    project.ok(&["run", "--migrate"]);
    assert_eq!(project.pushed("select count(*) as n from mart.agg_own"), ["199"]);
    project.edit(
        "sql/marts/agg_own.sql",
        "20240101 + i::integer % 20 as day",
        "case when i < 150 then 20240101 end as day",
    );
    assert!(project.fails(&["run"]).contains("agg_own has rows without day, the day by which it is partitioned"));
    project.edit("sql/marts/agg_own.sql", "case when i < 150 then 20240101 end as day", "date '2024-01-01' as day");
    assert!(project.fails(&["run"]).contains("it has to be a day as an integer, such as 20240131"));
}
