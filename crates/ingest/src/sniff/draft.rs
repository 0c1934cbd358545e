//! Writes a draft down: a contract and a staging model, with a comment for every doubt.

use std::collections::HashSet;
use std::fmt::Write as _;

use salesmart_staging::is_plain_name;

use super::super::contract::ColumnType;
use super::column::{Column, Guess};
use super::shape::Shape;
use crate::contract::dialect::{BlanksAroundQuotes, Format, LineEnd, StrayQuotes};
use crate::contract::encoding::Encoding;

/// Words that would have to be quoted in every query.
const RESERVED: [&str; 12] =
    ["order", "group", "select", "from", "where", "table", "case", "end", "desc", "limit", "all", "user"];

/// What a draft is made of.
pub struct Draft<'a> {
    /// Name of the source.
    pub name: &'a str,
    /// Pattern of its files.
    pub glob: &'a str,
    /// How they are written.
    pub shape: &'a Shape,
    /// What their columns hold.
    pub columns: &'a [Column],
    /// Whether only the beginning of a file was looked at.
    pub is_cut: bool,
}

impl Draft<'_> {
    /// Names of the columns, fit for SQL and all different.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut taken: HashSet<String> = HashSet::new();
        for column in self.columns {
            let mut name = snake_case(&column.header);
            if RESERVED.contains(&name.as_str()) {
                name.push_str("_value");
            }
            let plain = name.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                name = format!("{plain}_{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }

    /// Text of the contract. Writing to a String cannot fail.
    pub fn contract(&self) -> String {
        let Self { name, glob, shape, columns, is_cut } = self;
        let dialect = &shape.dialect;
        let guesses: Vec<Guess> = columns.iter().map(Column::guess).collect();
        let names = self.names();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# Draft of the contract of {name}. Look at every line with DOUBT, then take the comments out."
        );
        if *is_cut {
            let _ = writeln!(out, "# DOUBT: only the beginning of the files was looked at.");
        }
        for doubt in &shape.doubts {
            let _ = writeln!(out, "# DOUBT: {doubt}");
        }
        let _ = writeln!(out, "files = {glob:?}");
        match dialect.format {
            Format::Csv => {
                let _ = writeln!(out, "delimiter = {:?}", char::from(dialect.delimiter).to_string());
            }
            Format::Whitespace => out.push_str("format = \"whitespace\"\n"),
            Format::Ndjson => out.push_str("format = \"ndjson\"\n"),
            Format::Fixed | Format::Parquet => {}
        }
        if dialect.encoding != Encoding::Utf8 {
            let _ = writeln!(out, "encoding = {:?}", dialect.encoding.name().to_lowercase());
        }
        if dialect.stray_quotes == StrayQuotes::Text {
            out.push_str("stray_quotes = \"text\"\n");
        }
        if dialect.blanks_around_quotes == BlanksAroundQuotes::Drop {
            out.push_str("spaces_around_quotes = true\n");
        }
        if dialect.line_end == LineEnd::Cr {
            out.push_str("line_end = \"cr\"\n");
        }
        if dialect.header_row != 1 && dialect.format != Format::Ndjson {
            let _ = writeln!(out, "header_row = {}", dialect.header_row);
        }
        let with_mark: Vec<u8> = guesses
            .iter()
            .filter(|guess| matches!(guess.kind, ColumnType::Decimal(..)))
            .map(|guess| guess.style.mark)
            .collect();
        let mark =
            if with_mark.iter().filter(|mark| **mark == b',').count() * 2 > with_mark.len() { b',' } else { b'.' };
        if mark == b',' {
            out.push_str("# DOUBT: a comma is the decimal mark of most numbers.\ndecimal = \",\"\n");
        }
        if let Some((column, _)) = names.iter().zip(*columns).find(|(_, column)| column.is_key()) {
            let _ = writeln!(
                out,
                "# DOUBT: every value of {column} is different: is it what a correction has in common with the record that it corrects?\n\
                 key = [\"{column}\"]\n# If it has to be different in every record of a file:\n# unique = [\"{column}\"]"
            );
        }
        out.push_str("max_rejects = \"1%\"\n\n[columns]\n");
        for ((name, column), guess) in names.iter().zip(*columns).zip(&guesses) {
            for doubt in &guess.doubts {
                let _ = writeln!(out, "# DOUBT: {doubt}");
            }
            let _ = writeln!(out, "{name} = {{ {} }}", keys(name, column, guess, mark).join(", "));
        }
        out
    }

    /// Text of the staging model.
    pub fn model(&self) -> String {
        let Self { name, columns, .. } = self;
        let names = self.names();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "-- Draft: one row per record of {name}. Say what a row is, and clean it here: renamed columns, units, duplicates."
        );
        match names.iter().zip(*columns).find(|(_, column)| column.is_key()) {
            Some((key, _)) => {
                let _ = writeln!(out, "-- key: {key}");
            }
            None => {
                out.push_str(
                    "-- No column is a key: decide which record wins where several state the same thing, and sort the later one\n\
                     -- first with `order by natural_order(_file) desc, _line desc`.\n",
                );
            }
        }
        let _ = writeln!(out, "with source as (\n    select * from raw.{name}\n),\n");
        let listed = names.join(",\n        ");
        let _ = writeln!(
            out,
            "final as (\n    select\n        {listed},\n        _file,\n        _line\n    from source\n)\n\nselect * from final"
        );
        out
    }
}

/// The keys of one column's entry.
fn keys(name: &str, column: &Column, guess: &Guess, mark: u8) -> Vec<String> {
    let mut keys = Vec::new();
    if column.header != name {
        keys.push(format!("header = {:?}", column.header));
    }
    keys.push(format!("type = \"{}\"", guess.kind.sql()));
    if !guess.formats.is_empty() {
        keys.push(format!("formats = {:?}", guess.formats));
    }
    if guess.kind.is_number() {
        let style = &guess.style;
        if matches!(guess.kind, ColumnType::Decimal(..)) && style.mark != mark {
            keys.push(format!("decimal = {:?}", char::from(style.mark).to_string()));
        }
        if let Some(thousands) = style.thousands {
            keys.push(format!("thousands = {:?}", thousands.to_string()));
        }
        if !style.currency.is_empty() {
            keys.push(format!("currency = {:?}", style.currency));
        }
        if style.percent {
            keys.push("percent = true".to_owned());
        }
        let negatives: Vec<&str> = [(style.trailing_minus, "trailing_minus"), (style.parentheses, "parentheses")]
            .into_iter()
            .filter(|(is_seen, _)| *is_seen)
            .map(|(_, negative)| negative)
            .collect();
        if !negatives.is_empty() {
            keys.push(format!("negatives = {negatives:?}"));
        }
    }
    if !guess.nulls.is_empty() {
        let nulls: Vec<&str> = std::iter::once("").chain(guess.nulls.iter().map(String::as_str)).collect();
        keys.push(format!("nulls = {nulls:?}"));
    }
    if column.empty == 0 && guess.nulls.is_empty() && column.values() > 0 {
        keys.push("required = true".to_owned());
    }
    if column.is_padded && guess.kind == ColumnType::Varchar {
        keys.push("trim = true".to_owned());
    }
    keys
}

/// `Sub-Category` is `sub_category`.
pub fn snake_case(header: &str) -> String {
    let mut name = String::new();
    let mut before = '_';
    for c in header.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
        before = c;
    }
    let name = name.trim_end_matches('_').to_owned();
    match (is_plain_name(&name), name.is_empty()) {
        (true, _) => name,
        (false, true) => "column".to_owned(),
        (false, false) => format!("c_{name}"),
    }
}
