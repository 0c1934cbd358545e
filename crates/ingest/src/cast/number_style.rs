//! How numbers are written in a file: marks, groups, signs around them, and what is taken off before they are digits.

use serde::{Deserialize, Serialize};

use super::decimal::{Decimal, NotDecimal, Written, parse_plain};
use super::digits::{Digits, Rounding};

/// How numbers are written. A leading sign is always allowed; everything else only if it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberStyle {
    /// The decimal mark, `.` or `,`.
    pub mark: u8,
    /// What may stand between groups of digits.
    pub thousands: Option<char>,
    /// How many digits a group has.
    #[serde(skip_serializing_if = "Grouping::is_thousands")]
    pub grouping: Grouping,
    /// Signs that may stand before or behind the number; those of punctuation alone, such as `/-`, only behind it.
    pub currency: Vec<String>,
    /// Numbers end with `%`, and are a hundredth of what is written.
    pub percent: bool,
    /// `5-` is minus five.
    pub trailing_minus: bool,
    /// `(5)` is minus five.
    pub parentheses: bool,
    /// `1.5e3` is a number, as in JSON.
    pub exponent: bool,
}

/// How many digits stand between two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Three: `1,234,567`.
    #[default]
    Thousands,
    /// Three at the end, two before: `12,34,567`.
    Indian,
    /// Four: `123,4567`.
    Myriads,
}

impl Grouping {
    fn is_thousands(&self) -> bool {
        *self == Self::Thousands
    }

    /// Digits of the last group, and of those before it.
    fn sizes(self) -> (usize, usize) {
        match self {
            Self::Thousands => (3, 3),
            Self::Indian => (3, 2),
            Self::Myriads => (4, 4),
        }
    }
}

impl Default for NumberStyle {
    fn default() -> Self {
        Self {
            mark: b'.',
            thousands: None,
            grouping: Grouping::Thousands,
            currency: Vec::new(),
            percent: false,
            trailing_minus: false,
            parentheses: false,
            exponent: false,
        }
    }
}

/// A number without what stands around its digits.
struct Undressed {
    is_negative: bool,
    /// Digits and the decimal mark.
    number: String,
    exponent: i64,
}

impl NumberStyle {
    /// The style of typed formats: JSON and Parquet.
    pub fn typed() -> Self {
        Self { exponent: true, ..Self::default() }
    }

    /// Reads a number; no spaces around it.
    pub fn parse(&self, text: &str) -> Result<Written, NotDecimal> {
        if self.percent {
            return self.parse_dressed(text);
        }
        match parse_plain(text.as_bytes(), self.mark) {
            Err(NotDecimal::Malformed) if self.is_dressed() => self.parse_dressed(text),
            result => result,
        }
    }

    /// Reads a number that may have more places than are kept, and says whether it was changed for that.
    ///
    /// # Errors
    /// As of [`parse`](Self::parse).
    pub fn parse_rounded(&self, text: &str, scale: u32, rounding: Rounding) -> Result<(Written, bool), NotDecimal> {
        match self.parse(text) {
            Ok(written) if written.0.scale() <= scale => return Ok((written, false)),
            Ok(_) | Err(NotDecimal::TooLong) => {}
            Err(error) => return Err(error),
        }
        let Undressed { is_negative, number, exponent } = self.undressed(text)?;
        let (decimal, is_changed) = Digits::read(&number, self.mark, exponent)?.rounded(scale, rounding)?;
        Ok(((decimal.with_sign(is_negative), has_leading_zero(&number)), is_changed))
    }

    fn is_dressed(&self) -> bool {
        self.thousands.is_some()
            || !self.currency.is_empty()
            || self.trailing_minus
            || self.parentheses
            || self.exponent
    }

    fn parse_dressed(&self, text: &str) -> Result<Written, NotDecimal> {
        let Undressed { is_negative, number, exponent } = self.undressed(text)?;
        let decimal = match exponent {
            0 => Decimal::parse(number.as_bytes(), self.mark)?,
            exponent => Digits::read(&number, self.mark, exponent)?.exact()?,
        };
        Ok((decimal.with_sign(is_negative), has_leading_zero(&number)))
    }

    /// Takes signs, currency, percent and parentheses off, one each, then the exponent and the marks between groups.
    fn undressed(&self, text: &str) -> Result<Undressed, NotDecimal> {
        let mut rest = text;
        let (mut sign, mut has_currency, mut has_ending, mut has_percent) = (None, false, false, false);
        loop {
            rest = rest.trim();
            let before = rest;
            if sign.is_none() {
                if let Some(inner) = rest.strip_prefix(['-', '\u{2212}']) {
                    (sign, rest) = (Some(true), inner);
                } else if let Some(inner) = rest.strip_prefix('+') {
                    (sign, rest) = (Some(false), inner);
                } else if let Some(inner) = self.without_trailing_minus(rest) {
                    (sign, rest) = (Some(true), inner);
                } else if self.parentheses && rest.starts_with('(') && rest.ends_with(')') {
                    (sign, rest) = (Some(true), &rest[1..rest.len() - 1]);
                }
            }
            for currency in &self.currency {
                let inner = match is_ending(currency) {
                    true if has_ending => None,
                    true => rest.strip_suffix(currency.as_str()),
                    false if has_currency => None,
                    false => rest.strip_prefix(currency.as_str()).or_else(|| rest.strip_suffix(currency.as_str())),
                };
                if let Some(inner) = inner {
                    (has_currency, has_ending) =
                        (has_currency || !is_ending(currency), has_ending || is_ending(currency));
                    rest = inner;
                    break;
                }
            }
            if self.percent
                && !has_percent
                && let Some(inner) = rest.strip_suffix('%')
            {
                (has_percent, rest) = (true, inner);
            }
            if rest == before {
                break;
            }
        }
        if rest.starts_with(['-', '+']) {
            return Err(NotDecimal::Malformed);
        }
        let (number, exponent) = match self.exponent.then(|| rest.split_once(['e', 'E'])).flatten() {
            Some((number, exponent)) => (number, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let number = self.without_groups(number)?;
        if self.percent && !has_percent {
            // A number, or not even that?
            parse_plain(number.as_bytes(), self.mark)?;
            return Err(NotDecimal::NoPercent);
        }
        let exponent = exponent - if has_percent { 2 } else { 0 };
        Ok(Undressed { is_negative: sign == Some(true), number, exponent })
    }

    /// `5-` without its minus. `5,-` is a price without cents, and not negative.
    fn without_trailing_minus<'t>(&self, text: &'t str) -> Option<&'t str> {
        let inner = text.strip_suffix(['-', '\u{2212}']).filter(|_| self.trailing_minus)?;
        (!inner.trim_end().ends_with(char::from(self.mark))).then_some(inner)
    }

    /// The digits without the marks between groups; every group but the first is full. The first does not begin
    /// with zero: `0,123` is a fraction behind another decimal mark, not 123.
    fn without_groups(&self, text: &str) -> Result<String, NotDecimal> {
        let Some(mark) = self.thousands else { return Ok(text.to_owned()) };
        let is_mark = |c: char| match mark {
            ' ' | '\u{a0}' => matches!(c, ' ' | '\u{a0}' | '\u{202f}'),
            '\'' => matches!(c, '\'' | '\u{2019}'),
            mark => c == mark,
        };
        let (whole, fraction) = match text.split_once(char::from(self.mark)) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let groups: Vec<&str> = whole.split(is_mark).collect();
        let (last_size, size) = self.grouping.sizes();
        if let [first, middle @ .., last] = groups.as_slice()
            && (!(1..=size).contains(&first.len())
                || first.starts_with('0')
                || last.len() != last_size
                || middle.iter().any(|group| group.len() != size))
        {
            return Err(NotDecimal::Malformed);
        }
        let mut digits = groups.concat();
        if let Some(fraction) = fraction {
            digits.push(char::from(self.mark));
            digits.push_str(fraction);
        }
        Ok(digits)
    }
}

/// Is the sign one that only ends a number, such as the `/-` of `Rs. 500/-`: punctuation alone?
pub fn is_ending(sign: &str) -> bool {
    sign.chars().all(|c| matches!(c, '.' | ',' | '-' | '/' | '=' | '\u{2013}' | '\u{2014}'))
}

fn has_leading_zero(number: &str) -> bool {
    matches!(number.as_bytes(), [b'0', next, ..] if next.is_ascii_digit())
}

/// What stands behind the `e`. An exponent of any length is one; beyond some size they are all alike.
fn read_exponent(text: &str) -> Result<i64, NotDecimal> {
    const ENDLESS: i64 = 1_000_000_000_000;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotDecimal::Malformed);
    }
    let size = digits.parse::<i64>().unwrap_or(ENDLESS).min(ENDLESS);
    Ok(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(style: &NumberStyle, text: &str) -> String {
        match style.parse(text) {
            Ok((decimal, _)) => decimal.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn spellings_count_only_where_they_are_declared() {
        let plain = NumberStyle::default();
        for text in ["1,234", "€5", "5%", "5-", "(5)", "1e3", "1 234", "", "-", "+", ".", "--5", "5.5.5", "५"] {
            assert_eq!(parsed(&plain, text), "Malformed", "{text}");
        }
        assert_eq!(parsed(&plain, "-0012.3400"), "-12.34");
        let german = NumberStyle {
            mark: b',',
            thousands: Some('.'),
            currency: vec!["EUR".into(), "€".into()],
            trailing_minus: true,
            parentheses: true,
            ..NumberStyle::default()
        };
        for (text, expected) in [
            ("1.234.567,89", "1234567.89"),
            ("1234567,89", "1234567.89"),
            ("-€ 1.234,50", "-1234.5"),
            ("1.234,50 EUR-", "-1234.5"),
            ("(12,00 €)", "-12"),
            ("5-", "-5"),
            ("1.23", "Malformed"),
            ("12.34,5", "Malformed"),
            ("1234.567", "Malformed"),
            ("1.234.56", "Malformed"),
            ("0,5.000", "Malformed"),
            ("(-5)", "Malformed"),
            ("-5-", "Malformed"),
            ("€€5", "Malformed"),
            ("€", "Malformed"),
            ("5 %", "Malformed"),
        ] {
            assert_eq!(parsed(&german, text), expected, "{text}");
        }
        let spaced = NumberStyle { mark: b',', thousands: Some(' '), ..NumberStyle::default() };
        assert_eq!(parsed(&spaced, "1\u{202f}234\u{a0}567,5"), "1234567.5");
        let percent = NumberStyle { percent: true, ..NumberStyle::default() };
        assert_eq!(parsed(&percent, "12.5 %"), "0.125");
        assert_eq!(parsed(&percent, "-300%"), "-3");
        assert_eq!(parsed(&percent, "12"), "NoPercent");
        let typed = NumberStyle::typed();
        assert_eq!(parsed(&typed, "1.5E3"), "1500");
        assert_eq!(parsed(&typed, "-25e-3"), "-0.025");
        assert_eq!(parsed(&typed, "1e99"), "TooLong");
        assert_eq!(parsed(&typed, &format!("1e{}", "9".repeat(50))), "TooLong");
        assert_eq!(parsed(&typed, &format!("0e{}", "9".repeat(50))), "0");
        assert_eq!(parsed(&typed, "1e+0000000000000000000000000000003"), "1000");
        assert_eq!(parsed(&typed, "1e1.5"), "Malformed");
        assert_eq!(parsed(&typed, "1e--5"), "Malformed");
        assert_eq!(parsed(&typed, "1e"), "Malformed");
        assert_eq!(parsed(&plain, &"9".repeat(38)), "9".repeat(38));
        assert_eq!(parsed(&plain, &"9".repeat(39)), "TooLong");
        assert_eq!(parsed(&plain, &format!("{}x", "9".repeat(50))), "Malformed");
    }
}
