//! Drafts: what is clear is typed, what is not is a DOUBT, and the draft loads the file it was made from.

use std::path::Path;

use crate::harness::{Outcome, Project, real_data};

/// A project without contracts and models of its own.
fn bare() -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    for layer in ["staging", "intermediate", "marts", "checks"] {
        std::fs::remove_dir_all(project.path("sql").join(layer)).unwrap();
    }
    project
}

/// The draft of a file with this content.
fn drafted(content: impl AsRef<[u8]>) -> Outcome {
    let project = bare();
    project.write("data/raw/t.csv", content);
    project.ok(&["sniff", "data/raw/t.csv"])
}

/// What the draft says of the column `header` with these values: its doubts and its entry.
fn column(header: &str, values: &[&str]) -> Vec<String> {
    let lines: Vec<String> = values.iter().map(|value| format!("left;{value};right\n")).collect();
    let draft = drafted(format!("Before;{header};Behind\n{}", lines.concat())).stdout;
    let (_, behind) =
        draft.split_once("before = { header = \"Before\", type = \"varchar\", required = true }\n").unwrap();
    let (between, _) = behind.split_once("behind = {").unwrap();
    between.lines().map(str::to_owned).collect()
}

/// The lines of the contract above the columns.
fn head(draft: &str) -> Vec<&str> {
    let (_, contract) = draft.split_once("then take the comments out.\n").unwrap();
    contract.lines().take_while(|line| !line.is_empty()).collect()
}

#[test]
fn dates_that_could_be_day_or_month_first_stay_text() {
    assert_eq!(
        column("X", &["01/02/2024", "03/04/2024", "12/11/2024"]),
        [
            "# DOUBT: every date fits %d/%m/%Y and %m/%d/%Y; kept as text until you say which: type = \"date\", formats = [\"%d/%m/%Y\"] or [\"%m/%d/%Y\"]",
            "x = { header = \"X\", type = \"varchar\", required = true }"
        ]
    );
    // One day beyond the twelfth settles it.
    assert_eq!(
        column("X", &["01/02/2024", "13/04/2024"]),
        ["x = { header = \"X\", type = \"date\", formats = [\"%d/%m/%Y\"], required = true }"]
    );
    assert_eq!(
        column("X", &["01/02/2024", "03/14/2024", ""]),
        ["x = { header = \"X\", type = \"date\", formats = [\"%m/%d/%Y\"] }"]
    );
    // Where both readings are the same day there is no doubt.
    assert_eq!(
        column("X", &["01-02-2024 10:30:00", "13-02-2024 00:00:01.5"]),
        ["x = { header = \"X\", type = \"timestamp\", formats = [\"%d-%m-%Y %H:%M:%S%.f\"], required = true }"]
    );
}

#[test]
fn several_formats_of_dates_are_a_doubt() {
    assert_eq!(
        column("X", &["2024-01-31", "2024-02-01", "2024-02-02", "31/01/2024"]),
        [
            "# DOUBT: several formats; 3 of 4 values are %Y-%m-%d. Is every order of day and month right?",
            "x = { header = \"X\", type = \"date\", formats = [\"%Y-%m-%d\", \"%d/%m/%Y\"], required = true }"
        ]
    );
}

#[test]
fn a_decimal_comma_is_a_doubt_of_the_whole_file() {
    let draft = drafted("Item;Price\nTea;1,5\nMilk;2,75\n").stdout;
    assert_eq!(
        head(&draft),
        [
            "files = \"data/raw/t.csv\"",
            "delimiter = \";\"",
            "# DOUBT: a comma is the decimal mark of most numbers.",
            "decimal = \",\"",
            "max_rejects = \"1%\""
        ]
    );
    assert!(draft.contains("\nprice = { header = \"Price\", type = \"decimal(18,4)\", required = true }\n"), "{draft}");
    // In the minority it is the column's own.
    let draft = drafted("Item;A;B;C\nTea;1,5;1.5;2.5\nMilk;2,75;2.25;2.0\n").stdout;
    assert!(
        draft.contains("\na = { header = \"A\", type = \"decimal(18,4)\", decimal = \",\", required = true }\n"),
        "{draft}"
    );
    assert!(draft.contains("\nb = { header = \"B\", type = \"decimal(18,4)\", required = true }\n"), "{draft}");
    assert!(!head(&draft).iter().any(|line| line.starts_with("decimal")), "{draft}");
}

#[test]
fn a_comma_that_may_stand_between_thousands_stays_text() {
    for (value, mark) in [("1,234", ','), ("1.234", '.')] {
        assert_eq!(
            column("X", &[value, value]),
            [
                format!(
                    "# DOUBT: \"{value}\": is {mark} the decimal mark or between thousands? Kept as text; declare decimal(18,4) with decimal = \"{mark}\" or thousands = \"{mark}\""
                ),
                "x = { header = \"X\", type = \"varchar\", required = true }".to_owned()
            ],
            "{value}"
        );
    }
    // One value that can only be read in one way settles it.
    assert_eq!(
        column("X", &["1,234", "1,234,567.5"]),
        ["x = { header = \"X\", type = \"decimal(18,4)\", thousands = \",\", required = true }"]
    );
}

#[test]
fn leading_zeros_identifiers_and_exponents_stay_text() {
    assert_eq!(
        column("X", &["12", "007"]),
        [
            "# DOUBT: \"007\" has a leading zero that a number would lose: kept as text",
            "x = { header = \"X\", type = \"varchar\", required = true }"
        ]
    );
    for header in ["Customer ID", "CustomerID", "customer_id", "InvoiceNo", "ORDERNUMBER", "Postal Code", "SKU"] {
        let entry = column(header, &["12", "71"]);
        assert_eq!(
            entry[0], "# DOUBT: looks like an identifier: kept as text; a number if one counts with it",
            "{header}"
        );
        assert!(entry[1].contains("type = \"varchar\""), "{entry:?}");
    }
    assert_eq!(
        column("CustomerID", &["17850.0", "13047.0"])[0],
        "# DOUBT: looks like an identifier (as in \"17850.0\"): kept as text; a number if one counts with it"
    );
    for header in ["Paid", "Grid", "Piano", "Casino", "Mean", "Quantity"] {
        let entry = column(header, &["12", "71"]);
        assert_eq!(entry.len(), 1, "{entry:?}");
        assert!(entry[0].contains("type = \"integer\""), "{entry:?}");
    }
    assert_eq!(
        column("X", &["12", "1.5E+10"]),
        [
            "# DOUBT: \"1.5E+10\" has an exponent: a spreadsheet may have dropped digits, so it is kept as text; if it is a number, declare a decimal with exponent = true",
            "x = { header = \"X\", type = \"varchar\", required = true }"
        ]
    );
}

#[test]
fn placeholders_are_no_value_in_numbers_and_a_question_in_texts() {
    assert_eq!(
        column("X", &["1", "NA", "2", "NA", "?"]),
        [
            "# DOUBT: \"?\" 1 times, \"NA\" 2 times taken for no value",
            "x = { header = \"X\", type = \"integer\", nulls = [\"\", \"?\", \"NA\"] }"
        ]
    );
    assert_eq!(
        column("X", &["EMEA", "NA", "APAC"]),
        [
            "# DOUBT: holds \"NA\" 1 times: a value, or none? If none: nulls = [\"\", …]",
            "x = { header = \"X\", type = \"varchar\", required = true }"
        ]
    );
    assert_eq!(column("X", &["", ""]), ["# DOUBT: no value was seen", "x = { header = \"X\", type = \"varchar\" }"]);
}

/// Bytes of a text in one of the two encodings.
fn encoded(text: &str, bytes: &[(char, u8)]) -> Vec<u8> {
    text.chars()
        .map(|c| if c.is_ascii() { c as u8 } else { bytes.iter().find(|(known, _)| *known == c).unwrap().1 })
        .collect()
}

#[test]
fn an_encoding_is_guessed_from_how_the_letters_read() {
    let text = "Name,City\nMüller,Köln\nJäger,Zürich\nPeña,Málaga\n";
    let windows = [('ü', 0xfc), ('ö', 0xf6), ('ä', 0xe4), ('ñ', 0xf1), ('á', 0xe1)];
    let dos = [('ü', 0x81), ('ö', 0x94), ('ä', 0x84), ('ñ', 0xa4), ('á', 0xa0)];
    for (bytes, name) in [(windows, "windows-1252"), (dos, "cp850")] {
        let draft = drafted(encoded(text, &bytes)).stdout;
        let head = head(&draft);
        let doubt = format!(
            "# DOUBT: not UTF-8; encoding guessed from how the odd letters read. {name}: Müller, Köln, Jäger, Zürich; "
        );
        assert!(head[0].starts_with(&doubt), "{head:?}");
        assert!(head.contains(&format!("encoding = \"{name}\"").as_str()), "{head:?}");
    }
    // Hard spaces are no letters.
    let draft = drafted(
        b"Name,City\nConference\xa0phone,Flash\xa0drive\nBarry\xa0Franz\xf6sisch,B\xfchl\nImation\xa0drive,a\n",
    )
    .stdout;
    assert!(head(&draft).contains(&"encoding = \"windows-1252\""), "{draft}");
    assert!(!drafted("Name,City\nMüller,Köln\n").stdout.contains("encoding"), "UTF-8 is no doubt");
}

#[test]
fn the_drafts_of_real_files_accept_every_record_and_load_them() {
    let files = [
        ("dirty_cafe_iso", 10_004, None),
        ("sales_data_sample", 2_823, Some("cp850")),
        ("superstore_cp1252_dmy", 9_994, Some("windows-1252")),
        ("superstore_semicolon", 9_994, None),
    ];
    for (name, records, encoding) in files {
        let Some(file) = real_data(&format!("dialects/{name}.csv")) else { return };
        let project = bare();
        project.write(&format!("data/raw/{name}.csv"), std::fs::read(file).unwrap());
        let relative = format!("data/raw/{name}.csv");
        let said = project.ok(&["sniff", &relative, "--write"]).stderr;
        let (thousands, rest) = (records / 1000, records % 1000);
        assert!(said.contains(&format!("under it {thousands},{rest:03} records accepted and 0 rejected")), "{said}");
        let contract = std::fs::read_to_string(project.path(&format!("data/contracts/{name}.toml"))).unwrap();
        let declared = contract.lines().find_map(|line| line.strip_prefix("encoding = "));
        assert_eq!(declared, encoding.map(|encoding| format!("\"{encoding}\"")).as_deref(), "{name}");
        project.ok(&["ingest"]);
        assert_eq!(
            project.staged("select file, records, accepted, rejected from ingest.files"),
            [format!("{relative},{records},{records},0")]
        );
        project.ok(&["build"]);
        assert_eq!(project.staged(&format!("select count(*) from stg_{name}")), [records.to_string()]);
    }
}

#[test]
fn a_draft_that_is_written_loads_its_files_and_never_replaces_one() {
    let project = bare();
    project
        .write("data/raw/Shop Sales_2024-01.csv", "Item,Order,Price\nTea,1,1.5\nMilk,2,2\n")
        .write("data/raw/Shop Sales_2024-02.csv", "Item,Order,Price\nCake,3,2.25\n");
    let files = ["data/raw/Shop Sales_2024-01.csv", "data/raw/Shop Sales_2024-02.csv"];
    let said = project.ok(&["sniff", files[0], files[1], "--write"]);
    assert!(
        said.stdout.contains("wrote data/contracts/shop_sales.toml\nwrote sql/staging/stg_shop_sales.sql\n"),
        "{said:?}"
    );
    assert!(said.stderr.contains("0 doubts") && said.stderr.contains("3 records accepted and 0 rejected"), "{said:?}");
    let contract = std::fs::read_to_string(project.path("data/contracts/shop_sales.toml")).unwrap();
    assert!(contract.contains("\nfiles = \"data/raw/Shop Sales_2024-*.csv\"\n"), "{contract}");
    assert!(
        contract.contains("\norder_value = { header = \"Order\", type = \"integer\", required = true }\n"),
        "{contract}"
    );
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    assert_eq!(
        project.staged("select item, order_value, price from stg_shop_sales order by 2"),
        ["Tea,1,1.5000", "Milk,2,2.0000", "Cake,3,2.2500"]
    );

    // Either file in the way stops both.
    for (kept, removed) in [
        ("data/contracts/shop_sales.toml", "sql/staging/stg_shop_sales.sql"),
        ("sql/staging/stg_shop_sales.sql", "data/contracts/shop_sales.toml"),
    ] {
        let text = "# mine\n";
        project.write(kept, text);
        let _ = std::fs::remove_file(project.path(removed));
        let error = project.fails(&["sniff", files[0], "--name", "shop_sales", "--write"]);
        assert!(error.contains(&format!("{kept} is there already; remove it, or choose another --name")), "{error}");
        assert_eq!(std::fs::read_to_string(project.path(kept)).unwrap(), text);
        assert!(!project.path(removed).exists());
        std::fs::remove_file(project.path(kept)).unwrap();
    }
    assert!(project.fails(&["sniff", files[0], "--name", "Shop Sales"]).contains("use lower-case letters"));
}

#[test]
fn files_that_no_contract_can_be_drafted_from_are_named() {
    let project = bare();
    project
        .write("empty.csv", "")
        .write("blank.csv", "\n \n")
        .write("a.csv", "Item,Price\nTea,1\n")
        .write("b.csv", "Item,Cost\nTea,1\n");
    let cases: [(&[&str], &str); 5] = [
        (&["sniff", "empty.csv"], "empty.csv is empty; there is nothing to draft a contract from"),
        (&["sniff", "blank.csv"], "blank.csv is empty; there is nothing to draft a contract from"),
        (&["sniff", "gone.csv"], "cannot read gone.csv: there is no such file"),
        (&["sniff", "."], "cannot read ."),
        (
            &["sniff", "a.csv", "b.csv"],
            "b.csv has other columns than a.csv: Item, Cost instead of Item, Price; files of one contract look alike, so sniff them apart",
        ),
    ];
    for (args, expected) in cases {
        let error = project.fails(args);
        assert!(error.contains(expected), "{error}");
    }
    assert!(!Path::new(&project.path("data/contracts/a.toml")).exists());
}

#[test]
fn lines_above_the_header_are_skipped_and_said() {
    let draft = drafted("Sales report\n\nTransaction;Item;Price\na;Tea;1,5\nb;Milk;2,25\nc;Rum;3\n");
    let head = head(&draft.stdout);
    assert!(head.contains(&"# DOUBT: 2 lines above the header are skipped"), "{head:?}");
    assert!(head.contains(&"header_row = 3"), "{head:?}");
    assert!(draft.stderr.contains("3 records accepted and 0 rejected"), "{}", draft.stderr);
}

#[test]
fn a_first_row_that_looks_like_data_is_no_header() {
    let draft = drafted("Tea,2024-01-31,1.5\nMilk,2024-02-01,2\n");
    let head = head(&draft.stdout);
    assert_eq!(
        head[0],
        "# DOUBT: the first row looks like data, so the columns have made-up names; header_row = 1 if it is a header"
    );
    assert!(head.contains(&"header_row = 0"), "{head:?}");
    assert!(draft.stderr.contains("2 records accepted and 0 rejected"), "{}", draft.stderr);
}

#[test]
fn utf_16_is_known_with_and_without_its_mark() {
    let text = "Item\tPrice\nKäse\t1.5\nBrötchen €\t2\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases = [
        ([vec![0xff, 0xfe], little.clone()].concat(), "utf-16", 0),
        ([vec![0xfe, 0xff], big.clone()].concat(), "utf-16", 0),
        (little, "utf-16le", 1),
        (big, "utf-16be", 1),
    ];
    for (bytes, name, doubts) in cases {
        let draft = drafted(bytes);
        let head = head(&draft.stdout);
        assert!(head.contains(&format!("encoding = \"{name}\"").as_str()), "{head:?}");
        assert!(head.contains(&"delimiter = \"\\t\""), "{head:?}");
        assert_eq!(head.iter().filter(|line| line.starts_with("# DOUBT")).count(), doubts, "{head:?}");
        assert!(draft.stderr.contains("2 records accepted and 0 rejected"), "{}", draft.stderr);
        assert!(draft.stdout.contains("price = { header = \"Price\", type = \"decimal(18,4)\", required = true }"));
    }
}

#[test]
fn ndjson_has_a_column_for_every_name() {
    let draft = drafted(
        "{\"Item\": \"Tea\", \"Price\": 1.5, \"Sold\": \"2024-01-31\"}\n{\"Item\": \"Milk\", \"Price\": 2, \"Sold\": null, \"Note\": \"x\"}\n",
    );
    let head = head(&draft.stdout);
    assert!(head.contains(&"format = \"ndjson\""), "{head:?}");
    let columns: Vec<&str> = draft
        .stdout
        .lines()
        .skip_while(|line| *line != "[columns]")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(
        columns,
        [
            "item = { header = \"Item\", type = \"varchar\", required = true }",
            "price = { header = \"Price\", type = \"decimal(18,4)\", required = true }",
            "sold = { header = \"Sold\", type = \"date\", formats = [\"%Y-%m-%d\"] }",
            "note = { header = \"Note\", type = \"varchar\" }",
        ]
    );
    assert!(draft.stderr.contains("2 records accepted and 0 rejected"), "{}", draft.stderr);
}

#[test]
fn low_thousands_of_columns_are_sniffed() {
    let project = Project::with_url(None);
    let value = |column: usize, row: usize| match column % 5 {
        0 => (row * column % 1000).to_string(),
        1 => format!("{}.{:02}", row % 90, column % 100),
        2 => format!("2024-{:02}-{:02}", row % 12 + 1, row % 28 + 1),
        3 => format!("{}.{:02}.2024 10:{:02}", row % 28 + 1, row % 12 + 1, row % 60),
        _ => format!("Product {}", row * 7 % 500),
    };
    let (mut csv, mut ndjson) = (String::new(), String::new());
    csv.push_str(&(0..2000).map(|column| format!("Column {column}")).collect::<Vec<_>>().join(","));
    for row in 0..300 {
        let values: Vec<String> = (0..2000).map(|column| value(column, row)).collect();
        csv.push_str(&format!("\n{}", values.join(",")));
        let members = values.iter().enumerate().map(|(column, value)| format!("\"Column {column}\":\"{value}\""));
        ndjson.push_str(&format!("{{{}}}\n", members.collect::<Vec<_>>().join(",")));
    }
    project.write("wide.csv", csv).write("wide.ndjson", ndjson);
    for file in ["wide.csv", "wide.ndjson"] {
        let outcome = project.ok(&["sniff", file]);
        assert!(outcome.stdout.contains("column_0 = { header = \"Column 0\", type = \"integer\""), "{file}");
        assert!(outcome.stdout.contains("column_1998 = { header = \"Column 1998\", type = \"timestamp\""), "{file}");
        assert!(outcome.stderr.contains("300 records accepted and 0 rejected"), "{file}: {}", outcome.stderr);
    }
}
