//! Counts: of rows that change, and as text.

use serde::{Deserialize, Serialize};

/// Rows of a table that change in the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows that PostgreSQL does not have.
    pub inserted: u64,
    /// Rows that PostgreSQL has with other values.
    pub updated: u64,
    /// Rows that PostgreSQL has too many.
    pub deleted: u64,
}

impl RowCounts {
    /// All rows that change.
    pub fn total(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// `2 inserts, 1 update, 0 deletes`
impl std::fmt::Display for RowCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, {}",
            counted(self.inserted, "insert"),
            counted(self.updated, "update"),
            counted(self.deleted, "delete")
        )
    }
}

/// `1 record`, `1,234 records`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A count with thousands separators: `1234567` is `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A decimal number with thousands separators before the point: `-1234567.8900` is `-1,234,567.8900`.
pub fn grouped_decimal(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut out = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_before_the_point_only() {
        let cases = [
            ("0.0000", "0.0000"),
            ("-999.12345", "-999.12345"),
            ("1234567.8900", "1,234,567.8900"),
            ("-123456", "-123,456"),
            ("1000", "1,000"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped_decimal(number), expected);
        }
    }
}
