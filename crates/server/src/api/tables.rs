//! Figures as flat tables.

use rust_decimal::Decimal;
use salesmart_metrics::calendar::Range;
use salesmart_metrics::figures::{Cohort, Cohorts, KeyFigures, Lifetime, Overview, Pareto, Trend};

use super::grouped::{Groups, Places};
use super::overall::RfmGrid;
use super::tabular::Table;

/// A row per period.
pub(super) fn overview(overview: &Overview) -> Table {
    struct Period<'o> {
        name: &'static str,
        range: Option<Range>,
        is_complete: bool,
        figures: &'o KeyFigures,
    }
    let current = Period {
        name: "current",
        range: overview.range,
        is_complete: !overview.is_running,
        figures: &overview.figures,
    };
    let compared = [("previous", &overview.previous), ("last_year", &overview.last_year)];
    let compared = compared.into_iter().filter_map(|(name, compared)| {
        let compared = compared.as_ref()?;
        let (range, is_complete) = (Some(compared.range), compared.is_complete);
        Some(Period { name, range, is_complete, figures: &compared.figures })
    });
    let periods: Vec<Period<'_>> = [current].into_iter().chain(compared).collect();
    Table::of(&periods)
        .text("period", |period| period.name)
        .day("from", |period| period.range.map(|range| range.from))
        .day("to", |period| period.range.map(|range| range.to))
        .flag("is_complete", |period| Some(period.is_complete))
        .figures("", |period| Some(period.figures))
        .table()
}

/// A row per bucket.
pub(super) fn trend(trend: &Trend) -> Table {
    Table::of(&trend.buckets)
        .text("bucket", |bucket| &bucket.label)
        .day("from", |bucket| Some(bucket.range.from))
        .day("to", |bucket| Some(bucket.range.to))
        .flag("is_complete", |bucket| Some(bucket.is_complete))
        .figures("", |bucket| Some(&bucket.figures))
        .figures("compared_", |bucket| bucket.compared.as_ref())
        .table()
}

/// A row per group.
pub(super) fn groups(groups: &Groups) -> Table {
    Table::of(&groups.groups)
        .text("key", |group| &group.key)
        .text("label", |group| &group.label)
        .ratio("share", |group| group.share)
        .figures("", |group| Some(&group.figures))
        .figures("compared_", |group| group.compared.as_ref())
        .table()
}

/// A row per place.
pub(super) fn places(places: &Places) -> Table {
    Table::of(&places.places)
        .text("key", |place| &place.group.key)
        .text("label", |place| &place.group.label)
        .ratio("share", |place| place.group.share)
        .ratio("share_of_customers", |place| place.share_of_customers)
        .ratio("share_of_revenue", |place| place.share_of_revenue)
        .figures("", |place| Some(&place.group.figures))
        .figures("compared_", |place| place.group.compared.as_ref())
        .table()
}

/// A row per cell.
pub(super) fn rfm(grid: &RfmGrid) -> Table {
    Table::of(&grid.cells)
        .count("recency", |cell| Some(cell.recency.into()))
        .count("frequency", |cell| Some(cell.frequency.into()))
        .count("customers", |cell| Some(cell.customers))
        .amount("revenue", |cell| Some(cell.revenue))
        .table()
}

/// A row per span of values.
pub(super) fn lifetime(lifetime: &Lifetime) -> Table {
    Table::of(&lifetime.spans)
        .amount("from", |span| span.from)
        .amount("below", |span| span.below)
        .count("customers", |span| Some(span.customers))
        .amount("revenue", |span| Some(span.revenue))
        .table()
}

/// A row per cohort and month since.
pub(super) fn cohorts(cohorts: &Cohorts) -> Table {
    struct Month<'c> {
        cohort: &'c Cohort,
        since: usize,
        active: u64,
        retention: Option<f64>,
        revenue: Decimal,
    }
    let months: Vec<Month<'_>> = cohorts
        .cohorts
        .iter()
        .flat_map(|cohort| {
            let figures = cohort.active.iter().zip(&cohort.retention).zip(&cohort.revenue).enumerate();
            figures.map(move |(since, ((active, retention), revenue))| Month {
                cohort,
                since,
                active: *active,
                retention: *retention,
                revenue: *revenue,
            })
        })
        .collect();
    Table::of(&months)
        .text("cohort", |month| &month.cohort.label)
        .day("from", |month| Some(month.cohort.month.from))
        .day("to", |month| Some(month.cohort.month.to))
        .count("size", |month| Some(month.cohort.size))
        .count("months_since", |month| Some(month.since as u64))
        .count("active", |month| Some(month.active))
        .ratio("retention", |month| month.retention)
        .amount("revenue", |month| Some(month.revenue))
        .table()
}

/// A row per point.
pub(super) fn pareto(pareto: &Pareto) -> Table {
    Table::of(&pareto.points)
        .count("rank", |point| Some(point.rank as u64))
        .text("key", |point| &point.key)
        .text("label", |point| &point.label)
        .amount("revenue", |point| Some(point.revenue))
        .ratio("share_of_products", |point| point.share_of_products)
        .ratio("share_of_revenue", |point| point.share_of_revenue)
        .table()
}
