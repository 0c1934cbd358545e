//! What a column holds: types are tried on every value until only those are left that all values have.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::contract::{AmbiguousDates, ColumnType};
use super::draft::snake_case;
use crate::cast::moment::Moments;
use crate::cast::moment_format;
use crate::cast::number_style::NumberStyle;

/// Spellings that stand for "no value" in many exports.
const PLACEHOLDERS: [&str; 14] =
    ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "none", "NaN", "nan", "-", "?", "ERROR", "UNKNOWN"];

const CURRENCIES: [&str; 10] = ["€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF", "kr", "zł"];

/// Days, the likelier spelling first.
const DAYS: [&str; 20] = [
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
];

const TIMES: [&str; 7] =
    [" %H:%M:%S%.f", "T%H:%M:%S%.f", "T%H:%M:%S%.fZ", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p"];

/// Different values that are remembered, at most.
const REMEMBERED: usize = 100_000;

/// One column and what its values have been so far.
pub struct Column {
    /// Its name in the file.
    pub header: String,
    /// Values seen, absent ones included.
    pub count: u64,
    /// Values without any text.
    pub empty: u64,
    /// Placeholders among the values, with their counts.
    pub placeholders: HashMap<String, u64>,
    /// Whether spaces lie around values.
    pub is_padded: bool,
    /// Most characters.
    pub max_length: usize,
    leading_zero: Option<String>,
    exponent: Option<String>,
    /// Integers with `.0` behind them.
    pub point_zero: Option<String>,
    numbers: Vec<Numbers>,
    /// How many values fit each of [`FORMATS`].
    dates: Vec<u64>,
    is_boolean: bool,
    distinct: Option<HashMap<String, u32>>,
    example: Option<String>,
}

/// One way to write numbers, as far as all values fit it.
struct Numbers {
    style: NumberStyle,
    fits: bool,
    scale: u32,
    digits: usize,
    has_group: bool,
    has_fraction: bool,
}

/// What a column is taken for.
#[derive(Debug)]
pub struct Guess {
    /// The type.
    pub kind: ColumnType,
    /// Formats, of days and moments.
    pub formats: Vec<String>,
    /// How numbers are written.
    pub style: NumberStyle,
    /// Spellings of an absent value beside the empty one.
    pub nulls: Vec<String>,
    /// What a human should look at.
    pub doubts: Vec<String>,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("header", &self.header).field("count", &self.count).finish_non_exhaustive()
    }
}

/// Does a field look like a value rather than like the name of a column?
pub fn looks_like_value(field: &str) -> bool {
    let field = field.trim();
    !field.is_empty()
        && (NumberStyle::default().parse(field).is_ok()
            || FORMATS.candidates(field).any(|(number, moments)| number < DAYS.len() && moments.read(field).is_ok()))
}

/// The formats of days and moments that are tried, the same for all columns.
static FORMATS: LazyLock<Formats> = LazyLock::new(Formats::new);

struct Formats {
    all: Vec<(String, Moments)>,
    /// Numbers of the formats that values with these marks may fit, in order.
    by_marks: HashMap<Vec<u8>, Vec<usize>>,
}

impl Formats {
    fn new() -> Self {
        let with_time = DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day}{time}")));
        let days = DAYS.iter().map(|day| (*day).to_owned());
        let formats = days.chain(with_time).filter(|format| !format.ends_with('Z'));
        let all: Vec<(String, Moments)> = formats.map(|format| (format.clone(), reads(&format))).collect();
        let mut by_marks: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (number, (format, _)) in all.iter().enumerate() {
            // Codes stand for digits and letters.
            let with_fraction =
                |fraction| marks(&format.replace("%.f", fraction)).filter(|mark| *mark != b'%').collect();
            let (without, with): (Vec<u8>, Vec<u8>) = (with_fraction(""), with_fraction("."));
            if with != without {
                by_marks.entry(with).or_default().push(number);
            }
            by_marks.entry(without).or_default().push(number);
        }
        Self { all, by_marks }
    }

    /// The formats that a value may fit, each with its number. A format fits only what has its marks: most values are no date, and
    /// to try all formats on each takes most of the time.
    fn candidates(&self, value: &str) -> impl Iterator<Item = (usize, &Moments)> {
        // Longer than those of any format.
        let mut found = [0; 12];
        let mut length = 0;
        for mark in marks(value).take(found.len()) {
            found[length] = mark;
            length += 1;
        }
        self.by_marks.get(&found[..length]).into_iter().flatten().map(|number| (*number, &self.all[*number].1))
    }

    /// The number of a format among all.
    fn number(&self, format: &str) -> Option<usize> {
        self.all.iter().position(|(known, _)| known == format)
    }
}
/// What is neither a digit nor a letter of ASCII.
fn marks(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| !byte.is_ascii_alphanumeric())
}

fn reads(format: &str) -> Moments {
    Moments::new(ColumnType::Timestamp, &[format.to_owned()], AmbiguousDates::FirstFormat)
}

impl Column {
    /// A column of this name, with no values seen.
    pub fn new(header: &str) -> Self {
        let style = |mark: u8, thousands: Option<char>| NumberStyle { mark, thousands, ..NumberStyle::default() };
        let styles = [
            style(b'.', None),
            style(b',', None),
            style(b'.', Some(',')),
            style(b',', Some('.')),
            style(b'.', Some(' ')),
            style(b',', Some(' ')),
            style(b'.', Some('\'')),
        ];
        let numbers = styles.into_iter().map(|style| Numbers {
            style: NumberStyle {
                currency: CURRENCIES.iter().map(|sign| (*sign).to_owned()).collect(),
                trailing_minus: true,
                parentheses: true,
                ..style
            },
            fits: true,
            scale: 0,
            digits: 0,
            has_group: false,
            has_fraction: false,
        });
        Self {
            header: header.to_owned(),
            count: 0,
            empty: 0,
            placeholders: HashMap::new(),
            is_padded: false,
            max_length: 0,
            leading_zero: None,
            exponent: None,
            point_zero: None,
            numbers: numbers.collect(),
            dates: vec![0; FORMATS.all.len()],
            is_boolean: true,
            distinct: Some(HashMap::new()),
            example: None,
        }
    }

    /// Takes a value in.
    pub fn see(&mut self, text: &str) {
        self.count += 1;
        let value = text.trim();
        self.is_padded |= value.len() != text.len();
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        if let Some(distinct) = &mut self.distinct {
            match distinct.get_mut(value) {
                Some(count) => *count += 1,
                None => drop(distinct.insert(value.to_owned(), 1)),
            }
            if distinct.len() > REMEMBERED {
                self.distinct = None;
            }
        }
        if PLACEHOLDERS.contains(&value) {
            *self.placeholders.entry(value.to_owned()).or_default() += 1;
            return;
        }
        self.max_length = self.max_length.max(value.chars().count());
        self.example.get_or_insert_with(|| value.to_owned());
        let digits = value.trim_start_matches(['-', '+']).as_bytes();
        if digits.len() > 1 && digits[0] == b'0' && digits.iter().all(u8::is_ascii_digit) {
            self.leading_zero.get_or_insert_with(|| value.to_owned());
        }
        if value.contains(['e', 'E']) && NumberStyle::typed().parse(value).is_ok() {
            self.exponent.get_or_insert_with(|| value.to_owned());
        }
        if value.strip_suffix(".0").is_some_and(|whole| whole.bytes().all(|byte| byte.is_ascii_digit())) {
            self.point_zero.get_or_insert_with(|| value.to_owned());
        }
        self.is_boolean = self.is_boolean
            && ["true", "false", "yes", "no", "y", "n", "t", "f"].iter().any(|word| value.eq_ignore_ascii_case(word));
        let number = value.strip_suffix('%').map_or(value, str::trim_end);
        for numbers in self.numbers.iter_mut().filter(|numbers| numbers.fits) {
            match numbers.style.parse(number) {
                Ok((decimal, _)) => {
                    let mark = char::from(numbers.style.mark);
                    numbers.style.percent |= number.len() != value.len();
                    numbers.fits = numbers.style.percent == (number.len() != value.len());
                    numbers.scale = numbers.scale.max(decimal.scale());
                    numbers.digits = numbers.digits.max(decimal.length());
                    numbers.has_group |= numbers.style.thousands.is_some_and(|thousands| value.contains(thousands));
                    numbers.has_fraction |= value.contains(mark);
                    numbers.style.percent = false;
                    if number.len() != value.len() {
                        numbers.scale = numbers.scale.max(decimal.scale() + 2);
                    }
                }
                Err(_) => numbers.fits = false,
            }
        }
        let before = self.values() - 1;
        for (number, moments) in FORMATS.candidates(value) {
            let fitting = &mut self.dates[number];
            // A format that has missed often is not tried any more; one that missed once may be one of several.
            let is_tried = *fitting == before || *fitting > 0 || self.count < 300;
            *fitting += u64::from(is_tried && moments.read(value).is_ok());
        }
    }

    /// Values that are neither empty nor a placeholder.
    pub fn values(&self) -> u64 {
        self.count - self.empty - self.placeholders.values().sum::<u64>()
    }

    /// Is every value there, and different from all others?
    pub fn is_key(&self) -> bool {
        self.count > 20
            && self.values() == self.count
            && self.distinct.as_ref().is_some_and(|distinct| distinct.len() as u64 == self.count)
    }

    /// What the column is taken for.
    pub fn guess(&self) -> Guess {
        let mut guess = Guess {
            kind: ColumnType::Varchar,
            formats: Vec::new(),
            style: NumberStyle::default(),
            nulls: Vec::new(),
            doubts: Vec::new(),
        };
        if self.values() == 0 {
            guess.doubts.push("no value was seen".to_owned());
            return guess;
        }
        if self.is_boolean {
            guess.kind = ColumnType::Boolean;
        } else if !self.guess_number(&mut guess) {
            self.guess_date(&mut guess);
        }
        if let Some(example) = self.example.as_deref().filter(|example| moment_format::ends_with_offset(example))
            && guess.kind == ColumnType::Varchar
        {
            guess.doubts.push(format!(
                "\"{example}\" ends with an offset from UTC and is kept as text; declare a timestamp with %z in its formats: the clock in the \
                 text counts then, or that of a time_zone"
            ));
        }
        let mut placeholders: Vec<(&String, &u64)> = self.placeholders.iter().collect();
        placeholders.sort();
        let spelled: Vec<String> =
            placeholders.iter().map(|(text, count)| format!("\"{text}\" {count} times")).collect();
        if !spelled.is_empty() && guess.kind == ColumnType::Varchar {
            guess.doubts.push(format!("holds {}: a value, or none? If none: nulls = [\"\", …]", spelled.join(", ")));
        } else if !spelled.is_empty() {
            guess.doubts.push(format!("{} taken for no value", spelled.join(", ")));
            guess.nulls = placeholders.into_iter().map(|(text, _)| text.clone()).collect();
        }
        guess
    }

    /// True if the question is settled: a number, or something that only looks like one.
    fn guess_number(&self, guess: &mut Guess) -> bool {
        if let Some(example) = &self.exponent {
            guess.doubts.push(format!(
                "\"{example}\" has an exponent: a spreadsheet may have dropped digits, so it is kept as text; if it is a number, declare a decimal with exponent = true"
            ));
            return true;
        }
        let fitting: Vec<&Numbers> = self.numbers.iter().filter(|numbers| numbers.fits).collect();
        let Some(first) = fitting.first() else { return false };
        // Eight digits may be a day.
        let is_eight_digits = FORMATS.number("%Y%m%d").is_some_and(|number| self.dates[number] == self.values());
        if is_eight_digits && self.max_length == 8 {
            guess
                .doubts
                .push("eight digits that are all days: a number, or a date with formats = [\"%Y%m%d\"]?".to_owned());
        }
        let grouped = fitting.iter().find(|numbers| numbers.has_group);
        if let (true, Some(other)) = (first.has_fraction, grouped) {
            let (mark, thousands) = (char::from(first.style.mark), other.style.thousands.unwrap_or(','));
            if mark == thousands {
                guess.doubts.push(format!(
                    "\"{}\": is {mark} the decimal mark or between thousands? Kept as text; declare decimal(18,4) with decimal = \"{mark}\" or thousands = \"{mark}\"",
                    self.example.as_deref().unwrap_or_default()
                ));
                return true;
            }
        }
        let numbers = match (first.has_group || first.has_fraction, grouped) {
            (false, Some(grouped)) => grouped,
            _ => first,
        };
        if let Some(example) = &self.leading_zero {
            guess.doubts.push(format!("\"{example}\" has a leading zero that a number would lose: kept as text"));
            return true;
        }
        let name = snake_case(&self.header);
        let is_id = ["id", "code", "zip", "postal", "phone", "no", "number", "nr", "sku", "ean"]
            .iter()
            // Without a border between words, only the long ones: `Paid` and `Piano` are no identifiers.
            .any(|word| name.split('_').any(|part| part == *word) || (word.len() > 3 && name.ends_with(word)));
        let is_whole = numbers.scale == 0;
        if is_id && is_whole {
            let point = self.point_zero.as_ref().map_or_else(String::new, |example| format!(" (as in \"{example}\")"));
            guess.doubts.push(format!("looks like an identifier{point}: kept as text; a number if one counts with it"));
            return true;
        }
        let mut style = numbers.style.clone();
        // Only what was seen is declared.
        let was_seen = |what: &dyn Fn(&str) -> bool| {
            self.distinct.as_ref().is_none_or(|distinct| distinct.keys().any(|value| what(value)))
        };
        style
            .currency
            .retain(|sign| was_seen(&|value| value.starts_with(sign.as_str()) || value.ends_with(sign.as_str())));
        style.trailing_minus = was_seen(&|value| value.ends_with('-'));
        style.parentheses = was_seen(&|value| value.starts_with('('));
        style.percent = was_seen(&|value| value.ends_with('%'));
        style.thousands = style.thousands.filter(|_| numbers.has_group);
        guess.kind = match (is_whole, numbers.digits) {
            (true, ..=9) if self.point_zero.is_none() => ColumnType::Integer,
            (true, ..=18) if self.point_zero.is_none() => ColumnType::Bigint,
            (_, ..=18) if numbers.scale <= 4 => ColumnType::Decimal(18, 4),
            _ => ColumnType::Decimal(38, numbers.scale.clamp(4, 20) as u8),
        };
        guess.style = style;
        true
    }

    fn guess_date(&self, guess: &mut Guess) {
        let values = self.values();
        let all: Vec<&str> =
            self.fitting().filter(|(_, fitting)| *fitting == values).map(|(format, _)| format).collect();
        let chosen: Vec<&str> = match all.as_slice() {
            [] => self.several_formats(values, guess),
            [only] => vec![only],
            [first, others @ ..] => {
                if let Some(rival) = others.iter().find(|other| self.disagree(first, other)) {
                    guess.doubts.push(format!(
                        "every date fits {first} and {rival}; kept as text until you say which: type = \"date\", formats = [\"{first}\"] or [\"{rival}\"]"
                    ));
                    return;
                }
                vec![first]
            }
        };
        if chosen.is_empty() {
            return;
        }
        let has_time = chosen.iter().any(|format| format.contains("%H") || format.contains("%I"));
        guess.kind = if has_time { ColumnType::Timestamp } else { ColumnType::Date };
        guess.formats = chosen.into_iter().map(str::to_owned).collect();
    }

    /// Each format, with the number of values that fit it.
    fn fitting(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FORMATS.all.iter().zip(&self.dates).map(|((format, _), fitting)| (format.as_str(), *fitting))
    }

    /// A few formats that together fit all values; empty if there are none.
    fn several_formats(&self, values: u64, guess: &mut Guess) -> Vec<&str> {
        let mut counted: Vec<(&str, u64)> = self.fitting().filter(|(_, fitting)| *fitting > 0).collect();
        counted.sort_by_key(|(_, fitting)| std::cmp::Reverse(*fitting));
        let Some((first, most)) = counted.first().copied() else { return Vec::new() };
        if most * 2 < values {
            return Vec::new();
        }
        let Some(distinct) = &self.distinct else { return Vec::new() };
        let mut chosen = vec![first];
        let mut left: Vec<&str> = distinct
            .keys()
            .map(String::as_str)
            .filter(|value| !PLACEHOLDERS.contains(value) && reads(first).read(value).is_err())
            .collect();
        for (format, _) in counted.iter().skip(1) {
            let before = left.len();
            let moments = reads(format);
            let rest: Vec<&str> = left.iter().copied().filter(|value| moments.read(value).is_err()).collect();
            if rest.len() < before && chosen.len() < 4 {
                chosen.push(format);
                left = rest;
            }
        }
        if !left.is_empty() {
            return Vec::new();
        }
        guess.doubts.push(format!(
            "several formats; {most} of {values} values are {first}. Is every order of day and month right?"
        ));
        chosen
    }

    /// Do two formats read some value as different moments?
    fn disagree(&self, first: &str, second: &str) -> bool {
        let Some(distinct) = &self.distinct else { return true };
        let (first, second) = (reads(first), reads(second));
        distinct.keys().any(|value| matches!((first.read(value), second.read(value)), (Ok(a), Ok(b)) if a != b))
    }

    /// A value, for comments.
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }
}
