//! Incremental builds: what a header declares is proved before anything is built, and a day later the tables are those of a full rebuild.

use crate::harness::{Project, sale};
use crate::incremental::assert_equals_full_rebuild;

/// Orders in two currencies (the region is the currency), and rates per day and currency.
fn shop() -> Project {
    let project = Project::embedded();
    project.write(
        "data/contracts/exchange_rates.toml",
        "files = \"data/raw/rates_*.csv\"\n[columns]\ndate = { type = \"date\", formats = [\"%Y-%m-%d\"], required = true }\n\
         currency_code = { type = \"varchar\", required = true }\nrate = { type = \"decimal(18,4)\", required = true }\n",
    );
    project.write(
        "sql/staging/stg_exchange_rates.sql",
        "-- One row per day and currency, the later file wins.\n-- key: date, currency_code\n\
         select date, currency_code, arg_max(rate, {'f': natural_order(_file), 'l': _line}) as rate\n\
         from raw.exchange_rates group by date, currency_code",
    );
    project.write(
        "sql/intermediate/int_orders.sql",
        "-- materialized: incremental\n-- key: transaction_id\n\
         select transaction_id, order_id, cast(sold_at as date) as order_date, region as currency_code, revenue from stg_sales",
    );
    rates(&project, 1, &[("2024-01-01", "2"), ("2024-01-03", "3")]);
    project.sales("sales_1.csv", &(1..=40).map(order).collect::<Vec<_>>());
    project
}

/// One of 40 orders on the first four days of 2024.
fn order(number: u32) -> String {
    let day = format!("2024-01-{:02} 10:00:00", 1 + number % 4);
    let line = sale(&format!("T{number}"), &format!("O{}", number / 2), &day, "C1", "P1", "10");
    line.replace("South", if number.is_multiple_of(3) { "EUR" } else { "USD" })
}

fn rates(project: &Project, file: u32, rates: &[(&str, &str)]) {
    let lines: Vec<String> =
        rates.iter().flat_map(|(day, rate)| ["EUR", "USD"].map(|code| format!("{day},{code},{rate}\n"))).collect();
    project.write(&format!("data/raw/rates_{file}.csv"), format!("date,currency_code,rate\n{}", lines.concat()));
}

/// Writes the model `int_converted` with this header below `materialized: incremental`.
fn converted(project: &Project, header: &str, select: &str) {
    project.write("sql/intermediate/int_converted.sql", format!("-- materialized: incremental\n{header}\n{select}\n"));
}

/// Corrections of rates and sales as a second day brings them.
fn second_day(project: &Project) {
    rates(project, 2, &[("2024-01-02", "5"), ("2024-01-03", "7")]);
    project.sales("sales_2.csv", &[order(4).replace("EUR", "USD"), order(41)]);
    project.ok(&["ingest"]);
}

const BY_RATE_OF_THE_DAY: &str = "select o.transaction_id, o.order_date, o.revenue * r.rate as converted
from int_orders as o left join stg_exchange_rates as r on r.date = o.order_date and r.currency_code = o.currency_code";

const BY_LATEST_RATE: &str = "select o.transaction_id, o.order_date, o.revenue * r.rate as converted
from int_orders as o asof left join stg_exchange_rates as r on r.currency_code = o.currency_code and r.date <= o.order_date";

#[test]
fn field_d1_a_key_that_is_looked_up_under_another_name_is_followed_to_its_rows() {
    let project = shop();
    converted(&project, "-- key: transaction_id\n-- lookup: stg_exchange_rates", BY_RATE_OF_THE_DAY);
    project.ok(&["compile"]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let report = project.ok(&["test", "--incremental", "int_converted"]).stdout;
    assert!(report.contains("int_converted: rows of stg_exchange_rates removed, changed and added"), "{report}");
    second_day(&project);
    let report = project.ok(&["build", "--why"]).stdout;
    let line = report.lines().find(|line| line.contains(" int_converted ")).unwrap();
    // Ten orders of 2 January get a rate, those of 3 January another one, and two orders changed: the others stay.
    assert!(line.contains("rows out") && line.contains("stg_exchange_rates changed"), "{line}");
    assert_equals_full_rebuild(&project, "a second day");
}

#[test]
fn field_d1_columns_and_lookups_that_cannot_be_right_are_refused_before_anything_is_built() {
    for (header, select, expected) in [
        (
            "-- key: transaction_id\n-- by: delivery_id",
            "select transaction_id, revenue from int_orders",
            "int_converted.sql:3: by: the select has no column delivery_id, and the rows to replace are found by it; \
             write `-- by: transaction_id`",
        ),
        (
            "-- key: delivery",
            "select order_id as delivery, sum(revenue) as revenue from int_orders group by order_id",
            "int_converted.sql:2: by: none of its inputs has the columns it is incremental by (delivery); \
             write `-- by: order_id as delivery`",
        ),
        (
            "-- key: transaction_id\n-- lookup: stg_exchange_rates",
            "select o.transaction_id, r.rate from int_orders as o left join stg_exchange_rates as r on r.date = o.order_date",
            "int_converted.sql:3: lookup: stg_exchange_rates cannot be looked up by its key (date, currency_code): \
             the select does not join it by equality on currency_code; remove `-- lookup:`",
        ),
        (
            "-- key: transaction_id\n-- lookup: stg_exchange_rates",
            BY_LATEST_RATE,
            "int_converted.sql:3: lookup: stg_exchange_rates cannot be looked up by its key (date, currency_code): an as-of join",
        ),
        (
            "-- key: transaction_id\n-- lookup: dim_region",
            "select transaction_id, revenue from int_orders",
            "int_converted.sql:3: lookup: the select does not read dim_region",
        ),
    ] {
        let project = shop();
        converted(&project, header, select);
        let error = project.fails(&["compile"]);
        assert!(error.contains(expected), "{error}");
        project.ok(&["ingest"]);
        let error = project.fails(&["build"]);
        assert!(error.contains(expected), "{error}");
        assert_eq!(project.staged("select count(*) from meta.models"), ["0"], "{error}");
    }
}

#[test]
fn field_d2_an_as_of_join_is_built_whole_when_a_rate_changes_and_is_right() {
    let project = shop();
    converted(&project, "-- key: transaction_id", BY_LATEST_RATE);
    project.ok(&["compile"]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    second_day(&project);
    let report = project.ok(&["build", "--why"]).stdout;
    assert!(report.contains("stg_exchange_rates changed, which does not have the columns of `by`"), "{report}");
    assert_equals_full_rebuild(&project, "a rate that holds for later days");
    // A day without new rates is built from its own rows.
    project.sales("sales_3.csv", &[order(42)]);
    project.ok(&["ingest"]);
    let report = project.ok(&["build"]).stdout;
    let line = report.lines().find(|line| line.contains(" int_converted ")).unwrap();
    assert!(line.contains("0 rows out, 1 in"), "{line}");
    assert_equals_full_rebuild(&project, "a day without rates");
}

#[test]
fn field_d2_what_is_not_proved_is_built_whole_and_the_build_says_so() {
    for (select, reason) in [
        (
            "select transaction_id, row_number() over (order by transaction_id) as number from int_orders",
            "a window function is not partitioned by transaction_id",
        ),
        (
            "select transaction_id, revenue / (select sum(revenue) from int_orders) as share from int_orders",
            "rows are grouped without transaction_id",
        ),
        (
            "select a.transaction_id, max(b.revenue) as largest from int_orders as a join int_orders as b using (order_id) group by 1",
            "a join does not compare transaction_id of both sides by equality",
        ),
    ] {
        let project = shop();
        converted(&project, "-- key: transaction_id", select);
        let warning = project.ok(&["compile"]).stderr;
        assert!(warning.contains("int_converted.sql:2: by: rows of one transaction_id may depend"), "{warning}");
        assert!(warning.contains(reason), "{warning}");
        project.ok(&["ingest"]);
        let warning = project.ok(&["build"]).stderr;
        assert!(warning.contains("the whole model is rebuilt") && warning.contains(reason), "{warning}");
        second_day(&project);
        let second = project.ok(&["build", "--why"]);
        assert!(!second.stderr.contains("whole model"), "said every day: {}", second.stderr);
        assert!(second.stdout.contains("it is not proved that the changed rows are enough"), "{}", second.stdout);
        assert_equals_full_rebuild(&project, select);
    }
}

#[test]
fn field_d2_what_a_view_reads_is_not_shown_in_parts() {
    let project = shop();
    project.write(
        "sql/intermediate/int_totals.sql",
        "-- materialized: view\nselect currency_code, sum(revenue) as total from int_orders group by currency_code",
    );
    converted(
        &project,
        "-- key: transaction_id",
        "select transaction_id, revenue / cast(total as double) as share from int_orders join int_totals using (currency_code)",
    );
    let warning = project.ok(&["compile"]).stderr;
    assert!(warning.contains("it reads int_orders itself and through a view"), "{warning}");
    project.write(
        "sql/checks/shares.sql",
        "-- by: transaction_id\nselect transaction_id from int_orders join int_totals using (currency_code) where revenue = total",
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    second_day(&project);
    project.ok(&["build"]);
    assert_equals_full_rebuild(&project, "a view of totals");
}

#[test]
fn field_d2_fields_of_a_struct_in_a_looked_up_model_are_seen_to_change() {
    let project = shop();
    project.write(
        "sql/intermediate/int_rates.sql",
        "-- key: date, currency_code\nselect date, currency_code, {'rate': rate, 'half': rate / cast(2 as double)} as info from stg_exchange_rates",
    );
    converted(
        &project,
        "-- key: transaction_id\n-- lookup: int_rates",
        "select o.transaction_id, r.info.rate as rate from int_orders as o
left join int_rates as r on r.date = o.order_date and r.currency_code = o.currency_code",
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    second_day(&project);
    project.ok(&["build"]);
    assert_equals_full_rebuild(&project, "a field of a struct");
}

#[test]
fn field_d2_names_and_texts_that_hide_what_rows_are_get_an_error() {
    for (select, expected) in [
        ("select transaction_id, order_id as rowid from int_orders", "the column rowid hides DuckDB's places of rows"),
        ("select transaction_id, currency_code collate nocase as code from int_orders", "a column has a collation"),
    ] {
        let project = shop();
        converted(&project, "-- key: transaction_id", select);
        let error = project.fails(&["compile"]);
        assert!(error.contains(expected), "{error}");
        project.ok(&["ingest"]);
        assert!(project.fails(&["build"]).contains(expected), "{error}");
    }
}

#[test]
fn field_d2_values_that_are_equal_and_differ_are_seen_to_change() {
    let project = shop();
    project.write(
        "sql/intermediate/int_terms.sql",
        "-- key: order_id\nselect order_id, case when max(revenue) > 10 then interval 30 days else interval 1 month end as term
from int_orders group by order_id",
    );
    project.write(
        "sql/intermediate/int_due.sql",
        "-- key: order_id\nselect order_id, date '2024-02-01' + term as due from int_terms",
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project.sales("sales_2.csv", &[order(4).replace(",10,10,", ",11,11,")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    assert_equals_full_rebuild(&project, "a month became thirty days");
    assert_eq!(project.staged("select due from int_due where order_id = 'O2'"), ["2024-03-02 00:00:00"]);
}

#[test]
fn field_d2_a_check_that_is_not_proved_looks_at_all_rows() {
    let project = shop();
    project.write(
        "sql/checks/numbers_are_low.sql",
        "-- by: transaction_id\nselect transaction_id from int_orders\nqualify row_number() over (order by transaction_id) > 41",
    );
    let warning = project.ok(&["compile"]).stderr;
    assert!(
        warning.contains("numbers_are_low.sql:1: by: ") && warning.contains("the check looks at all rows"),
        "{warning}"
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    project.sales("sales_2.csv", &[order(41), order(42)]);
    project.ok(&["ingest"]);
    assert!(project.fails(&["build"]).contains("checks failed: numbers_are_low"));
}

/// Forty days of sales in two regions.
fn regions(south: &str) -> Vec<String> {
    let line = |day: u32, region: &str| {
        let number = day * 10 + u32::from(region == "North");
        let at = format!("2024-{:02}-{:02} 10:00:00", 1 + day / 28, 1 + day % 28);
        sale(&format!("T{number}"), &format!("O{number}"), &at, "C1", "P1", "10").replace("South", region)
    };
    (0..150).flat_map(|day| [line(day, south), line(day, "North")]).collect()
}

#[test]
fn field_d3_a_renamed_region_is_no_loss() {
    let project = Project::new();
    project.sales("sales_1.csv", &regions("South"));
    project.ok(&["run"]);
    project.sales("sales_1.csv", &regions("Sued"));
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("150 inserted, 150 deleted"), "{report}");
    project.warehouse_equals_marts("after the region was renamed");
    // A renamed category, in another column of the key.
    let renamed: Vec<String> = regions("Sued").iter().map(|line| line.replace("Toys", "Games")).collect();
    project.sales("sales_1.csv", &renamed);
    project.ok(&["run"]);
    project.warehouse_equals_marts("after the category was renamed");
}

#[test]
fn field_d3_rows_that_are_lost_are_stopped_and_every_table_over_the_limit_is_named() {
    let project = Project::new();
    project.sales("sales_1.csv", &regions("South"));
    project.ok(&["run"]);
    let north: Vec<String> = regions("South").into_iter().filter(|line| line.contains("North")).collect();
    project.sales("sales_1.csv", &north);
    let error = project.fails(&["run"]);
    for table in ["150 of the 300 rows of mart.\"fact_sales\"", "150 of the 300 rows of mart.\"agg_daily_sales\""] {
        assert!(error.contains(table), "{error}");
    }
    assert!(error.contains("run again with --allow-deletes"), "{error}");
    // Half of the region goes to another one: what is left over is lost, not renamed.
    let merged: Vec<String> = regions("South")
        .into_iter()
        .enumerate()
        .filter_map(|(number, line)| match (number % 2, number % 4) {
            (1, _) => Some(line),
            (_, 0) => Some(line.replace("South", "West")),
            _ => None,
        })
        .collect();
    project.sales("sales_1.csv", &merged);
    let error = project.fails(&["run"]);
    assert!(error.contains("mart.\"agg_daily_sales\"") && error.contains("mart.\"fact_sales\""), "{error}");
}

#[test]
fn a_day_writes_the_customers_whose_scores_changed() {
    let project = Project::new();
    let many = (1..=60).map(|number| {
        let at = format!("2024-{:02}-{:02} 10:00:00", 1 + number / 25, 1 + number % 25);
        sale(&format!("T{number}"), &format!("O{number}"), &at, &format!("C{number}"), "P1", "10")
    });
    project.sales("sales_1.csv", &many.collect::<Vec<_>>());
    project.ok(&["run"]);
    project.sales("sales_2.csv", &[sale("T99", "O99", "2024-03-28 10:00:00", "C60", "P1", "10")]);
    let report = project.ok(&["run"]).stdout;
    let line =
        report.lines().find(|line| line.contains("dim_customer") && line.contains("updated")).unwrap_or_default();
    // The buyer, and at most the few at the edge of a fifth.
    let updated: u32 = line.split(" updated").next().unwrap().split_whitespace().last().unwrap().parse().unwrap();
    assert!((1..10).contains(&updated), "{report}");
}
