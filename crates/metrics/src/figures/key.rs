//! The key figures, and what they are compared with.

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::tally::{self, Tally};
use crate::calendar::Range;
use crate::cube::Selection;
use crate::filter::Comparison;
use crate::money::{Amount, as_f64, round};

/// What is counted and summed of any set of sale lines.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub struct KeyFigures {
    /// Net revenue: returns count against it.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue: Decimal,
    /// Profit of the lines whose cost is known; none if that is none of them.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub profit: Option<Decimal>,
    /// Profit over the revenue of the lines whose cost is known.
    pub margin: Option<f64>,
    /// Different orders, not counting those that only take back.
    pub orders: u64,
    /// Different known customers.
    pub customers: u64,
    /// Revenue per order.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Option<Amount>)]
    pub average_order: Option<Decimal>,
    /// Sale lines.
    pub lines: u64,
    /// Quantity sold, less what was taken back.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub quantity: Decimal,
    /// Discounts, less those on what was taken back. They are out of the revenue already.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub discount: Decimal,
    /// Revenue of the lines that take back: zero or less.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub returns: Decimal,
    /// Revenue of the lines whose cost is known: what the margin is a share of.
    #[serde(serialize_with = "crate::money::serialize")]
    #[schema(value_type = Amount)]
    pub revenue_with_cost: Decimal,
}

/// The revenue of any set of sale lines: all that most charts show of the days compared with. Everything else of those days
/// would take as long as it does of the days themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revenue {
    /// Net revenue.
    pub amount: Decimal,
    /// Is there a sale line at all?
    pub has_sale: bool,
}

/// Either of them.
pub trait Figures: Copy {
    /// Is there more to it than the revenue?
    const ARE_ALL: bool;
    /// As they were added up.
    fn of(tally: &Tally) -> Self;
    /// Net revenue.
    fn revenue(&self) -> Decimal;
    /// Is there a sale line at all?
    fn has_sale(&self) -> bool;
}

impl Figures for KeyFigures {
    const ARE_ALL: bool = true;

    fn of(tally: &Tally) -> Self {
        tally.figures()
    }

    fn revenue(&self) -> Decimal {
        self.revenue
    }

    fn has_sale(&self) -> bool {
        self.lines > 0
    }
}

impl Figures for Revenue {
    const ARE_ALL: bool = false;

    fn of(tally: &Tally) -> Self {
        tally.revenue()
    }

    fn revenue(&self) -> Decimal {
        self.amount
    }

    fn has_sale(&self) -> bool {
        self.has_sale
    }
}

/// Key figures of some days and of those they are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// The days compared with.
    pub range: Range,
    /// Their figures.
    pub figures: KeyFigures,
    /// Do the sales reach back that far? If not, the comparison is of a part.
    pub is_complete: bool,
}

/// Key figures with both comparisons.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Overview {
    /// The days.
    pub range: Option<Range>,
    /// Their figures.
    pub figures: KeyFigures,
    /// Do the days end with the last sale, inside of a month? Then more of the month is to come.
    pub is_running: bool,
    /// The period before.
    pub previous: Option<Compared>,
    /// The same days a year before.
    pub last_year: Option<Compared>,
}

/// Key figures of a selection, against the previous period and last year.
pub fn overview(selection: &Selection<'_>) -> Overview {
    let known = selection.cube().days();
    let compared = |comparison: Comparison| {
        let range = comparison.of(selection.range()?)?;
        let first = known?.from;
        // Before the first sale there is nothing to compare with, which is not the same as zero.
        (range.to >= first).then(|| Compared {
            range,
            figures: tally::whole(&selection.on(range)),
            is_complete: range.from >= first,
        })
    };
    let is_running = match (selection.range(), known) {
        (Some(range), Some(known)) => range.to >= known.to && known.to != crate::calendar::end_of_month(known.to),
        _ => false,
    };
    Overview {
        range: selection.range(),
        figures: tally::whole(selection),
        is_running,
        previous: compared(Comparison::Previous),
        last_year: compared(Comparison::LastYear),
    }
}

/// A share, rounded half away from zero to six decimals: as exact as anybody reads it, and the same everywhere. It is divided as
/// decimals, and a float of six decimals only then: a ratio is no amount.
pub fn ratio(part: impl Into<Decimal>, whole: impl Into<Decimal>) -> Option<f64> {
    const DECIMALS: u32 = 6;
    part.into().checked_div(whole.into()).map(|share| as_f64(round(share, DECIMALS)))
}
