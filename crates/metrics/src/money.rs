//! Amounts with four decimals, exact.

use serde::{Serialize, Serializer};

/// How many units of an [`Amount`] are one.
pub const ONE: i64 = 10_000;

/// A sum of money or of a quantity, in ten-thousandths: what `numeric(18,4)` columns hold, and sums of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, utoipa::ToSchema)]
#[schema(value_type = f64, format = "decimal", example = 1234.5, description = "An exact amount, with four decimals.")]
pub struct Amount(pub i128);

impl Amount {
    /// For geometry and ratios only; labels and exports of exact values use the text.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    /// The amount divided by a count, rounded half away from zero to four decimals; nothing of nothing.
    pub fn per(self, count: u64) -> Option<Self> {
        if count == 0 {
            return None;
        }
        let (count, half) = (i128::from(count), i128::from(count / 2));
        Some(Self(if self.0 < 0 { (self.0 - half) / count } else { (self.0 + half) / count }))
    }

    /// This over that, where that is not zero.
    pub fn share_of(self, whole: Self) -> Option<f64> {
        (whole.0 != 0).then(|| self.0 as f64 / whole.0 as f64)
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| sum + amount)
    }
}

/// `1234.5600`, as PostgreSQL writes a `numeric(18,4)`.
impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / ONE as u128, self.0.unsigned_abs() % ONE as u128);
        write!(f, "{sign}{whole}.{rest:04}")
    }
}

/// A text of PostgreSQL's `numeric` with at most four decimals.
impl std::str::FromStr for Amount {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = [whole, rest].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        anyhow::ensure!(is_number && rest.len() <= 4, "{text:?} is no amount with at most four decimals");
        let units = whole.parse::<i128>()?.checked_mul(i128::from(ONE));
        let amount = units.and_then(|units| units.checked_add(format!("{rest:0<4}").parse().ok()?));
        amount.map(|amount| Self(sign * amount)).ok_or_else(|| anyhow::anyhow!("{text} is out of range"))
    }
}

/// A JSON number with its four decimals, so that no float comes between; readers that need them exact find them there.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = serde_json::value::RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_numeric() {
        for (units, text) in [(0, "0.0000"), (1, "0.0001"), (-1, "-0.0001"), (123_456, "12.3456"), (-10_000, "-1.0000")]
        {
            assert_eq!(Amount(units).to_string(), text);
            assert_eq!(text.parse::<Amount>().unwrap(), Amount(units));
            assert_eq!(serde_json::to_string(&Amount(units)).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        assert_eq!("12".parse::<Amount>().unwrap(), Amount(120_000));
        assert_eq!("12.5".parse::<Amount>().unwrap(), Amount(125_000));
        for text in ["", "-", "1.", ".5", "1.23456", "1e3", "--1", "NaN", "9".repeat(40).as_str()] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_average_is_rounded_half_away_from_zero() {
        assert_eq!(Amount(5).per(2), Some(Amount(3)));
        assert_eq!(Amount(-5).per(2), Some(Amount(-3)));
        assert_eq!(Amount(5).per(0), None);
    }
}
