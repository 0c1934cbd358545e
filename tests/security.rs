//! What an attack from outside or inside must not reach. Each test is named after the entry of the list of faults it shows.

use salesmart_base::event::Silent;
use salesmart_warehouse::embedded::{Durability, Embedded};

use crate::harness::{Cluster, Dashboard, Outcome, Pooler, Project, SALES_HEADER, sale};
use crate::serve::{until, with_logins};

pub const TABLES: [&str; 6] =
    ["dim_region", "fact_sales", "agg_daily_sales", "dim_customer", "agg_monthly_product", "agg_customer_cohort"];

/// Two sales in the north, one in the south, pushed.
fn two_regions(project: &Project) {
    let record = |number: u32, region: &str, revenue: &str| {
        format!(
            "T{number},O{number},2024-01-0{number} 10:00:00,C-{region}-{number},Customer of {region},P-{region},Product of {region},Toys of \
             {region},{region},City of {region},Store of {region},1,{revenue},{revenue},1"
        )
    };
    project.sales("sales_1.csv", &[record(1, "North", "10"), record(2, "North", "20"), record(3, "South", "400")]);
    project.ok(&["run"]);
}

/// Row-level security of the tables by region: `enable` or `disable`.
pub fn row_security(url: &str, tables: &[&str], what: &str) {
    let mut owner = Cluster::connect(url);
    for table in tables {
        owner.batch_execute(&format!("alter table mart.{table} {what} row level security")).unwrap();
    }
}

/// Code and text of an answer for the owner of a token.
fn ask(dashboard: &Dashboard, token: &str, path: &str) -> (u16, String) {
    let reply = dashboard.ask(path, &[("authorization", &format!("Bearer {token}"))]);
    (reply.status, reply.text())
}

/// The revenue that a token sees; `None` where it is refused.
fn revenue(dashboard: &Dashboard, token: &str) -> Option<f64> {
    let (status, text) = ask(dashboard, token, "/api/v1/kpis?dates=all");
    if status == 503 {
        assert!(text.contains("does not enforce"), "{text}");
        return None;
    }
    assert_eq!(status, 200, "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    Some(answer["data"]["figures"]["revenue"].as_f64().unwrap())
}

/// A server whose warehouse keeps the regions apart, and the tokens of north, south and all.
pub fn kept_apart(project: &Project) -> (Dashboard, [String; 3]) {
    two_regions(project);
    let tokens = with_logins(project);
    row_security(project.url(), &TABLES, "enable");
    (Dashboard::of(project), tokens)
}

/// The users file with roles of one region, and the one without.
fn users_files(project: &Project) -> ([String; 3], String, String) {
    let tokens = with_logins(project);
    let with_roles = std::fs::read_to_string(project.path("users.toml")).unwrap();
    let without = with_roles.replace("[\"North\"]", "\"all\"").replace("[\"South\"]", "\"all\"");
    (tokens, with_roles, without)
}

#[test]
fn g1_a_role_added_while_serving_is_refused_until_its_rows_are_kept_apart() {
    let project = Project::new();
    two_regions(&project);
    let ([north, south, all], with_roles, without) = users_files(&project);
    project.write("users.toml", without);
    let dashboard = Dashboard::of(&project);
    assert_eq!(revenue(&dashboard, &north), Some(430.0));
    project.write("users.toml", with_roles);
    for path in [
        "/api/v1/kpis?dates=all",
        "/api/v1/sales?dates=all",
        "/api/v1/metadata",
        "/overview?dates=all",
        "/export/overview.csv",
    ] {
        let (status, text) = ask(&dashboard, &north, path);
        assert_eq!(status, 503, "{path}: {text}");
        assert!(!text.contains("South") && !text.contains("430"), "{path}: {text}");
    }
    // Others are not held up.
    assert_eq!(revenue(&dashboard, &all), Some(430.0));
    assert_eq!(dashboard.get("/readyz").status, 200);
    row_security(project.url(), &TABLES, "enable");
    assert_eq!((revenue(&dashboard, &north), revenue(&dashboard, &south)), (Some(30.0), Some(400.0)));
    assert_eq!(revenue(&dashboard, &all), Some(430.0));
}

#[test]
fn g1_row_security_switched_off_while_serving_refuses_roles_and_nobody_else() {
    let project = Project::new();
    let (dashboard, [north, _, all]) = kept_apart(&project);
    assert_eq!(revenue(&dashboard, &north), Some(30.0));
    let switches = [
        ("alter table mart.fact_sales disable row level security", "alter table mart.fact_sales enable row level security"),
        ("alter table mart.dim_customer disable row level security", "alter table mart.dim_customer enable row level security"),
        (
            "alter policy salesmart_regions on mart.fact_sales using (true)",
            "alter policy salesmart_regions on mart.fact_sales using (nullif(current_setting('salesmart.regions', true), '') is null
                or region_id in (select region_id from mart.dim_region))",
        ),
        (
            "alter policy salesmart_regions on mart.dim_region using (true)",
            "alter policy salesmart_regions on mart.dim_region using (nullif(current_setting('salesmart.regions', true), '') is null
                or region = any(string_to_array(nullif(current_setting('salesmart.regions', true), ''), chr(31))))",
        ),
    ];
    for (day, (off, on)) in (4..).zip(switches) {
        project.warehouse().batch_execute(off).unwrap();
        let (status, text) = ask(&dashboard, &north, "/api/v1/sales?dates=all");
        assert_eq!(status, 503, "{off}: {text}");
        // What a new load holds is refused as well.
        project.sales(
            &format!("sales_{day}.csv"),
            &[sale(&format!("T{day}"), &format!("O{day}"), &format!("2024-01-0{day} 10:00:00"), "C9", "P9", "1")],
        );
        project.ok(&["run"]);
        let expected = 430.0 + f64::from(day - 3_i32);
        until("the new load", || revenue(&dashboard, &all) == Some(expected));
        until("the refusal", || revenue(&dashboard, &north).is_none());
        project.warehouse().batch_execute(on).unwrap();
        assert_eq!(revenue(&dashboard, &north), Some(30.0), "{on}");
    }
}

#[test]
fn g1_a_policy_that_names_the_setting_and_lets_everything_through_shows_nothing() {
    let project = Project::new();
    let (dashboard, [north, _, all]) = kept_apart(&project);
    for (number, table) in (1..).zip(TABLES) {
        let policy = "current_setting('salesmart.regions', true) is not null or true";
        project
            .warehouse()
            .batch_execute(&format!("alter policy salesmart_regions on mart.{table} using ({policy})"))
            .unwrap();
        let record = sale(&format!("T-{table}"), "O9", "2024-01-09 10:00:00", "C9", "P9", "1");
        project.sales(&format!("sales_{table}.csv"), &[record]);
        project.ok(&["run"]);
        let expected = 430.0 + f64::from(number);
        until("the new load", || revenue(&dashboard, &all) == Some(expected));
        for path in [
            "/api/v1/sales?dates=all",
            "/api/v1/kpis?dates=all",
            "/api/v1/metadata",
            "/overview?dates=all",
            "/members/region",
        ] {
            let (status, text) = ask(&dashboard, &north, path);
            assert!(!text.contains("South"), "{table} {path} {status}: {text}");
        }
        assert_eq!(dashboard.get("/readyz").status, 200);
    }
}

#[test]
fn g1_a_staging_file_shows_nothing_to_roles_that_are_added_while_serving() {
    let project = Project::new();
    two_regions(&project);
    let ([north, _, all], with_roles, without) = users_files(&project);
    project.write("users.toml", without);
    let dashboard = Dashboard::with(&project, &["--from", "staging"]);
    assert_eq!(revenue(&dashboard, &north), Some(430.0));
    project.write("users.toml", with_roles);
    assert_eq!(revenue(&dashboard, &north), None);
    assert_eq!(ask(&dashboard, &north, "/api/v1/sales?dates=all").0, 503);
    assert_eq!(revenue(&dashboard, &all), Some(430.0));
}

#[test]
fn g2_a_restriction_that_is_empty_or_missing_stops_the_server() {
    let project = Project::new();
    two_regions(&project);
    with_logins(&project);
    let whole = std::fs::read_to_string(project.path("users.toml")).unwrap();
    for (wrong, said) in [
        ("regions = [\"\"]", "roles.north has a region with an empty name"),
        ("regions = []", "roles.north has an empty list of regions"),
        ("", "roles.north has no regions; write regions = \"all\""),
        ("regions = \"everything\"", "regions are \"all\" or a list of names"),
    ] {
        project.write("users.toml", whole.replace("regions = [\"North\"]", wrong));
        let error = project.fails(&["serve"]);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn g3_through_a_pooler_in_either_mode_a_role_sees_its_own_rows() {
    for mode in ["session", "transaction"] {
        let mut project = Project::new();
        two_regions(&project);
        let [north, south, all] = with_logins(&project);
        let direct = project.url().to_owned();
        row_security(&direct, &TABLES, "enable");
        let Some(pooler) = Pooler::before(&direct, mode) else { return };
        project.set_url(pooler.url());
        let dashboard = Dashboard::of(&project);
        for _ in 0..20 {
            // Somebody else leaves a session behind that belongs to the owner, and one with other regions.
            let mut other = Cluster::connect(&pooler.url());
            other.batch_execute("reset role; set salesmart.regions = 'South'").unwrap();
            drop(other);
            assert_eq!((revenue(&dashboard, &north), revenue(&dashboard, &south)), (Some(30.0), Some(400.0)), "{mode}");
            assert_eq!(revenue(&dashboard, &all), Some(430.0), "{mode}");
            let (status, text) = ask(&dashboard, &north, "/api/v1/sales?dates=all");
            assert_eq!(status, 200, "{mode}: {text}");
            assert!(text.contains("Store of North") && !text.contains("South"), "{mode}: {text}");
        }
        // Whoever comes next has not become the reader.
        let role: String = Cluster::connect(&pooler.url()).query_one("select current_user::text", &[]).unwrap().get(0);
        assert_ne!(role, "salesmart_reader", "{mode}");
        drop(dashboard);
        drop(pooler);
        project.set_url(direct);
    }
}

#[test]
fn g7_what_a_role_has_no_sale_of_is_not_there_for_it() {
    let project = Project::new();
    let (dashboard, [north, south, _]) = kept_apart(&project);
    for (token, own, other) in [(&north, "North", "South"), (&south, "South", "North")] {
        for path in [
            "/products?dates=all",
            "/overview?dates=all",
            "/customers?dates=all",
            "/api/v1/metadata",
            "/export/products.csv?dates=all",
        ] {
            let (status, text) = ask(&dashboard, token, path);
            assert_eq!(status, 200, "{path}");
            for kind in ["Product", "Toys", "City", "Store", "Customer"] {
                assert!(!text.contains(&format!("{kind} of {other}")), "{path} tells {own} of {kind} of {other}");
            }
        }
    }
}

/// Queries that read, write, attach, load or call out; `OUT` stands for a file that must not come about.
const ATTACKS: &[&str] = &[
    "select * from 'data/raw/secret.csv'",
    "select * from \"data/raw/secret.csv\"",
    "from 'data/raw/*.csv'",
    "select * from '/etc/passwd'",
    "select * from read_csv('data/raw/secret.csv')",
    "select * from read_csv_auto('data/raw/secret.csv')",
    "select * from sniff_csv('data/raw/secret.csv')",
    "select content from read_text('data/raw/secret.csv')",
    "select content from read_blob('data/raw/secret.csv')",
    "select * from read_json('data/raw/secret.csv')",
    "select * from read_json_auto('data/raw/secret.csv')",
    "select * from read_json_objects('data/raw/secret.csv')",
    "select * from read_ndjson('data/raw/secret.csv')",
    "select * from read_ndjson_objects('data/raw/secret.csv')",
    "select * from read_parquet('data/raw/secret.csv')",
    "select * from parquet_scan('data/raw/secret.csv')",
    "select * from parquet_metadata('data/raw/secret.csv')",
    "select * from parquet_schema('data/raw/secret.csv')",
    "select * from glob('*')",
    "select * from glob('/etc/*')",
    "select * from read_duckdb('data/staging.duckdb')",
    "select * from query('from ''data/raw/secret.csv''')",
    "select * from query_table('data/raw/secret.csv')",
    "select * from json_execute_serialized_sql(json_serialize_sql('from ''data/raw/secret.csv'''))",
    "with recursive \"data/raw/secret.csv\" as (select * from \"data/raw/secret.csv\") from \"data/raw/secret.csv\"",
    "with recursive \"data/raw/secret.csv\" as (select 1 as n union select 2 from \"data/raw/secret2.csv\") from \"data/raw/secret.csv\"",
    "select getenv('HOME')",
    "select * from (select count(*) as c from enable_profiling(format='json')) where c = 99",
    "select * from (select count(*) as c from enable_logging(level='trace', storage='stdout')) where c = 99",
    "select * from disable_logging()",
    "select * from truncate_duckdb_logs()",
    "select * from checkpoint()",
    "select * from force_checkpoint()",
    "select nextval('ingest.load_ids')",
    "select write_log('x')",
    "with a as (select content from read_text('data/raw/secret.csv')) select * from a",
    "select (select content from read_text('data/raw/secret.csv'))",
    "select 1 where exists (from read_text('data/raw/secret.csv'))",
    "select * from (from 'data/raw/secret.csv')",
    "select 1 union all select count(*) from 'data/raw/secret.csv'",
    "select * from (values (1)) as v (n), lateral (select content from read_text('data/raw/secret.csv'))",
    "select * from 'https://127.0.0.1:1/x.csv'",
    "select * from 's3://bucket/x.parquet'",
    "select * from read_csv('https://127.0.0.1:1/x.csv')",
    "copy (select 1) to 'OUT'",
    "select 1; copy (select 1) to 'OUT'",
    "copy (select 1) to 'OUT'; select 1",
    "select 1) as a; copy (select 1) to 'OUT'; select * from (select 2",
    "export database 'OUT'",
    "attach 'OUT' as other",
    "attach 'OUT' as other; select 1",
    "install httpfs",
    "load 'OUT'",
    "select 1; install httpfs; select 2",
    "set enable_external_access = true",
    "select 1; set enable_external_access = true; select 2",
    "pragma database_list",
    "create table t as select 1",
    "create or replace macro main.surrogate_key(x) as 0",
    "drop table main.rejects",
    "delete from ingest.files",
    "insert into ingest.files select * from ingest.files",
    "update ingest.files set file = 'x'",
    "call pragma_version()",
    "checkpoint",
    "begin",
    "vacuum",
    "explain analyze select 1",
    "prepare p as select 1",
    "execute p",
];

/// A project with a file that nobody declared, and a clean build.
fn with_a_secret() -> Project {
    let project = Project::with_url(None);
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project.write("data/raw/secret.csv", "password\ntop-secret\n");
    project
}

/// Neither did a file come about, nor was the secret told.
fn nothing_happened(project: &Project, said: &str, attack: &str) {
    assert!(!project.path("OUT").exists(), "{attack} wrote a file");
    assert!(!said.contains("top-secret") && !said.contains("root:"), "{attack}: {said}");
}

#[test]
fn g5_models_checks_and_queries_reach_no_file_and_run_one_select() {
    assert!(ATTACKS.len() >= 60);
    let project = with_a_secret();
    for attack in ATTACKS {
        let said = project.fails(&["show", attack]);
        nothing_happened(&project, &said, attack);
    }
    let said = project.fails(&["show", "select * from read_csv('data/raw/secret.csv')"]);
    assert!(said.contains("with a contract (data/contracts)"), "{said}");
    for (folder, command) in [
        ("sql/staging", "compile"),
        ("sql/marts", "compile"),
        ("sql/checks", "compile"),
        ("sql/queries", "test"),
        ("tests", "test"),
    ] {
        let file = |number: usize| format!("{folder}/attack_{number:02}.sql");
        for (number, attack) in ATTACKS.iter().enumerate() {
            project.write(&file(number), format!("-- An attack.\n-- key: a\n{attack}\n"));
        }
        let outcome = project.run(&[command]);
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_ne!(outcome.code, Some(0), "{folder}: {said}");
        for (number, attack) in ATTACKS.iter().enumerate() {
            assert!(said.contains(&format!("attack_{number:02}.sql:")), "{folder}: {attack} is not refused: {said}");
        }
        nothing_happened(&project, &said, folder);
        (0..ATTACKS.len()).for_each(|number| std::fs::remove_file(project.path(&file(number))).unwrap());
        // Alone, one stops a build as well.
        for attack in ATTACKS.iter().step_by(8).filter(|_| command == "compile") {
            project.write(&file(0), format!("-- An attack.\n-- key: a\n{attack}\n"));
            let said = project.fails(&["build"]);
            nothing_happened(&project, &said, attack);
        }
        let _ = std::fs::remove_file(project.path(&file(0)));
    }
    // What is shipped passes.
    project.ok(&["build"]);
    project.ok(&["test"]);
}

#[test]
fn g4_headers_of_models_and_checks_run_nothing() {
    let project = with_a_secret();
    for by in [
        "1; copy (select 1) to 'OUT'; select 2 as x",
        "(select content from read_text('data/raw/secret.csv')) as order_id",
        "1) from ingest.files; copy (select 1) to 'OUT'; select (1 as order_id",
        "order_id) as a; attach 'OUT' as other; select (1 as order_id",
        "date_id /* as order_id",
        "1; set enable_external_access = true; select 1 as order_id",
    ] {
        for (place, text) in [
            (
                "sql/staging/stg_attack.sql",
                format!(
                    "-- materialized: incremental\n-- key: order_id\n-- by: {by}\nselect order_id from stg_sales\n"
                ),
            ),
            ("sql/checks/attack.sql", format!("-- by: {by}\nselect order_id from fact_sales where false\n")),
        ] {
            project.write(place, text);
            let line = if place.contains("checks") { 1 } else { 3 };
            for command in ["compile", "build"] {
                let said = project.fails(&[command]);
                let name = place.rsplit('/').next().unwrap();
                assert!(said.contains(&format!("{name}:{line}: by")), "{command} {place}: {by}: {said}");
                nothing_happened(&project, &said, by);
            }
            std::fs::remove_file(project.path(place)).unwrap();
        }
    }
    project.ok(&["build"]);
}

#[test]
fn low_the_staging_file_and_its_log_are_closed_to_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    two_regions(&project);
    project.killed_at("build.published", &["build", "--full-refresh"]);
    for name in ["data/staging.duckdb", "data/staging.duckdb.wal"] {
        let mode = std::fs::metadata(project.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{name} has mode {mode:o}");
    }
}

#[test]
fn g5_contracts_tests_and_sources_reach_no_file_outside_the_project() {
    let project = with_a_secret();
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = |name: &str| outside.path().join(name);
    std::fs::write(elsewhere("sales_9.csv"), "password\ntop-secret\n").unwrap();
    std::fs::write(elsewhere("model.sql"), "top-secret selekt\n").unwrap();
    std::fs::write(elsewhere("rows.csv"), "order_id\ntop-secret\n").unwrap();
    let folder = outside.path().display().to_string();
    let nothing_happened = |said: &str, attack: &str| {
        assert!(!said.contains("top-secret"), "{attack} tells a file's content: {said}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 3, "{attack} wrote a file");
    };

    let contract = std::fs::read_to_string(project.path("data/contracts/sales.toml")).unwrap();
    let up = "../".repeat(20);
    for files in [
        format!("{folder}/*.csv"),
        format!("{up}{folder}/*.csv"),
        format!("{up}{folder}/sales_9.csv"),
        "/etc/pass*".to_owned(),
        "data/raw/../../../*.csv".to_owned(),
        "/not/there/*.csv".to_owned(),
        "/**/*.csv".to_owned(),
    ] {
        project.write("data/contracts/sales.toml", contract.replace("data/raw/sales_*.csv", &files));
        for command in ["compile", "ingest", "run", "ls", "lineage", "rejects export"] {
            let said = project.fails(&command.split(' ').collect::<Vec<_>>());
            assert!(
                said.contains("sales.toml: files = ") && said.contains("outside the project"),
                "{command} {files}: {said}"
            );
            nothing_happened(&said, &files);
        }
    }
    // Behind a wildcard the folder of the pattern is inside.
    for files in ["data/raw/link*.csv", "data/*/*/*.csv", "data/*/*.csv"] {
        let link = project.path("data/raw/link.csv");
        let folder_link = project.path("data/linked");
        std::os::unix::fs::symlink(elsewhere("sales_9.csv"), &link).unwrap();
        std::os::unix::fs::symlink(outside.path(), &folder_link).unwrap();
        let inner = project.path("data/raw/inner");
        std::os::unix::fs::symlink(outside.path(), &inner).unwrap();
        project.write("data/contracts/sales.toml", contract.replace("data/raw/sales_*.csv", files));
        let said = project.fails(&["ingest"]);
        assert!(said.contains("outside the project"), "{files}: {said}");
        nothing_happened(&said, files);
        for path in [link, folder_link, inner] {
            std::fs::remove_file(path).unwrap();
        }
    }
    project.write("data/contracts/sales.toml", &contract);

    let test = |name: &str| {
        format!(
            "model = \"stg_sales\"\n[[test]]\nname = \"t\"\ngiven.\"raw.sales\" = \"{name}\"\nexpect = [ {{ order_id = \"O1\" }} ]\n"
        )
    };
    for name in [elsewhere("rows.csv").display().to_string(), format!("{up}{folder}/rows.csv"), "link.csv".to_owned()] {
        project.write("tests/attack.toml", test(&name));
        let _ = std::fs::remove_file(project.path("tests/link.csv"));
        std::os::unix::fs::symlink(elsewhere("rows.csv"), project.path("tests/link.csv")).unwrap();
        let said = project.fails(&["test"]);
        assert!(said.contains("outside the project"), "{name}: {said}");
        nothing_happened(&said, &name);
        std::fs::remove_file(project.path("tests/link.csv")).unwrap();
    }
    std::fs::remove_file(project.path("tests/attack.toml")).unwrap();

    for place in [
        "sql/marts/attack.sql",
        "sql/checks/attack.sql",
        "data/contracts/attack.toml",
        "sql/marts/fact_sales.test.toml",
    ] {
        let _ = std::fs::remove_file(project.path(place));
        std::os::unix::fs::symlink(elsewhere("model.sql"), project.path(place)).unwrap();
        for command in ["compile", "build", "test"] {
            let said = project.fails(&[command]);
            assert!(said.contains("outside the project"), "{command} {place}: {said}");
            nothing_happened(&said, place);
        }
        std::fs::remove_file(project.path(place)).unwrap();
    }
    // What the program writes by itself does not follow links out of the project.
    for place in ["data/docs", "data/docs/index.html", "data/staging.duckdb"] {
        let path = project.path(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let aside = project.path("aside");
        let was_there = path.exists();
        if was_there {
            std::fs::rename(&path, &aside).unwrap();
        }
        std::os::unix::fs::symlink(elsewhere("written"), &path).unwrap();
        let said = project.fails(&[if place.contains("docs") { "docs" } else { "ingest" }]);
        assert!(said.contains("outside the project"), "{place}: {said}");
        nothing_happened(&said, place);
        std::fs::remove_file(&path).unwrap();
        if was_there {
            std::fs::rename(&aside, &path).unwrap();
        }
    }
    for place in ["data/contracts/rows.toml", "sql/staging/stg_rows.sql"] {
        std::os::unix::fs::symlink(elsewhere("written"), project.path(place)).unwrap();
        project.write("data/raw/rows.csv", "a,b\n1,2\n");
        let said = project.fails(&["sniff", "data/raw/rows.csv", "--write"]);
        nothing_happened(&said, place);
        std::fs::remove_file(project.path(place)).unwrap();
    }
    // A pipe would be waited for without end.
    let pipe = std::process::Command::new("mkfifo").arg(project.path("sql/marts/pipe.sql")).status();
    assert!(pipe.unwrap().success());
    assert!(project.fails(&["compile"]).contains("pipe.sql is a pipe"));
    std::fs::remove_file(project.path("sql/marts/pipe.sql")).unwrap();
}

#[test]
fn g5_a_folder_that_the_project_lists_is_read() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let record = sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10");
    std::fs::write(outside.path().join("sales_1.csv"), format!("{}\n{record}\n", crate::harness::SALES_HEADER))
        .unwrap();
    project.edit(
        "data/contracts/sales.toml",
        "data/raw/sales_*.csv",
        &format!("{}/sales_*.csv", outside.path().display()),
    );
    project.fails(&["ingest"]);
    let toml = std::fs::read_to_string(project.path("salesmart.toml")).unwrap();
    project.write("salesmart.toml", format!("{toml}\n[paths]\nallowed = [\"{}\"]\n", outside.path().display()));
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select file from ingest.files"), ["sales_1.csv"]);
}

const FORMULAS: [&str; 7] = ["=1+1", "+1+1", "-1+1", "@SUM(1)", " =1+1", "＝1+1", "\u{feff}=1"];

#[test]
fn g10_no_list_of_rejects_holds_a_formula_and_what_was_exported_comes_back() {
    let project = Project::with_url(None);
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    let records: Vec<String> = FORMULAS
        .iter()
        .enumerate()
        .map(|(number, formula)| sale(&format!("{formula}{number}"), formula, "never", formula, "P1", "10"))
        .collect();
    project.sales("sales_1.csv", &records);
    project.ok(&["ingest"]);
    project.ok(&["rejects", "export", "--output", "fix.csv"]);
    let shown = project.ok(&["show", "select raw, value from rejects", "--format", "csv"]).stdout;
    let listed = project.ok(&["rejects", "--format", "csv"]).stdout;
    let read = |name: &str| std::fs::read_to_string(project.path(name)).unwrap();
    for (name, text) in [
        ("show", shown),
        ("rejects", listed),
        ("errors.csv", read("data/raw/sales_1.csv.errors.csv")),
        ("export", read("fix.csv")),
    ] {
        let mut cells = 0;
        for record in csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes()).records()
        {
            for cell in record.unwrap().iter() {
                let start = cell.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
                assert!(!start.starts_with(['=', '+', '-', '@', '＝']), "{name}: {cell}");
                cells += usize::from(cell.starts_with('\''));
            }
        }
        assert!(cells >= FORMULAS.len(), "{name}: {text}");
    }
    // Corrected as they are, the records have their own text in the end, and so has what is kept for the next time.
    project.write("fix.csv", read("fix.csv").replace("never", "2024-01-01 10:00:00"));
    project.ok(&["rejects", "replay", "fix.csv"]);
    let mut expected: Vec<String> = FORMULAS.iter().map(|formula| formula.trim().to_owned()).collect();
    expected.sort();
    let json = project.ok(&["show", "select order_id from raw.sales", "--format", "json"]).stdout;
    let mut found: Vec<String> = json
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["order_id"].as_str().unwrap().trim().to_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
    assert!(read("data/raw/sales_1.csv.repairs.csv").contains(",'=1+1"));
}

#[test]
fn g10_exports_of_the_dashboard_hold_no_formula() {
    let project = Project::new();
    let (dashboard, [_, _, all]) = kept_apart(&project);
    let name = "%2C%3DHYPERLINK(1)%3B%3D2%22%2C%3D3";
    for filter in ["region", "category", "product", "city", "store", "customer"] {
        for page in ["overview", "products", "regions"] {
            let path = format!("/export/{page}.csv?dates=all&notes=1&{filter}={name}");
            let (status, text) = ask(&dashboard, &all, &path);
            if status == 400 {
                // The page has no such filter.
                continue;
            }
            assert!(status == 200 && text.contains("HYPERLINK"), "{path}: {status} {text}");
            for cell in text.split([',', ';', '\t', '"', '\n']) {
                assert!(!cell.trim_start().starts_with(['=', '@', '+']), "{path}: {cell} in {text}");
            }
        }
    }
}

#[test]
fn g7_named_views_are_shown_to_the_roles_that_they_name() {
    let project = Project::new();
    let (dashboard, [north, south, all]) = kept_apart(&project);
    project.write(
        "dashboards/views.toml",
        "[[view]]\nname = \"Key accounts of the South\"\npage = \"regions\"\nquery = \"region=South\"\nroles = [\"south\"]\n\
         [[view]]\nname = \"Takeover plan\"\npage = \"customers\"\nquery = \"region=South\"\n\
         [[view]]\nname = \"Everybody's\"\npage = \"overview\"\nroles = [\"north\", \"south\"]\n",
    );
    let views = ["Key accounts of the South", "Takeover plan", "Everybody"];
    let seen = |token: &str| {
        let (status, html) = ask(&dashboard, token, "/overview?dates=all");
        assert_eq!(status, 200);
        views.map(|name| html.contains(name))
    };
    assert_eq!(seen(&all), [true, true, true]);
    assert_eq!(seen(&south), [true, false, true]);
    assert_eq!(seen(&north), [false, false, true]);
    // A page that is kept for one role is not the page of another.
    let roles = std::fs::read_to_string(project.path("users.toml")).unwrap();
    project.write(
        "users.toml",
        roles.replace("[roles.south]\nregions = [\"South\"]", "[roles.south]\nregions = [\"North\"]"),
    );
    assert_eq!(seen(&south), [true, false, true]);
    assert_eq!(seen(&north), [false, false, true]);
    // What is wrong with the file is told to those who see everything.
    project.write("dashboards/views.toml", "[[view]]\nname = \"South\"\nplan_for_the_south = 1\n");
    assert!(ask(&dashboard, &all, "/overview").1.contains("plan_for_the_south"));
    assert!(!ask(&dashboard, &north, "/overview").1.contains("plan_for_the_south"));
}

#[test]
fn low_a_pipe_in_place_of_a_file_does_not_hang_the_server() {
    let project = Project::new();
    let (dashboard, [_, _, all]) = kept_apart(&project);
    let pipe = |name: &str| {
        let path = project.path(name);
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    };
    pipe("dashboards/views.toml");
    let (status, html) = ask(&dashboard, &all, "/overview");
    assert!(status == 200 && html.contains("not a file"), "{html}");
    // Whoever could log in still can: what is no file says nothing about logins.
    pipe("users.toml");
    assert_eq!(ask(&dashboard, &all, "/overview").0, 200);
    let log_in = || dashboard.post("/login", "name=all&password=password+of+all").status;
    assert_eq!(log_in(), 303);
    drop(dashboard);
    let said = project.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("not a file") || said.contains("is a pipe"), "{said}");
}

#[test]
fn low_errors_name_neither_host_nor_database_to_people_who_log_in() {
    let project = Project::new();
    let (dashboard, [north, _, all]) = kept_apart(&project);
    let database = project.url().rsplit('/').next().unwrap().to_owned();
    Cluster::get().drop_database(project.url());
    for token in [&north, &all] {
        for path in
            ["/api/v1/sales?dates=all", "/api/v1/kpis?dates=all", "/quality", "/api/v1/quality/runs", "/overview"]
        {
            let (status, text) = ask(&dashboard, token, path);
            assert!(!text.contains(&database) && !text.contains("127.0.0.1:"), "{path} {status}: {text}");
        }
    }
    let (status, text) = ask(&dashboard, &all, "/api/v1/sales?dates=all");
    assert!(status == 503 && text.contains("the server's log has the reason"), "{status} {text}");
}

/// Names that a shell, SQL, a format string or a file of lines takes for something else.
const FOLDERS: [&str; 9] = [
    "x$(touch y)z",
    "a `touch y` \"b\" 'c'",
    "line\nbreak\r\nand\n\n\n\n\n\n\n\n\nmany more\n",
    "100% of %s and %d",
    "back\\slash\\n\\",
    "Größe 値 \u{202e}",
    " -D spaces ",
    "a;b&c|d>e<f*[x]{y}!~#",
    "unquoted ' and \" and `",
];

#[test]
fn low_a_private_server_runs_in_a_folder_of_any_name() {
    let outside = Project::with_url(None);
    for name in FOLDERS {
        let folder = outside.path(name);
        let run = |args: &[&str]| {
            let outcome = Outcome::of(outside.command(args).current_dir(&folder));
            assert_eq!(outcome.code, Some(0), "{name:?} {args:?}: {}{}", outcome.stdout, outcome.stderr);
            outcome
        };
        assert_eq!(Outcome::of(&mut outside.command(&["init", folder.to_str().unwrap()])).code, Some(0), "{name:?}");
        outside.write(
            &format!("{name}/data/raw/sales_1.csv"),
            format!("{SALES_HEADER}\n{}\n", sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")),
        );
        run(&["run"]);
        // The server was stopped, and starts again on what it has.
        assert!(!folder.join("data/postgres/cluster/postmaster.pid").exists(), "{name:?}");
        assert!(run(&["verify"]).stdout.contains("agree with what was pushed"), "{name:?}");
        for made in [folder.join("y"), folder.join("data/y"), outside.path("y"), "/y".into()] {
            assert!(!made.exists(), "{name:?}: {}", made.display());
        }
    }
}

#[test]
fn low_a_private_server_that_is_running_is_found_in_a_folder_of_any_name() {
    let outside = Project::with_url(None);
    for name in FOLDERS {
        let folder = outside.path(name);
        assert_eq!(Outcome::of(&mut outside.command(&["init", folder.to_str().unwrap()])).code, Some(0), "{name:?}");
        std::fs::set_permissions(outside.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let start = || Embedded::start_with(&folder.join("data/postgres"), Durability::None, &Silent).unwrap();
        let first = start();
        let second = start();
        assert_eq!(first.port(), second.port(), "{name:?}");
        drop(first);
        second.config_for("salesmart").connect(postgres::NoTls).unwrap().batch_execute("select 1").unwrap();
    }
}

#[test]
fn low_a_private_server_that_does_not_start_says_why() {
    let outside = Project::with_url(None);
    for name in ["plain", FOLDERS[0], FOLDERS[2]] {
        let folder = outside.path(name);
        assert_eq!(Outcome::of(&mut outside.command(&["init", folder.to_str().unwrap()])).code, Some(0), "{name:?}");
        let run = || Outcome::of(outside.command(&["migrate"]).current_dir(&folder));
        assert_eq!(run().code, Some(0), "{name:?}");
        let settings = folder.join("data/postgres/cluster/postgresql.conf");
        let sound = std::fs::read_to_string(&settings).unwrap();
        for (line, reason) in [
            ("work_mem = 'nonsense'", "invalid value for parameter \"work_mem\""),
            ("no_such_setting = 1", "unrecognized configuration parameter \"no_such_setting\""),
            ("listen_addresses = '192.0.2.1'", "could not create any TCP/IP sockets"),
        ] {
            std::fs::write(&settings, format!("{sound}{line}\n")).unwrap();
            let outcome = run();
            assert_eq!(outcome.code, Some(1), "{name:?}: {}", outcome.stderr);
            assert!(outcome.stderr.contains("the embedded PostgreSQL does not start"), "{}", outcome.stderr);
            assert!(outcome.stderr.contains(reason), "{name:?} {line}: {}", outcome.stderr);
        }
        // The log cannot be written: then there is no end of it to show.
        std::fs::write(&settings, &sound).unwrap();
        let log = folder.join("data/postgres/cluster/server.log");
        std::fs::remove_file(&log).unwrap();
        std::fs::create_dir(&log).unwrap();
        assert!(run().stderr.contains("server.log: Is a directory"), "{name:?}: {}", run().stderr);
        std::fs::remove_dir(&log).unwrap();
        assert_eq!(run().code, Some(0), "{name:?}");
    }
}

/// Has somebody else's function run on rows of the warehouse; `body` is plpgsql.
fn meddle(project: &Project, on: &str, when: &str, body: &str) {
    project
        .warehouse()
        .batch_execute(&format!(
            "create function public.meddle() returns trigger language plpgsql as $$ begin {body} end $$;
             create trigger meddler {when} on {on} for each row execute function public.meddle()"
        ))
        .unwrap();
}

/// A change waits to be pushed: sales of January are updated and inserted, and the one of March is deleted.
fn pushed_and_changed() -> Project {
    let project = Project::new();
    let record = |number: u32, revenue: &str| {
        let (day, customer) = (format!("2024-{number:02}-01 10:00:00"), format!("C{number}"));
        sale(&format!("T{number}"), &format!("O{number}"), &day, &customer, &format!("P{number}"), revenue)
    };
    project.sales("sales_1.csv", &[record(1, "10"), record(2, "20"), record(3, "30")]);
    project.ok(&["run"]);
    let more = sale("T9", "O9", "2024-01-09 10:00:00", "C9", "P9", "90");
    project.sales("sales_1.csv", &[record(1, "11"), record(2, "20"), more]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project
}

#[test]
fn low_what_a_trigger_of_others_makes_of_pushed_rows_is_never_committed() {
    let (written, fact, january) = ("before insert or update", "mart.fact_sales", "mart.fact_sales_p202401");
    for (on, when, body) in [
        // Texts, moments and numbers of rows on their way in.
        ("mart.dim_customer", written, "new.segment := upper(new.segment); return new;"),
        (fact, written, "new.transaction_id := new.transaction_id || ' '; return new;"),
        (fact, written, "new.created_at := new.created_at + interval '1 microsecond'; return new;"),
        (fact, written, "new.cost := null; return new;"),
        (fact, written, "new.row_hash := new.row_hash # 1; return new;"),
        // One partition only.
        (january, written, "new.order_id := 'meddled'; return new;"),
        (january, "before insert", "return null;"),
        ("mart.fact_sales_p202403", "before delete", "return null;"),
        // Rows that do not come, change or go.
        ("mart.dim_customer", "before insert", "return null;"),
        ("mart.dim_customer", "before update", "return null;"),
        ("mart.dim_customer", "before delete", "return null;"),
        // Other rows and other tables.
        (fact, "after insert", "update mart.dim_region set city = 'meddled'; return null;"),
        (fact, "after insert", "delete from mart.fact_sales where transaction_id = 'T2'; return null;"),
        (
            "mart.dim_customer",
            "after insert or update",
            "begin update mart.dim_date set day_name = 'x'; exception when division_by_zero then null; end; return null;",
        ),
    ] {
        let project = pushed_and_changed();
        meddle(&project, on, when, body);
        let before = project.warehouse_content();
        let error = project.fails(&["sync", "--allow-deletes"]);
        assert!(error.contains("nothing was changed"), "{on} {when} {body}: {error}");
        assert!(error.contains("the trigger meddler on mart."), "{on} {when} {body}: {error}");
        assert_eq!(project.warehouse_content(), before, "{on} {when} {body}");
        project.warehouse().batch_execute(&format!("alter table {on} disable trigger meddler")).unwrap();
        project.ok(&["sync", "--allow-deletes"]);
        project.ok(&["verify"]);
    }
}

#[test]
fn low_a_trigger_that_only_looks_on_and_a_rule_that_does_nothing_hold_no_sync_up() {
    let project = pushed_and_changed();
    project
        .warehouse()
        .batch_execute(
            "create table public.log (line text);
             create rule seen as on delete to mart.dim_product do also insert into public.log values (old.product_name)",
        )
        .unwrap();
    meddle(
        &project,
        "mart.fact_sales",
        "after insert or update or delete",
        "insert into public.log values (tg_op); return null;",
    );
    project.ok(&["sync", "--allow-deletes"]);
    project.ok(&["verify"]);
    assert_ne!(project.pushed("select count(*) as n from public.log"), ["0"]);
}

#[test]
fn low_a_rule_that_changes_pushed_rows_and_a_generated_column_are_refused() {
    let project = pushed_and_changed();
    project.warehouse().batch_execute("create rule kept as on delete to mart.dim_customer do instead nothing").unwrap();
    let before = project.warehouse_content();
    project.warehouse().batch_execute("alter table mart.dim_customer enable always rule kept").unwrap();
    let error = project.fails(&["sync", "--allow-deletes"]);
    assert!(error.contains("nothing was changed") && error.contains("the rule kept on mart.dim_customer"), "{error}");
    assert_eq!(project.warehouse_content(), before);
    project
        .warehouse()
        .batch_execute(
            "drop rule kept on mart.dim_customer;
             alter table mart.dim_customer drop column segment;
             alter table mart.dim_customer add column segment text generated always as ('x') stored",
        )
        .unwrap();
    let error = project.fails(&["sync", "--allow-deletes"]);
    assert!(error.contains("segment") && error.contains("generated"), "{error}");
}

#[test]
fn low_the_advice_of_verify_works() {
    /// Fails, and then does what the error says.
    fn follow(project: &Project) {
        let error = project.fails(&["verify"]);
        let advised = error.split('`').skip(1).step_by(2).filter(|text| text.starts_with("salesmart "));
        for command in advised.collect::<Vec<_>>() {
            let command = command.split(" without ").next().unwrap();
            project.ok(&command.split(' ').skip(1).collect::<Vec<_>>());
        }
        assert!(project.ok(&["verify"]).stdout.contains("agree"), "{error}");
    }
    let spoil = |project: &Project| {
        project
            .warehouse()
            .batch_execute("update mart.fact_sales set order_id = 'x' where transaction_id = 'T2'")
            .unwrap();
    };

    // Nothing else to push; changes that are not pushed; and such that delete.
    let project = pushed_and_changed();
    project.ok(&["sync", "--allow-deletes"]);
    spoil(&project);
    follow(&project);
    project.sales("sales_2.csv", &[sale("T7", "O7", "2024-02-07 10:00:00", "C7", "P7", "70")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    spoil(&project);
    follow(&project);

    // More rows of others than the guard lets a repair delete.
    let add = "insert into mart.fact_sales (date_id, sale_id, product_id, customer_id, region_id, transaction_id, order_id, order_key, \
                   quantity, unit_price, discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash) \
               select date_id, n, product_id, customer_id, region_id, 'X' || n, order_id, order_key, quantity, unit_price, \
                   discount_amount, revenue, cost, profit, margin, is_return, created_at, row_hash \
               from mart.fact_sales, generate_series(1, 200) as n where transaction_id = 'T2'";
    project.warehouse().batch_execute(add).unwrap();
    assert!(project.fails(&["verify", "--repair"]).contains("--allow-deletes"));
    follow(&project);
    project.warehouse().batch_execute(add).unwrap();
    follow(&project);

    // A build of a part, whose checks have not run.
    spoil(&project);
    project.edit("sql/marts/dim_region.sql", "select", "select /* changed */");
    project.ok(&["build", "dim_region"]);
    follow(&project);
}
