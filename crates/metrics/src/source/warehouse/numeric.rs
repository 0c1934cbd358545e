//! `numeric` in PostgreSQL's binary format, exactly, with the decimals of an amount.

use std::error::Error;

use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, Type};

use crate::money::{amount, scale};

/// Smallest units of an amount, such as ten-thousandths. The format's digits are ten-thousands, so four decimals are just one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed(pub i64);

impl From<Fixed> for Decimal {
    fn from(fixed: Fixed) -> Self {
        amount(fixed.0)
    }
}

impl<'a> FromSql<'a> for Fixed {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let short = |at: usize| raw.get(at..at + 2).map(|two| i16::from_be_bytes([two[0], two[1]])).ok_or("too short");
        // The first digit counts ten thousand to the power of its weight.
        let (count, weight, sign) = (short(0)?, short(2)?, short(4)?.cast_unsigned());
        // 28 digits before the point and 8 behind it fit an i128.
        if weight > 6 {
            return Err("out of range".into());
        }
        let decimals = i16::try_from(scale())?;
        let groups = (decimals + 3) / 4;
        let places = weight + 1 + groups;
        let mut amount: i128 = 0;
        for place in 0..places {
            let digit = if place < count { i128::from(short(8 + 2 * usize::try_from(place)?)?) } else { 0 };
            amount = amount * 10_000 + digit;
        }
        let surplus = 10_i128.pow(u32::try_from(4 * groups - decimals)?);
        if count > places.max(0) || amount % surplus != 0 {
            return Err(format!("more than {decimals} decimals").into());
        }
        let amount = i64::try_from(amount / surplus).map_err(|_| "out of range")?;
        match sign {
            0x0000 => Ok(Self(amount)),
            0x4000 => Ok(Self(-amount)),
            _ => Err("not a number".into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(weight: i16, sign: u16, digits: &[i16]) -> Result<Fixed, String> {
        let mut raw = Vec::new();
        for short in [digits.len() as i16, weight, sign.cast_signed(), 4].iter().chain(digits) {
            raw.extend(short.to_be_bytes());
        }
        Fixed::from_sql(&Type::NUMERIC, &raw).map_err(|error| error.to_string())
    }

    #[test]
    fn digits_are_ten_thousands() {
        assert_eq!(fixed(0, 0, &[]), Ok(Fixed(0)));
        assert_eq!(fixed(0, 0, &[12, 3_400]), Ok(Fixed(123_400)));
        assert_eq!(fixed(1, 0x4000, &[1, 0, 1]), Ok(Fixed(-100_000_001)));
        assert_eq!(fixed(2, 0, &[5]), Ok(Fixed(5_000_000_000_000)));
        assert_eq!(fixed(-1, 0, &[5]), Ok(Fixed(5)));
        assert_eq!(fixed(-2, 0, &[5]), Err("more than 4 decimals".into()));
        assert_eq!(fixed(0, 0xC000, &[]), Err("not a number".into()));
        assert!(fixed(9, 0, &[1]).is_err());
    }
}
