//! One small table in every dialect, each with one thing around or in it that files in the field have: what can be declared comes back
//! exactly as it was.

use std::path::Path;

use duckdb::arrow::array::{Array, AsArray};
use salesmart_base::config::MoneyScale;
use salesmart_base::event::Progress;
use salesmart_ingest::contract::contract_file;
use salesmart_ingest::load::batch::Typer;
use salesmart_ingest::load::feed::Job;
use salesmart_ingest::read::opened::Opened;
use salesmart_ingest::read::split::Splitter;
use salesmart_ingest::rejects::repairs::Repairs;

/// A way to write files.
struct Written {
    delimiter: &'static str,
    quote: &'static str,
    /// What goes before a quote in quotes; none doubles it.
    escape: Option<&'static str>,
    line_break: &'static str,
}

/// What is around the records, or in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pollution {
    Nothing,
    NoHeader,
    Preamble,
    HeaderOfTwoRows,
    RepeatedHeader,
    RepeatedNames,
    Footer,
    Comments,
    BlankLines,
    TrailingDelimiter,
    ShortRecords,
    LongRecords,
    BlanksAroundQuotes,
    StrayQuotes,
    NoLastBreak,
    Mark,
    MarksOfJoinedFiles,
}

const POLLUTIONS: [Pollution; 17] = [
    Pollution::Nothing,
    Pollution::NoHeader,
    Pollution::Preamble,
    Pollution::HeaderOfTwoRows,
    Pollution::RepeatedHeader,
    Pollution::RepeatedNames,
    Pollution::Footer,
    Pollution::Comments,
    Pollution::BlankLines,
    Pollution::TrailingDelimiter,
    Pollution::ShortRecords,
    Pollution::LongRecords,
    Pollution::BlanksAroundQuotes,
    Pollution::StrayQuotes,
    Pollution::NoLastBreak,
    Pollution::Mark,
    Pollution::MarksOfJoinedFiles,
];

impl Written {
    /// The values. Those of the last column are empty in some rows, and the texts hold whatever has a meaning in the dialect.
    fn truth(&self) -> Vec<[String; 3]> {
        let Self { delimiter, quote, line_break, .. } = self;
        let texts = [
            "plain".to_owned(),
            format!("a{delimiter}b"),
            format!("say {quote}hi{quote}"),
            (*quote).to_owned(),
            format!("two{line_break}lines{line_break}"),
            " blanks ".to_owned(),
            "back\\slash\\".to_owned(),
            "\u{feff}mark".to_owned(),
            "Köln 表".to_owned(),
            "#5".to_owned(),
        ];
        let row = |(number, text)| [format!("r{number}"), text, if number % 2 == 0 { "x" } else { "" }.to_owned()];
        texts.into_iter().enumerate().map(row).collect()
    }

    fn quoted(&self, value: &str) -> String {
        let (quote, escape) = (self.quote, self.escape.unwrap_or(self.quote));
        let inside = match self.escape {
            Some(escape) => value.replace(escape, &format!("{escape}{escape}")),
            None => value.to_owned(),
        };
        format!("{quote}{}{quote}", inside.replace(quote, &format!("{escape}{quote}")))
    }

    /// The file, and the rows that it holds.
    fn file(&self, pollution: Pollution) -> (String, Vec<[String; 3]>) {
        let mut truth = self.truth();
        let line = |fields: &[String]| fields.join(self.delimiter) + self.line_break;
        let names =
            |names: [&str; 3]| line(&names.map(|name| if name.is_empty() { String::new() } else { self.quoted(name) }));
        let header = match pollution {
            Pollution::RepeatedNames => names(["id", "t", "t"]),
            Pollution::HeaderOfTwoRows => names(["", "t", "t"]) + &names(["id", "a", "b"]),
            _ => names(["id", "t", "last"]),
        };
        let mut text = match pollution {
            Pollution::NoHeader => String::new(),
            Pollution::Preamble => format!("Report {}{}{header}", self.quote, self.line_break.repeat(2)),
            Pollution::Mark | Pollution::MarksOfJoinedFiles => format!("\u{feff}{header}"),
            _ => header.clone(),
        };
        for (number, row) in truth.iter_mut().enumerate() {
            let mut fields: Vec<String> = row.iter().map(|value| self.quoted(value)).collect();
            if row[2].is_empty() {
                fields[2].clear();
            }
            match pollution {
                Pollution::RepeatedHeader if number == 4 => text.push_str(&header),
                Pollution::MarksOfJoinedFiles if number == 4 => text.push_str(&format!("\u{feff}{header}\u{feff}")),
                Pollution::Comments => text.push_str(&format!("#! {}{}", self.quote, self.line_break)),
                Pollution::BlankLines => text.push_str(self.line_break),
                Pollution::TrailingDelimiter => fields.push(String::new()),
                Pollution::ShortRecords if row[2].is_empty() => drop(fields.pop()),
                Pollution::LongRecords if number % 2 == 0 => fields.extend([String::new(), String::new()]),
                Pollution::BlanksAroundQuotes => {
                    fields
                        .iter_mut()
                        .filter(|field| !field.is_empty())
                        .for_each(|field| *field = format!(" {field}  "));
                }
                Pollution::StrayQuotes => {
                    fields[0] = format!("r{number}{0}x{0}", self.quote);
                    row[0].clone_from(&fields[0]);
                }
                _ => {}
            }
            text.push_str(&line(&fields));
        }
        match pollution {
            Pollution::Footer => text.push_str(&line(&["Total".to_owned(), "10".to_owned()])),
            Pollution::NoLastBreak => text.truncate(text.len() - self.line_break.len()),
            _ => {}
        }
        (text, truth)
    }

    fn contract(&self, pollution: Pollution) -> String {
        let mut keys = format!(
            "files = \"x\"\nmax_rejects = \"100%\"\ndelimiter = {:?}\nquote = {:?}\n",
            self.delimiter, self.quote
        );
        if let Some(escape) = self.escape {
            keys.push_str(&format!("escape = {escape:?}\n"));
        }
        keys.push_str(match pollution {
            Pollution::NoHeader => "header_row = 0\n",
            Pollution::Preamble => "header_row = 3\n",
            Pollution::HeaderOfTwoRows => "header_lines = 2\n",
            Pollution::Footer => "footer = [\"Total\"]\n",
            Pollution::Comments => "comment = \"#!\"\n",
            Pollution::TrailingDelimiter => "trailing_delimiter = true\n",
            Pollution::ShortRecords => "short_records = \"pad\"\n",
            Pollution::LongRecords => "long_records = \"drop_empty\"\n",
            Pollution::BlanksAroundQuotes => "spaces_around_quotes = true\n",
            Pollution::StrayQuotes => "stray_quotes = \"text\"\n",
            _ => "",
        });
        let columns = match pollution {
            Pollution::RepeatedNames => {
                ["header = \"id\"", "position = 2, header = \"t\"", "position = 3, header = \"t\""]
            }
            Pollution::HeaderOfTwoRows => ["header = \"id\"", "header = \"t a\"", "header = \"t b\""],
            _ => ["header = \"id\"", "header = \"t\"", "header = \"last\""],
        };
        let columns = ["a", "b", "c"].into_iter().zip(columns);
        let columns: String =
            columns.map(|(name, keys)| format!("{name} = {{ {keys}, type = \"varchar\" }}\n")).collect();
        format!("{keys}[columns]\n{columns}")
    }
}

/// The accepted rows, and the reasons of the others.
fn read(contract: &str, content: &str) -> Result<(Vec<[String; 3]>, Vec<String>), String> {
    let contract = contract_file::parse(Path::new("t.toml"), contract, MoneyScale::default())
        .map_err(|error| error.to_string())?;
    let text = Box::new(std::io::Cursor::new(content.as_bytes().to_vec()));
    let opened = Opened::from_text(text, &contract).map_err(|error| error.to_string())??;
    let splitter = Splitter::new(&contract, opened.syntax, opened.places);
    let job = Job::new(opened.source, Typer::new(&contract, splitter, Repairs::default()), Progress::default());
    let mut rows = Vec::new();
    while let Some(typed) = job.next().map_err(|error| error.to_string())? {
        let columns: Vec<_> = typed.batch.columns()[1..].iter().map(|column| column.as_string::<i32>()).collect();
        for row in 0..typed.batch.num_rows() {
            let value = |column: usize| match columns[column].is_null(row) {
                true => String::new(),
                false => columns[column].value(row).to_owned(),
            };
            rows.push([value(0), value(1), value(2)]);
        }
    }
    let mut reasons = Vec::new();
    let drained = job.outcome().rejects.drain(|reject| {
        reasons.push(format!("{}: {}", reject.line, reject.fault.reason));
        Ok(())
    });
    drained.map_err(|error| error.to_string())?;
    Ok((rows, reasons))
}

#[test]
fn field_every_declared_dialect_and_pollution_gives_the_values_that_were_written() {
    let mut tried = 0;
    for delimiter in [",", ";", "\t", "|", " "] {
        for (quote, escape) in [("\"", None), ("'", None), ("\"", Some("\\"))] {
            for line_break in ["\n", "\r\n", "\r", "\r\r\n"] {
                let written = Written { delimiter, quote, escape, line_break };
                for pollution in POLLUTIONS {
                    // Blanks that separate fields cannot stand around quotes.
                    if pollution == Pollution::BlanksAroundQuotes && delimiter == " " {
                        continue;
                    }
                    let (text, truth) = written.file(pollution);
                    let about = || format!("{pollution:?} {delimiter:?} {quote} {escape:?} {line_break:?}\n{text}");
                    let (rows, reasons) = read(&written.contract(pollution), &text)
                        .unwrap_or_else(|error| panic!("{error}\n{}", about()));
                    assert_eq!(reasons, [""; 0], "{}", about());
                    assert_eq!(rows, truth, "{}", about());
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 5 * 3 * 4 * 17 - 3 * 4);
}

#[test]
fn field_what_is_not_declared_never_gives_another_value() {
    // The contract of a clean file in the same dialect.
    let written = Written { delimiter: ",", quote: "\"", escape: None, line_break: "\n" };
    let contract = written.contract(Pollution::Nothing);
    let mut read_in_part = 0;
    for pollution in POLLUTIONS {
        let (text, truth) = written.file(pollution);
        let Ok((rows, reasons)) = read(&contract, &text) else { continue };
        assert!(rows.iter().all(|row| truth.contains(row)), "{pollution:?}: {rows:?}");
        assert!(rows.len() == truth.len() || !reasons.is_empty(), "{pollution:?}: {rows:?}");
        read_in_part += u32::from(!reasons.is_empty());
    }
    assert!(read_in_part > 3, "{read_in_part}");
}
