//! Numbers as people read them: short on an axis, exact in a tooltip.

use std::borrow::Cow;

use rust_decimal::Decimal;
use salesmart_base::count::grouped_decimal;
use salesmart_metrics::money;

/// Before a unit: it must not break, and every font has it.
const GAP: char = '\u{a0}';
/// What stands for a value that is not a number.
const NONE: &str = "–";
/// From here on neither digits nor suffixes help.
const HUGE: f64 = 1e15;
/// Below, zeros after the point would not end.
const TINY: f64 = 1e-4;
const SUFFIXES: [(f64, &str); 4] = [(1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k")];

/// On which side of the number a currency symbol stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `£12`
    Before,
    /// `12 kr`
    After,
}

/// What kind of number a chart shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Money in major units.
    Currency {
        /// `£`, `kr`.
        symbol: Cow<'static, str>,
        /// The symbol's side.
        place: Place,
        /// Digits after the point in the full form, 2 for most currencies.
        decimals: usize,
    },
    /// Things counted: no decimals.
    Count,
    /// A fraction shown in percent: 0.23 is `23 %`. The full form has this many decimals.
    Percent(usize),
    /// Anything else; the full form has this many decimals.
    Decimal(usize),
}

impl Format {
    /// Pounds and pence.
    pub const fn pounds() -> Self {
        Self::Currency { symbol: Cow::Borrowed("£"), place: Place::Before, decimals: 2 }
    }

    /// The exact form: `£1,234,567.89`, `−12`, `23.4 %`; powers of ten from 10¹⁵ on, a dash for what is no number.
    pub fn full(&self, value: f64) -> String {
        self.dress(self.shown(value), self.decimals(), "")
    }

    /// The exact form of an amount, rounded half away from zero; a float would round some amounts down that lie halfway.
    pub fn exact(&self, amount: Decimal) -> String {
        let decimals = self.decimals();
        let scaled = if matches!(self, Self::Percent(_)) { amount * Decimal::ONE_HUNDRED } else { amount };
        let rounded = money::round(scaled, decimals as u32);
        let sign = if rounded.is_sign_negative() && !rounded.is_zero() { "−" } else { "" };
        self.assemble(sign, &grouped_decimal(&format!("{:.decimals$}", rounded.abs())), "")
    }

    /// Few digits: `£1.2 M`, `340 k`, `1,234`, `23 %`. A float has enough of them.
    pub fn short(&self, value: f64) -> String {
        let value = self.shown(value);
        for (index, (divisor, suffix)) in SUFFIXES.iter().enumerate() {
            let scaled = value / divisor;
            // Up to 10,000 all digits are short enough.
            if scaled.abs() < 0.9995 || *suffix == "k" && scaled.abs() < 9.9995 {
                continue;
            }
            // 999,700 is 1 M, not 1,000 k.
            let (scaled, suffix) = match index.checked_sub(1).map(|above| SUFFIXES[above]) {
                Some((above, name)) if scaled.abs() >= 999.5 => (value / above, name),
                _ => (scaled, *suffix),
            };
            return self.dress(scaled, few_decimals(scaled), suffix);
        }
        let decimals = if *self == Self::Count { 0 } else { few_decimals(value) };
        self.dress(value, decimals, "")
    }

    /// Labels of an axis: one suffix and one number of decimals for all ticks, and a plain zero.
    pub fn axis(&self, ticks: &[f64]) -> Vec<String> {
        let ticks: Vec<f64> = ticks.iter().map(|tick| self.shown(*tick)).collect();
        let most = ticks.iter().fold(0.0_f64, |most, tick| most.max(tick.abs()));
        let step = ticks.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min);
        // Up to 10,000 whole numbers read better than 0.5 k.
        let (divisor, suffix) = match most {
            most if most < 1e4 => (1.0, ""),
            most => SUFFIXES.iter().copied().find(|(divisor, _)| most >= *divisor).unwrap_or((1.0, "")),
        };
        let clean = |decimals: &usize| {
            let unit = 10_f64.powi(*decimals as i32) / divisor;
            ticks.iter().all(|tick| ((tick * unit).round() / unit - tick).abs() <= step.min(most) * 1e-3)
        };
        let decimals = (0..=9).find(clean).unwrap_or(9);
        ticks
            .iter()
            .map(
                |tick| if *tick == 0.0 { self.dress(0.0, 0, "") } else { self.dress(tick / divisor, decimals, suffix) },
            )
            .collect()
    }

    /// The smallest sensible distance of two ticks.
    pub(crate) fn least_step(&self) -> f64 {
        if *self == Self::Count { 1.0 } else { 0.0 }
    }

    /// Digits after the point of the full form.
    fn decimals(&self) -> usize {
        match self {
            Self::Currency { decimals, .. } | Self::Percent(decimals) | Self::Decimal(decimals) => *decimals,
            Self::Count => 0,
        }
    }

    fn shown(&self, value: f64) -> f64 {
        if matches!(self, Self::Percent(_)) { value * 100.0 } else { value }
    }

    fn dress(&self, value: f64, decimals: usize, suffix: &str) -> String {
        match digits(value, decimals) {
            Some((sign, digits)) => self.assemble(sign, &digits, suffix),
            None => NONE.to_owned(),
        }
    }

    fn assemble(&self, sign: &str, digits: &str, suffix: &str) -> String {
        let suffix = if suffix.is_empty() { String::new() } else { format!("{GAP}{suffix}") };
        match self {
            Self::Currency { symbol, place: Place::Before, .. } => format!("{sign}{symbol}{digits}{suffix}"),
            Self::Currency { symbol, place: Place::After, .. } => format!("{sign}{digits}{suffix}{GAP}{symbol}"),
            Self::Percent(_) => format!("{sign}{digits}{suffix}{GAP}%"),
            Self::Count | Self::Decimal(_) => format!("{sign}{digits}{suffix}"),
        }
    }
}

/// One decimal below ten, where it says something; two below one, or as many as it takes not to be zero.
fn few_decimals(value: f64) -> usize {
    let size = value.abs();
    let is_whole = |decimals: i32| {
        let scaled = size * 10_f64.powi(decimals);
        (scaled - scaled.round()).abs() < 0.05
    };
    match size {
        size if size >= 9.95 || is_whole(0) && size >= 0.95 || size == 0.0 => 0,
        size if size >= 0.95 => 1,
        size if size >= 0.005 => 2,
        size => (1.0 - size.log10()).ceil().min(12.0) as usize,
    }
}

/// Sign and digits in groups of three; nothing for what is no number. Zero has no sign, however it came about.
fn digits(value: f64, decimals: usize) -> Option<(&'static str, String)> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    let minus = if value < 0.0 { "−" } else { "" };
    if size >= HUGE || (size > 0.0 && size < TINY && decimals > 4) {
        return Some((minus, format!("{size:.1e}").replace("e-", "e−")));
    }
    let plain = format!("{size:.decimals$}");
    if plain.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return Some(("", plain));
    }
    Some((minus, grouped_decimal(&plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace(GAP, " ")
    }

    #[test]
    fn the_full_form_is_exact() {
        let pounds = Format::pounds();
        assert_eq!(pounds.full(1_234_567.89), "£1,234,567.89");
        assert_eq!(pounds.full(-1234.5), "−£1,234.50");
        assert_eq!(pounds.full(-0.001), "£0.00");
        assert_eq!(pounds.full(999.999), "£1,000.00");
        assert_eq!(pounds.full(f64::NAN), "–");
        assert_eq!(pounds.full(f64::INFINITY), "–");
        let kronor = Format::Currency { symbol: "kr".into(), place: Place::After, decimals: 0 };
        assert_eq!(plain(kronor.full(-1234.0)), "−1,234 kr");
        assert_eq!(Format::Count.full(1_000_000.0), "1,000,000");
        assert_eq!(plain(Format::Percent(1).full(0.234)), "23.4 %");
        assert_eq!(Format::Decimal(2).full(1.005), "1.00");
        assert_eq!(Format::Decimal(2).full(1e300), "1.0e300");
    }

    #[test]
    fn an_amount_halfway_is_rounded_away_from_zero() {
        let pounds = Format::pounds();
        for (units, text) in
            [(0, "£0.00"), (10_050, "£1.01"), (-10_050, "−£1.01"), (-49, "£0.00"), (123_456_789, "£12,345.68")]
        {
            assert_eq!(pounds.exact(money::amount(units)), text);
        }
        assert_eq!(pounds.exact(-Decimal::ZERO), "£0.00");
        assert_eq!(plain(Format::Percent(1).exact(Decimal::new(2345, 4))), "23.5 %");
    }

    #[test]
    fn the_short_form_has_few_digits() {
        let short = |value| plain(Format::pounds().short(value));
        assert_eq!(short(0.0), "£0");
        assert_eq!(short(0.25), "£0.25");
        assert_eq!(short(0.002), "£0.0020");
        assert_eq!(short(2e-9), "£2.0e−9");
        assert_eq!(short(9.5), "£9.5");
        assert_eq!(short(340.0), "£340");
        assert_eq!(short(999.7), "£1,000");
        assert_eq!(short(1234.0), "£1,234");
        assert_eq!(short(9999.7), "£10 k");
        assert_eq!(short(12_345.0), "£12 k");
        assert_eq!(short(340_000.0), "£340 k");
        assert_eq!(short(999_700.0), "£1 M");
        assert_eq!(short(-1_234_567.0), "−£1.2 M");
        assert_eq!(short(2e9), "£2 bn");
        assert_eq!(short(1e12), "£1 tn");
        assert_eq!(short(1e14), "£100 tn");
        assert_eq!(plain(Format::Percent(1).short(0.234)), "23 %");
        assert_eq!(plain(Format::Percent(1).short(0.023)), "2.3 %");
        assert_eq!(Format::Count.short(-3.0), "−3");
        assert_eq!(Format::Count.short(f64::NAN), "–");
    }

    #[test]
    fn an_axis_has_one_unit() {
        let axis = |ticks: &[f64]| Format::pounds().axis(ticks).into_iter().map(plain).collect::<Vec<_>>();
        assert_eq!(axis(&[0.0, 0.5e6, 1e6]), ["£0", "£0.5 M", "£1.0 M"]);
        assert_eq!(axis(&[0.0, 500.0, 1000.0]), ["£0", "£500", "£1,000"]);
        assert_eq!(axis(&[-20_000.0, 0.0, 20_000.0]), ["−£20 k", "£0", "£20 k"]);
        assert_eq!(axis(&[0.0, 0.1 + 0.2]), ["£0", "£0.3"]);
        assert_eq!(axis(&[0.0, 1e-9, 2e-9]), ["£0", "£1.0e−9", "£2.0e−9"]);
        assert_eq!(axis(&[]), [""; 0]);
        assert_eq!(Format::Count.axis(&[0.0, 1.0, 2.0]), ["0", "1", "2"]);
    }
}
