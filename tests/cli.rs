//! The command line: configuration, help, exit codes, logs.

use crate::harness::{Outcome, Project, sale};

#[test]
fn unknown_keys_and_secrets_in_the_file_are_refused() {
    let project = Project::new();
    project.write("salesmart.toml", "[warehouse]\nembeded_dir = \"x\"\n");
    let error = project.fails(&["run"]);
    assert!(
        error.contains("salesmart.toml:2: unknown field `embeded_dir`")
            && error.contains("did you mean `embedded_dir`?"),
        "{error}"
    );
    project.write("salesmart.toml", "[warehouse]\nurl = \"postgres://me:hunter2@host/db\"\n");
    let error = project.fails(&["run"]);
    assert!(error.contains("does not belong in this file") && !error.contains("hunter2"), "{error}");
    project.write("salesmart.toml", "[sync]\nmax_delete_pct = 200.0\n");
    assert!(project.fails(&["run"]).contains("a percentage from 0 to 100"));
}

#[test]
fn profiles_choose_their_own_database_and_never_fall_back() {
    let project = Project::new();
    project.write("salesmart.toml", "[profiles.prod.warehouse]\ndatabase_url_env = \"PROD_URL_OF_THIS_TEST\"\n");
    assert!(project.fails(&["run", "--profile", "dev"]).contains("there is no profile `dev`; known profiles: prod"));
    let error = project.fails(&["run", "--profile", "prod"]);
    assert!(error.contains("PROD_URL_OF_THIS_TEST, named by warehouse.database_url_env, is not set"), "{error}");
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    let url = project.url().to_owned();
    let outcome = Outcome::of(
        project
            .command(&["run", "--profile", "prod"])
            .env("PROD_URL_OF_THIS_TEST", url)
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn passwords_are_never_printed() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    for url in [
        "postgres://me:hunter2@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 user=me password=hunter2",
        "postgres://me:hunter2@[bad",
    ] {
        let outcome = Outcome::of(project.command(&["run"]).env("DATABASE_URL", url).env("RUST_LOG", "trace"));
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(
            !outcome.stderr.contains("hunter2") && !outcome.stdout.contains("hunter2"),
            "{}{}",
            outcome.stdout,
            outcome.stderr
        );
    }
}

#[test]
fn the_holder_of_the_staging_file_is_named_without_its_secrets() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    // A server that accepts and never answers keeps the first run waiting with the staging file open.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://me:hunter2@{}/db", silent.local_addr().unwrap());
    let mut first =
        project.command(&["--database-url", &url, "run"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let _connection = silent.accept().unwrap();
    let error = project.fails(&["run"]);
    assert!(error.contains(&format!("in use by process {}", first.id())) && !error.contains("hunter2"), "{error}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn outside_a_project_the_next_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::new();
    let outcome = Outcome::of(project.command(&["run"]).current_dir(folder.path()));
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("salesmart init DIR"), "{}", outcome.stderr);
    assert!(project.fails(&["init", "."]).contains("is a salesmart project already"));
    assert!(project.fails(&["run", "--project", "data"]).contains("is not a salesmart project"));
    assert!(project.fails(&["show", "fact_sales"]).contains("is not there yet"));
}

#[test]
fn json_logs_are_one_object_per_line() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    let outcome = project.ok(&["run", "--log-format", "json"]);
    let lines: Vec<serde_json::Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ingest = lines.iter().find(|line| line["stage"] == "ingest").unwrap();
    assert_eq!((ingest["subject"].as_str(), ingest["rows"].as_u64()), (Some("sales"), Some(1)));
    assert!(lines.iter().any(|line| line["stage"] == "sync" && line["seconds"].is_number()));
    project.write("data/raw/sales_2.csv", "");
    let error = project.fails(&["run", "--log-format", "json"]);
    let last: serde_json::Value = serde_json::from_str(error.lines().last().unwrap()).unwrap();
    assert_eq!((last["level"].as_str(), last["foreseen"].as_bool()), (Some("error"), Some(true)));
}

#[test]
fn help_teaches() {
    let project = Project::new();
    let help = project.ok(&["--help"]).stdout;
    for word in [
        "run",
        "demo",
        "init",
        "ingest",
        "forget",
        "rejects",
        "build",
        "ls",
        "show",
        "compile",
        "lineage",
        "docs",
        "test",
        "trace",
        "sync",
        "history",
        "serve",
        "report",
        "sample",
        "psql",
        "doctor",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    for (verb, taught) in [
        ("run", "Safe to repeat"),
        ("demo", "serves the dashboard until Ctrl-C"),
        ("serve", "open pages follow by themselves"),
        ("report", "what stands behind the question mark"),
        ("init", "put your CSV files into data/raw"),
        ("ingest", "replaces its old rows"),
        ("forget", "people archive files"),
        ("rejects", "FILE.errors.csv"),
        ("build", "only the rows that are affected"),
        ("show", "Reads only"),
        ("ls", "neither its SQL nor what was ingested for it changed"),
        ("compile", "nothing needs to be ingested or built"),
        ("lineage", "choose rows and do not count"),
        ("docs", "Works before the first build, too"),
        ("test", "Nothing is built or pushed"),
        ("trace", "as it stands in its file"),
        ("sync", "also writes the ledger"),
        ("history", "The newest first"),
        ("sample", "the same bytes on every machine"),
        ("psql", "All arguments go to psql"),
        ("doctor", "says what is wrong and what to do"),
    ] {
        let help = project.ok(&[verb, "--help"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(taught), "{verb}: {help}");
    }
    assert_eq!(project.run(&["frobnicate"]).code, Some(2));
}

#[test]
fn show_reads_tables_and_queries_in_every_form_and_writes_nothing() {
    let project = Project::new();
    project
        .sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P,1", "1.5").replace("P,1", "\"P,1\"")]);
    project.ok(&["run"]);
    let query = "select product_code, cast(1.50 as decimal(9,2)) as money, null as nothing from dim_product where product_id <> 0";
    assert_eq!(project.ok(&["show", query, "--format", "csv"]).stdout, "product_code,money,nothing\n\"P,1\",1.50,\n");
    assert_eq!(
        project.ok(&["show", query, "--format", "json"]).stdout,
        "{\"product_code\":\"P,1\",\"money\":\"1.50\",\"nothing\":null}\n"
    );
    assert!(project.ok(&["show", query, "--format", "md"]).stdout.starts_with("| product_code | money | nothing |\n|"));
    assert!(project.ok(&["show", "fact_sales"]).stdout.contains("transaction_id"));
    let error = project.fails(&["show", "fact_sale"]);
    assert!(error.contains("did you mean fact_sales?") && !error.contains("Unknown error code"), "{error}");
    assert!(project.fails(&["show", "drop table fact_sales"]).contains("syntax error"));
}

#[test]
fn doctor_reports_a_sound_project_and_a_broken_one() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    project.ok(&["run"]);
    let report = project.ok(&["doctor"]).stdout;
    for word in
        ["ok       contracts: sales (1 files match", "ok       models: ", "1 files loaded", "1 syncs", "schema mart"]
    {
        assert!(report.contains(word), "{word}\n{report}");
    }
    project.edit("sql/marts/dim_date.sql", "from int_daily_places", "from int_daily_place");
    let outcome = project.run(&["doctor"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stdout.contains("trouble  models") && outcome.stdout.contains("did you mean int_daily_places?"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_reader_that_leaves_ends_an_answer_and_stops_no_work() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1")]);
    let into_a_closed_pipe = |args: &[&str]| {
        let mut command = project.command(args);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        (output.status, String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = into_a_closed_pipe(&["run"]);
    assert!(status.success(), "{status} {said}");
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1"]);
    for args in [&["show", "dim_date", "--limit", "1000"][..], &["ls"], &["compile"], &["lineage"]] {
        let (status, said) = into_a_closed_pipe(args);
        assert_eq!((std::os::unix::process::ExitStatusExt::signal(&status), said.as_str()), (Some(13), ""), "{args:?}");
    }
}
