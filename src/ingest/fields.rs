//! Cuts one record into its fields.

use std::borrow::Cow;

use memchr::memchr;

use super::reader::closing_quote;

/// Splits a structurally sound record. Quoted fields come without their quotes, doubled quotes as one.
///
/// `into` is cleared first; it is the caller's so that its memory is reused.
pub fn split<'r>(record: &'r [u8], delimiter: u8, quote: u8, into: &mut Vec<Cow<'r, [u8]>>) {
    into.clear();
    let mut at = 0;
    loop {
        let (field, end) = match record.get(at) == Some(&quote) {
            true => quoted(record, at + 1, quote),
            false => {
                let end = memchr(delimiter, &record[at..]).map_or(record.len(), |found| at + found);
                (Cow::Borrowed(&record[at..end]), end)
            }
        };
        into.push(field);
        if end >= record.len() {
            return;
        }
        at = end + 1;
    }
}

/// The field whose inside starts at `from`, and the place of the delimiter behind it.
fn quoted(record: &[u8], from: usize, quote: u8) -> (Cow<'_, [u8]>, usize) {
    // The reader has seen the closing quote; should it be missing all the same, the rest is the field.
    let close = closing_quote(record, from, quote).unwrap_or(record.len());
    let inside = &record[from..close];
    let field = match memchr(quote, inside) {
        None => Cow::Borrowed(inside),
        Some(_) => Cow::Owned(undouble(inside, quote)),
    };
    (field, close + 1)
}

fn undouble(inside: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr(quote, rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = &rest[(at + 2).min(rest.len())..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(record: &str) -> Vec<String> {
        let mut into = Vec::new();
        split(record.as_bytes(), b',', b'"', &mut into);
        into.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    }

    #[test]
    fn fields_are_cut_at_delimiters_outside_quotes() {
        assert_eq!(fields("a,b,c"), ["a", "b", "c"]);
        assert_eq!(fields("a,,"), ["a", "", ""]);
        assert_eq!(fields("\"a,b\",c"), ["a,b", "c"]);
        assert_eq!(fields("\"say \"\"hi\"\"\",\"\""), ["say \"hi\"", ""]);
        assert_eq!(fields("6\" plate,x"), ["6\" plate", "x"]);
        assert_eq!(fields("a,\"b\""), ["a", "b"]);
        assert_eq!(fields("a,\"b\","), ["a", "b", ""]);
    }
}
