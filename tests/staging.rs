//! The staging file: one holder at a time, and disposable.

use crate::harness::{Project, sale};

fn project() -> Project {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project
}

#[test]
fn a_locked_staging_file_names_its_holder() {
    let project = project();
    project.ok(&["run"]);
    let held = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    let error = project.fails(&["run"]);
    assert!(error.contains(&format!("staging.duckdb is in use by process {}", std::process::id())), "{error}");
    assert!(error.contains("wait for it to end"), "{error}");
    drop(held);
    project.ok(&["run"]);
}

#[test]
fn a_damaged_staging_file_is_explained_and_can_be_moved_away() {
    let project = project();
    project.ok(&["run"]);
    let before = project.warehouse_content();
    let writers = project.writers("fact_sales");
    project.write("data/staging.duckdb", vec![0x42; 20_000]);
    let error = project.fails(&["run"]);
    assert!(error.contains("damaged or not a DuckDB file") && error.contains("move it away and run again"), "{error}");
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.ok(&["run"]);
    assert_eq!(project.warehouse_content(), before);
    assert_eq!(project.writers("fact_sales"), writers);
}

#[test]
fn a_foreign_duckdb_file_of_another_layout_is_refused() {
    let project = project();
    let conn = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    conn.execute_batch("create schema meta; create table meta.layout as select 99 as version").unwrap();
    drop(conn);
    for verb in ["run", "ls", "docs", "show"] {
        let args: &[&str] = if verb == "show" { &["show", "fact_sales"] } else { &[verb] };
        let error = project.fails(args);
        assert!(error.contains("has layout 99, this program needs 5"), "{verb}: {error}");
    }
}

#[test]
fn a_full_disk_is_a_clear_error_and_nothing_is_lost() {
    let project = project();
    project.ok(&["run"]);
    let small = project.path("small");
    std::fs::create_dir(&small).unwrap();
    let mounted =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: a small file system cannot be mounted here");
        return;
    }
    project.write("salesmart.toml", "[staging]\nfile = \"small/staging.duckdb\"\n");
    let records: Vec<String> = (0..200_000)
        .map(|number| {
            sale(
                &format!("T{number}-{}", number * 7919 % 100_003),
                "O1",
                "2024-01-01 10:00:00",
                &format!("C{number}"),
                "P1",
                "1",
            )
        })
        .collect();
    project.sales("sales_2.csv", &records);
    let outcome = project.run(&["run"]);
    project.write("salesmart.toml", "");
    let unmounted = std::process::Command::new("umount").arg(&small).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("the disk is full; make room and run again"), "{}", outcome.stderr);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1"]);
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["200001"]);
}
