//! Reaching the warehouse, and the private one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Cluster, Outcome, Project, sale};

fn one_sale(project: &Project) {
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
}

#[test]
fn a_database_that_is_down_or_wrong_is_explained_and_nothing_is_lost() {
    let mut project = Project::new();
    one_sale(&project);
    let good = project.url().to_owned();
    let port = Cluster::get().port();
    let cases = [
        (
            "postgres://me:pw@127.0.0.1:1/db".to_owned(),
            "cannot connect to PostgreSQL at me@127.0.0.1:1/db",
            "is the server running",
        ),
        (
            format!("postgres://salesmart:wrong@127.0.0.1:{port}/postgres"),
            "password authentication failed",
            "check user and password",
        ),
        (good.replace("test_", "no_such_"), "does not exist", "createdb"),
        ("nonsense".to_owned(), "the database URL cannot be read", "postgres://user:password@host"),
    ];
    for (url, what, next) in cases {
        project.set_url(url);
        let error = project.fails(&["run"]);
        assert!(error.contains(what) && error.contains(next), "{error}");
    }
    project.set_url(good);
    assert!(project.ok(&["run"]).stdout.contains("1 file unchanged"));
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1"]);
}

#[test]
fn a_server_that_takes_no_writes_is_refused() {
    let mut project = Project::new();
    one_sale(&project);
    let database = project.url().rsplit('/').next().unwrap().to_owned();
    project
        .warehouse()
        .batch_execute(&format!("alter database {database} set default_transaction_read_only = on"))
        .unwrap();
    assert!(project.fails(&["run"]).contains("takes no writes"));
    project.set_url(Cluster::get().database());
    project.ok(&["run"]);
}

/// A proxy to the real server that makes it say it is version 14.
fn aged_server(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let major = salesmart_warehouse::server_files::find(None).unwrap().major;
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            std::thread::spawn(move || {
                let mut buffer = vec![0; 65536];
                while let Ok(read @ 1..) = server.read(&mut buffer) {
                    let (old, new) = (format!("{major}00"), "1400");
                    let bytes = &mut buffer[..read];
                    for at in 0..read.saturating_sub(old.len()) {
                        if bytes[at..].starts_with(old.as_bytes()) {
                            bytes[at..at + 4].copy_from_slice(new.as_bytes());
                        }
                    }
                    if client.write_all(bytes).is_err() {
                        break;
                    }
                }
            });
        }
    });
    here
}

#[test]
fn a_server_that_is_too_old_is_refused() {
    let mut project = Project::new();
    one_sale(&project);
    let port = Cluster::get().port();
    let url = project.url().replace(&format!(":{port}/"), &format!(":{}/", aged_server(port)));
    project.set_url(url);
    let error = project.fails(&["run"]);
    assert!(error.contains("salesmart needs 15 or newer"), "{error}");
}

#[test]
fn server_programs_that_are_missing_or_too_old_are_explained() {
    let project = Project::embedded();
    one_sale(&project);
    let bin = project.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let none = Outcome::of(project.command(&["run"]).env("SALESMART_PG_BIN", &bin));
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr.contains("found none; install it (Debian/Ubuntu: apt-get install postgresql"),
        "{}",
        none.stderr
    );
    for program in ["initdb", "pg_ctl", "postgres"] {
        project.write(&format!("bin/{program}"), "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n");
        std::fs::set_permissions(bin.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let old = Outcome::of(project.command(&["run"]).env("SALESMART_PG_BIN", &bin));
    assert_eq!(old.code, Some(1));
    assert!(
        old.stderr.contains("PostgreSQL 15 or newer is needed") && old.stderr.contains("found only version 14"),
        "{}",
        old.stderr
    );
}

#[test]
fn a_connection_cut_in_mid_sync_changes_nothing_and_the_next_run_goes_on() {
    let project = Project::new();
    one_sale(&project);
    project.ok(&["run"]);
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P1", "10")]);
    // Holds the table, so that the sync waits in the middle of its transaction.
    let mut other = project.warehouse();
    other.batch_execute("begin; lock table mart.fact_sales").unwrap();
    let mut run = project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut admin = project.warehouse();
    let find = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    wait_for("the sync", || admin.query_opt(find, &[]).unwrap().is_some());
    let cut: bool = admin.query_one(&format!("select pg_terminate_backend(({find}))"), &[]).unwrap().get(0);
    assert!(cut);
    let mut stderr = String::new();
    run.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("the connection to PostgreSQL was lost; run again")
            && (stderr.contains("terminating connection") || stderr.contains("connection closed")),
        "{stderr}"
    );
    other.batch_execute("rollback").unwrap();
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1"]);
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["2"]);
}

/// The process id of the private server, if it runs.
fn server(project: &Project) -> Option<String> {
    let text = std::fs::read_to_string(project.path("data/postgres/cluster/postmaster.pid")).ok()?;
    let pid = text.lines().next()?.to_owned();
    let state = match Path::new("/proc/self").exists() {
        // "pid (name) state …"
        true => std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit(") ").next()?.to_owned(),
        false => {
            String::from_utf8(Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().unwrap().stdout).unwrap()
        }
    };
    // A zombie is no server.
    (!state.trim().is_empty() && !state.starts_with('Z')).then_some(pid)
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_private_server_lets_only_its_owner_in_and_stops_when_done() {
    let project = Project::embedded();
    one_sale(&project);
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("making an embedded PostgreSQL") && report.contains("committed as sync 1"), "{report}");
    assert_eq!(server(&project), None, "the server is stopped");
    let mode = |path: &str| std::fs::metadata(project.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data/postgres/password"), mode("data/postgres/cluster")), (0o600, 0o700));
    let rules = std::fs::read_to_string(project.path("data/postgres/cluster/pg_hba.conf")).unwrap();
    let rules: Vec<&str> = rules.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    assert!(!rules.is_empty() && rules.iter().all(|rule| rule.ends_with("scram-sha-256")), "{rules:?}");

    let port = std::fs::read_to_string(project.path("data/postgres/port")).unwrap();
    let out = project.ok(&[
        "psql",
        "--",
        "-tAc",
        "select count(*) || ' ' || inet_server_port() || ' ' || current_setting('listen_addresses') from fact_sales",
    ]);
    assert_eq!(out.stdout.trim(), format!("1 {} 127.0.0.1", port.trim()), "the port stays");
    let report = project.ok(&["doctor"]).stdout;
    let password = std::fs::read_to_string(project.path("data/postgres/password")).unwrap();
    assert!(report.contains(&format!("port {}", port.trim())) && report.contains("data/postgres/password"), "{report}");
    assert!(!report.contains(password.trim()), "doctor shows the password");
    assert_eq!(server(&project), None);
    assert!(project.fails(&["psql", "--", "-c", "select nonsense"]).contains("psql on salesmart@127.0.0.1"));
}

#[test]
fn killed_and_interrupted_programs_leave_no_server_that_blocks_the_next() {
    let project = Project::embedded();
    one_sale(&project);
    project.killed_at("sync.before_commit", &["run"]);
    let orphan = server(&project).expect("a killed program cannot stop its server");
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("committed as sync 1"), "{report}");
    assert_eq!(server(&project), None, "the next program stops {orphan}");

    // SIGTERM while a shell is open.
    let mut shell = sleeping_shell(&project);
    wait_for("the start of the server", || server(&project).is_some());
    kill("-TERM", &shell.id().to_string());
    assert!(!shell.wait().unwrap().success());
    wait_for("the stop of the server", || server(&project).is_none());

    // The server itself killed: its lock file names a process that is gone.
    let mut shell = sleeping_shell(&project);
    wait_for("the start of the server", || server(&project).is_some());
    std::thread::sleep(Duration::from_millis(500));
    kill("-KILL", &server(&project).unwrap());
    assert!(!shell.wait().unwrap().success());
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("no row written"), "{report}");
}

#[test]
fn a_copied_project_does_not_take_the_server_of_the_original_for_its_own() {
    let original = Project::embedded();
    one_sale(&original);
    original.ok(&["run"]);
    let copy = Project::embedded();
    for part in ["data/postgres", "data/staging.duckdb", "data/raw"] {
        std::fs::remove_dir_all(copy.path(part)).ok();
        let copied = Command::new("cp").arg("-a").arg(original.path(part)).arg(copy.path(part)).status().unwrap();
        assert!(copied.success());
    }
    let mut shell = sleeping_shell(&original);
    wait_for("the start of the server", || server(&original).is_some());
    // As if it had been copied while the original's server ran.
    // And if the file is made to name the copy, as after the reuse of a process id.
    let lock = std::fs::read_to_string(original.path("data/postgres/cluster/postmaster.pid")).unwrap();
    let forged = lock.replace(
        original.path("").to_str().unwrap().trim_end_matches('/'),
        copy.path("").to_str().unwrap().trim_end_matches('/'),
    );
    assert_ne!(lock, forged);
    for content in [lock, forged] {
        copy.write("data/postgres/cluster/postmaster.pid", content);
        copy.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P1", "10")]);
        copy.ok(&["run"]);
        assert!(server(&original).is_some(), "the original's server still runs");
    }
    let count = ["psql", "--", "-tAc", "select count(*) from fact_sales"];
    assert_eq!(original.ok(&count).stdout.trim(), "1");
    assert_eq!(copy.ok(&count).stdout.trim(), "2");
    kill("-TERM", &shell.id().to_string());
    shell.wait().unwrap();
}

fn sleeping_shell(project: &Project) -> Child {
    let mut command = project.command(&["psql", "--", "-c", "select pg_sleep(60)"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn an_interrupted_run_ends_at_once_and_leaves_the_server_to_others() {
    let project = Project::embedded();
    one_sale(&project);
    project.ok(&["run"]);
    let mut shell =
        project.command(&["psql"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    writeln!(stdin, "select pg_advisory_lock({});", salesmart_sync::ledger::LOCK).unwrap();
    wait_for("the start of the server", || server(&project).is_some());
    std::thread::sleep(Duration::from_millis(500));
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P1", "10")]);
    project.ok(&["ingest"]);
    let mut run = project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("another sync is at work (psql"), "{line}");
    kill("-INT", &run.id().to_string());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    line.clear();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("interrupted: nothing half-done is kept"), "{line}");
    assert!(server(&project).is_some(), "the shell still needs it");
    drop(stdin);
    assert!(shell.wait().unwrap().success());
    assert_eq!(server(&project), None);
    assert!(project.ok(&["run"]).stdout.contains("fact_sales                 1 inserted"));
}

#[test]
fn two_programs_share_the_private_server_and_the_last_one_stops_it() {
    let project = Project::embedded();
    one_sale(&project);
    project.ok(&["run"]);
    let mut shell =
        project.command(&["psql"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    wait_for("the start of the server", || server(&project).is_some());
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    assert!(server(&project).is_some(), "the shell still needs it");
    writeln!(stdin, "select 'lines: ' || count(*) from fact_sales;\n\\q").unwrap();
    drop(stdin);
    let mut text = String::new();
    shell.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(shell.wait().unwrap().success());
    assert!(text.contains("lines: 2"), "{text}");
    assert_eq!(server(&project), None);
}

#[test]
fn migrations_that_were_changed_after_the_fact_are_refused() {
    let project = Project::new();
    one_sale(&project);
    project.ok(&["run"]);
    project.edit("sql/postgres/migrations/V2__comments.sql", "Star schema of sales", "The star schema of sales");
    let error = project.fails(&["run"]);
    assert!(error.contains("were changed after they were applied: V2__comments; put the files back"), "{error}");
}

#[test]
fn every_column_of_the_warehouse_is_explained_and_the_reader_can_only_read() {
    let project = Project::new();
    one_sale(&project);
    project.ok(&["run"]);
    let bare = project.pushed(
        "select relname, attname from pg_attribute join pg_class on attrelid = pg_class.oid
         where relnamespace = 'mart'::regnamespace and relkind in ('r', 'p') and not relispartition and attnum > 0
           and not attisdropped and col_description(attrelid, attnum) is null",
    );
    assert_eq!(bare, Vec::<String>::new());
    let mut client = project.warehouse();
    client.batch_execute("set role salesmart_reader").unwrap();
    assert_eq!(client.query_one("select count(*) from mart.fact_sales", &[]).unwrap().get::<_, i64>(0), 1);
    assert!(
        client
            .batch_execute("delete from mart.fact_sales")
            .unwrap_err()
            .as_db_error()
            .unwrap()
            .message()
            .contains("permission denied")
    );
}
