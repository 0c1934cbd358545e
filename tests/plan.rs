//! The plan of a sync, guards, and syncs that are held to a plan.

use crate::harness::{Cluster, Project, sale};

fn project() -> Project {
    let project = Project::new();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10"),
            sale("T2", "O2", "2024-01-02 10:00:00", "C2", "P2", "20"),
            sale("T3", "O3", "2024-02-01 10:00:00", "C2", "P2", "30"),
        ],
    );
    project.ok(&["run"]);
    project
}

/// T1 is dearer, T3 moves to a new month, T4 comes.
fn change(project: &Project) {
    project.sales(
        "sales_2.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "12.5"),
            sale("T3", "O3", "2024-03-01 10:00:00", "C2", "P2", "30"),
            sale("T4", "O4", "2024-03-02 10:00:00", "C3", "P1", "7"),
        ],
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
}

fn planned(project: &Project) -> serde_json::Value {
    serde_json::from_str(&project.ok(&["plan", "--format", "json"]).stdout).unwrap()
}

fn table<'a>(plan: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    plan["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap()
}

#[test]
fn a_plan_says_what_changes_by_month_with_money_and_rows_and_writes_nothing() {
    let project = project();
    change(&project);
    let (content, ledger) = (project.warehouse_content(), project.pushed("select count(*) as n from etl.sync_run"));
    let plan = planned(&project);
    let facts = table(&plan, "fact_sales");
    let expected = serde_json::json!([
        {"month": 202401, "inserted": 0, "updated": 1, "deleted": 0, "change": "2.5000"},
        {"month": 202402, "inserted": 0, "updated": 0, "deleted": 1, "change": "-30.0000"},
        {"month": 202403, "inserted": 2, "updated": 0, "deleted": 0, "change": "37.0000"},
    ]);
    assert_eq!(facts["months"], expected);
    assert_eq!(facts["money"], "revenue");
    let samples = facts["samples"].as_array().unwrap();
    let update = samples.iter().find(|sample| sample["op"] == "update").unwrap();
    assert_eq!((&update["before"]["revenue"], &update["after"]["revenue"]), (&"10.0000".into(), &"12.5000".into()));
    assert_eq!(update["before"]["transaction_id"], "T1");
    let delete = samples.iter().find(|sample| sample["op"] == "delete").unwrap();
    assert!(delete["after"].is_null() && delete["before"]["transaction_id"] == "T3", "{delete}");
    assert_eq!(samples.iter().filter(|sample| sample["op"] == "insert").count(), 2);
    assert_eq!(table(&plan, "dim_customer")["months"][0]["month"], serde_json::Value::Null);

    let text = project.ok(&["plan"]).stdout;
    assert!(text.contains("the next sync (after sync 1) would change"), "{text}");
    assert!(text.contains("revenue 10.0000 → 12.5000"), "{text}");
    assert!(
        text.lines().any(|line| line.split_whitespace().eq(["fact_sales", "2024-02", "1", "-30.0000", "revenue"])),
        "{text}"
    );
    assert_eq!(project.ok(&["sync", "--dry-run"]).stdout, text);
    assert!(project.warehouse_content() == content);
    assert_eq!(project.pushed("select count(*) as n from etl.sync_run"), ledger);

    project.ok(&["sync", "--allow-deletes"]);
    project.warehouse_equals_marts("after the sync");
    assert_eq!(project.ok(&["plan"]).stdout, "nothing to push: the warehouse holds what the marts hold\n");
}

#[test]
fn a_saved_plan_is_done_exactly_or_not_at_all() {
    let project = project();
    change(&project);
    project.ok(&["plan", "--out", "plan.json"]);
    // The marts move on.
    project.sales("sales_3.csv", &[sale("T5", "O5", "2024-01-05 10:00:00", "C1", "P1", "1")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let before = project.warehouse_content();
    let error = project.fails(&["sync", "--plan", "plan.json", "--allow-deletes"]);
    assert!(error.contains("this is not what was planned, so nothing was changed"), "{error}");
    assert!(
        error.contains("fact_sales: the plan has 2 inserts, 1 update, 1 delete, and now there are 3 inserts"),
        "{error}"
    );
    assert!(project.warehouse_content() == before);
    // Back to what was planned; rows with other content are as bad as other rows.
    project.ok(&["forget", "data/raw/sales_3.csv"]);
    std::fs::remove_file(project.path("data/raw/sales_3.csv")).unwrap();
    project.edit("data/raw/sales_2.csv", "12.5,12.5", "12.6,12.6");
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let error = project.fails(&["sync", "--plan", "plan.json", "--allow-deletes"]);
    assert!(
        error.contains("fact_sales: the plan has 2 inserts, 1 update, 1 delete, and now there are others"),
        "{error}"
    );
    project.edit("data/raw/sales_2.csv", "12.6,12.6", "12.5,12.5");
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let report = project.ok(&["sync", "--plan", "plan.json", "--allow-deletes"]).stdout;
    assert!(report.contains("fact_sales                 2 inserted, 1 updated, 1 deleted"), "{report}");
    // Once.
    let error = project.fails(&["sync", "--plan", "plan.json"]);
    assert!(error.contains("the plan was made after sync 1, and the warehouse is at sync 2"), "{error}");
}

#[test]
fn what_is_no_plan_is_refused() {
    let project = project();
    assert!(project.fails(&["sync", "--plan", "none.json"]).contains("cannot read the plan none.json"));
    project.write("other.json", "{\"format\": 1}");
    let error = project.fails(&["sync", "--plan", "other.json"]);
    assert!(error.contains("other.json is not a plan of salesmart"), "{error}");
    project.write("new.json", r#"{"format": 9, "after": null, "tables": [], "objections": []}"#);
    assert!(project.fails(&["sync", "--plan", "new.json"]).contains("form 9; this program writes and reads form 1"));
    project.ok(&["plan", "--out", "plan.json"]);
    assert!(project.fails(&["sync", "--plan", "plan.json", "--full-refresh"]).contains("leave out one of the two"));
    assert!(project.fails(&["plan", "--out", "no/such/folder.json"]).contains("cannot write the plan"));
}

fn many(month: u32, count: u32) -> Vec<String> {
    (0..count)
        .map(|number| {
            sale(
                &format!("T{month}-{number}"),
                &format!("O{number}"),
                &format!("2024-{month:02}-01 10:00:00"),
                "C1",
                "P1",
                "1",
            )
        })
        .collect()
}

#[test]
fn an_empty_file_in_the_place_of_a_full_one_does_not_empty_the_warehouse() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "delimiter", "allow_empty = true\ndelimiter");
    // Small enough for max_delete_pct, and still a whole month.
    project.sales("sales_1.csv", &many(1, 3000));
    project.sales("sales_2.csv", &many(2, 120));
    project.ok(&["run"]);
    let before = project.warehouse_content();
    project.sales("sales_2.csv", &[]);
    let error = project.fails(&["run"]);
    assert!(error.contains("would leave mart.\"fact_sales\" without a row in 202402; is a file empty?"), "{error}");
    let plan = project.ok(&["plan"]);
    assert!(plan.stderr.contains("the sync will stop unless it is run with --allow-deletes"), "{}", plan.stderr);
    // All of it.
    project.sales("sales_1.csv", &[]);
    let error = project.fails(&["run"]);
    assert!(error.contains("without a row, where ") && error.contains("is a source empty?"), "{error}");
    assert!(project.warehouse_content() == before);
    project.ok(&["run", "--allow-deletes"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["0"]);
    project.warehouse_equals_marts("empty");
}

#[test]
fn many_deletes_are_stopped_and_moves_are_none() {
    let project = Project::new();
    project.sales("sales_1.csv", &many(1, 400));
    project.ok(&["run"]);
    project.sales("sales_1.csv", &many(1, 370));
    let error = project.fails(&["run"]);
    assert!(
        error.contains(
            "would delete 30 of the 400 rows of mart.\"fact_sales\" (7.5 %, more than sync.max_delete_pct = 5)"
        ),
        "{error}"
    );
    project.write("salesmart.toml", "[sync]\nmax_delete_pct = 8.0\n");
    project.ok(&["run"]);
    let moved: Vec<String> = many(1, 370)
        .iter()
        .enumerate()
        .map(|(number, line)| if number % 2 == 0 { line.replace("2024-01-01", "2024-05-01") } else { line.clone() })
        .collect();
    project.sales("sales_1.csv", &moved);
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("fact_sales                 185 inserted, 185 deleted"), "{report}");
    project.warehouse_equals_marts("after the move");
}

#[test]
fn a_second_sync_need_not_wait() {
    let project = project();
    change(&project);
    let mut other = project.warehouse();
    other.batch_execute("set application_name = 'another sync'").unwrap();
    other.execute("select pg_advisory_lock($1)", &[&salesmart_sync::ledger::LOCK]).unwrap();
    for verb in ["sync", "plan", "run", "verify"] {
        let error = project.fails(&[verb, "--no-wait"]);
        assert!(error.contains("another sync is at work (another sync, salesmart from 127.0.0.1"), "{verb}: {error}");
    }
    drop(other);
    project.ok(&["sync", "--no-wait"]);
}

#[test]
fn a_first_plan_is_made_of_a_warehouse_that_holds_nothing() {
    let mut project = project();
    project.set_url(Cluster::get().database());
    let plan = planned(&project);
    assert!(plan["after"].is_null());
    assert_eq!(table(&plan, "fact_sales")["inserted"], 3);
    project.ok(&["plan", "--out", "first.json", "--samples", "0"]);
    project.ok(&["sync", "--plan", "first.json"]);
    project.warehouse_equals_marts("after the planned first sync");
}
