//! Sizes of histories: millions of records, which are days.

use std::fmt;
use std::str::FromStr;

use crate::day::{CORRECTED_DAYS, MEASURED, RECORDS};

/// Of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// So many days before the measured one.
    pub fn days(self) -> u64 {
        self.0
    }

    /// Records in its files.
    pub fn records(self) -> u64 {
        self.0 * RECORDS
    }

    /// That of so many millions.
    pub fn millions(millions: u64) -> Self {
        Self(millions * 1_000_000 / RECORDS)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.parse::<f64>().map_or(f64::NAN, |millions| (millions * 1e6 / RECORDS as f64).round());
        // The first days correct lines of days before, which must have a number.
        let most = (MEASURED - CORRECTED_DAYS) as f64;
        match days >= 1.0 && days <= most {
            true => Ok(Self(days as u64)),
            false => Err(format!("millions of records, from 0.1 to {}, such as 2 or 0.2", most / 10.0)),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}M", self.records() as f64 / 1e6)
    }
}
