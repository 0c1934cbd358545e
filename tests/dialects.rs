//! Files as other programs write them: small ones, each with one thing that contracts can declare.

use std::io::Write as _;

use crate::harness::declared::{PAIR, declared, field, loaded, refused, rejects, rows};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_and_zstd_are_known_by_their_bytes() {
    let project = declared("", PAIR);
    let two_members = [gzip("a,b\nmember,1\n"), gzip("member,2\n")].concat();
    project
        .write("data/raw/t1.csv", "a,b\nplain,1\n")
        .write("data/raw/t2.csv.gz", two_members)
        .write("data/raw/t3.csv.zst", zstd::encode_all("a,b\nzstd,1\n".as_bytes(), 3).unwrap())
        .write("data/raw/t4_without_ending", gzip("a,b\n\"quo\nted\",1\nnot,one\n"));
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select _file, _line, replace(a, chr(10), '/'), b from raw.t order by 1, 2"),
        [
            "data/raw/t1.csv,2,plain,1",
            "data/raw/t2.csv.gz,2,member,1",
            "data/raw/t2.csv.gz,3,member,2",
            "data/raw/t3.csv.zst,2,zstd,1",
            "data/raw/t4_without_ending,2,quo/ted,1",
        ]
    );
    assert_eq!(rejects(&project), ["4,b,not_a_number,one"]);
    assert!(project.ok(&["ingest"]).stdout.contains("4 files unchanged, not read"));
}

#[test]
fn a_compressed_file_that_breaks_off_is_refused_whole_and_the_others_are_loaded() {
    let lines: String = (0..20_000_u64).map(|n| format!("{},{n}\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let text = format!("a,b\n{lines}");
    let sound = gzip(&text);
    let mut wrong_sum = sound.clone();
    let checksum = wrong_sum.len() - 8;
    wrong_sum[checksum] ^= 1;
    let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
    for (name, content) in [
        ("t1.csv.gz", sound[..sound.len() / 2].to_owned()),
        ("t1.csv.gz", sound[..5].to_owned()),
        ("t1.csv.gz", wrong_sum),
        ("t1.csv.zst", zstd[..zstd.len() / 2].to_owned()),
    ] {
        let project = declared("", PAIR);
        project.write(&format!("data/raw/{name}"), content).write("data/raw/t2.csv", "a,b\nsound,1\n");
        let error = project.fails(&["ingest"]);
        let says = |what: &str| error.contains(&format!("data/raw/{name}: {what}"));
        assert!(says("it breaks off (") && error.contains("is it complete?") || says("it cannot be read: "), "{error}");
        assert_eq!(rows(&project), ["2,sound,1"]);
        project.write(&format!("data/raw/{name}"), &sound);
        project.ok(&["ingest"]);
        assert_eq!(project.staged("select count(*), sum(b) from raw.t"), ["20001,199990001"]);
    }
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn utf16_needs_a_mark_or_a_declared_order() {
    let text = "a,b\r\n\"Zoë, 😀\",1\r\n";
    let marked = format!("\u{feff}{text}");
    for (encoding, content) in [
        ("utf-16", utf16(&marked, u16::to_le_bytes)),
        ("utf-16", utf16(&marked, u16::to_be_bytes)),
        ("utf-16le", utf16(text, u16::to_le_bytes)),
        ("utf-16le", utf16(&marked, u16::to_le_bytes)),
        ("UTF-16BE", utf16(text, u16::to_be_bytes)),
    ] {
        let project = loaded(&format!("encoding = \"{encoding}\""), PAIR, content);
        assert_eq!(rows(&project), ["2,\"Zoë, 😀\",1"], "{encoding}");
    }
    let error = refused("encoding = \"utf-16\"", PAIR, utf16(text, u16::to_le_bytes));
    assert!(
        error.contains("it has no UTF-16 byte order mark; if it is UTF-16, declare utf-16le or utf-16be"),
        "{error}"
    );
    let error = refused("", PAIR, utf16(&marked, u16::to_le_bytes));
    assert!(error.contains("it begins with the byte order mark of UTF-16; set encoding = \"utf-16\""), "{error}");

    // Half of a surrogate pair is no character.
    let mut broken = utf16("a,b\nx", u16::to_le_bytes);
    broken.extend(0xD800_u16.to_le_bytes());
    broken.extend(utf16(",1\ny,2\n", u16::to_le_bytes));
    let project = loaded("encoding = \"utf-16le\"", PAIR, broken);
    assert_eq!(rows(&project), ["3,y,2"]);
    assert_eq!(rejects(&project), ["2,a,bad_encoding,x\\x00\\xd8"]);
}

#[test]
fn rows_that_are_no_records_are_skipped_and_counted() {
    let keys = "header_row = 3\ncomment = \"#\"\nfooter = [\"Total\", \"-- \"]\nskip_blank_rows = true";
    let text =
        "Report, \"June\n\n# of the shop\na,b\nx,1\n\n,\n\" \",\na,b\n#x,9\nTotal,3\ny,2\n-- end\nTotal,3\n\n# bye\n";
    let project = declared(keys, PAIR);
    project.write("data/raw/t.csv", text);
    let report = project.ok(&["ingest"]).stdout;
    let counted = "12 rows skipped (2 above the header, 3 comment, 4 blank, 1 repeated header, 2 footer)";
    assert!(report.contains(counted), "{report}");
    // A row that looks like a footer is a record if a record follows it.
    assert_eq!(rows(&project), ["5,x,1", "11,Total,3", "12,y,2"]);
    assert_eq!(project.staged("select records, accepted, rejected, skipped from ingest.files"), ["3,3,0,12"]);

    // Without these keys they are records, and faulty ones.
    let project = loaded("", PAIR, "a,b\nx,1\n,\n#x,9\na,b\nTotal\n");
    assert_eq!(rows(&project), ["2,x,1", "3,,", "4,#x,9"]);
    assert_eq!(rejects(&project), ["6,,too_few_fields,"]);
    assert_eq!(project.staged("select records, skipped from ingest.files"), ["4,1"]);

    let error = refused("header_row = 9", PAIR, "a,b\nx,1\n");
    assert!(error.contains("the file ends before its header on line 9"), "{error}");
}

#[test]
fn lines_may_end_with_a_carriage_return_alone() {
    let text = "a,b\rx,1\r\"y\ry\",2\rz,three\r";
    for keys in ["", "line_end = \"cr\""] {
        let project = loaded(keys, PAIR, text);
        assert_eq!(project.staged("select _line, replace(a, chr(13), '/'), b from raw.t"), ["2,x,1", "3,y/y,2"]);
        assert_eq!(rejects(&project), ["5,b,not_a_number,three"]);
    }
    let error = refused("line_end = \"lf\"", PAIR, text);
    assert!(
        error.contains("the header holds carriage returns; if lines end with them, set line_end = \"cr\""),
        "{error}"
    );
}

#[test]
fn a_quote_in_quotes_is_escaped_as_declared() {
    let text = "a,b\n\"say \\\"hi\\\"\",1\n\"back\\\\\",2\n\"dou\"\"ble\",3\nplain\\x,4\n";
    let project = loaded("escape = \"\\\\\"", PAIR, text);
    assert_eq!(rows(&project), ["2,\"say \"\"hi\"\"\",1", "3,back\\,2", "5,plain\\x,4"]);
    assert_eq!(rejects(&project), ["4,a,bad_quote,"]);

    let project = loaded("", PAIR, text);
    assert_eq!(rows(&project), ["3,back\\\\,2", "4,\"dou\"\"ble\",3", "5,plain\\x,4"]);
    assert_eq!(rejects(&project), ["2,a,bad_quote,"]);
}

#[test]
fn without_a_quote_character_quotes_are_text() {
    let project = loaded("quote = \"\"\ndelimiter = \"|\"", PAIR, "a|b\n\"x|1\n6\" pipe|2\n\"y\"|3\n");
    assert_eq!(rows(&project), ["2,\"\"\"x\",1", "3,\"6\"\" pipe\",2", "4,\"\"\"y\"\"\",3"]);
}

#[test]
fn numbers_are_dressed_only_as_declared() {
    const WRITTEN: [(&str, &str); 11] = [
        ("1,234.50", "thousands"),
        ("€5", "currency"),
        ("5 EUR", "currency"),
        ("-€5", "currency"),
        ("€-5", "currency"),
        ("(5)", "parentheses"),
        ("5-", "trailing_minus"),
        ("12.5%", "percent"),
        ("5", "plain"),
        ("+5", "plain"),
        ("-5", "plain"),
    ];
    // Whatever is declared.
    const NEVER: [&str; 14] =
        ["1 234", "1,23", "1234,567", ",123", "(-5)", "--5", "()", "€5€", "1.5e3", "0x10", "½", "$5", "%", "Infinity"];
    let text: String = WRITTEN.iter().map(|(text, _)| text).chain(&NEVER).map(|text| format!("{text};x\n")).collect();
    for (kind, keys, values) in [
        ("plain", "", &["5.0000", "5.0000", "-5.0000"][..]),
        ("thousands", ", thousands = \",\"", &["1234.5000", "5.0000", "5.0000", "-5.0000"]),
        (
            "currency",
            ", currency = [\"€\", \"EUR\"]",
            &["5.0000", "5.0000", "-5.0000", "-5.0000", "5.0000", "5.0000", "-5.0000"],
        ),
        ("parentheses", ", negatives = [\"parentheses\"]", &["-5.0000", "5.0000", "5.0000", "-5.0000"]),
        ("trailing_minus", ", negatives = [\"trailing_minus\"]", &["-5.0000", "5.0000", "5.0000", "-5.0000"]),
        // A number without % could be either.
        ("percent", ", percent = true", &["0.1250"]),
    ] {
        let columns = format!("n = {{ type = \"decimal(18,4)\"{keys} }}\nx = {{ type = \"varchar\" }}");
        let project = loaded("delimiter = \";\"", &columns, format!("n;x\n{text}"));
        assert_eq!(project.staged("select n from raw.t order by _line"), values, "{kind}");
        let accepted = |other: &str| other == kind || other == "plain" && kind != "percent";
        let mut expected: Vec<&str> =
            WRITTEN.iter().filter(|(_, other)| !accepted(other)).map(|(text, _)| *text).collect();
        expected.extend(NEVER);
        let expected: Vec<String> = expected.into_iter().map(|text| format!("not_a_number,{}", field(text))).collect();
        assert_eq!(project.staged("select code, value from rejects order by line"), expected, "{kind}");
    }
}

#[test]
fn declarations_of_numbers_go_together_and_hold_for_all_columns() {
    let keys = "delimiter = \";\"\ndecimal = \",\"\nthousands = \".\"\ncurrency = [\"€\"]\nnegatives = [\"parentheses\", \"trailing_minus\"]";
    let columns = "n = { type = \"decimal(18,4)\" }\nm = { type = \"integer\", currency = [], negatives = [] }";
    let text = "n;m\n(€ 1.234,56);1.000\n1.234.567,8 €-;-7\n-0,5;(7)\n1.234.56;7\n";
    let project = loaded(keys, columns, text);
    assert_eq!(rows(&project), ["2,-1234.5600,1000", "3,-1234567.8000,-7"]);
    assert_eq!(rejects(&project), ["4,m,not_a_number,(7)", "5,n,not_a_number,1.234.56"]);
}

#[test]
fn a_group_of_digits_does_not_begin_with_zero() {
    let columns = "n = { type = \"decimal(18,4)\", thousands = \",\" }\nx = { type = \"varchar\" }";
    let project = loaded("delimiter = \";\"", columns, "n;x\n0,123;\n-0,500;\n01,234;\n100,234;\n0.5;\n");
    assert_eq!(project.staged("select n from raw.t order by _line"), ["100234.0000", "0.5000"]);
    assert_eq!(
        rejects(&project),
        ["2,n,not_a_number,\"0,123\"", "3,n,not_a_number,\"-0,500\"", "4,n,not_a_number,\"01,234\""]
    );
}

#[test]
fn spellings_of_absent_values_are_declared_per_column() {
    let columns = "a = { type = \"varchar\" }
b = { type = \"varchar\", nulls = [\"NA\"] }
c = { type = \"integer\", nulls = [\"\", \"n/a\", \"9999\"] }
d = { type = \"varchar\", null_as = \"none\" }";
    let text = "a,b,c,d\nNA,NA,n/a,-\n-,-, ,\n\"\",,9999,x\nx, NA ,N/A,y\n";
    let project = loaded("nulls = [\"\", \"-\"]", columns, text);
    let shown = |column: &str| format!("coalesce({column}::varchar, 'null')");
    let query = format!("select {}, {}, {}, d from raw.t order by _line", shown("a"), shown("b"), shown("c"));
    assert_eq!(project.staged(&query), ["NA,null,null,none", "null,-,null,none", "null,,null,x"]);
    assert_eq!(rejects(&project), ["5,c,not_a_number,N/A"]);
}

#[test]
fn a_date_that_could_be_two_days_is_refused_unless_an_order_is_declared() {
    let columns = "d = { type = \"date\", formats = [\"%d/%m/%Y\", \"%m/%d/%Y\"] }\nx = { type = \"varchar\" }";
    let text = "d,x\n01/02/2024,\n13/02/2024,\n02/13/2024,\n02/02/2024,\n13/13/2024,\n1/2/2024,\n";
    let project = loaded("", columns, text);
    assert_eq!(
        project.staged("select _line, d from raw.t order by 1"),
        ["3,2024-02-13", "4,2024-02-13", "5,2024-02-02"]
    );
    assert_eq!(
        rejects(&project),
        ["2,d,ambiguous_date,01/02/2024", "6,d,bad_date,13/13/2024", "7,d,ambiguous_date,1/2/2024"]
    );
    assert_eq!(
        project.staged("select reason from rejects where line = 2"),
        [
            "\"this is 2024-02-01 in %d/%m/%Y and 2024-01-02 in %m/%d/%Y; keep one format, or set ambiguous_dates = \"\"first_format\"\"\""
        ]
    );

    let project = loaded("ambiguous_dates = \"first_format\"", columns, text);
    assert_eq!(
        project.staged("select d from raw.t order by _line"),
        ["2024-02-01", "2024-02-13", "2024-02-13", "2024-02-02", "2024-02-01"]
    );
    assert_eq!(rejects(&project), ["6,d,bad_date,13/13/2024"]);
}

#[test]
fn values_are_held_to_the_rules_of_their_column() {
    let columns = "a = { type = \"varchar\", allowed = [\"x\", \"y\"] }
b = { type = \"varchar\", regex = \"[A-Z]+|7\" }
c = { type = \"varchar\", min_length = 2, max_length = 3 }
d = { type = \"integer\", min = \"1\", max = \"9\" }
e = { type = \"date\", min = \"2024-01-01\", max = \"2024-12-31\" }
f = { type = \"varchar\", required = true }";
    let text = "a,b,c,d,e,f
x,AB,éé,1,2024-01-01,f
z,aB,é,0,2023-12-31,
,,abcd,10,2025-01-01,f
 ,,,,,f
x,7,abc,9,2024-12-31,f
y,77,,,,f
";
    let project = loaded("", columns, text);
    assert_eq!(rows(&project), ["2,x,AB,éé,1,2024-01-01,f", "6,x,7,abc,9,2024-12-31,f"]);
    assert_eq!(
        rejects(&project),
        [
            "3,a,not_allowed,z",
            "3,b,no_match,aB",
            "3,c,bad_length,é",
            "3,d,out_of_range,0",
            "3,e,out_of_range,2023-12-31",
            "3,f,required,",
            "4,c,bad_length,abcd",
            "4,d,out_of_range,10",
            "4,e,out_of_range,2025-01-01",
            "5,a,not_allowed, ",
            "7,b,no_match,77",
        ]
    );
    assert_eq!(
        project.staged("select reason from rejects where line = 3 and column_name = 'a'"),
        ["\"not among the allowed values x, y\""]
    );
    assert_eq!(project.staged("select records, accepted, rejected from ingest.files"), ["6,2,4"]);
}

#[test]
fn a_key_occurs_once_in_a_file() {
    let keys = "unique = [\"a\", \"b\"]";
    let project = declared(keys, PAIR);
    project
        .write("data/raw/t1.csv", "a,b\nx,1\nx,2\n\"x\",1\nx,\nx,\ny,1\nx,01\nx,1\n")
        .write("data/raw/t2.csv", "a,b\nx,1\n");
    project.ok(&["ingest"]);
    // The first record of a key stays, an incomplete key is none, and another file may restate it.
    assert_eq!(rows(&project), ["2,x,1", "3,x,2", "5,x,", "6,x,", "7,y,1", "2,x,1"]);
    assert_eq!(rejects(&project), ["4,\"a, b\",duplicate,", "8,b,not_exact,01", "9,\"a, b\",duplicate,"]);
    assert_eq!(
        project.staged("select reason, raw from rejects where line = 4"),
        ["\"line 2 has the same a, b, which is unique in a file\",\"\"\"x\"\",1\""]
    );
    assert_eq!(
        project.staged("select records, accepted, rejected from ingest.files order by file"),
        ["8,5,3", "1,1,0"]
    );
    // A record that is rejected anyway does not take the key.
    let project = loaded("unique = [\"a\"]", PAIR, "a,b\nx,no\nx,2\nx,3\n");
    assert_eq!(rows(&project), ["3,x,2"]);
    assert_eq!(rejects(&project), ["2,b,not_a_number,no", "4,a,duplicate,"]);
}

#[test]
fn headers_that_are_empty_or_differ_in_case_only_are_no_trouble_for_keys() {
    let columns = "a = { header = \"id\", type = \"varchar\" }
b = { header = \"ID\", type = \"integer\" }
c = { header = \"\", type = \"integer\" }
d = { header = \"it's \\\"d\\\"\", type = \"integer\" }";
    let text = "id,ID,,\"it's \"\"d\"\"\"\nx,1,1,1\nx,2,2,2\n";
    let project = loaded("unique = [\"a\"]", columns, text);
    assert_eq!(rows(&project), ["2,x,1,1,1"]);
    assert_eq!(rejects(&project), ["3,a,duplicate,"]);
}

#[test]
fn fields_may_stand_at_fixed_places() {
    let columns = "a = { type = \"varchar\", start = 1, width = 4, trim = true }
b = { type = \"integer\", start = 6, width = 3 }";
    let text = "äbc   12\r\ncd     x\ne\nfghi  34 tail\nfghiX 35\n\n";
    let project = loaded("format = \"fixed\"", columns, text);
    assert_eq!(rows(&project), ["1,äbc,12", "3,e,"]);
    assert_eq!(rejects(&project), ["2,b,not_a_number,  x", "4,,too_many_fields,", "5,,too_many_fields,"]);
    assert_eq!(
        project.staged("select reason from rejects where line = 4"),
        ["\"'t' at character 10 lies outside the declared columns; drift = \"\"ignore_extra\"\" drops it\""]
    );
    let project = loaded("format = \"fixed\"\ndrift = \"ignore_extra\"", columns, text);
    assert_eq!(rows(&project), ["1,äbc,12", "3,e,", "4,fghi,34", "5,fghi,35"]);

    // A header, a comment and a footer are lines like any other; nothing is trimmed unless declared.
    let keys = "format = \"fixed\"\nheader_row = 1\ncomment = \"*\"\nfooter = [\"Sum\"]";
    let columns = columns.replace(", trim = true", "");
    let project = loaded(keys, &columns, "NAME  NO\n* c\nab    12\n      13\nSum   25\n");
    assert_eq!(rows(&project), ["3,ab  ,12", "4,,13"]);
    assert_eq!(project.staged("select skipped from ingest.files"), ["2"]);
}

#[test]
fn fields_may_stand_between_blanks() {
    let text = "  a   b\nx\t1\n  \"y z\"  2  \n\n   \nq 3 4\nr\n";
    let project = loaded("format = \"whitespace\"", PAIR, text);
    assert_eq!(rows(&project), ["2,x,1", "3,y z,2"]);
    assert_eq!(rejects(&project), ["6,,too_many_fields,", "7,,too_few_fields,"]);
    let project = loaded("format = \"whitespace\"\nheader_row = 0", PAIR, "x  1\n");
    assert_eq!(rows(&project), ["1,x,1"]);
}

#[test]
fn lines_of_json_keep_every_digit_or_are_refused() {
    let columns = "i = { type = \"integer\" }
d = { type = \"decimal(38,20)\" }
m = { type = \"decimal(18,4)\" }
s = { type = \"varchar\" }
b = { type = \"boolean\" }
t = { type = \"timestamp\" }";
    let lines = [
        r#"{"i":1,"d":0.12345678901234567890,"m":1.5,"s":"x","b":true,"t":"2024-01-01 10:00:00"}"#,
        r#"{"d":0.123456789012345678901,"m":0.12345678901234567890}"#,
        r#"{"t":"2024-01-01T10:00:00","s":1.50,"m":-0.0,"d":1E-20,"i":1e2}"#,
        r#"{"s":{"x":[1,2]},"i":1.0,"m":null}"#,
        r#"{"s":"a\u0000b"}"#,
        "",
        r#"{"i":01}"#,
        "[1]",
        r#"{"i":1,"x":2}"#,
        r#"{"i":1,"i":2}"#,
        r#"{"i":2147483648}"#,
        r#"{"m":1e400}"#,
        r#"{"s":"\ud83d\ude00"}"#,
    ];
    let project = loaded("format = \"ndjson\"", columns, lines.join("\r\n"));
    assert_eq!(
        rows(&project),
        [
            "1,1,0.12345678901234567890,1.5000,x,true,2024-01-01 10:00:00",
            "3,100,0.00000000000000000001,0.0000,1.50,,2024-01-01 10:00:00",
            "4,1,,,\"{\"\"x\"\":[1,2]}\",,",
            "13,,,,😀,,",
        ]
    );
    assert_eq!(
        rejects(&project),
        [
            "2,d,not_exact,0.123456789012345678901",
            "2,m,not_exact,0.12345678901234567890",
            "5,s,nul_byte,a\\x00b",
            "7,,bad_json,",
            "8,,bad_json,",
            "9,,unknown_field,",
            "10,,bad_json,",
            "11,i,out_of_range,2147483648",
            "12,m,out_of_range,1e400",
        ]
    );
    assert_eq!(
        project.staged("select reason from rejects where code = 'unknown_field'"),
        ["\"the contract has no column for \"\"x\"\"; declare it, or set drift = \"\"ignore_extra\"\"\""]
    );
    let project = loaded("format = \"ndjson\"\ndrift = \"ignore_extra\"", PAIR, r#"{"c":{"d":[1]},"b":1,"a":"x"}"#);
    assert_eq!(rows(&project), ["1,x,1"]);
}

/// Texts of JSON follow the contract's spelling, its numbers never.
#[test]
fn numbers_in_json_texts_are_written_as_declared() {
    let columns = "n = { type = \"decimal(18,4)\" }\nd = { type = \"date\", formats = [\"%d.%m.%Y\"] }";
    let lines = "{\"n\":\"1.234,5\",\"d\":\"31.12.2024\"}\n{\"n\":1.234}\n{\"n\":\"1.5\"}\n{\"d\":\"2024-12-31\"}\n";
    let project = loaded("format = \"ndjson\"\ndecimal = \",\"\nthousands = \".\"", columns, lines);
    assert_eq!(rows(&project), ["1,1234.5000,2024-12-31", "2,1.2340,"]);
    assert_eq!(rejects(&project), ["3,n,not_a_number,1.5", "4,d,bad_date,2024-12-31"]);
}
