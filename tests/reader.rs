//! Property: whatever is written as CSV is read back exactly, on the line where it was written.

use std::borrow::Cow;

use proptest::prelude::*;
use salesmart::ingest::fields;
use salesmart::ingest::reader::RecordReader;

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zäöü0-9 ]{0,12}",
        "[a-z\"\n\r,;é ]{0,12}",
        Just(String::new()),
        Just("\"".to_owned()),
        Just("a\r\nb".to_owned()),
    ]
}

fn written(field: &str, always: bool) -> String {
    match always || field.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn records_come_back_as_they_were(
        records in prop::collection::vec(prop::collection::vec(field(), 2..5), 1..30),
        always_quoted in any::<bool>(),
        crlf in any::<bool>(),
        bom in any::<bool>(),
        final_break in any::<bool>(),
        blank_lines in 0_usize..3,
        per_block in 1_usize..7,
    ) {
        let line_break = if crlf { "\r\n" } else { "\n" };
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        let mut lines = Vec::new();
        for (index, record) in records.iter().enumerate() {
            lines.push(1 + text.matches('\n').count() as u64);
            let fields: Vec<String> = record.iter().map(|field| written(field, always_quoted)).collect();
            text.push_str(&fields.join(","));
            if index + 1 < records.len() || final_break {
                text.push_str(line_break);
                text.push_str(&line_break.repeat(blank_lines));
            }
        }
        let mut reader = RecordReader::new(text.as_bytes(), b',', b'"').unwrap();
        let mut seen = Vec::new();
        let mut seen_lines = Vec::new();
        loop {
            let block = reader.block(per_block).unwrap();
            if block.is_empty() {
                break;
            }
            for record in block.records() {
                prop_assert!(record.fault.is_none(), "{:?}", record.fault);
                let mut split: Vec<Cow<'_, [u8]>> = Vec::new();
                fields::split(record.bytes, b',', b'"', &mut split);
                seen.push(split.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect::<Vec<_>>());
                seen_lines.push(record.line);
            }
        }
        prop_assert_eq!(seen, records);
        prop_assert_eq!(seen_lines, lines);
    }

    #[test]
    fn no_bytes_make_it_panic_or_lose_its_place(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200)) {
        let mut reader = RecordReader::new(bytes.as_slice(), b',', b'"').unwrap();
        let mut last = 0;
        loop {
            let block = reader.block(3).unwrap();
            if block.is_empty() {
                break;
            }
            for record in block.records() {
                prop_assert!(record.line > last, "lines go up");
                last = record.line;
                let mut split = Vec::new();
                fields::split(record.bytes, b',', b'"', &mut split);
            }
        }
        prop_assert!(last <= 1 + bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    }
}
