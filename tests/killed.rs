//! Power cuts at moments that nobody chose: what is there afterwards is whole, and the next run finishes the work.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::harness::{Project, SALES_HEADER, real_data, sale};

fn put_all(project: &Project, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, project.path("data/raw").join(file.file_name().unwrap())).unwrap();
    }
}

/// Runs the program and kills it after this time. False if it had ended before.
fn killed_after(project: &Project, args: &[&str], delay: Duration) -> bool {
    let mut child = project.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(delay);
    let _ = child.kill();
    let status = child.wait().unwrap();
    assert!(status.success() || status.code().is_none(), "ended by itself with {status}");
    status.code().is_none()
}

/// Every file that is known is whole, and nothing of any other is there. Returns how many are loaded.
fn whole_files(project: &Project) -> usize {
    if !project.path("data/staging.duckdb").exists() {
        return 0;
    }
    let is_laid_out = "select count(*) from duckdb_tables() where schema_name || '.' || table_name in ('loaded.sales', 'ingest.files')";
    if project.staged(is_laid_out) != ["2"] {
        return 0;
    }
    assert_eq!(
        project.staged(
            "select f.file, f.records, f.accepted, f.rejected, r.n from ingest.files as f
             left join (select _file, count(*) as n from raw.sales group by 1) as r on r._file = f.file
             where f.outcome <> 'loaded' or coalesce(r.n, 0) <> f.accepted or f.records <> f.accepted + f.rejected"
        ),
        [""; 0],
        "not whole"
    );
    assert_eq!(
        project.staged("select distinct _file from raw.sales where _file not in (select file from ingest.files where outcome = 'loaded')"),
        [""; 0],
        "rows of files that are not known"
    );
    project.staged("select count(*) from ingest.files")[0].parse().unwrap()
}

#[test]
fn an_ingest_and_a_run_killed_at_any_moment_end_in_the_same_warehouse() {
    let Some(folder) = real_data("online_retail_by_day") else { return };
    let unharmed = Project::online_retail();
    put_all(&unharmed, &folder);
    let started = Instant::now();
    unharmed.ok(&["ingest"]);
    let ingesting = started.elapsed();
    let started = Instant::now();
    unharmed.ok(&["run"]);
    let running = started.elapsed();
    assert_eq!(whole_files(&unharmed), 305);

    let mut random = ChaCha8Rng::seed_from_u64(20_101_201);
    let project = Project::online_retail();
    put_all(&project, &folder);
    let (mut kills, mut before) = (0, 0);
    for round in 0..10 {
        // The first ones leave work to the later ones, and the last ones come to build and push.
        let (verb, span) = if round < 5 { ("ingest", ingesting / 3) } else { ("run", running) };
        let span = span.min(Duration::from_secs(4)).as_micros() as u64;
        let delay = Duration::from_micros(random.next_u64() % span);
        kills += usize::from(killed_after(&project, &[verb], delay));
        let loaded = whole_files(&project);
        eprintln!("{verb} killed after {delay:?}: {loaded} files");
        assert!(loaded >= before, "files that were loaded are gone");
        before = loaded;
    }
    assert!(kills >= 6, "only {kills} were killed");
    project.ok(&["run"]);
    assert_eq!(whole_files(&project), 305);
    let (expected, found) = (unharmed.warehouse_content(), project.warehouse_content());
    assert_eq!(expected.len(), found.len());
    for ((table, expected), (_, found)) in expected.iter().zip(&found) {
        assert!(expected == found, "{table} differs");
    }
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
}

#[test]
fn the_first_ingest_of_a_project_killed_at_any_moment_can_be_run_again() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let project = Project::new();
    let records: Vec<String> = (0..20_000)
        .map(|number| sale(&format!("T{number}"), "O1", "2024-01-01 10:00:00", "C1", "P1", "0.25"))
        .collect();
    project.write("data/raw/sales_1.csv", format!("{SALES_HEADER}\n{}\n", records.join("\n")));
    for _ in 0..30 {
        let delay = Duration::from_micros(random.next_u64() % 150_000);
        killed_after(&project, &["ingest"], delay);
        let loaded = whole_files(&project);
        let outcome = project.run(&["ingest"]);
        assert_eq!(outcome.code, Some(0), "after {delay:?}, {loaded} files loaded: {}", outcome.stderr);
        assert_eq!(whole_files(&project), 1);
        for name in ["data/staging.duckdb", "data/staging.duckdb.wal"] {
            let _ = std::fs::remove_file(project.path(name));
        }
    }
}

#[test]
fn a_process_killed_while_it_creates_the_staging_file_leaves_none() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "0.25")]);
    for _ in 0..2 {
        project.killed_at("staging.before_publish", &["ingest"]);
        assert!(!project.path("data/staging.duckdb").exists(), "a file that is not whole has the name");
    }
    let unfinished = || {
        let names = std::fs::read_dir(project.path("data")).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_string_lossy().ends_with(".new")).collect::<Vec<_>>()
    };
    assert_eq!(unfinished().len(), 2);
    for path in unfinished() {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3_600)).unwrap();
    }
    project.ok(&["ingest"]);
    assert_eq!(whole_files(&project), 1);
    assert_eq!(unfinished(), Vec::<std::path::PathBuf>::new(), "what killed processes left is not removed");
}

#[test]
fn two_processes_that_create_the_staging_file_at_once_share_one() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "0.25")]);
    for _ in 0..10 {
        let children: Vec<_> = (0..4)
            .map(|_| project.command(&["ingest"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || said.contains("is in use by process"), "{said}");
        }
        project.ok(&["ingest"]);
        assert_eq!(whole_files(&project), 1);
        std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    }
}
