//! `salesmart test`: units, checks, snapshots, the rebuild, and what they say when something is wrong.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::harness::{Outcome, Project, sale};

/// A model that the tests below test: the net revenue of each city.
const CITY: &str = "-- key: city
select city, count(*) as lines, cast(sum(revenue) as decimal(18, 4)) as revenue
from stg_sales
where city is not null
group by city";

/// A fresh project without data, with one model of its own and without the shipped unit tests.
fn project() -> Project {
    let project = Project::embedded();
    for folder in ["sql/staging", "sql/marts"] {
        for entry in std::fs::read_dir(project.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.to_string_lossy().ends_with(".sql") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    project.write("sql/staging/stg_city.sql", CITY);
    project
}

/// The same with two sales, built.
fn built() -> Project {
    let project = project();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "12.5"),
            sale("T2", "O2", "2024-01-02 10:00:00", "C2", "P2", "30").replace("Ulm,", "Kiel,"),
        ],
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project
}

fn test_file(project: &Project, text: &str) {
    project.write("sql/staging/stg_city.test.toml", text);
}

/// What the program says of the unit tests, which must fail.
fn failing(project: &Project, text: &str) -> String {
    test_file(project, text);
    let outcome = project.run(&["test", "--only", "units"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    outcome.stdout + &outcome.stderr
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn the_shipped_unit_tests_pass_in_a_fresh_project_without_data() {
    let project = Project::embedded();
    let report = project.ok(&["test", "--only", "units"]).stdout;
    contains(
        &report,
        &["unit    stg_sales: a return counts negatively", "dim_customer: nobody is more recent", "passed"],
    );
    let error = project.fails(&["test"]);
    contains(&error, &["nothing is built yet", "salesmart test --only units"]);
}

#[test]
fn the_examples_of_the_documentation_hold() {
    let text = include_str!("../docs/testing.md");
    let project = built();
    // Every block behind a sentence that ends with the name of a file is that file.
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut named = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some(name) = named.take() {
                files.insert(name, block.join("\n") + "\n");
            }
        } else if !line.is_empty() {
            named = line.ends_with(':').then(|| line.rsplit('`').nth(1)).flatten().filter(|name| name.contains('/'));
            if line.contains("to be reviewed") {
                named = line.split('`').nth(3);
            }
        }
    }
    let names: Vec<&str> = files.keys().copied().collect();
    assert_eq!(
        names,
        [
            "sql/marts/agg_city.sql",
            "sql/marts/agg_city.test.toml",
            "sql/marts/ulm.csv",
            "sql/queries/revenue_by_city.sql",
            "tests/snapshots/revenue_by_city.txt"
        ]
    );
    for (name, text) in &files {
        project.write(name, text);
    }
    project.ok(&["build"]);
    let report = project.ok(&["test", "agg_city", "revenue_by_city"]).stdout;
    contains(&report, &["3 passed"]);
    // And the failure that is shown there is the one there is.
    project.edit("sql/marts/agg_city.sql", "count(*) filter (where not is_return)", "count(*)");
    let outcome = project.run(&["test", "agg_city: a return*"]);
    contains(
        &outcome.stdout,
        &["- expected: 1 row, + got: 1 row", " -   Ulm        1    6.0000", " +   Ulm        2    6.0000"],
    );
}

#[test]
fn a_unit_test_compares_the_named_columns_of_all_rows() {
    let project = project();
    let given = "given.stg_sales = [ { city = \"Ulm\", revenue = 1.50 }, { city = \"Ulm\", revenue = \"2\" }, { revenue = 9 }, { city = \"\", revenue = 0 } ]";
    let right = format!(
        "[[test]]\nname = \"sums\"\n{given}\nexpect = [ {{ city = \"\", revenue = 0 }}, {{ city = \"Ulm\", revenue = 3.5 }} ]"
    );
    test_file(&project, &right);
    contains(&project.ok(&["test", "--only", "units"]).stdout, &["unit    stg_city: sums", "1 passed"]);
    let report = failing(&project, &right.replace("3.5 }", "3.51 }, { city = \"Kiel\" }"));
    contains(
        &report,
        &[
            "sql/staging/stg_city.test.toml:1",
            "3 rows expected, 1 as they should be",
            "- expected: 2 rows, + got: 1 row",
            " -   Kiel      NULL",
            " -   Ulm     3.5100\n         +   Ulm     3.5000",
            "1 of 1 test failed: stg_city: sums",
        ],
    );
    assert!(!report.contains("\"\""), "{report}");
    // Rows nobody expects are a difference, too.
    let report = failing(&project, &format!("[[test]]\nname = \"none\"\n{given}\nexpect = []"));
    contains(&report, &["0 rows expected", "+ got: 2 rows", "\"\""]);
}

#[test]
fn order_counts_where_the_test_says_so() {
    let project = project();
    project.write("sql/staging/stg_city.sql", "select city from stg_sales order by city desc");
    let test = "[[test]]\nname = \"o\"\ngiven.stg_sales = [ { city = \"A\" }, { city = \"B\" } ]\nexpect = [ { city = \"A\" }, { city = \"B\" } ]\n";
    test_file(&project, test);
    project.ok(&["test", "--only", "units"]);
    contains(&failing(&project, &format!("{test}ordered = true")), &["the rows come in another order"]);
}

#[test]
fn what_cannot_be_meant_is_told_with_its_line() {
    let cases = [
        (
            "given.stg_sales = [\n{ city = \"Ulm\", revenu = 1 } ]\nexpect = []",
            "stg_city.test.toml:4: stg_sales has no column revenu; did you mean revenue?",
        ),
        (
            "given.stg_sales = [ { city = \"Ulm\",\nrevenue = 1.23456 } ]\nexpect = []",
            "stg_city.test.toml:4: column revenue of stg_sales: \"1.23456\" is not exactly a DECIMAL(18,4)",
        ),
        (
            "given.stg_sales = [ { sold_at = \"30.02.2024\" } ]\nexpect = []",
            "column sold_at of stg_sales: \"30.02.2024\" is not exactly a TIMESTAMP",
        ),
        ("given.stg_sales = [ { revenue = \"\" } ]\nexpect = []", "leave the column out for NULL"),
        (
            "given.stg_sales = []\nexpect = [ { city = \"Ulm\", line = 1 } ]",
            "stg_city.test.toml:4: stg_city has no column line; did you mean lines?",
        ),
        (
            "given.stg_sales = []\nexpect = [ { city = \"Ulm\", revenue = \"1.00001\" } ]",
            "column revenue of the expected stg_city: \"1.00001\" is not exactly",
        ),
        (
            "given.stg_sale = []\nexpect = []",
            "stg_city.test.toml:3: stg_city does not read stg_sale; did you mean stg_sales?",
        ),
        ("given.fact_sales = []\nexpect = []", "stg_city does not read fact_sales"),
        (
            "given.stg_sales = [ { city = [1] } ]\nexpect = []",
            "stg_city.test.toml:3: the value of city is no single value",
        ),
        ("given.stg_sales = \"x.csv\"\nexpect = []", "x.csv: No such file"),
        ("expcet = []", "stg_city.test.toml:3: unknown field `expcet`"),
        ("as_of = \"May\"\nexpect = []", "stg_city.test.toml:3: as_of is a day"),
        ("columns = [\"city\"]\nexpect = [ { revenue = 1 } ]", "revenue is not among the test's `columns`"),
        ("expect = []\n[[test]]\nname = \"t\"\nexpect = []", "stg_city has a test \"t\" already"),
    ];
    let project = project();
    for (test, expected) in cases {
        let report = failing(&project, &format!("[[test]]\nname = \"t\"\n{test}"));
        assert!(report.contains(expected), "{test}\n{expected}\n{report}");
    }
    test_file(&project, "[[test]]\nname = \"t\"\nexpect = []");
    project.write("sql/staging/stg_town.test.toml", "");
    contains(&project.fails(&["test"]), &["stg_town.test.toml: there is no model stg_town beside it"]);
    std::fs::remove_file(project.path("sql/staging/stg_town.test.toml")).unwrap();
    project.write("tests/more.toml", "model = \"stg_cty\"");
    contains(&project.fails(&["test"]), &["more.toml: there is no model stg_cty; did you mean stg_city?"]);
    project.write("tests/more.toml", "[[test]]\nname = \"t\"\nexpect = []");
    contains(&project.fails(&["test"]), &["say which model is tested"]);
}

#[test]
fn a_csv_tells_null_from_the_empty_text_and_faults_have_its_line() {
    let project = project();
    test_file(&project, "[[test]]\nname = \"csv\"\ngiven.stg_sales = \"given.csv\"\nexpect = \"expected.csv\"");
    project.write("sql/staging/given.csv", "city,revenue\n\"\",1.5\n,2\n\"Bad\nUlm\",3\n");
    project.write("sql/staging/expected.csv", "city,revenue\r\n\"Bad\nUlm\",3.0000\r\n\"\",1.5\r\n");
    project.ok(&["test", "--only", "units"]);
    project.write("sql/staging/given.csv", "city,revenue\n\"Bad\nUlm\",3\nUlm,3.00001\n");
    let report = project.run(&["test", "--only", "units"]).stdout;
    contains(&report, &["given.csv:4: column revenue of stg_sales: \"3.00001\" is not exactly a DECIMAL(18,4)"]);
    project.write("sql/staging/given.csv", "city,revenue\nUlm\n");
    contains(&project.fails(&["test", "--only", "units"]), &["given.csv:2: 1 fields where the header has 2"]);
    // A header alone: no rows, but columns to compare.
    project.write("sql/staging/given.csv", "city,revenue\n");
    project.write("sql/staging/expected.csv", "city\n");
    project.ok(&["test", "--only", "units"]);
}

#[test]
fn models_in_between_are_built_and_everything_else_is_empty() {
    let project = project();
    project.write("sql/staging/stg_two.sql", "select (select count(*) from stg_city) as cities, (select count(*) from dim_product) as products, (select sum(lines) from stg_city) as lines, getvariable('as_of') as day");
    project.write(
        "tests/two.toml",
        "model = \"stg_two\"
[[test]]
name = \"from raw records\"
given.raw.sales = [ { transaction_id = \"T1\", city = \"Ulm\", product_id = \"P1\" }, { transaction_id = \"T1\", city = \"Kiel\", product_id = \"P2\" } ]
expect = [ { cities = 1, products = 2, lines = 1 } ]

[[test]]
name = \"from one input\"
as_of = 2024-03-01
given.stg_city = [ { city = \"Ulm\", lines = 7 }, { city = \"Kiel\", lines = \"99999999999999999999\" } ]
expect = [ { cities = 2, products = 0, day = 2024-03-01 } ]

[[test]]
name = \"one input given, the other built\"
given.stg_city = []
given.\"raw.sales\" = [ { transaction_id = \"T1\", product_id = \"P1\" } ]
columns = [\"cities\", \"products\", \"lines\"]
expect = [ { cities = 0, products = 2 } ]
",
    );
    let report = project.run(&["test", "--only", "units"]).stdout;
    // The number of 20 digits is no bigint.
    contains(&report, &["two.toml:10: column lines of stg_city", "is not exactly a BIGINT", "1 failed", "2 passed"]);
    project.edit("tests/two.toml", "99999999999999999999", "1");
    project.ok(&["test", "--only", "units"]);
    // A model above whose columns cannot be known.
    project.edit("sql/staging/stg_city.sql", "city, count", "town, count");
    let report = project.run(&["test", "--only", "units"]).stdout;
    contains(&report, &["the columns of stg_city, which stg_two reads, cannot be known", "stg_city.sql:2: "]);
}

#[test]
fn snapshots_are_reviewed_written_compared_and_removed() {
    let project = built();
    project.write("sql/queries/cities.sql", "-- By city\nselect city, revenue, null as nothing, '' as empty, timestamptz '2024-01-01 00:00:00+02' as at from stg_city;");
    project.write(
        "tests/latest.sql",
        "select transaction_id, sold_at from stg_sales order by sold_at desc -- newest first",
    );
    let only = ["test", "--only", "snapshots"];
    let report = project.run(&only).stdout;
    contains(&report, &["snap    cities", "there is no reviewed result yet", "2 failed"]);
    let report = project.ok(&["test", "--only", "snapshots", "--update"]).stdout;
    contains(&report, &["tests/snapshots/cities.txt is written", "2 written"]);
    assert_eq!(
        std::fs::read_to_string(project.path("tests/snapshots/cities.txt")).unwrap(),
        "-- sql/queries/cities.sql: 2 rows, sorted by all columns
 city   revenue   nothing   empty   at
─────────────────────────────────────────────────────────
 Kiel   30.0000      NULL   \"\"      2023-12-31T22:00:00Z
 Ulm    12.5000      NULL   \"\"      2023-12-31T22:00:00Z
"
    );
    let latest = std::fs::read_to_string(project.path("tests/snapshots/latest.txt")).unwrap();
    assert!(latest.starts_with("-- tests/latest.sql: 2 rows, in the query's order\n"), "{latest}");
    assert!(latest.find("T2").unwrap() < latest.find("T1").unwrap(), "{latest}");
    // The same wherever the machine is.
    let mut elsewhere = project.command(&only);
    let outcome = Outcome::of(elsewhere.env("TZ", "Asia/Tokyo"));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);

    project.edit("sql/queries/cities.sql", "city, revenue,", "city, revenue * 2 as revenue,");
    let outcome = project.run(&only);
    assert_eq!(outcome.code, Some(1));
    contains(
        &outcome.stdout,
        &[
            "the result is not the reviewed one",
            "--- tests/snapshots/cities.txt",
            "- Ulm    12.5000",
            "+ Ulm    25.0000",
        ],
    );
    contains(&project.ok(&["test", "cities", "--update"]).stdout, &["+ Ulm    25.0000", "1 written"]);
    project.ok(&only);

    std::fs::remove_file(project.path("tests/latest.sql")).unwrap();
    contains(&project.run(&only).stdout, &["snap    latest", "unreferenced", "1 failed"]);
    project.ok(&["test", "cities"]);
    project.ok(&["test", "--only", "snapshots", "--update"]);
    assert!(!project.path("tests/snapshots/latest.txt").exists());

    project.write("sql/queries/broken.sql", "select 1\nfrom stg_cities");
    contains(&project.run(&only).stdout, &["broken.sql:2: "]);
    project.write("sql/queries/broken.sql", "drop table stg_city");
    contains(&project.run(&only).stdout, &["Only SELECT"]);
    project.write("tests/cities.sql", "select 1");
    contains(&project.fails(&only), &["sql/queries/cities.sql and tests/cities.sql have the same name"]);
}

#[test]
fn checks_run_on_the_published_models_and_warnings_pass() {
    let project = built();
    let report = project.ok(&["test", "--only", "checks"]).stdout;
    contains(&report, &["check   stg_city_key", "check   fact_sales_keys_resolve", "passed"]);
    project.write("sql/checks/cheap.sql", "select city, revenue from stg_city where revenue < 20");
    let outcome = project.run(&["test"]);
    assert_eq!(outcome.code, Some(1));
    contains(&outcome.stdout, &["cheap", "FAILED", "1 offending row", "Ulm", "sql/checks/cheap.sql"]);
    contains(&outcome.stderr, &["failed: cheap"]);
    project.edit("sql/checks/cheap.sql", "select", "-- severity: warn\nselect");
    contains(&project.ok(&["test", "cheap"]).stdout, &["warned", "1 offending row", "1 warned"]);
    project.write("sql/checks/cheap.sql", "select nonsense from stg_city");
    contains(&project.run(&["test", "--only", "checks"]).stdout, &["all checks", "cheap.sql:1: "]);
}

#[test]
fn names_select_and_a_name_of_nothing_is_an_error() {
    let project = built();
    test_file(&project, "[[test]]\nname = \"one\"\nexpect = []\n[[test]]\nname = \"two\"\nexpect = []");
    project.write("sql/queries/city_names.sql", "select city from stg_city");
    assert_eq!(
        project.ok(&["test", "--list", "*city*"]).stdout,
        "unit    stg_city: one\nunit    stg_city: two\ncheck   stg_city_key\nsnap    city_names\n"
    );
    assert_eq!(project.ok(&["test", "--list", "stg_city"]).stdout, "unit    stg_city: one\nunit    stg_city: two\n");
    assert_eq!(project.ok(&["test", "--list", "two"]).stdout, "unit    stg_city: two\n");
    contains(&project.ok(&["test", "one"]).stdout, &["1 test ", "1 passed"]);
    contains(
        &project.fails(&["test", "stg_cty"]),
        &["no test (units, checks, snapshots) has the name stg_cty; did you mean stg_city?"],
    );
    contains(&project.fails(&["test", "one", "nothing_like_it"]), &["the name nothing_like_it"]);
    std::fs::remove_file(project.path("sql/staging/stg_city.test.toml")).unwrap();
    contains(&project.fails(&["test", "--only", "units"]), &["there is no test of this kind"]);
}

#[test]
fn junit_is_xml_with_every_test_and_its_failure() {
    let project = built();
    test_file(
        &project,
        "[[test]]\nname = \"a < b & \\\"c\\\"\"\ngiven.stg_sales = [ { city = \"<Ulm>\\u0007\" } ]\nexpect = []\n[[test]]\nname = \"fine\"\nexpect = []",
    );
    let outcome = project.run(&["test", "--junit", "reports/junit.xml"]);
    assert_eq!(outcome.code, Some(1));
    let text = std::fs::read_to_string(project.path("reports/junit.xml")).unwrap();
    let mut reader = Reader::from_str(&text);
    let (mut suites, mut cases, mut failures) = (Vec::new(), 0, Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => {
                let attribute = |name: &str| {
                    element
                        .attributes()
                        .map(Result::unwrap)
                        .find(|attribute| attribute.key.as_ref() == name.as_bytes())
                        .map(|attribute| attribute.unescape_value().unwrap().into_owned())
                };
                match element.name().as_ref() {
                    b"testsuite" => suites.push((attribute("name").unwrap(), attribute("failures").unwrap())),
                    b"testcase" => {
                        cases += 1;
                        if attribute("name").unwrap().contains('<') {
                            assert_eq!(attribute("name").unwrap(), "a < b & \"c\"");
                            assert_eq!(attribute("classname").unwrap(), "units.stg_city");
                            assert_eq!(attribute("file").unwrap(), "sql/staging/stg_city.test.toml:1");
                        }
                    }
                    b"failure" => failures.push(attribute("message").unwrap()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    assert_eq!(suites, [("units".to_owned(), "1".to_owned()), ("checks".to_owned(), "0".to_owned())]);
    assert_eq!(failures, ["0 rows expected, 0 as they should be"]);
    assert!(cases > 10 && text.contains("&lt;Ulm&gt;"), "{text}");
}

#[test]
fn incremental_names_the_models_that_are_not_what_a_rebuild_gives() {
    let project = built();
    let report = project.ok(&["test", "--incremental", "stg_city", "fact_sales", "--only", "checks"]);
    contains(
        &report.stdout,
        &["rebuild stg_city", "rebuild fact_sales: rows of stg_sales removed, changed and added", "3 passed"],
    );
    let published = project.staged("from stg_city order by 1");
    {
        let conn = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
        conn.execute_batch(
            "update stg_city set revenue = 13 where city = 'Ulm'; insert into stg_city values ('Bonn', 1, 1)",
        )
        .unwrap();
    }
    let outcome = project.run(&["test", "--incremental"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    contains(
        &outcome.stdout,
        &[
            "rebuild stg_city",
            "sql/staging/stg_city.sql",
            "- 1 row of the rebuild missing, + 2 rows too many",
            " +   Bonn       1    1.0000",
            " -   Ulm        1   12.5000\n         +   Ulm        1   13.0000",
        ],
    );
    contains(&outcome.stderr, &["failed: stg_city"]);
    // Nothing of the rebuild was published.
    assert_eq!(project.staged("select revenue from stg_city where city = 'Ulm'"), ["13.0000"]);
    project.ok(&["build", "--full-refresh"]);
    assert_eq!(project.staged("from stg_city order by 1"), published);
    project.ok(&["test", "--incremental"]);
    // A rebuild with another as-of day is another one.
    project.write(
        "sql/staging/stg_day.sql",
        "-- key: day\nselect coalesce(cast(getvariable('as_of') as date), date '2024-01-01') as day",
    );
    project.ok(&["build", "--as-of", "2024-03-01"]);
    contains(&project.run(&["test", "--incremental"]).stdout, &["rebuild stg_day", "2024-03-01"]);
    project.ok(&["test", "--incremental", "--as-of", "2024-03-01"]);
    // A model that cannot be built is no success of those behind it.
    project.edit("sql/staging/stg_city.sql", "city, count", "town, count");
    let outcome = project.run(&["test", "stg_city", "--incremental"]);
    assert_eq!(outcome.code, Some(1));
    contains(&outcome.stdout, &["full rebuild", "stg_city.sql:2: "]);
}
