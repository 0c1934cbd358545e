//! A block of records: what the reader cuts at a time, and what becomes one chunk of DuckDB's.

use std::ops::Range;

use memchr::memchr;

use super::scan::StructuralFault;

/// Records per block: DuckDB's vector size, so that a block becomes one chunk.
pub const BLOCK_RECORDS: usize = 2048;

/// Consecutive records, with the bytes they lie in.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    records: Vec<RawRecord>,
}

#[derive(Debug)]
struct RawRecord {
    range: Range<usize>,
    line: u64,
    fault: Option<StructuralFault>,
}

/// One record as it stands in the file, without its line break.
#[derive(Debug, Clone, Copy)]
pub struct Record<'b> {
    /// The bytes.
    pub bytes: &'b [u8],
    /// The physical line on which it starts, from 1.
    pub line: u64,
    /// What is wrong with its structure, if anything.
    pub fault: Option<&'b StructuralFault>,
}

impl Block {
    /// The records, in file order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|record| Record {
            bytes: &self.bytes[record.range.clone()],
            line: record.line,
            fault: record.fault.as_ref(),
        })
    }

    /// All bytes as text, if they are UTF-8 without NUL: then every record whose range lies between characters is.
    pub fn text(&self) -> Option<&str> {
        match memchr(0, &self.bytes) {
            None => std::str::from_utf8(&self.bytes).ok(),
            Some(_) => None,
        }
    }

    /// The records with their texts, as far as [`text`](Self::text) has them.
    pub fn texts<'b>(&'b self, text: Option<&'b str>) -> impl Iterator<Item = (Record<'b>, Option<&'b str>)> {
        self.records().zip(&self.records).map(move |(record, raw)| {
            let text = text.filter(|_| record.fault.is_none());
            (record, text.and_then(|text| text.get(raw.range.clone())))
        })
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of all records.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no record: the end of the file.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a record.
    pub fn push(&mut self, bytes: &[u8], line: u64, fault: Option<StructuralFault>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.records.push(RawRecord { range: start..self.bytes.len(), line, fault });
    }
}
