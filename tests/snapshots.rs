//! Reviewed snapshots: every mart on the sample, every table of the warehouse, and the statements that push.
//!
//! After a change that should move numbers: `make snapshots`, then review `git diff snapshots`.

use std::path::Path;
use std::sync::OnceLock;

use insta::assert_snapshot;
use salesmart_sync::foreign_key::ForeignKey;
use salesmart_sync::partition::Detached;
use salesmart_sync::schema::{Column, Kind, PushTable};
use salesmart_sync::steps;

use crate::harness::Project;

/// The committed sample, loaded once.
fn sample() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Project::new();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, project.path("data/raw").join(path.file_name().unwrap())).unwrap();
        }
        project.ok(&["run"]);
        project
    })
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// So many rows stand in a snapshot in full; of a longer table the first ones, and a hash of all.
const FULL: usize = 60;

fn excerpt(rows: &[String]) -> String {
    let all = salesmart_base::hash::of_parts(rows.iter().map(String::as_str));
    let shown = &rows[..rows.len().min(FULL)];
    format!("{} rows, sha-256 {}\n{}", rows.len(), &all[..16], shown.join("\n"))
}

/// A mart in the staging file: totals of its numbers, then its rows by key.
fn mart(name: &str, totals: &str) {
    let project = sample();
    let summed =
        project.ok(&["show", &format!("select count(*) as rows, {totals} from {name}"), "--format", "csv"]).stdout;
    let header = project.ok(&["show", name, "--limit", "0", "--format", "csv"]).stdout;
    let rows = project.staged(&format!("select * from {name} order by all"));
    settings().bind(|| assert_snapshot!(format!("mart_{name}"), format!("{summed}\n{header}{}", excerpt(&rows))));
}

/// A table of the warehouse: its columns and its rows by key, row hashes included.
fn warehouse(name: &str) {
    let project = sample();
    let columns = project.pushed(&format!(
        "select attname, format_type(atttypid, atttypmod) as type, case when attnotnull then 'not null' else 'null' end as n
         from pg_attribute where attrelid = 'mart.{name}'::regclass and attnum > 0 and not attisdropped order by attnum"
    ));
    let mut rows = project.pushed(&format!("select * from mart.{name}"));
    rows.sort();
    settings().bind(|| {
        assert_snapshot!(format!("warehouse_{name}"), format!("{}\n\n{}", columns.join("\n"), excerpt(&rows)))
    });
}

#[test]
fn stg_sales() {
    mart("stg_sales", "sum(quantity) as quantity, sum(revenue) as revenue, sum(cost) as cost, sum(profit) as profit");
}

#[test]
fn dim_product() {
    mart("dim_product", "count(distinct category) as categories");
    warehouse("dim_product");
}

#[test]
fn dim_customer() {
    mart(
        "dim_customer",
        "sum(lifetime_value) as lifetime_value, sum(frequency) as frequency, sum(recency_score) as r, sum(frequency_score) as f, sum(monetary_score) as m",
    );
    warehouse("dim_customer");
}

#[test]
fn dim_date() {
    mart("dim_date", "min(full_date) as first_day, max(full_date) as last_day");
    warehouse("dim_date");
}

#[test]
fn dim_region() {
    mart("dim_region", "count(distinct region) as regions");
    warehouse("dim_region");
}

#[test]
fn fact_sales() {
    mart("fact_sales", "sum(quantity) as quantity, sum(revenue) as revenue, sum(cost) as cost, sum(profit) as profit");
    warehouse("fact_sales");
}

#[test]
fn agg_daily_sales() {
    mart(
        "agg_daily_sales",
        "sum(sale_lines) as sale_lines, sum(orders) as orders, sum(revenue) as revenue, sum(profit) as profit",
    );
    warehouse("agg_daily_sales");
}

#[test]
fn agg_monthly_product() {
    mart(
        "agg_monthly_product",
        "sum(sale_lines) as sale_lines, sum(orders) as orders, sum(revenue) as revenue, sum(profit) as profit",
    );
    warehouse("agg_monthly_product");
}

#[test]
fn agg_customer_cohort() {
    mart("agg_customer_cohort", "sum(customers) as customers, sum(revenue) as revenue");
    warehouse("agg_customer_cohort");
}

#[test]
fn rejects_of_the_sample() {
    let rows = sample().staged("select file, line, column_name, code, value, reason, raw from rejects order by all");
    settings().bind(|| assert_snapshot!("rejects", rows.join("\n")));
}

#[test]
fn revenue_by_month_and_region() {
    let rows = sample().staged(
        "select date_id // 100 as month, region, sum(revenue) as revenue, sum(profit) as profit, count(*) as sale_lines
         from fact_sales join dim_region using (region_id) group by all order by all",
    );
    settings().bind(|| assert_snapshot!("revenue_by_month_and_region", rows.join("\n")));
}

/// Statements that change PostgreSQL have shapes that a distributed one runs too.
#[test]
fn statements_that_push() {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let table = PushTable {
        name: "fact_sales".to_owned(),
        key: vec!["date_id".to_owned(), "sale_id".to_owned()],
        logical_key: vec!["sale_id".to_owned()],
        partition: Some("date_id".to_owned()),
        columns: vec![
            column("date_id", Kind::Integer),
            column("sale_id", Kind::Bigint),
            column("revenue", Kind::Numeric(18, 4)),
            column("order_id", Kind::Text),
            column("created_at", Kind::Timestamp),
        ],
    };
    let key = ForeignKey {
        name: "fact_sales_order_id_fkey".to_owned(),
        table: "fact_sales".to_owned(),
        columns: vec!["order_id".to_owned()],
        target: "dim_order".to_owned(),
        target_columns: vec!["order_id".to_owned()],
        definition: "FOREIGN KEY (order_id) REFERENCES mart.dim_order(order_id)".to_owned(),
    };
    let month = Detached::new(&table, 202_412, [&key].into_iter()).unwrap();
    let statements = [
        month.create_statements(),
        steps::copy_statement(&month.name(), &table),
        month.attach_statements(),
        steps::upsert_statement(&table),
        steps::delete_statement(&table),
    ]
    .join(";\n\n");
    for shape in ["merge", " using ", "trigger", "nextval", "serial", "identity", "ctid"] {
        assert!(!statements.to_lowercase().contains(shape), "{shape} in\n{statements}");
    }
    settings().bind(|| {
        assert_snapshot!(
            "statements_that_push",
            format!("{statements};\n\n-- row hash, in DuckDB\n{}", table.row_hash())
        )
    });
}
