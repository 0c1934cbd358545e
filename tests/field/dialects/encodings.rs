//! Encodings and byte order marks.

use super::{THREE, reason, values, wrong};
use crate::harness::declared::{PAIR, declared, loaded, refused};

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
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
fn field_b9_a_shift_of_iso_2022_jp_ends_with_its_line() {
    let project = declared("encoding = \"iso-2022-jp\"", THREE);
    let bytes: &[u8] = b"id,amount,store\nx,1,\x1b$BF|K\\,1\nk,2,v\nk,3,\x1b$BF|K\\\x1b(B\nlater,5,v\n";
    project.write("data/raw/t.csv", bytes);
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select _line, id, store from raw.t where _line > 2 order by 1"),
        ["3,k,v", "4,k,日本", "5,later,v"]
    );
    assert_eq!(project.staged("select count(*) from rejects where line <> 2"), ["0"]);
}
