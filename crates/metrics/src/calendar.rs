//! Days, ranges of days and the buckets of a trend.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From and to, both included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
pub struct Range {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Range {
    /// The range between two days, if the first is not after the last.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// How many days.
    pub fn days(self) -> u64 {
        (self.to - self.from).num_days().unsigned_abs() + 1
    }

    /// Is the day in it?
    pub fn contains(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    /// The range before this one that compares like with like: whole months with as many whole months; the first days of a month, a
    /// quarter or a year with as many of the one before; anything else with as many days.
    pub fn previous(self) -> Self {
        match self.whole_months().or_else(|| self.months_of_unit_to_date()) {
            Some(months) => self.months_earlier(months),
            None => {
                let days = Days::new(self.days());
                Self { from: earlier(self.from, days), to: earlier(self.to, days) }
            }
        }
    }

    /// The same days of the year before; 29 February becomes the 28th.
    pub fn last_year(self) -> Self {
        self.months_earlier(12)
    }

    fn months_earlier(self, months: u32) -> Self {
        let from = self.from.checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN);
        let to = self.to.checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN);
        // The end of a month stays one, however long the months are.
        Self { from, to: if self.to == end_of_month(self.to) { end_of_month(to) } else { to } }
    }

    /// How many, if it is made of whole months.
    fn whole_months(self) -> Option<u32> {
        (self.from.day() == 1 && self.to == end_of_month(self.to))
            .then(|| month_number(self.to) - month_number(self.from) + 1)
    }

    /// How many months the month, quarter or year has that it is the beginning of; of other months, how many it has begun.
    fn months_of_unit_to_date(self) -> Option<u32> {
        let units = [(Granularity::Month, 1), (Granularity::Quarter, 3), (Granularity::Year, 12)];
        let is_begun =
            |unit: Granularity| unit.bucket(self.from).from == self.from && unit.bucket(self.from).contains(self.to);
        let unit = units.into_iter().find(|(unit, _)| is_begun(*unit)).map(|(_, months)| months);
        unit.or_else(|| (self.from.day() == 1).then(|| month_number(self.to) - month_number(self.from) + 1))
    }
}

/// `2024-03-01 to 2024-03-31`, or the one day.
impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{} to {}", self.from, self.to) }
    }
}

/// How wide the buckets of a trend are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One day.
    Day,
    /// An ISO week, from Monday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
    /// A calendar year.
    Year,
}

impl Granularity {
    /// All of them, the finest first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// What suits a range: some ten to sixty buckets.
    pub fn fitting(range: Range) -> Self {
        match range.days() {
            0..=45 => Self::Day,
            46..=190 => Self::Week,
            191..=1_900 => Self::Month,
            1_901..=7_400 => Self::Quarter,
            _ => Self::Year,
        }
    }

    /// The whole bucket that the day lies in.
    pub fn bucket(self, day: NaiveDate) -> Range {
        let from = match self {
            Self::Day => day,
            Self::Week => earlier(day, Days::new(u64::from(day.weekday().num_days_from_monday()))),
            Self::Month => first_of(day.year(), day.month()),
            Self::Quarter => first_of(day.year(), (day.month() - 1) / 3 * 3 + 1),
            Self::Year => first_of(day.year(), 1),
        };
        let to = match self {
            Self::Day => from,
            Self::Week => from.checked_add_days(Days::new(6)).unwrap_or(NaiveDate::MAX),
            Self::Month => end_of_month(from),
            Self::Quarter => end_of_month(first_of(from.year(), from.month() + 2)),
            Self::Year => first_of(from.year(), 12).with_day(31).unwrap_or(from),
        };
        Range { from, to }
    }

    /// The buckets that a range touches, in order; the first and the last may reach beyond it.
    pub fn buckets(self, range: Range) -> Vec<Range> {
        let mut buckets = vec![self.bucket(range.from)];
        while let Some(next) = buckets.last().and_then(|last| last.to.succ_opt()).filter(|next| *next <= range.to) {
            buckets.push(self.bucket(next));
        }
        buckets
    }

    /// A bucket's name: `2024-03-15`, `2024-W11`, `Mar 2024`, `Q1 2024`, `2024`.
    pub fn label(self, bucket: Range) -> String {
        let day = bucket.from;
        match self {
            Self::Day => day.to_string(),
            Self::Week => format!("{}-W{:02}", day.iso_week().year(), day.iso_week().week()),
            Self::Month => day.format("%b %Y").to_string(),
            Self::Quarter => format!("Q{} {}", (day.month() - 1) / 3 + 1, day.year()),
            Self::Year => day.year().to_string(),
        }
    }
}

/// Months since the year 0, so that differences of two are months.
pub fn month_number(day: NaiveDate) -> u32 {
    day.year().unsigned_abs() * 12 + day.month0()
}

/// The first day of a month, by its number.
pub fn month_start(number: u32) -> NaiveDate {
    first_of((number / 12) as i32, number % 12 + 1)
}

/// The last day of the month.
pub fn end_of_month(day: NaiveDate) -> NaiveDate {
    let first = first_of(day.year(), day.month());
    first.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX)
}

/// The day a warehouse key `yyyymmdd` stands for.
pub fn from_date_id(date_id: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(date_id / 10_000, date_id.unsigned_abs() / 100 % 100, date_id.unsigned_abs() % 100)
}

/// The warehouse's key of a day, `yyyymmdd`.
pub fn date_id(day: NaiveDate) -> i32 {
    day.year() * 10_000 + (day.month() * 100 + day.day()) as i32
}

fn first_of(year: i32, month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(NaiveDate::MIN)
}

fn earlier(day: NaiveDate, days: Days) -> NaiveDate {
    day.checked_sub_days(days).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Range {
        Range::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    #[test]
    fn like_is_compared_with_like() {
        for (this, before) in [
            (("2024-03-01", "2024-03-31"), ("2024-02-01", "2024-02-29")),
            (("2024-02-01", "2024-02-29"), ("2024-01-01", "2024-01-31")),
            (("2024-03-01", "2024-03-12"), ("2024-02-01", "2024-02-12")),
            (("2024-01-01", "2024-12-31"), ("2023-01-01", "2023-12-31")),
            (("2024-03-05", "2024-03-11"), ("2024-02-27", "2024-03-04")),
            (("2024-03-01", "2024-03-30"), ("2024-02-01", "2024-02-29")),
            (("2024-04-01", "2024-05-10"), ("2024-01-01", "2024-02-10")),
            (("2024-01-01", "2024-11-12"), ("2023-01-01", "2023-11-12")),
            (("2023-12-01", "2024-11-12"), ("2022-12-01", "2023-11-12")),
        ] {
            assert_eq!(range(this.0, this.1).previous(), range(before.0, before.1), "{this:?}");
        }
        assert_eq!(range("2024-02-01", "2024-02-29").last_year(), range("2023-02-01", "2023-02-28"));
        assert_eq!(range("2023-02-01", "2023-02-28").last_year(), range("2022-02-01", "2022-02-28"));
    }

    #[test]
    fn buckets_cover_the_range_without_a_gap() {
        let whole = range("2023-11-29", "2025-01-02");
        for granularity in Granularity::ALL {
            let buckets = granularity.buckets(whole);
            assert!(buckets[0].contains(whole.from) && buckets.last().unwrap().contains(whole.to));
            for pair in buckets.windows(2) {
                assert_eq!(pair[0].to.succ_opt().unwrap(), pair[1].from);
            }
            assert!(buckets.iter().all(|bucket| granularity.bucket(bucket.to) == *bucket));
        }
        let labels: Vec<String> = Granularity::ALL.map(|g| g.label(g.bucket("2024-12-30".parse().unwrap()))).into();
        assert_eq!(labels, ["2024-12-30", "2025-W01", "Dec 2024", "Q4 2024", "2024"]);
    }

    #[test]
    fn keys_of_days_go_both_ways() {
        let day: NaiveDate = "2024-02-29".parse().unwrap();
        assert_eq!(date_id(day), 20_240_229);
        assert_eq!(from_date_id(20_240_229), Some(day));
        assert_eq!(from_date_id(20_230_229), None);
        assert_eq!(month_start(month_number(day)), "2024-02-01".parse().unwrap());
    }
}
