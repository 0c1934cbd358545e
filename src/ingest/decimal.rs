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
}

impl Decimal {
    /// Reads an optional sign, digits, and an optional fraction behind `mark`. No exponent, no grouping: such
    /// spellings are guesses unless a contract declares them.
    pub fn parse(text: &[u8], mark: u8) -> Result<Self, NotDecimal> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, fraction) = match digits.iter().position(|byte| *byte == mark) {
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits, &digits[..0]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(NotDecimal::Malformed);
        }
        let zeros = fraction.iter().rev().take_while(|byte| **byte == b'0').count();
        let fraction = match fraction.iter().all(u8::is_ascii_digit) {
            true => &fraction[..fraction.len() - zeros],
            false => return Err(NotDecimal::Malformed),
        };
        let mut mantissa: i128 = 0;
        for byte in whole.iter().chain(fraction) {
            if !byte.is_ascii_digit() {
                return Err(NotDecimal::Malformed);
            }
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|shifted| shifted.checked_add(i128::from(byte - b'0')))
                .filter(|value| *value < TEN_TO_38)
                .ok_or(NotDecimal::TooLong)?;
        }
        let scale = u32::try_from(fraction.len()).map_err(|_| NotDecimal::TooLong)?;
        Ok(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// Digits behind the point, without trailing zeros.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// The number times ten to `scale`; `None` if digits would be lost, or if it does not fit.
    pub fn at_scale(self, scale: u32) -> Option<i128> {
        let missing = scale.checked_sub(self.scale)?;
        self.mantissa.checked_mul(10_i128.checked_pow(missing)?)
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
