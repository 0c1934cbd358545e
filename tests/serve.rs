//! The server of the dashboard: where it listens, who may come in, what happens when PostgreSQL goes and comes back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use salesmart_warehouse::embedded::Durability;
use serde_json::Value;

use crate::harness::running::PATIENCE;
use crate::harness::{Cluster, Dashboard, Project, Server, sale};

/// A project whose sample is in its warehouse.
pub fn sample() -> Project {
    let project = Project::new();
    project.copy_sample();
    project.ok(&["run"]);
    project
}

#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn load_of(dashboard: &Dashboard) -> String {
    dashboard.get("/api/v1/kpis").json()["load"]["id"].as_str().unwrap().to_owned()
}

/// An open event stream.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(dashboard: &Dashboard) -> Self {
        let address = dashboard.url("").replace("http://", "");
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The data of the next event of a name.
    fn next(&mut self, name: &str) -> String {
        let (mut line, mut is_next) = (String::new(), false);
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            match line.trim().split_once(':') {
                Some(("event", event)) => is_next = event.trim() == name,
                Some(("data", data)) if is_next => return data.trim().to_owned(),
                _ => {}
            }
        }
    }
}

#[test]
fn figures_are_those_of_the_warehouse_and_follow_it() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let sums = |project: &Project| {
        project.pushed(
            "select sum(revenue) || ' ' || sum(profit) || ' ' || count(distinct order_id) filter (where not is_return) || ' '
                 || count(distinct nullif(customer_id, 0)) || ' ' || count(*)
             from mart.fact_sales",
        )
    };
    let served = || {
        let reply = dashboard.get("/api/v1/kpis?dates=all");
        let text = reply.text();
        let figures = &reply.json()["data"]["figures"];
        // The text has all decimals; a float would not.
        let exact = |name: &str| {
            text.split(&format!("\"{name}\":")).nth(1).unwrap().split([',', '}']).next().unwrap().to_owned()
        };
        format!(
            "{} {} {} {} {}",
            exact("revenue"),
            exact("profit"),
            figures["orders"],
            figures["customers"],
            figures["lines"]
        )
    };
    assert_eq!(vec![served()], sums(&project));
    let mut events = Events::of(&dashboard);
    let before = events.next("load");
    assert_eq!(before, load_of(&dashboard));

    project.sales("sales_new.csv", &[sale("N1", "N1", "2025-01-01 10:00:00", "C1", "P1", "99.5")]);
    project.ok(&["run"]);
    let after = events.next("load");
    assert_ne!(after, before);
    assert_eq!(after, load_of(&dashboard));
    assert_eq!(vec![served()], sums(&project));
    assert_eq!(dashboard.end(), Some(0));
}

#[test]
fn an_open_stream_does_not_hold_up_the_end() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let mut events = Events::of(&dashboard);
    events.next("load");
    let started = Instant::now();
    assert_eq!(dashboard.end(), Some(0));
    assert!(started.elapsed() < PATIENCE / 4);
    let mut rest = String::new();
    events.0.read_to_string(&mut rest).unwrap();
}

#[test]
fn postgres_may_go_and_come_back() {
    let mut server = Server::new(Durability::Full);
    let project = Project::with_url(Some(server.url()));
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let dashboard = Dashboard::of(&project);
    assert_eq!(dashboard.get("/readyz").status, 200);
    server.stop();
    until("/readyz fails", || dashboard.get("/readyz").status == 503);
    assert_eq!(dashboard.get("/healthz").status, 200, "it is alive");
    assert_eq!(dashboard.get("/api/v1/kpis").status, 200, "figures are still those of the last load");
    let page = dashboard.get("/overview");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("cannot be reached"), "{}", page.text());
    assert_eq!(dashboard.get("/api/v1/sales").status, 503, "sale lines are read from PostgreSQL");

    server.start();
    project.sales("sales_2.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C2", "P1", "5")]);
    project.ok(&["run"]);
    until("/readyz is well again", || dashboard.get("/readyz").status == 200);
    until("the new sale shows", || dashboard.get("/api/v1/kpis").json()["data"]["figures"]["lines"] == 2);
    assert!(!dashboard.get("/overview").text().contains("cannot be reached"));
    assert_eq!(dashboard.get("/api/v1/sales").status, 200);
}

#[test]
fn nothing_pushed_yet_is_said() {
    let project = Project::new();
    assert!(project.fails(&["serve"]).contains("`salesmart run` first"));
    assert!(project.fails(&["serve", "--from", "staging"]).contains("is not there yet"));
}

#[test]
fn others_may_come_in_only_with_logins() {
    let project = sample();
    let error = project.fails(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(error.contains("dashboard.users"), "{error}");
    project.edit("salesmart.toml", "[dashboard]", "[dashboard]\nusers = \"users.toml\"");
    assert!(project.fails(&["serve", "--listen", "0.0.0.0:0"]).contains("cannot read"));
    project.write("users.toml", "[roles.all]\nregions = \"all\"\n[users.anna]\npassword = \"plain\"\nrole = \"all\"\n");
    let error = project.fails(&["serve"]);
    assert!(error.contains("users.anna.password is not a hash"), "{error}");
}

#[test]
fn a_taken_address_is_said() {
    let project = sample();
    let refused = project.run(&["serve", "--listen", "here"]);
    assert!(
        refused.code == Some(2) && refused.stderr.contains("127.0.0.1:8080, or a port alone"),
        "{}",
        refused.stderr
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = project.fails(&["serve", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert!(error.contains("choose another port with --listen"), "{error}");
}

#[test]
fn an_analyst_sees_a_change_before_it_is_pushed() {
    let project = sample();
    let dashboard = Dashboard::with(&project, &["--from", "staging"]);
    let revenue = |path: &str| dashboard.get(path).json()["data"]["figures"]["revenue"].to_string();
    let pushed = project.pushed("select round(sum(revenue), 4)::float8 from mart.fact_sales");
    let before = revenue("/api/v1/kpis?dates=all");
    assert_eq!(before.parse::<f64>().unwrap().to_string(), pushed[0]);
    let rows = dashboard.get("/api/v1/sales?dates=all&limit=3").json();
    assert_eq!(rows["data"]["rows"].as_array().unwrap().len(), 3);

    project.sales("sales_new.csv", &[sale("N1", "N1", "2025-01-01 10:00:00", "C1", "P1", "99.5")]);
    // The file of the dashboard is not in the way of who builds.
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    until("the build shows", || revenue("/api/v1/kpis?dates=all") != before);
    assert_eq!(project.pushed("select count(*) from mart.fact_sales where transaction_id = 'N1'"), ["0"]);
}

#[test]
fn without_logins_only_names_of_this_machine_are_answered() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    assert_eq!(dashboard.ask("/api/v1/kpis", &[("host", "evil.example")]).status, 403);
    let reply = dashboard.get("/overview");
    assert!(reply.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}

#[test]
fn metrics_count_requests() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    dashboard.get("/overview");
    dashboard.get("/overview");
    let text = dashboard.get("/metrics").text();
    assert!(text.contains("salesmart_http_requests_total{route=\"/overview\",status=\"200\"} 2"), "{text}");
    assert!(text.trim_end().ends_with("# EOF"));
}

#[test]
fn a_thousand_syncs_and_two_hundred_streams_leave_nothing_behind() {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let dashboard = Dashboard::of(&project);
    let mut warehouse = Cluster::connect(project.url());
    let mut sync = |number: i64| {
        warehouse
            .execute(
                "insert into etl.sync_run (run_number, run_id, committed_at, program_version, tables)
                 values ($1, $2, now(), 'test', '[]')",
                &[&number, &format!("sync-{number}")],
            )
            .unwrap();
        warehouse.batch_execute("notify salesmart").unwrap();
    };
    let mut streams: Vec<Events> = (0..200).map(|_| Events::of(&dashboard)).collect();
    streams.iter_mut().for_each(|stream| drop(stream.next("load")));
    // What is made once is there.
    (100..150).for_each(&mut sync);
    until("the last sync is seen", || load_of(&dashboard) == "sync-149");
    let before = dashboard.memory();
    (150..1_150).for_each(&mut sync);
    until("the last sync is seen", || load_of(&dashboard) == "sync-1149");
    for stream in &mut streams {
        while stream.next("load") != "sync-1149" {}
    }
    let after = dashboard.memory();
    assert!(after < before + 30_000 * 1024, "{before} bytes before, {after} bytes after");
    assert!(dashboard.get("/metrics").text().contains("salesmart_event_streams 200"));
    drop(streams);
    until("the streams are gone", || {
        // It is noticed when something is sent.
        Cluster::connect(project.url()).batch_execute("notify salesmart").unwrap();
        let text = dashboard.get("/metrics").text();
        text.contains("salesmart_event_streams 0")
    });
}

/// Two logins with a region each, and one with all.
pub fn with_logins(project: &Project) -> [String; 3] {
    let hash = |password: &str| {
        let mut command = project.command(&["serve", "--hash-password"]);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let token = || {
        let said = project.ok(&["serve", "--new-token"]).stdout;
        let word = |name: &str| {
            said.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().nth(1).unwrap().to_owned()
        };
        (word("token"), word("sha256"))
    };
    let tokens = [token(), token(), token()];
    let mut users = String::from(
        "[roles.all]\nregions = \"all\"\n[roles.north]\nregions = [\"North\"]\n[roles.south]\nregions = [\"South\"]\n",
    );
    for (role, (_, fingerprint)) in ["north", "south", "all"].iter().zip(&tokens) {
        users += &format!(
            "[users.{role}]\npassword = \"{}\"\nrole = \"{role}\"\n[tokens.{role}]\nsha256 = \"{fingerprint}\"\nrole = \"{role}\"\n",
            hash(&format!("password of {role}"))
        );
    }
    project.write("users.toml", users);
    project.edit("salesmart.toml", "[dashboard]", "[dashboard]\nusers = \"users.toml\"");
    tokens.map(|(token, _)| token)
}

#[test]
fn two_roles_do_not_see_each_other_s_region() {
    let project = Project::new();
    let record = |number: u32, region: &str, revenue: &str| {
        format!(
            "T{number},O{number},2024-01-0{number} 10:00:00,C-{region}-{number},Customer of {region},P{number},Product {number},Toys,{region},\
             City of {region},Store of {region},1,{revenue},{revenue},1"
        )
    };
    project.sales("sales_1.csv", &[record(1, "North", "10"), record(2, "North", "20"), record(3, "South", "400")]);
    project.ok(&["run"]);
    let [north, south, all] = with_logins(&project);
    let error = project.fails(&["serve"]);
    assert!(error.contains("alter table mart.fact_sales enable row level security;"), "{error}");
    let statements: Vec<&str> = error.lines().filter(|line| line.starts_with("alter table")).collect();
    project.warehouse().batch_execute(&statements.join("\n")).unwrap();

    let dashboard = Dashboard::of(&project);
    assert_eq!(dashboard.get("/api/v1/kpis").status, 401);
    assert_eq!(dashboard.ask("/overview", &[("accept", "text/html")]).status, 303);
    let ask = |token: &str, path: &str| dashboard.ask(path, &[("authorization", &format!("Bearer {token}"))]);
    let revenue = |token: &str, path: &str| ask(token, path).json()["data"]["figures"]["revenue"].as_f64().unwrap();
    for (token, own) in [(&north, 30.0), (&south, 400.0), (&all, 430.0)] {
        assert_eq!(revenue(token, "/api/v1/kpis?dates=all"), own);
    }
    assert_eq!(revenue(&north, "/api/v1/kpis?dates=all&region=South"), 0.0);
    let paths = [
        "/overview?dates=all",
        "/products?dates=all",
        "/regions?dates=all",
        "/regions?dates=all&region=South",
        "/customers?dates=all",
        "/quality",
        "/api/v1/kpis?dates=all",
        "/api/v1/trend?dates=all",
        "/api/v1/breakdown?dates=all&by=store",
        "/api/v1/top?dates=all&by=customer",
        "/api/v1/places?dates=all",
        "/api/v1/segments?dates=all",
        "/api/v1/cohorts?dates=all",
        "/api/v1/sales?dates=all",
        "/api/v1/metadata",
        "/api/v1/quality",
        "/export/overview.csv?dates=all",
        "/export/regions.csv?dates=all",
    ];
    for path in paths {
        for (token, other) in [(&north, "South"), (&south, "North")] {
            let reply = ask(token, path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            // The filter that was asked for may be repeated; nothing that the warehouse holds of it.
            for told in [
                format!("Customer of {other}"),
                format!("City of {other}"),
                format!("Store of {other}"),
                "sales_1.csv".to_owned(),
            ] {
                assert!(!reply.text().contains(&told), "{path} tells {told}");
            }
        }
    }
    // The same in PostgreSQL itself: the policies, not the program, keep them apart.
    let mut reader = project.warehouse();
    let counted: i64 = reader
        .batch_execute("set role salesmart_reader; set salesmart.regions = 'North'")
        .and_then(|()| reader.query_one("select count(*) from mart.fact_sales", &[]))
        .unwrap()
        .get(0);
    assert_eq!(counted, 2);
    for table in ["dim_region", "dim_customer", "agg_daily_sales"] {
        let count: i64 = reader.query_one(&format!("select count(*) from mart.{table}"), &[]).unwrap().get(0);
        assert!(count > 0 && count < 4, "{table}: {count}");
    }
    // A sync goes on as before.
    project.sales("sales_2.csv", &[record(4, "North", "5")]);
    project.ok(&["run"]);
    until("the new sale shows", || revenue(&north, "/api/v1/kpis?dates=all") == 35.0);
    assert_eq!(revenue(&south, "/api/v1/kpis?dates=all"), 400.0);
}

#[test]
fn a_login_has_only_so_many_tries() {
    let project = sample();
    with_logins(&project);
    let statements = project.fails(&["serve"]);
    let statements: Vec<&str> = statements.lines().filter(|line| line.starts_with("alter table")).collect();
    project.warehouse().batch_execute(&statements.join("\n")).unwrap();
    let dashboard = Dashboard::of(&project);
    let log_in = |password: &str| dashboard.post("/login", &format!("name=all&password={password}&next=%2Fproducts"));
    for _ in 0..5 {
        assert_eq!(log_in("wrong-password").status, 401);
    }
    let reply = log_in("password+of+all");
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").parse::<u64>().unwrap() > 100);
    // Another login is not kept out.
    let reply = dashboard.post("/login", "name=north&password=password+of+north&next=%2F%2Fevil.example");
    assert_eq!((reply.status, reply.header("location")), (303, "/"));
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(reply.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
    assert_eq!(dashboard.ask("/overview", &[("cookie", &cookie)]).status, 200);
    let reply = dashboard.post_with("/logout", "", &[("cookie", &cookie)]);
    assert_eq!(reply.status, 303);
    assert_eq!(dashboard.ask("/api/v1/kpis", &[("cookie", &cookie)]).status, 401);
    let reply = dashboard.post_with("/login", "name=all&password=x", &[("sec-fetch-site", "cross-site")]);
    assert_eq!(reply.status, 403);
}

#[test]
fn the_private_server_keeps_regions_apart_by_itself() {
    let project = Project::embedded();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    let [north, south, _] = with_logins(&project);
    let dashboard = Dashboard::of(&project);
    let lines = |token: &str| {
        let reply = dashboard.ask("/api/v1/kpis?dates=all", &[("authorization", &format!("Bearer {token}"))]);
        reply.json()["data"]["figures"]["lines"].clone()
    };
    assert_eq!((lines(&north), lines(&south)), (Value::from(0), Value::from(1)));
    assert_eq!(dashboard.end(), Some(0));
}
