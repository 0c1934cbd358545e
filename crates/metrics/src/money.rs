//! Amounts of money and quantities, exact to four decimals (or to those of money, if the project has more): what `numeric(18,4)`
//! columns hold, and sums of them.
//!
//! An amount that is computed or shown is a [`Decimal`]. The columns of a cube and their running sums hold integers, in ten-thousandths
//! if there are four decimals, instead: half the memory, and 0.5 ns to add one up instead of 30 (`docs/adr/0003-decimal.md`). [`amount`] is the one way
//! out of them.

use std::sync::OnceLock;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Digits after the point of a quantity, and of money unless a project has more.
const DEFAULT_SCALE: u32 = 4;

/// The digits after the point in this process, which shows one project. Not a field of every cube, figure and table, as each place that
/// writes an amount would need it.
static SCALE: OnceLock<u32> = OnceLock::new();

/// Digits after the point of an amount.
pub fn scale() -> u32 {
    SCALE.get().copied().unwrap_or(DEFAULT_SCALE)
}

/// Sets the digits after the point to those of the project's money, if these are more, before anything is read.
pub fn set_scale(money: u8) {
    // A process shows one project, so the second call of a process says the same as the first.
    let _ = SCALE.set(u32::from(money).max(DEFAULT_SCALE));
}

/// How many of the smallest units are one.
pub fn one() -> i64 {
    10_i64.pow(scale())
}

/// How the description of the API has an amount.
#[derive(utoipa::ToSchema)]
#[schema(value_type = f64, format = "decimal", example = 1234.5, description = "An exact amount, with four decimals.")]
pub struct Amount(#[expect(dead_code, reason = "a schema alone")] Decimal);

/// Ten-thousandths of a column, or a sum of them, as an amount. A cube has fewer than 2³² lines and a column's values fit 64 bits, so
/// every sum fits the 96 bits of a [`Decimal`]: nothing is rounded.
///
/// # Panics
/// Beyond 96 bits.
pub fn amount(units: impl Into<i128>) -> Decimal {
    Decimal::from_i128_with_scale(units.into(), scale())
}

/// The ten-thousandths of an amount, for binary forms.
pub fn units(amount: Decimal) -> i128 {
    let amount = round(amount, scale());
    amount.mantissa() * 10_i128.pow(scale() - amount.scale())
}

/// Rounded half away from zero to `decimals` digits after the point, as PostgreSQL and DuckDB round.
pub fn round(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// The amount divided by a count, rounded half away from zero to four decimals; nothing of nothing.
///
/// The quotient has 28 digits before it is rounded. That is exact for amounts below 10²²: the next quotient that is no tie is
/// farther from it than those digits can tell.
pub fn per(amount: Decimal, count: u64) -> Option<Decimal> {
    amount.checked_div(Decimal::from(count)).map(|quotient| round(quotient, scale()))
}

/// The nearest float, for geometry and for spreadsheets, which have nothing else.
pub fn as_f64(number: Decimal) -> f64 {
    // Both are exact up to 2⁵³, so their quotient is the nearest float.
    number.mantissa() as f64 / 10_f64.powi(number.scale().cast_signed())
}

/// `1234.5600`, as PostgreSQL writes a `numeric(18,4)`; zero has no sign.
pub fn text(amount: Decimal) -> String {
    let amount = round(amount, scale());
    format!("{:.*}", scale() as usize, if amount.is_zero() { Decimal::ZERO } else { amount })
}

/// What [`serialize`] writes.
pub trait Amounts {
    /// JSON of it.
    type Json: Serialize;

    /// Its JSON: numbers with four decimals, so that no float comes between.
    ///
    /// # Errors
    /// None but those of `serde_json` itself.
    fn json(&self) -> serde_json::Result<Self::Json>;
}

impl Amounts for Decimal {
    type Json = Box<RawValue>;

    fn json(&self) -> serde_json::Result<Self::Json> {
        RawValue::from_string(text(*self))
    }
}

impl Amounts for Option<Decimal> {
    type Json = Option<Box<RawValue>>;

    fn json(&self) -> serde_json::Result<Self::Json> {
        self.as_ref().map(Amounts::json).transpose()
    }
}

impl Amounts for Vec<Decimal> {
    type Json = Vec<Box<RawValue>>;

    fn json(&self) -> serde_json::Result<Self::Json> {
        self.iter().map(Amounts::json).collect()
    }
}

/// For `serialize_with`: JSON numbers with four decimals. Readers that need them exact find them there.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer, A: Amounts>(amounts: &A, serializer: S) -> Result<S::Ok, S::Error> {
    amounts.json().map_err(serde::ser::Error::custom)?.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_those_of_numeric() {
        for (units, written) in
            [(0, "0.0000"), (1, "0.0001"), (-1, "-0.0001"), (123_456, "12.3456"), (-10_000, "-1.0000")]
        {
            assert_eq!(text(amount(units)), written);
            assert_eq!(text(written.parse().unwrap()), written);
            assert_eq!(amount(units).json().unwrap().get(), written);
        }
        assert_eq!(text(Decimal::from(12)), "12.0000");
        assert_eq!(text(Decimal::new(125, 1)), "12.5000");
    }

    #[test]
    fn zero_has_no_sign_however_it_came_about() {
        for zero in [-Decimal::ZERO, -amount(0), amount(5) - amount(5), amount(-5) + amount(5), Decimal::new(-1, 6)] {
            assert_eq!(text(zero), "0.0000");
            assert_eq!(units(zero), 0);
            assert!(as_f64(round(zero, scale())).is_sign_positive());
        }
    }

    #[test]
    fn an_average_is_rounded_half_away_from_zero() {
        assert_eq!(per(amount(5), 2), Some(amount(3)));
        assert_eq!(per(amount(-5), 2), Some(amount(-3)));
        assert_eq!(per(amount(5), 0), None);
    }

    #[test]
    fn the_largest_sum_of_a_cube_is_an_amount() {
        let lines = 1_i128 << 32;
        for most in [i128::from(i64::MAX), i128::from(i64::MIN)] {
            assert_eq!(units(amount(most * lines)), most * lines);
        }
        // 10^14 less a ten-thousandth is the largest of numeric(18,4); two thousand million of them are added up exactly.
        let largest = amount(10_i64.pow(18) - 1);
        let sum = largest * Decimal::from(2_000_000_000);
        assert_eq!(text(sum), "199999999999999999800000.0000");
        assert_eq!(text(sum + amount(1)), "199999999999999999800000.0001");
        assert_eq!(text(amount(1) - sum), "-199999999999999999799999.9999");
    }

    /// Of amounts of all sizes.
    fn any_units() -> impl Strategy<Value = i128> {
        (0_u32..=22, any::<i128>()).prop_map(|(digits, any)| any % 10_i128.pow(digits + 4))
    }

    proptest! {
        #[test]
        fn an_amount_and_its_units_are_the_same(units in any_units()) {
            prop_assert_eq!(super::units(amount(units)), units);
            prop_assert_eq!(super::units(text(amount(units)).parse().unwrap()), units);
            let sign = if units < 0 { "-" } else { "" };
            let (whole, rest) = (units.unsigned_abs() / 10_000, units.unsigned_abs() % 10_000);
            prop_assert_eq!(text(amount(units)), format!("{sign}{whole}.{rest:04}"));
        }

        #[test]
        fn amounts_are_in_the_order_of_their_units(one in any_units(), other in any_units()) {
            prop_assert_eq!(amount(one).cmp(&amount(other)), one.cmp(&other));
            prop_assert_eq!(amount(one) == amount(other), one == other);
        }

        #[test]
        fn sums_are_those_of_the_units(all in prop::collection::vec(any_units(), 0..50)) {
            let sum: Decimal = all.iter().copied().map(amount).sum();
            prop_assert_eq!(super::units(sum), all.iter().sum::<i128>());
            let less = all.iter().fold(Decimal::ZERO, |less, own| less - amount(*own));
            prop_assert_eq!(super::units(less), -all.iter().sum::<i128>());
        }

        #[test]
        fn an_average_is_that_of_integers(units in any_units(), count in 1_u64..=1 << 32) {
            let (wide, half) = (i128::from(count), i128::from(count / 2));
            let plain = if units < 0 { (units - half) / wide } else { (units + half) / wide };
            prop_assert_eq!(per(amount(units), count).map(super::units), Some(plain));
        }

        #[test]
        fn the_float_is_that_of_the_units(units in any_units()) {
            prop_assert_eq!(as_f64(amount(units)), units as f64 / one() as f64);
        }
    }
}
