//! Records with the same key: in one file, in unrelated files, and corrections.

use crate::harness::declared::declared;
use crate::harness::{Project, SALES_HEADER, sale};

/// The revenue that the models make of each transaction.
fn revenues(project: &Project) -> Vec<String> {
    project.ok(&["build"]);
    project.staged("select transaction_id, revenue from stg_sales order by 1")
}

/// A record of transaction T1 with this revenue.
fn t1(revenue: &str) -> Vec<String> {
    vec![sale("T1", "O1", "2024-05-01 10:00:00", "C1", "P1", revenue)]
}

/// Of an unrelated sale: another order, day, customer and product.
fn of_store(store: &str, number: u32) -> String {
    let day = if store == "a" { "2024-05-01" } else { "2024-06-01" };
    sale(
        &number.to_string(),
        &format!("{store}{number}"),
        &format!("{day} 10:00:00"),
        &format!("C{store}"),
        &format!("P{store}"),
        "5.00",
    )
}

fn stores(store: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| of_store(store, number)).collect()
}

/// What the last run counted: repeated, outranked, unrelated.
fn counted(project: &Project) -> Vec<String> {
    project.staged(
        "select report->'rows'->>'repeated', report->'rows'->>'outranked', report->'rows'->>'unrelated'
         from meta.runs order by started_at desc, run_id desc limit 1",
    )
}

#[test]
fn field_a4_numbers_in_names_of_files_are_compared_as_numbers() {
    for (earlier, later) in [
        ("sales_9.csv", "sales_10.csv"),
        ("sales_2024-9-1.csv", "sales_2024-10-1.csv"),
        ("sales_2024-10-9.csv", "sales_2024-10-10.csv"),
        ("sales_009.csv", "sales_10.csv"),
        ("sales_9.csv", "sales_010.csv"),
        ("sales_99999999999999999999999.csv", "sales_100000000000000000000000.csv"),
        ("sales_18446744073709551615.csv", "sales_18446744073709551616.csv"),
        ("sales_B9.csv", "sales_b10.csv"),
        ("sales_2024.csv", "sales_2024-correction.csv"),
        ("sales_2024.csv", "sales_2024 (2).csv"),
        ("sales_2024.csv", "sales_2024.correction.csv"),
        ("sales_2024 (2).csv", "sales_2024 (10).csv"),
        ("sales_01.csv", "sales_corrections.csv"),
    ] {
        let both = Project::new();
        both.sales(earlier, &t1("10.00")).sales(later, &t1("99.00"));
        both.ok(&["ingest"]);
        assert_eq!(revenues(&both), ["T1,99.0000"], "{earlier}, {later} at once");
    }
}

#[test]
fn field_a4_the_order_of_loading_makes_no_difference() {
    let names = ["sales_9.csv", "sales_10.csv", "sales_0011.csv", "Sales_12.csv", "sales_011.csv"];
    let mut results = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let project = Project::new();
        project.edit("data/contracts/sales.toml", "sales_*.csv", "[sS]ales_*.csv");
        for index in order {
            let records = [sale("T1", "O1", "2024-05-01 10:00:00", "C1", "P1", &format!("{index}.00"))];
            project.sales(names[index], &records);
            project.ok(&["ingest"]);
            project.ok(&["build"]);
        }
        results.push(revenues(&project));
    }
    assert_eq!(results, vec![vec!["T1,3.0000"]; 3]);
}

#[test]
fn field_a4_two_names_are_never_alike_in_order() {
    let project = declared("", "a = { type = \"varchar\" }");
    for name in ["t1.csv", "t01.csv", "t001.csv", "T1.csv", "t1.txt", "t1", "t1.csv.1"] {
        project.write(&format!("data/raw/{name}"), format!("a\n{name}\n"));
    }
    project.edit("data/contracts/t.toml", "data/raw/t*", "data/raw/[tT]*");
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select count(distinct _file), count(distinct natural_order(_file)) from raw.t"),
        ["7,7"]
    );
}

#[test]
fn field_a4_a_copy_counts_under_the_name_that_sorts_last() {
    for order in [["sales_9.csv", "sales_10.csv"], ["sales_10.csv", "sales_9.csv"]] {
        let project = Project::new();
        for name in order {
            project.sales(name, &t1("10.00"));
            project.ok(&["ingest"]);
        }
        assert_eq!(project.staged("select _file from raw.sales"), ["data/raw/sales_10.csv"], "{order:?}");
        project.ok(&["forget", "data/raw/sales_10.csv"]);
        assert_eq!(project.staged("select _file from raw.sales"), ["data/raw/sales_9.csv"], "{order:?}");
    }
}

#[test]
fn field_a4_a_trace_names_the_record_that_counts() {
    let project = Project::new();
    project.sales("sales_9.csv", &t1("10.00")).sales("sales_10.csv", &t1("99.00"));
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let traced = project.ok(&["trace", "stg_sales", "transaction_id=T1"]).stdout;
    let latest = traced.find("sales_10.csv").unwrap();
    assert!(latest < traced.find("sales_9.csv").unwrap(), "{traced}");
}

#[test]
fn field_a4_a_correction_that_loses_is_said() {
    let project = Project::new();
    let old = ["T1", "T2", "T3", "T4"].map(|id| sale(id, id, "2024-05-01 10:00:00", "C1", "P1", "10.00"));
    project.sales("sales_may.csv", &old);
    project.ok(&["ingest"]);
    let mut corrected = old.clone();
    for record in &mut corrected[..3] {
        *record = record.replace("10.00,10.00", "99.00,99.00");
    }
    project.sales("sales_corrections.csv", &corrected);
    let said = project.ok(&["run"]);
    assert!(said.stdout.contains("3 records without effect"), "{}", said.stdout);
    for part in [
        "3 records without effect",
        "transaction_id T1: data/raw/sales_corrections.csv, line 2 (data/raw/sales_may.csv, line 2 stays)",
        "transaction_id T2: data/raw/sales_corrections.csv, line 3 (data/raw/sales_may.csv, line 3 stays)",
        "and 1 more",
        "rename their file so that it sorts last",
    ] {
        assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    assert_eq!(revenues(&project)[0], "T1,10.0000");
    assert_eq!(counted(&project), ["0,3,0"]);
    // What was said once is no news, also when the file gets another record.
    project.sales(
        "sales_corrections.csv",
        &[corrected.as_slice(), &[sale("T9", "T9", "2024-05-01 10:00:00", "C1", "P1", "1.00")]].concat(),
    );
    let again = project.ok(&["run"]);
    assert!(!again.stderr.contains("without effect"), "{}", again.stderr);
    assert_eq!(counted(&project), ["0,0,0"]);
}

#[test]
fn field_a4_a_correction_that_wins_is_not_warned_about() {
    let project = Project::new();
    project.sales("sales_9.csv", &t1("10.00"));
    project.ok(&["ingest"]);
    project.sales("sales_10.csv", &t1("99.00"));
    let said = project.ok(&["ingest"]);
    assert!(!said.stderr.contains("without effect") && !said.stderr.contains("replaced"), "{}", said.stderr);
    // Nor is an old file that comes late and agrees.
    project.sales(
        "sales_8.csv",
        &[t1("99.00"), vec![sale("T2", "O2", "2024-05-01 10:00:00", "C1", "P1", "7.00")]].concat(),
    );
    let said = project.ok(&["ingest"]);
    assert!(!said.stderr.contains("without effect") && !said.stderr.contains("replaced"), "{}", said.stderr);
    assert_eq!(revenues(&project), ["T1,99.0000", "T2,7.0000"]);
}

#[test]
fn field_a4_a_staging_file_of_an_earlier_version_gets_the_new_order() {
    let project = Project::new();
    project.sales("sales_9.csv", &t1("10.00"));
    project.ok(&["ingest"]);
    let staging = duckdb::Connection::open(project.path("data/staging.duckdb")).unwrap();
    staging.execute_batch("drop macro natural_order").unwrap();
    // As a version that compared names by their characters left it: the copy sales_10.csv did not take the rows over.
    staging
        .execute_batch(
            "insert into ingest.files select source, 'data/raw/sales_10.csv', content_hash, null, file, 'duplicate', null, bytes,
                 records, accepted, rejected, repaired, skipped, places, drift, repairs_hash, null
             from ingest.files",
        )
        .unwrap();
    drop(staging);
    project.sales("sales_10.csv", &t1("10.00"));
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select _file from raw.sales"), ["data/raw/sales_10.csv"]);
    assert_eq!(revenues(&project), ["T1,10.0000"]);
}

#[test]
fn field_a3_records_of_one_file_with_the_same_key_and_other_content_are_counted_and_shown() {
    let project = Project::new();
    let lines: Vec<String> = (1..=6)
        .map(|number| {
            sale("9.91214E+15", &format!("O{number}"), "2024-05-01 10:00:00", "C1", "P1", &format!("{number}.00"))
        })
        .collect();
    project.sales("sales_1.csv", &lines);
    let said = project.ok(&["run"]);
    assert!(said.stdout.contains("5 records replaced in the same file"), "{}", said.stdout);
    for part in [
        "sales: 5 records replaced by a later record of the same file, with the same transaction_id and other content",
        "transaction_id 9.91214E+15: data/raw/sales_1.csv, line 2 (data/raw/sales_1.csv, line 7 counts)",
        "transaction_id 9.91214E+15: data/raw/sales_1.csv, line 3 (data/raw/sales_1.csv, line 7 counts)",
        "and 3 more",
    ] {
        assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    assert_eq!(counted(&project), ["5,0,0"]);
    assert_eq!(project.pushed("select rows_repeated, rows_outranked, rows_unrelated from etl.run"), ["5,0,0"]);
    let listed = project.ok(&["history", "--format", "csv"]).stdout;
    let (head, row) = listed.split_once('\n').unwrap();
    let at = head.split(',').position(|name| name == "key_conflicts").unwrap();
    assert_eq!(row.split(',').nth(at), Some("5"), "{listed}");
    let id = row.split(',').next().unwrap();
    let detail = project.ok(&["history", id]).stdout;
    assert!(
        detail.lines().any(|line| line.contains("rows replaced in the same file") && line.contains('5')),
        "{detail}"
    );
}

#[test]
fn field_a3_exact_duplicates_are_not_warned_about() {
    let project = Project::new();
    project.sales("sales_1.csv", &[t1("1.00"), t1("1.00"), t1("1.00")].concat());
    project.sales("sales_2.csv", &[t1("1.00"), t1("1.00")].concat());
    let said = project.ok(&["run"]);
    assert!(!said.stderr.contains("transaction_id"), "{}", said.stderr);
    assert_eq!(counted(&project), ["0,0,0"]);
}

#[test]
fn field_a3_two_stores_that_number_alike_are_counted_and_shown() {
    for at_once in [true, false] {
        let project = Project::new();
        project.sales("sales_b.csv", &stores("b", 1..8));
        if !at_once {
            project.ok(&["ingest"]);
        }
        project.sales("sales_a.csv", &stores("a", 1..6));
        let said = project.ok(&["run"]);
        for part in [
            "5 records replaced by unrelated records of another file, with the same transaction_id",
            "transaction_id 1: data/raw/sales_a.csv, line 2 (data/raw/sales_b.csv, line 2 counts)",
            "transaction_id 2: data/raw/sales_a.csv, line 3 (data/raw/sales_b.csv, line 3 counts)",
            "add a column that tells them apart to `key`",
        ] {
            assert!(said.stderr.contains(part), "{part}\n{}", said.stderr);
        }
        let outranked = if at_once { 0 } else { 5 };
        assert_eq!(counted(&project), [format!("0,{outranked},5")]);
    }
}

#[test]
fn field_a3_corrections_of_every_line_and_exports_of_the_same_period_are_not_warned_about() {
    let project = Project::new();
    let may: Vec<String> = stores("a", 1..20);
    project.sales("sales_1.csv", &may);
    project.ok(&["run"]);
    let amounts: Vec<String> = may.iter().map(|record| record.replace("5.00,5.00", "6.00,6.00")).collect();
    // An amount of every line, the same period again with a line more, other customers, and a single line that is another sale.
    let mut again = amounts.clone();
    again.push(of_store("a", 20));
    let customers: Vec<String> = again.iter().map(|record| record.replace(",Ca,,", ",Cz,Zoë,")).collect();
    for (name, records) in [
        ("sales_2.csv", amounts.clone()),
        ("sales_3.csv", again.clone()),
        ("sales_4.csv", customers),
        ("sales_5.csv", vec![of_store("b", 7)]),
        ("sales_1.csv", may.iter().map(|record| record.replace("5.00,5.00", "4.00,4.00")).collect()),
    ] {
        project.sales(name, &records);
        let said = project.ok(&["run"]);
        assert!(!said.stderr.contains("unrelated"), "{name}: {}", said.stderr);
        let counts = counted(&project);
        assert!(counts[0].starts_with("0,") && counts[0].ends_with(",0"), "{name}: {counts:?}");
    }
}

#[test]
fn field_a3_the_shipped_sample_is_loaded_without_a_warning_about_keys() {
    let project = Project::new();
    project.copy_sample();
    let said = project.ok(&["run"]);
    assert!(!said.stderr.contains("with the same transaction_id"), "{}", said.stderr);
    assert_eq!(counted(&project), ["0,0,0"]);
}

#[test]
fn field_a3_many_small_files_are_counted_as_large_ones() {
    let project = Project::new();
    for number in 0..20 {
        project.sales(&format!("sales_{number}.csv"), &[of_store("a", number), of_store("b", number)]);
    }
    project.ok(&["run"]);
    assert_eq!(counted(&project), ["20,0,0"]);
}

#[test]
fn field_a3_a_key_of_several_columns_keeps_stores_apart() {
    let columns = "store = { type = \"varchar\" }\nid = { type = \"bigint\" }\nday = { type = \"date\" }\namount = { type = \"decimal(9,2)\" }";
    let project = declared("key = [\"store\", \"id\"]", columns);
    let lines = |store: &str, month: u32| -> String {
        (1..=5).map(|id| format!("{store},{id},2024-{month:02}-0{id},{id}.00\n")).collect()
    };
    project.write("data/raw/t_a.csv", format!("store,id,day,amount\n{}", lines("a", 1)));
    project.write(
        "data/raw/t_b.csv",
        format!("store,id,day,amount\n{},1,2024-01-01,1.00\n,1,2024-01-01,2.00\n", lines("b", 2)),
    );
    let said = project.ok(&["ingest"]);
    // A record that lacks a part of the key has none.
    assert!(!said.stderr.contains("same"), "{}", said.stderr);
    project.write("data/raw/t_c.csv", "store,id,day,amount\na,1,2024-01-01,1.00\na,1,2024-01-01,2.00\n");
    let said = project.ok(&["ingest"]);
    assert!(
        said.stderr.contains("1 record replaced by a later record of the same file, with the same store, id"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("store, id a, 1: data/raw/t_c.csv, line 2"), "{}", said.stderr);
}

#[test]
fn field_a3_a_source_without_a_key_counts_nothing_and_a_wrong_key_is_named() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "key = [\"transaction_id\"]\n", "");
    project.sales("sales_1.csv", &[t1("1.00"), t1("2.00")].concat());
    let said = project.ok(&["run"]);
    assert_eq!(counted(&project), ["0,0,0"], "{}", said.stderr);
    project.edit("data/contracts/sales.toml", "max_rejects", "key = [\"transaction\"]\nmax_rejects");
    let error = project.fails(&["ingest"]);
    assert!(error.contains("key names `transaction`, which is no column; did you mean `transaction_id`?"), "{error}");
    let twice = declared("key = [\"a\", \"a\"]", "a = { type = \"varchar\" }");
    assert!(twice.fails(&["ingest"]).contains("key names `a` twice"));
    let taken = declared("key = [\"a\"]", "a = { type = \"varchar\" }\nrowid = { type = \"varchar\" }");
    assert!(taken.fails(&["ingest"]).contains("cannot have a column `rowid`"));
}

#[test]
fn field_a3_a_draft_declares_the_key() {
    let project = Project::new();
    project.write("till.csv", format!("{SALES_HEADER}\n{}\n", stores("a", 1..30).join("\n")));
    let draft = project.ok(&["sniff", "till.csv"]).stdout;
    assert!(draft.contains("\nkey = [\"transaction_id\"]\n"), "{draft}");
}
