//! Sync: only the delta, exactly once, through crashes and other people's writes.

use crate::harness::{Cluster, Project, sale};

/// A project of thirty sales of January, pushed.
pub fn project() -> Project {
    let project = Project::new();
    let records: Vec<String> = (10..40)
        .map(|number| {
            sale(
                &format!("T{number}"),
                &format!("O{number}"),
                "2024-01-01 10:00:00",
                &format!("C{}", number % 7),
                &format!("P{}", number % 5),
                "10",
            )
        })
        .collect();
    project.sales("sales_1.csv", &records);
    project.ok(&["run"]);
    project
}

/// Everything in PostgreSQL equals the marts, row hash by row hash, recomputed from the rows' own values.
#[track_caller]
pub fn assert_equal(project: &Project) {
    let fresh = Project::new();
    for entry in std::fs::read_dir(project.path("data/raw")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, fresh.path("data/raw").join(path.file_name().unwrap())).unwrap();
    }
    fresh.ok(&["run"]);
    assert_eq!(project.warehouse_content(), fresh.warehouse_content());
}

#[test]
fn inserts_updates_deletes_and_moves_arrive_and_nothing_else_is_rewritten() {
    let project = project();
    let before = project.pushed("select xmin::text as x, transaction_id from mart.fact_sales order by transaction_id");
    project.sales(
        "sales_2.csv",
        &[
            sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99"), // new
            sale("T10", "O10", "2024-01-01 10:00:00", "C3", "P0", "11"), // changed
            sale("T11", "O11", "2024-02-15 10:00:00", "C4", "P1", "10"), // moved to another month
        ],
    );
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("fact_sales                 2 inserted, 1 updated, 1 deleted"), "{report}");
    let after = project.pushed("select xmin::text as x, transaction_id from mart.fact_sales order by transaction_id");
    let kept: Vec<&String> = before.iter().filter(|row| after.contains(row)).collect();
    assert_eq!(kept.len(), 28, "28 of the 30 rows were not touched");
    assert_eq!(
        project.pushed("select transaction_id, date_id, revenue, tableoid::regclass as part from mart.fact_sales where transaction_id in ('T10', 'T11', 'T99') order by 1"),
        ["T10,20240101,11.0000,mart.fact_sales_p202401", "T11,20240215,10.0000,mart.fact_sales_p202402", "T99,20240301,99.0000,mart.fact_sales_p202403"]
    );
    assert_equal(&project);
}

#[test]
fn a_second_run_reads_and_writes_nothing_and_says_so() {
    let project = project();
    let before = project.writers("fact_sales");
    let syncs = project.pushed("select count(*) as n from etl.sync_run");
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("1 file unchanged, not read") && report.contains("no row written"), "{report}");
    assert_eq!(project.writers("fact_sales"), before);
    assert_eq!(project.pushed("select count(*) as n from etl.sync_run"), syncs);
}

#[test]
fn a_lost_staging_file_changes_nothing() {
    let project = project();
    let (content, writers) = (project.warehouse_content(), project.writers("fact_sales"));
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("after its sync 1: 0 row keys read") && report.contains("no row written"), "{report}");
    assert_eq!((project.warehouse_content(), project.writers("fact_sales")), (content, writers));
}

#[test]
fn a_lost_staging_file_and_new_files_push_only_the_difference() {
    let project = project();
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.sales("sales_2.csv", &[sale("T10", "O10", "2024-01-01 10:00:00", "C3", "P0", "11")]);
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("fact_sales                 1 updated"), "{report}");
    assert_equal(&project);
}

#[test]
fn a_crash_after_the_commit_and_new_files_before_the_next_run() {
    let project = project();
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99")]);
    project.killed_at("sync.after_commit", &["run"]);
    project.sales("sales_3.csv", &[sale("T98", "O98", "2024-03-02 10:00:00", "C9", "P9", "98")]);
    let report = project.ok(&["run"]).stdout;
    assert!(
        report.contains("was committed before it was interrupted")
            && report.contains("fact_sales                 1 inserted"),
        "{report}"
    );
    assert_equal(&project);
}

#[test]
fn rows_that_somebody_else_wrote_are_found_when_the_ledger_is_not_ours() {
    let mut project = project();
    let first = project.url().to_owned();
    let second = Cluster::get().database();
    project.set_url(second.clone());
    project.ok(&["run"]);
    // Back to the first: its ledger has another head, so the mirror is rebuilt from it.
    project.set_url(first);
    project.warehouse().batch_execute("update mart.fact_sales set row_hash = 1, revenue = 0 where transaction_id = 'T10'; delete from mart.fact_sales where transaction_id = 'T11'").unwrap();
    let report = project.ok(&["sync"]).stdout;
    assert!(report.contains("30 row keys read") || report.contains("29 row keys read"), "{report}");
    assert!(report.contains("fact_sales                 1 inserted, 1 updated"), "{report}");
    assert_equal(&project);
}

#[test]
fn totals_that_differ_stop_the_commit() {
    let project = project();
    project
        .warehouse()
        .batch_execute("update mart.fact_sales set revenue = revenue + 1 where transaction_id = 'T20'")
        .unwrap();
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-01-09 10:00:00", "C9", "P9", "99")]);
    let error = project.fails(&["run"]);
    assert!(
        error.contains("the control totals of mart.\"fact_sales\" differ before the commit")
            && error.contains("revenue="),
        "{error}"
    );
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["30"]);
}

#[test]
fn what_was_edited_by_hand_is_put_right_by_a_full_refresh() {
    let project = project();
    let before = project.warehouse_content();
    for edit in [
        "update mart.fact_sales set revenue = revenue + 1 where transaction_id = 'T20'",
        "update mart.fact_sales set row_hash = row_hash + 1 where transaction_id = 'T21'",
        "update mart.dim_customer set customer_name = 'Eve' where customer_code = 'C1'",
        "delete from mart.agg_daily_sales",
    ] {
        project.warehouse().batch_execute(edit).unwrap();
        assert!(project.ok(&["run"]).stdout.contains("no row written"), "the ledger is trusted");
        assert!(project.ok(&["sync", "--full-refresh"]).stdout.contains("committed as sync"), "{edit}");
        assert!(project.warehouse_content() == before, "{edit}");
        assert!(project.ok(&["run", "--full-refresh"]).stdout.contains("no row written"), "{edit}");
    }
}

#[test]
fn a_migration_that_empties_a_table_has_it_filled_again() {
    let project = project();
    let before = project.warehouse_content();
    project.write("sql/postgres/migrations/V40__again.sql", "delete from mart.agg_daily_sales");
    assert!(project.ok(&["run"]).stdout.contains("agg_daily_sales            "));
    assert!(project.warehouse_content() == before);
    // Also if the run that migrated failed behind that.
    project.write("sql/postgres/migrations/V41__again.sql", "delete from mart.agg_monthly_product");
    project.write("sql/marts/agg_x.sql", "-- key: a\nselect 1 as a");
    assert!(project.fails(&["run"]).contains("the warehouse has no table mart.\"agg_x\""));
    std::fs::remove_file(project.path("sql/marts/agg_x.sql")).unwrap();
    project.ok(&["run"]);
    assert!(project.warehouse_content() == before);
}

#[test]
fn a_changed_key_and_any_column_name_arrive() {
    let project = project();
    project.write("sql/marts/agg_op.sql", "-- key: op\nselect transaction_id as op, order_id as hash from stg_sales");
    project.write(
        "sql/postgres/migrations/V40__op.sql",
        "create table mart.agg_op (op text primary key, hash text, row_hash bigint not null)",
    );
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n, count(hash) as h from mart.agg_op"), ["30,30"]);
    project.edit("sql/marts/agg_op.sql", "key: op", "key: op, hash");
    project.write(
        "sql/postgres/migrations/V41__op.sql",
        "alter table mart.agg_op drop constraint agg_op_pkey, add primary key (op, hash)",
    );
    project.ok(&["run"]);
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    project.edit("sql/marts/agg_op.sql", "as hash", "as _hash");
    assert!(project.fails(&["run"]).contains("agg_op.sql: the "));
    std::fs::remove_file(project.path("sql/marts/agg_op.sql")).unwrap();
    assert!(project.ok(&["run"]).stderr.contains("mart.agg_op has no mart"));
    // Names that PostgreSQL would cut.
    let long = format!("sql/marts/agg_{}.sql", "x".repeat(51));
    project.write(&long, "-- key: a\nselect 1 as a");
    assert!(project.fails(&["build"]).contains("the name of a mart has at most 54 bytes"));
    std::fs::remove_file(project.path(&long)).unwrap();
    project.write("sql/marts/agg_op.sql", format!("-- key: a\nselect 1 as a, 2 as {}", "x".repeat(64)));
    assert!(project.fails(&["run"]).contains("is longer than PostgreSQL's 63 bytes"));
}

#[test]
fn infinite_moments_are_refused() {
    let project = project();
    project.write("sql/marts/agg_inf.sql", "-- key: id\nselect 1 as id, timestamp 'infinity' as moment");
    project.write(
        "sql/postgres/migrations/V40__inf.sql",
        "create table mart.agg_inf (id integer primary key, moment timestamp, row_hash bigint not null)",
    );
    assert!(project.fails(&["run"]).contains("infinite date or timestamp"));
    // DuckDB's years begin before those of PostgreSQL.
    project.edit("sql/marts/agg_inf.sql", "timestamp 'infinity'", "make_timestamp(-9222972022400000000)");
    assert!(project.fails(&["run"]).contains("lies further back than PostgreSQL reaches"));
}

#[test]
fn a_mart_without_its_table_and_a_column_without_its_place_print_the_ddl() {
    let project = project();
    project.write("sql/marts/agg_city.sql", "-- key: city\nselect city, count(*) as places, cast(1 as decimal(9, 2)) as share from dim_region group by city");
    let error = project.fails(&["run"]);
    assert!(
        error.contains("create table mart.\"agg_city\"")
            && error.contains("\"share\" numeric(9,2)")
            && error.contains("primary key (\"city\")"),
        "{error}"
    );
    project.write(
        "sql/postgres/migrations/V40__cities.sql",
        "create table mart.agg_city (city text primary key, places integer not null, row_hash bigint not null)",
    );
    let error = project.fails(&["run"]);
    assert!(
        error.contains("alter table mart.\"agg_city\" alter column \"places\" type bigint; -- is integer"),
        "{error}"
    );
    assert!(error.contains("alter table mart.\"agg_city\" add column \"share\" numeric(9,2);"), "{error}");
    project.write("sql/postgres/migrations/V41__cities.sql", "alter table mart.agg_city alter column places type bigint; alter table mart.agg_city add column share numeric(9, 2)");
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select city, places, share from mart.agg_city order by 1"),
        ["Ulm,1,1.00", "Unknown,1,1.00"]
    );
    project.edit("sql/marts/agg_city.sql", "cast(1 as decimal(9, 2))", "cast(1 as double)");
    assert!(project.fails(&["run"]).contains("column share has type DOUBLE, which cannot be pushed"));
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let project = project();
    let mut other = project.warehouse();
    other.batch_execute("set application_name = 'another sync'").unwrap();
    other.execute("select pg_advisory_lock($1)", &[&salesmart_sync::ledger::LOCK]).unwrap();
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99")]);
    project.ok(&["ingest"]);
    let mut child = project
        .command(&["run"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    assert!(line.contains("another sync is at work (another sync, salesmart from 127.0.0.1"), "{line}");
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["30"]);
    drop(other);
    assert!(child.wait().unwrap().success());
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["31"]);
}

#[test]
fn the_commit_is_announced() {
    use postgres::fallible_iterator::FallibleIterator;
    let project = project();
    let mut listener = project.warehouse();
    listener.batch_execute("listen salesmart").unwrap();
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99")]);
    project.ok(&["run"]);
    let mut notifications = listener.notifications();
    let heard = notifications.timeout_iter(std::time::Duration::from_secs(10)).next().unwrap().unwrap();
    assert_eq!((heard.channel(), heard.payload()), ("salesmart", "2"));
}

#[test]
fn a_file_with_other_numbers_of_every_type_arrives_exactly() {
    let project = Project::new();
    let rows = [
        ("T1", "0.0001"),
        ("T2", "90000000000000.0001"),
        ("T3", "-0.0001"),
        ("T4", "10000"),
        ("T5", "1234567.8"),
        ("T6", "100000000"),
        ("T7", "-99999999999999.9999"),
    ];
    let records: Vec<String> = rows
        .iter()
        .map(|(name, revenue)| {
            sale(name, name, "1999-12-31 23:59:59", "Ünï \u{1F600}", "P1", "1")
                .replace(",1,1,1,1", &format!(",1,1,{revenue},"))
        })
        .collect();
    project.sales("sales_1.csv", &records);
    let bounds = [
        "min = \"-1000000000\", max = \"1000000000\"",
        "min = \"-99999999999999.9999\", max = \"99999999999999.9999\"",
    ];
    project.edit("data/contracts/sales.toml", bounds[0], bounds[1]);
    project.edit("sql/checks/margin_is_plausible.sql", "-- tolerance: 10", "-- tolerance: 100");
    project.ok(&["run"]);
    assert_eq!(
        project.pushed("select transaction_id, revenue, created_at::text as c from mart.fact_sales order by 1"),
        [
            "T1,0.0001,1999-12-31 23:59:59",
            "T2,90000000000000.0001,1999-12-31 23:59:59",
            "T3,-0.0001,1999-12-31 23:59:59",
            "T4,10000.0000,1999-12-31 23:59:59",
            "T5,1234567.8000,1999-12-31 23:59:59",
            "T6,100000000.0000,1999-12-31 23:59:59",
            "T7,-99999999999999.9999,1999-12-31 23:59:59",
        ]
    );
    assert_eq!(project.pushed("select customer_name from mart.dim_customer where customer_id <> 0"), ["Ünï \u{1F600}"]);
}
