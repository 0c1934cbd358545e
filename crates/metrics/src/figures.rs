//! What comes out: the numbers of pages, API and exports, from one selection of one load.

mod breakdown;
mod cohort;
mod key;
mod lifetime;
mod once;
mod pareto;
mod places;
mod rfm;
mod tally;
mod trend;
mod weekday;

pub use breakdown::{Best, By, Group, Ranked, best, breakdown, ranking};
pub(crate) use cohort::CohortMatrix;
pub use cohort::{Cohort, Cohorts, cohorts};
pub use key::{Compared, Figures, KeyFigures, Overview, Revenue, overview, ratio};
pub use lifetime::{Lifetime, Span, lifetime};
pub use pareto::{Pareto, ParetoPoint, pareto};
pub use places::{Level, PlaceGroup, places};
pub use rfm::{RfmCell, rfm};
pub use tally::{Tally, whole};
pub use trend::{Bucket, Trend, buckets, trend};
pub use weekday::{Weekday, weekdays};

#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
