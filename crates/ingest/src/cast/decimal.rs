//! Exact decimal numbers, as they stand in a file or a contract.

use serde::Serialize;

/// A decimal number, exactly: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
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

/// An optional sign, digits, and an optional fraction behind `mark`.
pub(super) fn parse_plain(text: &[u8], mark: u8) -> Result<Written, NotDecimal> {
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

    /// The same number, negative if it is said to be.
    pub(super) fn with_sign(self, is_negative: bool) -> Self {
        Self { mantissa: if is_negative { -self.mantissa } else { self.mantissa }, ..self }
    }

    /// The same number without zeros at the end of its fraction.
    pub(super) fn trimmed(self) -> Self {
        let Self { mut mantissa, mut scale } = self;
        while scale > 0 && mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
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

pub(super) const TEN_TO_38: i128 = 10_i128.pow(38);

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
}
