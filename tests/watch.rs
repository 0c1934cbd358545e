//! Watching: every save is rebuilt, shown and forgotten, until Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::Project;
use crate::harness::running::Running;

const FILE: &str = "sql/staging/stg_x.sql";

const MODEL: &str = "-- key: id
select id, revenue::decimal(18,2) as revenue
from (values (1, 10.00), (2, 20.00)) as t (id, revenue)";

/// A `salesmart watch` that watches, and what it said up to then.
fn watch(project: &Project, args: &[&str]) -> (Running, String) {
    let mut watch = Running::start(&mut project.command(&[&["watch"], args].concat()));
    let first = watch.until("Ctrl-C ends it");
    (watch, first)
}

fn project() -> Project {
    let project = Project::new();
    project.write(FILE, MODEL);
    project.ok(&["build"]);
    project
}

#[test]
fn a_save_shows_rows_time_and_the_difference_to_what_is_published() {
    let project = project();
    let (mut watch, first) = watch(&project, &[]);
    assert!(first.contains("models up to date") && first.contains("no differences"), "{first}");
    project.edit(FILE, "20.00", "25.50");
    let seen = watch.until("from save to result, not published");
    assert!(seen.contains("saved   sql/staging/stg_x.sql"), "{seen}");
    assert!(seen.lines().any(|line| line.starts_with("build   stg_x ") && line.contains(" 2 rows ")), "{seen}");
    assert!(seen.contains("revenue  30.00 → 35.50   +5.50") && seen.contains("revenue  20.00 → 25.50"), "{seen}");

    // Others may use the staging file between saves.
    assert_eq!(project.staged("select revenue from stg_x order by id"), ["10.00", "20.00"]);

    // The next difference is still the one to what is published, not to the last save.
    project.edit(FILE, "10.00", "11.00");
    let seen = watch.until("from save to result, not published");
    assert!(seen.contains("revenue  30.00 → 36.50   +6.50"), "{seen}");
    project.write(FILE, MODEL);
    let seen = watch.until("from save to result");
    assert!(seen.contains("no differences"), "{seen}");
    assert_eq!(watch.end_by(Signal::INT), Some(130));
    project.ok(&["build"]);
}

#[test]
fn errors_and_failed_checks_are_said_and_watching_goes_on() {
    let project = project();
    let (mut watch, _) = watch(&project, &["stg_x"]);
    project.edit(FILE, "from (values", "frm (values");
    let seen = watch.until("error:");
    assert!(seen.contains("stg_x.sql:3: "), "{seen}");
    // The same file again, still broken.
    project.edit(FILE, "frm", "frm");
    watch.until("stg_x.sql:3: ");
    project.write(FILE, MODEL.replace("(2, 20.00)", "(1, 20.00)"));
    let seen = watch.until("checks failed: stg_x_key");
    assert!(seen.contains("saved   sql/staging/stg_x.sql"), "{seen}");
    project.write(FILE, MODEL.replace("-- key: id", "-- kee: id"));
    watch.until("did you mean `key:`?");
    project.write("salesmart.toml", "[staging]\nfil = 1");
    watch.until("salesmart.toml");
    project.write("salesmart.toml", "");
    project.write(FILE, MODEL.replace("20.00", "21.00"));
    watch.until("revenue  30.00 → 31.00   +1.00");
    assert_eq!(watch.end_by(Signal::TERM), Some(143));
}

#[test]
fn models_come_and_go_and_checks_count() {
    let project = project();
    let (mut watch, _) = watch(&project, &[]);
    project.write("sql/marts/agg_y.sql", "-- key: id\nselect id from stg_x");
    watch.until("agg_y  is new: 2 rows");
    watch.until("not published");
    std::fs::remove_file(project.path("sql/marts/agg_y.sql")).unwrap();
    watch.until("no differences");
    project.write("sql/checks/cheap.sql", "select id from stg_x where revenue > 15");
    watch.until("checks failed: cheap");
    std::fs::remove_file(project.path("sql/checks/cheap.sql")).unwrap();
    watch.until("from save to result");
    std::fs::remove_file(project.path(FILE)).unwrap();
    watch.until("stg_x  is gone: 2 rows");
    watch.end_by(Signal::INT);
}

#[test]
fn publishing_after_every_good_save_is_a_choice() {
    let project = project();
    let (mut watch, _) = watch(&project, &["--publish"]);
    project.edit(FILE, "20.00", "25.00");
    watch.until("from save to result, published");
    assert_eq!(project.staged("select revenue from stg_x order by id"), ["10.00", "25.00"]);
    project.edit(FILE, "25.00", "26.00");
    let seen = watch.until("from save to result, published");
    assert!(seen.contains("revenue  25.00 → 26.00"), "{seen}");
    project.edit(FILE, "(1, 10.00)", "(2, 10.00)");
    watch.until("checks failed");
    watch.end_by(Signal::INT);
    assert_eq!(project.staged("select revenue from stg_x order by id"), ["10.00", "26.00"]);
}

#[test]
fn a_staging_file_in_use_is_tried_again_on_the_next_save() {
    let project = project();
    let (mut watch, _) = watch(&project, &[]);
    let holder = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    project.edit(FILE, "20.00", "25.00");
    watch.until(&format!("is in use by process {}", std::process::id()));
    drop(holder);
    // Saved again, without a change.
    project.edit(FILE, "25.00", "25.00");
    watch.until("revenue  30.00 → 35.00   +5.00");
    watch.end_by(Signal::INT);
}

#[test]
fn json_lines_are_for_programs() {
    let project = project();
    let mut child = project
        .command(&["watch", "--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |stage: &str| -> serde_json::Value {
        loop {
            let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            if line["stage"] == stage || line["message"].as_str().is_some_and(|message| message.contains(stage)) {
                return line;
            }
        }
    };
    next("Ctrl-C");
    project.edit(FILE, "20.00", "25.00");
    assert_eq!(next("watch")["finding"]["saved"], serde_json::json!([FILE]));
    assert_eq!(next("diff")["finding"]["totals"][0]["delta"], "5.00");
    assert!(next("watch")["seconds"].as_f64().is_some());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_cannot_be_watched_is_said_at_once() {
    let project = project();
    let error = project.fails(&["watch", "stg_y"]);
    assert!(error.contains("there is no model stg_y; did you mean stg_x?"), "{error}");
    let error = Project::new().fails(&["watch"]);
    assert!(error.contains("is not there yet; run `salesmart run`"), "{error}");
}
