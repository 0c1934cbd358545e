//! Clients without a login that try to stop the server, to fill it, or to lock others out.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Dashboard, Project};
use crate::security::kept_apart;

const HALF_HEAD: &str = "GET /overview HTTP/1.1\r\nhost: localhost\r\nx-a";
const HALF_FORM: &str = "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                         content-length: 60\r\n\r\nname=anna&pass";

fn half_sent(dashboard: &Dashboard, text: &str, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let mut stream = dashboard.connect();
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect()
}

/// How long each address takes to answer, all as they should.
fn answers(dashboard: &Dashboard, token: &str) -> Vec<(&'static str, Duration)> {
    let login = || dashboard.post("/login", "name=all&password=password+of+all").status;
    let get = |path: &str| dashboard.ask(path, &[("authorization", &format!("Bearer {token}"))]).status;
    let asked: [(&str, u16, &dyn Fn() -> u16); 4] = [
        ("/healthz", 200, &|| dashboard.get("/healthz").status),
        ("/readyz", 200, &|| dashboard.get("/readyz").status),
        ("/overview", 200, &|| get("/overview?dates=all")),
        ("/login", 303, &login),
    ];
    asked
        .iter()
        .map(|(name, status, ask)| {
            let started = Instant::now();
            assert_eq!(ask(), *status, "{name}");
            (*name, started.elapsed())
        })
        .collect()
}

#[test]
fn g9_half_sent_requests_and_idle_connections_keep_nobody_waiting() {
    let project = Project::new();
    let (dashboard, [_, _, all]) = kept_apart(&project);
    answers(&dashboard, &all);
    let before = dashboard.memory();
    let open = [
        half_sent(&dashboard, HALF_FORM, 150),
        half_sent(&dashboard, HALF_HEAD, 150),
        half_sent(&dashboard, "", 2_000),
    ];
    // `FLOOD_SECONDS=120` holds them for as long as the issue of a slow attack may last; the figures are printed.
    let seconds: u64 = std::env::var("FLOOD_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut slowest = answers(&dashboard, &all);
    while Instant::now() < end {
        for (slowest, now) in slowest.iter_mut().zip(answers(&dashboard, &all)) {
            slowest.1 = slowest.1.max(now.1);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let during = dashboard.memory();
    drop(open);
    std::thread::sleep(Duration::from_secs(2));
    answers(&dashboard, &all);
    let after = dashboard.memory();
    let [before, during, after] = [before, during, after].map(|bytes| bytes as f64 / 1e6);
    eprintln!("slowest answers {slowest:?}; memory {before:.0}, {during:.0}, {after:.0} MB");
    assert!(after < before * 1.2, "memory is not given back: {before:.0} MB before, {after:.0} MB after");
}

#[test]
fn g9_where_files_are_few_idle_connections_make_room_for_new_ones() {
    let project = Project::new();
    let (dashboard, [_, _, all]) = kept_apart(&project);
    drop(dashboard);
    let dashboard = Dashboard::with_open_files(&project, 200);
    let open: Vec<_> = [HALF_HEAD, "", HALF_HEAD].iter().flat_map(|text| half_sent(&dashboard, text, 400)).collect();
    answers(&dashboard, &all);
    // A request at work is not idle: its connection stays.
    let mut events = dashboard.connect();
    write!(events, "GET /events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {all}\r\n\r\n").unwrap();
    let mut start = [0; 12];
    std::io::Read::read_exact(&mut events, &mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let more = half_sent(&dashboard, "", 300);
    answers(&dashboard, &all);
    events.set_nonblocking(true).unwrap();
    let mut rest = vec![0; 100_000];
    loop {
        match std::io::Read::read(&mut events, &mut rest) {
            Ok(0) => panic!("the event stream was closed"),
            Ok(_) => {}
            Err(error) => break assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
    drop((open, more));
    assert_eq!(dashboard.end(), Some(0));
}

#[test]
fn g9_a_connection_is_closed_when_no_request_arrives() {
    let project = Project::new();
    let (dashboard, _) = kept_apart(&project);
    let answered = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut streams = [HALF_FORM, HALF_HEAD, "", answered].map(|text| half_sent(&dashboard, text, 1).remove(0));
    for stream in &mut streams {
        // Far beyond the limits of the server; without them the read would fail.
        stream.set_read_timeout(Some(Duration::from_secs(100))).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(stream, &mut answer).unwrap();
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["", "200", "408", "503"].contains(&status), "{answer}");
    }
}

#[test]
fn g9_pipelined_requests_that_nobody_reads_keep_nobody_waiting() {
    let project = Project::new();
    let (dashboard, [_, _, all]) = kept_apart(&project);
    for path in ["/api/v1/openapi.json", "/api/v1/docs", "/login", "/overview", "/assets/site.css"] {
        let requests = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n").repeat(50);
        let open = half_sent(&dashboard, &requests, 400);
        let slowest = answers(&dashboard, &all);
        eprintln!("{path}: {slowest:?}");
        drop(open);
    }
}

#[test]
fn g8_a_thousand_wrong_logins_at_once_take_little_memory_and_give_it_back() {
    let project = Project::new();
    project.edit("salesmart.toml", "[dashboard]", "[dashboard]\ntrusted_proxies = [\"127.0.0.1\"]");
    let (dashboard, [_, _, all]) = kept_apart(&project);
    answers(&dashboard, &all);
    let before = dashboard.memory();
    // From as many networks, so that no limit of attempts keeps them from being checked.
    let streams: Vec<TcpStream> = (0..1_000)
        .map(|number| {
            let form = format!("name=anna{number}&password=wrong-password");
            let request = format!(
                "POST /login HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 10.{}.{}.1\r\ncontent-type: \
                 application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                number / 250,
                number % 250,
                form.len()
            );
            half_sent(&dashboard, &request, 1).remove(0)
        })
        .collect();
    let mut most = before;
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for mut stream in streams {
        most = most.max(dashboard.memory());
        let mut start = [0; 12];
        stream.set_read_timeout(Some(Duration::from_secs(100))).unwrap();
        std::io::Read::read_exact(&mut stream, &mut start).unwrap();
        *counts.entry(String::from_utf8_lossy(&start[9..]).into_owned()).or_default() += 1;
    }
    let more = (most - before) / 1_000_000;
    eprintln!("answers {counts:?}; at most {more} MB more");
    assert!(counts.keys().all(|status| status == "401" || status == "429"), "{counts:?}");
    assert!(more < 150, "{more} MB more");
    // Clients that hang up do not leave their checks to run side by side.
    for number in 0..200 {
        let form = format!("name=bert{number}&password=wrong-password");
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 10.8.{number}.1\r\ncontent-type: \
             application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        drop(half_sent(&dashboard, &request, 1));
    }
    std::thread::sleep(Duration::from_secs(2));
    let more = dashboard.memory().saturating_sub(before) / 1_000_000;
    assert!(more < 150, "{more} MB more after clients that hung up");
    answers(&dashboard, &all);
}

#[test]
fn g6_behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let project = Project::new();
    project.edit("salesmart.toml", "[dashboard]", "[dashboard]\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]");
    let (dashboard, _) = kept_apart(&project);
    let log_in = |name: &str, password: &str, client: &str| {
        let form = format!("name={name}&password=password+of+{password}");
        dashboard.post_with("/login", &form, &[("x-forwarded-for", client)]).status
    };
    for number in 0..50 {
        assert_eq!(log_in(&format!("invented{number}"), "x", "203.0.113.7"), 401, "{number}");
    }
    assert_eq!(log_in("all", "all", "203.0.113.7"), 429);
    assert_eq!(log_in("all", "all", "203.0.113.8"), 303);
    // What the client itself wrote before the proxy's entry does not count.
    assert_eq!(log_in("all", "all", "198.51.100.1, 203.0.113.7"), 429);
    // The whole half of an IPv6 address is one client.
    for number in 0..50 {
        assert_eq!(log_in(&format!("other{number}"), "x", &format!("2001:db8::{number}")), 401, "{number}");
    }
    assert_eq!(log_in("all", "all", "2001:db8::ffff"), 429);
    assert_eq!(log_in("all", "all", "2001:db8:0:1::1"), 303);
}

#[test]
fn g6_without_a_trusted_proxy_nobody_chooses_their_address() {
    let project = Project::new();
    let (dashboard, _) = kept_apart(&project);
    let statuses: Vec<u16> = (0..51)
        .map(|number| {
            let form = format!("name=invented{number}&password=wrong");
            dashboard.post_with("/login", &form, &[("x-forwarded-for", &format!("203.0.113.{number}"))]).status
        })
        .collect();
    assert_eq!(statuses[49..], [401, 429]);
}

#[test]
fn low_a_session_over_https_is_secure_however_the_proxy_says_so() {
    let project = Project::new();
    let (dashboard, _) = kept_apart(&project);
    for (proto, is_secure) in [
        ("https", true),
        ("HTTPS", true),
        ("https, http", true),
        (" Https,http", true),
        ("http", false),
        ("http, https", false),
        ("", false),
    ] {
        let reply = dashboard.post_with("/login", "name=all&password=password+of+all", &[("x-forwarded-proto", proto)]);
        assert_eq!(reply.status, 303);
        assert_eq!(reply.header("set-cookie").contains("; Secure"), is_secure, "{proto}");
    }
}
