//! Dialects of text files: line breaks, marks, quotes, escapes, headers, short and long records, encodings.

mod encodings;
mod headers;
mod pollution;
mod quotes;

use crate::harness::Project;
use crate::harness::declared::{PAIR, declared, loaded, rejects};

/// Three columns as many files here have them.
const THREE: &str = "id = { type = \"varchar\" }
amount = { type = \"decimal(10,2)\" }
store = { type = \"varchar\" }";

/// The loaded rows in file order, without their lines; `null` is no value and line breaks are shown.
fn values(project: &Project) -> Vec<String> {
    let shown = "replace(replace(replace(coalesce(columns(* exclude (_file, _line))::varchar, 'null'), chr(13), '<CR>'), chr(10), '<LF>'), chr(9), '<TAB>')";
    project.staged(&format!("select {shown} from (select * from raw.t order by _file, _line)"))
}

/// The message with which a contract is refused.
fn wrong(keys: &str, columns: &str) -> String {
    let project = declared(keys, columns);
    project.write("data/raw/t.csv", "a,b\n");
    project.fails(&["ingest"])
}

fn reason(project: &Project) -> String {
    project.staged("select reason from rejects order by file, line, column_name").join("\n")
}

#[test]
fn field_a2_all_carriage_returns_before_a_line_feed_belong_to_the_line_break() {
    let text = "id,amount,store\r\r\n1,1.5,Ulm\r\r\n\r\r\n2,2.5,\"Ulm\"\r\r\r\n# bye\r\r\n3,3.5,\"a\r\r\nb\"\r\n4,4.5,Bonn\r\r";
    for keys in ["", "line_end = \"lf\"", "quote = \"'\""] {
        let project = loaded(&format!("comment = \"#\"\n{keys}"), THREE, text);
        let quoted = keys.contains("quote");
        let expected = ["1,1.50,Ulm", "2,2.50,Ulm", "3,3.50,a<CR><CR><LF>b", "4,4.50,Bonn"];
        match quoted {
            false => assert_eq!(values(&project), expected, "{keys}"),
            true => assert_eq!(values(&project)[0], expected[0]),
        }
    }
    let project = loaded("", THREE, "id,amount,store\r\r\n\"1\",1.5,\"Ulm\"\r\r\r");
    assert_eq!(values(&project), ["1,1.50,Ulm"]);
    // The lines are counted as they are in the file, and nothing of it reaches a reject.
    let project = loaded("", THREE, "id,amount,store\r\r\n\"1\r\r\n\",1.5,Ulm\r\r\nx,y,z\r\r\n");
    assert_eq!(rejects(&project), ["4,amount,not_a_number,y"]);
    assert_eq!(project.staged("select raw from rejects"), ["\"x,y,z\""]);
}

#[test]
fn field_a2_a_line_feed_behind_a_carriage_return_is_no_text_where_lines_end_with_returns() {
    let project = loaded("line_end = \"cr\"", PAIR, "a,b\r\nx,1\r\n\"y\r\n\",2\r\nz,three\r\n");
    assert_eq!(values(&project), ["x,1", "y<CR><LF>,2"]);
    assert_eq!(rejects(&project), ["5,b,not_a_number,three"]);
}

#[test]
fn field_b8_short_and_long_records_fit_as_declared_and_are_counted() {
    let columns = "id = { type = \"varchar\", required = true }
amount = { type = \"decimal(10,2)\", required = true }
store = { type = \"varchar\" }
city = { type = \"varchar\", null_as = \"?\" }";
    let text = "id,amount,store,city\n1,1.5,Ulm,x\n2,2.5\n3\n4,4.5,Bonn,y,,\n5,5.5,Bonn,y,,z\n6,6.5,Bonn,y, \n7,7.5,\n";
    let project = declared("short_records = \"pad\"\nlong_records = \"drop_empty\"", columns);
    project.write("data/raw/t.csv", text);
    let report = project.ok(&["ingest", "--log-format", "json"]);
    let said = format!("{}{}", report.stdout, report.stderr);
    assert!(said.contains("2 records padded, 1 record shortened by empty fields"), "{said}");
    assert_eq!(values(&project), ["1,1.50,Ulm,x", "2,2.50,null,?", "4,4.50,Bonn,y", "7,7.50,null,?"]);
    assert_eq!(rejects(&project), ["4,amount,required,", "6,,too_many_fields,", "7,,too_many_fields,"]);
    assert!(reason(&project).contains("field 6 of 6 holds a value"), "{}", reason(&project));

    let project = loaded("", columns, text);
    assert_eq!(values(&project), ["1,1.50,Ulm,x"]);
    assert_eq!(project.staged("select count(*) from rejects"), ["6"]);
    let project = loaded("short_records = \"pad\"", columns, text);
    assert_eq!(
        project.staged("select line, code from rejects where code like 'too%' order by line"),
        ["5,too_many_fields", "6,too_many_fields", "7,too_many_fields"]
    );
}

#[test]
fn field_b11_a_text_of_blanks_is_what_it_is() {
    let columns = "a = { type = \"varchar\" }
b = { type = \"varchar\", trim = true }
c = { type = \"varchar\", nulls = [\" \", \"NA\"] }
d = { type = \"integer\" }
e = { type = \"date\" }";
    let project = loaded("", columns, "a,b,c,d,e\n , , , , \n\"  \",x,NA,1,2024-01-01\n,,,,\n");
    let shown = |column: &str| format!("coalesce('<' || {column}::varchar || '>', 'null')");
    let columns: Vec<String> = ["a", "b", "c", "d", "e"].map(shown).into();
    assert_eq!(
        project.staged(&format!("select {} from raw.t order by _line", columns.join(", "))),
        ["< >,null,null,null,null", "<  >,<x>,null,<1>,<2024-01-01>", "null,null,<>,null,null"]
    );
    let project =
        loaded("", "a = { type = \"varchar\", required = true }\nb = { type = \"integer\" }", "a,b\n ,1\n,2\n");
    assert_eq!(values(&project), [" ,1"]);
    assert_eq!(rejects(&project), ["3,a,required,"]);
}

#[test]
fn a_header_that_is_repeated_is_skipped_quoted_or_not() {
    for text in [
        "id,amount,store\n1,1.5,Ulm\n\"id\",\"amount\",\"store\"\n2,2.5,Ulm\n",
        "\"id\",\"amount\",\"store\"\n1,1.5,Ulm\nid,amount,store\n2,2.5,Ulm\n",
    ] {
        let project = loaded("", THREE, text);
        assert_eq!(values(&project), ["1,1.50,Ulm", "2,2.50,Ulm"]);
        assert!(rejects(&project).is_empty());
    }
    // A delimiter inside of quotes makes it another row.
    let pair = "a = { header = \"x,y\", type = \"varchar\" }\nb = { header = \"z\", type = \"varchar\" }";
    let project = loaded("", pair, "\"x,y\",z\n\"x\",\"y,z\"\n");
    assert_eq!(project.staged("select a from raw.t"), ["x"]);
}

#[test]
fn a_lower_bound_above_the_upper_one_is_no_contract() {
    for column in [
        "a = { type = \"integer\", min = \"5\", max = \"1\" }",
        "a = { type = \"date\", min = \"2024-02-01\", max = \"2024-01-01\" }",
    ] {
        let error = declared("", column).fails(&["ingest"]);
        assert!(error.contains("column `a`: min is above max, so that no value fits"), "{error}");
    }
}
