//! Exactly once: after any change and any interruption PostgreSQL holds the marts, row by row, and nothing was applied twice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::content::not_rewritten;
use crate::harness::edits::{Dice, change};
use crate::harness::{Cluster, Pooler, Project, sale};

#[test]
fn any_sequence_of_changes_arrives_and_touches_nothing_else() {
    let cases: u64 = std::env::var("SALESMART_PROPERTY_CASES").map_or(3, |cases| cases.parse().unwrap());
    for seed in 100..100 + cases {
        let mut dice = Dice::new(seed);
        let project = Project::new();
        project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
        let mut files = Vec::new();
        project.write("data/raw/sales_000.csv", dice.records(80));
        let mut history = vec!["a history".to_owned()];
        let mut before = std::collections::BTreeMap::new();
        for round in 0..8 {
            project.ok(&["run", "--allow-deletes"]);
            let when = format!("after {} (seed {seed})", history.join(", "));
            let after = project.warehouse_equals_marts(&when);
            not_rewritten(&before, &after, &when);
            before = after;
            if round == 4 {
                // The staging file is lost: everything is compared, and still nothing is written again.
                std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
                project.run(&["run", "--allow-deletes"]);
            }
            for _ in 0..=dice.below(2) {
                history.push(change(&project, &mut dice, &mut files));
            }
        }
        project.ledger_without_gap();
    }
}

fn first() -> Project {
    let project = Project::new();
    let mut records: Vec<String> = (10..40)
        .map(|number| {
            let (customer, product) = (format!("C{}", number % 7), format!("P{}", number % 5));
            sale(&format!("T{number}"), &format!("O{number}"), "2024-01-01 10:00:00", &customer, &product, "10")
        })
        .collect();
    project.sales("sales_1.csv", &records);
    records = vec![sale("T50", "O50", "2024-02-01 10:00:00", "C8", "P8", "80")];
    project.sales("sales_2.csv", &records);
    project.ok(&["run"]);
    project
}

/// New rows in old and new months, changed ones, one that moves, and ones that go.
fn second(project: &Project) {
    project.ok(&["forget", "data/raw/sales_2.csv"]);
    std::fs::remove_file(project.path("data/raw/sales_2.csv")).unwrap();
    project.sales(
        "sales_3.csv",
        &[
            sale("T99", "O99", "2024-03-01 10:00:00", "C9", "P9", "99"),
            sale("T98", "O98", "2024-01-02 10:00:00", "C9", "P9", "98"),
            sale("T10", "O10", "2024-01-01 10:00:00", "C3", "P0", "11"),
            sale("T11", "O11", "2024-03-15 10:00:00", "C4", "P1", "10"),
        ],
    );
}

#[test]
fn killed_at_every_step_it_is_made_good_by_the_next_run() {
    let points = [
        ("sync.begun", false),
        ("sync.before_rows.dim_product", false),
        ("sync.after_rows.dim_product", false),
        ("sync.before_rows.fact_sales", false),
        ("sync.before_month.202403", false),
        ("sync.after_month.202403", false),
        ("sync.after_rows.fact_sales", false),
        ("sync.after_rows.agg_daily_sales", false),
        ("sync.before_deletes.fact_sales", false),
        ("sync.after_deletes.fact_sales", false),
        ("sync.before_commit", false),
        ("sync.after_commit", true),
        ("sync.before_promote", true),
        ("sync.promoted", true),
        ("sync.settled", true),
    ];
    for (point, committed) in points {
        let project = first();
        let before = project.warehouse_equals_marts(point);
        second(&project);
        project.killed_at(point, &["run", "--allow-deletes"]);
        assert_eq!(project.ledger_without_gap(), if committed { 2 } else { 1 }, "{point}");
        let writers = project.writers("fact_sales");
        let report = project.ok(&["run", "--allow-deletes"]).stdout;
        let after = project.warehouse_equals_marts(point);
        not_rewritten(&before, &after, point);
        assert_eq!(project.ledger_without_gap(), 2, "{point}");
        if committed {
            assert!(report.contains("no row written"), "{point}: {report}");
            assert_eq!(project.writers("fact_sales"), writers, "{point}: nothing is applied twice");
        }
    }
}

#[test]
fn killed_at_any_moment_it_is_made_good_by_the_next_run() {
    let mut dice = Dice::new(7);
    let project = first();
    let started = Instant::now();
    project.ok(&["run"]);
    let idle = started.elapsed();
    let mut files = vec!["data/raw/sales_1.csv".to_owned()];
    let mut killed = 0;
    for round in 0..25 {
        change(&project, &mut dice, &mut files);
        // The last third of a run with work to do is the sync: about as long as a run without.
        let delay = idle.mul_f64(0.3 + dice.below(300) as f64 / 100.0);
        let mut child =
            project.command(&["run", "--allow-deletes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        let _ = child.kill();
        killed += usize::from(child.wait().unwrap().code().is_none());
        project.ledger_without_gap();
        if round % 5 == 4 {
            project.ok(&["run", "--allow-deletes"]);
            project.warehouse_equals_marts(&format!("after round {round}"));
            assert!(project.ok(&["run"]).stdout.contains("no row written"));
        }
    }
    assert!(killed >= 5, "only {killed} runs were killed");
}

/// A run that was stopped at a point, until it is let go.
struct Paused(Child);

impl Paused {
    fn at(project: &Project, point: &str) -> Self {
        let mut child = project
            .command(&["run", "--allow-deletes"])
            .env("SALESMART_FAILPOINT", format!("{point}:pause"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        let found = lines.by_ref().map(Result::unwrap).find(|line| line.contains("paused"));
        assert!(found.is_some(), "not paused at {point}");
        let stat = format!("/proc/{}/stat", child.id());
        let until = Instant::now() + Duration::from_secs(20);
        while !std::fs::read_to_string(&stat).unwrap_or_default().contains(") T ") {
            assert!(Instant::now() < until, "not stopped at {point}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    /// Lets it go on to its end; exit code and what it wrote to standard error since.
    fn resume(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_raw(self.0.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(self.0.stderr.as_mut().unwrap(), &mut said).unwrap();
        (self.0.wait().unwrap().code(), said)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_connection_that_is_lost_in_the_middle_leaves_nothing_half_done() {
    for point in ["sync.before_month.202403", "sync.after_rows.fact_sales", "sync.before_commit"] {
        let project = first();
        second(&project);
        let paused = Paused::at(&project, point);
        let ended = project.pushed(
            "select count(pg_terminate_backend(pid)) as n from pg_stat_activity
             where datname = current_database() and application_name like 'salesmart%' and pid <> pg_backend_pid()",
        );
        assert_eq!(ended, ["1"]);
        let (code, said) = paused.resume();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("connection to PostgreSQL was lost; run again"), "{point}: {said}");
        assert_eq!(project.ledger_without_gap(), 1, "{point}");
        project.ok(&["run", "--allow-deletes"]);
        project.warehouse_equals_marts(point);
        assert_eq!(project.ledger_without_gap(), 2, "{point}");
    }
}

#[test]
fn a_server_that_ends_sessions_that_wait_spares_a_sync_that_computes() {
    for point in ["sync.begun", "sync.after_rows.fact_sales", "sync.before_commit"] {
        let project = first();
        let database = project.url().rsplit('/').next().unwrap().to_owned();
        project
            .warehouse()
            .batch_execute(&format!(
                "alter database {database} set idle_in_transaction_session_timeout = '200ms';
                 alter database {database} set idle_session_timeout = '200ms'"
            ))
            .unwrap();
        second(&project);
        let paused = Paused::at(&project, point);
        std::thread::sleep(Duration::from_millis(600));
        let (code, said) = paused.resume();
        assert_eq!(code, Some(0), "{point}: {said}");
        assert_eq!(project.ledger_without_gap(), 2, "{point}");
        project.warehouse_equals_marts(point);
    }
}

#[test]
fn a_pooler_that_gives_the_sync_another_session_is_found_out() {
    for (mode, code) in [("transaction", 1), ("session", 0)] {
        let mut project = first();
        second(&project);
        let direct = project.url().to_owned();
        let Some(pooler) = Pooler::before(&direct, mode) else { return };
        project.set_url(pooler.url());
        let paused = Paused::at(&project, "sync.begun");
        // Takes the session that the sync had.
        let mut other = Cluster::connect(&pooler.url());
        let mut held = other.transaction().unwrap();
        held.query_one("select 1", &[]).unwrap();
        let (ended, said) = paused.resume();
        assert_eq!(ended, Some(code), "{mode}: {said}");
        let syncs = if code == 0 { 2 } else { 1 };
        assert!(code == 0 || said.contains("a connection pooler in transaction mode in between"), "{said}");
        drop(held);
        drop(other);
        drop(pooler);
        project.set_url(direct);
        assert_eq!(project.ledger_without_gap(), syncs, "{mode}");
        project.ok(&["run", "--allow-deletes"]);
        project.warehouse_equals_marts(mode);
        assert_eq!(project.ledger_without_gap(), 2, "{mode}");
    }
}

#[test]
fn what_others_put_in_the_way_is_refused_and_nothing_is_changed() {
    let project = first();
    let before = project.warehouse_content();
    project
        .warehouse()
        .batch_execute("create table mart.fact_sales_p202403 (like mart.fact_sales including all)")
        .unwrap();
    second(&project);
    let error = project.fails(&["run", "--allow-deletes"]);
    assert!(error.contains("mart.\"fact_sales_p202403\" is there but is no partition of"), "{error}");
    project.warehouse().batch_execute("drop table mart.fact_sales_p202403").unwrap();
    // A partition with bounds of its own is as good, if it holds whole months.
    project
        .warehouse()
        .batch_execute("create table mart.spring partition of mart.fact_sales for values from (20240301) to (20240315)")
        .unwrap();
    let error = project.fails(&["run", "--allow-deletes"]);
    assert!(error.contains("mart.spring") && error.contains("holds a part of the month 202403 only"), "{error}");
    assert!(project.warehouse_content().iter().filter(|(table, _)| table != "spring").eq(before.iter()));
    project
        .warehouse()
        .batch_execute("drop table mart.spring; create table mart.spring partition of mart.fact_sales for values from (20240301) to (20240601)")
        .unwrap();
    project.ok(&["run", "--allow-deletes"]);
    project.warehouse_equals_marts("with a partition of three months");
    assert_eq!(project.pushed("select count(*) as n from mart.spring"), ["2"]);
}

#[test]
fn a_partition_of_a_new_month_is_like_those_made_otherwise() {
    let project = first();
    let indexes =
        "select count(*) as n from pg_index where indrelid = 'mart.fact_sales_p202401'::regclass and indisvalid";
    let keys = "select count(*) as n, bool_and(convalidated) as valid from pg_constraint
                where conrelid = 'mart.fact_sales_p202401'::regclass and contype = 'f' and conparentid <> 0";
    let checks = "select count(*) as n from pg_constraint where conrelid = 'mart.fact_sales_p202401'::regclass and contype = 'c'";
    assert_eq!(project.pushed(indexes), ["3"]);
    assert_eq!(project.pushed(keys), ["4,true"]);
    assert_eq!(project.pushed(checks), ["0"]);
    // The foreign keys hold for what others write.
    let refused = project.warehouse().batch_execute("update mart.fact_sales set product_id = 7");
    assert!(refused.unwrap_err().as_db_error().unwrap().message().contains("violates foreign key constraint"));
}
