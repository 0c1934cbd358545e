//! Cuts one record into its fields.

use std::borrow::Cow;

use crate::contract::dialect::{Separator, Syntax};

/// Where a field lies in its record, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
    /// Quotes or escapes stand in it that are not part of the value.
    escaped: bool,
}

/// Cuts a structurally sound record at its separators. `into` is cleared first; it is the caller's so that its
/// memory is reused.
pub fn cut(record: &[u8], syntax: Syntax, into: &mut Vec<Span>) {
    into.clear();
    // Most records have no quote: one search over the whole record is cheaper than one per field.
    if let Separator::Byte(separator) = syntax.separator
        && syntax.quote.is_none_or(|quote| memchr::memchr(quote, record).is_none())
    {
        let mut start = 0;
        for end in memchr::memchr_iter(separator, record).chain([record.len()]) {
            into.push(Span { start, end, escaped: false });
            start = end + 1;
        }
        return;
    }
    let mut at = 0;
    loop {
        if syntax.separator == Separator::Blanks {
            at += record[at..].iter().take_while(|byte| syntax.separates(**byte)).count();
            if at == record.len() && !into.is_empty() {
                return;
            }
        }
        let (span, end) = match syntax.quote.filter(|quote| record.get(at) == Some(quote)) {
            Some(quote) => {
                // The reader has seen the closing quote; should it be missing all the same, the rest is the field.
                let close = syntax.closing_quote(record, at + 1, quote).unwrap_or(record.len());
                let inside = record.get(at + 1..close).unwrap_or_default();
                let escaped = memchr::memchr(syntax.escape.unwrap_or(quote), inside).is_some();
                (Span { start: (at + 1).min(close), end: close, escaped }, close + 1)
            }
            None => {
                let end = syntax.find_separator(&record[at..]).map_or(record.len(), |found| at + found);
                (Span { start: at, end, escaped: false }, end)
            }
        };
        into.push(span);
        if end >= record.len() {
            return;
        }
        at = end + 1;
    }
}

impl Span {
    /// The field between these bytes, as it stands.
    pub fn between(start: usize, end: usize) -> Self {
        Self { start, end, escaped: false }
    }

    /// Whether the field stands in quotes, which tells an empty text from no value. Before the start of a field that does
    /// not, there is a separator or nothing.
    pub fn is_quoted(&self, record: &[u8], syntax: Syntax) -> bool {
        self.start > 0 && record.get(self.start - 1).copied() == syntax.quote && syntax.quote.is_some()
    }

    /// The value as it stands between the quotes, escapes included: for messages, where it may be cut anywhere.
    pub fn bytes<'r>(&self, record: &'r [u8], syntax: Syntax) -> Cow<'r, [u8]> {
        let inside = &record[self.start..self.end];
        match self.escaped {
            false => Cow::Borrowed(inside),
            true => Cow::Owned(unescaped(inside, syntax)),
        }
    }

    /// The value, if it stands in the record as it is.
    #[inline]
    pub fn plain<'r>(&self, record: &'r str) -> Option<&'r str> {
        if self.escaped { None } else { record.get(self.start..self.end) }
    }

    /// The value. The record was cut at ASCII characters or between characters, so the value is text, too.
    pub fn text<'r>(&self, record: &'r str, syntax: Syntax) -> Cow<'r, str> {
        let inside = &record[self.start..self.end];
        match self.escaped {
            false => Cow::Borrowed(inside),
            true => Cow::Owned(String::from_utf8_lossy(&unescaped(inside.as_bytes(), syntax)).into_owned()),
        }
    }
}

/// Drops every character that only says that the next one stands for itself.
fn unescaped(inside: &[u8], syntax: Syntax) -> Vec<u8> {
    let Some(mark) = syntax.escape.or(syntax.quote) else { return inside.to_owned() };
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr::memchr(mark, rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend(rest.get(at + 1));
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::dialect::{Dialect, Format};

    fn fields(dialect: &Dialect, record: &str) -> Vec<String> {
        let syntax = dialect.syntax(b'\n');
        let mut into = Vec::new();
        cut(record.as_bytes(), syntax, &mut into);
        into.iter().map(|span| span.text(record, syntax).into_owned()).collect()
    }

    #[test]
    fn fields_are_cut_at_delimiters_outside_quotes() {
        let csv = Dialect::default();
        assert_eq!(fields(&csv, "a,b,c"), ["a", "b", "c"]);
        assert_eq!(fields(&csv, "a,,"), ["a", "", ""]);
        assert_eq!(fields(&csv, "\"a,b\",c"), ["a,b", "c"]);
        assert_eq!(fields(&csv, "\"say \"\"hi\"\"\",\"\""), ["say \"hi\"", ""]);
        assert_eq!(fields(&csv, "6\" plate,x"), ["6\" plate", "x"]);
        assert_eq!(fields(&csv, "a,\"b\""), ["a", "b"]);
        assert_eq!(fields(&csv, "a,\"b\","), ["a", "b", ""]);
        let escaped = Dialect { escape: Some(b'\\'), ..Dialect::default() };
        assert_eq!(fields(&escaped, r#""a\"b,\\",c\"#), ["a\"b,\\", "c\\"]);
        let bare = Dialect { quote: None, ..Dialect::default() };
        assert_eq!(fields(&bare, "\"a,b\""), ["\"a", "b\""]);
    }

    #[test]
    fn an_empty_text_in_quotes_is_told_from_no_value() {
        let (record, syntax, mut into) = (b"\"\",,\"a\",b,\"\"", Dialect::default().syntax(b'\n'), Vec::new());
        cut(record, syntax, &mut into);
        let quoted: Vec<bool> = into.iter().map(|span| span.is_quoted(record, syntax)).collect();
        assert_eq!(quoted, [true, false, true, false, true]);
    }

    #[test]
    fn blanks_of_any_number_are_one_separator() {
        let blanks = Dialect { format: Format::Whitespace, ..Dialect::default() };
        assert_eq!(fields(&blanks, "  a\t b   \"c d\" "), ["a", "b", "c d"]);
        assert_eq!(fields(&blanks, "a"), ["a"]);
    }
}
