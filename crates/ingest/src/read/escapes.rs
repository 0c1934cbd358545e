//! The meaning of escapes in a field.
//!
//! Inside quotes the character behind an escape stands for itself. Where escapes count in every field, letters have the meaning that
//! MySQL and PostgreSQL give them when they write text. An escape that programs read differently is a fault, never a guess.

use crate::cast::fault::{Code, Fault};
use crate::contract::dialect::EscapeScope;

/// The value of a field with escapes; `None` where it is `\N`, which stands for no value.
///
/// # Errors
/// An escape that has no meaning here.
pub fn resolved(inside: &str, escape: u8, scope: EscapeScope, is_quoted: bool) -> Result<Option<String>, Fault> {
    let escape = char::from(escape);
    let fault = |reason: String| Err(Fault::new(Code::BadEscape, reason));
    if scope == EscapeScope::Fields && !is_quoted && inside.chars().eq([escape, 'N']) {
        return Ok(None);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        if c != escape {
            out.push(c);
            continue;
        }
        match rest.next() {
            None => return fault(format!("{escape} at the end of the field escapes nothing")),
            Some('0') if scope == EscapeScope::Fields => {
                return Err(Fault::new(Code::NulByte, format!("{escape}0 is NUL")));
            }
            Some(c) if scope == EscapeScope::Fields && control(c).is_some() => out.extend(control(c)),
            Some(c) if !c.is_ascii_alphanumeric() => out.push(c),
            Some(c) if scope == EscapeScope::Fields => {
                return fault(format!(
                    "{escape}{c} has no meaning here: {escape} goes before b, f, n, r, t, v and characters that are no letters or digits, and {escape}N alone is no value"
                ));
            }
            Some(c) => {
                return fault(format!(
                    "{escape}{c} may stand for {c}, for a control character or for {escape} and {c}; escape_outside_quotes = true reads it as MySQL does, and a {escape} that is text is written {escape}{escape}"
                ));
            }
        }
    }
    Ok(Some(out))
}

/// The control character of a letter.
fn control(letter: char) -> Option<char> {
    Some(match letter {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}

/// The value of a field in which a doubled quote is one.
pub fn undoubled(inside: &str, quote: char) -> String {
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        match c == quote {
            true => out.extend(rest.next()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_the_declared_scope_says() {
        let fields = |text| resolved(text, b'\\', EscapeScope::Fields, false).map_err(|fault| fault.code);
        assert_eq!(fields(r"\N"), Ok(None));
        assert_eq!(fields(r"\\N"), Ok(Some(r"\N".to_owned())));
        assert_eq!(fields(r"a\tb\nc\\d\|e\ü"), Ok(Some("a\tb\nc\\d|eü".to_owned())));
        for text in [r"x\N", r"\q", r"\x41", r"\101", r"a\"] {
            assert_eq!(fields(text), Err(Code::BadEscape), "{text}");
        }
        assert_eq!(fields(r"\0"), Err(Code::NulByte));
        let quotes = |text| resolved(text, b'\\', EscapeScope::Quotes, true).map_err(|fault| fault.code);
        assert_eq!(quotes(r#"say \"hi\" \\ \,"#), Ok(Some(r#"say "hi" \ ,"#.to_owned())));
        for text in [r"a\nb", r"\N", r"\0"] {
            assert_eq!(quotes(text), Err(Code::BadEscape), "{text}");
        }
    }
}
