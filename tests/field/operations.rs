//! Operation: memory, clocks, wild records, and what the program says of itself.

use std::process::Command;

use rustix::process::Signal;

use crate::harness::running::Running;
use crate::harness::{Project, sale};

/// A project with a few sales, and this in `[staging]`.
fn with_staging(keys: &str) -> Project {
    let project = Project::new();
    project.edit("salesmart.toml", "[staging]\n", &format!("[staging]\n{keys}\n"));
    let records: Vec<String> =
        (1..=9).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-05-01 10:00:00", "C1", "P1", "2")).collect();
    project.sales("sales_1.csv", &records);
    project
}

/// A step that needs some 700 MB in memory: what `run` allows loading is less than half of it.
fn write_wide_model(project: &Project) {
    project.write(
        "sql/intermediate/int_wide.sql",
        "-- One row per number, by way of texts that are all different.\n-- key: digits\nwith\n\ntexts as (\n\n    \
         select md5(cast(range as varchar)) || md5(cast(range + 1 as varchar)) as digits from range(6000000)\n\n)\n\n\
         select digits, count(*) as lines from texts group by digits having count(*) > 1 or digits like '00000%'\n",
    );
}

#[test]
fn field_e1_run_builds_with_the_memory_of_the_project_and_not_with_that_of_loading() {
    let project = with_staging("");
    for number in 1..=600 {
        project.write(
            &format!("sql/intermediate/int_{number:03}.sql"),
            format!("-- One row per product.\n-- key: product_code\nselect distinct product_code, {number} as n from stg_sales\n"),
        );
    }
    project.ok(&["run"]);
    assert_eq!(project.staged("select n from int_600"), ["600"]);
}

#[test]
fn field_e1_a_model_that_needs_more_than_the_limit_spills_and_leaves_nothing_behind() {
    let project = with_staging("memory_limit = \"300MB\"");
    write_wide_model(&project);
    project.ok(&["run"]);
    assert!(!project.path("data/staging.duckdb.tmp").exists());
    // What a killed process left goes, with the next one that has the file to itself; a file of somebody else stays.
    project.write("data/staging.duckdb.tmp/duckdb_temp_storage_DEFAULT-0.tmp", "x");
    project.write("data/staging.duckdb.tmp/notes.txt", "x");
    project.ok(&["build"]);
    assert!(!project.path("data/staging.duckdb.tmp/duckdb_temp_storage_DEFAULT-0.tmp").exists());
    assert!(project.path("data/staging.duckdb.tmp/notes.txt").exists());
}

#[test]
fn field_e1_out_of_memory_names_the_model_the_key_and_its_value() {
    let project = with_staging("memory_limit = \"100MB\"");
    project.write(
        "sql/intermediate/int_list.sql",
        "-- One row.\n-- key: n\nselect 1 as n, list(range) as numbers from range(60000000)\n",
    );
    for command in ["run", "build"] {
        let error = project.fails(&[command]);
        assert!(error.contains("staging.memory_limit = \"100MB\"") && error.contains("raise it"), "{error}");
        assert!(error.contains("int_list.sql"), "{error}");
    }
    project.edit("salesmart.toml", "memory_limit = \"100MB\"\n", "");
    project.edit("sql/intermediate/int_list.sql", "60000000", "600000000");
    let error = project.fails(&["run"]);
    assert!(
        error.contains("staging.memory_limit is not set, which allows ") && error.contains("set it to more"),
        "{error}"
    );
}

#[test]
fn field_e1_a_memory_limit_that_makes_no_sense_is_refused_with_its_line() {
    for wrong in ["\"lots\"", "\"500\"", "\"-1GB\"", "\"5MB\"", "500", "\"\""] {
        let error = with_staging(&format!("memory_limit = {wrong}")).fails(&["ls"]);
        assert!(error.contains("salesmart.toml:5: ") && error.contains("\"4GB\""), "{wrong}: {error}");
    }
}

/// The line that says when the next run is, under this `TZ`.
fn next_run(project: &Project, zone: &str) -> String {
    let mut running = Running::start(project.command(&["run", "--cron", "0 12 1 1 *"]).env("TZ", zone));
    let said = running.until("next ");
    assert_eq!(running.end_by(Signal::TERM), Some(0));
    said
}

#[test]
fn field_i6_the_next_run_is_said_with_the_offset_of_tz() {
    let project = Project::new();
    for (zone, offset) in [
        ("Asia/Tokyo", "+09:00"),
        (":Asia/Tokyo", "+09:00"),
        ("<+0530>-5:30", "+05:30"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "+01:00"),
        ("", "+00:00"),
        ("Europe/Berlin", "+01:00"),
    ] {
        let said = next_run(&project, zone);
        assert!(said.contains(&format!("-01-01 12:00:00 {offset}")), "{zone}: {said}");
    }
}

#[test]
fn field_i6_a_tz_that_is_no_time_zone_ends_a_schedule_before_it_begins() {
    let project = Project::new();
    for schedule in [["--cron", "*/15 * * * *"], ["--every", "1h"]] {
        let mut command: Command = project.command(&[&["run"], &schedule[..]].concat());
        let outcome = crate::harness::Outcome::of(command.env("TZ", "Europe/Berln"));
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(
            outcome.stderr.contains("TZ=\"Europe/Berln\" is no time zone, did you mean `Europe/Berlin`?"),
            "{outcome:?}"
        );
    }
}
