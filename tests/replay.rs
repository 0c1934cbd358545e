//! Rejects out, corrections in: exactly the corrected records, at their own lines, for as long as the file is there.

use std::path::PathBuf;

use crate::harness::{Project, SALES_HEADER, sale};

const COLUMNS: &str = "day = { header = \"Day\", type = \"date\", required = true }
item = { header = \"Item\", type = \"varchar\", required = true }
quantity = { header = \"Quantity\", type = \"integer\" }
price = { header = \"Price\", type = \"decimal(18,4)\" }";

/// Good records on lines 2 and 5, records with faults on lines 3, 4, 6 and 7.
const DIRTY: &str = "Day,Item,Quantity,Price
2024-01-01,Tea,1,1.50
01.02.2024,,two,1.55555
2024-01-03,\"Tea, \"\"green\"\"\", x ,2.00
2024-01-05,Milk,3,3.00
2024-01-06,Milk,4,4.00,extra,more
2024-01-07,Milk
";

/// A project with this contract for a source `t`, whose files are `data/raw/t*`.
fn declared(keys: &str, columns: &str) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    let contract = format!("files = \"data/raw/t*\"\n{keys}\n[columns]\n{columns}\n");
    project.write("data/contracts/t.toml", contract);
    project
}

/// A project in which the dirty file is loaded.
fn dirty() -> Project {
    let project = declared("max_rejects = \"100%\"", COLUMNS);
    project.write("data/raw/t1.csv", DIRTY);
    project.ok(&["ingest"]);
    project
}

/// The loaded rows in file order: line and columns.
fn rows(project: &Project) -> Vec<String> {
    project.staged("select _line, * exclude (_file, _line) from raw.t order by _file, _line")
}

/// Records, accepted, rejected and repaired of each file; what is read is what is accepted or rejected.
fn counts(project: &Project) -> Vec<String> {
    assert_eq!(project.staged("select count(*) from ingest.files where records <> accepted + rejected"), ["0"]);
    project.staged("select records, accepted, rejected, repaired from ingest.files order by file")
}

fn reject_lines(project: &Project) -> Vec<String> {
    project.staged("select distinct line from rejects order by file, line")
}

/// An export in an editor.
struct Export {
    path: PathBuf,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Export {
    /// Exports into `fix.csv` and opens it.
    fn of(project: &Project) -> Self {
        project.ok(&["rejects", "export", "--force", "--output", "fix.csv"]);
        let path = project.path("fix.csv");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(&path).unwrap();
        let mut rows: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        let header = rows.remove(0);
        Self { path, header, rows }
    }

    fn place(&self, column: &str) -> usize {
        self.header.iter().position(|name| name == column).unwrap()
    }

    /// The cells of these columns, per row.
    fn cells(&self, columns: &[&str]) -> Vec<Vec<&str>> {
        let places: Vec<usize> = columns.iter().map(|column| self.place(column)).collect();
        self.rows.iter().map(|row| places.iter().map(|place| row[*place].as_str()).collect()).collect()
    }

    /// Corrects cells of the row of this line, and saves.
    fn set(&mut self, line: u64, cells: &[(&str, &str)]) -> &mut Self {
        let (at, line) = (self.place("_line"), line.to_string());
        for (column, text) in cells {
            let place = self.place(column);
            let row = self.rows.iter_mut().find(|row| row[at] == line).unwrap();
            row[place] = (*text).to_owned();
        }
        self.save()
    }

    fn save(&mut self) -> &mut Self {
        let mut writer = csv::Writer::from_path(&self.path).unwrap();
        std::iter::once(&self.header).chain(&self.rows).for_each(|row| writer.write_record(row).unwrap());
        writer.flush().unwrap();
        self
    }
}

fn replay(project: &Project) -> String {
    let outcome = project.ok(&["rejects", "replay", "fix.csv"]);
    outcome.stdout + &outcome.stderr
}

#[test]
fn an_export_has_one_row_per_record_with_all_reasons_and_the_columns_as_the_file_spells_them() {
    let project = dirty();
    let export = Export::of(&project);
    assert_eq!(
        export.header,
        ["_file", "_line", "_record", "_reasons", "day", "item", "quantity", "price", "_surplus", "_raw"]
    );
    assert_eq!(
        export.cells(&["_file", "_line", "day", "item", "quantity", "price", "_surplus"]),
        [
            ["data/raw/t1.csv", "3", "01.02.2024", "", "two", "1.55555", ""],
            ["data/raw/t1.csv", "4", "2024-01-03", "Tea, \"green\"", " x ", "2.00", ""],
            ["data/raw/t1.csv", "6", "2024-01-06", "Milk", "4", "4.00", "extra,more"],
            ["data/raw/t1.csv", "7", "2024-01-07", "Milk", "", "", ""],
        ]
    );
    let reasons = &export.cells(&["_reasons"])[0][0];
    let places: Vec<usize> =
        ["day: bad_date (", "; item: required (", "; quantity: not_a_number (", "; price: not_exact ("]
            .iter()
            .map(|reason| reasons.find(reason).unwrap_or_else(|| panic!("{reason} is not in {reasons}")))
            .collect();
    assert!(places.is_sorted() && places[0] == 0, "{reasons}");
    assert!(export.cells(&["_reasons"])[2][0].starts_with("too_many_fields ("), "{:?}", export.rows[2]);

    // The same on standard output; a filter chooses records, which keep all their reasons.
    assert_eq!(project.ok(&["rejects", "export"]).stdout, std::fs::read_to_string(&export.path).unwrap());
    let chosen = project.ok(&["rejects", "export", "--code", "required"]).stdout;
    assert_eq!(chosen.lines().count(), 2, "{chosen}");
    assert!(chosen.contains("bad_date") && chosen.contains("not_exact"), "{chosen}");
    assert!(project.fails(&["rejects", "export", "--file", "t2"]).contains("there are no rejects to export"));
}

#[test]
fn exactly_the_corrected_records_are_accepted_at_their_own_lines_and_the_others_stay_rejects() {
    let project = dirty();
    assert_eq!(counts(&project), ["6,2,4,0"]);
    let mut export = Export::of(&project);
    export.set(4, &[("quantity", "2")]).set(7, &[("quantity", "7"), ("price", "7.25")]);
    let said = replay(&project);
    assert!(said.contains("2 corrected records taken over, 2 left as they were"), "{said}");
    let repaired = [
        "2,2024-01-01,Tea,1,1.5000",
        "4,2024-01-03,\"Tea, \"\"green\"\"\",2,2.0000",
        "5,2024-01-05,Milk,3,3.0000",
        "7,2024-01-07,Milk,7,7.2500",
    ];
    assert_eq!(rows(&project), repaired);
    assert_eq!(reject_lines(&project), ["3", "6"]);
    assert_eq!(counts(&project), ["6,4,2,2"]);
    assert_eq!(
        project.staged("select column_name, total from ingest.control_totals order by 1"),
        ["price,13.7500", "quantity,13"]
    );
    let listed = std::fs::read_to_string(project.path("data/raw/t1.csv.errors.csv")).unwrap();
    assert!(listed.contains("\n3,") && listed.contains("\n6,") && !listed.contains("\n4,"), "{listed}");
    assert_eq!(std::fs::read_to_string(project.path("data/raw/t1.csv")).unwrap(), DIRTY, "the file is not touched");

    // The same export once more: nothing is new in it, and nothing happens.
    let beside = std::fs::read(project.path("data/raw/t1.csv.repairs.csv")).unwrap();
    assert!(replay(&project).contains("have been taken over before"));
    assert_eq!(std::fs::read(project.path("data/raw/t1.csv.repairs.csv")).unwrap(), beside);
    assert_eq!(rows(&project), repaired);
    assert!(project.ok(&["ingest"]).stdout.contains("1 file unchanged"));

    // The rest by way of a second export, which has only what is left.
    let mut export = Export::of(&project);
    assert_eq!(export.cells(&["_line"]), [["3"], ["6"]]);
    export
        .set(3, &[("day", "2024-01-02"), ("item", "Cake"), ("quantity", "2"), ("price", "1.5555")])
        .set(6, &[("_surplus", "")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,6,0,4"]);
    assert_eq!(rows(&project)[1], "3,2024-01-02,Cake,2,1.5555");
    assert_eq!(rows(&project)[4], "6,2024-01-06,Milk,4,4.0000");
    assert!(!project.path("data/raw/t1.csv.errors.csv").exists());
    assert!(project.fails(&["rejects", "export"]).contains("there are no rejects to export"));
}

#[test]
fn an_export_that_nobody_edited_is_an_error_and_writes_nothing() {
    let project = dirty();
    Export::of(&project);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("nothing was changed in fix.csv"), "{error}");
    assert!(!project.path("data/raw/t1.csv.repairs.csv").exists());
    assert_eq!(counts(&project), ["6,2,4,0"]);

    let error = project.fails(&["rejects", "replay", "other.csv"]);
    assert!(error.contains("cannot read other.csv"), "{error}");
    project.write("other.csv", "Day,Item\n1,2\n");
    let error = project.fails(&["rejects", "replay", "other.csv"]);
    assert!(error.contains("other.csv has no columns _file, _line, _record and _surplus"), "{error}");
}

#[test]
fn a_correction_that_is_still_wrong_stays_a_reject_and_is_exported_as_corrected() {
    let project = dirty();
    Export::of(&project).set(3, &[("day", "2024-01-02"), ("item", "Cake")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,2,4,0"]);
    assert_eq!(
        project.staged("select column_name, code, value, raw from rejects where line = 3 order by 1"),
        [
            "price,not_exact,1.55555,\"01.02.2024,,two,1.55555\"",
            "quantity,not_a_number,two,\"01.02.2024,,two,1.55555\""
        ]
    );
    let mut export = Export::of(&project);
    assert_eq!(
        export.cells(&["_line", "day", "item", "quantity", "price"])[0],
        ["3", "2024-01-02", "Cake", "two", "1.55555"]
    );
    assert!(!export.cells(&["_reasons"])[0][0].contains("bad_date"));
    assert!(project.fails(&["rejects", "replay", "fix.csv"]).contains("nothing was changed"));
    export.set(3, &[("quantity", "2"), ("price", "1.5")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,3,3,1"]);
    assert_eq!(rows(&project)[1], "3,2024-01-02,Cake,2,1.5000");
}

#[test]
fn surplus_fields_have_to_be_moved() {
    let project = dirty();
    let mut export = Export::of(&project);
    export.set(6, &[("item", "Milk, extra")]).set(4, &[("quantity", "2")]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv:4: _surplus still holds text that belongs to no column"), "{error}");
    assert!(!project.path("data/raw/t1.csv.repairs.csv").exists(), "nothing of an export is taken unless all is");
    assert_eq!(counts(&project), ["6,2,4,0"]);
    export.set(6, &[("_surplus", "")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,4,2,2"]);
    assert_eq!(rows(&project)[3], "6,2024-01-06,\"Milk, extra\",4,4.0000");
}

#[test]
fn a_refused_file_can_be_repaired_until_it_loads() {
    let project = declared("max_rejects = 1", COLUMNS);
    project.write("data/raw/t1.csv", DIRTY);
    assert!(project.fails(&["ingest"]).contains("4 of 6 records rejected"));
    let mut export = Export::of(&project);
    export.set(4, &[("quantity", "2")]).set(6, &[("_surplus", "")]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("2 of 6 records rejected"), "{error}");
    assert_eq!(project.staged("select count(*) from raw.t"), ["0"]);
    assert_eq!(project.staged("select outcome, records, accepted, rejected from ingest.files"), ["refused,6,0,2"],);
    let mut export = Export::of(&project);
    assert_eq!(export.cells(&["_line"]), [["3"], ["7"]]);
    export.set(7, &[("quantity", "7"), ("price", "7")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,5,1,3"]);
    assert_eq!(project.staged("select outcome, coalesce(reason, '') from ingest.files"), ["loaded,"]);
}

#[test]
fn repairs_outlive_the_staging_file() {
    let project = dirty();
    Export::of(&project).set(4, &[("quantity", "2")]).set(7, &[("item", "a \"b\",\nc"), ("price", "7")]);
    replay(&project);
    let (loaded, counted) = (rows(&project), counts(&project));
    assert_eq!(counted, ["6,4,2,2"]);
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    let report = project.ok(&["ingest"]).stdout;
    assert!(report.contains("1 file read") && report.contains("2 records repaired"), "{report}");
    assert_eq!(rows(&project), loaded);
    assert_eq!(counts(&project), counted);
    // Without its repairs, the file is what it was.
    std::fs::remove_file(project.path("data/raw/t1.csv.repairs.csv")).unwrap();
    project.ok(&["ingest"]);
    assert_eq!(counts(&project), ["6,2,4,0"]);
}

#[test]
fn a_repair_does_not_apply_to_another_record_on_its_line() {
    let project = dirty();
    Export::of(&project)
        .set(4, &[("quantity", "2")])
        .set(3, &[("day", "2024-01-02"), ("item", "Cake"), ("quantity", "2"), ("price", "1")]);
    replay(&project);
    assert_eq!(counts(&project), ["6,4,2,2"]);
    let changed = DIRTY.replace("2024-01-03,\"Tea, \"\"green\"\"\", x ,2.00", "2024-01-03,Coffee,y,9.00");
    project.write("data/raw/t1.csv", changed);
    project.ok(&["ingest"]);
    assert_eq!(counts(&project), ["6,3,3,1"]);
    assert_eq!(reject_lines(&project), ["4", "6", "7"]);
    assert_eq!(rows(&project)[1], "3,2024-01-02,Cake,2,1.0000");
    assert_eq!(Export::of(&project).cells(&["_line", "item", "quantity"])[0], ["4", "Coffee", "y"]);
    // A record that is sound now needs no repair, and the old one does not replace it.
    project.write("data/raw/t1.csv", DIRTY.replace(" x ,2.00", "5,2.00"));
    project.ok(&["ingest"]);
    assert_eq!(rows(&project)[2], "4,2024-01-03,\"Tea, \"\"green\"\"\",5,2.0000");
    assert_eq!(counts(&project), ["6,4,2,1"]);
}

#[test]
fn a_row_of_a_record_that_is_no_longer_the_one_exported_is_an_error() {
    let project = dirty();
    Export::of(&project).set(4, &[("quantity", "2")]);
    project.write("data/raw/t1.csv", DIRTY.replace(" x ,2.00", "y,2.00"));
    project.ok(&["ingest"]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(
        error.contains("fix.csv:3: line 4 of data/raw/t1.csv is not (or no longer) the rejected record"),
        "{error}"
    );
    assert!(!project.path("data/raw/t1.csv.repairs.csv").exists());
}

#[test]
fn a_repairs_file_of_somebodys_own_is_not_overwritten() {
    let project = declared("max_rejects = \"100%\"", COLUMNS);
    project.edit("data/contracts/t.toml", "data/raw/t*", "data/raw/t?.csv");
    project.write("data/raw/t1.csv", DIRTY);
    project.ok(&["ingest"]);
    Export::of(&project).set(4, &[("quantity", "2")]);
    let own = "date,what was repaired\n2024-01-01,the roof\n";
    project.write("data/raw/t1.csv.repairs.csv", own);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("t1.csv.repairs.csv"), "{error}");
    assert_eq!(std::fs::read_to_string(project.path("data/raw/t1.csv.repairs.csv")).unwrap(), own);
    assert_eq!(rows(&project).len(), 2);
}

#[test]
fn a_missing_file_is_an_error_before_anything_is_written() {
    let project = declared("max_rejects = \"100%\"", COLUMNS);
    project.write("data/raw/t1.csv", DIRTY).write("data/raw/t2.csv", DIRTY.replace("Tea", "Coffee"));
    project.ok(&["ingest"]);
    let mut export = Export::of(&project);
    assert_eq!(export.rows.len(), 8);
    for row in &mut export.rows {
        row[6] = "1".to_owned();
        row[8].clear();
    }
    export.save();
    std::fs::rename(project.path("data/raw/t2.csv"), project.path("data/t2.csv")).unwrap();
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("data/raw/t2.csv is not in its folder any more"), "{error}");
    for name in ["t1.csv", "t2.csv"] {
        assert!(!project.path(&format!("data/raw/{name}.repairs.csv")).exists(), "{name}");
    }
    assert_eq!(counts(&project), ["6,2,4,0", "6,2,4,0"]);
    std::fs::rename(project.path("data/t2.csv"), project.path("data/raw/t2.csv")).unwrap();
    replay(&project);
    assert_eq!(counts(&project), ["6,5,1,3", "6,5,1,3"], "all but line 3 of both files");
}

#[test]
fn a_tampered_row_is_an_error_with_its_line_in_the_export() {
    let project = dirty();
    let mut export = Export::of(&project);
    export.set(4, &[("quantity", "2")]).set(7, &[("_record", "0123456789abcdef")]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv:5: line 7 of data/raw/t1.csv is not (or no longer)"), "{error}");
    export.set(7, &[("_line", "seven")]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv:5: _line is \"seven\""), "{error}");
    // A record that was never refused cannot be replaced.
    let mut export = Export::of(&project);
    export.set(7, &[("price", "5"), ("_line", "5")]);
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv:5: line 5 of"), "{error}");
    assert!(!project.path("data/raw/t1.csv.repairs.csv").exists());
    assert_eq!(counts(&project), ["6,2,4,0"]);
}

#[test]
fn records_with_broken_quotes_can_be_repaired() {
    let project = declared("max_rejects = \"100%\"", COLUMNS);
    project.write(
        "data/raw/t1.csv",
        "Day,Item,Quantity,Price\r\n2024-01-01,\"Tea\" green,1,1\r\n2024-01-02,Milk,2,2\r\n2024-01-03,\"Cake,3,3\r\n2024-01-04,Rum,4,4\r\n",
    );
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select line, column_name, code from rejects order by 1"),
        ["2,item,bad_quote", "4,item,unclosed_quote"]
    );
    let mut export = Export::of(&project);
    for (line, item, number) in [(2, "\"Tea\" green", "1"), (4, "\"Cake", "3")] {
        export.set(line, &[("item", item), ("quantity", number), ("price", number), ("_surplus", "")]);
    }
    replay(&project);
    assert_eq!(counts(&project), ["4,4,0,2"]);
    assert_eq!(
        rows(&project),
        [
            "2,2024-01-01,\"\"\"Tea\"\" green\",1,1.0000",
            "3,2024-01-02,Milk,2,2.0000",
            "4,2024-01-03,\"\"\"Cake\",3,3.0000",
            "5,2024-01-04,Rum,4,4.0000"
        ]
    );
}

#[test]
fn other_encodings_delimiters_and_decimal_marks_are_those_of_the_file() {
    let project = declared(
        "max_rejects = \"100%\"\ndelimiter = \";\"\ndecimal = \",\"\nthousands = \".\"\nencoding = \"windows-1252\"",
        COLUMNS,
    );
    project.write(
        "data/raw/t1.csv",
        b"Day;Item;Quantity;Price\n2024-01-01;K\xe4se;1;1.234,50\n2024-01-02;Br\xf6tchen \x80;zwei;1.234,5\n2024-01-03;\x81l;3;2\n2024-01-04;B\xe4r;4;4,5;n\xf6;nie\n",
    );
    project.ok(&["ingest"]);
    let mut export = Export::of(&project);
    assert_eq!(
        export.cells(&["_line", "item", "price", "_surplus"]),
        [["3", "Brötchen €", "1.234,5", ""], ["4", "\\x81l", "2", ""], ["5", "Bär", "4,5", "nö;nie"]]
    );
    export
        .set(3, &[("quantity", "2"), ("price", "1.234,75")])
        .set(4, &[("item", "Öl")])
        .set(5, &[("item", "Bär; nö"), ("_surplus", "")]);
    replay(&project);
    let expected = [
        "2,2024-01-01,Käse,1,1234.5000",
        "3,2024-01-02,Brötchen €,2,1234.7500",
        "4,2024-01-03,Öl,3,2.0000",
        "5,2024-01-04,Bär; nö,4,4.5000",
    ];
    assert_eq!(rows(&project), expected);
    assert_eq!(counts(&project), ["4,4,0,3"]);
    std::fs::remove_file(project.path("data/staging.duckdb")).unwrap();
    project.ok(&["ingest"]);
    assert_eq!(rows(&project), expected);
}

#[test]
fn records_of_ndjson_can_be_repaired() {
    let project = declared("max_rejects = \"100%\"\nformat = \"ndjson\"", COLUMNS);
    project.write(
        "data/raw/t1.ndjson",
        "{\"Day\": \"2024-01-01\", \"Item\": \"Tea\", \"Quantity\": 1, \"Price\": 1.5}\n{\"Day\": \"2024-01-02\", \"Item\": null, \"Quantity\": 2.5, \"Price\": \"2\"}\n{\"Day\": \"2024-01-03\", \"Item\n",
    );
    project.ok(&["ingest"]);
    let mut export = Export::of(&project);
    assert_eq!(
        export.cells(&["_line", "day", "item", "quantity", "price", "_surplus"]),
        [["2", "2024-01-02", "", "2.5", "2", ""], ["3", "", "", "", "", "{\"Day\": \"2024-01-03\", \"Item"]]
    );
    export
        .set(2, &[("item", "Cake"), ("quantity", "2")])
        .set(3, &[("day", "2024-01-03"), ("item", "Rum"), ("_surplus", "")]);
    replay(&project);
    assert_eq!(rows(&project), ["1,2024-01-01,Tea,1,1.5000", "2,2024-01-02,Cake,2,2.0000", "3,2024-01-03,Rum,,"]);
    assert_eq!(counts(&project), ["3,3,0,2"]);
}

#[test]
fn a_repaired_key_is_held_to_be_unique_like_any_other() {
    let project = declared("max_rejects = \"100%\"\nunique = [\"item\"]", COLUMNS);
    project.write("data/raw/t1.csv", "Day,Item,Quantity,Price\n2024-01-01,A,1,1\n2024-01-02,A,2,2\n2024-01-03,C,x,3\n");
    project.ok(&["ingest"]);
    assert_eq!(project.staged("select line, code from rejects order by 1"), ["3,duplicate", "4,not_a_number"]);
    let mut export = Export::of(&project);
    export.set(3, &[("item", "B")]).set(4, &[("item", "A"), ("quantity", "3")]);
    replay(&project);
    assert_eq!(project.staged("select line, code from rejects order by 1"), ["4,duplicate"]);
    assert_eq!(project.staged("select _line, item from raw.t order by 1"), ["2,A", "3,B"]);
    assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), ["3,2,1"]);
    let mut export = Export::of(&project);
    assert_eq!(export.cells(&["_line", "item", "quantity"]), [["4", "A", "3"]]);
    export.set(4, &[("item", "C")]);
    replay(&project);
    assert_eq!(counts(&project), ["3,3,0,2"]);
}

#[test]

fn a_repaired_record_that_is_refused_as_a_duplicate_does_not_count_as_repaired() {
    let project = declared("max_rejects = \"100%\"\nunique = [\"item\"]", COLUMNS);
    project.write("data/raw/t1.csv", "Day,Item,Quantity,Price\n2024-01-01,A,1,1\n2024-01-03,C,x,3\n");
    project.ok(&["ingest"]);
    Export::of(&project).set(3, &[("item", "A"), ("quantity", "3")]);
    replay(&project);
    assert_eq!(counts(&project), ["2,1,1,0"]);
}

#[test]

fn a_file_and_its_copy_still_count_once_after_a_repair() {
    let project = declared("max_rejects = \"100%\"", COLUMNS);
    project.write("data/raw/t1.csv", DIRTY).write("data/raw/t2.csv", DIRTY);
    project.ok(&["ingest"]);
    assert_eq!(rows(&project).len(), 2);
    Export::of(&project).set(4, &[("quantity", "2")]);
    replay(&project);
    project.ok(&["ingest"]);
    assert_eq!(rows(&project).len(), 3);
}

/// Two files for the shipped models; the second has two records to be repaired.
fn shop() -> Project {
    let project = Project::new();
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = 2");
    let at = |number: u32| format!("2024-01-{number:02} 10:00:00");
    project.sales("sales_1.csv", &[sale("T1", "O1", &at(1), "C1", "P1", "10")]);
    project.sales(
        "sales_2.csv",
        &[
            sale("T2", "O2", "never", "C1", "P1", "20"),
            sale("T3", "O3", &at(3), "C1", "P1", "30"),
            sale("T4", "O4", &at(4), "C2", "P1", "4o"),
        ],
    );
    project.ok(&["run"]);
    assert_eq!(sold(&project), ["T1,10.0000", "T3,30.0000"]);
    Export::of(&project).set(2, &[("sold_at", &at(2))]).set(4, &[("unit_price", "40"), ("revenue", "40")]);
    project
}

fn sold(project: &Project) -> Vec<String> {
    project.pushed("select transaction_id, revenue from mart.fact_sales order by 1")
}

const ALL_SOLD: [&str; 4] = ["T1,10.0000", "T2,20.0000", "T3,30.0000", "T4,40.0000"];

#[test]
fn repaired_records_are_in_the_warehouse_once_and_as_if_the_file_had_been_right() {
    let project = shop();
    replay(&project);
    assert_eq!(sold(&project), ["T1,10.0000", "T3,30.0000"], "nothing is pushed before the next run");
    project.ok(&["run"]);
    assert_eq!(sold(&project), ALL_SOLD);
    assert!(project.ok(&["run"]).stdout.contains("no row written"));

    let right = Project::new();
    let fixed = std::fs::read_to_string(project.path("data/raw/sales_2.csv")).unwrap();
    right
        .write("data/raw/sales_1.csv", std::fs::read(project.path("data/raw/sales_1.csv")).unwrap())
        .write("data/raw/sales_2.csv", fixed.replace("never", "2024-01-02 10:00:00").replace("4o", "40"));
    right.ok(&["run"]);
    assert_eq!(project.warehouse_content(), right.warehouse_content());
    assert!(fixed.starts_with(SALES_HEADER));
}

#[test]
fn a_killed_replay_is_finished_by_the_next_run() {
    let project = shop();
    project.killed_at("ingest.before_commit", &["rejects", "replay", "fix.csv"]);
    assert_eq!(project.staged("select count(*) from raw.sales"), ["2"]);
    assert_eq!(project.staged("select count(distinct line) from rejects"), ["2"]);
    let report = project.ok(&["run"]).stdout;
    assert!(report.contains("2 records repaired"), "{report}");
    assert_eq!(sold(&project), ALL_SOLD);
    assert_eq!(project.staged("select count(*) from rejects"), ["0"]);
    assert!(!project.path("data/raw/sales_2.errors.csv").exists());
}

#[test]
fn an_export_never_overwrites_a_file_by_itself_and_is_no_data() {
    let project = dirty();
    let before = std::fs::read(project.path("data/raw/t1.csv")).unwrap();
    let error = project.fails(&["rejects", "export", "--output", "data/raw/t1.csv"]);
    assert!(error.contains("data/raw/t1.csv is there already"), "{error}");
    assert_eq!(std::fs::read(project.path("data/raw/t1.csv")).unwrap(), before);
    project.ok(&["rejects", "export", "--output", "data/raw/t9.csv"]);
    let error = project.fails(&["ingest"]);
    assert!(error.contains("data/raw/t9.csv: it is an export of rejects"), "{error}");
}

#[test]
fn a_value_that_could_not_be_read_is_not_taken_as_the_export_spells_it() {
    let project = declared("max_rejects = \"100%\"", "a = { type = \"varchar\" }\nb = { type = \"integer\" }");
    project.write("data/raw/t1.csv", b"a,b\nK\xf6ln,two\nUlm,3\n");
    project.ok(&["ingest"]);
    project.ok(&["rejects", "export", "--output", "fix.csv"]);
    let export = std::fs::read_to_string(project.path("fix.csv")).unwrap();
    assert!(export.contains("K\\xf6ln,two"), "{export}");
    project.write("fix.csv", export.replacen("K\\xf6ln,two", "K\\xf6ln,2", 1));
    let error = project.fails(&["rejects", "replay", "fix.csv"]);
    assert!(error.contains("fix.csv:2: column a is still as it was rejected"), "{error}");
    project.write("fix.csv", export.replacen("K\\xf6ln,two", "Köln,2", 1));
    project.ok(&["rejects", "replay", "fix.csv"]);
    assert_eq!(rows(&project), ["2,Köln,2", "3,Ulm,3"]);
}
