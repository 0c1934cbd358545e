//! Rejects in a spreadsheet, and back from one.

use crate::harness::{Project, sale};

/// Two rejects among thirty sales: a quantity that is none in a record with a formula, and one with a line break and quotes.
fn dirty() -> Project {
    let project = Project::new();
    let mut records: Vec<String> =
        (1..=30).map(|n| sale(&format!("T{n}"), &format!("O{n}"), "2024-05-01 10:00:00", "C1", "P1", "2")).collect();
    records.push(
        "T31,O31,2024-05-01 10:00:00,C1,\"=HYPERLINK(\"\"http://x\"\",1)\",P1,,Toys,South,Ulm,Ulm 1,many,2,2,1".into(),
    );
    records
        .push("T32,O32,2024-05-01 10:00:00,C1,,P1,\"a;=1 \"\"b\"\"\n=c, 'd'\",Toys,South,Ulm,Ulm 1,some,2,2,1".into());
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"50%\"");
    project.sales("sales_1.csv", &records);
    project.ok(&["ingest"]);
    project
}

/// The export with the quantities corrected, as a spreadsheet saves it.
fn saved(project: &Project, delimiter: u8, quote: u8, style: csv::QuoteStyle) -> String {
    let export = project.ok(&["rejects", "export"]).stdout;
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote(quote)
        .quote_style(style)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records() {
        let cells = record.unwrap();
        let cells = cells.iter().map(|cell| match cell {
            "many" | "some" => "3".to_owned(),
            cell => cell.replace('\n', "\r\n"),
        });
        writer.write_record(cells).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[test]
fn field_e5_an_export_comes_back_however_a_spreadsheet_saves_it() {
    let semicolons: fn(&Project) -> Vec<u8> =
        |project| format!("\u{feff}{}", saved(project, b';', b'"', csv::QuoteStyle::Necessary)).into_bytes();
    let single: fn(&Project) -> Vec<u8> = |project| saved(project, b',', b'\'', csv::QuoteStyle::Always).into_bytes();
    let named: fn(&Project) -> Vec<u8> =
        |project| format!("sep=;\r\n{};;;;;;\r\n", saved(project, b';', b'"', csv::QuoteStyle::Always)).into_bytes();
    let utf16: fn(&Project) -> Vec<u8> = |project| {
        let text = saved(project, b'\t', b'"', csv::QuoteStyle::Necessary);
        [b"\xff\xfe".to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
    };
    for save in [semicolons, single, named, utf16] {
        let project = dirty();
        project.write("fix.csv", save(&project));
        project.ok(&["rejects", "replay", "fix.csv"]);
        assert_eq!(project.staged("select count(*) from rejects"), ["0"]);
        let rows = project.staged(
            "select transaction_id, quantity, customer_name, replace(product_name, chr(10), '|') from raw.sales where _line > 31 order by 1",
        );
        assert_eq!(rows, ["T31,3.0000,\"=HYPERLINK(\"\"http://x\"\",1)\",", "T32,3.0000,,\"a;=1 \"\"b\"\"|=c, 'd'\""]);
    }
}

#[test]
fn field_e5_an_export_in_an_encoding_that_loses_letters_is_refused() {
    let project = dirty();
    let text = saved(&project, b';', b'"', csv::QuoteStyle::Necessary).replace("Toys", "Sp\u{e4}ne");
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect();
    project.write("fix.csv", latin);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv") && error.contains("CSV UTF-8"), "{error}");
}

#[test]
fn field_e5_nothing_that_identifies_a_record_looks_like_a_number_or_a_formula() {
    let project = dirty();
    let export = project.ok(&["rejects", "export"]).stdout;
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    let place = reader.headers().unwrap().iter().position(|name| name == "_record").unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        assert!(record[place].starts_with('r'), "{record:?}");
        assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '@'])), "{record:?}");
    }
    // Whichever separator the spreadsheet goes by.
    let errors = std::fs::read_to_string(project.path("data/raw/sales_1.csv.errors.csv")).unwrap();
    for text in [&export, &errors] {
        for delimiter in [b',', b';', b'\t'] {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .quoting(delimiter == b',')
                .from_reader(text.as_bytes());
            for record in reader.records() {
                let record = record.unwrap();
                assert!(record.iter().all(|cell| !cell.trim_start().starts_with(['=', '+', '@'])), "{record:?}");
            }
        }
    }
}

#[test]
fn field_e5_a_list_of_rejects_that_a_spreadsheet_saved_is_no_data_and_is_replaced() {
    let project = dirty();
    project.edit("data/contracts/sales.toml", "sales_*.csv", "sales_*");
    let path = project.path("data/raw/sales_1.csv.errors.csv");
    let errors = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("\u{feff}{}", errors.replace(',', ";").replace('\n', "\r\n"))).unwrap();
    let said = project.ok(&["ingest"]);
    assert!(!said.stderr.contains("refused") && !said.stderr.contains("cannot write"), "{}", said.stderr);
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-05-01 10:00:00", "C1", "P1", "2")]);
    project.ok(&["ingest"]);
    assert!(!path.exists());
}

#[test]
fn field_e5_repairs_of_an_earlier_version_still_count() {
    let project = dirty();
    project.write("fix.csv", saved(&project, b';', b'"', csv::QuoteStyle::Necessary));
    project.ok(&["rejects", "replay", "fix.csv"]);
    let path = project.path("data/raw/sales_1.csv.repairs.csv");
    let repairs = std::fs::read_to_string(&path).unwrap();
    assert!(repairs.contains("\n32,r"), "{repairs}");
    std::fs::write(&path, repairs.replace("\n32,r", "\n32,").replace("\n33,r", "\n33,")).unwrap();
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select count(*) from rejects"), ["0"]);
}
