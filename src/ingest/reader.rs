//! Cuts a byte stream into records, with exact physical line numbers.
//!
//! Only structure is looked at here: quotes and line breaks. A structural fault (a quote that never closes,
//! or text behind a closing quote) costs the physical line on which its record starts and no more: reading
//! goes on at the next line, so that one stray quote does not swallow the rest of a file.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use super::fault::{Code, Fault};

/// A record longer than this is rejected. It bounds memory: the reader never holds more than this and a block.
pub const MAX_RECORD_BYTES: usize = 8 << 20;

/// Records per block: DuckDB's vector size, so that a block becomes one chunk.
pub const BLOCK_RECORDS: usize = 2048;

const READ_BYTES: usize = 256 << 10;

/// Of a record too long to hold, this much is kept for the reject.
const KEPT_OF_TOO_LONG: usize = 1024;

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
    fault: Option<Fault>,
}

/// One record as it stands in the file, without its line break.
#[derive(Debug, Clone, Copy)]
pub struct Record<'b> {
    /// The bytes.
    pub bytes: &'b [u8],
    /// The physical line on which it starts, from 1.
    pub line: u64,
    /// What is wrong with its structure, if anything.
    pub fault: Option<&'b Fault>,
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

    /// How many records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record: the end of the file.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn push(&mut self, bytes: &[u8], line: u64, fault: Option<Fault>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.records.push(RawRecord { range: start..self.bytes.len(), line, fault });
    }
}

/// What lies at the head of the buffer.
enum Scan {
    /// A record of `len` bytes; the next one starts at `next`; `breaks` physical lines end in between.
    Record { len: usize, next: usize, breaks: u64 },
    /// A structural fault.
    Broken(Fault),
    /// More bytes are needed to tell.
    NeedMore,
}

/// Reads records from a stream.
pub struct RecordReader<R> {
    input: R,
    delimiter: u8,
    quote: u8,
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    at_end: bool,
}

impl<R: Read> RecordReader<R> {
    /// A reader at the start of a file. A UTF-8 byte order mark is skipped.
    pub fn new(input: R, delimiter: u8, quote: u8) -> io::Result<Self> {
        let mut reader = Self { input, delimiter, quote, buffer: Vec::new(), start: 0, line: 1, at_end: false };
        reader.fill()?;
        if reader.buffer.starts_with(b"\xEF\xBB\xBF") {
            reader.start = 3;
        }
        Ok(reader)
    }

    /// The next records, at most `limit`. An empty block is the end. Blank lines are no records.
    pub fn block(&mut self, limit: usize) -> io::Result<Block> {
        let mut block = Block::default();
        while block.len() < limit && block.bytes.len() < MAX_RECORD_BYTES && self.next_into(&mut block)? {}
        Ok(block)
    }

    /// Appends the next record; false at the end of the file.
    fn next_into(&mut self, block: &mut Block) -> io::Result<bool> {
        loop {
            let rest = &self.buffer[self.start..];
            if rest.is_empty() && self.at_end {
                return Ok(false);
            }
            match scan(rest, self.delimiter, self.quote, self.at_end) {
                Scan::Record { len, next, breaks } => {
                    let line = self.line;
                    self.line += breaks;
                    let record = self.start..self.start + len;
                    self.start += next;
                    if len > 0 {
                        block.push(&self.buffer[record], line, None);
                        return Ok(true);
                    }
                }
                Scan::Broken(fault) => {
                    self.push_first_line(block, fault);
                    return Ok(true);
                }
                Scan::NeedMore if rest.len() <= MAX_RECORD_BYTES => self.fill()?,
                // Too long. With a line break in it, it is a quote that was never closed; without, one endless line.
                Scan::NeedMore if memchr(b'\n', rest).is_some() => {
                    let fault = Fault::new(
                        Code::UnclosedQuote,
                        format!("a quote is not closed within {MAX_RECORD_BYTES} bytes"),
                    );
                    self.push_first_line(block, fault);
                    return Ok(true);
                }
                Scan::NeedMore => {
                    let fault =
                        Fault::new(Code::RecordTooLong, format!("the line is longer than {MAX_RECORD_BYTES} bytes"));
                    block.push(&rest[..KEPT_OF_TOO_LONG], self.line, Some(fault));
                    self.skip_line()?;
                    return Ok(true);
                }
            }
        }
    }

    /// Records the physical line at the head of the buffer as broken, and goes on behind it.
    fn push_first_line(&mut self, block: &mut Block, fault: Fault) {
        let rest = &self.buffer[self.start..];
        let (len, next) = line_end(rest);
        block.push(&rest[..len], self.line, Some(fault));
        self.start += next;
        self.line += 1;
    }

    /// Drops bytes up to and including the next line break without holding them.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.start..]) {
                self.start += at + 1;
                self.line += 1;
                return Ok(());
            }
            self.start = self.buffer.len();
            if self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads more bytes behind the ones not yet used.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        // Growing with what is held keeps the rescans of a long record linear in all.
        let want = READ_BYTES.max(self.buffer.len());
        let held = self.buffer.len();
        self.buffer.resize(held + want, 0);
        let mut got = 0;
        while got < want {
            match self.input.read(&mut self.buffer[held + got..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(read) => got += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(held + got);
        Ok(())
    }
}

/// Length of the first physical line without its break, and where the next one starts.
fn line_end(bytes: &[u8]) -> (usize, usize) {
    match memchr(b'\n', bytes) {
        Some(at) => (without_return(bytes, at), at + 1),
        None => (bytes.len(), bytes.len()),
    }
}

/// The end of a line that has its `\n`, or the end of the file, at `at`: a `\r` before it belongs to the break.
fn without_return(bytes: &[u8], at: usize) -> usize {
    match at > 0 && bytes[at - 1] == b'\r' {
        true => at - 1,
        false => at,
    }
}

fn scan(bytes: &[u8], delimiter: u8, quote: u8, at_end: bool) -> Scan {
    let first_break = memchr(b'\n', bytes);
    let line = &bytes[..first_break.unwrap_or(bytes.len())];
    // Most lines have no quote: then the line is the record.
    if memchr(quote, line).is_none() {
        return match first_break {
            Some(at) => Scan::Record { len: without_return(bytes, at), next: at + 1, breaks: 1 },
            None if at_end => Scan::Record { len: without_return(bytes, bytes.len()), next: bytes.len(), breaks: 0 },
            None => Scan::NeedMore,
        };
    }
    scan_quoted(bytes, delimiter, quote, at_end)
}

fn scan_quoted(bytes: &[u8], delimiter: u8, quote: u8, at_end: bool) -> Scan {
    let mut at = 0;
    loop {
        // At the start of a field.
        if bytes.get(at) == Some(&quote) {
            at = match closing_quote(bytes, at + 1, quote) {
                Some(close) => close + 1,
                None if at_end => {
                    return Scan::Broken(Fault::new(Code::UnclosedQuote, "a quote is opened and never closed"));
                }
                None => return Scan::NeedMore,
            };
            match &bytes[at..] {
                [] if at_end => {}
                // The quote may be the first half of a doubled one, and `\r` the first half of a break.
                [] | [b'\r'] if !at_end => return Scan::NeedMore,
                [b'\n' | b'\r', ..] => {}
                [byte, ..] if *byte == delimiter => {}
                _ => return Scan::Broken(Fault::new(Code::BadQuote, "there is text behind a closing quote")),
            }
        } else {
            match memchr2(delimiter, b'\n', &bytes[at..]) {
                Some(found) => at += found,
                None if at_end => at = bytes.len(),
                None => return Scan::NeedMore,
            }
        }
        match bytes.get(at) {
            Some(byte) if *byte == delimiter => at += 1,
            Some(b'\r') if bytes.get(at + 1) != Some(&b'\n') => {
                return Scan::Broken(Fault::new(
                    Code::BadQuote,
                    "there is a lone carriage return behind a closing quote",
                ));
            }
            Some(b'\r') => return ended(bytes, at + 1),
            Some(_) => return ended(bytes, at),
            None => {
                let breaks = memchr_iter(b'\n', bytes).count() as u64;
                return Scan::Record { len: bytes.len(), next: bytes.len(), breaks };
            }
        }
    }
}

/// The record that ends with the `\n` at `at`.
fn ended(bytes: &[u8], at: usize) -> Scan {
    let breaks = memchr_iter(b'\n', &bytes[..=at]).count() as u64;
    Scan::Record { len: without_return(bytes, at), next: at + 1, breaks }
}

/// The quote that closes a field whose inside starts at `from`; doubled quotes are passed over.
pub fn closing_quote(bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + memchr(quote, bytes.get(at..)?)?;
        match bytes.get(found + 1) {
            Some(next) if *next == quote => at = found + 2,
            _ => return Some(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives one byte at a time, so that every refill boundary is tried.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn all(bytes: &[u8]) -> Vec<(u64, String, Option<Code>)> {
        let mut seen = Vec::new();
        let mut reader = RecordReader::new(Drip(bytes), b',', b'"').unwrap();
        loop {
            let block = reader.block(3).unwrap();
            if block.is_empty() {
                return seen;
            }
            seen.extend(block.records().map(|record| {
                (record.line, String::from_utf8_lossy(record.bytes).into_owned(), record.fault.map(|fault| fault.code))
            }));
        }
    }

    fn record(line: u64, text: &str) -> (u64, String, Option<Code>) {
        (line, text.to_owned(), None)
    }

    #[test]
    fn lines_are_physical_also_behind_quoted_breaks_and_blank_lines() {
        assert_eq!(
            all(b"\xEF\xBB\xBFa,b\r\n\r\n1,\"x\r\ny\"\n\n2,z"),
            [record(1, "a,b"), record(3, "1,\"x\r\ny\""), record(6, "2,z")]
        );
        assert_eq!(all(b"a\n\"b\"\n"), [record(1, "a"), record(2, "\"b\"")]);
        assert_eq!(all(b"\"b\"\"c\"\r\nd"), [record(1, "\"b\"\"c\""), record(2, "d")]);
        assert_eq!(all(b""), []);
        assert_eq!(all(b"a,6\" plate,\"x\"\nb"), [record(1, "a,6\" plate,\"x\""), record(2, "b")]);
    }

    #[test]
    fn a_broken_quote_costs_its_line_only() {
        assert_eq!(
            all(b"a,\"open\nb,2\nc,3\n"),
            [(1, "a,\"open".to_owned(), Some(Code::UnclosedQuote)), record(2, "b,2"), record(3, "c,3")]
        );
        assert_eq!(
            all(b"a,\"open\nb,\"2\"\nc,3\n"),
            [(1, "a,\"open".to_owned(), Some(Code::BadQuote)), record(2, "b,\"2\""), record(3, "c,3")]
        );
        assert_eq!(all(b"\"a\"b,1\nc,2"), [(1, "\"a\"b,1".to_owned(), Some(Code::BadQuote)), record(2, "c,2")]);
    }

    #[test]
    fn an_endless_line_is_dropped_without_being_held() {
        let mut bytes = b"a\n".to_vec();
        bytes.resize(MAX_RECORD_BYTES * 2, b'x');
        bytes.extend_from_slice(b"\nlast");
        let mut reader = RecordReader::new(bytes.as_slice(), b',', b'"').unwrap();
        let block = reader.block(10).unwrap();
        let seen: Vec<_> =
            block.records().map(|record| (record.line, record.bytes.len(), record.fault.map(|f| f.code))).collect();
        assert_eq!(seen, [(1, 1, None), (2, KEPT_OF_TOO_LONG, Some(Code::RecordTooLong)), (3, 4, None)]);
    }
}
