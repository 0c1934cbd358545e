//! The keys that say how numbers are written, of a contract or of one column.

use anyhow::Result;
use salesmart_base::fail;
use serde::Deserialize;

use crate::cast::number_style::{Grouping, NumberStyle, is_ending};

/// Ways to write a negative number besides a leading minus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Negative {
    /// `5-`
    TrailingMinus,
    /// `(5)`
    Parentheses,
}

/// The keys, as they are written.
pub struct NumberFile<'a> {
    pub decimal: Option<&'a str>,
    pub thousands: Option<&'a str>,
    pub grouping: Option<Grouping>,
    pub currency: Option<&'a Vec<String>>,
    pub negatives: Option<&'a Vec<Negative>>,
    pub percent: bool,
    pub exponent: Option<bool>,
}

/// The style that they declare; what they leave out is that of `default`. `at` is where they stand.
///
/// # Errors
/// A value that cannot be right.
pub fn number_style(at: &str, written: &NumberFile<'_>, default: &NumberStyle) -> Result<NumberStyle> {
    let mark = match written.decimal {
        None => default.mark,
        Some(".") => b'.',
        Some(",") => b',',
        Some(other) => fail!("{at}: decimal is \".\" or \",\", not \"{other}\""),
    };
    let thousands = match written.thousands {
        None => default.thousands,
        Some("") => None,
        Some(text) => match text.chars().collect::<Vec<_>>().as_slice() {
            [one] if ['.', ',', ' ', '\'', '_', '\u{a0}'].contains(one) => Some(*one),
            _ => fail!("{at}: thousands is one of \".\", \",\", \" \", \"'\", \"_\", not \"{text}\""),
        },
    };
    let grouping = written.grouping.unwrap_or(default.grouping);
    let thousands = match written.grouping {
        Some(_) if thousands.is_none() && mark == b'.' => Some(','),
        Some(_) if thousands.is_none() => {
            fail!(
                "{at}: grouping says how many digits a group has; set thousands to what stands between them, such as \".\""
            )
        }
        _ => thousands,
    };
    if thousands == Some(char::from(mark)) {
        fail!("{at}: decimal and thousands are both \"{}\"", char::from(mark));
    }
    let currency = written.currency.unwrap_or(&default.currency);
    if let Some(wrong) = currency.iter().find(|sign| !is_sign(sign)) {
        fail!(
            "{at}: currency holds signs such as [\"€\", \"EUR\", \"Rs.\"], and endings of two or more characters such as \"/-\", not \"{wrong}\""
        );
    }
    let negative = |kind: Negative, default: bool| written.negatives.map_or(default, |kinds| kinds.contains(&kind));
    let trailing_minus = negative(Negative::TrailingMinus, default.trailing_minus);
    if let Some(wrong) = currency.iter().find(|sign| trailing_minus && is_ending(sign) && sign.ends_with('-')) {
        fail!("{at}: the ending \"{wrong}\" of currency does not go with negatives = [\"trailing_minus\"]");
    }
    // The longest first, so that "US$" is not read as a stray "US" before "$".
    let mut currency = currency.clone();
    currency.sort_by_key(|sign| std::cmp::Reverse(sign.len()));
    Ok(NumberStyle {
        mark,
        thousands,
        grouping,
        currency,
        percent: written.percent,
        trailing_minus,
        parentheses: negative(Negative::Parentheses, default.parentheses),
        exponent: written.exponent.unwrap_or(default.exponent),
    })
}

/// Can this stand beside a number without being taken for a part of it?
fn is_sign(sign: &str) -> bool {
    let is_whole = !sign.is_empty() && sign.trim() == sign;
    let is_clear = !sign.contains(|c: char| c.is_ascii_digit() || "+()%\u{2212}".contains(c));
    let begins_clear = !sign.starts_with(['-', '.', ',']) || is_ending(sign);
    is_whole && is_clear && begins_clear && (!is_ending(sign) || sign.chars().count() > 1)
}
