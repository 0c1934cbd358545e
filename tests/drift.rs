//! Headers that differ from what the contract says.

use crate::harness::declared::{declared, loaded, refused, rows};

const FIVE: &str = "a = { header = \"Order ID\", type = \"varchar\" }
b = { header = \"Amount\", type = \"integer\" }
c = { header = \"City\", type = \"varchar\" }
d = { header = \"Region\", type = \"varchar\" }";

#[test]
fn a_header_that_drifted_is_reported_on_one_screen() {
    let text = "order_id,Region,City,Discount,Voucher\nO1,South,Ulm,3,V\n";
    let error = refused("", FIVE, text);
    let report: Vec<&str> = error
        .lines()
        .skip_while(|line| !line.contains("t.csv: line 1: the header does not match the contract"))
        .skip(1)
        .collect();
    assert_eq!(
        report,
        [
            "      renamed?  \"order_id\" is there, \"Order ID\" is not    → if it is the same column: a = { aliases = [\"order_id\"], … }",
            "      missing   \"Amount\"                                  → if files may lack it: b = { optional = true, … }",
            "      added     \"Discount\" (column 4)                     → declare it, or set drift = \"ignore_extra\"",
            "      added     \"Voucher\" (column 5)                      → declare it, or set drift = \"ignore_extra\"",
            "      moved     \"Region\" (column 2) stands before \"City\"  → set column_order = \"any\"",
        ],
        "{error}"
    );

    // What the report advises, line by line, is what it takes.
    let columns = FIVE
        .replace("\"Order ID\",", "\"Order ID\", aliases = [\"order_id\"],")
        .replace("\"Amount\",", "\"Amount\", optional = true,");
    let project = declared("drift = \"ignore_extra\"\ncolumn_order = \"any\"", &columns);
    project.write("data/raw/t1.csv", text).write("data/raw/t2.csv", "Order ID,Amount,City,Region\nO2,5,Bonn,West\n");
    let warned = project.ok(&["ingest"]).stderr;
    let allowed = "in 1 file the header differs as the contract allows: \"order_id\" is taken for a, no \"Amount\", \"Discount\" (column 4) is not loaded, \"Voucher\" (column 5) is not loaded";
    assert!(warned.contains(allowed), "{warned}");
    assert_eq!(rows(&project), ["2,O1,,Ulm,South", "2,O2,5,Bonn,West"]);
}

#[test]
fn every_policy_of_drift_allows_its_own_difference_only() {
    const EXTRA: &str = "Order ID,Amount,City,Region,More\nO1,1,Ulm,South,x\n";
    const MOVED: &str = "Amount,Order ID,City,Region\n1,O1,Ulm,South\n";
    const LACKING: &str = "Order ID,Amount,City\nO1,1,Ulm\n";
    const RENAMED: &str = "Order ID,Amount,Town,Region\nO1,1,Ulm,South\n";
    let policies = [
        ("drift = \"ignore_extra\"", FIVE.to_owned(), EXTRA, "2,O1,1,Ulm,South"),
        ("column_order = \"any\"", FIVE.to_owned(), MOVED, "2,O1,1,Ulm,South"),
        ("", FIVE.replace("\"Region\",", "\"Region\", optional = true, null_as = \"?\","), LACKING, "2,O1,1,Ulm,?"),
        ("", FIVE.replace("\"City\",", "\"City\", aliases = [\"Town\"],"), RENAMED, "2,O1,1,Ulm,South"),
    ];
    for (policy, (keys, columns, own, expected)) in policies.iter().enumerate() {
        assert_eq!(rows(&loaded(keys, columns, own)), [*expected]);
        for (_, _, other, _) in
            policies.iter().enumerate().filter(|(index, _)| *index != policy).map(|(_, other)| other)
        {
            assert!(refused(keys, columns, other).contains("the header does not match"), "{keys} {columns} {other}");
        }
    }
    // One column may not be there twice, under whatever names.
    let columns = FIVE.replace("\"City\",", "\"City\", aliases = [\"Town\"],");
    let error = refused("drift = \"ignore_extra\"", &columns, "Order ID,Amount,City,Region,Town\nO1,1,Ulm,South,Ulm\n");
    assert!(error.contains("twice     \"Town\" is column 3 and column 5"), "{error}");
}
