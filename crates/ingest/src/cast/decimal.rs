//! Exact decimal numbers, as they stand in a file or a contract.

use serde::Serialize;

/// A decimal number, exactly: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// How numbers are written. A leading sign is always allowed; everything else only if it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberStyle {
    /// The decimal mark, `.` or `,`.
    pub mark: u8,
    /// What may stand between groups of three digits.
    pub thousands: Option<char>,
    /// Signs that may stand before or behind the number.
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

impl Default for NumberStyle {
    fn default() -> Self {
        Self {
            mark: b'.',
            thousands: None,
            currency: Vec::new(),
            percent: false,
            trailing_minus: false,
            parentheses: false,
            exponent: false,
        }
    }
}

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDecimal {
    /// It is no number.
    Malformed,
    /// It has more than 38 significant digits.
    TooLong,
    /// It has no percent sign where one is declared.
    NoPercent,
}

/// A number as written: its value, and whether it began with a zero that the value has not.
pub type Written = (Decimal, bool);

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

    fn is_dressed(&self) -> bool {
        self.thousands.is_some()
            || !self.currency.is_empty()
            || self.trailing_minus
            || self.parentheses
            || self.exponent
    }

    /// Takes signs, currency, percent and parentheses off, one each, and reads what is left.
    fn parse_dressed(&self, text: &str) -> Result<Written, NotDecimal> {
        let mut rest = text;
        let (mut sign, mut has_currency, mut has_percent) = (None, false, false);
        loop {
            rest = rest.trim();
            let before = rest;
            if sign.is_none() {
                if let Some(inner) = rest.strip_prefix(['-', '\u{2212}']) {
                    (sign, rest) = (Some(true), inner);
                } else if let Some(inner) = rest.strip_prefix('+') {
                    (sign, rest) = (Some(false), inner);
                } else if let Some(inner) = rest.strip_suffix(['-', '\u{2212}']).filter(|_| self.trailing_minus) {
                    (sign, rest) = (Some(true), inner);
                } else if self.parentheses && rest.starts_with('(') && rest.ends_with(')') {
                    (sign, rest) = (Some(true), &rest[1..rest.len() - 1]);
                }
            }
            if !has_currency {
                let found = self.currency.iter().find_map(|currency| {
                    rest.strip_prefix(currency.as_str()).or_else(|| rest.strip_suffix(currency.as_str()))
                });
                if let Some(inner) = found {
                    (has_currency, rest) = (true, inner);
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
        let digits = self.without_groups(rest)?;
        let (number, exponent) = match self.exponent.then(|| digits.split_once(['e', 'E'])).flatten() {
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| NotDecimal::Malformed)?),
            None => (digits.as_str(), 0),
        };
        let (decimal, leading_zero) = parse_plain(number.as_bytes(), self.mark)?;
        if self.percent && !has_percent {
            return Err(NotDecimal::NoPercent);
        }
        let shift = exponent - if has_percent { 2 } else { 0 };
        let mut decimal = decimal.shifted(shift).ok_or(NotDecimal::TooLong)?;
        if sign == Some(true) {
            decimal.mantissa = -decimal.mantissa;
        }
        Ok((decimal, leading_zero))
    }

    /// The digits without the marks between groups; every group but the first has three digits. The first does not begin
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
        if let [first, others @ ..] = groups.as_slice()
            && !others.is_empty()
            && (!(1..=3).contains(&first.len())
                || first.starts_with('0')
                || others.iter().any(|group| group.len() != 3))
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

/// An optional sign, digits, and an optional fraction behind `mark`.
fn parse_plain(text: &[u8], mark: u8) -> Result<Written, NotDecimal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    // Nearly all numbers have so few digits that none of the sums below can overflow.
    if digits.len() <= 18 {
        let (mut value, mut scale, mut seen_mark, mut count) = (0_i64, 0, false, 0);
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                value = value * 10 + i64::from(digit);
                count += 1;
                scale += u32::from(seen_mark);
            } else if *byte == mark && !seen_mark {
                seen_mark = true;
            } else {
                return Err(NotDecimal::Malformed);
            }
        }
        if count == 0 {
            return Err(NotDecimal::Malformed);
        }
        while scale > 0 && value % 10 == 0 {
            value /= 10;
            scale -= 1;
        }
        let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        let mantissa = i128::from(if negative { -value } else { value });
        return Ok((Decimal { mantissa, scale }, leading_zero));
    }
    parse_long(negative, digits, mark)
}

fn parse_long(negative: bool, digits: &[u8], mark: u8) -> Result<Written, NotDecimal> {
    let (whole, fraction) = match digits.iter().position(|byte| *byte == mark) {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &digits[..0]),
    };
    let zeros = fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    let fraction = match fraction.iter().all(u8::is_ascii_digit) {
        true => &fraction[..fraction.len() - zeros],
        false => return Err(NotDecimal::Malformed),
    };
    let mut mantissa: i128 = 0;
    let mut too_long = false;
    for byte in whole.iter().chain(fraction) {
        if !byte.is_ascii_digit() {
            return Err(NotDecimal::Malformed);
        }
        match mantissa.checked_mul(10).and_then(|shifted| shifted.checked_add(i128::from(byte - b'0'))) {
            Some(value) if value < TEN_TO_38 => mantissa = value,
            _ => too_long = true,
        }
    }
    let scale = u32::try_from(fraction.len()).map_err(|_| NotDecimal::TooLong)?;
    let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    match too_long {
        true => Err(NotDecimal::TooLong),
        false => Ok((Decimal { mantissa: if negative { -mantissa } else { mantissa }, scale }, leading_zero)),
    }
}

impl Decimal {
    /// Reads an optional sign, digits, and an optional fraction behind `mark`: no exponent, no grouping.
    pub fn parse(text: &[u8], mark: u8) -> Result<Self, NotDecimal> {
        parse_plain(text, mark).map(|(decimal, _)| decimal)
    }

    /// `mantissa / 10^scale`.
    pub fn with_scale(mantissa: i128, scale: u32) -> Self {
        Self { mantissa, scale }
    }

    /// Written with so many digits behind the point, as databases do.
    pub fn padded(self, scale: u32) -> String {
        match self.at_scale(scale) {
            Some(mantissa) => Self { mantissa, scale }.to_string(),
            None => self.to_string(),
        }
    }

    /// Characters of the number as it is written, its sign and point included.
    pub fn length(self) -> usize {
        let digits = self.mantissa.unsigned_abs().checked_ilog10().map_or(1, |power| power as usize + 1);
        let sign = usize::from(self.mantissa < 0);
        match self.scale as usize {
            0 => digits + sign,
            scale => digits.max(scale + 1) + 1 + sign,
        }
    }

    /// Digits behind the point, without trailing zeros.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// The number times ten to `scale`; `None` if digits would be lost, or if it does not fit.
    pub fn at_scale(self, scale: u32) -> Option<i128> {
        match scale.checked_sub(self.scale)? {
            0 => Some(self.mantissa),
            missing => self.mantissa.checked_mul(10_i128.checked_pow(missing)?),
        }
    }

    /// The number times ten to `power`; `None` if it has more digits than fit.
    fn shifted(self, power: i32) -> Option<Self> {
        if self.mantissa == 0 {
            return Some(Self { mantissa: 0, scale: 0 });
        }
        let mut scale = i64::from(self.scale) - i64::from(power);
        let mut mantissa = self.mantissa;
        while scale > 0 && mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        if scale < 0 {
            let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
            (mantissa, scale) = (mantissa.checked_mul(factor).filter(|value| value.abs() < TEN_TO_38)?, 0);
        }
        Some(Self { mantissa, scale: u32::try_from(scale).ok()? })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            // One of them overflows at the common scale, so it is the larger in magnitude.
            (None, Some(_)) => Some(self.mantissa.cmp(&0)),
            (Some(_), None) => Some(0.cmp(&other.mantissa)),
            (None, None) => None,
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = self.scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

const TEN_TO_38: i128 = 10_i128.pow(38);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_written_number() {
        for text in [
            "0",
            "7",
            "-7",
            "10",
            "99",
            "100",
            "0.5",
            "-0.005",
            "12.34",
            "-1000000.000001",
            "0.10",
            "9".repeat(38).as_str(),
        ] {
            let decimal = Decimal::parse(text.as_bytes(), b'.').unwrap();
            assert_eq!(decimal.length(), decimal.to_string().len(), "{text}");
        }
    }

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
        assert_eq!(parsed(&typed, "1e"), "Malformed");
        assert_eq!(parsed(&plain, &"9".repeat(38)), "9".repeat(38));
        assert_eq!(parsed(&plain, &"9".repeat(39)), "TooLong");
        assert_eq!(parsed(&plain, &format!("{}x", "9".repeat(50))), "Malformed");
    }
}
