//! Finds the end of the record at the head of a buffer: quotes and line breaks, nothing else.

use memchr::{memchr, memchr_iter};

use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::{Separator, StrayQuotes, Syntax};

/// A fault that keeps a record from being cut into fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructuralFault {
    /// What is wrong.
    pub fault: Fault,
    /// The field it is in, from 0, if that can be told.
    pub field: Option<usize>,
}

/// A record whose end is certain.
pub struct Cut {
    /// Its bytes, without the line break.
    pub len: usize,
    /// Where the next one starts.
    pub next: usize,
    /// Physical lines that end before that.
    pub breaks: u64,
    /// The fault of one of its fields.
    pub fault: Option<StructuralFault>,
}

/// What lies at the head of the buffer.
pub enum Scan {
    /// A record.
    Record(Cut),
    /// A structural fault: where the record ends is not certain.
    Broken(StructuralFault),
    /// The line goes on behind the buffer.
    NeedLine,
    /// A quote opened in this field goes on behind the buffer.
    NeedQuote(usize),
}

/// The end of a line that has its break, or the end of the file, at `at`: every `\r` before `\n` belongs to the break.
pub fn without_return(bytes: &[u8], at: usize, syntax: Syntax) -> usize {
    let mut end = at;
    if syntax.line_break == b'\n' {
        while end > 0 && bytes[end - 1] == b'\r' {
            end -= 1;
        }
    }
    end
}

/// Physical lines that end in these bytes.
pub fn breaks_in(bytes: &[u8], syntax: Syntax) -> u64 {
    memchr_iter(syntax.line_break, bytes).count() as u64
}

/// Looks at the head of the buffer. `at_end`: nothing follows the bytes.
pub fn scan(bytes: &[u8], syntax: Syntax, at_end: bool) -> Scan {
    let first_break = memchr(syntax.line_break, bytes);
    let line = &bytes[..first_break.unwrap_or(bytes.len())];
    let holds = |special: Option<u8>| special.is_some_and(|special| memchr(special, line).is_some());
    if holds(syntax.quote) || holds(syntax.escape_in_fields()) {
        return scan_fields(bytes, syntax, at_end);
    }
    // Most lines have neither: then the line is the record.
    match first_break {
        Some(at) => Scan::Record(Cut { len: without_return(bytes, at, syntax), next: at + 1, breaks: 1, fault: None }),
        None if at_end => {
            let len = without_return(bytes, bytes.len(), syntax);
            Scan::Record(Cut { len, next: bytes.len(), breaks: 0, fault: None })
        }
        None => Scan::NeedLine,
    }
}

/// What follows a closing quote.
enum BehindQuote {
    /// The end of the field.
    End(usize),
    /// Text.
    Text(StructuralFault),
    /// It lies behind the buffer.
    Unknown,
}

fn scan_fields(bytes: &[u8], syntax: Syntax, at_end: bool) -> Scan {
    let mut at = 0;
    let mut field = 0;
    let mut fault: Option<StructuralFault> = None;
    loop {
        // At the start of a field.
        if syntax.separator == Separator::Blanks {
            at += bytes[at..].iter().take_while(|byte| syntax.separates(**byte)).count();
        }
        let blanks = syntax.dropped_blanks(&bytes[at..]);
        let quote = syntax.quote.filter(|quote| bytes.get(at + blanks) == Some(quote));
        let start = at;
        if let Some(quote) = quote {
            let close = match syntax.closing_quote(bytes, at + blanks + 1, quote) {
                Some(close) => close,
                None if at_end => return Scan::Broken(unclosed(bytes, syntax, field)),
                None => return Scan::NeedQuote(field),
            };
            match behind_quote(bytes, close + 1, syntax, at_end, field) {
                BehindQuote::End(end) => at = end,
                BehindQuote::Text(fault) => return Scan::Broken(fault),
                BehindQuote::Unknown => return Scan::NeedQuote(field),
            }
        } else {
            match syntax.find_end(&bytes[at..]) {
                Some(found) => at += found,
                None if at_end => at = bytes.len(),
                None => return Scan::NeedLine,
            }
            if syntax.stray_quotes == StrayQuotes::Reject && fault.is_none() {
                fault = stray_quote(&bytes[start..at], syntax, field);
            }
        }
        if bytes.get(at).is_some_and(|byte| syntax.separates(*byte)) {
            at += 1;
            field += 1;
            continue;
        }
        // At a line break or at the end of the file. What an escape protects is no part of the break.
        let len = without_return(bytes, at, syntax).max(match syntax.escape_in_fields() {
            Some(escape) if quote.is_none() => start + protected(&bytes[start..at], escape),
            _ => start,
        });
        let next = (at + 1).min(bytes.len());
        let breaks = breaks_in(&bytes[..next], syntax);
        return Scan::Record(Cut { len, next, breaks, fault });
    }
}

/// The end of the last pair of an escape and what it escapes.
fn protected(field: &[u8], escape: u8) -> usize {
    let (mut at, mut end) = (0, 0);
    while let Some(found) = memchr(escape, &field[at..]) {
        at = (at + found + 2).min(field.len());
        end = at;
    }
    end
}

fn unclosed(bytes: &[u8], syntax: Syntax, field: usize) -> StructuralFault {
    let lines = breaks_in(bytes, syntax) + u64::from(bytes.last() != Some(&syntax.line_break));
    let reason = match lines {
        0 | 1 => "the quote opened here is never closed".to_owned(),
        lines => format!(
            "the quote opened here is never closed; it would swallow the {} lines behind this one, to the end of the file",
            lines - 1
        ),
    };
    StructuralFault { fault: Fault::new(Code::UnclosedQuote, reason), field: Some(field) }
}

/// Looks behind a closing quote: a separator, a line break or the end of the file has to be there.
fn behind_quote(bytes: &[u8], behind: usize, syntax: Syntax, at_end: bool, field: usize) -> BehindQuote {
    let end = behind + syntax.dropped_blanks(&bytes[behind..]);
    let is_return = |byte: &&u8| syntax.line_break == b'\n' && **byte == b'\r';
    let returns = bytes[end..].iter().take_while(is_return).count();
    match bytes.get(end + returns) {
        None if at_end => return BehindQuote::End(end + returns),
        // The quote may be the first half of a doubled one, and `\r` the first half of a break.
        None => return BehindQuote::Unknown,
        Some(byte) if *byte == syntax.line_break => return BehindQuote::End(end + returns),
        Some(byte) if returns == 0 && syntax.separates(*byte) => return BehindQuote::End(end),
        Some(_) => {}
    }
    let blanks = syntax.blanks(&bytes[behind..]);
    let is_end = |byte: &u8| syntax.separates(*byte) || *byte == syntax.line_break || *byte == b'\r';
    let reason = match breaks_in(&bytes[..behind], syntax) {
        0 if blanks > 0 && bytes.get(behind + blanks).is_none_or(is_end) => {
            "there are blanks behind the closing quote; spaces_around_quotes = true drops them".to_owned()
        }
        0 => "there is text behind the closing quote".to_owned(),
        lines => format!(
            "the quote opened here closes {lines} lines further down, with text behind it: it is probably a stray quote"
        ),
    };
    BehindQuote::Text(StructuralFault { fault: Fault::new(Code::BadQuote, reason), field: Some(field) })
}

/// The fault of a field that does not begin with a quote and holds one.
fn stray_quote(field: &[u8], syntax: Syntax, number: usize) -> Option<StructuralFault> {
    let at = syntax.find_quote(field)?;
    let reason = match () {
        () if at == syntax.blanks(field) => {
            "there are blanks before the quote; spaces_around_quotes = true drops them and takes the field as quoted"
        }
        () if at > 0 && syntax.escape == Some(field[at - 1]) => {
            "there is an escaped quote in a field without quotes; escape_outside_quotes = true reads it"
        }
        () => {
            "there is a quote in the middle of the field: a delimiter may be missing before it; if such quotes are text (inches), stray_quotes = \"text\" takes them as they stand"
        }
    };
    Some(StructuralFault { fault: Fault::new(Code::BadQuote, reason), field: Some(number) })
}
