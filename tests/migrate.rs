//! Migrations: never applied unasked to somebody's server, drafted from what differs.

use std::process::Command;

use crate::harness::{Outcome, Project, sale};

fn project() -> Project {
    let project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project
}

/// Without the leave that the harness gives.
fn plain(project: &Project, args: &[&str]) -> Command {
    let mut command = project.command(args);
    command.env_remove("SALESMART_MIGRATE");
    command
}

#[test]
fn nothing_is_pushed_while_migrations_are_pending() {
    let project = project();
    for verb in ["run", "sync", "plan", "verify"] {
        let outcome = Outcome::of(&mut plain(&project, &[verb]));
        assert_eq!(outcome.code, Some(1), "{verb}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("migrations are pending in salesmart@127.0.0.1")
                && outcome.stderr.contains("V1__star_schema"),
            "{verb}: {}",
            outcome.stderr
        );
    }
    let nothing: i64 = project
        .warehouse()
        .query_one("select count(*) from pg_namespace where nspname in ('mart', 'etl')", &[])
        .unwrap()
        .get(0);
    assert_eq!(nothing, 0);
    let pending = Outcome::of(&mut plain(&project, &["migrate", "--status"])).stdout;
    assert!(pending.starts_with("pending  V1__star_schema\n"), "{pending}");
    let applied = Outcome::of(&mut plain(&project, &["migrate"]));
    assert!(applied.stdout.contains("migrated the warehouse: V3__reader_role"), "{}{}", applied.stdout, applied.stderr);
    assert!(Outcome::of(&mut plain(&project, &["migrate"])).stdout.contains("up to date"));
    assert_eq!(Outcome::of(&mut plain(&project, &["run"])).code, Some(0));
    project.warehouse_equals_marts("after the run");
}

#[test]
fn a_draft_makes_the_warehouse_fit_the_marts() {
    let project = project();
    project.ok(&["run"]);
    assert!(project.ok(&["migrate", "--draft", "nothing"]).stdout.contains("nothing to migrate"));
    project
        .write("sql/marts/agg_city.sql", "-- key: city\nselect city, count(*) as places from dim_region group by city");
    project.edit("sql/marts/dim_region.sql", "select * from final", "select *, length(store) as letters from final");
    project.ok(&["build"]);
    let error = project.fails(&["sync"]);
    assert!(error.contains("salesmart migrate --draft NAME"), "{error}");
    let printed = project.ok(&["migrate", "--draft", "cities", "--print"]).stdout;
    let said = project.ok(&["migrate", "--draft", "cities"]).stdout;
    let files: Vec<String> = std::fs::read_dir(project.path("sql/postgres/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("__cities.sql"))
        .collect();
    assert_eq!(files.len(), 1, "{said}");
    let draft = std::fs::read_to_string(project.path("sql/postgres/migrations").join(&files[0])).unwrap();
    assert_eq!(draft, printed);
    assert!(
        draft.contains("create table mart.\"agg_city\"") && draft.contains("add column \"letters\" bigint"),
        "{draft}"
    );
    let error = project.fails(&["migrate", "--draft", "more"]);
    assert!(error.contains("first apply the pending migrations"), "{error}");
    project.ok(&["migrate"]);
    project.ok(&["sync"]);
    project.warehouse_equals_marts("after the migration");
    assert!(project.fails(&["migrate", "--draft", "no spaces"]).contains("letters, digits and _ only"));
}

#[test]
fn a_migration_is_noticed_by_every_staging_file() {
    let project = project();
    project.ok(&["run"]);
    // Another machine: the same files and the same warehouse, a staging file of its own.
    std::fs::copy(project.path("data/staging.duckdb"), project.path("data/other.duckdb")).unwrap();
    project.write("sql/postgres/migrations/V50__empty.sql", "delete from mart.agg_daily_sales");
    project.ok(&["migrate"]);
    std::fs::rename(project.path("data/other.duckdb"), project.path("data/staging.duckdb")).unwrap();
    assert!(project.ok(&["run"]).stdout.contains("agg_daily_sales            1 inserted"));
    project.warehouse_equals_marts("after the migration");
    project.ledger_without_gap();
}

#[test]
fn a_warehouse_of_other_migrations_is_no_matter_of_migrating() {
    let project = project();
    let newer = "sql/postgres/migrations/V90__newer.sql";
    project.write(newer, "create table mart.newer ()");
    project.ok(&["migrate"]);
    std::fs::remove_file(project.path(newer)).unwrap();
    for verb in ["migrate", "run"] {
        let error = project.fails(&[verb]);
        assert!(error.contains("has migrations that this project has not: V90__newer; it is newer"), "{error}");
    }
    project.write(newer, "create table mart.other ()");
    assert!(project.fails(&["run"]).contains("were changed after they were applied: V90__newer; put the files back"));
    project.write(newer, "create table mart.newer ()");
    project.ok(&["run"]);
}
