//! Connections: encryption, waiting, trying again, and what is said when it does not work.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use salesmart_warehouse::embedded::Durability;

use crate::harness::{Cluster, Fault, Project, Proxy, Server, sale};
use crate::sync::assert_equal;

/// An authority that signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key of a server.
    fn sign(&self, hosts: &[&str], last_year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Gives the server a certificate, and starts it again with it.
fn use_certificate(server: &mut Server, (certificate, key): &(String, String)) {
    let cluster = server.running().cluster().to_owned();
    for (name, text) in [("own.crt", certificate), ("own.key", key)] {
        let path = cluster.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let owner = std::fs::metadata(&cluster).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    server.stop();
    server.start();
}

fn let_in(server: &Server, kind: &str) {
    let path = server.running().cluster().join("pg_hba.conf");
    // The owner looks into the database `postgres` when it starts the server.
    let lines = format!("host postgres all 127.0.0.1/32 scram-sha-256\n{kind} all all 127.0.0.1/32 scram-sha-256\n");
    std::fs::write(path, lines).unwrap();
}

/// Connects with these parameters. What it says on failure never holds the password, and nothing is tried twice.
#[track_caller]
fn reach(project: &mut Project, url: &str) -> Result<(), String> {
    project.set_url(url.to_owned());
    let outcome = project.run(&["migrate", "--status"]);
    assert!(!outcome.stderr.contains("trying again"), "{}", outcome.stderr);
    match outcome.code {
        Some(0) => Ok(()),
        Some(1) => {
            let password = url.split([':', '@']).nth(2).unwrap();
            assert!(
                !outcome.stderr.contains(password) && !outcome.stderr.contains("not foreseen"),
                "{}",
                outcome.stderr
            );
            Err(outcome.stderr)
        }
        code => panic!("{code:?}: {}", outcome.stderr),
    }
}

#[track_caller]
fn assert_refused(reached: Result<(), String>, words: &str) {
    let error = reached.expect_err("connected");
    assert!(error.contains(words), "{words} is not in: {error}");
}

#[test]
fn each_sslmode_asks_for_what_it_says() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let mut project = Project::embedded();
    project.write("ours.pem", &ours.pem).write("others.pem", &others.pem).write("none.pem", "nothing\n");
    let (ours_pem, others_pem) = (project.path("ours.pem"), project.path("others.pem"));
    let by = |mode: &str, roots: &Path| format!("sslmode={mode}&sslrootcert={}", roots.display());

    let mut server = Server::new(Durability::None);
    let url = |server: &Server, query: &str| format!("{}?{query}", server.url());
    // As it comes, it does not encrypt.
    assert_refused(reach(&mut project, &url(&server, "sslmode=require")), "does not support TLS");
    assert_refused(reach(&mut project, &url(&server, &by("verify-full", &ours_pem))), "does not support TLS");
    for query in ["", "sslmode=prefer", "sslmode=disable"] {
        assert_eq!(reach(&mut project, &url(&server, query)), Ok(()), "{query}");
    }

    // Only encrypted logins are let in: who gets in is encrypted.
    server.configure("ssl = on\nssl_cert_file = 'own.crt'\nssl_key_file = 'own.key'");
    let_in(&server, "hostssl");
    use_certificate(&mut server, &ours.sign(&["127.0.0.1", "localhost"], 2999));
    for query in [
        String::new(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        by("require", &ours_pem),
        by("verify-ca", &ours_pem),
        by("verify-full", &ours_pem),
    ] {
        assert_eq!(reach(&mut project, &url(&server, &query)), Ok(()), "{query}");
    }
    let by_name = url(&server, &by("verify-full", &ours_pem)).replace("127.0.0.1", "localhost");
    assert_eq!(reach(&mut project, &by_name), Ok(()));
    let pairs = format!(
        "host=127.0.0.1 port={} user=salesmart password={} dbname=salesmart sslmode=verify-full sslrootcert='{}'",
        server.running().port(),
        server.running().password(),
        ours_pem.display()
    );
    project.set_url(pairs);
    project.ok(&["migrate", "--status"]);
    assert_refused(reach(&mut project, &url(&server, "sslmode=disable")), "pg_hba.conf does not let");
    for query in [
        by("require", &others_pem),
        by("verify-ca", &others_pem),
        by("verify-full", &others_pem),
        "sslmode=verify-full".to_owned(),
        "sslrootcert=system".to_owned(),
    ] {
        let reached = reach(&mut project, &url(&server, &query));
        assert_refused(reached, "not signed by a trusted authority; name the authority's PEM file");
    }
    let by_none = by("verify-full", &project.path("none.pem"));
    assert_refused(reach(&mut project, &url(&server, &by_none)), "no certificate of a trusted authority in");
    let by_missing = by("verify-full", &project.path("missing.pem"));
    assert_refused(reach(&mut project, &url(&server, &by_missing)), "cannot read certificates from");
    assert_refused(reach(&mut project, &url(&server, "sslmode=allow")), "sslmode that is not known");

    // The shell asks for the same.
    let ask = ["psql", "--", "-tAc", "select ssl from pg_stat_ssl where pid = pg_backend_pid()"];
    project.set_url(url(&server, &by("verify-full", &ours_pem)));
    assert_eq!(project.ok(&ask).stdout, "t\n");
    project.set_url(url(&server, &by("verify-full", &others_pem)));
    assert!(project.fails(&ask).contains("certificate verify failed"));
    project.set_url(url(&server, "sslmode=disable"));
    assert!(project.fails(&ask).contains("no encryption"));

    use_certificate(&mut server, &ours.sign(&["db.example"], 2999));
    assert_eq!(reach(&mut project, &url(&server, &by("verify-ca", &ours_pem))), Ok(()));
    assert_eq!(reach(&mut project, &url(&server, "sslmode=require")), Ok(()));
    assert_refused(reach(&mut project, &url(&server, &by("verify-full", &ours_pem))), "is for another host");

    use_certificate(&mut server, &ours.sign(&["127.0.0.1"], 2020));
    assert_eq!(reach(&mut project, &url(&server, "sslmode=require")), Ok(()));
    assert_refused(reach(&mut project, &url(&server, &by("verify-ca", &ours_pem))), "has expired");
    assert_refused(reach(&mut project, &url(&server, &by("verify-full", &ours_pem))), "has expired");
}

#[test]
fn a_preferred_encryption_is_not_required() {
    let mut server = Server::new(Durability::None);
    let mut project = Project::embedded();
    server.configure("ssl = on\nssl_cert_file = 'own.crt'\nssl_key_file = 'own.key'");
    let_in(&server, "hostnossl");
    use_certificate(&mut server, &Authority::new("any").sign(&["127.0.0.1"], 2999));
    assert_eq!(reach(&mut project, &server.url()), Ok(()));
    let required = format!("{}?sslmode=require", server.url());
    assert_refused(reach(&mut project, &required), "pg_hba.conf does not let this user, host and database in");
}

#[test]
fn a_login_that_cannot_be_is_said_at_once_and_not_tried_again() {
    let mut project = Project::embedded();
    let cluster = Cluster::get();
    let database = cluster.database().rsplit('/').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost"] {
        let wrong = cluster.url("salesmart", "wr0ng", &database).replace("127.0.0.1", host);
        assert_refused(
            reach(&mut project, &wrong),
            "password authentication failed for user \"salesmart\"; check user and",
        );
    }
    assert_refused(reach(&mut project, &cluster.url("nobody_known", "wr0ng", &database)), "check user and password");
    let missing = cluster.database().replace(&database[..5], "miss_");
    let missing = missing.replace("/test_", "/miss_");
    assert_refused(reach(&mut project, &missing), "does not exist; create the database first");
    let url = cluster.database();
    let name = url.rsplit('/').next().unwrap();
    Cluster::connect(&url)
        .batch_execute(&format!("alter database {name} set default_transaction_read_only = on"))
        .unwrap();
    assert_refused(reach(&mut project, &url), "takes no writes (a replica");
}

#[test]
fn a_database_that_cannot_keep_every_character_is_refused() {
    let mut project = Project::embedded();
    let cluster = Cluster::get();
    for (encoding, is_taken) in [("LATIN1", false), ("SQL_ASCII", true)] {
        let url = cluster.database();
        let name = url.rsplit('/').next().unwrap();
        let mut admin = Cluster::connect(&cluster.database());
        admin.batch_execute(&format!("drop database {name}")).unwrap();
        admin
            .batch_execute(&format!("create database {name} encoding '{encoding}' locale 'C' template template0"))
            .unwrap();
        let reached = reach(&mut project, &url);
        match is_taken {
            true => assert_eq!(reached, Ok(())),
            false => assert_refused(reached, "keeps texts as LATIN1, which has no place for every character"),
        }
    }
}

#[test]
fn an_empty_url_is_no_private_server() {
    let project = Project::embedded();
    let output = project.command(&["run"]).env("DATABASE_URL", "").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("DATABASE_URL is set, but empty"));
}

/// Runs the program up to its first line on standard error.
fn first_warning(project: &Project, args: &[&str]) -> (Child, String) {
    let mut child = project.command(args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    // Later warnings must find somebody who reads them.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    (child, line)
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

#[test]
fn a_server_that_comes_up_late_is_waited_for() {
    let mut project = Project::embedded();
    let url = Cluster::get().database();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let late = listener.local_addr().unwrap().port();
    drop(listener);
    project.set_url(url.replace(&format!(":{}/", port(&url)), &format!(":{late}/")));

    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nconnect_retries = 0");
    let error = project.fails(&["migrate", "--status"]);
    assert!(error.contains("is the server running") && !error.contains("trying again"), "{error}");

    project.edit("salesmart.toml", "connect_retries = 0", "connect_retries = 8");
    let (mut child, line) = first_warning(&project, &["migrate", "--status"]);
    assert!(line.contains("yet: Connection refused") && line.contains("trying again in 0.5 s"), "{line}");
    let _proxy = Proxy::on(TcpListener::bind(("127.0.0.1", late)).unwrap(), port(&url));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_connection_that_is_cut_or_silent_while_it_is_opened_is_tried_again() {
    let mut project = Project::embedded();
    let url = Cluster::get().database();
    let proxy = Proxy::new(port(&url));
    project.set_url(url.replace(&format!(":{}/", port(&url)), &format!(":{}/", proxy.port())));
    for bytes in [0, 20] {
        proxy.set(Fault::After(bytes));
        let outcome = project.ok(&["migrate", "--status"]);
        assert_eq!(outcome.stderr.matches("trying again").count(), 1, "{}", outcome.stderr);
    }
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nconnect_timeout = \"2s\"");
    proxy.set(Fault::Silent);
    let warning = project.ok(&["migrate", "--status"]).stderr;
    assert!(warning.contains("did not answer within 2s; trying again in 0.5 s"), "{warning}");
}

#[test]
fn a_login_is_waited_for_while_all_its_connections_are_taken() {
    let mut project = Project::new();
    let name = format!("few_{}", std::process::id());
    let database = project.url().rsplit('/').next().unwrap().to_owned();
    let sql = format!(
        "create role {name} login password 'few' connection limit 1; grant create on database {database} to {name}"
    );
    project.warehouse().batch_execute(&sql).unwrap();
    project.set_url(Cluster::get().url(&name, "few", &database));
    let taken = project.warehouse();
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nconnect_retries = 0");
    assert!(project.fails(&["migrate"]).contains("all connections are taken"));
    project.edit("salesmart.toml", "connect_retries = 0", "connect_retries = 8");
    let (mut child, line) = first_warning(&project, &["migrate"]);
    assert!(line.contains("too many connections for role"), "{line}");
    drop(taken);
    assert!(child.wait().unwrap().success());
}

fn pushed_project() -> Project {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-02-01 10:00:00", "C2", "P2", "12")]);
    project
}

#[test]
fn a_lock_that_another_session_holds_is_waited_for_so_long_and_its_holder_is_named() {
    let project = pushed_project();
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nlock_timeout = \"300ms\"");
    let mut other = project.warehouse();
    other
        .batch_execute("set application_name = 'a report'; begin; lock table mart.dim_product in access exclusive mode")
        .unwrap();
    let error = project.fails(&["run"]);
    assert!(error.contains("for longer than warehouse.lock_timeout; nothing was changed"), "{error}");
    assert!(error.contains("a report, salesmart from 127.0.0.1, idle in transaction"), "{error}");
    assert_eq!(other.query("select from mart.fact_sales", &[]).unwrap().len(), 1);
    other.batch_execute("rollback").unwrap();
    project.ok(&["run"]);
    assert_equal(&project);
    assert_eq!(project.pushed("select run_number from etl.sync_run order by 1"), ["1", "2"]);
}

#[test]
fn a_statement_that_takes_too_long_names_the_setting() {
    let project = pushed_project();
    let settings = "[warehouse]\nlock_timeout = \"0s\"\nstatement_timeout = \"3s\"";
    project.edit("salesmart.toml", "[warehouse]", settings);
    let mut other = project.warehouse();
    other.batch_execute("begin; lock table mart.dim_product in access exclusive mode").unwrap();
    let error = project.fails(&["run"]);
    assert!(error.contains("longer than warehouse.statement_timeout; nothing was changed"), "{error}");
    other.batch_execute("rollback").unwrap();
    project.ok(&["run"]);
    assert_equal(&project);
}

#[test]
fn another_sync_is_waited_for_however_long_it_takes() {
    let project = pushed_project();
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nlock_timeout = \"50ms\"");
    let mut other = project.warehouse();
    other.execute("select pg_advisory_lock($1)", &[&salesmart_sync::ledger::LOCK]).unwrap();
    project.ok(&["ingest"]);
    let (mut child, line) = first_warning(&project, &["run"]);
    assert!(line.contains("waiting for it to end"), "{line}");
    // Longer than the timeout.
    std::thread::sleep(std::time::Duration::from_millis(500));
    drop(other);
    assert!(child.wait().unwrap().success());
    assert_equal(&project);
}

#[test]
fn a_row_that_somebody_else_wrote_is_named_and_can_be_put_right() {
    let project = pushed_project();
    project.ok(&["run"]);
    let mut other = project.warehouse();
    other
        .batch_execute("create table public.kept as select * from mart.dim_product where product_code = 'P2'")
        .unwrap();
    std::fs::remove_file(project.path("data/raw/sales_2.csv")).unwrap();
    project.ok(&["forget", "data/raw/sales_2.csv"]);
    project.ok(&["run", "--allow-deletes"]);
    other.batch_execute("insert into mart.dim_product select * from public.kept").unwrap();
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-02-01 10:00:00", "C2", "P2", "12")]);
    let error = project.fails(&["run"]);
    assert!(
        error.contains("mart.dim_product already holds a row")
            && error.contains("\"dim_product_pkey\"")
            && error.contains("`salesmart sync --full-refresh` puts that right"),
        "{error}"
    );
    assert!(project.fails(&["verify"]).contains("differ"));
    project.ok(&["sync", "--full-refresh"]);
    assert_equal(&project);
}

#[test]
fn durations_are_checked() {
    let project = Project::embedded();
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nlock_timeout = \"soon\"");
    assert!(project.fails(&["ls"]).contains("warehouse.lock_timeout is a duration up to 24 days"));
    project.edit("salesmart.toml", "lock_timeout = \"soon\"", "connect_timeout = \"0s\"");
    assert!(project.fails(&["ls"]).contains("connect_timeout cannot be zero"));
    project.edit("salesmart.toml", "connect_timeout = \"0s\"", "connect_retries = 21");
    assert!(project.fails(&["ls"]).contains("at most 20"));
    project.edit("salesmart.toml", "connect_retries = 21", "connect_retries = 0\nlock_timeout = \"0s\"");
    project.edit("salesmart.toml", "[sync]", "[profiles.slow.warehouse]\nstatement_timeout = \"2h 30min\"\n\n[sync]");
    project.ok(&["ls", "--profile", "slow"]);
}
