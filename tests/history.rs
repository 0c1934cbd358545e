//! What is kept of runs: in the staging file, in the warehouse, and shown.

use serde_json::Value;

use crate::harness::{Project, sale};

fn one_sale(project: &Project, number: u32) {
    let record = sale(&format!("T{number}"), "O1", "2024-01-01 10:00:00", "C1", "P1", "10");
    project.sales(&format!("sales_{number}.csv"), &[record]);
}

fn json(project: &Project, args: &[&str]) -> Vec<Value> {
    let said = project.ok(&[&["history", "--format", "json"], args].concat()).stdout;
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn runs_are_shown_newest_first_and_one_in_detail() {
    let project = Project::new();
    assert!(project.fails(&["history"]).contains("is not there yet"));
    one_sale(&project, 1);
    project.ok(&["run"]);
    project.ok(&["run"]);

    let runs = json(&project, &[]);
    assert_eq!(runs.len(), 2);
    let (newest, first) = (&runs[0], &runs[1]);
    assert!(newest["run_id"].as_str() > first["run_id"].as_str());
    assert_eq!(first["outcome"], "succeeded");
    assert_eq!(first["files"]["names"][0], "data/raw/sales_1.csv");
    assert_eq!(first["rows"]["accepted"], 1);
    assert_eq!(first["tables"]["fact_sales"]["inserted"], 1);
    assert_eq!(first["sync_number"], 1);
    assert!(first["checks"]["ran"].as_u64().unwrap() > 10, "{first}");
    assert!(first["stages"]["ingest"].as_f64().is_some(), "{first}");
    assert_eq!(newest["files"]["unchanged"], 1);
    assert_eq!(newest["sync_number"], Value::Null);
    assert_eq!(newest["tables"], serde_json::json!({}));

    // The same in the warehouse.
    assert_eq!(json(&project, &["--from", "warehouse"]), runs);
    assert_eq!(json(&project, &["--limit", "1"]).len(), 1);
    let table = project.ok(&["history"]).stdout;
    assert!(table.contains("run_id") && table.contains("succeeded"), "{table}");
    let csv = project.ok(&["history", "--format", "csv"]).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.lines().nth(2).unwrap().contains(",run,succeeded,1,1,0,0,"), "{csv}");
    assert!(project.ok(&["history", "--format", "md"]).stdout.starts_with('|'));

    let id = first["run_id"].as_str().unwrap();
    for place in ["staging", "warehouse"] {
        let detail = project.ok(&["history", id, "--from", place]).stdout;
        assert!(detail.contains("data/raw/sales_1.csv") && detail.contains("1 inserted, 0 updated"), "{detail}");
    }
    assert_eq!(json(&project, &[&id[..35]]).len(), 1);
    assert!(project.fails(&["history", &id[..4]]).contains("2 runs begin with"));
    assert!(project.fails(&["history", "ffff"]).contains("there is no run ffff"));
    assert!(project.fails(&["history", "'; drop"]).contains("not the beginning"));
}

#[test]
fn a_sync_is_kept_if_it_pushed_something_and_writes_nothing_else() {
    let project = Project::new();
    one_sale(&project, 1);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project.ok(&["sync"]);
    let before = project.pushed(
        "select pg_current_xact_id_if_assigned()::text as x, xact_commit::text as c from pg_stat_database where false",
    );
    assert!(before.is_empty());
    let written = |project: &Project| project.pushed("select count(*)::text as n, max(xmin::text) as x from etl.run");
    let recorded = written(&project);
    project.ok(&["sync"]);
    assert_eq!(written(&project), recorded);
    let runs = json(&project, &[]);
    assert_eq!(runs.len(), 1);
    assert_eq!((&runs[0]["command"], &runs[0]["sync_number"]), (&Value::from("sync"), &Value::from(1)));

    // One that fails is kept.
    std::fs::remove_file(project.path("data/raw/sales_1.csv")).unwrap();
    one_sale(&project, 2);
    project.ok(&["forget", "data/raw/sales_1.csv"]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    assert!(project.fails(&["sync"]).contains("--allow-deletes"));
    let runs = json(&project, &["--from", "warehouse"]);
    assert_eq!((&runs[0]["command"], &runs[0]["outcome"]), (&Value::from("sync"), &Value::from("failed")));
}

#[test]
fn a_killed_run_is_interrupted_when_the_next_one_comes() {
    let project = Project::new();
    one_sale(&project, 1);
    project.killed_at("run.begun", &["run"]);
    assert_eq!(json(&project, &[])[0]["outcome"], "started");
    project.ok(&["run"]);
    one_sale(&project, 2);
    project.killed_at("sync.after_commit", &["run"]);
    project.ok(&["run"]);
    let outcomes: Vec<Value> = json(&project, &[]).iter().map(|run| run["outcome"].clone()).collect();
    assert_eq!(outcomes, ["succeeded", "interrupted", "succeeded", "interrupted"]);
    assert_eq!(
        project.pushed("select outcome, count(*)::text as n from etl.run group by 1 order by 1"),
        ["interrupted,2", "succeeded,2"]
    );
    let message = project.pushed("select message from etl.run where outcome = 'interrupted' limit 1");
    assert_eq!(message, ["the process ended in the middle of the run"]);
}

#[test]
fn a_failed_check_is_kept_with_its_name() {
    let project = Project::new();
    one_sale(&project, 1);
    project.ok(&["run"]);
    project.write("sql/checks/no_sales.sql", "select sale_id from fact_sales");
    project.fails(&["run"]);
    let run = &json(&project, &[])[0];
    assert_eq!(run["checks"]["failed"], serde_json::json!(["no_sales"]), "{run}");
    let recorded = project.pushed("select outcome, checks_failed::text as n from etl.run order by run_id");
    assert_eq!(recorded, ["succeeded,0", "failed,1"]);

    // A project that cannot even be opened.
    project.write("data/contracts/sales.toml", "files = ");
    project.fails(&["run"]);
    assert_eq!(json(&project, &[])[0]["outcome"], "failed");
}

#[test]
fn runs_that_the_warehouse_could_not_take_are_sent_later() {
    let project = Project::new();
    one_sale(&project, 1);
    project.ok(&["run"]);
    project.warehouse().batch_execute("alter table etl.run rename to put_aside").unwrap();
    project.ok(&["run"]);
    assert!(project.fails(&["history", "--from", "warehouse"]).contains("salesmart migrate"));
    project.warehouse().batch_execute("alter table etl.put_aside rename to run").unwrap();
    project.ok(&["run"]);
    assert_eq!(json(&project, &["--from", "warehouse"]), json(&project, &[]));
    let comments = "select count(*)::text as n from information_schema.columns
                    where table_schema = 'etl' and table_name = 'run' and col_description('etl.run'::regclass, ordinal_position) is null";
    assert_eq!(project.pushed(comments), ["0"]);
    assert_eq!(
        project.pushed("select has_table_privilege('salesmart_reader', 'etl.run', 'select')::text as r"),
        ["true"]
    );
}

#[test]
fn files_that_were_loaded_before_a_source_stopped_the_run_are_counted() {
    let project = Project::new();
    one_sale(&project, 1);
    let contract = "files = \"data/raw/targets_*.csv\"\n[columns]\nid = { type = \"varchar\" }\n";
    std::fs::write(project.path("data/contracts/targets.toml"), contract).unwrap();
    assert!(project.fails(&["run"]).contains("targets"));
    let run = &json(&project, &[])[0];
    assert_eq!(
        (&run["outcome"], &run["files"]["loaded"], &run["rows"]["accepted"]),
        (&"failed".into(), &1.into(), &1.into())
    );
}
