//! The key figures, and what they are compared with.

use serde::Serialize;
use utoipa::ToSchema;

use super::tally::{self, Tally};
use crate::calendar::Range;
use crate::cube::Selection;
use crate::filter::Comparison;
use crate::money::Amount;

/// What is counted and summed of any set of sale lines.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub struct KeyFigures {
    /// Net revenue: returns count against it.
    pub revenue: Amount,
    /// Profit of the lines whose cost is known; none if that is none of them.
    pub profit: Option<Amount>,
    /// Profit over the revenue of the lines whose cost is known.
    pub margin: Option<f64>,
    /// Different orders, not counting those that only take back.
    pub orders: u64,
    /// Different known customers.
    pub customers: u64,
    /// Revenue per order.
    pub average_order: Option<Amount>,
    /// Sale lines.
    pub lines: u64,
    /// Quantity sold, less what was taken back.
    pub quantity: Amount,
    /// Discounts, less those on what was taken back. They are out of the revenue already.
    pub discount: Amount,
    /// Revenue of the lines that take back: zero or less.
    pub returns: Amount,
    /// Revenue of the lines whose cost is known: what the margin is a share of.
    pub revenue_with_cost: Amount,
}

/// The revenue of any set of sale lines: all that most charts show of the days compared with. Everything else of those days
/// would take as long as it does of the days themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revenue {
    /// Net revenue.
    pub amount: Amount,
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
    fn revenue(&self) -> Amount;
    /// Is there a sale line at all?
    fn has_sale(&self) -> bool;
}

impl Figures for KeyFigures {
    const ARE_ALL: bool = true;

    fn of(tally: &Tally) -> Self {
        tally.figures()
    }

    fn revenue(&self) -> Amount {
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

    fn revenue(&self) -> Amount {
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

/// A share, rounded to six decimals: as exact as anybody reads it, and the same everywhere.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole != 0.0).then(|| (part / whole * 1e6).round() / 1e6)
}
