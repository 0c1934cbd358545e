//! The warehouse as its administrators set it up: roles, hosts, locks, limits, and what a migration has to do.

use salesmart_warehouse::embedded::Durability;

use crate::harness::{Cluster, Project, Server, sale};

fn project_with(url: String) -> Project {
    let project = Project::with_url(Some(url));
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project
}

#[test]
fn field_h2_a_role_that_is_made_later_is_missed_and_gets_its_rights_and_policies() {
    let server = Server::new(Durability::None);
    let mut admin = server.connect();
    admin.batch_execute("create role app login password 'x'").unwrap();
    admin.batch_execute("create database shop owner app").unwrap();
    let port = server.running().port();
    let project = project_with(format!("postgres://app:x@127.0.0.1:{port}/shop"));

    // Without the right to make roles, migrations warn, and it is seen.
    let warned = project.ok(&["run"]).stderr;
    assert!(warned.contains("no right to create the role salesmart_reader"), "{warned}");
    assert!(warned.contains("dashboards cannot keep regions apart"), "{warned}");
    assert!(project.ok(&["doctor"]).stderr.contains("there is no role salesmart_reader"));
    let error = project.fails(&["migrate", "--grants"]);
    assert!(error.contains("have an administrator run\n  create role salesmart_reader nologin;"), "{error}");

    admin
        .batch_execute(
            "create role salesmart_reader nologin; create role bi login password 'x' in role salesmart_reader",
        )
        .unwrap();
    let outcome = project.run(&["doctor"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    for lacking in ["usage on schema mart", "select on mart.fact_sales", "policies", "salesmart migrate --grants"] {
        assert!(outcome.stdout.contains(lacking), "{lacking}: {}", outcome.stdout);
    }
    for _ in 0..2 {
        project.ok(&["migrate", "--grants"]);
    }
    assert!(project.ok(&["doctor"]).stdout.contains("ok       reader role"));
    // Tables that come later are readable, too, and every table by region has both policies.
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-02-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let mut reader = Cluster::connect(&format!("postgres://bi:x@127.0.0.1:{port}/shop"));
    let count: i64 = reader.query_one("select count(*) from mart.fact_sales_p202402", &[]).unwrap().get(0);
    assert_eq!(count, 1);
    assert_eq!(
        project.pushed("select policyname as p, count(*) as n from pg_policies group by 1 order by 1"),
        ["salesmart_everybody,6", "salesmart_regions,6"]
    );
    // One that is taken away is missed again.
    admin.batch_execute("drop owned by salesmart_reader").unwrap();
    let mut owner = Cluster::connect(project.url());
    owner
        .batch_execute(
            "revoke select on mart.dim_product from salesmart_reader; drop policy salesmart_regions on mart.dim_region",
        )
        .unwrap();
    let outcome = project.run(&["doctor"]);
    assert!(
        outcome.stdout.contains("select on mart.dim_product") && outcome.stdout.contains("on mart.dim_region"),
        "{}",
        outcome.stdout
    );
    project.ok(&["migrate", "--grants"]);
    project.ok(&["doctor"]);
}

#[test]
fn field_h2_what_a_migration_raises_is_shown() {
    let project = project_with(Cluster::get().database());
    project.write(
        "sql/postgres/migrations/V40__words.sql",
        "do $$ begin raise notice 'forty rows moved'; raise warning 'look at region 7'; end $$;",
    );
    let outcome = project.ok(&["migrate"]);
    assert!(outcome.stdout.contains("a migration notes: forty rows moved"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("a migration warns: look at region 7"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("already exists"), "{}", outcome.stdout);
}

#[test]
fn field_h4_of_several_hosts_the_one_that_answered_is_named() {
    let url = Cluster::get().database();
    let port = Cluster::get().port().to_string();
    // Nobody listens at port 1.
    let project = project_with(url.replace(&format!(":{port}/"), &format!(":1,127.0.0.1:{port}/")));
    let run = project.ok(&["run"]);
    let done = run.stdout.lines().find(|line| line.starts_with("done")).unwrap();
    assert!(
        done.contains(&format!("salesmart@127.0.0.1:{port}/")) && !done.contains(":1/") && !done.contains(":1,"),
        "{done}"
    );
    let doctor = project.ok(&["doctor"]).stdout;
    let lines: Vec<&str> = doctor.lines().filter(|line| line.contains("salesmart@127.0.0.1")).collect();
    assert_eq!(lines.len(), 2, "the warehouse and the hint for BI tools: {doctor}");
    assert!(lines.iter().all(|line| line.contains(&format!("@127.0.0.1:{port}/"))), "{lines:?}");
    let asked = project.ok(&["psql", "--", "-Atc", "select count(*) from mart.fact_sales"]);
    assert_eq!(asked.stdout.trim(), "1");
    // If none answers, all are named.
    let project = project_with("postgres://me:x@127.0.0.1:1,127.0.0.1:2/shop?connect_timeout=2".to_owned());
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nconnect_retries = 0");
    let error = project.fails(&["sync"]);
    assert!(error.contains("me@127.0.0.1:1/shop") && error.contains("me@127.0.0.1:2/shop"), "{error}");
}

#[test]
fn field_h5_the_holder_of_a_lock_is_named_by_every_verb_that_waits_for_one() {
    let project = project_with(Cluster::get().database());
    project.ok(&["run"]);
    project.edit("salesmart.toml", "[warehouse]", "[warehouse]\nlock_timeout = \"300ms\"");
    project.write("sql/postgres/migrations/V40__index.sql", "create index on mart.fact_sales (customer_id)");
    let mut other = Cluster::connect(&format!("{}?application_name=nightly_report", project.url()));
    let mut held = other.transaction().unwrap();
    held.batch_execute("lock table mart.fact_sales in access exclusive mode").unwrap();
    let named = |args: &[&str]| {
        let error = project.fails(args);
        assert!(error.contains("nightly_report, salesmart from"), "{args:?}: {error}");
    };
    named(&["migrate"]);
    std::fs::remove_file(project.path("sql/postgres/migrations/V40__index.sql")).unwrap();
    named(&["verify"]);
    named(&["plan", "--full-refresh"]);
    named(&["sync", "--full-refresh"]);
    project.edit("sql/marts/fact_sales.sql", "select * from final", "select *, 1::integer as more from final");
    project.ok(&["build"]);
    named(&["migrate", "--draft", "more"]);
    held.rollback().unwrap();
    project.ok(&["migrate", "--draft", "more"]);
}

/// One sale in each of so many months, from January of this year on.
fn months(project: &Project, first_year: u32, count: u32) {
    let records: Vec<String> = (0..count)
        .map(|n| {
            let moment = format!("{}-{:02}-05 10:00:00", first_year + n / 12, 1 + n % 12);
            sale(&format!("T{n}"), &format!("O{n}"), &moment, &format!("C{}", n % 9), "P1", "10")
        })
        .collect();
    project.sales("sales_1.csv", &records);
}

/// A server with these settings.
fn server_with(settings: &str) -> Server {
    let mut server = Server::new(Durability::None);
    server.configure(settings);
    server.stop();
    server.start();
    server
}

#[test]
fn field_h6_a_first_sync_of_a_thousand_months_passes_on_a_server_with_default_settings() {
    let server = server_with("max_locks_per_transaction = 64");
    let project = Project::with_url(Some(server.url()));
    months(&project, 1940, 1000);
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["1000"]);
    // So does a change that looks into all of them.
    project.edit("data/raw/sales_1.csv", "T7,O7,", "T7,O8,");
    project.ok(&["run"]);
    project.warehouse_equals_marts("after a change");
    project.ok(&["verify"]);
    // The private server has room of its own.
    let private = Server::new(Durability::None);
    let locks: String = private.connect().query_one("show max_locks_per_transaction", &[]).unwrap().get(0);
    assert_eq!(locks, "512");
}

#[test]
fn field_h6_more_months_than_there_is_room_for_are_refused_before_anything_is_written() {
    let small = "max_locks_per_transaction = 10\nmax_connections = 20\nmax_worker_processes = 1\nmax_wal_senders = 0";
    let server = server_with(small);
    let project = Project::with_url(Some(server.url()));
    months(&project, 1990, 200);
    let error = project.fails(&["run"]);
    assert!(error.contains("200 months") && error.contains("max_locks_per_transaction = 10"), "{error}");
    let wanted = error.split("set max_locks_per_transaction = ").nth(1).unwrap().split(' ').next().unwrap();
    let nothing = "select (select count(*) from pg_inherits where inhparent = 'mart.fact_sales'::regclass) as p, count(*) as n from mart.dim_date";
    assert_eq!(project.pushed(nothing), ["0,0"]);
    // What it says is enough.
    server.configure(&format!("max_locks_per_transaction = {wanted}"));
    let mut server = server;
    server.stop();
    server.start();
    let mut project = project;
    project.set_url(server.url());
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["200"]);
}

/// A project with a mart of its own, pushed.
fn with_mart(select: &str, table: &str) -> Project {
    let project = project_with(Cluster::get().database());
    project.write("sql/marts/agg_own.sql", select);
    project.write("sql/postgres/migrations/V40__own.sql", table);
    project.ok(&["run"]);
    project
}

/// Builds, drafts, migrates and syncs; returns the draft.
fn migrate(project: &Project, name: &str) -> String {
    project.ok(&["build", "--full-refresh"]);
    project.ok(&["migrate", "--draft", name]);
    let folder = std::fs::read_dir(project.path("sql/postgres/migrations")).unwrap();
    let path = folder
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with(&format!("__{name}.sql")))
        .unwrap();
    project.ok(&["migrate"]);
    project.ok(&["sync", "--allow-deletes"]);
    project.warehouse_equals_marts(name);
    std::fs::read_to_string(path).unwrap()
}

const OWN: &str = "-- key: a\nselect i::integer as a, 'v' || i as label from range(1, 200) as t(i)";
const OWN_TABLE: &str = "create table mart.agg_own (a integer primary key, label text, row_hash bigint not null)";

#[test]
fn field_h7_the_draft_for_a_longer_or_shorter_key_applies() {
    let project = with_mart(OWN, OWN_TABLE);
    // By a column that is new, so that the rows which are there have no value for it.
    project.write(
        "sql/marts/agg_own.sql",
        "-- key: a, b\nselect i::integer // 2 as a, i::integer % 2 as b, 'v' || i as label from range(1, 200) as t(i)",
    );
    let draft = migrate(&project, "longer");
    assert!(
        draft.contains("drop constraint \"agg_own_pkey\"") && draft.contains("delete from mart.\"agg_own\""),
        "{draft}"
    );
    // Shorter: the rows that are there would be twice in it.
    project.write("sql/marts/agg_own.sql", OWN);
    let draft = migrate(&project, "shorter");
    assert!(draft.contains("drop column \"b\""), "{draft}");
    // By a column that is there: rows stay.
    project.write("sql/marts/agg_own.sql", OWN.replace("key: a", "key: a, label"));
    let draft = migrate(&project, "by_label");
    assert!(!draft.contains("delete from"), "{draft}");
}

#[test]
fn field_h7_the_draft_for_a_mart_made_anew_with_another_key_applies_and_keeps_foreign_keys_in_mind() {
    let project = with_mart(OWN, OWN_TABLE);
    project.warehouse().batch_execute("create table public.other (a integer references mart.agg_own)").unwrap();
    project.write(
        "sql/marts/agg_own.sql",
        "-- key: city\nselect 'c' || i as city, i::bigint as places, date '2024-01-01' + i::integer as since from range(1, 50) as t(i)",
    );
    let draft = migrate(&project, "anew");
    assert!(draft.contains("alter table other drop constraint \"other_a_fkey\"; -- FOREIGN KEY (a)"), "{draft}");
}

#[test]
fn field_h7_the_drafts_for_other_types_apply_whatever_the_values_are() {
    let project = with_mart(OWN, OWN_TABLE);
    let own = |select: &str| {
        project.write(
            "sql/marts/agg_own.sql",
            format!("-- key: a\nselect i::integer as a, {select} from range(1, 200) as t(i)"),
        )
    };
    own("(i * 1.5)::decimal(18,4) as label");
    let draft = migrate(&project, "junk_to_decimal");
    assert!(draft.contains("values that are no numeric(18,4)"), "{draft}");
    own("(i * 1.5)::decimal(18,4)::varchar as label");
    migrate(&project, "decimal_to_text");
    own("(i * 1.5)::decimal(18,4) as label");
    let draft = migrate(&project, "text_to_decimal");
    assert!(draft.contains("using \"label\"::text::numeric(18,4)"), "{draft}");
    own("(i % 2 = 0) as label");
    migrate(&project, "decimal_to_boolean");
    own("date '2024-01-01' + i::integer as label");
    migrate(&project, "boolean_to_date");
    own("i::bigint as label");
    migrate(&project, "date_to_bigint");
    project.write(
        "sql/marts/agg_own.sql",
        "-- key: a\nselect 'k' || i as a, i::bigint as label from range(1, 200) as t(i)",
    );
    migrate(&project, "key_to_text");
    project.write(
        "sql/marts/agg_own.sql",
        "-- key: a\nselect i::bigint as a, i::bigint as label from range(1, 200) as t(i)",
    );
    migrate(&project, "key_to_bigint");
}

#[test]
fn field_h7_a_draft_that_postgresql_refuses_is_not_written() {
    let project = with_mart(OWN, OWN_TABLE);
    let content = project.warehouse_content();
    project.warehouse().batch_execute("create view public.report as select label from mart.agg_own").unwrap();
    project.write("sql/marts/agg_own.sql", OWN.replace("'v' || i as label", "i::integer as label"));
    project.ok(&["build"]);
    let error = project.fails(&["migrate", "--draft", "label"]);
    assert!(error.contains("nothing was written") && error.contains("report"), "{error}");
    assert!(!project.path("sql/postgres/migrations/V41__label.sql").exists());
    assert_eq!(project.warehouse_content(), content);
}

#[test]
fn field_h7_names_of_system_columns_are_refused_by_compile() {
    let project = project_with(Cluster::get().database());
    for name in ["ctid", "xmin", "tableoid", "row_hash"] {
        project.write(
            "sql/marts/agg_own.sql",
            format!("-- key: a\nselect i::integer as a, i as {name} from range(1, 9) as t(i)"),
        );
        let error = project.fails(&["compile"]);
        assert!(error.contains("agg_own.sql:1: ") && error.contains(name), "{error}");
    }
}

#[test]
fn field_h7_a_partitioned_mart_that_no_longer_is_one_and_a_day_of_another_type_are_made_anew() {
    let by_day = "-- key: id\n-- partition: day\nselect i::integer as id, 20240101 + i::integer % 20 as day from range(1, 200) as t(i)";
    let table = "create table mart.agg_own (id integer, day integer, row_hash bigint not null, primary key (day, id)) partition by range (day)";
    let project = with_mart(by_day, table);
    project.write("sql/marts/agg_own.sql", by_day.replace("20240101 + i::integer % 20", "20240101 + i % 20"));
    migrate(&project, "day_as_bigint");
    project.write("sql/marts/agg_own.sql", by_day.replace("-- partition: day\n", ""));
    migrate(&project, "no_months");
}
