//! Quotes and escapes.

use super::{reason, values, wrong};
use crate::harness::declared::{PAIR, declared, loaded, refused, rejects};

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
