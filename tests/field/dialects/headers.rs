//! Headers, positions, and delimiters at the end of a line.

use super::{THREE, values, wrong};
use crate::harness::declared::{PAIR, loaded, refused, rejects, rows};

#[test]
fn field_b3_line_breaks_in_headers_compare_alike() {
    for declared_break in ["\\n", "\\r\\n", "\\r"] {
        let columns = format!(
            "a = {{ header = \"Net{declared_break}amount\", type = \"varchar\" }}\nb = {{ header = \"x\", aliases = [\"b{declared_break}c\"], type = \"integer\" }}"
        );
        for written in ["\r\n", "\n", "\r"] {
            let text = format!("\"Net{written}amount\",\"b{written}c\"\r\nv,1\r\n");
            let project = loaded("", &columns, text);
            assert_eq!(values(&project), ["v,1"], "{declared_break} {written:?}");
        }
    }
    // Outside quotes a return is still the end of another kind of line.
    let error = refused("line_end = \"lf\"", PAIR, "a,b\rx,1\r");
    assert!(error.contains("set line_end = \"cr\""), "{error}");
}

#[test]
fn field_b10_blanks_around_header_names_do_not_count() {
    let columns = "a = { header = \" n (cm2)\", type = \"varchar\" }\nb = { header = \"x\", aliases = [\" b \"], type = \"integer\" }";
    for header in [" n (cm2),b", "n (cm2), b", "\" n (cm2) \",\tb\t"] {
        assert_eq!(values(&loaded("", columns, format!("{header}\nv,1\n"))), ["v,1"], "{header}");
    }
    let same = "a = { header = \" n\", type = \"varchar\" }\nb = { header = \"n \", type = \"integer\" }";
    let error = wrong("", same);
    assert!(
        error.contains("columns `a` and `b` have the same header \"n\" (blanks around it do not count)"),
        "{error}"
    );
    let error = refused("drift = \"ignore_extra\"", PAIR, "a,b, a\nv,1,2\n");
    assert!(error.contains("\"a\" is column 1 and column 3") && error.contains("position = 1"), "{error}");
}

#[test]
fn field_b7_columns_may_be_declared_by_position() {
    let columns = "a = { position = 1, header = \"x\", type = \"varchar\" }
b = { position = 2, header = \"x\", type = \"integer\" }
c = { position = 4, type = \"varchar\" }
d = { header = \"d\", type = \"varchar\" }";
    let text = "x,x,,,d\nv,1,left,w,y\n";
    assert_eq!(values(&loaded("drift = \"ignore_extra\"", columns, text)), ["v,1,w,y"]);
    let error = refused("", columns, text);
    assert!(error.contains("added     \"\" (column 3)"), "{error}");
    // A header that is declared beside a position is verified.
    let error = refused("drift = \"ignore_extra\"", columns, "x,z,,,d\nv,1,left,w,y\n");
    assert!(error.contains("column 2 is \"z\", not \"x\"") && error.contains("aliases = [\"z\"]"), "{error}");
    let aliased = columns.replace("position = 2, header = \"x\",", "position = 2, header = \"x\", aliases = [\"z\"],");
    assert_eq!(values(&loaded("drift = \"ignore_extra\"", &aliased, "x,z,,,d\nv,1,l,w,y\n")), ["v,1,w,y"]);
    let error = refused("drift = \"ignore_extra\"", columns, "x,x,d\nv,1,y\n");
    assert!(error.contains("column 4 (c); the header has 3 columns"), "{error}");
    let optional = columns.replace("c = { position = 4,", "c = { position = 4, optional = true,");
    assert_eq!(values(&loaded("drift = \"ignore_extra\"", &optional, "x,x,d\nv,1,y\n")), ["v,1,null,y"]);
    // Of columns without position the order counts as before.
    let two = "a = { position = 3, type = \"varchar\" }\nb = { header = \"b\", type = \"varchar\" }\nc = { header = \"c\", type = \"varchar\" }";
    assert_eq!(values(&loaded("", two, "b,c,?\n1,2,3\n")), ["3,1,2"]);
    assert!(refused("", two, "c,b,?\n1,2,3\n").contains("moved"));

    // Without a header.
    let by_place = "a = { position = 3, type = \"varchar\" }\nb = { position = 1, type = \"integer\" }";
    let project = loaded("header_row = 0\ndrift = \"ignore_extra\"", by_place, "1,x,v\n2,y\n3,z,w,q\n");
    assert_eq!(rows(&project), ["1,v,1"]);
    assert_eq!(rejects(&project), ["2,,too_few_fields,", "3,,too_many_fields,"]);
    for (keys, columns, expected) in [
        ("header_row = 0", by_place, "no column has position 2"),
        (
            "header_row = 0",
            "a = { position = 1, type = \"varchar\" }\nb = { type = \"varchar\" }",
            "column `b` has no position",
        ),
        (
            "",
            "a = { position = 1, type = \"varchar\" }\nb = { position = 1, type = \"varchar\" }",
            "have the same position 1",
        ),
        ("", "a = { position = 0, type = \"varchar\" }", "position counts from 1"),
        ("format = \"ndjson\"", "a = { position = 1, type = \"varchar\" }", "position goes with"),
        (
            "",
            "a = { header = \"x\", type = \"varchar\" }\nb = { header = \"x\", type = \"varchar\" }",
            "add position = 2",
        ),
    ] {
        let error = wrong(keys, columns);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn field_b7_a_header_may_span_several_lines() {
    let columns = "a = { header = \"Store\", type = \"varchar\" }
b = { header = \"2024 Sales EUR\", type = \"integer\" }
c = { header = \"Cost EUR\", type = \"integer\" }";
    let text =
        "Report\n,2024,\nStore,Sales,Cost\n,EUR,EUR\nUlm,1,2\n,2024,\nStore,Sales,Cost\n,EUR,EUR\nBonn,3,4\n,EUR,EUR\n";
    let project = loaded("header_row = 2\nheader_lines = 3", columns, text);
    assert_eq!(rows(&project), ["5,Ulm,1,2", "9,Bonn,3,4"]);
    // A row that repeats the last line of the header alone is a record.
    assert_eq!(project.staged("select distinct line, code from rejects"), ["10,not_a_number"]);
    // An empty line counts among the lines of a header.
    let project = loaded("header_lines = 2", PAIR, "a,b\n\nx,1\n");
    assert_eq!(rows(&project), ["3,x,1"]);
    // Names that come out alike are addressed by position.
    let columns = "a = { position = 1, type = \"varchar\" }\nb = { position = 2, header = \"Q1\", type = \"integer\" }\nc = { position = 3, header = \"Q1\", type = \"integer\" }";
    let project = loaded("header_lines = 2", columns, ",,\nStore,Q1,Q1\nUlm,1,2\n");
    assert_eq!(values(&project), ["Ulm,1,2"]);
    for (keys, expected) in [
        ("header_lines = 0", "header_lines is how many lines"),
        ("header_row = 0\nheader_lines = 2", "header_lines needs a header"),
    ] {
        assert!(wrong(keys, PAIR).contains(expected), "{keys}");
    }
}

#[test]
fn field_b4_a_delimiter_may_end_the_header_the_records_or_both() {
    let keys = "delimiter = \"|\"\ntrailing_delimiter = true";
    for text in [
        "id|amount|store\n1|1.5|Ulm|\n2||\n",
        "id|amount|store|\n1|1.5|Ulm\n2||\n",
        "id|amount|store|\n1|1.5|Ulm|\n2|||\n",
        "id|amount|store|\r\n1|1.5|\"Ulm\"|\r\n2||\r\n",
    ] {
        assert_eq!(values(&loaded(keys, THREE, text)), ["1,1.50,Ulm", "2,null,null"], "{text}");
    }
    let project = loaded(
        keys,
        THREE,
        "id|amount|store|\n1|1.5|Ulm|x\n2|1.5|Ulm| \n3|1.5|Ulm|\"\"\n4|1.5|Ulm||\n5|1.5\n6|1|Ulm|\n",
    );
    assert_eq!(values(&project), ["6,1.00,Ulm"]);
    assert_eq!(
        rejects(&project),
        [
            "2,,too_many_fields,",
            "3,,too_many_fields,",
            "4,,too_many_fields,",
            "5,,too_many_fields,",
            "6,,too_few_fields,"
        ]
    );
    let project = loaded(&format!("{keys}\nheader_row = 0"), THREE, "1|1.5|Ulm|\n");
    assert_eq!(values(&project), ["1,1.50,Ulm"]);
}
