//! Cuts a byte stream into records, with exact physical line numbers.
//!
//! Only structure is looked at here: quotes, line breaks, and rows that are no records. A structural fault (a quote
//! that never closes, or text behind a closing quote) costs the physical line on which its record starts and no
//! more: reading goes on at the next line, so that one stray quote does not swallow the rest of a file.

use std::collections::VecDeque;
use std::io::{self, Read};

use memchr::memchr;
use salesmart_base::event::Skipped;

use super::block::Block;
use super::scan::{Cut, Scan, StructuralFault, breaks_in, scan, without_return};
use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::{Dialect, LineEnd, Separator, Syntax};
use crate::contract::encoding::Encoding;
use crate::contract::mark::{self, Mark};

/// A record longer than this is rejected.
pub const MAX_RECORD_BYTES: usize = 8 << 20;

/// A quote that is not closed within so many bytes counts as never closed. It bounds memory: the reader never
/// holds more than twice this.
pub const MAX_QUOTED_BYTES: usize = 64 << 20;

const READ_BYTES: usize = 256 << 10;

/// Of a record too long to load, this much is kept for the reject.
const KEPT_OF_TOO_LONG: usize = 1024;

/// So many rows that look like a footer are held back until it is known whether more records follow.
const MAX_FOOTER_ROWS: usize = 1000;

/// What a cut record is.
enum Row {
    Record,
    Blank,
    /// So many rows of the header are repeated with this one.
    RepeatedHeader(usize),
    Footer,
}

/// What a byte order mark of UTF-8 at the start of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    /// No text: files were joined.
    NoText,
    /// The beginning of text in another encoding than the declared one.
    OtherEncoding,
}

/// Whether empty lines are records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmptyLines {
    Skipped,
    /// Of the header: an empty line counts among its lines.
    Kept,
}

/// A row that looks like a footer.
type Waiting = (Vec<u8>, u64, Option<StructuralFault>);

/// Reads records from a stream.
pub struct RecordReader<R> {
    input: R,
    syntax: Syntax,
    comment: Option<Vec<u8>>,
    footer: Vec<Vec<u8>>,
    skip_blank_rows: bool,
    header_lines: u64,
    /// The rows of the header.
    header: Vec<Vec<u8>>,
    /// How many of them the rows just passed over repeat.
    repeated: usize,
    empty_lines: EmptyLines,
    marks: Marks,
    /// Rows that are a footer unless a record follows.
    waiting: Vec<Waiting>,
    /// Rows that looked like a footer and were none.
    recalled: VecDeque<Waiting>,
    skipped: Skipped,
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    at_end: bool,
}

impl<R: Read> RecordReader<R> {
    /// A reader at the start of a file: at its header if it has one, else at its first record. A UTF-8 byte order
    /// mark is passed over.
    pub fn new(input: R, dialect: &Dialect) -> io::Result<Self> {
        let mut reader = Self {
            input,
            syntax: dialect.syntax(b'\n'),
            comment: dialect.comment.as_ref().map(|comment| comment.as_bytes().to_owned()),
            footer: dialect.footer.iter().map(|footer| footer.as_bytes().to_owned()).collect(),
            skip_blank_rows: dialect.skip_blank_rows,
            header_lines: dialect.header_lines,
            header: Vec::new(),
            repeated: 0,
            empty_lines: EmptyLines::Skipped,
            marks: match dialect.encoding {
                Encoding::OneByte(_) => Marks::OtherEncoding,
                Encoding::Utf8 | Encoding::Utf16(_) | Encoding::MultiByte(_) => Marks::NoText,
            },
            waiting: Vec::new(),
            recalled: VecDeque::new(),
            skipped: Skipped::default(),
            buffer: Vec::new(),
            start: 0,
            line: 1,
            at_end: false,
        };
        reader.fill()?;
        if reader.buffer.starts_with(mark::UTF8) {
            reader.start = mark::UTF8.len();
        }
        let has_only_returns = || memchr(b'\n', &reader.buffer).is_none() && memchr(b'\r', &reader.buffer).is_some();
        let is_cr = match dialect.line_end {
            LineEnd::Cr => true,
            LineEnd::Lf => false,
            LineEnd::Auto => has_only_returns() && !(reader.at_end && is_one_line(&reader.buffer)),
        };
        if is_cr {
            reader.syntax = dialect.syntax(b'\r');
        }
        for _ in 1..dialect.header_row {
            if reader.start < reader.buffer.len() || !reader.at_end {
                reader.skip_line()?;
                reader.skipped.preamble += 1;
            }
        }
        Ok(reader)
    }

    /// The syntax that records are cut by.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// Rows passed over so far because they are no records.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// The byte order mark with which the text begins. To be asked before anything is read.
    pub fn mark(&self) -> Option<Mark> {
        Mark::of(&self.buffer)
    }

    /// Whether the text begins with these bytes, white space aside. To be asked before anything is read.
    pub fn begins_with(&self, start: &[u8]) -> bool {
        self.buffer[self.start..].trim_ascii_start().starts_with(start)
    }

    /// The header: the first record, and as many rows behind it as declared. Rows equal to it are skipped from now on.
    pub fn header(&mut self) -> io::Result<Block> {
        let footer = std::mem::take(&mut self.footer);
        let mut block = Block::default();
        for _ in 0..self.header_lines {
            if !self.next_into(&mut block)? {
                break;
            }
            self.empty_lines = EmptyLines::Kept;
        }
        self.empty_lines = EmptyLines::Skipped;
        self.footer = footer;
        let rows = block.records().map(|record| record.bytes.to_owned());
        self.header = rows.filter(|row| !row.is_empty()).collect();
        Ok(block)
    }

    /// The next records, at most `limit`. An empty block is the end. Blank lines are no records.
    pub fn block(&mut self, limit: usize) -> io::Result<Block> {
        let mut block = Block::default();
        while block.len() < limit && block.size() < MAX_RECORD_BYTES && self.next_into(&mut block)? {}
        Ok(block)
    }

    /// Appends the next record; false at the end of the file.
    fn next_into(&mut self, block: &mut Block) -> io::Result<bool> {
        loop {
            if let Some((bytes, line, fault)) = self.recalled.pop_front() {
                block.push(&bytes, line, fault);
                return Ok(true);
            }
            if self.pass_over_marks()? {
                continue;
            }
            let rest = &self.buffer[self.start..];
            if rest.is_empty() && self.at_end {
                self.skipped.footer += self.waiting.len() as u64;
                self.waiting.clear();
                return Ok(false);
            }
            if let Some(comment) = &self.comment {
                if rest.len() < comment.len() && !self.at_end {
                    self.fill()?;
                    continue;
                }
                if rest.starts_with(comment) {
                    self.skip_line()?;
                    self.skipped.comment += 1;
                    continue;
                }
            }
            match scan(rest, self.syntax, self.at_end) {
                Scan::Record(cut) => {
                    if self.take(block, cut) {
                        return Ok(true);
                    }
                }
                Scan::Broken(fault) => {
                    if self.recall() {
                        continue;
                    }
                    self.push_first_line(block, fault)?;
                    return Ok(true);
                }
                Scan::NeedLine if rest.len() <= MAX_RECORD_BYTES => self.fill()?,
                Scan::NeedQuote(_) if rest.len() <= MAX_QUOTED_BYTES => self.fill()?,
                Scan::NeedQuote(field) if memchr(self.syntax.line_break, rest).is_some() => {
                    let last = self.line + breaks_in(rest, self.syntax);
                    let reason = format!(
                        "the quote opened here is not closed within {} MiB, that is by line {last}",
                        MAX_QUOTED_BYTES >> 20
                    );
                    let fault = Fault::new(Code::UnclosedQuote, reason);
                    if self.recall() {
                        continue;
                    }
                    self.push_first_line(block, StructuralFault { fault, field: Some(field) })?;
                    return Ok(true);
                }
                Scan::NeedLine | Scan::NeedQuote(_) => {
                    if self.recall() {
                        continue;
                    }
                    let rest = &self.buffer[self.start..];
                    block.push(&rest[..KEPT_OF_TOO_LONG], self.line, Some(too_long()));
                    self.skip_line()?;
                    return Ok(true);
                }
            }
        }
    }

    /// Takes the row at the head of the buffer. False if it is no record, or one that has to wait for those held back before it.
    fn take(&mut self, block: &mut Block, cut: Cut) -> bool {
        let Cut { len, next, breaks, fault } = cut;
        let row = self.kind(&self.buffer[self.start..self.start + len]);
        self.repeated = match row {
            Row::RepeatedHeader(repeated) => repeated,
            Row::Blank => self.repeated,
            Row::Footer | Row::Record => 0,
        };
        let is_record = match row {
            Row::Blank => {
                self.skipped.blank += 1;
                false
            }
            Row::RepeatedHeader(_) => {
                self.skipped.repeated_header += 1;
                false
            }
            Row::Footer if self.waiting.len() < MAX_FOOTER_ROWS => {
                self.waiting.push((self.buffer[self.start..self.start + len].to_owned(), self.line, fault));
                false
            }
            Row::Footer | Row::Record => {
                if self.recall() {
                    return false;
                }
                let rest = &self.buffer[self.start..];
                match len > MAX_RECORD_BYTES {
                    true => block.push(&rest[..KEPT_OF_TOO_LONG], self.line, Some(too_long())),
                    false => block.push(&rest[..len], self.line, fault),
                }
                true
            }
        };
        self.start += next;
        self.line += breaks;
        is_record
    }

    /// Passes over byte order marks at the start of a record, and over the line feed of a `\r\n` where lines end with `\r`. True if the
    /// buffer was filled for it.
    fn pass_over_marks(&mut self) -> io::Result<bool> {
        if self.syntax.line_break == b'\r' {
            while self.buffer.get(self.start) == Some(&b'\n') {
                self.start += 1;
            }
        }
        while self.buffer.get(self.start) == Some(&mark::UTF8[0]) {
            let rest = &self.buffer[self.start..];
            if rest.len() < mark::UTF8.len() && !self.at_end {
                self.fill()?;
                return Ok(true);
            }
            if !rest.starts_with(mark::UTF8) {
                break;
            }
            if self.marks == Marks::OtherEncoding {
                let reason = format!(
                    "line {} begins with the byte order mark of UTF-8: files in different encodings were joined; convert them to one encoding, and join them again",
                    self.line
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            self.start += mark::UTF8.len();
        }
        Ok(false)
    }

    /// Is the row the header's, quoted like it or not?
    fn is_same(&self, bytes: &[u8], header: &[u8]) -> bool {
        if bytes == header {
            return true;
        }
        let Some(quote) = self.syntax.quote else { return false };
        // Nearly all rows differ from it in their first bytes.
        let is_text = |byte: &&u8| **byte != quote;
        if !bytes.iter().filter(is_text).eq(header.iter().filter(is_text)) {
            return false;
        }
        // Quotes make a difference where a separator or a quote stands inside of them.
        let inner = |field: &'_ [u8]| -> Option<Vec<u8>> {
            let inner = field.strip_prefix(&[quote]).and_then(|field| field.strip_suffix(&[quote])).unwrap_or(field);
            (!inner.contains(&quote)).then(|| inner.to_owned())
        };
        let fields = |row: &[u8]| -> Option<Vec<Vec<u8>>> {
            row.split(|byte| self.syntax.separates(*byte)).map(inner).collect()
        };
        fields(bytes).is_some_and(|row| fields(header).is_some_and(|header| row == header))
    }

    /// What a cut record is.
    fn kind(&self, bytes: &[u8]) -> Row {
        if self.empty_lines == EmptyLines::Kept {
            return Row::Record;
        }
        if bytes.is_empty() {
            return Row::Blank;
        }
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        if !matches!(self.syntax.separator, Separator::Byte(_)) && bytes.iter().all(is_blank) {
            return Row::Blank;
        }
        let is_empty_field =
            |byte: &u8| is_blank(byte) || self.syntax.separates(*byte) || Some(*byte) == self.syntax.quote;
        if self.skip_blank_rows && bytes.iter().all(is_empty_field) {
            return Row::Blank;
        }
        if self.header.first().is_some_and(|header| self.is_same(bytes, header)) {
            return Row::RepeatedHeader(1);
        }
        // The second row of a header is one only behind the first.
        if self.repeated > 0 && self.header.get(self.repeated).is_some_and(|header| self.is_same(bytes, header)) {
            return Row::RepeatedHeader(self.repeated + 1);
        }
        if !self.footer.is_empty() {
            let unquoted = match bytes.first() {
                Some(first) if Some(*first) == self.syntax.quote => &bytes[1..],
                _ => bytes,
            };
            if self.footer.iter().any(|footer| unquoted.starts_with(footer)) {
                return Row::Footer;
            }
        }
        Row::Record
    }

    /// Rows held back as a footer are records after all, if there are any: a record follows them.
    fn recall(&mut self) -> bool {
        self.recalled.extend(self.waiting.drain(..));
        !self.recalled.is_empty()
    }

    /// Records the physical line at the head of the buffer as broken, and goes on behind it.
    fn push_first_line(&mut self, block: &mut Block, fault: StructuralFault) -> io::Result<()> {
        loop {
            let rest = &self.buffer[self.start..];
            match memchr(self.syntax.line_break, rest) {
                Some(at) if at <= MAX_RECORD_BYTES => {
                    block.push(&rest[..without_return(rest, at, self.syntax)], self.line, Some(fault));
                    self.start += at + 1;
                    self.line += 1;
                    return Ok(());
                }
                // The fault was seen before the end of its line.
                None if !self.at_end && rest.len() <= MAX_RECORD_BYTES => self.fill()?,
                None if self.at_end && rest.len() <= MAX_RECORD_BYTES => {
                    block.push(&rest[..without_return(rest, rest.len(), self.syntax)], self.line, Some(fault));
                    self.start = self.buffer.len();
                    return Ok(());
                }
                _ => {
                    block.push(&rest[..KEPT_OF_TOO_LONG], self.line, Some(fault));
                    return self.skip_line();
                }
            }
        }
    }

    /// Drops bytes up to and including the next line break without holding them.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr(self.syntax.line_break, &self.buffer[self.start..]) {
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
        if self.buffer.capacity() > 8 * want {
            self.buffer.shrink_to(2 * want);
        }
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

/// A lone `\r` at the very end of a file without any other break: a header, then nothing.
fn is_one_line(bytes: &[u8]) -> bool {
    memchr(b'\r', bytes) == bytes.len().checked_sub(1)
}

fn too_long() -> StructuralFault {
    let reason = format!("the record is longer than {} MiB; only its beginning is kept here", MAX_RECORD_BYTES >> 20);
    StructuralFault { fault: Fault::new(Code::RecordTooLong, reason), field: None }
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
        let mut reader = RecordReader::new(Drip(bytes), &Dialect::default()).unwrap();
        loop {
            let block = reader.block(3).unwrap();
            if block.is_empty() {
                return seen;
            }
            seen.extend(block.records().map(|record| {
                (
                    record.line,
                    String::from_utf8_lossy(record.bytes).into_owned(),
                    record.fault.map(|fault| fault.fault.code),
                )
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
        assert_eq!(
            all(b"a,6\" plate,\"x\"\nb"),
            [(1, "a,6\" plate,\"x\"".to_owned(), Some(Code::BadQuote)), record(2, "b")]
        );
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
    fn a_quote_that_is_never_closed_says_how_far_it_would_reach() {
        let mut reader = RecordReader::new(&b"a\nb,\"open\nc\nd\n"[..], &Dialect::default()).unwrap();
        let block = reader.block(10).unwrap();
        let faults: Vec<_> =
            block.records().filter_map(|record| record.fault.map(|fault| (record.line, fault))).collect();
        let [(line, fault)] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!((*line, fault.field), (2, Some(1)));
        assert!(fault.fault.reason.contains("would swallow the 2 lines behind this one"), "{}", fault.fault.reason);
    }

    #[test]
    fn an_endless_line_is_dropped_without_being_held() {
        let mut bytes = b"a\n".to_vec();
        bytes.resize(MAX_RECORD_BYTES * 2, b'x');
        bytes.extend_from_slice(b"\nlast");
        let mut reader = RecordReader::new(bytes.as_slice(), &Dialect::default()).unwrap();
        let block = reader.block(10).unwrap();
        let seen: Vec<_> = block
            .records()
            .map(|record| (record.line, record.bytes.len(), record.fault.map(|f| f.fault.code)))
            .collect();
        assert_eq!(seen, [(1, 1, None), (2, KEPT_OF_TOO_LONG, Some(Code::RecordTooLong)), (3, 4, None)]);
    }
}
