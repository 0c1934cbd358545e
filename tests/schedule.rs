//! Scheduled runs: at intervals, by the calendar, as files arrive; stopped, killed, met by others, failing.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::running::{PATIENCE, Running};
use crate::harness::{Cluster, Project, SALES_HEADER, sale};

fn scheduled(project: &Project, args: &[&str]) -> Running {
    Running::start(&mut project.command(&[&["run"], args].concat()))
}

/// A sale that no other number has.
fn numbered(number: u32) -> String {
    let day = format!("2024-{:02}-{:02} 10:00:00", number % 12 + 1, number % 28 + 1);
    sale(&format!("T{number}"), &format!("O{number}"), &day, &format!("C{}", number % 7), "P1", "10")
}

/// Runs in the staging file, oldest first.
fn runs(project: &Project) -> Vec<Value> {
    let said = project.ok(&["history", "--format", "json", "--limit", "100000"]).stdout;
    said.lines().rev().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcomes(project: &Project) -> Vec<String> {
    runs(project).iter().map(|run| run["outcome"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_hundred_files_arrive_once_through_a_kill_and_a_stop() {
    const FILES: u32 = 100;
    let project = Project::new();
    for number in 0..FILES {
        let records: Vec<String> = (0..3).map(|line| numbered(number * 3 + line)).collect();
        let content = format!("{SALES_HEADER}\n{}\n", records.join("\n"));
        project.write(&format!("outside/sales_{number:03}.csv"), content);
    }
    let mut first = scheduled(&project, &["--every", "2s", "--settle", "500ms"]);
    // Another process that writes under the final name, and stops in the middle of each file.
    let drop = "for file in outside/*.csv; do
                    name=data/raw/$(basename $file); head -c 200 $file > $name; sleep 0.1; tail -c +201 $file >> $name; sleep 0.1
                done";
    let writer = Running::start(Command::new("sh").args(["-c", drop]).current_dir(project.path("")));

    first.until("committed as sync 1");
    // In the middle of a later run.
    first.until("next ");
    first.until("ingest ");
    first.send(Signal::KILL);
    assert_eq!(first.end().0, None);

    let mut second = scheduled(&project, &["--every", "2s", "--settle", "500ms"]);
    second.until("committed as sync");
    second.until("next ");
    second.until("ingest ");
    second.send(Signal::TERM);
    let (code, said) = second.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped  by SIGTERM"), "{said}");

    let mut third = scheduled(&project, &["--every", "2s", "--settle", "500ms"]);
    let started = Instant::now();
    while project.pushed("select count(*) from mart.fact_sales") != [(FILES * 3).to_string()] {
        assert!(started.elapsed() < PATIENCE, "not all files arrive");
        std::thread::sleep(Duration::from_millis(200));
    }
    third.until("committed as sync");
    third.send(Signal::TERM);
    assert_eq!(third.end().0, Some(0));
    assert_eq!(writer.end().0, Some(0));

    // Every file is there, once and whole.
    let loaded =
        project.staged("select count(*), sum(accepted), sum(rejected) from ingest.files where outcome = 'loaded'");
    assert_eq!(loaded, ["100,300,0"]);
    let pushed =
        "select count(*) as n, count(distinct transaction_id) as t, sum(revenue)::text as r from mart.fact_sales";
    assert_eq!(project.pushed(pushed), ["300,300,3000.0000"]);
    let again = project.ok(&["sync", "--full-refresh"]).stdout;
    assert!(again.contains("no row written"), "{again}");
    // And every run, the killed one too; no file was taken half.
    let runs = runs(&project);
    let files: u64 = runs.iter().map(|run| run["files"]["loaded"].as_u64().unwrap()).sum();
    let lost = runs.iter().filter(|run| run["outcome"] == "interrupted").count();
    assert_eq!(lost, 1, "{:?}", outcomes(&project));
    assert!(files <= u64::from(FILES), "{files}");
    assert!(runs.iter().all(|run| run["outcome"] != "failed" && run["outcome"] != "started"), "{runs:#?}");
    let ids = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    let staged = ids(project.staged("select run_id from meta.runs"));
    assert_eq!(ids(project.pushed("select run_id from etl.run")), staged);
}

#[test]
fn a_stop_in_the_middle_of_a_run_lets_it_finish_and_a_second_one_does_not() {
    let project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    project.ok(&["run"]);
    project.sales("sales_b.csv", &[numbered(2)]);

    let mut holder = hold_facts(&project);
    let mut running = scheduled(&project, &["--every", "1h", "--settle", "0s"]);
    running.until("check ");
    wait_for_lock(&project);
    running.send(Signal::TERM);
    running.until("finished first");
    holder.batch_execute("commit").unwrap();
    running.until("committed as sync 2");
    assert_eq!(running.end().0, Some(0));
    assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["2"]);
    assert_eq!(outcomes(&project), ["succeeded", "succeeded"]);

    project.sales("sales_c.csv", &[numbered(3)]);
    let mut holder = hold_facts(&project);
    let mut running = scheduled(&project, &["--every", "1h", "--settle", "0s"]);
    running.until("check ");
    wait_for_lock(&project);
    running.send(Signal::TERM);
    running.until("finished first");
    running.send(Signal::TERM);
    let (code, said) = running.end();
    assert_eq!(code, Some(143), "{said}");
    holder.batch_execute("commit").unwrap();
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["3"]);
    assert_eq!(outcomes(&project), ["succeeded", "succeeded", "interrupted", "succeeded"]);
}

/// Holds back every sync that pushes, until the transaction ends.
fn hold_facts(project: &Project) -> postgres::Client {
    let mut client = project.warehouse();
    client.batch_execute("begin; lock table mart.fact_sales in exclusive mode").unwrap();
    client
}

/// Waits until a sync waits for somebody.
fn wait_for_lock(project: &Project) {
    let sql =
        "select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let started = Instant::now();
    while project.pushed(sql) != ["1"] {
        assert!(started.elapsed() < PATIENCE, "no sync waits");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_idle_schedule_ends_at_once_and_leaves_no_server() {
    let project = Project::embedded();
    project.sales("sales_a.csv", &[numbered(1)]);
    for (args, signal, code) in [
        (["--every", "1h"], Signal::TERM, 0),
        (["--cron", "0 0 1 1 *"], Signal::INT, 130),
        (["--watch", "--no-wait"], Signal::TERM, 0),
    ] {
        let mut running = scheduled(&project, &args);
        running.until("next ");
        assert!(!project.path("data/postgres/cluster/postmaster.pid").exists(), "a server runs between the runs");
        running.send(signal);
        let (ended, said) = running.end();
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(said.contains("stopped  by SIG"), "{said}");
    }
}

#[test]
fn a_run_that_meets_another_process_is_skipped_and_the_next_one_goes_on() {
    let project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    project.ok(&["run"]);
    project.sales("sales_b.csv", &[numbered(2)]);
    let lock = salesmart_sync::ledger::LOCK;
    let mut other = project.warehouse();
    other.execute("select pg_advisory_lock($1)", &[&lock]).unwrap();

    let mut running = scheduled(&project, &["--every", "1s", "--settle", "0s"]);
    let said = running.until("run skipped");
    assert!(said.contains("another sync is at work"), "{said}");
    running.until("run skipped");
    other.execute("select pg_advisory_unlock($1)", &[&lock]).unwrap();
    running.until("committed as sync 2");
    running.until("next ");

    // Somebody works on the staging file.
    let holder = loop {
        match duckdb::Connection::open(project.path("data/staging.duckdb")) {
            Ok(holder) => break holder,
            // A run is at work just now.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = running.until("run skipped");
    assert!(said.contains("is in use by"), "{said}");
    drop(holder);
    running.until("no row written");
    running.until("next ");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    let outcomes = outcomes(&project);
    assert!(outcomes.iter().filter(|outcome| *outcome == "skipped").count() >= 3, "{outcomes:?}");
    assert!(!outcomes.iter().any(|outcome| outcome == "failed"), "{outcomes:?}");
    assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["2"]);
}

#[test]
fn starts_that_fall_due_during_a_run_are_left_out_and_said_once() {
    let project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    project.ok(&["run"]);
    project.sales("sales_b.csv", &[numbered(2)]);
    let mut holder = hold_facts(&project);
    let mut running = scheduled(&project, &["--every", "1s", "--settle", "0s"]);
    running.until("check ");
    wait_for_lock(&project);
    std::thread::sleep(Duration::from_millis(2500));
    holder.batch_execute("commit").unwrap();
    let said = running.until("left out");
    assert!(said.contains("starts during it were left out"), "{said}");
    running.until("no row written");
    running.until("next ");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    let missed: Vec<u64> = runs(&project).iter().map(|run| run["missed"].as_u64().unwrap()).collect();
    assert!(missed[2] >= 2, "{missed:?}");
}

/// A way to the cluster that is opened when the test says so.
struct Door {
    port: u16,
}

impl Door {
    fn closed() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port }
    }

    /// Passes everything on, for as long as the tests run.
    fn open(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        let to = Cluster::get().port();
        std::thread::spawn(move || {
            for near in listener.incoming().map(Result::unwrap) {
                let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
                for (mut from, mut to) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far.try_clone().unwrap(), near)]
                {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
    }
}

#[test]
fn a_database_that_comes_back_is_waited_for() {
    let mut project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    // Connecting does not try again by itself: this is about the schedule.
    project.write("salesmart.toml", "[warehouse]\nconnect_retries = 0\n");
    let direct = project.url().to_owned();
    let door = Door::closed();
    project.set_url(direct.replace(&format!(":{}/", Cluster::get().port()), &format!(":{}/", door.port)));

    // Without retries it fails at once.
    let said = project.fails(&["run"]);
    assert!(said.contains("cannot connect") && !said.contains("trying again"), "{said}");
    let mut running = scheduled(&project, &["--retries", "8", "--on-failure", "touch called"]);
    running.until("trying again in 1 s (try 2 of 9)");
    running.until("trying again in 2 s (try 3 of 9)");
    door.open();
    running.until("committed as sync 1");
    assert_eq!(running.end().0, Some(0));
    assert!(!project.path("called").exists(), "the run did not fail");
    let runs = runs(&project);
    assert_eq!(runs.len(), 2);
    let attempts = runs[1]["attempts"].as_u64().unwrap();
    assert!((3..=4).contains(&attempts), "{attempts}");
    assert_eq!(runs[1]["outcome"], "succeeded");
    // Loaded by the first run, which failed later; both are in the warehouse.
    assert_eq!((&runs[0]["outcome"], &runs[0]["files"]["loaded"]), (&Value::from("failed"), &Value::from(1)));
    let recorded = project.pushed("select outcome, files from etl.run order by run_id");
    assert_eq!(recorded, ["failed,1", "succeeded,0"]);
}

#[test]
fn what_a_retried_run_did_in_all_its_tries_is_its_report() {
    let mut project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    let direct = project.url().to_owned();
    let door = Door::closed();
    project.set_url(direct.replace(&format!(":{}/", Cluster::get().port()), &format!(":{}/", door.port)));
    let mut running = scheduled(&project, &["--retries", "8"]);
    running.until("trying again");
    door.open();
    running.until("committed as sync 1");
    assert_eq!(running.end().0, Some(0));
    let runs = runs(&project);
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!((&runs[0]["files"]["loaded"], &runs[0]["files"]["unchanged"]), (&Value::from(1), &Value::from(0)));
    assert_eq!(runs[0]["models"]["unchanged"], 0);
    assert_eq!(runs[0]["tables"]["fact_sales"]["inserted"], 1);
    assert_eq!(project.pushed("select files, outcome, sync_number from etl.run"), ["1,succeeded,1"]);
}

#[test]
fn a_stop_while_a_run_waits_to_be_tried_again_ends_at_once() {
    let mut project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    let door = Door::closed();
    project.set_url(project.url().replace(&format!(":{}/", Cluster::get().port()), &format!(":{}/", door.port)));
    let mut running = scheduled(&project, &["--every", "1h", "--settle", "0s", "--on-failure", "touch called"]);
    running.until("trying again in 4 s");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    assert_eq!(outcomes(&project), ["failed"]);
    assert!(project.path("called").exists());
}

#[test]
fn a_failure_is_told_with_the_run_as_json_and_the_schedule_goes_on() {
    let project = Project::new();
    project.write("data/raw/sales_bad.csv", "no,such,header\n1,2,3\n");
    let command = "cat > failed.json; echo \"$SALESMART_OUTCOME $SALESMART_RUN_ID\" >> called";
    assert!(project.fails(&["run", "--on-failure", command]).contains("1 file was refused"));
    let told: Value = serde_json::from_slice(&std::fs::read(project.path("failed.json")).unwrap()).unwrap();
    assert_eq!(told["outcome"], "failed");
    assert_eq!(told["command"], "run");
    assert_eq!(told["files"]["refused"][0]["file"], "data/raw/sales_bad.csv");
    assert!(told["message"].as_str().unwrap().contains("1 file was refused"), "{told}");
    let password = project.url().split([':', '@']).nth(2).unwrap();
    assert!(!told.to_string().contains(password), "{told}");
    let called = std::fs::read_to_string(project.path("called")).unwrap();
    assert_eq!(called.trim(), format!("failed {}", told["run_id"].as_str().unwrap()));
    // Those who see the warehouse only see the failure, too, once there is a table for it.
    let said = project.fails(&["run", "--on-failure", "cat > /dev/null; exit 3"]);
    assert!(said.contains("warning: --on-failure") && said.contains("exit status: 3"), "{said}");

    let mut running = scheduled(&project, &["--every", "1s", "--settle", "0s", "--on-failure", command]);
    running.until("1 file was refused");
    std::fs::remove_file(project.path("data/raw/sales_bad.csv")).unwrap();
    project.sales("sales_good.csv", &[numbered(1)]);
    running.until("committed as sync 1");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    let called = std::fs::read_to_string(project.path("called")).unwrap().lines().count();
    let failed = outcomes(&project).iter().filter(|outcome| *outcome == "failed").count();
    // The first of all and every one of the schedule, once each; the second one had another command.
    assert_eq!(called, failed - 1);
}

#[test]
fn a_wrong_schedule_is_said_with_an_example() {
    let project = Project::new();
    for (args, expected) in [
        (vec!["--cron", "61 6 * * *"], "\"0 6 * * *\""),
        (vec!["--cron", "0 6 * *"], "five fields"),
        (vec!["--cron", "0 0 30 2 *"], "no moment in the future"),
        (vec!["--every", "soon"], "15m"),
        (vec!["--every", "0s"], "at least a second"),
        (vec!["--every", "15m", "--watch"], "cannot be used with"),
        (vec!["--every", "15m", "--cron", "0 6 * * *"], "cannot be used with"),
        (vec!["--settle", "2s"], "--every"),
    ] {
        let outcome = project.run(&[&["run"], args.as_slice()].concat());
        assert_eq!(outcome.code, Some(2), "{args:?}");
        assert!(outcome.stderr.contains(expected), "{args:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_calendar_runs_on_the_minute() {
    let project = Project::new();
    project.sales("sales_a.csv", &[numbered(1)]);
    let mut running = scheduled(&project, &["--cron", "* * * * *"]);
    let said = running.until("next ");
    assert!(said.contains(":00"), "{said}");
    assert!(!project.path("data/staging.duckdb").exists(), "it did not wait for the minute");
    running.until("committed as sync 1");
    running.until("next ");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    assert_eq!(runs(&project)[0]["command"], "run --cron \"* * * * *\"");
}

#[test]
fn a_file_that_is_being_written_is_taken_once_and_whole() {
    for schedule in [["--watch", "--no-wait"], ["--every", "1s"]] {
        let project = Project::new();
        project.sales("sales_a.csv", &[numbered(0)]);
        let mut running = scheduled(&project, &schedule);
        running.until("committed as sync 1");
        // Slower than the schedule, quicker than the time after which a file counts as complete.
        let mut file = std::fs::File::create(project.path("data/raw/sales_b.csv")).unwrap();
        writeln!(file, "{SALES_HEADER}").unwrap();
        for number in 1..=12 {
            writeln!(file, "{}", numbered(number)).unwrap();
            std::thread::sleep(Duration::from_millis(400));
        }
        drop(file);
        running.until("committed as sync 2");
        running.until("next ");
        running.send(Signal::TERM);
        assert_eq!(running.end().0, Some(0));
        assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["13"]);
        let loads: Vec<u64> = runs(&project)
            .iter()
            .map(|run| run["rows"]["accepted"].as_u64().unwrap())
            .filter(|rows| *rows > 0)
            .collect();
        assert_eq!(loads, [1, 12], "{schedule:?}");
    }
}

#[test]
fn a_file_that_was_late_need_not_wait_for_the_next_start() {
    let project = Project::new();
    project.sales("sales_a.csv", &[numbered(0)]);
    project.ok(&["run"]);
    project.sales("sales_b.csv", &[numbered(1)]);
    let mut running = scheduled(&project, &["--every", "1h", "--settle", "3s"]);
    running.until("still being written; once more in 3 s");
    running.until("committed as sync 2");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["2"]);
}

#[test]
fn watching_begins_before_the_first_file_and_goes_on_after_a_refused_one() {
    let project = Project::new();
    let mut running = scheduled(&project, &["--watch", "--settle", "200ms"]);
    running.until("watching for files");
    project.write("data/raw/sales_a.csv", "no,such,header\n1,2,3\n");
    running.until("1 file was refused");
    project.sales("sales_a.csv", &[numbered(1)]);
    running.until("committed as sync 1");
    running.send(Signal::TERM);
    assert_eq!(running.end().0, Some(0));
    assert_eq!(outcomes(&project), ["failed", "succeeded"]);
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scheduling")
}

#[test]
fn the_units_are_ones_that_systemd_takes() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: there is no systemd-analyze to check the units with");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for unit in ["salesmart.service", "salesmart.timer", "salesmart-watch.service"] {
        let text = std::fs::read_to_string(examples().join(unit)).unwrap();
        // The program it names has to be there, and so has the user.
        let text = text
            .replace("/usr/local/bin/salesmart", env!("CARGO_BIN_EXE_salesmart"))
            .replace("User=salesmart\n", "User=root\n");
        std::fs::write(folder.path().join(unit), text).unwrap();
    }
    for unit in ["salesmart.timer", "salesmart-watch.service"] {
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(folder.path().join(unit))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("salesmart")).collect();
        assert!(ours.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn the_dag_is_one_that_airflow_takes() {
    let dag = examples().join("salesmart_dag.py");
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("dag.pyc");
    let script = "import py_compile, sys; py_compile.compile(sys.argv[1], cfile=sys.argv[2], doraise=True)";
    match Command::new("python3").args(["-c", script]).arg(&dag).arg(&compiled).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("skipped: there is no python3 to compile the DAG with"),
    }
    let Some(python) = std::env::var_os("SALESMART_TEST_AIRFLOW") else {
        eprintln!("skipped: SALESMART_TEST_AIRFLOW names no python that has Airflow");
        return;
    };
    let script = "import sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()
print(dag.dag_id, *sorted(task.task_id for task in dag.tasks))";
    let output = Command::new(python)
        .args(["-c", script])
        .arg(examples())
        .env("AIRFLOW_HOME", folder.path())
        .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("salesmart run"), "{said}");
}
