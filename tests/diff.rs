//! Differences: what the working tree, a revision or PostgreSQL holds otherwise, by key, by cell and in money.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Project, sale};

/// A model of three rows, with all that a difference can hit.
const THREE: &str = "-- key: id
select id::integer as id, name, revenue::decimal(18,2) as revenue
from (values (1, 'a', 10.00), (2, 'b', 20.00), (3, null, 30.00)) as t (id, name, revenue)";

const FILE: &str = "sql/staging/stg_x.sql";

/// A project with that model published.
fn project() -> Project {
    let project = Project::new();
    project.write(FILE, THREE);
    project.ok(&["build"]);
    project
}

/// The JSON document of a comparison of that model.
#[track_caller]
fn diff(project: &Project) -> Value {
    let outcome = project.run(&["diff", "stg_x", "--format", "json"]);
    assert_ne!(outcome.code, Some(2), "{}", outcome.stderr);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    document["models"][0].clone()
}

#[test]
fn rows_are_added_removed_and_changed_by_key_with_their_cells_and_revenue() {
    let project = project();
    let same = project.ok(&["diff"]).stdout;
    assert!(
        same.starts_with("no differences: ") && same.ends_with(" models compared with what is published\n"),
        "{same}"
    );
    project.edit(FILE, "(2, 'b', 20.00), (3, null, 30.00)", "(2, null, 25.50), (4, '', 1234.25)");
    assert_eq!(
        diff(&project),
        json!({
            "model": "stg_x",
            "state": "changed",
            "key": ["id"],
            "rows": {"before": 3, "after": 3, "added": 1, "removed": 1, "changed": 1},
            "columns": {"added": [], "removed": [], "retyped": []},
            "cells_changed": [{"column": "name", "changed": 1}, {"column": "revenue", "changed": 1}],
            "totals": [{"column": "revenue", "before": "60.00", "after": "1269.75", "delta": "1209.75"}],
            "samples": {
                "added": [{"id": "4", "name": "", "revenue": "1234.25"}],
                "removed": [{"id": "3", "name": null, "revenue": "30.00"}],
                "changed": [{"key": {"id": "2"}, "cells": [
                    {"column": "name", "before": "b", "after": null},
                    {"column": "revenue", "before": "20.00", "after": "25.50"},
                ]}],
            },
        })
    );
    let text = project.ok(&["diff"]).stdout;
    let expected = "\
stg_x  3 rows: 1 added, 1 removed, 1 changed
  revenue  60.00 → 1,269.75   +1,209.75
  cells changed: name 1, revenue 1
  changed
    id 2
      name         b → NULL
      revenue  20.00 → 25.50
  added
     id   name   revenue
    ─────────────────────
     4    ''     1234.25
  removed
     id   name   revenue
    ─────────────────────
     3    NULL     30.00

1 model differs from what is published, ";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(
        project.staged("select revenue from stg_x order by id"),
        ["10.00", "20.00", "30.00"],
        "published by nobody"
    );
}

#[test]
fn samples_are_the_first_by_key_and_as_many_as_wanted() {
    let project = project();
    project.edit(FILE, "revenue::decimal(18,2)", "(revenue + 1)::decimal(18,2)");
    let text = project.ok(&["diff", "--limit", "2"]).stdout;
    let expected = "\
  changed, the first 2 of 3 by id
    id 1
      revenue  10.00 → 11.00
    id 2
      revenue  20.00 → 21.00
";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("revenue  60.00 → 63.00   +3.00"), "{text}");
    let none = project.ok(&["diff", "--limit", "0"]).stdout;
    assert!(none.contains("3 rows: 3 changed") && !none.contains("id 1"), "{none}");
}

#[test]
fn a_difference_is_a_failure_on_demand() {
    let project = project();
    project.ok(&["diff", "--fail-if-diff"]);
    project.edit(FILE, "'a'", "'A'");
    project.ok(&["diff"]);
    let error = project.fails(&["diff", "--fail-if-diff"]);
    assert!(error.contains("1 model differs from what is published: stg_x"), "{error}");
    project.ok(&["diff", "dim_date", "--fail-if-diff"]);
}

#[test]
fn new_removed_and_empty_models_are_told_apart() {
    let project = project();
    std::fs::rename(project.path(FILE), project.path("sql/staging/stg_y.sql")).unwrap();
    let document: Value = serde_json::from_str(&project.ok(&["diff", "--format", "json"]).stdout).unwrap();
    let found: Vec<(&str, &str)> = document["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| (model["model"].as_str().unwrap(), model["state"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("stg_y", "new"), ("stg_x", "removed")]);
    assert_eq!(
        document["models"][0]["totals"][0],
        json!({"column": "revenue", "before": "0.00", "after": "60.00", "delta": "60.00"})
    );
    assert_eq!(
        document["models"][1]["totals"][0],
        json!({"column": "revenue", "before": "60.00", "after": "0.00", "delta": "-60.00"})
    );
    let text = project.ok(&["diff", "stg_x", "stg_y"]).stdout;
    assert!(text.contains("stg_y  is new: 3 rows") && text.contains("stg_x  is gone: 3 rows"), "{text}");

    project.ok(&["build"]);
    project.write("sql/staging/stg_y.sql", format!("{THREE}\nwhere id > 3"));
    let text = project.ok(&["diff"]).stdout;
    assert!(text.contains("stg_y  3 → 0 rows: 3 removed") && text.contains("revenue  60.00 → 0.00   -60.00"), "{text}");
    project.ok(&["build"]);
    project.edit("sql/staging/stg_y.sql", "id > 3", "id > 4");
    assert!(project.ok(&["diff"]).stdout.contains("no differences"), "both are empty");
}

#[test]
fn columns_come_go_and_change_their_type_without_a_false_change_of_cells() {
    let project = project();
    project.write(
        FILE,
        "-- key: id
select id::varchar as id, revenue::decimal(20,4) as revenue, 1.5::decimal(4,1) as tax,
    case id when 2 then 'B' else 'a' end as Name
from (values (1, 'a', 10.00), (2, 'b', 20.00), (3, null, 30.00)) as t (id, name, revenue)",
    );
    let found = diff(&project);
    assert_eq!(
        found["columns"],
        json!({
            "added": [{"name": "tax", "type": "DECIMAL(4,1)"}],
            "removed": [],
            "retyped": [
                {"name": "id", "before": "INTEGER", "after": "VARCHAR"},
                {"name": "revenue", "before": "DECIMAL(18,2)", "after": "DECIMAL(20,4)"},
            ],
        })
    );
    assert_eq!(found["rows"], json!({"before": 3, "after": 3, "added": 0, "removed": 0, "changed": 2}));
    assert_eq!(found["cells_changed"], json!([{"column": "Name", "changed": 2}]));
    assert_eq!(
        found["totals"],
        json!([
            {"column": "revenue", "before": "60.0000", "after": "60.0000", "delta": "0.0000"},
            {"column": "tax", "before": null, "after": "4.5", "delta": null},
        ])
    );
    let text = project.ok(&["diff", "stg_x"]).stdout;
    assert!(text.contains("revenue  60.0000   no change"), "{text}");
    assert!(
        text.contains("columns of another type: id INTEGER → VARCHAR, revenue DECIMAL(18,2) → DECIMAL(20,4)"),
        "{text}"
    );

    // Text that is no number does not stop the comparison with one.
    project.write(FILE, THREE.replace("revenue::decimal(18,2) as revenue", "'much' as revenue"));
    let found = diff(&project);
    assert_eq!(found["rows"]["changed"], 3);
    assert_eq!(found["totals"], json!([{"column": "revenue", "before": "60.00", "after": null, "delta": null}]));
    assert_eq!(
        found["samples"]["changed"][0]["cells"],
        json!([{"column": "revenue", "before": "10.00", "after": "much"}])
    );

    project.write(FILE, THREE.replace("name, revenue::decimal(18,2) as revenue", "1 as one"));
    let text = project.ok(&["diff", "stg_x"]).stdout;
    assert!(text.contains("3 rows, the same in all columns that both have"), "{text}");
    assert!(text.contains("columns removed: name VARCHAR, revenue DECIMAL(18,2)"), "{text}");
}

#[test]
fn without_a_key_column_whole_rows_are_compared() {
    let project = project();
    // The header still names it: the build fails, and the difference shows why.
    project.edit(FILE, "select id::integer as id, name", "select name");
    project.edit(FILE, "'b'", "'B'");
    let outcome = project.run(&["diff", "stg_x"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stdout.contains("note: the key column id is not there after, so whole rows are compared"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("3 rows: 1 added, 1 removed"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("the declared key (id) cannot be checked"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("the same"), "no summary of a build that failed: {}", outcome.stdout);

    project.write(FILE, THREE.replace("as id,", "as number,").replace("key: id", "key: number"));
    let found = diff(&project);
    assert!(found["note"].as_str().unwrap().contains("the key column number is not there before"), "{found}");
    assert_eq!(found["rows"], json!({"before": 3, "after": 3, "added": 0, "removed": 0, "changed": 0}));

    // Nothing in common at all.
    project.write(FILE, "select 7 as seven");
    assert_eq!(diff(&project)["rows"], json!({"before": 3, "after": 1, "added": 1, "removed": 3, "changed": 0}));
}

#[test]
fn keys_that_repeat_or_are_null_hide_no_difference() {
    for (from, to, added, removed) in [("(3, null", "(2, null", 1, 1), ("(3, null", "(null, 'n'", 1, 1)] {
        let project = project();
        project.edit(FILE, from, to);
        let outcome = project.run(&["diff", "stg_x"]);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stdout.contains("note: the key (id) repeats"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("after (1 value), so whole rows are compared"), "{}", outcome.stdout);
        assert!(outcome.stderr.contains("checks failed: stg_x_key"), "{}", outcome.stderr);
        let rows = diff(&project)["rows"].clone();
        assert_eq!((&rows["added"], &rows["removed"]), (&json!(added), &json!(removed)));
    }
}

#[test]
fn copies_of_a_row_count() {
    let project = project();
    project.write(FILE, "select unnest(['a', 'a', 'b', null]) as name");
    project.ok(&["build"]);
    project.write(FILE, "select unnest(['a', 'b', 'b', 'b', null]) as name");
    let found = diff(&project);
    assert_eq!(found["key"], json!([]));
    assert_eq!(found["note"], "it has no key, so whole rows are compared");
    assert_eq!(found["rows"], json!({"before": 4, "after": 5, "added": 2, "removed": 1, "changed": 0}));
    assert_eq!(found["samples"]["added"], json!([{"name": "b"}, {"name": "b"}]));
    assert_eq!(found["samples"]["removed"], json!([{"name": "a"}]));
}

#[test]
fn a_view_is_named_and_shows_in_its_readers() {
    let project = project();
    project.write("sql/staging/stg_v.sql", format!("-- materialized: view\n{THREE}"));
    project.write("sql/staging/stg_w.sql", "-- key: id\nselect * from stg_v");
    project.ok(&["build"]);
    project.edit("sql/staging/stg_v.sql", "20.00", "21.00");
    let text = project.ok(&["diff"]).stdout;
    assert!(text.contains("stg_v is a view") && text.contains("stg_w  3 rows: 1 changed"), "{text}");
    assert!(text.contains("1 model differs"), "{text}");
}

#[test]
fn a_failed_check_comes_with_the_difference() {
    let project = project();
    project.write("sql/checks/cheap.sql", "-- Nothing costs more than 25.\nselect id from stg_x where revenue > 35");
    project.edit(FILE, "30.00", "40.00");
    let outcome = project.run(&["diff"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("revenue  60.00 → 70.00   +10.00"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("checks failed: cheap"), "{}", outcome.stderr);
}

#[test]
fn json_lines_are_for_schedulers() {
    let project = project();
    project.edit(FILE, "'a'", "'A'");
    let output = project.ok(&["diff", "--log-format", "json"]).stdout;
    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["stage"], &lines[0]["finding"]["model"]), (&json!("diff"), &json!("stg_x")));
    let summary = lines[1]["message"].as_str().unwrap();
    assert!(summary.starts_with("1 model differs from what is published, "), "{summary}");
}

#[test]
fn what_cannot_be_compared_is_said_with_the_next_step() {
    let project = project();
    let cases: [(&[&str], &str); 4] = [
        (&["diff", "dim_prodct"], "there is no model dim_prodct; did you mean dim_product?"),
        (&["diff", "--against", "postgres", "stg_x"], "stg_x is not pushed to PostgreSQL"),
        (&["diff", "--against", "postgres"], "holds no tables of salesmart yet; run `salesmart sync` first"),
        (&["diff", "--against", "git:main"], "is not in a git repository"),
    ];
    for (args, expected) in cases {
        let error = project.fails(args);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(project.run(&["diff", "--against", "git:"]).code, Some(2));

    project.edit(FILE, "from (values", "frm (values");
    let error = project.fails(&["diff"]);
    assert!(error.contains("stg_x.sql:3: "), "{error}");

    let fresh = Project::new();
    let error = fresh.fails(&["diff"]);
    assert!(error.contains("staging.duckdb is not there yet; run `salesmart run`"), "{error}");
    assert!(!fresh.path("data/staging.duckdb").exists());
}

#[test]
fn who_holds_the_staging_file_is_named() {
    let project = project();
    let holder = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    let expected = format!("is in use by process {}", std::process::id());
    for args in [&["diff"][..], &["diff", "--against", "postgres"]] {
        let error = project.fails(args);
        assert!(error.contains(&expected), "{error}");
    }
    drop(holder);
    project.ok(&["diff"]);
}

fn git(project: &Project, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(project.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_revision_is_built_over_the_same_data_and_leaves_nothing_behind() {
    let project = project();
    git(&project, &["init", "-q"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "-qm", "one"]);
    assert!(
        project.ok(&["diff", "--against", "git:HEAD"]).stdout.contains(" models compared with the models as of HEAD")
    );

    // Published is neither what was committed nor what is in the working tree.
    project.edit(FILE, "10.00", "11.00");
    project.ok(&["build"]);
    project.edit(FILE, "11.00", "12.00");
    project.write("sql/staging/stg_new.sql", "-- key: a\nselect 1 as a");
    std::fs::remove_file(project.path("sql/checks/margin_is_plausible.sql")).unwrap();
    let staging = std::fs::read(project.path("data/staging.duckdb")).unwrap();
    let text = project.ok(&["diff", "--against", "git:HEAD"]).stdout;
    assert!(text.contains("revenue  10.00 → 12.00") && text.contains("stg_new  is new: 1 row"), "{text}");
    assert!(text.contains("2 models differ from the models as of HEAD, "), "{text}");
    assert!(staging == std::fs::read(project.path("data/staging.duckdb")).unwrap(), "the staging file was written");
    let left: Vec<_> =
        std::fs::read_dir(project.path("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("diff")), "{left:?}");

    let error = project.fails(&["diff", "--against", "git:HEAD", "--fail-if-diff"]);
    assert!(error.contains("2 models differ from the models as of HEAD: stg_new, stg_x"), "{error}");
    let error = project.fails(&["diff", "--against", "git:nonsense"]);
    assert!(error.contains("git knows no revision nonsense"), "{error}");

    // A revision that cannot be built is named, file and line included.
    project.edit(FILE, "from (values", "frm (values");
    git(&project, &["commit", "-qam", "broken"]);
    project.edit(FILE, "frm (values", "from (values");
    let error = project.fails(&["diff", "--against", "git:HEAD"]);
    assert!(
        error.contains("the models as of HEAD cannot be built") && error.contains("HEAD:sql/staging/stg_x.sql:3: "),
        "{error}"
    );
}

#[test]
fn a_project_below_the_top_of_its_repository_is_found() {
    let project = Project::new();
    let shop = project.path("shop");
    project.ok(&["init", shop.to_str().unwrap()]);
    project.write(&format!("shop/{FILE}"), THREE);
    git(&project, &["init", "-q"]);
    git(&project, &["add", "shop"]);
    git(&project, &["commit", "-qm", "one"]);
    let at = shop.to_str().unwrap();
    project.ok(&["build", "--project", at]);
    project.edit(&format!("shop/{FILE}"), "20.00", "22.00");
    let text = project.ok(&["diff", "--against", "git:HEAD", "--project", at]).stdout;
    assert!(text.contains("revenue  20.00 → 22.00") && text.contains("1 model differs"), "{text}");
    std::fs::create_dir(project.path("other")).unwrap();
    git(&project, &["checkout", "-q", "--orphan", "empty"]);
    git(&project, &["commit", "-q", "--allow-empty", "-m", "two"]);
    git(&project, &["rm", "-rq", "--cached", "shop"]);
    git(&project, &["commit", "-q", "--allow-empty", "-m", "three"]);
    let error = project.fails(&["diff", "--against", "git:HEAD", "--project", at]);
    assert!(error.contains("there are no models in sql/ as of HEAD"), "{error}");
}

#[test]
fn postgres_is_compared_row_by_row_and_not_written() {
    let project = Project::new();
    project.sales(
        "sales_1.csv",
        &[
            sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10"),
            sale("T2", "O2", "2024-02-01 10:00:00", "C2", "P2", "20"),
            sale("T3", "O3", "2024-03-01 10:00:00", "C3", "P3", "30"),
            sale("T4", "O4", "2024-03-02 10:00:00", "C3", "P3", "40"),
        ],
    );
    project.ok(&["run"]);
    let same = "no differences: 8 models compared with what PostgreSQL holds\n";
    assert_eq!(project.ok(&["diff", "--against", "postgres"]).stdout, same);

    // By hand: T2 is gone, T3 costs more though its stored hash is left alone, and a product that no mart has.
    project
        .warehouse()
        .batch_execute(
            "delete from mart.fact_sales where transaction_id = 'T2';
             update mart.fact_sales set revenue = 31.5 where transaction_id = 'T3';
             insert into mart.dim_product select 5, 'X', 'by hand', category, row_hash from mart.dim_product where product_id = 0",
        )
        .unwrap();
    let (content, staging) = (project.warehouse_content(), std::fs::read(project.path("data/staging.duckdb")).unwrap());
    let output = project.ok(&["diff", "--against", "postgres", "fact_sales", "--format", "json"]).stdout;
    let document: Value = serde_json::from_str(&output).unwrap();
    let found = &document["models"][0];
    assert_eq!(found["rows"], json!({"before": 3, "after": 4, "added": 1, "removed": 0, "changed": 1}));
    assert_eq!(
        found["totals"][0],
        json!({"column": "revenue", "before": "81.5000", "after": "100.0000", "delta": "18.5000"})
    );
    assert_eq!(
        found["samples"]["changed"][0]["cells"],
        json!([{"column": "revenue", "before": "31.5000", "after": "30.0000"}])
    );
    assert_eq!(found["samples"]["added"][0]["transaction_id"], "T2");
    let error = project.fails(&["diff", "--against", "postgres", "--fail-if-diff"]);
    assert!(error.contains("2 models differ from what PostgreSQL holds: dim_product, fact_sales"), "{error}");
    assert_eq!(project.warehouse_content(), content);
    assert!(staging == std::fs::read(project.path("data/staging.duckdb")).unwrap(), "the staging file was written");

    project.ok(&["sync", "--full-refresh", "--allow-deletes"]);
    assert_eq!(project.ok(&["diff", "--against", "postgres"]).stdout, same);

    // A sale that moved to another month is one changed row.
    project.sales("sales_2.csv", &[sale("T4", "O4", "2024-05-02 10:00:00", "C3", "P3", "40")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let text = project.ok(&["diff", "--against", "postgres", "fact_sales"]).stdout;
    assert!(text.contains("fact_sales  4 rows: 1 changed") && text.contains("date_id     "), "{text}");
    assert!(text.contains("revenue  100.0000   no change"), "{text}");
}
