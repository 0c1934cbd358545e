//! Looking at a project: ls, show, compile, docs.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::Project;

#[test]
fn ls_says_how_models_are_kept_and_whether_they_are_up_to_date() {
    let project = Project::shop();
    // Nothing is ingested or built yet, and nothing needs to be.
    assert_eq!(
        project.ok(&["ls", "--format", "csv"]).stdout,
        "name,layer,materialized,key,rows,state,reads\n\
         stg_orders,staging,view,,,not built,raw.orders\n\
         stg_lines,staging,table,id,,not built,stg_orders\n\
         dim_item,mart,table,item,,not built,stg_lines\n\
         fact_lines,mart,table,id,,not built,stg_lines\n\
         agg_days,mart,table,day,,not built,fact_lines\n"
    );
    assert!(!project.path("data/staging.duckdb").exists());
    project.orders().ok(&["ingest"]);
    project.ok(&["build"]);
    assert_eq!(
        project.ok(&["ls", "--checks", "--format", "csv"]).stdout,
        "name,layer,materialized,key,rows,state,reads\n\
         stg_orders,staging,view,,,up to date,raw.orders\n\
         stg_lines,staging,table,id,2,up to date,stg_orders\n\
         dim_item,mart,table,item,2,up to date,stg_lines\n\
         fact_lines,mart,table,id,2,up to date,stg_lines\n\
         agg_days,mart,table,day,2,up to date,fact_lines\n\
         money_is_there,check,,,0,passed,fact_lines\n"
    );
    project.edit("sql/marts/fact_lines.sql", "select id", "select id, 1 as one");
    project.edit("sql/checks/money_is_there.sql", "is null", "is not null");
    let stale: Vec<Value> = project
        .ok(&["ls", "stg_lines", "fact_lines+", "--checks", "--format", "json"])
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<(&str, &str)> =
        stale.iter().map(|row| (row["name"].as_str().unwrap(), row["state"].as_str().unwrap())).collect();
    assert_eq!(
        states,
        [
            ("stg_lines", "up to date"),
            ("fact_lines", "to be rebuilt"),
            ("agg_days", "to be rebuilt"),
            ("money_is_there", "passed")
        ]
    );
    project.ok(&["build"]);
    assert!(project.ok(&["ls", "--checks"]).stdout.contains("warned, 2 offending"));
    // A check is listed if it reads what is chosen.
    assert!(!project.ok(&["ls", "dim_item", "--checks"]).stdout.contains("money_is_there"));
    assert!(project.ok(&["ls", "--format", "md"]).stdout.starts_with("| name"));
}

#[test]
fn show_reads_names_files_and_standard_input() {
    let project = Project::shop();
    project.orders().ok(&["ingest"]);
    let error = project.fails(&["show", "fact_lines"]);
    assert!(error.contains("fact_lines is not built yet; run `salesmart build`"), "{error}");
    let error = project.fails(&["show", "select count(*) from fact_lines"]);
    assert!(error.contains("fact_lines is not built yet; run `salesmart build`"), "{error}");
    project.ok(&["build"]);
    let csv = ["--format", "csv"];
    let show = |what: &str| project.ok(&[&["show", what], &csv[..]].concat()).stdout;
    assert_eq!(show("agg_days").lines().count(), 3);
    // A view.
    assert_eq!(show("stg_orders").lines().count(), 3);
    assert_eq!(show("main.fact_lines").lines().count(), 3);
    // The file of a model, with a comment at its end; relative to the project where it is not in the current folder.
    assert!(show("sql/staging/stg_lines.sql").ends_with("B,2024-01-02,doll,1,9.99\n"));
    project.write("q.sql", "\u{feff}select item\nfrom dim_item order by item desc limit 1;\n");
    assert_eq!(show("q.sql"), "item\ndoll\n");
    project.write("bad.sql", "select nothing\nfrom dim_item");
    assert!(project.fails(&["show", "bad.sql"]).contains("bad.sql: "));
    assert!(project.fails(&["show", "none.sql"]).contains("cannot read none.sql"));

    let from_pipe = |text: &str| {
        let mut command = project.command(&["show", "-", "--format", "json", "--limit", "1"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert_eq!(from_pipe("select item from dim_item order by item -- first\n"), "{\"item\":\"ball\"}\n");
    assert!(from_pipe(" \n").contains("there is no query on standard input"));

    for (wrong, nearest) in [("fact_line", "fact_lines"), ("raw.order", "raw.orders"), ("reject", "rejects")] {
        let error = project.fails(&["show", wrong]);
        assert!(error.contains(&format!("there is no model or table {wrong}; did you mean {nearest}?")), "{error}");
    }
    assert!(project.fails(&["show", "scratch.fact_lines"]).contains("a build that failed"));
}

#[test]
fn compile_prints_columns_and_needs_no_data() {
    let project = Project::shop();
    let text = project.ok(&["compile"]).stdout;
    assert!(
        text.contains(
            "stg_lines  sql/staging/stg_lines.sql\n    id      VARCHAR\n    day     DATE\n    item    VARCHAR\n    pieces  INTEGER\n    amount  DECIMAL(18,2)\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("5 models and 1 check are fine\n"), "{text}");
    assert!(!project.path("data/staging.duckdb").exists());
    let line: Value = serde_json::from_str(&project.ok(&["compile", "agg_days", "--format", "json"]).stdout).unwrap();
    assert_eq!(
        line,
        json!({
            "model": "agg_days", "file": "sql/marts/agg_days.sql", "layer": "mart",
            "columns": [{"name": "day", "type": "DATE"}, {"name": "revenue", "type": "DECIMAL(38,4)"}], "errors": [], "warnings": [],
        })
    );
    // Nothing is run: this would fail.
    project.write("sql/staging/stg_never.sql", "select error('run') as a");
    project.ok(&["compile"]);
}

#[test]
fn compile_finds_every_error_at_once() {
    let project = Project::shop();
    project
        .write("sql/marts/dim_item.sql", "-- key: items\n-- cluster: itm\nselect item\nfrom stg_lines group by item")
        .write("sql/marts/dim_wrong.sql", "-- key: a\nselect\n    nonsense as a\nfrom stg_lines")
        .write("sql/marts/dim_after.sql", "-- key: a\nselect a from dim_wrong")
        .write("sql/marts/dim_typo.sql", "-- key: a\nselect 1 as a\nfrm x y")
        .write("sql/staging/stg_lost.sql", "select *\nfrom stg_line")
        .write("sql/staging/stg_a.sql", "select 1 as a\nfrom stg_b")
        .write("sql/staging/stg_b.sql", "select 1 as a from stg_a")
        .write("sql/staging/stg_c.sql", "select a from stg_a")
        .write(
            "sql/marts/fact_lines.sql",
            "-- key: id\n-- materialized: incremental\n-- by: dayy\n-- lookup: stg_order\n-- partition: day\nselect id, day, 1 as revenue from stg_lines",
        )
        .write("sql/checks/wrong.sql", "-- Fine\nselect *\nfrom nowhere")
        .write("sql/checks/after.sql", "select a from dim_after");
    let outcome = project.run(&["compile"]);
    assert_eq!(outcome.code, Some(1));
    let error = &outcome.stderr;
    for expected in [
        "marts/dim_item.sql:1: key: the select has no column items; did you mean item?",
        "marts/dim_item.sql:2: cluster: the select has no column itm; did you mean item?",
        "marts/dim_wrong.sql:3: ",
        "\"nonsense\" not found",
        "marts/dim_after.sql:1: not checked, because it reads dim_wrong",
        "marts/dim_typo.sql:3: syntax error",
        "staging/stg_lost.sql:2: stg_line is neither a model nor a source",
        "staging/stg_a.sql:2 reads stg_b",
        "staging/stg_c.sql:1: not checked",
        "marts/fact_lines.sql:3: by: the select has no column dayy; did you mean day?",
        "marts/fact_lines.sql:4: lookup: the select does not read stg_order",
        "checks/wrong.sql:3: ",
    ] {
        assert!(error.contains(expected), "{expected}\n{error}");
    }
    // Those that are fine are printed, and a circle is told once.
    assert!(outcome.stdout.contains("agg_days  sql/marts/agg_days.sql\n    day "), "{}", outcome.stdout);
    assert_eq!(error.matches("in a circle: ").count(), 1, "{error}");
    assert!(!error.contains("checks/after.sql"), "{error}");
    // Headers that cannot be read are told together, too.
    project.write("sql/staging/stg_a.sql", "-- materialized: cube\nselect 1 as a");
    project.write("sql/staging/stg_b.sql", "-- materialised: view\nselect 1 as a");
    let error = project.fails(&["compile"]);
    assert!(
        error.contains("stg_a.sql:1: materialized is") && error.contains("stg_b.sql:1: `materialised:`"),
        "{error}"
    );
}

/// All pages of the documentation, by name.
fn pages(project: &Project, folder: &str) -> std::collections::BTreeMap<String, String> {
    let mut pages = std::collections::BTreeMap::new();
    for inner in ["", "models/"] {
        for entry in std::fs::read_dir(project.path(folder).join(inner)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = format!("{inner}{}", path.file_name().unwrap().to_str().unwrap());
                pages.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    pages
}

#[test]
fn docs_work_before_and_after_the_first_build() {
    let project = Project::shop();
    let said = project.ok(&["docs"]).stdout;
    assert_eq!(said, "wrote 8 pages; open data/docs/index.html\n");
    let before = pages(&project, "data/docs");
    assert!(before["index.html"].contains("Nothing is built yet") && before["index.html"].contains("not built"));
    assert!(!project.path("data/staging.duckdb").exists());
    assert!(std::fs::read_to_string(project.path(".gitignore")).unwrap().contains("/data/docs/\n"));

    project.write(
        "sql/postgres/migrations/V9__comments.sql",
        "comment on column mart.fact_lines.revenue is 'What it''s worth';",
    );
    project.orders().write("data/raw/2.csv", "id,day,item,pieces,price\n").edit(
        "data/contracts/orders.toml",
        "[columns]",
        "allow_empty = true\nmax_rejects = 1\n[columns]",
    );
    project.write("data/raw/3.csv", "id,day,item,pieces,price\nC,2024-01-01,ball,0,1\n");
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project.ok(&["docs"]);
    let after = pages(&project, "data/docs");
    let fact = &after["models/fact_lines.html"];
    for expected in [
        "What it's worth",
        "<dd>2</dd>",
        "up to date",
        "money_is_there",
        "fact_lines_key",
        "passed",
        "href=\"../models/stg_lines.html#amount\"",
        "href=\"../models/agg_days.html#revenue\"",
        "cast(amount as decimal(18, 4)) as revenue",
        "decimal(18,4)",
        "<code>mart.fact_lines</code>",
    ] {
        assert!(fact.contains(expected), "{expected}\n{fact}");
    }
    let sources = &after["sources.html"];
    for expected in ["at least 1", "required", "data/raw/3.csv", "out_of_range", "with more than 1 rejects"] {
        assert!(sources.contains(expected), "{expected}\n{sources}");
    }
    // Unchanged rows, unchanged bytes; a build that changes nothing is no reason either.
    project.ok(&["build", "--full-refresh"]);
    project.ok(&["docs", "--output", "again"]);
    assert_eq!(pages(&project, "again"), after);
    // The page of a model that is gone goes, other files stay.
    project.write("again/models/notes.html", "mine");
    std::fs::remove_file(project.path("sql/marts/agg_days.sql")).unwrap();
    project.ok(&["docs", "--output", "again"]);
    let names: Vec<String> = pages(&project, "again").into_keys().filter(|name| name.starts_with("models")).collect();
    assert_eq!(
        names,
        ["dim_item", "fact_lines", "notes", "stg_lines", "stg_orders"].map(|name| format!("models/{name}.html"))
    );
}

#[test]
fn docs_escape_everything_and_every_link_leads_somewhere() {
    let project = Project::shop();
    let evil = "<script>alert(1)</script>";
    project
        .edit("sql/marts/dim_item.sql", "-- key: item", &format!("-- {evil} & \"more\".\n-- key: item\n-- tags: <b>"))
        .edit("sql/marts/dim_item.sql", "count(*) as lines", &format!("count(*) as lines, 1 as \"{evil}\""))
        .edit("sql/checks/money_is_there.sql", "select id", &format!("-- {evil}\nselect id"))
        .edit("data/contracts/orders.toml", "item = { ", &format!("item = {{ header = \"{evil}\", "))
        .write("sql/postgres/migrations/V1__c.sql", format!("comment on column mart.dim_item.lines is '{evil}';"));
    project.ok(&["docs"]);
    let pages = pages(&project, "data/docs");
    for (name, page) in &pages {
        assert!(!page.contains("<script") && !page.contains("<b>"), "{name}");
        let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("http:") && !elsewhere.contains("https:") && !elsewhere.contains("url("), "{name}");
        for link in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = if name.starts_with("models/") { "models/" } else { "" };
            let target = match file.strip_prefix("../") {
                Some(file) => file.to_owned(),
                None => format!("{folder}{file}"),
            };
            let target = pages.get(&target).unwrap_or_else(|| panic!("{name}: {link} leads nowhere"));
            assert!(anchor.is_empty() || target.contains(&format!("id=\"{anchor}\"")), "{name}: {link} leads nowhere");
        }
    }
    let item = &pages["models/dim_item.html"];
    assert_eq!(item.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count(), 5, "{item}");
    assert!(pages["sources.html"].contains("&lt;script&gt;") && pages["checks.html"].contains("&lt;script&gt;"));
}
