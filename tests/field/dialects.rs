//! Dialects of text files: line breaks, marks, quotes, escapes, headers, short and long records, encodings.

use crate::harness::declared::{PAIR, declared, loaded, refused, rejects, rows};

/// Three columns as many files here have them.
const THREE: &str = "id = { type = \"varchar\" }
amount = { type = \"decimal(10,2)\" }
store = { type = \"varchar\" }";

/// The loaded rows in file order, without their lines; `null` is no value and line breaks are shown.
fn values(project: &crate::harness::Project) -> Vec<String> {
    let shown = "replace(replace(replace(coalesce(columns(* exclude (_file, _line))::varchar, 'null'), chr(13), '<CR>'), chr(10), '<LF>'), chr(9), '<TAB>')";
    project.staged(&format!("select {shown} from (select * from raw.t order by _file, _line)"))
}

/// The message with which a contract is refused.
fn wrong(keys: &str, columns: &str) -> String {
    let project = declared(keys, columns);
    project.write("data/raw/t.csv", "a,b\n");
    project.fails(&["ingest"])
}

fn reason(project: &crate::harness::Project) -> String {
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

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn field_a7_a_mark_of_another_encoding_than_the_declared_one_is_refused() {
    let marked = "\u{feff}a,b\nKöln,1\n";
    for encoding in ["windows-1252", "latin-1", "cp850", "iso-8859-15", "shift_jis", "gbk", "utf-16", "utf-16le"] {
        let error = refused(&format!("encoding = \"{encoding}\""), PAIR, marked);
        let named = "it begins with the byte order mark of UTF-8; set encoding = \"utf-8\"";
        assert!(error.contains(named), "{encoding}: {error}");
    }
    for encoding in ["utf-8", "windows-1252", "utf-16be", "big5"] {
        let error = refused(&format!("encoding = \"{encoding}\""), PAIR, utf16(marked, u16::to_le_bytes));
        assert!(error.contains("it begins with the byte order mark of UTF-16"), "{encoding}: {error}");
        assert!(error.contains("set encoding = \"utf-16\""), "{encoding}: {error}");
    }
    let error = refused("encoding = \"utf-16le\"", PAIR, utf16(marked, u16::to_be_bytes));
    assert!(error.contains("byte order mark of UTF-16BE; set encoding = \"utf-16\""), "{error}");
    let utf32: Vec<u8> = marked.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for encoding in ["utf-8", "utf-16", "latin-1"] {
        let error = refused(&format!("encoding = \"{encoding}\""), PAIR, &utf32);
        assert!(error.contains("byte order mark of UTF-32, which is not read; save the file as UTF-8"), "{error}");
    }
    // What the file says itself is what the contract may say.
    for (encoding, content) in [("utf-8", marked.into()), ("utf-16", utf16(marked, u16::to_be_bytes))] {
        assert_eq!(values(&loaded(&format!("encoding = \"{encoding}\""), PAIR, content)), ["Köln,1"]);
    }
}

#[test]
fn field_a8_without_quotes_an_escape_is_read_as_mysql_and_postgresql_write_it() {
    let text = "a|b\nC:\\\\dir\\\\new|1\ntab\\there\\nand \\r|2\n\\N|3\n\\\\N|4\na\\|b|5\nsay \\\"hi\\\" or \"hi\"|6\nline\\\nbreak|7\nfull\\\r\nbreak|8\n\\bx\\f\\v\\ü\\'|9\n|\\N\nlast\\\\|10";
    let keys = "quote = \"\"\nescape = \"\\\\\"\ndelimiter = \"|\"";
    let project = loaded(keys, PAIR, text);
    assert_eq!(
        project.staged("select replace(replace(replace(replace(coalesce(a, 'null'), chr(13), '<CR>'), chr(10), '<LF>'), chr(9), '<TAB>'), '\"', '''') from raw.t order by _line"),
        [
            "C:\\dir\\new",
            "tab<TAB>here<LF>and <CR>",
            "null",
            "\\N",
            "a|b",
            "say 'hi' or 'hi'",
            "line<LF>break",
            "full<CR><LF>break",
            "\u{8}x\u{c}\u{b}ü'",
            "null",
            "last\\",
        ]
    );
    assert_eq!(
        project.staged("select _line, coalesce(b, 0) from raw.t order by _line"),
        ["2,1", "3,2", "4,3", "5,4", "6,5", "7,6", "8,7", "10,8", "12,9", "13,0", "14,10"]
    );

    // What the two of them, or other programs, read differently is no guess.
    let project = loaded(keys, PAIR, "a|b\nx\\qy|1\n\\x41|2\n\\101|3\nx\\N|4\nz\\0|5\n\\Z|6\nok|7\nend\\");
    assert_eq!(values(&project), ["ok,7"]);
    assert_eq!(
        project.staged("select line, column_name, code from rejects order by line"),
        [
            "2,a,bad_escape",
            "3,a,bad_escape",
            "4,a,bad_escape",
            "5,a,bad_escape",
            "6,a,nul_byte",
            "7,a,bad_escape",
            "9,,too_few_fields"
        ]
    );
    assert_eq!(project.staged("select value from rejects where line = 2"), ["x\\qy"]);
    // An empty text and no value are told apart where the contract does so.
    let project =
        loaded(&format!("{keys}\nnulls = []"), "a = { type = \"varchar\" }\nb = { type = \"varchar\" }", "a|b\n|\\N\n");
    assert_eq!(project.staged("select a = '', b is null from raw.t"), ["true,true"]);
}

#[test]
fn field_a8_a_tab_separated_dump_comes_back_as_it_was() {
    let keys = "delimiter = \"\\t\"\nquote = \"\"\nescape = \"\\\\\"\nheader_row = 0\nfooter = [\"\\\\.\"]";
    let project = loaded(keys, PAIR, "one\\ttab\t1\ntwo\\\ttab\t2\nthree\\\\\t\\N\n\\.\n");
    assert_eq!(values(&project), ["one<TAB>tab,1", "two<TAB>tab,2", "three\\,null"]);
}

#[test]
fn field_a8_with_quotes_every_escaped_character_has_a_declared_meaning() {
    let text =
        "a,b\n\"say \\\"hi\\\"\",1\n\"back\\\\slash\",2\n\"a\\,b\\%\",3\n\"C:\\new\",4\nplain\\x,5\nit\\\"s,6\n\\N,7\n";
    let project = loaded("escape = \"\\\\\"", PAIR, text);
    let quoted = values(&project);
    assert_eq!(quoted, ["\"say \"\"hi\"\"\",1", "back\\slash,2", "\"a,b%\",3", "plain\\x,5", "\\N,7"]);
    assert_eq!(rejects(&project), ["5,a,bad_escape,C:\\new", "7,a,bad_quote,"]);
    assert!(reason(&project).contains("escape_outside_quotes = true"), "{}", reason(&project));

    // As MySQL writes optionally quoted fields.
    let project = loaded("escape = \"\\\\\"\nescape_outside_quotes = true", PAIR, text);
    let everywhere = ["\"say \"\"hi\"\"\",1", "back\\slash,2", "\"a,b%\",3", "C:<LF>ew,4", "\"it\"\"s\",6", "null,7"];
    assert_eq!(values(&project), everywhere);
    assert_eq!(rejects(&project), ["6,a,bad_escape,plain\\x"]);

    for (keys, expected) in [
        ("escape_outside_quotes = true", "escape_outside_quotes needs an escape"),
        ("escape = \"n\"", "escape must not be a letter or a digit"),
        ("quote = \"\"\nstray_quotes = \"text\"", "without quotes"),
        ("quote = \"\"\nspaces_around_quotes = true", "without quotes"),
    ] {
        let error = wrong(keys, PAIR);
        assert!(error.contains(expected), "{keys}: {error}");
    }
}

#[test]
fn field_a9_blanks_around_quotes_are_rejects_or_dropped_as_declared() {
    let text = "a,b\n \"Jones\",1\n \"Smith, Ltd\",2\n\"Li\" ,3\n\t\"two\nlines\"\t,4\n\"plain\",5\n\"x\"y,6\n\"end\", \"7\" \r\n\"\" ,8\n";
    let project = loaded("", PAIR, text);
    assert_eq!(values(&project), ["plain,5"]);
    assert_eq!(
        rejects(&project),
        [
            "2,a,bad_quote,",
            "3,a,bad_quote,",
            "4,a,bad_quote,",
            "5,a,bad_quote,",
            "6,a,bad_quote,",
            "8,a,bad_quote,",
            "9,b,bad_quote,",
            "10,a,bad_quote,"
        ]
    );
    let reasons: Vec<String> =
        project.staged("select reason from rejects where line in (2, 3, 4, 9, 10) order by line");
    assert!(reasons.iter().all(|reason| reason.contains("spaces_around_quotes = true")), "{reasons:?}");

    let project = loaded("spaces_around_quotes = true", PAIR, text);
    assert_eq!(
        values(&project),
        ["Jones,1", "\"Smith, Ltd\",2", "Li,3", "two<LF>lines,4", "plain,5", "end,7", "null,8"]
    );
    assert_eq!(rejects(&project), ["8,a,bad_quote,"]);
    // Blanks that stand around no quote are text, and inside quotes they always are.
    let project = loaded("spaces_around_quotes = true", PAIR, "a,b\n x ,1\n \" y \" ,2\n");
    assert_eq!(values(&project), [" x ,1", " y ,2"]);
    // A tab that is the delimiter is no blank.
    let project = loaded("spaces_around_quotes = true\ndelimiter = \"\\t\"", PAIR, "a\tb\n \"x\" \t1\n\t2\n");
    assert_eq!(values(&project), ["x,1", "null,2"]);
}

#[test]
fn field_a16_a_quote_inside_an_unquoted_field_is_a_reject_or_text_as_declared() {
    let columns = "price = { type = \"varchar\" }\nname = { type = \"varchar\" }";
    let text =
        "price,name\n$33.83\"Organic Shirt, Plaid\"\n5\",pipe\n1,\"ok\"\n\"2\"x,y\n3,last\"\n\"a\nb\",6\" nail\n4,ok\n";
    let project = loaded("", columns, text);
    assert_eq!(values(&project), ["1,ok", "4,ok"]);
    assert_eq!(
        rejects(&project),
        ["2,price,bad_quote,", "3,price,bad_quote,", "5,price,bad_quote,", "6,name,bad_quote,", "7,name,bad_quote,"]
    );
    assert!(reason(&project).contains("stray_quotes = \"\"text\"\""), "{}", reason(&project));
    assert_eq!(
        project.staged("select replace(raw, chr(10), '/') from rejects where line = 7"),
        ["\"\"\"a/b\"\",6\"\" nail\""]
    );

    let project = loaded("stray_quotes = \"text\"", columns, text);
    assert_eq!(
        project.staged("select replace(replace(price, '\"', ''''), chr(10), '/'), replace(replace(name, '\"', ''''), chr(10), '/') from raw.t order by _line"),
        ["$33.83'Organic Shirt, Plaid'", "5',pipe", "1,ok", "3,last'", "a/b,6' nail", "4,ok"]
    );
    assert_eq!(rejects(&project), ["5,price,bad_quote,"]);
    let error = refused("", columns, "price (6\"),name\n1,2\n");
    assert!(error.contains("the header cannot be read") && error.contains("stray_quotes = \"text\""), "{error}");
    // A footer or a comment with a quote is passed over as before.
    let project = loaded("footer = [\"Total\"]\ncomment = \"#\"", columns, "price,name\n# 5\"\n1,x\nTotal 6\",2\n");
    assert_eq!(values(&project), ["1,x"]);
    assert_eq!(rejects(&project), [""; 0]);
}

#[test]
fn field_a16_sniff_drafts_what_the_quotes_of_a_file_need() {
    let project = declared("", PAIR);
    for (content, expected) in [
        ("size,name\n5\" pipe,x\n7,y\n6\" nail,z\n", "stray_quotes = \"text\""),
        ("size,name\n \"5, small\",x\n7,y\n 6,z\n", "spaces_around_quotes = true"),
    ] {
        project.write("data/raw/new.csv", content);
        let drafted = project.ok(&["sniff", "data/raw/new.csv"]);
        assert!(drafted.stdout.contains(expected), "{}", drafted.stdout);
        assert!(drafted.stdout.contains("# DOUBT"), "{}", drafted.stdout);
    }
    project.write("data/raw/new.csv", "size,name\n\"5\",x\n7,\"y\"\"z\"\n");
    let drafted = project.ok(&["sniff", "data/raw/new.csv"]).stdout;
    assert!(!drafted.contains("stray_quotes") && !drafted.contains("spaces_around"), "{drafted}");
}

#[test]
fn field_a10_a_mark_at_the_start_of_a_record_is_no_text() {
    let joined = "\u{feff}1,x\n\u{feff}2,y\n\u{feff}\"3\",z\n\u{feff}\u{feff}4,\u{feff}w\n\"\u{feff}5\",v\n";
    let columns = "a = { type = \"varchar\" }\nb = { type = \"varchar\" }";
    let expected = ["1,x", "2,y", "3,z", "4,<M>w", "<M>5,v"];
    for (keys, content) in [
        ("", joined.into()),
        ("encoding = \"utf-16\"", utf16(joined, u16::to_le_bytes)),
        ("encoding = \"utf-16be\"", utf16(joined, u16::to_be_bytes)),
    ] {
        let project = loaded(&format!("header_row = 0\n{keys}"), columns, content);
        assert_eq!(
            project.staged(
                "select replace(a, chr(65279), '<M>'), replace(b, chr(65279), '<M>') from raw.t order by _line"
            ),
            expected
        );
    }
    // With headers, comments and empty lines.
    let text = "\u{feff}a,b\nx,1\n\u{feff}a,b\ny,2\n\u{feff}\n\u{feff}# z\nz,3\n";
    let project = loaded("comment = \"#\"", PAIR, text);
    assert_eq!(values(&project), ["x,1", "y,2", "z,3"]);
    let project = loaded("", PAIR, "\u{feff}\"a\",\"b\"\nx,1\n");
    assert_eq!(values(&project), ["x,1"]);
    let project = loaded("format = \"whitespace\"", PAIR, "\u{feff}a b\n\u{feff}x 1\n");
    assert_eq!(values(&project), ["x,1"]);
    // Under an encoding of one byte a mark in the middle proves that files of two encodings were joined.
    let error = refused("encoding = \"windows-1252\"", PAIR, "a,b\nx,1\n\u{feff}a,b\nKöln,2\n");
    assert!(error.contains("line 3 begins with the byte order mark of UTF-8"), "{error}");
}

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

/// Characters with their bytes in one encoding; all others are ASCII.
type Table = &'static [(char, &'static [u8])];

const SHIFT_JIS: Table = &[
    ('表', b"\x95\x5C"),
    ('示', b"\x8E\xA6"),
    ('ソ', b"\x83\x5C"),
    ('能', b"\x94\x5C"),
    ('ポ', b"\x83|"),
    ('十', b"\x8F\x5C"),
];
const EUC_JP: Table = &[('東', b"\xC5\xEC"), ('京', b"\xB5\xFE"), ('表', b"\xC9\xBD")];
const ISO2022_JP: Table = &[('表', b"\x1B$BI=\x1B(B")];
const CP949: Table = &[
    ('똠', b"\x8Cc"),
    ('방', b"\xB9\xE6"),
    ('각', b"\xB0\xA2"),
    ('하', b"\xC7\xCF"),
    ('서', b"\xBC\xAD"),
    ('울', b"\xBF\xEF"),
    ('表', b"\xF8\xFA"),
];
const GBK: Table = &[('北', b"\xB1\xB1"), ('京', b"\xBE\xA9"), ('鐪', b"\xE7\x9C"), ('表', b"\xB1\xED")];
const GB18030: Table = &[('北', b"\xB1\xB1"), ('京', b"\xBE\xA9"), ('😀', b"\x949\xFC6"), ('表', b"\xB1\xED")];
const BIG5: Table = &[('許', b"\xB3\x5C"), ('功', b"\xA5\x5C"), ('蓋', b"\xBB\x5C"), ('表', b"\xAA\xED")];

fn encoded(table: Table, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for c in text.chars() {
        match table.iter().find(|(known, _)| *known == c) {
            Some((_, of_character)) => bytes.extend_from_slice(of_character),
            None => bytes.push(u8::try_from(c).unwrap()),
        }
    }
    bytes
}

#[test]
fn field_b9_encodings_with_several_bytes_per_character_are_decoded_before_they_are_cut() {
    let columns = "a = { header = \"表\", type = \"varchar\" }\nb = { type = \"integer\" }";
    let cases: [(Table, &[&str]); 7] = [
        (SHIFT_JIS, &["shift_jis", "sjis", "cp932", "windows-31j"]),
        (EUC_JP, &["euc-jp", "eucJP"]),
        (ISO2022_JP, &["iso-2022-jp"]),
        (CP949, &["euc-kr", "cp949", "uhc"]),
        (GBK, &["gbk", "gb2312", "cp936"]),
        (GB18030, &["gb18030"]),
        (BIG5, &["big5", "cp950"]),
    ];
    for (table, names) in cases {
        let text: String = table.iter().map(|(c, _)| c).collect();
        let content = encoded(table, &format!("表;b\n{text};1\n\"{text};\";2\n"));
        for name in names {
            let project = loaded(&format!("delimiter = \";\"\nencoding = \"{name}\""), columns, &content);
            assert_eq!(values(&project), [format!("{text},1"), format!("{text};,2")], "{name}");
        }
    }
    // A second byte may be the delimiter, the quote's escape or a line break of another encoding.
    let content = encoded(SHIFT_JIS, "a|b\n\"ポ\\\"ソ\"|1\n表|2\n");
    let project = loaded("delimiter = \"|\"\nescape = \"\\\\\"\nencoding = \"cp932\"", PAIR, content);
    assert_eq!(values(&project), ["\"ポ\"\"ソ\",1", "表,2"]);
    let error = wrong("encoding = \"iso-2022-kr\"", PAIR);
    assert!(error.contains("encoding \"iso-2022-kr\" is not known") && error.contains("shift_jis (cp932)"), "{error}");
}

#[test]
fn field_b9_a_character_on_the_border_of_a_block_and_bad_bytes_are_told_apart() {
    // 64 KiB and 256 KiB are read at once: characters of two bytes stand on both sides of each border, shifted by one.
    for shift in ["", "x"] {
        let mut content = encoded(SHIFT_JIS, "a,b\n");
        let mut expected = 0;
        while content.len() < 600_000 {
            content.extend(encoded(SHIFT_JIS, &format!("{shift}表ソ能十,1\n")));
            expected += 1;
        }
        let project = loaded("encoding = \"shift_jis\"", PAIR, &content);
        assert_eq!(project.staged("select a, count(*) from raw.t group by a"), [format!("{shift}表ソ能十,{expected}")]);
    }
    let mut content = encoded(SHIFT_JIS, "a,b\n表,1\n");
    content.extend(b"x\x81,2\n\x80y,3\nok,4\n\"two\nlines \xFF\",5\nz\x83");
    let project = loaded("encoding = \"shift_jis\"", PAIR, content);
    assert_eq!(values(&project), ["表,1", "ok,4"]);
    assert_eq!(
        project.staged("select line, column_name, code, replace(value, chr(10), '/') from rejects order by line"),
        [
            "3,a,bad_encoding,x\\x81",
            "4,a,bad_encoding,\\x80y",
            "6,a,bad_encoding,two/lines \\xff",
            "8,,too_few_fields,"
        ]
    );
    assert!(reason(&project).contains("character 2 (byte 0x81) is not Shift_JIS"), "{}", reason(&project));
    // In a column that is not loaded they do no harm.
    let project = loaded("encoding = \"gbk\"\ndrift = \"ignore_extra\"", PAIR, b"a,b,c\nx,1,\xFF\n");
    assert_eq!(values(&project), ["x,1"]);
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
