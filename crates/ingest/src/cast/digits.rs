//! The digits of a written number, of any length and with any exponent, before they are a number.
//!
//! They are cut or rounded as text, so that neither a long fraction nor a huge exponent can overflow anything.

use serde::{Deserialize, Serialize};

use super::decimal::{Decimal, NotDecimal, TEN_TO_38};

/// Which neighbour a number takes that lies in the middle of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// The one whose last digit is even.
    HalfEven,
    /// The one that is farther from zero.
    HalfUp,
}

/// Exponents beyond this say nothing more: the number is zero, or too large or small for any type.
const FARTHEST: i64 = 1_000_000_000;

/// Most digits of a decimal.
const MOST: usize = 38;

/// Digits and the place of the point among them, which may lie outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// Without zeros at either end; none: zero.
    digits: Vec<u8>,
    /// The number is `0.digits` times ten to this.
    point: i64,
}

impl Digits {
    /// Reads digits and an optional fraction behind `mark`, without a sign, times ten to `exponent`.
    pub fn read(text: &str, mark: u8, exponent: i64) -> Result<Self, NotDecimal> {
        let (whole, fraction) = text.split_once(char::from(mark)).unwrap_or((text, ""));
        let mut digits = [whole.as_bytes(), fraction.as_bytes()].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotDecimal::Malformed);
        }
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        digits.truncate(digits.len() - trailing);
        let point = whole.len() as i64 - leading as i64;
        Ok(Self { digits, point: point.saturating_add(exponent.clamp(-FARTHEST, FARTHEST)) })
    }

    /// The number without loss.
    ///
    /// # Errors
    /// It has more than 38 digits.
    pub fn exact(&self) -> Result<Decimal, NotDecimal> {
        let length = self.digits.len() as i64;
        match u32::try_from(length - self.point) {
            _ if self.digits.is_empty() => Ok(Decimal::with_scale(0, 0)),
            Ok(scale) if self.digits.len() <= MOST => Ok(Decimal::with_scale(number(&self.digits), scale)),
            Err(_) if self.point <= MOST as i64 => Ok(Decimal::with_scale(self.whole(self.point as usize), 0)),
            _ => Err(NotDecimal::TooLong),
        }
    }

    /// The nearest number with so many places, and whether it is another one.
    ///
    /// # Errors
    /// It has more than 38 digits.
    pub fn rounded(&self, scale: u32, rounding: Rounding) -> Result<(Decimal, bool), NotDecimal> {
        let kept = self.point.saturating_add(i64::from(scale));
        if kept > MOST as i64 && !self.digits.is_empty() {
            return Err(NotDecimal::TooLong);
        }
        // Below a tenth of the last place there is nothing to round up to.
        let rest = match usize::try_from(kept) {
            Ok(kept) => self.digits.get(kept..).unwrap_or_default(),
            Err(_) => &[],
        };
        let mut mantissa = self.whole(usize::try_from(kept).unwrap_or(0));
        let is_up = match rest {
            [] => false,
            // There is no zero at the end: more digits are more than a half.
            [b'5'] => rounding == Rounding::HalfUp || mantissa % 2 == 1,
            [first, ..] => *first >= b'5',
        };
        mantissa += i128::from(is_up);
        if mantissa >= TEN_TO_38 {
            return Err(NotDecimal::TooLong);
        }
        let is_changed = i64::try_from(self.digits.len()).is_ok_and(|length| length > kept) && !self.digits.is_empty();
        Ok((Decimal::with_scale(mantissa, scale).trimmed(), is_changed))
    }

    /// The first digits as a number, with zeros where there are none; at most 38.
    fn whole(&self, count: usize) -> i128 {
        let digits = &self.digits[..count.min(self.digits.len())];
        (digits.len()..count).fold(number(digits), |number, _| number * 10)
    }
}

fn number(digits: &[u8]) -> i128 {
    digits.iter().fold(0, |number, digit| number * 10 + i128::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(text: &str, exponent: i64, scale: u32, rounding: Rounding) -> String {
        let digits = Digits::read(text, b'.', exponent).unwrap();
        match digits.rounded(scale, rounding) {
            Ok((decimal, is_changed)) => format!("{decimal}{}", if is_changed { " changed" } else { "" }),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_ties_as_declared() {
        for (text, even, up) in [
            ("2.345", "2.34 changed", "2.35 changed"),
            ("2.355", "2.36 changed", "2.36 changed"),
            ("2.3450000000000000000000000000000000000000000000001", "2.35 changed", "2.35 changed"),
            ("2.344999999999999999999999999999999999999999999999999", "2.34 changed", "2.34 changed"),
            ("0.005", "0 changed", "0.01 changed"),
            ("0.0049", "0 changed", "0 changed"),
            ("0.0009", "0 changed", "0 changed"),
            ("9.995", "10 changed", "10 changed"),
            ("2.3400", "2.34", "2.34"),
            ("0.000", "0", "0"),
            ("1200", "1200", "1200"),
        ] {
            assert_eq!(rounded(text, 0, 2, Rounding::HalfEven), even, "{text}");
            assert_eq!(rounded(text, 0, 2, Rounding::HalfUp), up, "{text}");
        }
        assert_eq!(rounded("1", -999_999_999_999, 2, Rounding::HalfUp), "0 changed");
        assert_eq!(rounded("1", 999_999_999_999, 2, Rounding::HalfUp), "TooLong");
        assert_eq!(rounded("0", 999_999_999_999, 2, Rounding::HalfUp), "0");
        assert_eq!(rounded(&"9".repeat(38), 0, 0, Rounding::HalfUp), "9".repeat(38));
        assert_eq!(rounded(&format!("{}.5", "9".repeat(38)), 0, 0, Rounding::HalfUp), "TooLong");
    }

    #[test]
    fn exact_numbers_may_have_zeros_anywhere() {
        let exact = |text: &str, exponent| match Digits::read(text, b'.', exponent).unwrap().exact() {
            Ok(decimal) => decimal.to_string(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(exact("0012.5000", 0), "12.5");
        assert_eq!(exact("1.5", 3), "1500");
        assert_eq!(exact("25", -3), "0.025");
        assert_eq!(exact(&format!("1{}", "0".repeat(60)), -60), "1");
        assert_eq!(exact("0.5", 38), format!("5{}", "0".repeat(37)));
        assert_eq!(exact("1", 38), "TooLong");
        assert_eq!(exact(&"7".repeat(39), -5), "TooLong");
        assert_eq!(exact("0", i64::MAX), "0");
        for text in ["", ".", "1.2.3", "1e3", "-1", "٣"] {
            assert_eq!(Digits::read(text, b'.', 0), Err(NotDecimal::Malformed), "{text}");
        }
    }
}
