//! Properties of reading: whatever is written in a dialect is read back exactly, a fault is reported where it is, and
//! no bytes whatever make a record disappear.

use salesmart_base::config::MoneyScale;
use salesmart_base::event::Progress;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use duckdb::arrow::array::{Array, AsArray};
use duckdb::arrow::datatypes::Int64Type;
use duckdb::arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use salesmart_ingest::contract::Contract;
use salesmart_ingest::contract::contract_file;
use salesmart_ingest::contract::encoding::Encoding;
use salesmart_ingest::load::batch::Typer;
use salesmart_ingest::load::feed::{Job, Outcome};
use salesmart_ingest::read::input::Text;
use salesmart_ingest::read::opened::Opened;
use salesmart_ingest::read::split::Splitter;
use salesmart_ingest::rejects::Reject;
use salesmart_ingest::rejects::repairs::Repairs;

/// A way to write files, and the keys of a contract that say so.
#[derive(Debug, Clone)]
struct Written {
    delimiter: char,
    quote: char,
    escape: Option<char>,
    line_break: &'static str,
    encoding: &'static str,
    mark: bool,
    always_quoted: bool,
    final_break: bool,
    comments: bool,
    blank_lines: usize,
    junk: usize,
    footer: bool,
}

impl Written {
    fn keys(&self) -> String {
        let mut keys = format!(
            "files = \"x\"\ndelimiter = {:?}\nquote = {:?}\nencoding = {:?}\nheader_row = {}\nmax_rejects = \"100%\"\n",
            self.delimiter.to_string(),
            self.quote.to_string(),
            self.encoding,
            self.junk + 1
        );
        if let Some(escape) = self.escape {
            keys.push_str(&format!("escape = {:?}\n", escape.to_string()));
        }
        if self.line_break == "\r" {
            keys.push_str("line_end = \"cr\"\n");
        }
        if self.comments {
            keys.push_str("comment = \"#!\"\n");
        }
        if self.footer {
            keys.push_str("footer = [\"=Total\"]\n");
        }
        keys
    }

    fn field(&self, field: &str) -> String {
        let is_special = |c: char| c == self.delimiter || c == self.quote || matches!(c, '\n' | '\r');
        // A lone empty field would be a blank line; what looks like a comment or a footer has to be quoted as well.
        let is_quoted = self.always_quoted
            || field.is_empty()
            || field.contains(is_special)
            || field.starts_with(['#', '='])
            || field.starts_with(char::is_whitespace);
        if !is_quoted {
            return field.to_owned();
        }
        let inside = match self.escape {
            Some(escape) => field
                .replace(escape, &format!("{escape}{escape}"))
                .replace(self.quote, &format!("{escape}{}", self.quote)),
            None => field.replace(self.quote, &format!("{0}{0}", self.quote)),
        };
        format!("{0}{inside}{0}", self.quote)
    }

    /// The text of a file, and the line on which each record starts.
    fn text(&self, header: &[&str], records: &[Vec<String>]) -> (String, Vec<u64>) {
        let mut text = String::new();
        let counted = |text: &str| match self.line_break {
            "\r" => 1 + text.matches('\r').count() as u64,
            _ => 1 + text.matches('\n').count() as u64,
        };
        for line in 0..self.junk {
            text.push_str(&format!("Report \"{line}{}", self.line_break));
        }
        let joined = |record: &[String]| record.join(&self.delimiter.to_string());
        let header: Vec<String> = header.iter().map(|name| self.field(name)).collect();
        text.push_str(&joined(&header));
        text.push_str(self.line_break);
        let mut lines = Vec::new();
        for (index, record) in records.iter().enumerate() {
            if self.comments && index % 3 == 0 {
                text.push_str(&format!("#! it's \"a comment{}", self.line_break));
            }
            text.push_str(&self.line_break.repeat(self.blank_lines));
            if index % 5 == 4 {
                text.push_str(&joined(&header));
                text.push_str(self.line_break);
            }
            lines.push(counted(&text));
            let fields: Vec<String> = record.iter().map(|field| self.field(field)).collect();
            text.push_str(&joined(&fields));
            text.push_str(self.line_break);
        }
        if self.footer {
            text.push_str(&format!("=Total{}{}", self.delimiter, self.line_break));
        }
        if !self.final_break {
            text.truncate(text.len() - self.line_break.len());
        }
        (text, lines)
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        match Encoding::parse(self.encoding).unwrap() {
            Encoding::Utf8 if self.mark => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Utf8 => text.as_bytes().to_owned(),
            Encoding::Utf16(_) => {
                let mark = (self.encoding == "utf-16").then_some(0xFEFF);
                let big = self.encoding == "utf-16be";
                let units = mark.into_iter().chain(text.encode_utf16());
                units.flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
            }
            Encoding::OneByte(page) => {
                let bytes: HashMap<char, u8> =
                    (0..=255).rev().filter_map(|byte| Some((page.character(byte)?, byte))).collect();
                text.chars().map(|c| *bytes.get(&c).expect("a character of the encoding")).collect()
            }
            Encoding::MultiByte(encoding) => panic!("{encoding:?} is not written here"),
        }
    }
}

fn written() -> impl Strategy<Value = Written> {
    let structure = (
        select(vec![',', ';', '\t', '|', '~']),
        select(vec!['"', '\'']),
        select(vec![None, Some('\\'), Some('^')]),
        select(vec!["\n", "\r\n", "\r"]),
        select(vec!["utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "latin-1", "cp850", "cp437"]),
    );
    let frame = (any::<[bool; 5]>(), 0_usize..3, 0_usize..3);
    (structure, frame).prop_map(|((delimiter, quote, escape, line_break, encoding), (flags, blank_lines, junk))| {
        let [mark, always_quoted, final_break, comments, footer] = flags;
        Written {
            delimiter,
            quote,
            escape,
            line_break,
            encoding,
            mark,
            always_quoted,
            final_break,
            comments,
            blank_lines,
            junk,
            footer,
        }
    })
}

/// Texts whose characters every encoding above has.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zäöü0-9 ]{0,12}",
        4 => "[a-z\"'\\\\^\n\r,;|~\t#=é ]{0,12}",
        1 => Just(String::new()),
        1 => Just(" ".to_owned()),
        1 => Just("\"".to_owned()),
        1 => Just("a\r\nb".to_owned()),
        1 => "[xyé\"]{300,400}".prop_map(|text| text.repeat(1000)),
    ]
}

fn contract(keys: &str, columns: &str) -> Contract {
    contract_file::parse(Path::new("source.toml"), &format!("{keys}[columns]\n{columns}"), MoneyScale::default())
        .unwrap()
}

/// Everything that becomes of a file: accepted rows as (line, values), rejects, counts.
struct Read {
    rows: Vec<(u64, Vec<Option<String>>)>,
    rejects: Vec<Reject>,
    outcome: Outcome,
}

fn read(contract: &Contract, bytes: Vec<u8>) -> Result<Read, String> {
    let plain: Text = Box::new(std::io::Cursor::new(bytes));
    let text: Text = match &contract.dialect.encoding {
        Encoding::Utf16(order) => {
            let decoded = salesmart_ingest::read::decoding::DecodingReader::utf16(plain, *order);
            Box::new(decoded.map_err(|error| error.to_string())?)
        }
        _ => plain,
    };
    let opened = Opened::from_text(text, contract).map_err(|error| error.to_string())??;
    let splitter = Splitter::new(contract, opened.syntax, opened.places);
    let typer = Typer::new(contract, splitter, Repairs::default());
    let job = Job::new(opened.source, typer, Progress::default());
    let mut rows = Vec::new();
    while let Some(typed) = job.next().map_err(|error| error.to_string())? {
        let batch = typed.batch;
        assert!(batch.num_rows() <= 2048);
        let lines = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let values = batch.columns()[1..]
                .iter()
                .map(|column| (!column.is_null(row)).then(|| array_value_to_string(column, row).unwrap()));
            rows.push((lines.value(row) as u64, values.collect()));
        }
    }
    let mut outcome = job.outcome();
    let mut rejects = Vec::new();
    std::mem::take(&mut outcome.rejects)
        .drain(|reject| {
            rejects.push(reject);
            Ok(())
        })
        .unwrap();
    rejects.sort_by_key(|reject| reject.line);
    Ok(Read { rows, rejects, outcome })
}

/// A fault, as it stands in a file.
#[derive(Debug, Clone, Copy)]
enum Planted {
    Letters,
    Inexact,
    Missing,
    NoByte,
    Nul,
    TextBehindQuote,
    TooMany,
    TooFew,
}

const PLANTED: [Planted; 8] = [
    Planted::Letters,
    Planted::Inexact,
    Planted::Missing,
    Planted::NoByte,
    Planted::Nul,
    Planted::TextBehindQuote,
    Planted::TooMany,
    Planted::TooFew,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_as_they_were_in_every_dialect(
        records in prop::collection::vec(prop::collection::vec(field(), 3), 1..30),
        written in written(),
    ) {
        let (text, lines) = written.text(&["a", "b", "c"], &records);
        let keys = format!("{}nulls = []\n", written.keys());
        let text_columns = "a = { type = \"varchar\" }\nb = { type = \"varchar\" }\nc = { type = \"varchar\" }\n";
        let read = read(&contract(&keys, text_columns), written.bytes(&text)).unwrap();
        prop_assert!(read.rejects.is_empty(), "{:?}\n{text:?}", read.rejects);
        let expected: Vec<(u64, Vec<Option<String>>)> =
            lines.into_iter().zip(records.iter().map(|record| record.iter().cloned().map(Some).collect())).collect();
        prop_assert_eq!(read.rows, expected, "{:?}", text);
        prop_assert_eq!(read.outcome.skipped.repeated_header, records.len() as u64 / 5);
        prop_assert_eq!(read.outcome.skipped.footer, u64::from(written.footer));
        prop_assert_eq!(read.outcome.skipped.preamble, written.junk as u64);
    }

    #[test]
    fn a_fault_is_reported_where_it_is_and_costs_nothing_else(
        records in prop::collection::vec((field(), -99999_i64..99999, field()), 1..30),
        written in written(),
        planted in select(PLANTED.to_vec()),
        place in any::<Index>(),
    ) {
        let columns = "a = { type = \"varchar\" }\nn = { type = \"decimal(10,2)\", required = true }\nc = { type = \"varchar\" }\n";
        let mut records: Vec<Vec<String>> = records
            .into_iter()
            .map(|(a, n, c)| vec![a, format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100), c])
            .collect();
        let bad = place.index(records.len());
        let (value, code, column): (&str, &str, Option<&str>) = match planted {
            Planted::Letters => ("12x", "not_a_number", Some("n")),
            Planted::Inexact => ("0.125", "not_exact", Some("n")),
            Planted::Missing => ("", "required", Some("n")),
            // Marks that are replaced in the bytes below.
            Planted::NoByte => ("§", "bad_encoding", Some("n")),
            Planted::Nul => ("\u{1}", "nul_byte", Some("n")),
            Planted::TextBehindQuote => ("\u{2}", "bad_quote", Some("n")),
            Planted::TooMany => ("\u{3}", "too_many_fields", None),
            Planted::TooFew => ("\u{4}", "too_few_fields", None),
        };
        records[bad][1] = value.to_owned();
        // Structural faults cost one physical line, so their record has to be one.
        for field in [0, 2] {
            records[bad][field] = records[bad][field].replace(['\n', '\r'], " ");
        }
        // Every byte is a character in some encodings: there the fault cannot be planted.
        let one_byte_off = match written.encoding {
            "utf-8" => Some(0xFF),
            "windows-1252" => Some(0x81),
            _ => None,
        };
        prop_assume!(!matches!(planted, Planted::NoByte) || one_byte_off.is_some());
        let (mut text, lines) = written.text(&["a", "n", "c"], &records);
        let (delimiter, quote) = (written.delimiter, written.quote);
        text = text
            .replace(&written.field("\u{2}"), &format!("{quote}1{quote}1"))
            .replace(&written.field("\u{3}"), &format!("1{delimiter}1"))
            .replace(&format!("{}{delimiter}", written.field("\u{4}")), "")
            .replace('\u{1}', "\0");
        let mut bytes = written.bytes(&text);
        if let (Planted::NoByte, Some(byte)) = (planted, one_byte_off) {
            let mark = written.bytes("§").split_off(if written.mark && written.encoding == "utf-8" { 3 } else { 0 });
            let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
            bytes.splice(at..at + mark.len(), [byte]);
        }
        let read = read(&contract(&written.keys(), columns), bytes).unwrap();
        let found: Vec<_> = read
            .rejects
            .iter()
            .map(|reject| (reject.line, reject.fault.code.name(), reject.column.as_deref()))
            .collect();
        prop_assert_eq!(found, vec![(lines[bad], code, column)], "{:?}", text);
        let expected: Vec<(u64, Option<String>)> = (0..records.len())
            .filter(|index| *index != bad)
            .map(|index| (lines[index], Some(records[index][1].clone())))
            .collect();
        let accepted: Vec<(u64, Option<String>)> =
            read.rows.iter().map(|(line, values)| (*line, values[1].clone())).collect();
        prop_assert_eq!(accepted, expected, "{:?}", text);
        prop_assert_eq!(read.outcome.records, records.len() as u64);
        prop_assert_eq!(read.outcome.rejected, 1);
    }
}

/// Contracts that the fuzz loop reads bytes through.
fn fuzzed_contracts() -> Vec<Contract> {
    let csv = "a = { type = \"varchar\" }\nn = { type = \"decimal(10,2)\", thousands = \",\", currency = [\"€\"], negatives = [\"parentheses\", \"trailing_minus\"] }\nd = { type = \"date\", formats = [\"%d/%m/%y\", \"%m/%d/%y\", \"%Y-%m-%d\"] }\n";
    let places = "a = { type = \"varchar\", start = 1, width = 3 }\nn = { type = \"integer\", start = 5, width = 4 }\n";
    let keys = |more: &str| format!("files = \"x\"\nheader_row = 0\nmax_rejects = \"100%\"\n{more}");
    [
        ("", csv),
        ("escape = \"\\\\\"\nskip_blank_rows = true\n", csv),
        ("encoding = \"utf-16le\"\n", csv),
        ("encoding = \"windows-1252\"\ndelimiter = \";\"\ncomment = \"#\"\nfooter = [\"T\"]\n", csv),
        ("line_end = \"cr\"\n", csv),
        ("format = \"whitespace\"\n", csv),
        ("format = \"fixed\"\n", places),
        ("quote = \"\"\nline_end = \"lf\"\n", csv),
    ]
    .into_iter()
    .map(|(more, columns)| contract(&keys(more), columns))
    .chain([contract("files = \"x\"\nformat = \"ndjson\"\nmax_rejects = \"100%\"\n", csv)])
    .collect()
}

/// For `SALESMART_FUZZ_SECONDS` (3 if it is not set), random bytes and broken files: nothing panics, every record is
/// accepted or rejected, on a line that exists, and records come in order.
#[test]
fn no_bytes_make_it_panic_or_lose_a_record() {
    let seconds = std::env::var("SALESMART_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let until = Instant::now() + Duration::from_secs(seconds);
    let contracts = fuzzed_contracts();
    let pieces: [&[u8]; 22] = [
        b"\"",
        b"\"\"",
        b",",
        b";",
        b"\n",
        b"\r",
        b"\r\n",
        b"\\",
        b"#",
        b"T",
        b" ",
        b"\t",
        b"12.5",
        b"(1,234)",
        b"\xE2\x82\xAC",
        b"01/02/16",
        b"2016-02-01",
        b"abc",
        b"\0",
        b"\xFF",
        b"{\"a\":\"x\",\"n\":1.50,\"d\":null}",
        b"\xD8\x00",
    ];
    let seed = std::env::var("SALESMART_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rounds = 0_u64;
    while Instant::now() < until {
        let mut bytes = Vec::new();
        for _ in 0..rng.next_u32() % 60 {
            match rng.next_u32() % 8 {
                0 => bytes.push(rng.next_u32() as u8),
                _ => bytes.extend_from_slice(pieces[rng.next_u32() as usize % pieces.len()]),
            }
        }
        for (index, contract) in contracts.iter().enumerate() {
            let about = || format!("contract {index}, bytes {bytes:?}");
            let read = match read(contract, bytes.clone()) {
                Ok(read) => read,
                Err(reason) if reason.contains("byte order mark of UTF-16") || reason.contains("a JSON array") => {
                    continue;
                }
                Err(reason) => panic!("{reason}: {}", about()),
            };
            let Outcome { records, rejected, skipped, .. } = read.outcome;
            assert_eq!(records, read.rows.len() as u64 + rejected, "{}", about());
            let mut rejected_lines: Vec<u64> = read.rejects.iter().map(|reject| reject.line).collect();
            rejected_lines.dedup();
            assert_eq!(rejected_lines.len() as u64, rejected, "{}", about());
            let mut lines: Vec<u64> = read.rows.iter().map(|(line, _)| *line).chain(rejected_lines).collect();
            lines.sort_unstable();
            assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "a line twice: {lines:?}, {}", about());
            if contract.dialect.quote.is_none() {
                // Without quotes a line is a record, or blank.
                let without_last = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                let all = if bytes.is_empty() { 0 } else { without_last.split(|byte| *byte == b'\n').count() as u64 };
                assert_eq!(records + skipped.total(), all, "{}", about());
            }
        }
        rounds += 1;
    }
    assert!(rounds > 100, "only {rounds} rounds");
}
