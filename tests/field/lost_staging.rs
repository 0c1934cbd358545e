//! A lost staging file, and files that were archived after they were loaded: nothing of theirs leaves the warehouse unasked.

use crate::harness::{Project, sale};

/// Sales of one order each, in January: `count` of them from number `first`.
fn sales(project: &Project, name: &str, first: u32, count: u32) {
    let records: Vec<String> = (first..first + count)
        .map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-01-02 10:00:00", &format!("C{n}"), "P1", "10"))
        .collect();
    project.sales(name, &records);
}

/// Two hundred sales in one file and two in another: fewer than the guard would stop for.
fn project() -> Project {
    let project = Project::new();
    sales(&project, "sales_1.csv", 1000, 200);
    sales(&project, "sales_2.csv", 2000, 2);
    project.ok(&["run"]);
    project
}

fn lose_staging(project: &Project) {
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
}

fn archive(project: &Project, name: &str) {
    std::fs::create_dir_all(project.path("archive")).unwrap();
    std::fs::rename(project.path("data/raw").join(name), project.path("archive").join(name)).unwrap();
}

fn bring_back(project: &Project, name: &str) {
    std::fs::rename(project.path("archive").join(name), project.path("data/raw").join(name)).unwrap();
}

fn count(project: &Project) -> String {
    project.pushed("select count(*) as n from mart.fact_sales").remove(0)
}

fn listed(project: &Project) -> Vec<String> {
    project.pushed("select source, file, rows from etl.source_file order by file")
}

#[test]
fn field_h8_an_archived_file_and_a_lost_staging_file_delete_nothing_and_the_file_is_named() {
    let project = project();
    assert_eq!(listed(&project), ["sales,data/raw/sales_1.csv,200", "sales,data/raw/sales_2.csv,2"]);
    archive(&project, "sales_2.csv");
    // With the staging file, an archived file is no news.
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    lose_staging(&project);
    for args in [&["run"][..], &["run", "--allow-deletes"], &["sync", "--full-refresh", "--allow-deletes"]] {
        let error = project.fails(args);
        assert!(error.contains("1 file that this project has not loaded"), "{error}");
        assert!(
            error.contains("data/raw/sales_2.csv") && error.contains("salesmart forget data/raw/sales_2.csv"),
            "{error}"
        );
        assert_eq!(count(&project), "202", "{args:?}");
    }
    let plan = project.ok(&["plan"]);
    assert!(plan.stderr.contains("data/raw/sales_2.csv"), "{}{}", plan.stdout, plan.stderr);
    // Put back, it is as if nothing had happened.
    bring_back(&project, "sales_2.csv");
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_eq!(count(&project), "202");
    project.ok(&["verify"]);
}

#[test]
fn field_h8_a_file_that_only_the_warehouse_knows_can_be_forgotten() {
    let project = project();
    archive(&project, "sales_2.csv");
    lose_staging(&project);
    project.fails(&["run"]);
    assert!(project.fails(&["forget", "data/raw/sales_9.csv"]).contains("is not loaded"));
    project.ok(&["forget", "data/raw/sales_2.csv"]);
    assert_eq!(count(&project), "202", "the next run does it");
    project.ok(&["run"]);
    assert_eq!(count(&project), "200");
    assert_eq!(listed(&project), ["sales,data/raw/sales_1.csv,200"]);
    // A file of this name that comes back is loaded and listed as any other.
    bring_back(&project, "sales_2.csv");
    project.ok(&["run"]);
    assert_eq!(count(&project), "202");
    archive(&project, "sales_2.csv");
    lose_staging(&project);
    assert!(
        project.fails(&["run"]).contains("data/raw/sales_2.csv"),
        "that it was withdrawn once does not count any more"
    );
}

#[test]
fn field_h8_several_files_are_named_and_forgotten_at_once() {
    let project = project();
    sales(&project, "sales_3.csv", 3000, 2);
    project.ok(&["run"]);
    archive(&project, "sales_2.csv");
    archive(&project, "sales_3.csv");
    lose_staging(&project);
    sales(&project, "sales_4.csv", 4000, 5);
    let error = project.fails(&["run"]);
    assert!(error.contains("2 files") && error.contains("sales_2.csv") && error.contains("sales_3.csv"), "{error}");
    assert_eq!(count(&project), "204", "nothing is pushed beside a loss");
    project.ok(&["forget", "data/raw/sales_2.csv", "data/raw/sales_3.csv"]);
    project.ok(&["run"]);
    assert_eq!(count(&project), "205");
}

#[test]
fn field_h8_a_renamed_or_corrected_file_is_not_missing() {
    let project = project();
    lose_staging(&project);
    std::fs::rename(project.path("data/raw/sales_2.csv"), project.path("data/raw/sales_02.csv")).unwrap();
    project.ok(&["run"]);
    assert_eq!(listed(&project), ["sales,data/raw/sales_02.csv,2", "sales,data/raw/sales_1.csv,200"]);
    lose_staging(&project);
    // Same name, other content: one of its two sales was withdrawn by whoever wrote it.
    sales(&project, "sales_02.csv", 2000, 1);
    project.ok(&["run"]);
    assert_eq!(count(&project), "201");
    // Without effect on any row it is noted as well.
    project.write("archive/copy", std::fs::read(project.path("data/raw/sales_02.csv")).unwrap());
    std::fs::rename(project.path("archive/copy"), project.path("data/raw/sales_05.csv")).unwrap();
    std::fs::remove_file(project.path("data/raw/sales_02.csv")).unwrap();
    project.ok(&["run"]);
    lose_staging(&project);
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_eq!(listed(&project), ["sales,data/raw/sales_05.csv,1", "sales,data/raw/sales_1.csv,200"]);
}

#[test]
fn field_h8_a_second_project_does_not_delete_the_rows_of_the_first() {
    let project = project();
    let other = Project::with_url(Some(project.url().to_owned()));
    sales(&other, "sales_1.csv", 1000, 200);
    let error = other.fails(&["run"]);
    assert!(error.contains("data/raw/sales_2.csv"), "{error}");
    assert_eq!(count(&project), "202");
}

#[test]
fn field_h8_a_warehouse_of_an_earlier_version_without_a_list_is_not_emptied_unasked() {
    let project = project();
    project.warehouse().batch_execute("delete from etl.source_file").unwrap();
    archive(&project, "sales_2.csv");
    lose_staging(&project);
    for _ in 0..2 {
        let error = project.fails(&["run"]);
        assert!(error.contains("kept no list of its files") && error.contains("--allow-deletes"), "{error}");
        assert_eq!(count(&project), "202");
    }
    bring_back(&project, "sales_2.csv");
    project.ok(&["run"]);
    assert_eq!(listed(&project), ["sales,data/raw/sales_1.csv,200", "sales,data/raw/sales_2.csv,2"]);
}

#[test]
fn field_h9_after_a_change_of_the_contract_every_archived_file_is_named_with_the_ways_out() {
    let project = project();
    sales(&project, "sales_3.csv", 3000, 2);
    project.ok(&["run"]);
    archive(&project, "sales_2.csv");
    archive(&project, "sales_3.csv");
    project.edit("data/contracts/sales.toml", "header = \"Store\"", "header = \"Store\", nulls = [\"\", \"Ulm 1\"]");
    let error = project.fails(&["run"]);
    for part in [
        "data/raw/sales_2.csv",
        "data/raw/sales_3.csv",
        "Put them back",
        "salesmart forget FILE",
        "Nothing was changed",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(count(&project), "204");
}

#[test]
fn field_h9_rows_of_archived_files_stay_where_a_change_of_the_contract_touches_none_of_them() {
    let project = project();
    archive(&project, "sales_2.csv");
    let contract = "data/contracts/sales.toml";
    let store = "store          = { header = \"Store\", type = \"varchar\"";
    let changes = [
        (store.to_owned(), format!("{store}, aliases = [\"Shop\"]")),
        (format!("{store}, aliases = [\"Shop\"]"), format!("{store}, aliases = [\"Shop\"], nulls = [\"\", \"n/a\"]")),
        (
            "[columns]".to_owned(),
            "[columns]\nchannel = { header = \"Channel\", type = \"varchar\", optional = true }".to_owned(),
        ),
        (
            "channel = { header = \"Channel\", type = \"varchar\"".to_owned(),
            "channel = { header = \"Channel\", type = \"varchar\", max_length = 20".to_owned(),
        ),
        (
            "type = \"money\", required = true, min = \"0\"".to_owned(),
            "type = \"decimal(20,5)\", required = true, min = \"-1\"".to_owned(),
        ),
    ];
    for (from, to) in changes {
        project.edit(contract, &from, &to);
        let run = project.ok(&["run"]);
        assert!(
            run.stderr.contains("1 file is gone from the folder, and the change touches none of their rows"),
            "{to}: {}",
            run.stderr
        );
        assert!(run.stdout.contains("1 file read"), "{to}: {}", run.stdout);
        assert_eq!(
            project.staged("select file, accepted from ingest.files order by 1"),
            ["data/raw/sales_1.csv,200", "data/raw/sales_2.csv,2"]
        );
        assert_eq!(count(&project), "202", "{to}");
        project.warehouse_equals_marts(&to);
    }
    assert_eq!(
        project.staged("select typeof(unit_price), count(*) from raw.sales group by 1"),
        ["\"DECIMAL(20,5)\",202"]
    );
    project.ok(&["test"]);
    // Back in the folder it is the same file; withdrawn it goes as any other.
    bring_back(&project, "sales_2.csv");
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    archive(&project, "sales_2.csv");
    project.ok(&["forget", "data/raw/sales_2.csv"]);
    project.ok(&["run"]);
    assert_eq!(count(&project), "200");
}

#[test]
fn field_h9_what_has_to_be_read_again_is_said_file_by_file() {
    let project = project();
    let mut records = vec![sale("T9001", "O9001", "2024-01-02 10:00:00", "", "P1", "10")];
    records.push(sale("T9002", "O9002", "2024-01-02 10:00:00", "C1", "P1", "10").replace("Ulm 1", "closed"));
    project.sales("sales_3.csv", &records);
    project.ok(&["run"]);
    archive(&project, "sales_2.csv");
    archive(&project, "sales_3.csv");
    let contract = "data/contracts/sales.toml";
    let before = std::fs::read_to_string(project.path(contract)).unwrap();
    let store = "store          = { header = \"Store\", type = \"varchar\"";
    let refused = |from: &str, to: &str| {
        project.edit(contract, from, to);
        let error = project.fails(&["run"]);
        project.write(contract, &before);
        error
    };
    let error = refused(store, &format!("{store}, nulls = [\"\", \"closed\"]"));
    assert!(error.contains("data/raw/sales_3.csv: it has the value \"closed\" in store"), "{error}");
    assert!(!error.contains("sales_2.csv") && error.contains("1 is gone"), "{error}");
    let error = refused("max_length = 200 }\nquantity", "max_length = 5 }\nquantity");
    assert!(error.contains("data/raw/sales_3.csv: it has values of store that break its new rules"), "{error}");
    let error = refused("decimal = \".\"", "decimal = \",\"");
    assert!(error.contains("2 are gone") && error.contains("data/raw/sales_2.csv: "), "{error}");
    assert_eq!(count(&project), "204");
}

#[test]
fn field_h8_a_staging_file_of_an_earlier_version_gets_what_it_lacks() {
    let project = project();
    let conn = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    conn.execute_batch("drop table ingest.withdrawn; drop table ingest.meanings").unwrap();
    drop(conn);
    project.warehouse().batch_execute("delete from etl.source_file").unwrap();
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_eq!(listed(&project), ["sales,data/raw/sales_1.csv,200", "sales,data/raw/sales_2.csv,2"]);
    // What its contract said is noted now.
    archive(&project, "sales_2.csv");
    let store = "store          = { header = \"Store\", type = \"varchar\"";
    project.edit("data/contracts/sales.toml", store, &format!("{store}, aliases = [\"Shop\"]"));
    project.ok(&["run"]);
    assert_eq!(count(&project), "202");
}
