//! Sums of decimal columns, as a database has added them up: what is shown of them, and what is asked of them.
//!
//! DuckDB and PostgreSQL add up with 38 digits and more; a [`Decimal`] has 28. A sum that fits is one, and a longer one stays the text
//! that the database wrote: it is never rounded.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::count::grouped_decimal;

/// A sum of decimals, or the difference of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sum {
    /// With at most 28 digits.
    Decimal(Decimal),
    /// With more digits, as the database wrote it.
    Wide(String),
}

impl Sum {
    /// Is it zero?
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Decimal(sum) => sum.is_zero(),
            Self::Wide(text) => !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)),
        }
    }

    /// Is it below zero?
    pub fn is_negative(&self) -> bool {
        match self {
            Self::Decimal(sum) => sum.is_sign_negative() && !sum.is_zero(),
            Self::Wide(text) => text.starts_with('-'),
        }
    }

    /// With thousands separators before the point: `-1,234,567.8900`.
    pub fn grouped(&self) -> String {
        grouped_decimal(&self.to_string())
    }
}

/// All digits, trailing zeros included, as the database wrote them.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(sum) => sum.fmt(f),
            Self::Wide(text) => f.write_str(text),
        }
    }
}

/// A number as a database writes a decimal: a sign, digits, and digits behind a point.
impl FromStr for Sum {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = !digits.is_empty() && [whole, rest].concat().bytes().all(|byte| byte.is_ascii_digit());
        anyhow::ensure!(is_number && digits != ".", "{text:?} is not a decimal number");
        Ok(match Decimal::from_str_exact(text) {
            // DuckDB writes a `decimal(4,4)` without the zero before the point.
            Ok(sum) if sum.to_string() == text => Self::Decimal(sum),
            _ => Self::Wide(text.to_owned()),
        })
    }
}

/// A string, so that no reader takes it for a float.
impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(text: &str) -> Sum {
        text.parse().unwrap()
    }

    #[test]
    fn a_sum_is_written_as_it_was_read() {
        let long = "9".repeat(38);
        for (text, fits) in [
            ("0", true),
            ("0.0000", true),
            ("-30.0000", true),
            ("9999999999999999999999999999", true),
            ("-123456789012345678901234.5678", true),
            (".5000", false),
            (long.as_str(), false),
            ("-1234567890123456789012345678.9012345678", false),
            ("0.000000000000000000000000000000000001", false),
        ] {
            assert_eq!(sum(text).to_string(), text);
            assert_eq!(matches!(sum(text), Sum::Decimal(_)), fits, "{text}");
        }
    }

    #[test]
    fn sign_and_zero_are_known_of_sums_of_any_length() {
        let zeros = format!("0.{}", "0".repeat(36));
        for (text, is_zero, is_negative) in [
            ("0.00", true, false),
            (zeros.as_str(), true, false),
            ("-0.01", false, true),
            ("-1234567890123456789012345678901234.5678", false, true),
            ("1234567890123456789012345678901234.5678", false, false),
        ] {
            assert_eq!((sum(text).is_zero(), sum(text).is_negative()), (is_zero, is_negative), "{text}");
        }
        assert_eq!(sum("-1234567.8900").grouped(), "-1,234,567.8900");
        assert_eq!(sum("12345678901234567890123456789.5").grouped(), "12,345,678,901,234,567,890,123,456,789.5");
    }

    #[test]
    fn what_is_not_a_decimal_is_refused() {
        for text in ["", "-", ".", "1e3", "NaN", "Infinity", "--1", "1.2.3", "+1", "1,000", " 1"] {
            assert!(text.parse::<Sum>().is_err(), "{text}");
        }
    }
}
