//! PostgreSQL goes away in the middle of a sync: killed, cut off, out of disk. The next run finishes the work, once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use salesmart_warehouse::embedded::Durability;

use crate::harness::{Cluster, Fault, Outcome, Project, Proxy, Server, sale};
use crate::sync::assert_equal;

/// So many sales, in two months that no other number has.
fn sales(project: &Project, number: u32, count: u32) {
    let records: Vec<String> = (0..count)
        .map(|index| {
            let name = format!("{number}-{index}");
            let day = format!("202{number}-0{}-1{} 10:00:00", 1 + index % 2, index % 9);
            sale(&name, &format!("O{name}"), &day, &format!("C{}", index % 700), &format!("P{}", index % 50), "10.25")
        })
        .collect();
    project.sales(&format!("sales_{number}.csv"), &records);
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

/// A project whose database is behind a proxy, with its tables made.
fn behind(proxy: &Proxy, url: &str) -> Project {
    let project = Project::with_url(Some(url.replace(&format!(":{}/", port(url)), &format!(":{}/", proxy.port()))));
    project.ok(&["migrate"]);
    project
}

/// The numbers of the ledger.
fn numbers(project: &Project) -> Vec<String> {
    project.pushed("select run_number from etl.sync_run order by 1")
}

/// PostgreSQL holds what it should, and a further run has nothing to do.
#[track_caller]
fn assert_settled(project: &Project, syncs: usize) {
    assert_equal(project);
    let expected: Vec<String> = (1..=syncs).map(|number| number.to_string()).collect();
    assert_eq!(numbers(project), expected, "every sync once");
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert_equal(project);
}

#[track_caller]
fn assert_lost(error: &str) {
    assert!(error.contains("the connection to PostgreSQL was lost; run again"), "{error}");
}

#[test]
fn a_connection_that_is_cut_anywhere_leaves_all_or_nothing() {
    let proxy = Proxy::new(Cluster::get().port());
    let unharmed = behind(&proxy, &Cluster::get().database());
    sales(&unharmed, 1, 4_000);
    proxy.set(Fault::Pass);
    unharmed.ok(&["run"]);
    let total = proxy.forwarded();
    assert!(total > 500_000, "only {total} bytes travelled");

    let project = behind(&proxy, &Cluster::get().database());
    sales(&project, 1, 4_000);
    // The first ones fall among the questions that come before the rows.
    for cut in [2_000, 10_000, total / 4, total / 2, total * 3 / 4, total * 9 / 10] {
        proxy.set(Fault::After(cut));
        let error = project.fails(&["run"]);
        assert_lost(&error);
        assert_eq!(numbers(&project), [""; 0], "cut after {cut} bytes");
    }
    proxy.set(Fault::BeforeCommit);
    assert_lost(&project.fails(&["run"]));
    assert_eq!(numbers(&project), [""; 0]);
    project.ok(&["run"]);
    assert_settled(&project, 1);
}

#[test]
fn after_a_commit_whose_answer_got_lost_the_ledger_decides() {
    let proxy = Proxy::new(Cluster::get().port());
    let project = behind(&proxy, &Cluster::get().database());
    for number in 1..=2 {
        sales(&project, number, 50);
        proxy.set(Fault::AfterCommit);
        let error = project.fails(&["run"]);
        assert_lost(&error);
        assert!(error.contains("whether it was committed shows when you run again"), "{error}");
        assert_eq!(numbers(&project).len(), number as usize, "it was committed");
        let writers = project.writers("fact_sales");
        let report = project.ok(&["run"]).stdout;
        assert!(
            report.contains("was committed before it was interrupted") && report.contains("no row written"),
            "{report}"
        );
        assert_eq!(project.writers("fact_sales"), writers, "a row was written twice");
        assert_settled(&project, number as usize);
    }
}

#[test]
fn a_postmaster_that_is_killed_in_the_middle_of_a_sync_loses_nothing() {
    let mut server = Server::new(Durability::Full);
    let proxy = Proxy::new(server.running().port());
    let mut project = behind(&proxy, &server.url());
    sales(&project, 1, 4_000);
    proxy.set(Fault::Pass);
    project.ok(&["run"]);
    let total = proxy.forwarded();

    for (number, share) in [(2, 3), (3, 2)] {
        let proxy = Proxy::new(server.running().port());
        project.set_url(server.url_through(proxy.port()));
        sales(&project, number, 4_000);
        proxy.set(Fault::HoldAfter(total / share));
        let child = project.command(&["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        proxy.wait_until_held();
        server.kill();
        proxy.release();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert_lost(&error);
        server.start();
        project.set_url(server.url());
        assert_eq!(numbers(&project).len(), number as usize - 1, "what was not committed is not there");
        project.ok(&["run"]);
        assert_settled(&project, number as usize);
    }
}

#[test]
fn a_private_server_that_was_killed_with_its_user_is_started_again() {
    let project = Project::embedded();
    sales(&project, 1, 200);
    project.ok(&["run"]);
    sales(&project, 2, 200);
    for failpoint in ["sync.before_commit", "sync.after_commit"] {
        project.killed_at(failpoint, &["run"]);
        // The server outlives its user, until it is killed, too.
        let pid_file = project.path("data/postgres/cluster/postmaster.pid");
        let pid: i32 = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("was committed before it was interrupted"), "{report}");
    project.ok(&["verify"]);
    let fresh = Project::new();
    for number in 1..=2 {
        sales(&fresh, number, 200);
    }
    fresh.ok(&["run"]);
    let query = "select md5(string_agg(f::text, '|' order by f::text)) from mart.fact_sales as f";
    let held = project.ok(&["psql", "--", "-tAc", query]).stdout;
    assert_eq!(held.trim(), fresh.pushed(query)[0]);
    assert_eq!(project.ok(&["psql", "--", "-tAc", "select run_number from etl.sync_run order by 1"]).stdout, "1\n2\n");
}

/// A small file system in memory; taken down when dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, with a message, where this process may not mount.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("salesmart-disk-").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self { folder }),
            _ => {
                eprintln!("SKIPPED: this test needs the right to mount a small file system");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.path()).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Leaves so many bytes free; returns the file to remove.
    fn fill(&self, leave: u64) -> PathBuf {
        let file = self.path().join("filler");
        std::fs::write(&file, vec![1; (self.free() - leave) as usize]).unwrap();
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).output();
    }
}

#[test]
fn a_full_disk_of_postgres_loses_nothing() {
    let Some(disk) = SmallDisk::new("256m") else { return };
    // Dropped before its disk is.
    let mut server = Server::inside(disk.path(), Durability::Full);
    // No space is kept for reuse, and none is needed for a checkpoint.
    server.configure("min_wal_size = '32MB'\nmax_wal_size = '64MB'");
    let mut project = Project::with_url(Some(server.url()));
    sales(&project, 1, 500);
    project.ok(&["run"]);

    // First its tables have no room, then its log, which stops the server.
    for (number, leave) in [(2, 1 << 20), (3, 0)] {
        sales(&project, number, 20_000);
        server.connect().batch_execute("checkpoint; select pg_switch_wal(); checkpoint").unwrap();
        let filler = disk.fill(leave);
        let outcome = project.run(&["run"]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        let is_said = outcome.stderr.contains("the disk of PostgreSQL is full; nothing was changed; make room there")
            || outcome.stderr.contains("the connection to PostgreSQL was lost");
        assert!(is_said, "{}", outcome.stderr);
        eprintln!("{leave} bytes free: {}", outcome.stderr.lines().next().unwrap_or_default());
        std::fs::remove_file(filler).unwrap();
        if Outcome::of(&mut project.command(&["doctor"])).code != Some(0) {
            server.start();
            project.set_url(server.url());
        }
        project.ok(&["run"]);
        assert_settled(&project, number as usize);
    }
}
