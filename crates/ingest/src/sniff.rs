//! Drafts a contract from files, for a human to review: every doubt is a comment. The load path guesses nothing; this
//! does, and says so.
//!
//! [`shape`] finds out how the files are written, [`column`] what their columns hold, [`draft`] writes it down.

pub mod column;
pub mod draft;
pub mod shape;

use std::path::{Path, PathBuf};

use anyhow::Result;
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
use crate::read::opened::Opened;
use crate::read::reader::RecordReader;
use crate::read::split::Splitter;
use crate::read::{fields, input};
use crate::rejects::repairs::Repairs;

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
    let shape = Shape::of(first)?;
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
        is_cut |= look_at(path, &shape, &mut columns)?;
    }
    let draft = Draft { name, glob, shape: &shape, columns: &columns, is_cut };
    let contract_text = draft.contract();
    let contract = contract_file::parse(Path::new(&format!("{name}.toml")), &contract_text)?;
    let mut sniffed =
        Sniffed { model: draft.model(), contract: contract_text, accepted: 0, rejected: 0, examples: Vec::new() };
    for path in paths {
        try_out(path, &contract, &mut sniffed)?;
    }
    Ok(sniffed)
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
    let (mut spans, mut records) = (Vec::new(), 0);
    loop {
        let block = reader.block(BLOCK_RECORDS)?;
        if block.is_empty() || records > MAX_RECORDS {
            return Ok(!block.is_empty());
        }
        for record in block.records().filter(|record| record.fault.is_none()) {
            records += 1;
            let text = shape.decode(record.bytes);
            fields::cut(text.as_bytes(), syntax, &mut spans);
            // Records of another width become rejects; they say nothing about columns.
            if spans.len() == columns.len() {
                columns.iter_mut().zip(&spans).for_each(|(column, span)| column.see(&span.text(&text, syntax)));
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
