//! Stored values of Parquet as text, each in its one exact spelling.

use std::fmt::Write;

use chrono::{Datelike, NaiveDate};

/// Numbers of more bytes than this are none: 309 digits.
const WIDEST: usize = 128;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;

/// Days between the epoch of Julian days, which begin at noon, and that of Unix, as INT96 counts them.
const JULIAN_DAY_OF_1970: i128 = 2_440_588;

/// Writes `number / 10^scale`.
pub fn decimal(number: i128, scale: u32, out: &mut String) {
    if number < 0 {
        out.push('-');
    }
    let mut digits = String::with_capacity(40);
    // Writing to a string cannot fail.
    let _ = write!(digits, "{}", number.unsigned_abs());
    with_point(&digits, scale as usize, out);
}

/// Writes the number in these bytes, the highest first, divided by ten to `scale`. `None` if there is no number in them.
pub fn decimal_of_bytes(bytes: &[u8], scale: u32, out: &mut String) -> Option<()> {
    let is_negative = *bytes.first()? >= 0x80;
    let filler = if is_negative { 0xFF } else { 0 };
    let leading = bytes.iter().take_while(|byte| **byte == filler).count();
    // At most one byte that only carries the sign is left.
    let bytes = &bytes[leading.saturating_sub(1)..];
    if bytes.len() > WIDEST {
        return None;
    }
    if bytes.len() <= 16 {
        let mut wide = [filler; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        decimal(i128::from_be_bytes(wide), scale, out);
        return Some(());
    }
    if is_negative {
        out.push('-');
    }
    with_point(&digits(&magnitude(bytes, is_negative)), scale as usize, out);
    Some(())
}

/// The number without its sign, from two's complement.
fn magnitude(bytes: &[u8], is_negative: bool) -> Vec<u8> {
    let mut magnitude = bytes.to_vec();
    if is_negative {
        magnitude.iter_mut().for_each(|byte| *byte = !*byte);
        for byte in magnitude.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
    magnitude
}

/// The decimal digits of a number in bytes, the highest first.
fn digits(bytes: &[u8]) -> String {
    const BILLION: u64 = 1_000_000_000;
    let mut rest = bytes.to_vec();
    let mut groups = Vec::new();
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder = 0;
        for byte in &mut rest {
            let part = remainder << 8 | u64::from(*byte);
            *byte = (part / BILLION) as u8;
            remainder = part % BILLION;
        }
        groups.push(remainder);
    }
    let mut digits = groups.pop().unwrap_or(0).to_string();
    groups.iter().rev().for_each(|group| {
        let _ = write!(digits, "{group:09}");
    });
    digits
}

fn with_point(digits: &str, scale: usize, out: &mut String) {
    if scale == 0 {
        out.push_str(digits);
        return;
    }
    match digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
        Some(whole) => out.extend([&digits[..whole], ".", &digits[whole..]]),
        None => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', scale - digits.len()));
            out.push_str(digits);
        }
    }
}

/// Writes the shortest decimal number that reads back as this one, as DuckDB does: with an exponent if it is very large or small.
pub fn double(value: f64, out: &mut String) {
    let reads_back = |text: &str| text.parse() == Ok(value);
    float(&nearest_even(format!("{value:e}"), reads_back, || format!("{value:.800e}")), out);
}

/// As [`double`], of 32 bits.
pub fn single(value: f32, out: &mut String) {
    let reads_back = |text: &str| text.parse() == Ok(value);
    float(&nearest_even(format!("{value:e}"), reads_back, || format!("{value:.800e}")), out);
}

/// Where two shortest numbers are equally near, Rust takes the larger one, and the other libraries the one with an even last digit. No
/// double has more than 767 digits, so `exact` has them all.
fn nearest_even(shortest: String, reads_back: impl Fn(&str) -> bool, exact: impl Fn() -> String) -> String {
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return shortest };
    let Some(last) = mantissa.bytes().last().filter(|digit| digit % 2 == 1) else { return shortest };
    let even = format!("{}{}", &mantissa[..mantissa.len() - 1], char::from(last - 1));
    let other = format!("{even}e{exponent}");
    if !reads_back(&other) {
        return shortest;
    }
    let exact = exact();
    let behind = exact.split_once('e').and_then(|(digits, _)| digits.strip_prefix(&even));
    let half = behind.map(|behind| behind.trim_start_matches('.').trim_end_matches('0'));
    if half == Some("5") { other } else { shortest }
}

fn float(shortest: &str, out: &mut String) {
    // Rust's own exponent notation has the same digits: `-1.25e-7`, `5e20`, `NaN`, `inf`.
    let (sign, number) = match shortest.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", shortest),
    };
    let Some((mantissa, exponent)) = number.split_once('e') else {
        let _ = write!(out, "{sign}{}", number.to_lowercase());
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    out.push_str(sign);
    if !(-4..16).contains(&exponent) {
        let _ = write!(out, "{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
        return;
    }
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
        out.push_str(&digits);
        return;
    }
    let whole = exponent as usize + 1;
    match digits.get(whole..).filter(|fraction| !fraction.is_empty()) {
        Some(fraction) => out.extend([&digits[..whole], ".", fraction]),
        None => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', whole - digits.len()));
            out.push_str(".0");
        }
    }
}

/// A binary fraction of 16 bits, which one of 32 bits holds exactly.
pub fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3FF);
    match bits >> 10 & 0x1F {
        0 => sign * fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1024.0 + fraction) * 2_f32.powi(i32::from(exponent) - 25),
    }
}

/// Writes a day; one that the calendar does not reach as what it is, so that it is refused by name.
pub fn day(days: i32, out: &mut String) {
    let _ = match date(i64::from(days)) {
        Some(date) => write!(out, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
        None => write!(out, "{days} days since 1970"),
    };
}

fn date(days_since_1970: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_signed(chrono::TimeDelta::try_days(days_since_1970)?)
}

/// Writes a time of day.
pub fn time(nanos: i128, out: &mut String) {
    let seconds = nanos.div_euclid(NANOS_PER_SECOND);
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    fraction(nanos.rem_euclid(NANOS_PER_SECOND), out);
}

/// Writes a moment, all of its nanoseconds; one that the calendar does not reach as what it is, so that it is refused by name.
pub fn moment(nanos_since_1970: i128, out: &mut String) {
    let days = nanos_since_1970.div_euclid(NANOS_PER_DAY);
    let of_day = nanos_since_1970.rem_euclid(NANOS_PER_DAY);
    let Some(date) = i64::try_from(days).ok().and_then(date) else {
        let _ = write!(out, "{nanos_since_1970} ns since 1970");
        return;
    };
    let _ = write!(out, "{:04}-{:02}-{:02} ", date.year(), date.month(), date.day());
    time(of_day, out);
}

/// The nanoseconds since 1970 of an INT96: nanoseconds of the day in two parts, the lower first, and the Julian day.
pub fn int96(parts: &[u32]) -> i128 {
    let [low, high, day] = parts else { return 0 };
    let of_day = (u64::from(*high) << 32 | u64::from(*low)).cast_signed();
    (i128::from(day.cast_signed()) - JULIAN_DAY_OF_1970) * NANOS_PER_DAY + i128::from(of_day)
}

fn fraction(nanos: i128, out: &mut String) {
    if nanos == 0 {
        return;
    }
    let digits = format!("{nanos:09}");
    out.push('.');
    out.push_str(digits.trim_end_matches('0'));
}

/// Writes a UUID.
pub fn uuid(bytes: &[u8], out: &mut String) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_bytes(bytes: &[u8], scale: u32) -> String {
        let mut out = String::new();
        decimal_of_bytes(bytes, scale, &mut out).map_or_else(|| "none".to_owned(), |()| out)
    }

    #[test]
    fn decimals_of_any_number_of_bytes_keep_their_digits() {
        assert_eq!(of_bytes(&[0x7B], 0), "123");
        assert_eq!(of_bytes(&[0xFF], 1), "-0.1");
        assert_eq!(of_bytes(&[0x80], 2), "-1.28");
        assert_eq!(of_bytes(&[0; 40], 3), "0.000");
        assert_eq!(of_bytes(&[], 0), "none");
        let with_sign = |filler: u8, last: &[u8]| [vec![filler; 32 - last.len()], last.to_vec()].concat();
        assert_eq!(of_bytes(&with_sign(0, &[0x04, 0xE2]), 2), "12.50");
        assert_eq!(of_bytes(&with_sign(0xFF, &[0xFB, 0x1E]), 2), "-12.50");
        let largest = [vec![0x7F], vec![0xFF; 31]].concat();
        let two_to_255 = "57896044618658097711785492504343953926634992332820282019728792003956564819968";
        assert_eq!(of_bytes(&largest, 0), two_to_255.replace("9968", "9967"));
        assert_eq!(
            of_bytes(&[vec![0x80], vec![0; 31]].concat(), 10),
            format!("-{}.{}", &two_to_255[..67], &two_to_255[67..])
        );
        let two_to_127 = "170141183460469231731687303715884105728";
        assert_eq!(of_bytes(&[vec![0, 0x80], vec![0; 15]].concat(), 0), two_to_127);
        assert_eq!(of_bytes(&[vec![0x80], vec![0; 15]].concat(), 0), format!("-{two_to_127}"));
        assert_eq!(of_bytes(&[vec![1], vec![0; 200]].concat(), 0), "none");
    }

    #[test]
    fn doubles_are_written_as_short_as_they_can_be() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-0.1, "-0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (123_456_789_012.5, "123456789012.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-917_727_852_290_355.2, "-917727852290355.2"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = String::new();
            double(value, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn halves_are_exact() {
        for (bits, expected) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7BFF, 65504.0),
            (0x7C00, f32::INFINITY),
        ] {
            assert!(
                (half(bits) - expected).abs() < f32::MIN_POSITIVE || half(bits) == expected,
                "{bits:x} {}",
                half(bits)
            );
        }
        assert!(half(0x7E00).is_nan());
    }

    #[test]
    fn moments_keep_their_nanoseconds() {
        let written = |nanos| {
            let mut out = String::new();
            moment(nanos, &mut out);
            out
        };
        assert_eq!(written(0), "1970-01-01 00:00:00");
        assert_eq!(written(-1), "1969-12-31 23:59:59.999999999");
        assert_eq!(written(1_705_314_225_500_000_000), "2024-01-15 10:23:45.5");
        assert_eq!(written(int96(&[1, 0, 2_440_589])), "1970-01-02 00:00:00.000000001");
        assert!(written(i128::MAX).ends_with("ns since 1970"));
    }
}
