//! Drafts a contract from files, for a human to review: every doubt is a comment. The load path guesses nothing; this
//! does, and says so.
//!
//! [`shape`] finds out how the files are written, [`quoting`] how leniently their quotes have to be read, [`column`] what their columns hold, [`draft`] writes it down.

pub mod column;
pub mod draft;
pub mod quoting;
pub mod shape;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use salesmart_base::config::MoneyScale;
use salesmart_base::event::Progress;
use salesmart_base::fail;

use self::column::Column;
use self::draft::Draft;
use self::shape::Shape;
use super::contract::Contract;
use crate::contract::contract_file;
use crate::contract::dialect::Format;
use crate::load::batch::Typer;
use crate::load::feed::Job;
use crate::read::block::BLOCK_RECORDS;
use crate::read::fields::{self, Span};
use crate::read::input;
use crate::read::opened::Opened;
use crate::read::reader::RecordReader;
use crate::read::split::Splitter;
use crate::rejects::repairs::Repairs;

/// So many values are cut from their records before the columns look at them.
const VALUES_AT_ONCE: usize = 1 << 17;

/// Of each file, records up to here are looked at.
const MAX_RECORDS: u64 = 500_000;

/// A draft, and how the files fare under it.
#[derive(Debug)]
pub struct Sniffed {
    /// Text of the contract.
    pub contract: String,
    /// Text of the staging model.
    pub model: String,
    /// Records that the draft accepts.
    pub accepted: u64,
    /// Records that it refuses, with the first reason.
    pub rejected: u64,
    /// The first refusals, as `file:line: column: reason`.
    pub examples: Vec<String>,
}

/// Drafts a contract for files of one kind.
///
/// # Errors
/// Files that cannot be read, that are no table, or that differ in their header.
pub fn sniff(paths: &[PathBuf], name: &str, glob: &str) -> Result<Sniffed> {
    let Some(first) = paths.first() else { fail!("name a file to look at") };
    let mut shape = Shape::of(first)?;
    let mut columns: Vec<Column> = shape.headers.iter().map(|header| Column::new(header)).collect();
    let mut is_cut = false;
    for path in paths {
        let other = Shape::of(path)?;
        if other.headers != shape.headers {
            fail!(
                "{} has other columns than {}: {} instead of {}; files of one contract look alike, so sniff them apart",
                path.display(),
                first.display(),
                other.headers.join(", "),
                shape.headers.join(", ")
            );
        }
        quoting::find(path, &mut shape, MAX_RECORDS)?;
        is_cut |= look_at(path, &shape, &mut columns)?;
    }
    let draft = Draft { name, glob, shape: &shape, columns: &columns, is_cut };
    let contract_text = draft.contract();
    let contract = contract_file::parse(Path::new(&format!("{name}.toml")), &contract_text, MoneyScale::default())?;
    let mut sniffed =
        Sniffed { model: draft.model(), contract: contract_text, accepted: 0, rejected: 0, examples: Vec::new() };
    for path in paths {
        try_out(path, &contract, &mut sniffed)?;
    }
    Ok(sniffed)
}

/// Of how many records a column takes the values in at once. What is known of a column fills some kilobytes, so that thousands of them do
/// not fit the processor's cache.
fn records_at_once(columns: &[Column]) -> usize {
    (VALUES_AT_ONCE / columns.len().max(1)).max(1)
}

/// Shows every value of a file to its column. True if the file is longer than what is looked at.
fn look_at(path: &Path, shape: &Shape, columns: &mut [Column]) -> Result<bool> {
    let (text, _) = input::open(path, &shape.dialect.encoding, &Progress::default())?;
    if shape.dialect.format == Format::Ndjson {
        return shape::look_at_objects(text, columns, MAX_RECORDS);
    }
    let mut reader = RecordReader::new(text, &shape.dialect)?;
    if shape.dialect.header_row > 0 {
        reader.header()?;
    }
    let syntax = reader.syntax();
    let at_once = records_at_once(columns);
    let mut records = 0;
    loop {
        let block = reader.block(BLOCK_RECORDS)?;
        if block.is_empty() || records > MAX_RECORDS {
            return Ok(!block.is_empty());
        }
        let mut sound = block.records().filter(|record| record.fault.is_none()).peekable();
        while sound.peek().is_some() {
            let mut cut: Vec<(Cow<'_, str>, Vec<Span>)> = Vec::with_capacity(at_once);
            for record in sound.by_ref().take(at_once) {
                records += 1;
                let (text, mut spans) = (shape.decode(record.bytes), Vec::with_capacity(columns.len()));
                fields::cut(text.as_bytes(), syntax, &mut spans);
                // Records of another width become rejects; they say nothing about columns.
                if spans.len() == columns.len() {
                    cut.push((text, spans));
                }
            }
            for (index, column) in columns.iter_mut().enumerate() {
                cut.iter().for_each(|(text, spans)| column.see(&spans[index].text(text, syntax)));
            }
        }
    }
}

/// Reads a file through the drafted contract.
fn try_out(path: &Path, contract: &Contract, sniffed: &mut Sniffed) -> Result<()> {
    let opened = match Opened::at(path, contract, &Progress::default())? {
        Ok(opened) => opened,
        Err(reason) => fail!("the draft does not fit {}: {reason}", path.display()),
    };
    let splitter = Splitter::new(contract, opened.syntax, opened.places);
    let typer = Typer::new(contract, splitter, Repairs::default());
    let job = Job::new(opened.source, typer, Progress::default());
    while job.next()?.is_some() {}
    let outcome = job.outcome();
    sniffed.accepted += outcome.records - outcome.rejected;
    sniffed.rejected += outcome.rejected;
    let examples = &mut sniffed.examples;
    outcome.rejects.drain(|reject| {
        if examples.len() < 5 {
            let column = reject.column.map_or_else(String::new, |column| format!("{column}: "));
            let value = reject.value.map(|value| value.chars().take(60).collect::<String>());
            let value = value.map_or_else(String::new, |value| format!(" (\"{value}\")"));
            examples.push(format!("{}:{}: {column}{}{value}", path.display(), reject.line, reject.fault.reason));
        }
        Ok(())
    })
}
