//! Finds the end of the record at the head of a buffer: quotes and line breaks, nothing else.

use memchr::{memchr, memchr_iter};

use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::{Separator, Syntax};

/// A fault that keeps a record from being cut into fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructuralFault {
    /// What is wrong.
    pub fault: Fault,
    /// The field it is in, from 0, if that can be told.
    pub field: Option<usize>,
}

/// What lies at the head of the buffer.
pub enum Scan {
    /// A record.
    Record {
        /// Its bytes, without the line break.
        len: usize,
        /// Where the next one starts.
        next: usize,
        /// Physical lines that end before that.
        breaks: u64,
    },
    /// A structural fault.
    Broken(StructuralFault),
    /// The line goes on behind the buffer.
    NeedLine,
    /// A quote opened in this field goes on behind the buffer.
    NeedQuote(usize),
}

/// The end of a line that has its break, or the end of the file, at `at`: a `\r` before `\n` belongs to the break.
pub fn without_return(bytes: &[u8], at: usize, syntax: Syntax) -> usize {
    match syntax.line_break == b'\n' && at > 0 && bytes[at - 1] == b'\r' {
        true => at - 1,
        false => at,
    }
}

/// Physical lines that end in these bytes.
pub fn breaks_in(bytes: &[u8], syntax: Syntax) -> u64 {
    memchr_iter(syntax.line_break, bytes).count() as u64
}

/// Looks at the head of the buffer. `at_end`: nothing follows the bytes.
pub fn scan(bytes: &[u8], syntax: Syntax, at_end: bool) -> Scan {
    let first_break = memchr(syntax.line_break, bytes);
    let line = &bytes[..first_break.unwrap_or(bytes.len())];
    if let Some(quote) = syntax.quote
        && memchr(quote, line).is_some()
    {
        return scan_quoted(bytes, syntax, quote, at_end);
    }
    // Most lines have no quote: then the line is the record.
    match first_break {
        Some(at) => Scan::Record { len: without_return(bytes, at, syntax), next: at + 1, breaks: 1 },
        None if at_end => {
            Scan::Record { len: without_return(bytes, bytes.len(), syntax), next: bytes.len(), breaks: 0 }
        }
        None => Scan::NeedLine,
    }
}

fn scan_quoted(bytes: &[u8], syntax: Syntax, quote: u8, at_end: bool) -> Scan {
    let broken = |code, reason: String, field| {
        Scan::Broken(StructuralFault { fault: Fault::new(code, reason), field: Some(field) })
    };
    let mut at = 0;
    let mut field = 0;
    loop {
        // At the start of a field.
        if syntax.separator == Separator::Blanks {
            at += bytes[at..].iter().take_while(|byte| syntax.separates(**byte)).count();
        }
        if bytes.get(at) == Some(&quote) {
            let close = match syntax.closing_quote(bytes, at + 1, quote) {
                Some(close) => close,
                None if at_end => {
                    let lines = breaks_in(bytes, syntax) + u64::from(bytes.last() != Some(&syntax.line_break));
                    let reason = match lines {
                        0 | 1 => "the quote opened here is never closed".to_owned(),
                        lines => format!(
                            "the quote opened here is never closed; it would swallow the {} lines behind this one, to the end of the file",
                            lines - 1
                        ),
                    };
                    return broken(Code::UnclosedQuote, reason, field);
                }
                None => return Scan::NeedQuote(field),
            };
            let behind = close + 1;
            let ends = match &bytes[behind..] {
                [] if at_end => true,
                // The quote may be the first half of a doubled one, and `\r` the first half of a break.
                [] | [b'\r'] if !at_end => return Scan::NeedQuote(field),
                [byte, ..] if *byte == syntax.line_break || syntax.separates(*byte) => true,
                [b'\r', next, ..] => syntax.line_break == b'\n' && *next == b'\n',
                [b'\r'] => syntax.line_break == b'\n',
                _ => false,
            };
            if !ends {
                let lines = breaks_in(&bytes[..close], syntax);
                let reason = match lines {
                    0 => "there is text behind the closing quote".to_owned(),
                    lines => format!(
                        "the quote opened here closes {lines} lines further down, with text behind it: it is probably a stray quote"
                    ),
                };
                return broken(Code::BadQuote, reason, field);
            }
            at = behind;
        } else {
            match find_end(syntax, &bytes[at..]) {
                Some(found) => at += found,
                None if at_end => at = bytes.len(),
                None => return Scan::NeedLine,
            }
        }
        match bytes.get(at) {
            Some(byte) if syntax.separates(*byte) => at += 1,
            Some(byte) if *byte == syntax.line_break => return ended(bytes, at, syntax),
            // The `\r` of a `\r\n` or of the last line.
            Some(_) if at + 1 < bytes.len() => return ended(bytes, at + 1, syntax),
            _ => {
                let len = without_return(bytes, bytes.len(), syntax);
                return Scan::Record { len, next: bytes.len(), breaks: breaks_in(bytes, syntax) };
            }
        }
        field += 1;
    }
}

/// Where the next separator or line break is.
fn find_end(syntax: Syntax, bytes: &[u8]) -> Option<usize> {
    match syntax.separator {
        Separator::Byte(separator) => memchr::memchr2(separator, syntax.line_break, bytes),
        Separator::Blanks => memchr::memchr3(b' ', b'\t', syntax.line_break, bytes),
        Separator::None => memchr(syntax.line_break, bytes),
    }
}

/// The record that ends with the break at `at`.
fn ended(bytes: &[u8], at: usize, syntax: Syntax) -> Scan {
    Scan::Record { len: without_return(bytes, at, syntax), next: at + 1, breaks: breaks_in(&bytes[..=at], syntax) }
}
