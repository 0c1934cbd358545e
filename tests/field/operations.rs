//! Operation: memory, clocks, wild records, and what the program says of itself.

use std::process::Command;

use rustix::process::Signal;

use crate::harness::running::Running;
use crate::harness::{Project, SALES_HEADER, sale};

/// A project with a few sales, and this in `[staging]`.
fn with_staging(keys: &str) -> Project {
    let project = Project::new();
    project.edit("salesmart.toml", "[staging]\n", &format!("[staging]\n{keys}\n"));
    let records: Vec<String> =
        (1..=9).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-05-01 10:00:00", "C1", "P1", "2")).collect();
    project.sales("sales_1.csv", &records);
    project
}

/// A step that needs some 700 MB in memory: what `run` allows loading is less than half of it.
fn write_wide_model(project: &Project) {
    project.write(
        "sql/intermediate/int_wide.sql",
        "-- One row per number, by way of texts that are all different.\n-- key: digits\nwith\n\ntexts as (\n\n    \
         select md5(cast(range as varchar)) || md5(cast(range + 1 as varchar)) as digits from range(6000000)\n\n)\n\n\
         select digits, count(*) as lines from texts group by digits having count(*) > 1 or digits like '00000%'\n",
    );
}

#[test]
fn field_e1_run_builds_with_the_memory_of_the_project_and_not_with_that_of_loading() {
    let project = with_staging("");
    for number in 1..=600 {
        project.write(
            &format!("sql/intermediate/int_{number:03}.sql"),
            format!("-- One row per product.\n-- key: product_code\nselect distinct product_code, {number} as n from stg_sales\n"),
        );
    }
    project.ok(&["run"]);
    assert_eq!(project.staged("select n from int_600"), ["600"]);
}

#[test]
fn field_e1_a_model_that_needs_more_than_the_limit_spills_and_leaves_nothing_behind() {
    let project = with_staging("memory_limit = \"300MB\"");
    write_wide_model(&project);
    project.ok(&["run"]);
    assert!(!project.path("data/staging.duckdb.tmp").exists());
    // What a killed process left goes, with the next one that has the file to itself; a file of somebody else stays.
    project.write("data/staging.duckdb.tmp/duckdb_temp_storage_DEFAULT-0.tmp", "x");
    project.write("data/staging.duckdb.tmp/notes.txt", "x");
    project.write("data/staging.duckdb.1234-0.tmp/duckdb_temp_block-1.block", "x");
    project.ok(&["build"]);
    assert!(!project.path("data/staging.duckdb.1234-0.tmp").exists());
    assert!(!project.path("data/staging.duckdb.tmp/duckdb_temp_storage_DEFAULT-0.tmp").exists());
    assert!(project.path("data/staging.duckdb.tmp/notes.txt").exists());
    // A query that needs as much spills, too, and in a folder of its own, as several may read at once.
    let wide = "select count(*) from (select md5(cast(range as varchar)) || md5(cast(range + 1 as varchar)) as digits from range(6000000) group by all)";
    assert_eq!(project.staged(wide), ["6000000"]);
    let left: Vec<String> = std::fs::read_dir(project.path("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp") && name != "staging.duckdb.tmp")
        .collect();
    assert_eq!(left, [] as [&str; 0]);
}

#[test]
fn field_e1_out_of_memory_names_the_model_the_key_and_its_value() {
    let project = with_staging("memory_limit = \"100MB\"");
    project.write(
        "sql/intermediate/int_list.sql",
        "-- One row.\n-- key: n\nselect 1 as n, list(range) as numbers from range(60000000)\n",
    );
    for command in ["run", "build"] {
        let error = project.fails(&[command]);
        assert!(error.contains("staging.memory_limit = \"100MB\"") && error.contains("raise it"), "{error}");
        assert!(error.contains("int_list.sql"), "{error}");
    }
    project.edit("salesmart.toml", "memory_limit = \"100MB\"\n", "");
    project.edit("sql/intermediate/int_list.sql", "60000000", "600000000");
    let error = project.fails(&["run"]);
    assert!(
        error.contains("staging.memory_limit is not set, which allows ") && error.contains("set it to more"),
        "{error}"
    );
}

#[test]
fn field_e1_a_memory_limit_that_makes_no_sense_is_refused_with_its_line() {
    for wrong in ["\"lots\"", "\"500\"", "\"-1GB\"", "\"5MB\"", "500", "\"\""] {
        let error = with_staging(&format!("memory_limit = {wrong}")).fails(&["ls"]);
        assert!(error.contains("salesmart.toml:5: ") && error.contains("\"4GB\""), "{wrong}: {error}");
    }
}

/// The line that says when the next run is, under this `TZ`.
fn next_run(project: &Project, zone: &str) -> String {
    let mut running = Running::start(project.command(&["run", "--cron", "0 12 1 1 *"]).env("TZ", zone));
    let said = running.until("next ");
    assert_eq!(running.end_by(Signal::TERM), Some(0));
    said
}

#[test]
fn field_i6_the_next_run_is_said_with_the_offset_of_tz() {
    let project = Project::new();
    for (zone, offset) in [
        ("Asia/Tokyo", "+09:00"),
        (":Asia/Tokyo", "+09:00"),
        ("<+0530>-5:30", "+05:30"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "+01:00"),
        ("", "+00:00"),
        ("Europe/Berlin", "+01:00"),
    ] {
        let said = next_run(&project, zone);
        assert!(said.contains(&format!("-01-01 12:00:00 {offset}")), "{zone}: {said}");
    }
}

#[test]
fn field_i6_a_tz_that_is_no_time_zone_ends_a_schedule_before_it_begins() {
    let project = Project::new();
    for schedule in [["--cron", "*/15 * * * *"], ["--every", "1h"]] {
        let mut command: Command = project.command(&[&["run"], &schedule[..]].concat());
        let outcome = crate::harness::Outcome::of(command.env("TZ", "Europe/Berln"));
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(
            outcome.stderr.contains("TZ=\"Europe/Berln\" is no time zone, did you mean `Europe/Berlin`?"),
            "{outcome:?}"
        );
    }
}

/// A record of the shipped contract in which a column has this value; the others are plain.
fn wild(column: &str, value: &str) -> String {
    let mut fields: Vec<&str> =
        "T0,O0,2024-05-01 10:00:00,C1,,P0,,Toys,South,Ulm,Ulm 1,1,29.99,,1".split(',').collect();
    let names: Vec<&str> = SALES_HEADER.split(',').collect();
    fields[names.iter().position(|name| *name == column).unwrap()] = value;
    fields.join(",")
}

/// A project with thirty plain sales and these records behind them, from line 32 on.
fn with_wild(records: &[String]) -> Project {
    let project = Project::new();
    let mut all: Vec<String> =
        (1..=30).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-05-01 10:00:00", "C1", "P1", "2")).collect();
    all.extend(records.iter().cloned());
    project.sales("sales_1.csv", &all);
    project
}

/// Takes the bounds out of the shipped contract.
fn without_bounds(project: &Project) -> &Project {
    let path = project.path("data/contracts/sales.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text =
        regex::Regex::new(r#", (min|max|max_length) = ("[^"]*"|[0-9]+)"#).unwrap().replace_all(&text, "").into_owned();
    std::fs::write(path, text).unwrap();
    project
}

#[test]
fn field_e2_a_barcode_as_quantity_and_a_page_as_category_are_rejects_with_their_place() {
    let page = "Ü".repeat(2690);
    for (header, column, value, code) in [
        ("Quantity", "quantity", "4006381333931", "out_of_range"),
        ("Quantity", "quantity", "-4006381333931", "out_of_range"),
        ("Unit Price", "unit_price", "4006381333931", "out_of_range"),
        ("Revenue", "revenue", "-99999999999999", "out_of_range"),
        ("Cost", "cost", "4006381333931", "out_of_range"),
        ("Category", "category", page.as_str(), "bad_length"),
        ("Product", "product_name", page.as_str(), "bad_length"),
        ("Store", "store", page.as_str(), "bad_length"),
        ("Transaction ID", "transaction_id", page.as_str(), "bad_length"),
    ] {
        let project = with_wild(&[wild(header, value)]);
        project.ok(&["run"]);
        let found = project.staged("select file, line, column_name, code from rejects");
        assert_eq!(found, [format!("data/raw/sales_1.csv,32,{column},{code}")]);
        assert_eq!(project.pushed("select count(*) from mart.fact_sales"), ["30"]);
    }
}

#[test]
fn field_e2_a_product_that_fits_no_amount_names_the_record_where_no_bound_catches_it() {
    let project = with_wild(&[wild("Quantity", "4006381333931")]);
    let error = without_bounds(&project).fails(&["run"]);
    assert!(error.contains("stg_sales.sql"), "{error}");
    assert!(error.contains("quantity = 4006381333931.0000 in data/raw/sales_1.csv, line 32"), "{error}");
    assert!(error.contains("max") && error.contains("contracts/sales.toml"), "{error}");
}

#[test]
fn field_e2_a_sum_that_fits_no_amount_names_the_records_that_it_is_made_of() {
    let huge = |id: &str| wild("Revenue", "60000000000000").replacen("T0", id, 1);
    let project = with_wild(&[huge("T31"), huge("T32")]);
    let error = without_bounds(&project).fails(&["run"]);
    assert!(error.contains("revenue = 60000000000000.0000 in data/raw/sales_1.csv, line 32"), "{error}");
    assert!(project.warehouse().query("select 1 from mart.fact_sales", &[]).map_or(0, |rows| rows.len()) == 0);
}

#[test]
fn field_e2_a_text_that_a_model_cannot_convert_is_named_with_its_record() {
    let project = with_wild(&[wild("Region", "Süd")]);
    project.write(
        "sql/staging/stg_codes.sql",
        "-- One row per line.\n-- key: transaction_id\nselect transaction_id, cast(replace(region, 'South', '1') as integer) as code\nfrom raw.sales\n",
    );
    let error = project.fails(&["run"]);
    assert!(error.contains("stg_codes.sql:3"), "{error}");
    assert!(error.contains("region in data/raw/sales_1.csv, line 32"), "{error}");
}

#[test]
fn field_e2_texts_that_postgresql_refuses_are_found_before_anything_is_published() {
    let project = with_wild(&[wild("Category", &"x".repeat(2690))]);
    let error = {
        let outcome = without_bounds(&project).run(&["run"]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        format!("{}{}", outcome.stdout, outcome.stderr)
    };
    assert!(
        error.contains("agg_daily_sales_texts") && error.contains("the key is too long for an index: category"),
        "{error}"
    );
    assert!(error.contains("max_length"), "{error}");
    let project = with_wild(&[]);
    project.edit("sql/marts/dim_product.sql", "coalesce(product_name, product_code)", "product_code || chr(0) || 'x'");
    let outcome = project.run(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("product_name holds NUL"), "{outcome:?}");
}

#[test]
fn field_e3_a_failed_check_shows_what_differs_in_full_and_null_as_null() {
    let project = with_wild(&[wild("Revenue", "0.3").replacen("T0", "T31", 1)]);
    project.edit("sql/staging/stg_sales.sql", "revenue - cost as profit", "cast(revenue as double) - 0.1 as profit");
    let outcome = project.run(&["run"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let head = said.lines().find(|line| line.contains("fact_profit")).unwrap_or_else(|| panic!("{said}"));
    assert!(head.contains("differs") && head.contains("staged_profit (double)"), "{said}");
    assert!(said.contains("0.19999999999999998") && said.contains("0.2000"), "{said}");

    let project = with_wild(&[]);
    project.write("sql/checks/nobody.sql", "select null as customer, '' as empty, 'NULL' as word, 1.5::double as rate");
    let outcome = project.run(&["run"]);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("rate (double)"), "{said}");
    let row = said.lines().find(|line| line.contains("1.5")).unwrap_or_else(|| panic!("{said}"));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["NULL", "\"\"", "\"NULL\"", "1.5"], "{said}");
}

#[test]
fn field_e4_the_rejects_of_a_refused_file_are_in_the_history() {
    let records: Vec<String> = (0..20).map(|_| wild("Quantity", "many")).collect();
    let project = with_wild(&records);
    std::fs::rename(project.path("data/raw/sales_1.csv"), project.path("sales_1.csv")).unwrap();
    project.sales("sales_0.csv", &[sale("T1", "O1", "2024-05-01 10:00:00", "C1", "P1", "2")]);
    project.ok(&["run"]);
    std::fs::rename(project.path("sales_1.csv"), project.path("data/raw/sales_1.csv")).unwrap();
    project.fails(&["run"]);
    let run: serde_json::Value =
        serde_json::from_str(&project.ok(&["history", "--format", "json", "--limit", "1"]).stdout).unwrap();
    assert_eq!((&run["rows"]["accepted"], &run["rows"]["rejected"]), (&0.into(), &20.into()), "{run}");
    assert_eq!(project.pushed("select rows_rejected from etl.run order by run_id"), ["0", "20"]);
}

#[test]
fn field_e4_a_repair_is_in_the_history_and_a_plain_verify_is_not() {
    let project = with_wild(&[]);
    project.ok(&["run"]);
    project.warehouse().batch_execute("update mart.fact_sales set revenue = 7 where transaction_id = 'T3'").unwrap();
    project.fails(&["verify"]);
    project.ok(&["verify", "--repair"]);
    project.ok(&["verify", "--repair"]);
    assert_eq!(
        project.staged("select command, outcome from meta.runs order by run_id"),
        ["run,succeeded", "verify --repair,succeeded"]
    );
    assert_eq!(
        project.pushed("select command, outcome, sync_number from etl.run order by run_id offset 1"),
        ["verify --repair,succeeded,2"]
    );
}

#[test]
fn field_e4_plan_and_sync_say_that_edited_models_are_not_built() {
    let project = with_wild(&[]);
    project.ok(&["run"]);
    let said_by = |args: &[&str]| {
        let outcome = project.ok(args);
        format!("{}{}", outcome.stdout, outcome.stderr)
    };
    assert!(said_by(&["plan"]).contains("nothing to push: the warehouse holds what the marts hold"));
    project.edit("sql/marts/dim_product.sql", "coalesce(category, 'Unknown')", "coalesce(upper(category), 'Unknown')");
    for args in [&["plan"][..], &["sync", "--dry-run"], &["sync"]] {
        let said = said_by(args);
        assert!(
            said.contains("changed and not built yet: dim_product, agg_daily_sales; run `salesmart build` first"),
            "{said}"
        );
        assert!(!said.contains("the warehouse holds what the marts hold"), "{said}");
    }
    let json: serde_json::Value = serde_json::from_str(&project.ok(&["plan", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["unbuilt"], serde_json::json!(["dim_product", "agg_daily_sales"]));
    // A comment changes nothing; a new file does.
    project.edit(
        "sql/marts/dim_product.sql",
        "coalesce(upper(category), 'Unknown')",
        "/* as ever */ coalesce(category, 'Unknown')",
    );
    assert!(said_by(&["plan"]).contains("nothing to push: the warehouse holds what the marts hold"));
    project.sales("sales_2.csv", &[sale("T90", "O90", "2024-05-02 10:00:00", "C1", "P1", "2")]);
    project.ok(&["ingest"]);
    assert!(said_by(&["plan"]).contains("changed and not built yet: stg_sales, "));
    project.ok(&["build"]);
    let said = said_by(&["plan"]);
    assert!(said.contains("fact_sales") && !said.contains("not built yet"), "{said}");
}

#[test]
fn field_e6_a_database_url_says_what_is_wrong_with_it_and_ends_where_it_ends() {
    let mut project = with_wild(&[]);
    let url = project.url().to_owned();
    let with = |parameter: &str| format!("{url}{}{parameter}", if url.contains('?') { '&' } else { '?' });
    for (parameter, expected) in [
        ("pgbouncer=true", "`pgbouncer`"),
        ("schema=public", "mart and etl"),
        ("connect_timeout=soon", "`connect_timeout`"),
    ] {
        project.set_url(with(parameter));
        let error = project.fails(&["run"]);
        assert!(error.contains(expected), "{parameter}: {error}");
    }
    for accepted in [format!("{}\n", with("gssencmode=disable")), format!(" {url}\r\n"), format!("\"{url}\"")] {
        project.set_url(accepted);
        project.ok(&["run"]);
    }
}

#[test]
fn field_e8_psql_takes_its_arguments_as_they_are() {
    let project = with_wild(&[]);
    project.ok(&["run"]);
    let count = "select count(*) from fact_sales";
    for args in [&["psql", "-tAc", count][..], &["psql", "-t", "-A", "-c", count], &["psql", "--", "-tAc", count]] {
        assert_eq!(project.ok(args).stdout, "30\n", "{args:?}");
    }
    let folder = project.path("");
    let args = ["psql", "--project", folder.to_str().unwrap(), "-tA", "--command", count];
    assert_eq!(project.ok(&args).stdout, "30\n");
}
