//! Spoils some of the sample's lines, and keeps count.

use serde::Serialize;

use super::Dice;
use super::lines::Line;

/// How often each kind of dirt was planted.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// Lines written twice in one file.
    pub exact_duplicates: u64,
    /// Lines written again, with other values, in the file of corrections.
    pub corrections: u64,
    /// Corrections that also move the sale to another month.
    pub moved_to_another_month: u64,
    /// Lines with negative revenue and positive quantity.
    pub negative_revenue: u64,
    /// Records with a day that does not exist.
    pub bad_dates: u64,
    /// Records with a field too many.
    pub too_many_fields: u64,
    /// Records with a field too few.
    pub too_few_fields: u64,
    /// Records with a word for a quantity.
    pub text_in_number: u64,
    /// Records without a product.
    pub missing_product: u64,
    /// Lines with a day written dd/mm/yyyy.
    pub other_date_format: u64,
}

impl Planted {
    /// Records that ingest has to refuse.
    pub fn rejects(&self) -> u64 {
        self.bad_dates + self.too_many_fields + self.too_few_fields + self.text_in_number + self.missing_product
    }
}

/// What happens to one line on its way into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Written as it is.
    Clean,
    /// Written twice.
    Twice,
    /// Written with the day as dd/mm/yyyy; the time of day is lost with it.
    OtherDate,
    /// A broken copy is written as well, which ingest has to refuse.
    WithBroken(Broken),
}

/// How a record is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// 31 February.
    Date,
    /// One field more.
    TooMany,
    /// One field less.
    TooFew,
    /// "two" units.
    Text,
    /// No product.
    NoProduct,
}

/// Decides the fate of a line; may change its revenue.
pub fn fate(line: &mut Line, dice: &mut Dice, planted: &mut Planted) -> Fate {
    match dice.below(1000) {
        0..4 => {
            planted.exact_duplicates += 1;
            Fate::Twice
        }
        4..8 => {
            planted.other_date_format += 1;
            line.sold_at = line.sold_at.date().and_hms_opt(0, 0, 0).unwrap_or(line.sold_at);
            Fate::OtherDate
        }
        8..10 if line.quantity > 0 => {
            planted.negative_revenue += 1;
            line.revenue = Some(-line.charged());
            Fate::Clean
        }
        10..12 => {
            planted.bad_dates += 1;
            Fate::WithBroken(Broken::Date)
        }
        12..14 => {
            planted.too_many_fields += 1;
            Fate::WithBroken(Broken::TooMany)
        }
        14..16 => {
            planted.too_few_fields += 1;
            Fate::WithBroken(Broken::TooFew)
        }
        16..18 => {
            planted.text_in_number += 1;
            Fate::WithBroken(Broken::Text)
        }
        18..20 => {
            planted.missing_product += 1;
            Fate::WithBroken(Broken::NoProduct)
        }
        _ => Fate::Clean,
    }
}

/// Corrects a line in place, one in two hundred; true if it did. One in four corrections moves the sale to
/// another month.
pub fn correct(line: &mut Line, dice: &mut Dice, planted: &mut Planted) -> bool {
    if line.quantity < 0 || !dice.chance(5) {
        return false;
    }
    planted.corrections += 1;
    line.quantity += 1;
    line.revenue = Some(line.charged());
    line.cost = None;
    if dice.chance(250) {
        planted.moved_to_another_month += 1;
        line.sold_at -= chrono::TimeDelta::days(31);
    }
    true
}
