//! Which days have sales, and which of them is the latest that periods count back from.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::calendar::Range;

/// The days with sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDays {
    /// From the first to the last of all.
    pub range: Range,
    /// The last one that is not far from all others. A single sale with a mistyped year is no reason to open every page on that year.
    pub latest: NaiveDate,
}

/// Days further apart than this do not belong together.
const LONGEST_GAP: i64 = 366;

/// A group of days is far from the others if the largest group has more than this many times its lines.
const FEW: u64 = 10;

/// Days that belong together.
struct Group {
    last: NaiveDate,
    lines: u64,
}

impl KnownDays {
    /// From the day of each sale line, in any order; none if there is no line. The check `sale_days_are_near_each_other` names the
    /// same days as far.
    pub(crate) fn of(days: impl Iterator<Item = NaiveDate>) -> Option<Self> {
        let mut lines_of: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        for day in days {
            *lines_of.entry(day).or_default() += 1;
        }
        let range = Range::new(*lines_of.keys().next()?, *lines_of.keys().next_back()?)?;
        let mut groups: Vec<Group> = Vec::new();
        for (day, lines) in lines_of {
            match groups.last_mut().filter(|group| (day - group.last).num_days() <= LONGEST_GAP) {
                Some(group) => {
                    group.last = day;
                    group.lines += lines;
                }
                None => groups.push(Group { last: day, lines }),
            }
        }
        let largest = groups.iter().map(|group| group.lines).max()?;
        let latest = groups.iter().rev().find(|group| group.lines * FEW >= largest)?.last;
        Some(Self { range, latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_stray_day_is_known_but_is_not_the_latest() {
        assert_eq!(KnownDays::of(std::iter::empty()), None);
        let may = || (1..=28).map(|n| NaiveDate::from_ymd_opt(2024, 5, n).unwrap());
        let known = KnownDays::of(may().chain([day("3024-01-05")])).unwrap();
        assert_eq!(
            known,
            KnownDays { range: Range::new(day("2024-05-01"), day("3024-01-05")).unwrap(), latest: day("2024-05-28") }
        );
        // A day within a year belongs to the others, and so does a group that is not small.
        assert_eq!(KnownDays::of(may().chain([day("2025-05-29")])).unwrap().latest, day("2025-05-29"));
        let later = std::iter::repeat_n(day("2030-01-01"), 3);
        assert_eq!(KnownDays::of(may().chain(later)).unwrap().latest, day("2030-01-01"));
    }
}
