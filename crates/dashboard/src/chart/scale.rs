//! From values to places: axes with round ticks, bands, and labels that leave each other room.

use std::ops::Range;

use super::text;

/// Whether an axis starts at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// It holds zero, which anything filled needs.
    #[default]
    Zero,
    /// It holds the values and no more.
    Fit,
}

/// A value axis with round ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Ticks in ascending order, at least two, 1, 2 or 5 times a power of ten apart.
    pub ticks: Vec<f64>,
    low: f64,
    high: f64,
}

impl Linear {
    /// An axis over all finite values with about `count` ticks (5 gives 4 to 6), at least `least_step` apart.
    pub fn over(values: impl IntoIterator<Item = f64>, base: Base, count: usize, least_step: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            // Beyond, differences would overflow.
            let value = value.clamp(-1e300, 1e300);
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if base == Base::Zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let size = low.abs().max(high.abs());
        // A flat line needs some air, and so does one whose ups and downs are rounding errors.
        if high - low <= size * 1e-9 || size < 1e-290 {
            (low, high) = match size {
                size if size < 1e-290 => (0.0, 1.0),
                size => (low - size * 0.1, high + size * 0.1),
            };
        }
        ticks(low, high, count.max(2), least_step)
    }

    /// An axis with these ticks, from the first to the last.
    pub fn with_ticks(ticks: Vec<f64>) -> Self {
        let (low, high) = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        Self { ticks, low, high }
    }

    /// An axis without round ends: all of the room for the values, for charts that write the values out.
    pub fn exact(values: impl IntoIterator<Item = f64>) -> Self {
        let values = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        Self::with_ticks(vec![low, if high > low { high } else { low + 1.0 }])
    }

    /// The lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The upper end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// The place of a value on the way from `start` (lower end) to `end`; never outside, never NaN.
    pub fn place(&self, value: f64, start: f64, end: f64) -> f64 {
        let span = self.high() - self.low();
        let share = if span > 0.0 { (value - self.low()) / span } else { 0.0 };
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        start + (end - start) * share
    }
}

/// Of the steps at hand the one whose number of ticks comes close to `count` without leaving much room unused. An end
/// need not be a tick where the next one would be far beyond the values.
fn ticks(low: f64, high: f64, count: usize, least_step: f64) -> Linear {
    const AIR: f64 = 0.04;
    let span = high - low;
    let power = (span / count as f64).log10().floor() as i32;
    let mut best: Option<(f64, Linear)> = None;
    for (factor, power) in [(1.0, power), (2.0, power), (5.0, power), (1.0, power + 1), (2.0, power + 1)] {
        let step = times_power(factor, power);
        // A hair of tolerance, or 0.3 would need a tick at 0.4.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        if step < least_step && power < 0 || !(first.is_finite() && last.is_finite()) {
            continue;
        }
        let (below, above) = (low - span * AIR, high + span * AIR);
        let (can_cut_first, can_cut_last) = ((first + 1.0) * step < low && first * step < below, last * step > above);
        for (cut_first, cut_last) in [(false, false), (false, true), (true, false), (true, true)] {
            if cut_first && !can_cut_first || cut_last && !can_cut_last {
                continue;
            }
            let (first, last) = (first as i64 + i64::from(cut_first), last as i64 - i64::from(cut_last));
            let ticks: Vec<f64> = (first..=last).map(|index| times_power(index as f64 * factor, power)).collect();
            let [lowest, .., highest] = ticks.as_slice() else { continue };
            let (start, end) = (if cut_first { below } else { *lowest }, if cut_last { above } else { *highest });
            let unused = ((low - start) + (end - high)) / span;
            let off = ticks.len().abs_diff(count);
            let cost = off as f64
                + 3.0 * unused
                + 0.6 * f64::from(u8::from(cut_first) + u8::from(cut_last))
                + if off > 1 { 10.0 } else { 0.0 };
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Linear { low: start, high: end, ticks }));
            }
        }
    }
    match best {
        Some((_, axis)) => axis,
        None => Linear::with_ticks(vec![low.floor(), high.ceil().max(low.floor() + 1.0)]),
    }
}

/// Divides by negative powers, which keeps 0.3 free of noise.
fn times_power(factor: f64, power: i32) -> f64 {
    if power < 0 { factor / 10_f64.powi(-power) } else { factor * 10_f64.powi(power) }
}

/// Equal bands side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    start: f64,
    step: f64,
    gap: f64,
}

impl Band {
    /// `count` bands between two places, with `gap` (0 to 1) of each left free.
    pub fn new(count: usize, start: f64, end: f64, gap: f64) -> Self {
        Self { start, step: (end - start) / count.max(1) as f64, gap: gap.clamp(0.0, 1.0) }
    }

    /// Distance from one band to the next.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// Where a band begins, gap included.
    pub fn edge(&self, index: usize) -> f64 {
        self.start + self.step * index as f64
    }

    /// Where its middle is.
    pub fn centre(&self, index: usize) -> f64 {
        self.edge(index) + self.step / 2.0
    }

    /// Begin and width of what is drawn in it.
    pub fn inner(&self, index: usize) -> (f64, f64) {
        (self.edge(index) + self.step * self.gap / 2.0, self.step * (1.0 - self.gap))
    }
}

/// A label and the middle of where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot<'a> {
    /// The text; nothing is drawn for an empty one.
    pub label: &'a str,
    /// Its centre.
    pub x: f64,
    /// The place that it belongs to, from which the ends of an axis may push it away.
    pub at: f64,
}

impl<'a> Spot<'a> {
    /// A label centred at its place.
    pub fn new(label: &'a str, at: f64) -> Self {
        Self { label, x: at, at }
    }
}

/// Of labels along an axis from `left` to `right`, every nth (1, 2, 3, 4, 6, 12, 24, …, which suits months) so that
/// none touch. Those at the ends move inwards.
pub fn thin<'a>(spots: &[Spot<'a>], size: f64, left: f64, right: f64) -> Vec<Spot<'a>> {
    let spots: Vec<(Spot<'a>, f64)> = spots
        .iter()
        .filter(|spot| !spot.label.is_empty())
        .map(|spot| {
            let half = text::width(spot.label, size) / 2.0;
            let x =
                if 2.0 * half > right - left { (left + right) / 2.0 } else { spot.x.clamp(left + half, right - half) };
            (Spot { x, ..*spot }, half)
        })
        .collect();
    let strides = [1, 2, 3, 4, 6].into_iter().chain((1..).map(|times| times * 12));
    for stride in strides {
        let kept: Vec<_> = spots.iter().step_by(stride).collect();
        let is_free = |pair: &[&(Spot<'a>, f64)]| pair[0].0.x + pair[0].1 + size * 0.7 <= pair[1].0.x - pair[1].1;
        if kept.len() <= 1 || kept.windows(2).all(is_free) {
            return kept.into_iter().map(|(spot, _)| *spot).collect();
        }
    }
    Vec::new()
}

/// The most places of a chart that react to the pointer.
pub const MOST_BANDS: usize = 62;

/// The buckets of a chart in at most 62 groups of the same size, which is what reacts to the pointer when there are
/// more buckets than that.
pub fn bands(count: usize) -> Vec<Range<usize>> {
    let size = count.div_ceil(MOST_BANDS).max(1);
    (0..count).step_by(size).map(|first| first..(first + size).min(count)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Linear::over([3.0, 97.0], Base::Zero, 5, 0.0).ticks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Linear::over([0.3], Base::Zero, 5, 0.0).ticks, [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(Linear::over([-4.0, 4.0], Base::Zero, 5, 0.0).ticks, [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(Linear::over([1.0], Base::Zero, 5, 1.0).ticks, [0.0, 1.0]);
        assert_eq!(Linear::over([], Base::Fit, 5, 0.0).ticks.len(), 6);
        assert_eq!(Linear::over([f64::NAN, f64::INFINITY], Base::Zero, 5, 0.0).high(), 1.0);
        assert_eq!(Linear::over([0.0, 0.0], Base::Zero, 5, 0.0).high(), 1.0);
    }

    fn check(axis: &Linear, values: &[f64]) -> Result<(), TestCaseError> {
        prop_assert!(axis.ticks.len() >= 2);
        prop_assert!(axis.ticks.iter().all(|tick| tick.is_finite()));
        prop_assert!(axis.ticks.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", axis.ticks);
        let slack = (axis.high() - axis.low()) * 1e-6;
        for value in values {
            prop_assert!(axis.low() - slack <= *value && *value <= axis.high() + slack, "{value} {:?}", axis.ticks);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_values(values in prop::collection::vec(-1e13..1e13_f64, 1..20), shift in -12..1_i32) {
            let values: Vec<f64> = values.iter().map(|value| value * 10_f64.powi(shift)).collect();
            for base in [Base::Zero, Base::Fit] {
                let axis = Linear::over(values.clone(), base, 5, 0.0);
                check(&axis, &values)?;
                prop_assert!((3..=7).contains(&axis.ticks.len()), "{:?}", axis.ticks);
            }
            let axis = Linear::over(values.clone(), Base::Zero, 5, 0.0);
            prop_assert!(axis.ticks.contains(&0.0));
        }

        #[test]
        fn positive_values_get_four_to_six_ticks(value in 1e-9..1e15_f64) {
            let axis = Linear::over([value], Base::Zero, 5, 0.0);
            prop_assert!((4..=6).contains(&axis.ticks.len()), "{:?}", axis.ticks);
            prop_assert_eq!(axis.low(), 0.0);
        }

        #[test]
        fn no_value_breaks_an_axis(values in prop::collection::vec(any::<f64>(), 0..6), count in 0..9_usize) {
            for base in [Base::Zero, Base::Fit] {
                check(&Linear::over(values.clone(), base, count, 0.0), &[])?;
                check(&Linear::over(values.clone(), base, count, 1.0), &[])?;
            }
        }

        #[test]
        fn places_keep_the_order(a in any::<f64>(), b in any::<f64>(), c in -1e6..1e6_f64) {
            let axis = Linear::over([c, c * 2.0 + 1.0], Base::Zero, 5, 0.0);
            let (at_a, at_b) = (axis.place(a, 10.0, 90.0), axis.place(b, 10.0, 90.0));
            prop_assert!((10.0..=90.0).contains(&at_a));
            prop_assert!(a.is_nan() || b.is_nan() || a > b || at_a <= at_b);
        }

        #[test]
        fn labels_never_touch(labels in prop::collection::vec("[a-zA-Z0-9 ]{0,30}", 0..90), right in 1.0..900.0_f64) {
            let band = Band::new(labels.len(), 0.0, right, 0.2);
            let spots: Vec<Spot<'_>> =
                labels.iter().enumerate().map(|(index, label)| Spot::new(label, band.centre(index))).collect();
            let kept = thin(&spots, 11.0, 0.0, right);
            prop_assert!(kept.is_empty() == labels.iter().all(String::is_empty));
            for pair in kept.windows(2) {
                let half = |spot: &Spot<'_>| text::width(spot.label, 11.0) / 2.0;
                prop_assert!(pair[0].x + half(&pair[0]) < pair[1].x - half(&pair[1]));
            }
        }

        #[test]
        fn bands_cover_everything_once(count in 0..5000_usize) {
            let bands = bands(count);
            prop_assert!(bands.len() <= MOST_BANDS);
            prop_assert_eq!(bands.iter().map(|band| band.len()).sum::<usize>(), count);
            prop_assert!(bands.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
