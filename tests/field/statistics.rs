//! What PostgreSQL's planner knows of the pushed tables after a sync.

use crate::harness::{Project, sale};

fn month(project: &Project, month: u32, count: u32) {
    let records: Vec<String> = (0..count)
        .map(|n| {
            let (number, moment) = (format!("{month}-{n}"), format!("2024-{month:02}-{:02} 10:00:00", 1 + n % 28));
            sale(
                &format!("T{number}"),
                &format!("O{number}"),
                &moment,
                &format!("C{}", n % 50),
                &format!("P{}", n % 9),
                "10",
            )
        })
        .collect();
    project.sales(&format!("sales_{month}.csv"), &records);
}

/// Tables without statistics; the partitioned one counts as a whole.
fn unknown(project: &Project) -> Vec<String> {
    project.pushed(
        "select oid::regclass::text as t from pg_class
         where relnamespace = 'mart'::regnamespace and relkind in ('r', 'p')
             and not exists (select from pg_stats where schemaname = 'mart' and tablename = relname and inherited = (relkind = 'p'))
         order by 1",
    )
}

/// When each table was analyzed by somebody's command.
fn analyzed(project: &Project) -> Vec<String> {
    project
        .pushed("select relname as t, last_analyze as l from pg_stat_user_tables where schemaname = 'mart' order by 1")
}

fn newest_known_day(project: &Project) -> String {
    project
        .pushed(
            "select (histogram_bounds::text::integer[])[array_length(histogram_bounds::text::integer[], 1)] as d from pg_stats
             where schemaname = 'mart' and tablename = 'fact_sales' and inherited and attname = 'date_id'",
        )
        .join("")
}

#[test]
fn field_h3_after_a_load_the_planner_knows_every_table_and_the_partitioned_one_as_a_whole() {
    let project = Project::new();
    for number in 1..=5 {
        month(&project, number, 300);
    }
    project.ok(&["run"]);
    assert_eq!(unknown(&project), [""; 0]);
    let estimate = |condition: &str| -> f64 {
        let sql = format!(
            "explain (format json) select from mart.fact_sales join mart.dim_region using (region_id) where {condition}"
        );
        let plan: serde_json::Value = project.warehouse().query_one(&sql, &[]).unwrap().get(0);
        plan[0]["Plan"]["Plan Rows"].as_f64().unwrap()
    };
    let rows = estimate("date_id between 20240101 and 20240531");
    assert!((750.0..3000.0).contains(&rows), "{rows} of 1500 rows");
    // Nothing changed, nothing is gathered.
    let before = analyzed(&project);
    project.ok(&["run"]);
    assert_eq!(analyzed(&project), before);
    // A new month is known as soon as it is there.
    assert!(newest_known_day(&project).starts_with("202405"));
    month(&project, 6, 300);
    project.ok(&["run"]);
    assert_eq!(unknown(&project), [""; 0]);
    assert!(newest_known_day(&project).starts_with("202406"), "{}", newest_known_day(&project));
}

#[test]
fn field_h3_a_small_change_is_left_to_autovacuum() {
    let project = Project::new();
    for number in 1..=3 {
        month(&project, number, 300);
    }
    project.ok(&["run"]);
    let before = analyzed(&project);
    let fact = |all: &[String]| all.iter().filter(|line| line.starts_with("fact_sales")).cloned().collect::<Vec<_>>();
    project.sales("sales_9.csv", &[sale("T9", "O9", "2024-03-05 10:00:00", "C1", "P1", "10")]);
    project.ok(&["run"]);
    assert_eq!(fact(&analyzed(&project)), fact(&before));
}

#[test]
fn field_h3_statistics_that_cannot_be_gathered_are_said_and_fail_no_run() {
    let project = Project::new();
    month(&project, 1, 50);
    project.ok(&["migrate"]);
    let mut other = project.warehouse();
    let mut held = other.transaction().unwrap();
    // As a vacuum of somebody else holds it: rows may be written.
    held.batch_execute("lock table mart.agg_daily_sales in share update exclusive mode").unwrap();
    let outcome = project.ok(&["run"]);
    assert!(outcome.stdout.contains("committed as sync"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("cannot analyze mart.agg_daily_sales"), "{}", outcome.stderr);
    held.rollback().unwrap();
    // Made good by the next sync that changes the table.
    month(&project, 2, 50);
    project.ok(&["run"]);
    assert_eq!(unknown(&project), [""; 0]);
    project.warehouse_equals_marts("in the end");
}
