//! Values with their type, and how they are written: exactly in tables, short in tiles.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use salesmart_base::count::grouped;
use salesmart_base::settings::{Currency, SymbolPlace};
use salesmart_metrics::money::{as_f64, round};

use crate::chart;
use crate::chart::Format;

/// Before a unit: it must not break.
const GAP: char = '\u{a0}';

/// A value of a tile or of a table's cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nobody knows, or there is nothing to divide by.
    None,
    /// A name.
    Text(String),
    /// Money, exact to four decimals.
    Money(Decimal),
    /// A quantity, exact to four decimals.
    Quantity(Decimal),
    /// Things counted.
    Count(u64),
    /// A share: 0.23 is 23 %.
    Percent(f64),
    /// A change, with its sign: 0.05 is +5 %.
    Change(f64),
    /// A day.
    Date(NaiveDate),
    /// A moment in UTC, RFC 3339.
    Time(String),
    /// Seconds.
    Seconds(f64),
}

impl Value {
    /// A share that there may be.
    pub fn percent(share: Option<f64>) -> Self {
        share.map_or(Self::None, Self::Percent)
    }

    /// A change that there may be.
    pub fn change(share: Option<f64>) -> Self {
        share.map_or(Self::None, Self::Change)
    }

    /// Money that there may be.
    pub fn money(amount: Option<Decimal>) -> Self {
        amount.map_or(Self::None, Self::Money)
    }

    /// A name.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Is it a number, which stands at the right of its column?
    pub fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Date(_) | Self::Time(_))
    }

    /// What was counted or summed.
    pub fn exact(&self) -> Option<Decimal> {
        match self {
            Self::Money(amount) | Self::Quantity(amount) => Some(*amount),
            Self::Count(count) => Some(Decimal::from(*count)),
            _ => None,
        }
    }

    /// The number, for geometry and for spreadsheets.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Money(amount) | Self::Quantity(amount) => Some(as_f64(*amount)),
            Self::Count(count) => Some(*count as f64),
            Self::Percent(share) | Self::Change(share) => Some(*share),
            Self::Seconds(seconds) => Some(*seconds),
            Self::None | Self::Text(_) | Self::Date(_) | Self::Time(_) => None,
        }
    }
}

/// How values are written with a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<'a> {
    currency: &'a Currency,
}

impl<'a> Written<'a> {
    /// With this currency.
    pub fn new(currency: &'a Currency) -> Self {
        Self { currency }
    }

    /// All digits that people read: money with two decimals, shares with one.
    pub fn full(&self, value: &Value) -> String {
        match value {
            Value::None => "–".to_owned(),
            Value::Text(text) => text.clone(),
            Value::Money(amount) => self.money_format().exact(*amount),
            Value::Quantity(amount) => Format::Decimal(if amount.fract().is_zero() { 0 } else { 2 }).exact(*amount),
            Value::Count(count) => grouped(*count),
            Value::Percent(share) => Format::Percent(1).full(*share),
            Value::Change(share) => signed(*share),
            Value::Date(day) => self.day(*day),
            Value::Time(time) => moment(time),
            Value::Seconds(seconds) => format!("{seconds:.1}{GAP}s"),
        }
    }

    /// Few digits: `£1.2 M`, `34 k`.
    pub fn short(&self, value: &Value) -> String {
        match value {
            Value::Money(amount) => self.money_format().short(as_f64(*amount)),
            Value::Quantity(amount) => Format::Decimal(2).short(as_f64(*amount)),
            Value::Count(count) => Format::Count.short(*count as f64),
            _ => self.full(value),
        }
    }

    /// A day as people write it: `5 Mar 2024`.
    pub fn day(&self, day: NaiveDate) -> String {
        day.format("%-d %b %Y").to_string()
    }

    /// Money in charts.
    pub fn money_format(&self) -> Format {
        if self.currency.symbol.is_empty() {
            return Format::Decimal(2);
        }
        let place = match self.currency.place {
            SymbolPlace::Before => chart::Place::Before,
            SymbolPlace::After => chart::Place::After,
        };
        Format::Currency { symbol: self.currency.symbol.clone().into(), place, decimals: 2 }
    }

    /// The unit of a chart of money: `€, net of returns`.
    pub fn money_unit(&self, what: &str) -> String {
        match (self.currency.symbol.as_str(), what) {
            ("", what) => what.to_owned(),
            (symbol, "") => symbol.to_owned(),
            (symbol, what) => format!("{symbol}, {what}"),
        }
    }
}

/// `+5.2 %`, `−3.0 %`, `0.0 %`
pub fn signed(share: f64) -> String {
    let text = Format::Percent(1).full(share);
    let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if share > 0.0 && !is_zero { format!("+{text}") } else { text }
}

/// By which part of what it was an amount went up; nothing where it was zero or less. Fifteen decimals, as many as a float has.
pub(super) fn change(now: Decimal, then: Decimal) -> Option<f64> {
    const DECIMALS: u32 = 15;
    let is_comparable = then > Decimal::ZERO;
    is_comparable.then(|| (now - then).checked_div(then))?.map(|change| as_f64(round(change, DECIMALS)))
}

/// `5 Mar 2024, 14:03 UTC`
fn moment(time: &str) -> String {
    match chrono::DateTime::parse_from_rfc3339(time) {
        Ok(moment) => moment.naive_utc().format("%-d %b %Y, %H:%M UTC").to_string(),
        Err(_) => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use salesmart_metrics::money::amount;

    use super::*;

    fn euros() -> Currency {
        Currency { symbol: "€".to_owned(), place: SymbolPlace::After }
    }

    fn pounds() -> Currency {
        Currency { symbol: "£".to_owned(), place: SymbolPlace::Before }
    }

    #[test]
    fn money_is_exact_and_rounded_half_away_from_zero() {
        for (units, before, after) in [
            (0_i128, "£0.00", "0.00\u{a0}€"),
            (49, "£0.00", "0.00\u{a0}€"),
            (50, "£0.01", "0.01\u{a0}€"),
            (-50, "−£0.01", "−0.01\u{a0}€"),
            (12_345_678_950, "£1,234,567.90", "1,234,567.90\u{a0}€"),
            // A float would lose the last digits of this.
            (9_999_999_999_999_999_999_900, "£999,999,999,999,999,999.99", "999,999,999,999,999,999.99\u{a0}€"),
        ] {
            let value = Value::Money(amount(units));
            assert_eq!(Written::new(&pounds()).full(&value), before);
            assert_eq!(Written::new(&euros()).full(&value), after);
        }
    }

    #[test]
    fn each_kind_is_written_in_its_own_way() {
        let currency = pounds();
        let written = Written::new(&currency);
        for (value, full, short) in [
            (Value::None, "–", "–"),
            (Value::Count(1_234_567), "1,234,567", "1.2\u{a0}M"),
            (Value::Quantity(amount(20_000_i64)), "2", "2"),
            (Value::Quantity(amount(25_000_i64)), "2.50", "2.5"),
            (Value::Percent(0.2351), "23.5\u{a0}%", "23.5\u{a0}%"),
            (Value::Change(0.05), "+5.0\u{a0}%", "+5.0\u{a0}%"),
            (Value::Change(-0.05), "−5.0\u{a0}%", "−5.0\u{a0}%"),
            (Value::Change(0.0001), "0.0\u{a0}%", "0.0\u{a0}%"),
            (Value::Date("2024-03-05".parse().unwrap()), "5 Mar 2024", "5 Mar 2024"),
            (Value::Time("2024-03-05T14:03:59Z".into()), "5 Mar 2024, 14:03 UTC", "5 Mar 2024, 14:03 UTC"),
        ] {
            assert_eq!(written.full(&value), full);
            assert_eq!(written.short(&value), short);
        }
    }
}
