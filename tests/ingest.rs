//! Files in, rows and rejects out: exactly, once, and all or nothing.

use std::io::Write;

use crate::harness::{Project, SALES_HEADER, sale};

fn day(number: u32) -> Vec<String> {
    (1..=3)
        .map(|line| {
            sale(
                &format!("T{number}{line}"),
                &format!("O{number}"),
                &format!("2024-01-{number:02} 10:00:00"),
                "C1",
                "P1",
                "10.50",
            )
        })
        .collect()
}

/// A lone file of the shipped contract in which only this record is broken.
fn with_broken(record: &[u8]) -> Project {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = 1");
    let mut bytes = format!("{SALES_HEADER}\n{}\n", day(1).join("\n")).into_bytes();
    bytes.extend_from_slice(record);
    bytes.extend_from_slice(format!("\n{}\n", day(2).join("\n")).as_bytes());
    project.write("data/raw/sales_1.csv", bytes);
    project
}

#[test]
fn every_kind_of_fault_is_rejected_with_its_place_and_costs_nothing_else() {
    let good = sale("T9", "O9", "2024-01-09 10:00:00", "C1", "P1", "10.50");
    let cases: [(Vec<u8>, &str); 12] = [
        (good.replace(",1,10.50,", ",1,19.99999,").into(), "5,unit_price,not_exact,19.99999"),
        (good.replace(",1,10.50,", ",one,10.50,").into(), "5,quantity,not_a_number,one"),
        (good.replace(",1,10.50,", ",\"1,5\",10.50,").into(), "5,quantity,not_a_number,\"1,5\""),
        (good.replace(",1,10.50,", ",1,-10.50,").into(), "5,unit_price,out_of_range,-10.50"),
        (good.replace("2024-01-09 10:00:00", "2023-02-29 10:00:00").into(), "5,sold_at,bad_date,2023-02-29 10:00:00"),
        (good.replace("P1", " ").into(), "5,product_id,required, "),
        (format!("{good},more").into(), "5,,too_many_fields,"),
        ("T9,O9".to_owned().into(), "5,,too_few_fields,"),
        (good.replace("Toys", "To\0ys").into(), "5,category,nul_byte,To\\x00ys"),
        (good.bytes().map(|byte| if byte == b'y' { 0xff } else { byte }).collect(), "5,category,bad_encoding,To\\xffs"),
        (good.replace("Toys", "\"Toys\"s").into(), "5,category,bad_quote,"),
        (good.replace("Toys", "\"Toys").into(), "5,category,unclosed_quote,"),
    ];
    for (record, expected) in cases {
        let project = with_broken(&record);
        project.ok(&["ingest"]);
        let found = project.staged("select line, column_name, code, value from rejects");
        assert_eq!(found, [expected], "{}", String::from_utf8_lossy(&record));
        assert_eq!(project.staged("select count(*), sum(revenue) from raw.sales"), ["6,63.0000"], "{expected}");
        assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), ["7,6,1"]);
        let listed = std::fs::read_to_string(project.path("data/raw/sales_1.csv.errors.csv")).unwrap();
        assert!(listed.contains(expected.split(',').nth(2).unwrap()), "{listed}");
    }
}

#[test]
fn decimals_and_integers_of_any_scale_stay_exact() {
    let project = Project::new();
    project.write("data/contracts/sales.toml", "files = \"data/raw/*.csv\"\nmax_rejects = 2\n[columns]\nk = { type = \"varchar\" }\nn = { type = \"integer\" }\nd = { type = \"decimal(38,2)\" }\n");
    project.write(
        "data/raw/a.csv",
        "k,n,d\n007,7,123456789012345678901234567890123456.78\nx,2.7,1\ny,1,19.999\n é ,-2147483648,-0.01\n",
    );
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select k, n, d from raw.sales order by _line"),
        ["007,7,123456789012345678901234567890123456.78", "\" é \",-2147483648,-0.01"]
            .map(|line| line.replace('"', ""))
    );
    assert_eq!(
        project.staged("select line, column_name, code, value from rejects order by line"),
        ["3,n,not_exact,2.7", "4,d,not_exact,19.999"]
    );
    assert_eq!(
        project.staged("select column_name, total from ingest.control_totals order by 1"),
        ["d,123456789012345678901234567890123456.77", "n,-2147483641"]
    );
}

#[test]
fn all_faults_of_one_record_are_reported_with_its_raw_text() {
    let record = "T9,O9,never,C1,,P1,,Toys,South,Ulm,Ulm 1,many,cheap,10.50,1";
    let project = with_broken(record.as_bytes());
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select column_name, code from rejects order by 1"),
        ["quantity,not_a_number", "sold_at,bad_date", "unit_price,not_a_number"]
    );
    assert_eq!(project.staged("select distinct raw from rejects"), [format!("\"{record}\"")]);
    assert_eq!(project.staged("select rejected from ingest.files"), ["1"]);
    let listed = project.ok(&["rejects", "--code", "bad_date"]);
    assert!(listed.stdout.contains("never") && !listed.stdout.contains("not_a_number"), "{}", listed.stdout);
    assert!(project.ok(&["rejects", "--summary"]).stdout.contains("bad_date"));
    assert!(project.fails(&["rejects", "--code", "bad_dates"]).contains("known: not_exact"));
}

#[test]
fn lines_are_physical_also_behind_quoted_line_breaks() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = 1");
    let folded =
        sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "1").replace("Toys", "\"Toys,\n\"\"and\"\"\nmore\"");
    project.sales(
        "sales_1.csv",
        &[
            folded,
            String::new(),
            sale("T2", "O2", "nie", "C1", "P1", "1"),
            sale("T3", "O3", "2024-01-01", "C1", "P1", "1"),
        ],
    );
    project.edit("data/contracts/sales.toml", "\"%d/%m/%Y\"", "\"%Y-%m-%d\"");
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select line from rejects"), ["6"]);
    assert_eq!(project.staged("select _line, length(category) from raw.sales order by 1"), ["2,16", "7,4"]);
}

#[test]
fn refused_files_load_nothing_and_name_their_fault_and_the_others_are_loaded() {
    let reordered = SALES_HEADER.replace("Transaction ID,Order ID", "Order ID,Transaction ID");
    let cases: [(String, &str); 6] = [
        (String::new(), "the file is empty"),
        (format!("{SALES_HEADER}\n"), "the file has no records"),
        (
            format!("{}\n{}\n", SALES_HEADER.replace("Quantity", "Amount"), day(1).join("\n")),
            "renamed?  \"Amount\" is there, \"Quantity\" is not",
        ),
        (format!("{SALES_HEADER},Discount Amount,Extra\n{}\n", day(1).join("\n")), "added     \"Extra\" (column 17)"),
        (format!("{reordered}\n{}\n", day(1).join("\n")), "\"Order ID\" (column 1) stands before \"Transaction ID\""),
        (
            format!("{SALES_HEADER}\n{}\nT,O\n", day(1).join("\n")),
            "1 of 4 records rejected, more than max_rejects = 5%",
        ),
    ];
    for (content, expected) in cases {
        let project = Project::new();
        project.write("data/raw/sales_2.csv", &content);
        project.sales("sales_3.csv", &day(3));
        let error = project.fails(&["run"]);
        assert!(error.contains("sales_2.csv") && error.contains(expected), "{error}");
        assert_eq!(project.staged("select _file, count(*) from raw.sales group by 1"), ["data/raw/sales_3.csv,3"]);
        assert!(
            project.warehouse().query_opt("select from pg_namespace where nspname = 'mart'", &[]).unwrap().is_none(),
            "pushed"
        );
        // Repaired, everything goes on.
        project.sales("sales_2.csv", &day(2));
        project.ok(&["run"]);
        assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["6"]);
        assert_eq!(project.staged("select count(*) from rejects"), ["0"]);
    }
}

#[test]
fn columns_may_come_in_any_order_where_the_contract_says_so() {
    let project = Project::new();
    project.write("data/contracts/sales.toml", "files = \"data/raw/*.csv\"\ncolumn_order = \"any\"\n[columns]\na = { type = \"integer\" }\nb = { header = \"B!\", type = \"varchar\" }\n");
    project.write("data/raw/a.csv", "B!,a\nx,1\n");
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select a, b from raw.sales"), ["1,x"]);
}

#[test]
fn a_missing_file_is_an_error() {
    let project = Project::new();
    assert!(project.fails(&["run"]).contains("no file matches \"data/raw/sales_*.csv\""));
    assert!(project.fails(&["ingest", "data/raw/sales_9.csv"]).contains("cannot read data/raw/sales_9.csv"));
    project.write("elsewhere.csv", "x\n");
    assert!(
        project
            .fails(&["ingest", "elsewhere.csv"])
            .contains("belongs to no contract; contracts and their files: sales")
    );
}

#[test]
fn a_file_is_read_once_replaced_when_it_changes_and_kept_when_it_is_archived() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(2));
    assert!(project.ok(&["ingest"]).stdout.contains("2 files read"));
    assert!(project.ok(&["ingest"]).stdout.contains("2 files unchanged, not read"));
    project.sales("sales_2.csv", &day(2)[..1]);
    let report = project.ok(&["ingest"]).stdout;
    assert!(report.contains("1 file read, 1 file unchanged"), "{report}");
    assert_eq!(
        project.staged("select _file, count(*) from raw.sales group by 1 order by 1"),
        ["data/raw/sales_1.csv,3", "data/raw/sales_2.csv,1"]
    );
    std::fs::remove_file(project.path("data/raw/sales_1.csv")).unwrap();
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select count(*) from raw.sales"), ["4"]);
}

#[test]
fn a_replacement_that_is_refused_leaves_the_old_rows() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1));
    project.ok(&["run"]);
    project.write("data/raw/sales_1.csv", "");
    for _ in 0..2 {
        assert!(project.fails(&["run"]).contains("the file is empty"));
    }
    assert_eq!(project.staged("select count(*) from raw.sales"), ["3"]);
    assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["3"]);
    // The old content put back is sound again.
    project.sales("sales_1.csv", &day(1));
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
    assert!(project.ok(&["run"]).stdout.contains("1 file unchanged"));
}

#[test]
fn the_same_content_under_two_names_counts_once_in_whatever_order_it_comes() {
    let contents = |first: &str, second: &str| {
        let project = Project::new();
        project.sales(first, &day(1));
        project.ok(&["ingest"]);
        project.sales(second, &day(1));
        let warned = project.ok(&["ingest"]).stderr;
        assert!(warned.contains("has the same content as"), "{warned}");
        project.staged("select _file, count(*) from raw.sales group by 1")
    };
    assert_eq!(contents("sales_1.csv", "sales_2.csv"), ["data/raw/sales_2.csv,3"]);
    assert_eq!(contents("sales_2.csv", "sales_1.csv"), ["data/raw/sales_2.csv,3"]);
}

#[test]
fn a_later_file_that_restates_an_earlier_one_wins() {
    let project = Project::new();
    let stated = |revenue: &str| [sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", revenue)];
    project.sales("sales_1.csv", &stated("10")).sales("sales_2.csv", &stated("20"));
    project.ok(&["run"]);
    project.sales("sales_3.csv", &stated("10"));
    project.ok(&["run"]);
    assert_eq!(project.pushed("select revenue from mart.fact_sales"), ["10.0000"]);
    assert!(project.ok(&["forget", "data/raw/sales_3.csv"]).stdout.contains("stays loaded as data/raw/sales_1.csv"));
    std::fs::remove_file(project.path("data/raw/sales_3.csv")).unwrap();
    project.ok(&["run"]);
    assert_eq!(project.pushed("select revenue from mart.fact_sales"), ["20.0000"]);
}

#[test]
fn files_that_swap_their_contents_are_a_change() {
    let project = Project::new();
    let stated = |revenue: &str| [sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", revenue)];
    project.sales("sales_1.csv", &stated("10")).sales("sales_2.csv", &stated("20"));
    project.ok(&["run"]);
    project.sales("sales_1.csv", &stated("20")).sales("sales_2.csv", &stated("10"));
    project.ok(&["run"]);
    assert_eq!(project.pushed("select revenue from mart.fact_sales"), ["10.0000"]);
}

#[test]
fn the_twin_of_a_file_takes_its_rows_over() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(1));
    project.ok(&["ingest"]);
    project.sales("sales_1.csv", &day(3));
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select _file, min(transaction_id) from raw.sales group by 1 order by 1"),
        ["data/raw/sales_1.csv,T31", "data/raw/sales_2.csv,T11"]
    );
}

#[test]
fn forget_withdraws_a_file_and_nothing_else() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(2));
    project.ok(&["run"]);
    assert!(project.fails(&["forget", "data/raw/sales_3.csv"]).contains("did you mean data/raw/sales_"));
    std::fs::remove_file(project.path("data/raw/sales_2.csv")).unwrap();
    project.ok(&["forget", "data/raw/sales_2.csv"]);
    let error = project.fails(&["run"]);
    assert!(error.contains("would delete 3 of the 6 rows of mart.\"fact_sales\" (50.0 %"), "{error}");
    project.ok(&["run", "--allow-deletes"]);
    assert_eq!(project.pushed("select transaction_id from mart.fact_sales order by 1"), ["T11", "T12", "T13"]);
}

#[test]
fn a_killed_ingest_leaves_the_file_not_ingested() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1));
    project.killed_at("ingest.before_commit", &["ingest"]);
    assert_eq!(project.staged("select count(*) from ingest.files"), ["0"]);
    project.ok(&["run"]);
    assert_eq!(project.pushed("select count(*) as n, sum(revenue) as r from mart.fact_sales"), ["3,31.5000"]);
}

#[test]
fn a_changed_contract_reads_every_file_again_and_says_which_are_gone() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(2));
    project.ok(&["ingest"]);
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"6%\"");
    assert!(project.ok(&["ingest"]).stdout.contains("2 files unchanged"), "a limit is no change of meaning");
    project.edit(
        "data/contracts/sales.toml",
        "type = \"money\", required = true, min = \"0\"",
        "type = \"decimal(18,5)\", required = true, min = \"0\"",
    );
    std::fs::rename(project.path("data/raw/sales_1.csv"), project.path("data/archived.csv")).unwrap();
    let error = project.fails(&["ingest"]);
    assert!(error.contains("1 is gone from the folder") && error.contains("data/raw/sales_1.csv"), "{error}");
    std::fs::rename(project.path("data/archived.csv"), project.path("data/raw/sales_1.csv")).unwrap();
    assert!(project.ok(&["ingest"]).stdout.contains("2 files read"));
    assert_eq!(
        project.staged("select typeof(unit_price), count(*) from raw.sales group by 1"),
        ["\"DECIMAL(18,5)\",6"]
    );
}

#[test]
fn many_rejects_and_rows_keep_their_order_over_many_blocks() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"20%\"");
    let records: Vec<String> = (0..10_000)
        .map(|number| match number % 10 {
            0 => format!("T{number},too few"),
            _ => sale(&format!("T{number}"), "O1", "2024-01-01 10:00:00", "C1", "P1", "0.25"),
        })
        .collect();
    project.sales("sales_1.csv", &records);
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), ["10000,9000,1000"]);
    assert_eq!(
        project.staged("select count(*), sum(revenue), count(distinct _line), min(_line), max(_line) from raw.sales"),
        ["9000,2250.0000,9000,3,10001"]
    );
    assert_eq!(project.staged("select count(*) from raw.sales where transaction_id <> 'T' || (_line - 2)"), ["0"]);
    assert_eq!(project.staged("select count(*), count(*) filter (where line % 10 = 2) from rejects"), ["1000,1000"]);
}

#[test]
fn a_read_only_folder_does_not_stop_an_ingest() {
    let project = with_broken(b"T9,O9");
    let path = project.path("data/raw/sales_1.csv.errors.csv");
    // A folder in the way of the list of rejects: it cannot be written, whoever runs this.
    std::fs::create_dir_all(path.join("full")).unwrap();
    let warned = project.ok(&["ingest"]).stderr;
    assert!(warned.contains("cannot write") && warned.contains("salesmart rejects"), "{warned}");
    assert_eq!(project.staged("select count(*) from rejects"), ["1"]);
}

#[test]
fn a_file_that_only_looks_like_a_list_of_rejects_is_data_and_is_left_alone() {
    let project = with_broken(b"T9,O9");
    let own = format!("{SALES_HEADER}\n{}\n", day(3).join("\n"));
    project.write("data/raw/sales_1.csv.errors.csv", &own);
    let warned = project.ok(&["ingest"]).stderr;
    assert!(warned.contains("a file of that name is there and no list of rejects"), "{warned}");
    assert_eq!(std::fs::read_to_string(project.path("data/raw/sales_1.csv.errors.csv")).unwrap(), own);
    assert_eq!(project.staged("select count(*) from raw.sales"), ["9"]);
}

#[test]
fn after_a_change_of_contract_nothing_is_built_until_every_file_is_read_again() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(2));
    project.ok(&["run"]);
    project.edit(
        "data/contracts/sales.toml",
        "type = \"varchar\", required = true, trim = true",
        "type = \"varchar\", required = true",
    );
    project.sales("sales_2.csv", &[sale("T1", "O1", "never", "C1", "P1", "1")]);
    assert!(project.fails(&["run"]).contains("sales_2.csv: 1 of 1 record rejected"));
    let error = project.fails(&["build"]);
    assert!(
        error.contains("1 files were loaded before their contract changed") && error.contains("data/raw/sales_2.csv"),
        "{error}"
    );
    assert_eq!(project.staged("select count(*) from fact_sales"), ["6"]);
    project.sales("sales_2.csv", &day(2));
    assert!(project.ok(&["run"]).stdout.contains("no row written"));
}

#[test]
fn names_that_are_no_text_and_folders_with_brackets_are_no_trouble() {
    use std::os::unix::ffi::OsStrExt;
    let project = Project::new();
    project.sales("sales_1.csv", &day(1));
    let odd = std::ffi::OsStr::from_bytes(b"data/raw/\xdcbersicht.txt");
    std::fs::write(project.path("").join(odd), "x").unwrap();
    project.ok(&["ingest"]);
    let matching = std::ffi::OsStr::from_bytes(b"data/raw/sales_\xdc.csv");
    std::fs::write(project.path("").join(matching), "x").unwrap();
    project.sales("sales_2.csv", &day(2));
    let said = project.fails(&["ingest"]);
    assert!(said.contains("data/raw/sales_\\xDC.csv") && said.contains("is not UTF-8; rename the file"), "{said}");
    assert_eq!(
        project.staged("select file from ingest.files order by 1"),
        ["data/raw/sales_1.csv", "data/raw/sales_2.csv"]
    );
    std::fs::remove_file(project.path("").join(matching)).unwrap();

    project
        .write("inner [1]/salesmart.toml", "")
        .write("inner [1]/data/raw/2024/a/sales_1.csv", format!("{SALES_HEADER}\n{}\n", day(1).join("\n")));
    for folder in ["sql", "data/contracts"] {
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(project.path(folder))
            .arg(project.path("inner [1]").join(folder))
            .status();
        assert!(copied.unwrap().success());
    }
    project.edit("inner [1]/data/contracts/sales.toml", "data/raw/sales_*.csv", "data/raw/**/sales_*.csv");
    let report = project.ok(&["ingest", "--project", "inner [1]"]).stdout;
    assert!(report.contains("1 file read"), "{report}");
}

#[test]
fn what_is_no_file_is_named_and_the_others_are_loaded() {
    let project = Project::new();
    project.sales("sales_1.csv", &day(1)).sales("sales_2.csv", &day(2));
    project.ok(&["ingest"]);
    std::fs::remove_file(project.path("data/raw/sales_2.csv")).unwrap();
    std::os::unix::fs::symlink("nowhere.csv", project.path("data/raw/sales_2.csv")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(project.path("data/raw/sales_3.csv")).status();
    assert!(pipe.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(project.path("data/raw/sales_4.csv")).unwrap();
    std::fs::create_dir(project.path("data/raw/sales_5.csv")).unwrap();
    project.sales("sales_6.csv", &day(3));
    for command in [["ingest"].as_slice(), &["run"]] {
        let said = project.fails(command);
        for (file, reason) in
            [("2", "a symbolic link to a file that does not exist"), ("3", "a pipe"), ("4", "a socket")]
        {
            let line = said.lines().find(|line| line.contains(&format!("data/raw/sales_{file}.csv")));
            assert!(line.is_some_and(|line| line.contains(reason)), "{file}: {said}");
        }
        assert!(!said.contains("sales_5"), "a folder is not a file of the source: {said}");
    }
    // What was loaded under the name of the dangling link stays: nobody withdrew it.
    assert_eq!(
        project.staged("select file from ingest.files order by 1"),
        ["data/raw/sales_1.csv", "data/raw/sales_2.csv", "data/raw/sales_6.csv"]
    );
}

#[test]
fn a_backslash_in_a_name_stays_one() {
    let project = Project::new();
    project.sales("sales_\\b.csv", &day(1));
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select file from ingest.files"), ["data/raw/sales_\\b.csv"]);
}

#[test]
fn what_a_killed_process_left_beside_the_data_is_replaced() {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    project.sales("sales_1.csv", &[sale("T1", "O1", "never", "C1", "P1", "1")]);
    project.write("data/raw/.sales_1.csv.errors.csv.draft", "half of a li");
    project.ok(&["ingest"]);
    let names = std::fs::read_dir(project.path("data/raw")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["sales_1.csv", "sales_1.csv.errors.csv"]);
}

/// Small files of every kind: plain, with a reject, refused, empty, with repeated keys, of one content, compressed.
fn small_files() -> Vec<(String, Vec<u8>)> {
    let record = |number: usize, day: &str| {
        let order = format!("O{number}");
        sale(&format!("T{number}"), &order, &format!("{day} 10:00:00"), &format!("C{}", number % 9), "P1", "10.25")
    };
    let file = |number: usize| {
        let mut records = vec![record(number * 100, "2024-01-05")];
        match number % 8 {
            1 => records = vec![record(number, "never")],
            2 => {
                records.extend((1..40).map(|more| record(number * 100 + more, "2024-02-05")));
                records.push(record(number, "never"));
            }
            3 => records = vec![record(3, "2024-03-03")],
            4 => records.clear(),
            5 => {
                records.extend((1..40).map(|more| record(number * 100 + more, "2024-04-05")));
                records.push(records[0].clone());
            }
            _ => {}
        }
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let text = format!("{SALES_HEADER}\n{lines}");
        match number % 8 {
            6 => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                gzip.write_all(text.as_bytes()).unwrap();
                (format!("data/raw/sales_{number:03}.csv.gz"), gzip.finish().unwrap())
            }
            _ => (format!("data/raw/sales_{number:03}.csv"), text.into_bytes()),
        }
    };
    (0..80).map(file).collect()
}

/// All that is known of the files, but the numbers of their loads.
fn content_of_files(project: &Project) -> Vec<Vec<String>> {
    [
        "select * exclude (_load) from loaded.sales order by all",
        "select * exclude (load_id, stat_signature) from ingest.files order by all",
        "select * from ingest.control_totals order by all",
        "select * from rejects order by all",
        "select count(*), count(distinct load_id) from ingest.files where outcome = 'loaded'",
        "select count(*) from loaded.sales anti join ingest.files on _load = load_id and _file = file",
    ]
    .map(|query| project.staged(query))
    .to_vec()
}

fn of_small_files() -> Project {
    let project = Project::with_url(None);
    project.edit("data/contracts/sales.toml", "max_rejects", "unique = [\"transaction_id\"]\nmax_rejects").edit(
        "data/contracts/sales.toml",
        "sales_*.csv",
        "sales_*",
    );
    project
}

fn write(project: &Project, files: &[(String, Vec<u8>)]) {
    for (name, content) in files {
        project.write(name, content);
    }
}

/// Loads all small files at once. Some are refused.
fn together(args: &[&str]) -> Project {
    let project = of_small_files();
    write(&project, &small_files());
    project.fails(&[&["ingest"], args].concat());
    project
}

#[test]
fn low_small_files_are_loaded_together_as_they_would_be_alone() {
    let apart = of_small_files();
    // Ten are too few to be loaded together.
    for files in small_files().chunks(10) {
        write(&apart, files);
        apart.fails(&["ingest"]);
    }
    let expected = content_of_files(&apart);
    assert_eq!(expected.last().unwrap(), &["0"]);
    assert_eq!(content_of_files(&together(&[])), expected);
    assert_eq!(content_of_files(&together(&["--threads", "1"])), expected);
}

#[test]
fn low_a_kill_among_small_files_loses_nothing() {
    let project = of_small_files();
    write(&project, &small_files());
    project.killed_at("ingest.before_commit", &["ingest"]);
    assert_eq!(project.staged("select count(*) from loaded.sales"), ["0"]);
    project.fails(&["ingest"]);
    assert_eq!(content_of_files(&project), content_of_files(&together(&[])));
}

#[test]
fn low_ten_thousand_files_of_one_record_are_loaded() {
    let project = Project::with_url(None);
    for number in 0..10_000 {
        let id = format!("T{number}");
        project.sales(&format!("sales_{number}.csv"), &[sale(&id, &id, "2024-01-01 10:00:00", "C1", "P1", "10")]);
    }
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select count(*), count(distinct _file) from raw.sales"), ["10000,10000"]);
}
