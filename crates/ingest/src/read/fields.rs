//! Cuts one record into its fields.

use std::borrow::Cow;

use super::escapes;
use crate::cast::fault::Fault;
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
    let holds = |special: Option<u8>| special.is_some_and(|special| memchr::memchr(special, record).is_some());
    // Most records have no quote: one search over the whole record is cheaper than one per field.
    if let Separator::Byte(separator) = syntax.separator
        && !holds(syntax.quote)
        && !holds(syntax.escape_in_fields())
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
        let open = at + syntax.dropped_blanks(&record[at..]);
        let (span, end) = match syntax.quote.filter(|quote| record.get(open) == Some(quote)) {
            Some(quote) => {
                // The reader has seen the closing quote; should it be missing all the same, the rest is the field.
                let close = syntax.closing_quote(record, open + 1, quote).unwrap_or(record.len()).min(record.len());
                let inside = record.get(open + 1..close).unwrap_or_default();
                let escaped = memchr::memchr(syntax.escape.unwrap_or(quote), inside).is_some();
                let behind = record.get(close + 1..).unwrap_or_default();
                (Span { start: (open + 1).min(close), end: close, escaped }, close + 1 + syntax.dropped_blanks(behind))
            }
            None => {
                let end = syntax.find_separator(&record[at..]).map_or(record.len(), |found| at + found);
                let escape = syntax.escape_in_fields();
                let escaped = escape.is_some_and(|escape| memchr::memchr(escape, &record[at..end]).is_some());
                (Span { start: at, end, escaped }, end)
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

    /// Whether nothing stands in it, not even quotes.
    pub fn is_empty(&self, record: &[u8], syntax: Syntax) -> bool {
        self.start == self.end && !self.is_quoted(record, syntax)
    }

    /// The field as it stands in the record, escapes included.
    pub fn inside<'r>(&self, record: &'r [u8]) -> &'r [u8] {
        &record[self.start..self.end]
    }

    /// Whether the value stands in the record as it is.
    pub fn is_plain(&self) -> bool {
        !self.escaped
    }

    /// The value, if it stands in the record as it is.
    #[inline]
    pub fn plain<'r>(&self, record: &'r str) -> Option<&'r str> {
        if self.escaped { None } else { record.get(self.start..self.end) }
    }

    /// The value. Escapes without a meaning stand as they are.
    pub fn text<'r>(&self, record: &'r str, syntax: Syntax) -> Cow<'r, str> {
        let inside = &record[self.start..self.end];
        match self.value(inside.into(), self.is_quoted(record.as_bytes(), syntax), syntax) {
            Ok(value) => value.unwrap_or_default(),
            Err(_) => inside.into(),
        }
    }

    /// The value of the field, which is [`inside`](Self::inside) as text; `None` where an escape says that there is none.
    ///
    /// # Errors
    /// An escape that has no meaning.
    pub fn value<'r>(
        &self,
        inside: Cow<'r, str>,
        is_quoted: bool,
        syntax: Syntax,
    ) -> Result<Option<Cow<'r, str>>, Fault> {
        match (self.escaped, syntax.escape, syntax.quote) {
            (false, ..) => Ok(Some(inside)),
            (true, Some(escape), _) => {
                let value = escapes::resolved(&inside, escape, syntax.escape_scope, is_quoted)?;
                Ok(value.map(Cow::Owned))
            }
            (true, None, Some(quote)) => Ok(Some(Cow::Owned(escapes::undoubled(&inside, char::from(quote))))),
            (true, None, None) => Ok(Some(inside)),
        }
    }
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
