//! Memory and disk: files far larger than what is held, records that have no end, and disks that are full.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{Outcome, Project, sale};

/// What an ingest may hold, whatever the file is.
const MAX_MEMORY: u64 = 700 << 20;

const COLUMNS: &str = "id = { type = \"bigint\", required = true }
sold_at = { type = \"timestamp\" }
day = { type = \"date\" }
product = { type = \"varchar\", required = true }
city = { type = \"varchar\" }
quantity = { type = \"integer\" }
price = { type = \"decimal(18,4)\" }
is_paid = { type = \"boolean\" }";
const HEADER: &str = "id,sold_at,day,product,city,quantity,price,is_paid\n";

/// A project with one source `t`, whose files are `data/raw/t*`.
fn declared(max_rejects: &str) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    declare(&project, max_rejects);
    project
}

fn declare(project: &Project, max_rejects: &str) {
    let contract = format!("files = \"data/raw/t*\"\nmax_rejects = \"{max_rejects}\"\n[columns]\n{COLUMNS}\n");
    project.write("data/contracts/t.toml", contract);
}

/// A sound record.
fn record(number: u64) -> String {
    format!(
        "{},2024-01-{:02} 10:20:{:02},2024-01-{:02},Product {},Ulm,{},{}.{:02},{}\n",
        number * 7_919,
        number % 28 + 1,
        number % 60,
        number % 28 + 1,
        number % 1000,
        number % 9 + 1,
        number % 500,
        number % 100,
        number.is_multiple_of(2)
    )
}

/// Writes a header, and a block of lines as often as it takes to reach the size. Returns how often.
fn fill(path: &Path, block: &str, size: u64) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(HEADER.as_bytes()).unwrap();
    let times = size / block.len() as u64 + 1;
    (0..times).for_each(|_| file.write_all(block.as_bytes()).unwrap());
    file.flush().unwrap();
    times
}

/// Runs an ingest and returns how it ended and the most memory it held; `None` where the system does not tell.
fn measured(project: &Project) -> Option<(Outcome, u64)> {
    if !Path::new("/proc/self/status").exists() {
        eprintln!("SKIPPED: there is no /proc here; this test needs it to measure memory");
        return None;
    }
    let mut child = project.command(&["ingest"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high =
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(high.unwrap_or(0) << 10);
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let outcome = Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    eprintln!("peak memory {} MiB", peak >> 20);
    assert!(peak > 0, "never measured");
    Some((outcome, peak))
}

/// As [`measured`], within what an ingest may hold.
fn frugal(project: &Project, code: i32) -> Option<Outcome> {
    let (outcome, peak) = measured(project)?;
    assert_eq!(outcome.code, Some(code), "{}\n{}", outcome.stdout, outcome.stderr);
    assert!(peak < MAX_MEMORY, "{} MiB were held", peak >> 20);
    Some(outcome)
}

#[test]
fn a_file_of_a_gigabyte_is_loaded_exactly_within_the_memory_of_a_small_machine() {
    let project = declared("1%");
    let block: String = (0..14_000).map(record).collect();
    let times = fill(&project.path("data/raw/t.csv"), &block, 1_000_000_000);
    if frugal(&project, 0).is_none() {
        return;
    }
    let rows = 14_000 * times;
    let sum = |each: fn(u64) -> u64| (0..14_000).map(each).sum::<u64>() * times;
    let price = sum(|number| number % 500 * 100 + number % 100);
    assert_eq!(
        project.staged(
            "select count(*), sum(id), sum(quantity), sum(price), count(distinct _line), max(_line) from raw.t"
        ),
        [format!(
            "{rows},{},{},{}.{:02}00,{rows},{}",
            sum(|number| number * 7_919),
            sum(|number| number % 9 + 1),
            price / 100,
            price % 100,
            rows + 1
        )]
    );
    assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), [format!("{rows},{rows},0")]);
}

#[test]
fn a_field_of_fifty_megabytes_is_one_reject() {
    let project = declared("100%");
    let (wide, folded) = ("x".repeat(50 << 20), "a line of a long text\n".repeat((50 << 20) / 22));
    let sound: String = (0..5_000).map(record).collect();
    let content = format!("{HEADER}{sound}1,,,{wide},,,,\n{sound}2,,,\"{folded}\",,,,\n{sound}");
    project.write("data/raw/t.csv", &content);
    if frugal(&project, 0).is_none() {
        return;
    }
    assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), ["15002,15000,2"]);
    assert_eq!(
        project.staged("select line, code, length(raw) <= 2000 from rejects order by line"),
        ["5002,record_too_long,true", "10003,record_too_long,true"]
    );
    let last = 1 + 15_000 + 1 + folded.lines().count() + 1;
    assert_eq!(project.staged("select max(_line), count(distinct _line) from raw.t"), [format!("{last},15000")]);
    // They are not among what can be repaired.
    let exported = project.ok(&["rejects", "export"]);
    assert_eq!(exported.stdout.lines().count(), 1);
    assert!(exported.stderr.contains("2 records are too long to be kept whole"), "{}", exported.stderr);
}

/// A project with a file of 150 MB in which every record has two faults, and how many records those are.
fn nothing_but_rejects(max_rejects: &str) -> (Project, u64) {
    let project = declared(max_rejects);
    let block: String = (0..14_000).map(|number| record(number).replacen("2024-01-", "2024-13-", 2)).collect();
    let records = 14_000 * fill(&project.path("data/raw/t.csv"), &block, 150_000_000);
    (project, records)
}

fn all_are_rejected(project: &Project, records: u64) {
    assert_eq!(
        project.staged("select records, accepted, rejected from ingest.files"),
        [format!("{records},0,{records}")]
    );
    assert_eq!(
        project.staged("select count(*), count(distinct line), min(line), max(line) from rejects"),
        [format!("{},{records},2,{}", 2 * records, records + 1)]
    );
}

#[test]
fn a_file_of_nothing_but_rejects_is_taken_in_within_the_memory_that_is_declared() {
    let (project, records) = nothing_but_rejects("100%");
    project.edit("salesmart.toml", "[staging]\n", "[staging]\nmemory_limit = \"400MB\"\n");
    if frugal(&project, 0).is_some() {
        all_are_rejected(&project, records);
    }
}

#[test]

fn a_file_of_nothing_but_rejects_is_taken_in_within_the_same_memory() {
    let (project, records) = nothing_but_rejects("100%");
    if frugal(&project, 0).is_some() {
        all_are_rejected(&project, records);
    }
}

#[test]

fn a_file_of_nothing_but_rejects_is_refused_within_the_same_memory() {
    let (project, records) = nothing_but_rejects("1%");
    if frugal(&project, 1).is_some() {
        is_refused(&project, records);
    }
}

#[test]
fn a_file_of_nothing_but_rejects_is_refused_within_the_memory_that_is_declared() {
    let (project, records) = nothing_but_rejects("1%");
    project.edit("salesmart.toml", "[staging]\n", "[staging]\nmemory_limit = \"400MB\"\n");
    let Some(refused) = frugal(&project, 1) else { return };
    assert!(refused.stderr.contains("records rejected, more than max_rejects = 1%"), "{}", refused.stderr);
    is_refused(&project, records);
}

fn is_refused(project: &Project, records: u64) {
    assert_eq!(
        project.staged("select outcome, records, accepted, rejected from ingest.files"),
        [format!("refused,{records},0,{records}")]
    );
    assert_eq!(project.staged("select count(distinct line), max(line) from rejects"), ["10000,10001"]);
}

/// A disk of a few megabytes, in a folder of a project.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        match Self::mount(&path, "size=8m") {
            true => Some(Self(path)),
            false => {
                eprintln!("SKIPPED: a tmpfs cannot be mounted here; this test needs a disk that is full");
                None
            }
        }
    }

    fn mount(path: &Path, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success())
    }

    fn make_room(&self) {
        assert!(Self::mount(&self.0, "remount,size=500m"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_under_the_staging_file_loses_nothing() {
    let project = declared("100%");
    let Some(disk) = SmallDisk::at(project.path("data/small")) else { return };
    project.edit("salesmart.toml", "data/staging.duckdb", "data/small/staging.duckdb");
    project.write("data/raw/t1.csv", format!("{HEADER}{}", record(1)));
    project.ok(&["ingest"]);
    let records: String = (0..600_000).map(record).collect();
    project.write("data/raw/t2.csv", format!("{HEADER}{records}"));
    for _ in 0..2 {
        let error = project.fails(&["ingest"]);
        assert!(error.starts_with("error: the disk is full; make room and run again, nothing is lost\n"), "{error}");
    }
    assert_eq!(project.staged("select _file, count(*) from raw.t group by 1"), ["data/raw/t1.csv,1"]);
    assert_eq!(project.staged("select file, outcome from ingest.files"), ["data/raw/t1.csv,loaded"]);
    disk.make_room();
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select _file, count(*) from raw.t group by 1 order by 1"),
        ["data/raw/t1.csv,1", "data/raw/t2.csv,600000"]
    );
}

#[test]
fn a_full_disk_under_the_temporary_folder_loses_nothing() {
    let project = declared("100%");
    let Some(disk) = SmallDisk::at(project.path("small")) else { return };
    let records: String = (0..400_000).map(|number| record(number).replace("2024-01-", "2024-13-")).collect();
    project.write("data/raw/t1.csv", format!("{HEADER}{records}"));
    let ingest = || Outcome::of(project.command(&["ingest"]).env("TMPDIR", project.path("small")));
    let outcome = ingest();
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: the disk is full; make room and run again"), "{}", outcome.stderr);
    assert_eq!(project.staged("select count(*) from ingest.files"), ["0"]);
    disk.make_room();
    let outcome = ingest();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(project.staged("select records, rejected from ingest.files"), ["400000,400000"]);
}

#[test]
fn a_full_disk_under_the_lists_beside_the_files_is_said() {
    let project = declared("100%");
    let Some(disk) = SmallDisk::at(project.path("data/raw")) else { return };
    let records: String = (0..40_000).map(|number| record(number).replace("2024-01-", "2024-13-")).collect();
    project.write("data/raw/t1.csv", format!("{HEADER}{records}"));
    let outcome = project.ok(&["ingest"]);
    assert!(
        outcome.stderr.contains("t1.csv.errors.csv") && outcome.stderr.contains("salesmart rejects"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.staged("select rejected from ingest.files"), ["40000"]);
    let left: Vec<_> =
        std::fs::read_dir(project.path("data/raw")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["t1.csv"], "nothing half written stays");
    let outcome = project.run(&["rejects", "export", "--output", "/dev/full"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: the disk is full"), "{}", outcome.stderr);
    drop(disk);
}

#[test]
fn low_what_is_written_onto_a_full_disk_stays_as_it_was() {
    let project = Project::with_url(None);
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.write("sql/queries/all.sql", "select * from fact_sales");
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let written: [(&[&str], &str); 6] = [
        (&["test", "--update"], "tests/snapshots/all.txt"),
        (&["test", "--junit", "tests/snapshots/junit.xml"], "tests/snapshots/junit.xml"),
        (&["docs", "--output", "tests/snapshots/docs"], "tests/snapshots/docs/index.html"),
        (&["lineage", "--format", "html", "--output", "tests/snapshots/lineage.html"], "tests/snapshots/lineage.html"),
        (&["sample", "--rows", "1000", "--out", "tests/snapshots/sample"], "tests/snapshots/sample/manifest.json"),
        (&["rejects", "export", "--output", "tests/snapshots/fix.csv"], "tests/snapshots/fix.csv"),
    ];
    let Some(disk) = SmallDisk::at(project.path("tests/snapshots")) else { return };
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    project.sales("sales_2.csv", &vec![sale("T2", "O2", "never", "C1", "P1", "10"); 2000]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    for (args, file) in written {
        project.ok(args);
        let before = std::fs::read(project.path(file)).unwrap();
        assert!(!before.is_empty());
        // Something else has to be written now.
        std::fs::write(project.path("sql/queries/all.sql"), "select *, 1 as one from fact_sales").unwrap();
        let free =
            |what: &str| std::fs::write(project.path("tests/snapshots").join(what), vec![b'x'; 16 << 20]).is_err();
        assert!(free("filler"), "the disk is full");
        let outcome = project.run(args);
        assert_eq!(outcome.code, Some(1), "{args:?}: {}{}", outcome.stdout, outcome.stderr);
        assert_eq!(std::fs::read(project.path(file)).unwrap(), before, "{args:?}");
        let left: Vec<_> = std::fs::read_dir(project.path(file).parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".part"))
            .collect();
        assert!(left.is_empty(), "{args:?}: {left:?}");
        std::fs::remove_file(project.path("tests/snapshots/filler")).unwrap();
        std::fs::write(project.path("sql/queries/all.sql"), "select * from fact_sales").unwrap();
    }
    drop(disk);
}
