//! Which days: named, or from and to.

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::{Granularity, Range, month_number, month_start};
use crate::known_days::KnownDays;

/// Days by name, relative to the latest day with sales: nothing depends on when a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The last seven days.
    Last7Days,
    /// The last thirty days.
    Last30Days,
    /// The last ninety days.
    Last90Days,
    /// The month of the last sale, so far.
    ThisMonth,
    /// The month before it.
    LastMonth,
    /// The quarter of the last sale, so far.
    ThisQuarter,
    /// The year of the last sale, so far.
    ThisYear,
    /// The year before it.
    LastYear,
    /// Twelve months, of which the last is that of the last sale, so far.
    #[default]
    Last12Months,
    /// From the first sale to the last.
    All,
}

impl Preset {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 10] = [
        Self::Last7Days,
        Self::Last30Days,
        Self::Last90Days,
        Self::ThisMonth,
        Self::LastMonth,
        Self::ThisQuarter,
        Self::ThisYear,
        Self::LastYear,
        Self::Last12Months,
        Self::All,
    ];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last90Days => "last_90_days",
            Self::ThisMonth => "this_month",
            Self::LastMonth => "last_month",
            Self::ThisQuarter => "this_quarter",
            Self::ThisYear => "this_year",
            Self::LastYear => "last_year",
            Self::Last12Months => "last_12_months",
            Self::All => "all",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Last7Days => "Last 7 days",
            Self::Last30Days => "Last 30 days",
            Self::Last90Days => "Last 90 days",
            Self::ThisMonth => "This month",
            Self::LastMonth => "Last month",
            Self::ThisQuarter => "This quarter",
            Self::ThisYear => "This year",
            Self::LastYear => "Last year",
            Self::Last12Months => "Last 12 months",
            Self::All => "All days",
        }
    }

    fn range(self, known: KnownDays) -> Range {
        let last = known.latest;
        let days = |days: u64| Range { from: last.checked_sub_days(Days::new(days - 1)).unwrap_or(last), to: last };
        let so_far = |granularity: Granularity| Range { from: granularity.bucket(last).from, to: last };
        let before = |granularity: Granularity| {
            let day = granularity.bucket(last).from.pred_opt().unwrap_or(last);
            granularity.bucket(day)
        };
        match self {
            Self::Last7Days => days(7),
            Self::Last30Days => days(30),
            Self::Last90Days => days(90),
            Self::ThisMonth => so_far(Granularity::Month),
            Self::LastMonth => before(Granularity::Month),
            Self::ThisQuarter => so_far(Granularity::Quarter),
            Self::ThisYear => so_far(Granularity::Year),
            Self::LastYear => before(Granularity::Year),
            Self::Last12Months => Range { from: month_start(month_number(last).saturating_sub(11)), to: last },
            Self::All => known.range,
        }
    }
}

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Dates {
    /// By name.
    Preset(Preset),
    /// From and to; either may be open.
    Between {
        /// First day.
        from: Option<NaiveDate>,
        /// Last day.
        to: Option<NaiveDate>,
    },
}

impl Default for Dates {
    fn default() -> Self {
        Self::Preset(Preset::default())
    }
}

impl Dates {
    /// The days, given those that have sales. An open end is where the sales begin or end.
    pub fn range(self, known: KnownDays) -> Range {
        match self {
            Self::Preset(preset) => preset.range(known),
            Self::Between { from, to } => {
                let all = known.range;
                let from = from.unwrap_or_else(|| all.from.min(to.unwrap_or(all.from)));
                Range { from, to: to.unwrap_or_else(|| all.to.max(from)) }
            }
        }
    }

    /// These days as from and to.
    pub fn between(range: Range) -> Self {
        Self::Between { from: Some(range.from), to: Some(range.to) }
    }
}

/// The years that a date in a URL may have.
pub(super) fn is_sensible(day: NaiveDate) -> bool {
    (1900..=2200).contains(&day.year())
}
