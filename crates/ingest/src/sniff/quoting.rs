//! Which quotes a contract has to let in: those inside fields that do not begin with one, and those with blanks around them.

use std::path::Path;

use anyhow::Result;
use salesmart_base::event::Progress;

use super::shape::Shape;
use crate::cast::fault::Code;
use crate::contract::dialect::{BlanksAroundQuotes, Dialect, Format, StrayQuotes};
use crate::contract::encoding::Encoding;
use crate::read::block::BLOCK_RECORDS;
use crate::read::fields;
use crate::read::input;
use crate::read::reader::RecordReader;

/// Declares in the shape what the records of a file need that are rejects without it, of its first `limit` records.
pub fn find(path: &Path, shape: &mut Shape, limit: u64) -> Result<()> {
    if shape.dialect.format != Format::Csv {
        return Ok(());
    }
    let (text, _) = input::open(path, &shape.dialect.encoding, &Progress::default())?;
    let mut reader = RecordReader::new(text, &shape.dialect)?;
    let mut seen = 0;
    while seen < limit {
        let block = reader.block(BLOCK_RECORDS)?;
        if block.is_empty() {
            break;
        }
        seen += block.len() as u64;
        for record in block.records() {
            if record.fault.is_some_and(|fault| fault.fault.code == Code::BadQuote) {
                allow(record.bytes, record.line, shape);
            }
        }
    }
    Ok(())
}

/// Declares the least that makes a row of fields of this record.
fn allow(record: &[u8], line: u64, shape: &mut Shape) {
    let now = (shape.dialect.blanks_around_quotes, shape.dialect.stray_quotes);
    let tries = [
        now,
        (BlanksAroundQuotes::Drop, now.1),
        (now.0, StrayQuotes::Text),
        (BlanksAroundQuotes::Drop, StrayQuotes::Text),
    ];
    for (blanks_around_quotes, stray_quotes) in tries {
        let dialect = Dialect { blanks_around_quotes, stray_quotes, ..shape.dialect.clone() };
        if width(record, &dialect) != Some(shape.headers.len()) {
            continue;
        }
        if now.0 != blanks_around_quotes {
            shape
                .doubts
                .push(format!("blanks stand between a delimiter and a quote, first on line {line}; are they no text?"));
        }
        if now.1 != stray_quotes {
            shape.doubts.push(format!(
                "a quote stands in a field that does not begin with one, first on line {line}; is it text (inches), or is a delimiter missing?"
            ));
        }
        shape.dialect = dialect;
        return;
    }
}

/// How many fields the record has in this dialect, if it is one.
fn width(record: &[u8], dialect: &Dialect) -> Option<usize> {
    let alone = Dialect { header_row: 0, encoding: Encoding::Utf8, ..dialect.clone() };
    let mut reader = RecordReader::new(record, &alone).ok()?;
    let block = reader.block(2).ok()?;
    let mut records = block.records();
    let (only, None) = (records.next()?, records.next()) else { return None };
    let mut spans = Vec::new();
    fields::cut(only.bytes, reader.syntax(), &mut spans);
    only.fault.is_none().then_some(spans.len())
}
