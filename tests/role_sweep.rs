//! Every page, endpoint, export and list as roles of one region see them, compared with the same role on a warehouse that never held the
//! rows of other regions.

use std::collections::BTreeSet;

use regex::Regex;

use crate::harness::{Dashboard, Pooler, Project};
use crate::security::{TABLES, row_security};
use crate::serve::with_logins;

const PAGES: [&str; 5] = ["overview", "products", "regions", "customers", "quality"];

/// Sales of the same customers and amounts in each region, so that scores within one region are those within all.
fn records(region: &str, first: usize) -> Vec<String> {
    let sale = |number: usize, day: &str, customer: usize, product: &str, revenue: usize| {
        format!(
            "T{number:02},O{number:02},{day} 10:00:00,C-{region}-{customer},Customer {customer} of {region},{product},Product {product},Toys of \
             {product},{region},City of {region},Store of {region},1,{revenue},{revenue},{}",
            revenue / 2
        )
    };
    let own = (1..=5).map(|number| {
        sale(first + number, &format!("2024-01-0{number}"), number, &format!("P-{region}-{number}"), number * 10)
    });
    own.chain([sale(first + 6, "2024-02-01", 1, "P-both", 100)]).collect()
}

/// A server on a warehouse with these regions, and the tokens of a role for North, one for South, and one for a region without sales.
fn server(regions: &[&str]) -> (Project, Dashboard, [String; 3]) {
    let project = Project::new();
    let all: Vec<String> =
        regions.iter().flat_map(|region| records(region, if *region == "North" { 0 } else { 50 })).collect();
    project.sales("sales_1.csv", &all);
    project.ok(&["run"]);
    let tokens = with_logins(&project);
    // The third role, which sees everything elsewhere, sees a region that has no sale here.
    let users = std::fs::read_to_string(project.path("users.toml")).unwrap();
    let users = users.replace("[roles.all]\nregions = \"all\"", "[roles.all]\nregions = [\"West\"]");
    project.write("users.toml", users);
    project.write(
        "dashboards/views.toml",
        "[[view]]\nname = \"View of North\"\npage = \"regions\"\nquery = \"region=North\"\nroles = [\"north\"]\n\
         [[view]]\nname = \"View of South\"\npage = \"regions\"\nquery = \"region=South\"\nroles = [\"south\"]\n\
         [[view]]\nname = \"View of South alone\"\npage = \"regions\"\nquery = \"region=South\"\n",
    );
    row_security(project.url(), &TABLES, "enable");
    let dashboard = Dashboard::of(&project);
    (project, dashboard, tokens)
}

/// Every address that gives figures or names, with queries that a curious person would try.
fn addresses(dashboard: &Dashboard, token: &str) -> BTreeSet<String> {
    let ask = |path: &str| dashboard.ask(path, &[("authorization", &format!("Bearer {token}"))]);
    let mut all = BTreeSet::new();
    let filters = [
        "",
        "dates=all",
        "dates=all&region=South",
        "dates=all&region=North",
        "dates=all&product=P-South-1",
        "dates=all&compare=previous",
    ];
    for page in PAGES {
        for filter in filters {
            all.insert(format!("/{page}?{filter}"));
            for format in ["csv", "xlsx"] {
                all.insert(format!("/export/{page}.{format}?{filter}"));
            }
        }
        all.insert(format!("/export/{page}.csv?dates=all&notes=1"));
    }
    for field in ["region", "city", "store", "category", "product", "customer", "segment"] {
        for query in ["", "q=South", "q=S", "q=P-", "q=C-"] {
            all.insert(format!("/members/{field}?{query}"));
        }
    }
    let document = ask("/api/v1/openapi.json").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let required: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter["required"] == true)
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                let values = [&parameter["schema"]["enum"], &parameter["schema"]["items"]["enum"]];
                let value = values.iter().find_map(|values| values[0].as_str()).unwrap_or("P-both");
                format!("{name}={value}")
            })
            .collect();
        let choices = parameters
            .iter()
            .filter_map(|parameter| Some((parameter["name"].as_str()?, parameter["schema"]["enum"].as_array()?)));
        for filter in filters {
            let query = required.iter().cloned().chain([filter.to_owned()]).collect::<Vec<_>>().join("&");
            all.insert(format!("/api/v1{path}?{query}"));
            for (name, values) in choices.clone() {
                if filter == "dates=all" {
                    let values = values.iter().filter_map(|value| value.as_str());
                    all.extend(values.map(|value| format!("/api/v1{path}?{filter}&{name}={value}")));
                }
            }
        }
    }
    all
}

/// The answer without what differs between two servers: identifiers of loads and moments.
fn answer(dashboard: &Dashboard, token: &str, path: &str) -> (u16, String) {
    let reply = dashboard.ask(path, &[("authorization", &format!("Bearer {token}"))]);
    let text = match reply.body.starts_with(b"PK") {
        true => workbook(&reply.body),
        false => String::from_utf8_lossy(&reply.body).into_owned(),
    };
    let varying = Regex::new(
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|\\+00:00)?|\
         \"seconds\":[0-9.e-]+|[0-9.]+[\\s\u{a0}\u{202f}](ms|s)\\b|succeeded[,|][0-9.]+|4[6-9][0-9]{3}\\.[0-9]+|[0-9]{1,2} [A-Z][a-z]+ 20[0-9]{2},? [0-9]{2}:[0-9]{2}(:[0-9]{2})?( UTC)?",
    );
    (reply.status, varying.unwrap().replace_all(&text, "#").into_owned())
}

/// All cells of all sheets.
fn workbook(bytes: &[u8]) -> String {
    use calamine::Reader;
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let names = workbook.sheet_names();
    let mut text = String::new();
    for name in names {
        for row in workbook.worksheet_range(&name).unwrap().rows() {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            text.push_str(&format!("{name}: {}\n", cells.join("|")));
        }
    }
    text
}

/// The first place where two texts differ, with what is around it.
fn difference(one: &str, two: &str) -> String {
    let at = one.bytes().zip(two.bytes()).take_while(|(one, two)| one == two).count();
    let around = |text: &str| {
        let bytes = &text.as_bytes()[at.saturating_sub(80)..(at + 120).min(text.len())];
        String::from_utf8_lossy(bytes).into_owned()
    };
    format!("\n  {}\n  {}", around(one), around(two))
}

#[test]
fn a_role_sees_what_it_would_see_if_other_regions_were_not_there() {
    let (mut project, whole, [north, south, west]) = server(&["North", "South"]);
    let (_north_project, north_only, [north_alone, _, west_alone]) = server(&["North"]);
    let (_south_project, south_only, [_, south_alone, _]) = server(&["South"]);
    let paths = addresses(&whole, &north);
    assert!(paths.len() > 150, "{}", paths.len());
    let mut differences = Vec::new();
    let mut is_answered = 0;
    for path in &paths {
        for (role, token, alone, token_alone, foreign) in [
            ("north", &north, &north_only, &north_alone, ["of South", "P-South", "C-South"].as_slice()),
            ("south", &south, &south_only, &south_alone, &["of North", "P-North", "C-North"]),
            (
                "west",
                &west,
                &north_only,
                &west_alone,
                &["of South", "P-South-", "C-South", "of North", "P-North", "C-North", "P-both"],
            ),
        ] {
            let (status, found) = answer(&whole, token, path);
            let (status_alone, expected) = answer(alone, token_alone, path);
            is_answered += usize::from(status == 200);
            if status != status_alone || found != expected {
                differences.push(format!("{role} {path}: {status} {status_alone}{}", difference(&found, &expected)));
            }
            // What was asked for stands in the answer again; nothing else may.
            let asked = path.contains("South") || path.contains("North");
            let told = foreign.iter().find(|name| found.contains(*name));
            if let Some(name) = told.filter(|_| !asked) {
                differences.push(format!("{role} {path} tells of {name}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} of {} differ:\n{}", differences.len(), 3 * paths.len(), differences.join("\n"));
    assert!(is_answered > 300, "only {is_answered} were answered: the sweep tries nothing");

    // Through a pooler, each answer is the same again.
    let direct = project.url().to_owned();
    for mode in ["session", "transaction"] {
        let Some(pooler) = Pooler::before(&direct, mode) else { continue };
        project.set_url(pooler.url());
        let pooled = Dashboard::of(&project);
        for path in &paths {
            for token in [&north, &south, &west] {
                assert_eq!(answer(&pooled, token, path), answer(&whole, token, path), "{mode} {path}");
            }
        }
        drop(pooled);
        project.set_url(direct.clone());
    }

    // Event streams tell that there is news, and nothing of it.
    let mut events = whole.connect();
    use std::io::{Read, Write};
    write!(events, "GET /events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {west}\r\n\r\n").unwrap();
    let mut start = vec![0; 2_000];
    let read = events.read(&mut start).unwrap();
    let start = String::from_utf8_lossy(&start[..read]).into_owned();
    assert!(start.starts_with("HTTP/1.1 200") && !start.contains("North") && !start.contains("South"), "{start}");

    // Roles that change while serving are other roles at once: south becomes north.
    let users = std::fs::read_to_string(project.path("users.toml")).unwrap();
    project.write(
        "users.toml",
        users.replace("[roles.south]\nregions = [\"South\"]", "[roles.south]\nregions = [\"North\"]"),
    );
    for path in paths.iter().filter(|path| path.starts_with("/api/") || path.starts_with("/members/")) {
        assert_eq!(answer(&whole, &south, path), answer(&whole, &north, path), "{path}");
    }
}
