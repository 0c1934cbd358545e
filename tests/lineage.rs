//! Lineage of models and columns.

use serde_json::Value;

use crate::harness::Project;

/// The parsed `--format json` of these arguments.
fn json(project: &Project, args: &[&str]) -> Value {
    let args = [&["lineage", "--format", "json"], args].concat();
    serde_json::from_str(&project.ok(&args).stdout).unwrap()
}

/// `column: origins` of one relation.
fn columns(document: &Value, relation: &str) -> Vec<String> {
    let relations = document["relations"].as_array().unwrap();
    let relation = relations.iter().find(|known| known["name"] == relation).unwrap();
    let column = |column: &Value| {
        let origin = |origin: &Value| match origin["column"].as_str() {
            Some(column) => format!("{}.{column}", origin["relation"].as_str().unwrap()),
            None => format!("rows of {}", origin["relation"].as_str().unwrap()),
        };
        let mut from: Vec<String> = column["from"].as_array().unwrap().iter().map(origin).collect();
        if column["unknown"] == true {
            from.push("unknown".to_owned());
        }
        format!("{}: {}", column["name"].as_str().unwrap(), from.join(" "))
    };
    relation["columns"].as_array().unwrap().iter().map(column).collect()
}

#[test]
fn columns_are_traced_through_every_shape_of_query() {
    let project = Project::shop();
    std::fs::remove_file(project.path("sql/checks/money_is_there.sql")).unwrap();
    for folder in ["sql/marts", "sql/staging"] {
        std::fs::remove_dir_all(project.path(folder)).unwrap();
    }
    project.write(
        "data/contracts/a.toml",
        "files = \"data/raw/a*.csv\"\n[columns]\nid = { type = \"varchar\" }\nk = { type = \"varchar\" }\nx = { type = \"integer\" }\ny = { type = \"integer\" }\n",
    );
    project.write(
        "data/contracts/b.toml",
        "files = \"data/raw/b*.csv\"\n[columns]\nid = { type = \"varchar\" }\nz = { type = \"integer\" }\n",
    );
    project.write("sql/staging/a.sql", "select id, k, x, y from raw.a");
    project.write("sql/staging/b.sql", "select id, z from raw.b");
    let cases: &[(&str, &[&str])] = &[
        // Expressions.
        ("select x + y as s, 1 as one, 'a' || k as t from a", &["s: a.x a.y", "one: ", "t: a.k"]),
        ("select case when k = 'q' then x else y end as c from a", &["c: a.k a.x a.y"]),
        ("select x as p, p + y as q from a", &["p: a.x", "q: a.x a.y"]),
        ("select x as k, k as l from a", &["k: a.x", "l: a.k"]),
        ("select current_date as d, getvariable('as_of') as v from a", &["d: ", "v: "]),
        ("select surrogate_key(id) as i, try_cast(k as integer) as n from a", &["i: a.id", "n: a.k"]),
        ("select list_transform([x], lambda v: v + y) as l from a", &["l: a.x a.y"]),
        ("select {'p': x, 'q': y} as s, a as whole from a", &["s: a.x a.y", "whole: a.id a.k a.x a.y"]),
        ("select s.p as p from (select {'p': x} as s from a)", &["p: a.x"]),
        // Aggregates and windows.
        (
            "select k, sum(x) filter (where y > 0) as s, count(*) as n, count(*) filter (where y > 0) as m, max(x order by y) as o from a group by k",
            &["k: a.k", "s: a.x a.y", "n: rows of a", "m: rows of a a.y", "o: a.x a.y"],
        ),
        (
            "select sum(x) over (partition by k order by y) as s, row_number() over () as n, rank() over (order by y) as r, count(*) over (partition by k) as c from a",
            &["s: a.k a.x a.y", "n: rows of a", "r: a.y", "c: rows of a a.k"],
        ),
        ("select x from a qualify row_number() over (partition by k order by y) = 1", &["x: a.x"]),
        // Stars.
        ("select * from a", &["id: a.id", "k: a.k", "x: a.x", "y: a.y"]),
        ("from a", &["id: a.id", "k: a.k", "x: a.x", "y: a.y"]),
        ("select * exclude (k) replace (x + y as x) rename (id as key) from a", &["key: a.id", "x: a.x a.y", "y: a.y"]),
        ("select b.*, a.x from a join b on a.id = b.id", &["id: b.id", "z: b.z", "x: a.x"]),
        // Joins. Conditions choose rows: they do not count.
        ("select * from a join b using (id)", &["id: a.id", "k: a.k", "x: a.x", "y: a.y", "z: b.z"]),
        ("select id, b.id as other from a left join b using (id)", &["id: a.id", "other: b.id"]),
        ("select id, z from a right join b using (id)", &["id: b.id", "z: b.z"]),
        ("select id, z from a full join b using (id)", &["id: a.id b.id", "z: b.z"]),
        ("select id, z from a natural join b", &["id: a.id", "z: b.z"]),
        ("select * from b semi join a using (id)", &["id: b.id", "z: b.z"]),
        ("select p.x, q.x as x2 from a as p cross join a as q", &["x: a.x", "x2: a.x"]),
        ("select l.v from a, lateral (select a.x + 1 as v) as l", &["v: a.x"]),
        // Common table expressions and subqueries.
        (
            "with c as (select x as v from a), d(w) as (select v + 1 from c) select w, count(*) over () as n from d",
            &["w: a.x", "n: rows of a"],
        ),
        ("with a as (select z as x from b) select x from a", &["x: b.z"]),
        ("select v from (with c as (select z as v from b) select v from c)", &["v: b.z"]),
        ("select t.p from (select x, y from a) as t(p, q)", &["p: a.x"]),
        ("select (select max(z) from b where b.id = a.id) as m from a", &["m: b.z"]),
        ("select exists (select 1 from b where b.id = a.id) as e from a", &["e: rows of b"]),
        ("select x in (select z from b) as i from a", &["i: a.x b.z"]),
        (
            "with recursive r as (select x as n, k from a union all select n + z, k from r join b on b.id = r.k where n < 9) from r",
            &["n: a.x b.z", "k: a.k"],
        ),
        // Sets.
        ("select x, 'a' as w from a union all select z, id from b", &["x: a.x b.z", "w: b.id"]),
        ("select id, x from a union all by name select z as x, id from b", &["id: a.id b.id", "x: a.x b.z"]),
        ("select id from a except select id from b", &["id: a.id"]),
        ("select * from (values (1, 'p'), (2, 'q')) as v(n, t)", &["n: ", "t: "]),
        ("select unnest(generate_series(min(x), max(y))) as n from a", &["n: a.x a.y"]),
        ("select i from a, unnest([x, y]) as u(i)", &["i: a.x a.y"]),
        // What the tree does not tell is not guessed.
        ("select columns('x|y') from a", &["x: unknown", "y: unknown"]),
        ("select k, columns('x') from a", &["k: unknown", "x: unknown"]),
        (
            "from (unpivot (select id, x, y from a) on x, y into name n value v)",
            &["id: unknown", "n: unknown", "v: unknown"],
        ),
        (
            "select id, v + 1 as w from (unpivot (select id, x from a) on x into name n value v)",
            &["id: unknown", "w: unknown"],
        ),
        (
            "select unnest(s), 1 as one from (select {'p': x, 'q': y} as s from a)",
            &["p: unknown", "q: unknown", "one: unknown"],
        ),
    ];
    for (index, (sql, _)) in cases.iter().enumerate() {
        project.write(&format!("sql/staging/m{index}.sql"), sql);
    }
    let document = json(&project, &[]);
    for (index, (sql, expected)) in cases.iter().enumerate() {
        assert_eq!(columns(&document, &format!("m{index}")), *expected, "{sql}");
    }
}

#[test]
fn text_shows_trees_of_models_and_columns() {
    let project = Project::shop();
    assert_eq!(
        project.ok(&["lineage"]).stdout,
        "raw.orders\n└─ stg_orders\n   └─ stg_lines\n      ├─ dim_item\n      └─ fact_lines\n         └─ agg_days\n"
    );
    assert_eq!(
        project.ok(&["lineage", "--upstream"]).stdout,
        "dim_item\n└─ stg_lines\n   └─ stg_orders\n      └─ raw.orders\nagg_days\n└─ fact_lines\n   └─ stg_lines (see above)\n"
    );
    assert_eq!(
        project.ok(&["lineage", "fact_lines"]).stdout,
        "fact_lines\nreads\n└─ stg_lines\n   └─ stg_orders\n      └─ raw.orders\nis read by\n└─ agg_days\n"
    );
    assert_eq!(project.ok(&["lineage", "agg_days", "--downstream"]).stdout, "agg_days\nis read by no model\n");
    assert_eq!(
        project.ok(&["lineage", "fact_lines.revenue"]).stdout,
        "fact_lines.revenue\nis computed from\n└─ stg_lines.amount\n   ├─ stg_orders.pieces\n   │  └─ raw.orders.pieces\n   \
         └─ stg_orders.price\n      └─ raw.orders.price\nis used by\n└─ agg_days.revenue\n"
    );
    assert_eq!(
        project.ok(&["lineage", "raw.orders.item"]).stdout,
        "raw.orders.item\nis loaded from files\nis used by\n└─ stg_orders.item\n   └─ stg_lines.item\n      ├─ dim_item.item\n      └─ fact_lines.item\n"
    );
    assert_eq!(
        project.ok(&["lineage", "dim_item.lines", "--upstream", "--columns"]).stdout,
        "dim_item.lines\nis computed from\n└─ rows of stg_lines\n\nstg_lines\n\ndim_item\n    lines  ← rows of stg_lines\n"
    );
    let lists = project.ok(&["lineage", "fact_lines", "--upstream", "--columns"]).stdout;
    assert!(
        lists.ends_with("\nfact_lines\n    id       ← stg_lines.id\n    day      ← stg_lines.day\n    item     ← stg_lines.item\n    revenue  ← stg_lines.amount\n"),
        "{lists}"
    );
    project.write("sql/marts/dim_one.sql", "-- key: a\nselect 1 as a, columns('item') from stg_lines");
    assert!(project.ok(&["lineage", "dim_one.a"]).stdout.contains("is computed from what cannot be told"));
    project.write("sql/marts/dim_one.sql", "-- key: a\nselect 1 as a");
    assert!(project.ok(&["lineage", "dim_one.a"]).stdout.contains("is a constant"));
}

#[test]
fn names_that_are_not_there_are_explained() {
    let project = Project::shop();
    for (what, expected) in [
        ("fact_line", "there is no model, source or column fact_line; did you mean fact_lines?"),
        ("fact_lines.revenu", "fact_lines has no column revenu; did you mean fact_lines.revenue?"),
        ("raw.order", "did you mean raw.orders?"),
    ] {
        let error = project.fails(&["lineage", what]);
        assert!(error.contains(expected), "{error}");
    }
    project.write("sql/marts/fact_lines.sql", "-- key: id\nselect nonsense as id from stg_lines");
    assert!(project.fails(&["lineage"]).contains("fact_lines, agg_days cannot be read; `salesmart compile` says why"));
    assert_eq!(project.run(&["lineage", "--upstream", "--downstream"]).code, Some(2));
}

#[test]
fn drawings_hold_what_is_asked_for_and_stand_alone() {
    let project = Project::shop();
    let svg = project.ok(&["lineage", "--format", "svg"]).stdout;
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"), "{svg}");
    for model in ["raw.orders", "stg_orders", "stg_lines", "fact_lines", "dim_item", "agg_days"] {
        assert!(svg.contains(&format!(">{model}</text>")), "{model}");
    }
    assert_eq!(svg.matches("class=\"link\"").count(), 5);
    assert!(svg.contains("prefers-color-scheme:dark") && !svg.contains("<script"));
    // Of a column, only what is on its way.
    project.ok(&["lineage", "fact_lines.revenue", "--format", "svg", "--output", "revenue.svg"]);
    let svg = std::fs::read_to_string(project.path("revenue.svg")).unwrap();
    assert!(svg.contains(">pieces</text>") && !svg.contains(">item</text>") && !svg.contains("dim_item"), "{svg}");
    assert_eq!(svg.matches("class=\"column-link\"").count(), 6);
    let svg = project.ok(&["lineage", "dim_item", "--columns", "--upstream", "--format", "svg"]).stdout;
    assert_eq!(svg.matches("class=\"rows-link\"").count(), 1);
    let html = project.ok(&["lineage", "fact_lines", "--format", "html"]).stdout;
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("stg_lines.amount"), "{html}");
    assert!(project.fails(&["lineage", "--output", "no/such/folder.svg"]).contains("cannot write no/such/folder.svg"));
}

#[test]
fn every_column_of_the_shipped_marts_is_traced() {
    let project = Project::embedded();
    let document = json(&project, &[]);
    for relation in document["relations"].as_array().unwrap() {
        if relation["layer"] != "mart" {
            continue;
        }
        for column in columns(&document, relation["name"].as_str().unwrap()) {
            let (_, from) = column.split_once(": ").unwrap();
            assert!(!from.is_empty() && !from.contains("unknown"), "{}.{column}", relation["name"]);
        }
    }
    let revenue = project.ok(&["lineage", "fact_sales.revenue", "--upstream"]).stdout;
    for origin in ["stg_sales.revenue", "raw.sales.quantity", "raw.sales.unit_price", "raw.sales.revenue"] {
        assert!(revenue.contains(origin), "{revenue}");
    }
}
