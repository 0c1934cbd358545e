//! How exactly amounts of money are kept: one setting, which contracts (`type = "money"`), models (`money(…)`) and the warehouse's
//! migrations follow.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use crate::fail;

/// Decimal places of money. An amount has 18 digits in all, before and after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyScale(u8);

/// Real unit prices have three and four places.
impl Default for MoneyScale {
    fn default() -> Self {
        Self(4)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Of any type, so that one message says what it has to be.
    scale: Option<toml::Value>,
}

impl MoneyScale {
    /// Digits of an amount: as many as a 64-bit integer holds, which DuckDB computes with fastest.
    pub const PRECISION: u8 = 18;

    /// Ten digits are left before the point.
    const MOST: u8 = 8;

    pub(super) fn new(section: &Section, path: &Path) -> Result<Self> {
        let Some(scale) = &section.scale else { return Ok(Self::default()) };
        match scale.as_integer().and_then(|places| u8::try_from(places).ok()).filter(|places| *places <= Self::MOST) {
            Some(places) => Ok(Self(places)),
            None => fail!(
                "{}: money.scale is the number of decimal places of money, a whole number from 0 to {} without quotes, not {scale}",
                path.display(),
                Self::MOST
            ),
        }
    }

    /// Number of digits after the point, 0 to 8.
    pub fn places(self) -> u8 {
        self.0
    }

    /// The type of an amount in DuckDB, such as `decimal(18,4)`.
    pub fn sql(self) -> String {
        format!("decimal({},{})", Self::PRECISION, self.0)
    }
}
