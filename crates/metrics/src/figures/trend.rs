//! Key figures over time.

use serde::Serialize;
use utoipa::ToSchema;

use super::key::{Figures, KeyFigures};
use super::tally;
use crate::calendar::{Granularity, Range};
use crate::cube::Selection;
use crate::filter::Filter;

/// Key figures by bucket of time, with those of the days compared with.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Trend<C = KeyFigures> {
    /// How wide the buckets are.
    pub granularity: Granularity,
    /// The days compared with.
    pub compared_range: Option<Range>,
    /// The buckets, in order, also those without a sale.
    #[schema(value_type = Vec<Bucket>)]
    pub buckets: Vec<Bucket<C>>,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Bucket<C = KeyFigures> {
    /// Its name.
    pub label: String,
    /// Its selected days.
    pub range: Range,
    /// Are all its days selected, and over?
    pub is_complete: bool,
    /// Figures of its selected days.
    pub figures: KeyFigures,
    /// Figures of the bucket in the same place of the days compared with.
    #[schema(value_type = Option<KeyFigures>)]
    pub compared: Option<C>,
}

/// The trend of a selection. Buckets get wider than asked where they would be more than [`Filter::MAX_BUCKETS`].
pub fn trend<C: Figures>(selection: &Selection<'_>, filter: &Filter) -> Trend<C> {
    let Some(range) = selection.range() else {
        return Trend { granularity: Granularity::Month, compared_range: None, buckets: Vec::new() };
    };
    let (granularity, buckets) = buckets(filter, range);
    let last = selection.cube().days().map(|days| days.to);
    let compared_range = filter
        .comparison
        .of(range)
        .filter(|compared| selection.cube().days().is_some_and(|days| compared.to >= days.from));
    let compared = compared_range.map(|range| tally::of_buckets(&selection.on(range), &granularity.buckets(range)));
    let figures = tally::of_buckets(selection, &buckets);
    let buckets = buckets
        .iter()
        .zip(figures)
        .enumerate()
        .map(|(place, (bucket, figures))| Bucket {
            label: granularity.label(*bucket),
            range: Range { from: bucket.from.max(range.from), to: bucket.to.min(range.to) },
            is_complete: range.from <= bucket.from
                && bucket.to <= range.to
                && last.is_some_and(|last| bucket.to <= last),
            figures,
            compared: compared.as_ref().and_then(|compared| compared.get(place).copied()),
        })
        .collect();
    Trend { granularity, compared_range, buckets }
}

/// The buckets of a range, and how wide they are.
pub fn buckets(filter: &Filter, range: Range) -> (Granularity, Vec<Range>) {
    let mut granularity = filter.granularity_for(range);
    let mut buckets = granularity.buckets(range);
    while buckets.len() > Filter::MAX_BUCKETS && granularity != Granularity::Year {
        granularity = Granularity::ALL.into_iter().find(|wider| *wider > granularity).unwrap_or(Granularity::Year);
        buckets = granularity.buckets(range);
    }
    (granularity, buckets)
}
