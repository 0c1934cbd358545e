//! Figures by the members of a dimension.

use std::cmp::Reverse;

use axum::routing::get;
use rust_decimal::Decimal;
use salesmart_metrics::cube::Selection;
use salesmart_metrics::figures::{
    Best, By, Group, KeyFigures, Level, PlaceGroup, best, breakdown, places, ranking, whole,
};
use salesmart_metrics::filter::Filter;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answered, Call};
use super::endpoint::{Endpoint, schema};
use super::parameter::{Parameter, Values, choice, number};
use super::tables;

/// Members of a dimension and their figures.
#[derive(Serialize, ToSchema)]
pub(super) struct Groups {
    /// What sale lines are grouped by.
    pub by: By,
    /// The groups, in their order.
    pub groups: Vec<Group>,
    /// How many there are, also beyond the limit.
    pub number: usize,
    /// The figures of the whole selection.
    pub whole: KeyFigures,
}

const LIMIT: Parameter = Parameter {
    name: "limit",
    about: "At most so many groups.",
    values: Values::Number { most: 10_000, default: 100 },
};

const BREAKDOWN_OWN: [Parameter; 2] = [
    Parameter {
        name: "by",
        about: "What sale lines are grouped by.",
        values: Values::OneOf(|| By::ALL.map(By::name).to_vec(), Some("category")),
    },
    LIMIT,
];

/// Any dimension.
pub(super) const BREAKDOWN: Endpoint = Endpoint {
    name: "breakdown",
    title: "Breakdown",
    about: "Key figures by the members of a dimension, the greatest revenue first (days of the week from Monday), also of \
            those that have sales on the days compared with only. As rows: one per member.",
    own: &BREAKDOWN_OWN,
    example: "by=category",
    has_pages: false,
    data: schema::<Groups>,
    route: || get(broken_down),
};

async fn broken_down(call: Call) -> Answered {
    let (asked, format) = call.asked(&BREAKDOWN_OWN)?;
    let by = choice(&asked, "by", &By::ALL, By::name)?.unwrap_or(By::Category);
    let limit = number(&asked, &LIMIT)?;
    let name = format!("breakdown {} {limit}", by.name());
    let groups = move |selection: &Selection<'_>, filter: &Filter| {
        let mut groups = breakdown(selection, by, filter.comparison);
        let number = groups.len();
        groups.truncate(limit as usize);
        Groups { by, groups, number, whole: whole(selection) }
    };
    call.figures(&name, asked.filter, format, groups, tables::groups).await
}

/// What a ranking is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    /// Net revenue.
    Revenue,
    /// Profit; members of which it is unknown come last.
    Profit,
    /// Different orders.
    Orders,
    /// Different known customers.
    Customers,
    /// Quantity sold, less what was taken back.
    Quantity,
}

impl Measure {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [Self::Revenue, Self::Profit, Self::Orders, Self::Customers, Self::Quantity];

    /// As it is written in URLs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::Profit => "profit",
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Quantity => "quantity",
        }
    }

    /// What it is of some figures, for their order only.
    fn of(self, figures: &KeyFigures) -> Option<Decimal> {
        match self {
            Self::Revenue => Some(figures.revenue),
            Self::Profit => figures.profit,
            Self::Orders => Some(figures.orders.into()),
            Self::Customers => Some(figures.customers.into()),
            Self::Quantity => Some(figures.quantity),
        }
    }
}

/// The best of a dimension.
#[derive(Serialize, ToSchema)]
pub(super) struct Top {
    /// What the ranking is by.
    pub measure: Measure,
    /// The best first.
    #[serde(flatten)]
    pub best: Groups,
}

/// Dimensions with so many members that one asks for the best.
const RANKED: [By; 4] = [By::Product, By::Customer, By::Store, By::City];

const MOST: Parameter =
    Parameter { name: "limit", about: "At most so many members.", values: Values::Number { most: 500, default: 10 } };

const TOP_OWN: [Parameter; 3] = [
    Parameter {
        name: "by",
        about: "Members of what.",
        values: Values::OneOf(|| RANKED.map(By::name).to_vec(), Some("product")),
    },
    Parameter {
        name: "measure",
        about: "What the ranking is by.",
        values: Values::OneOf(|| Measure::ALL.map(Measure::name).to_vec(), Some("revenue")),
    },
    MOST,
];

/// The best of a dimension.
pub(super) const TOP: Endpoint = Endpoint {
    name: "top",
    title: "Top",
    about: "The best products, customers, stores or cities by a measure, of those with a sale on the days. As rows: one \
            per member.",
    own: &TOP_OWN,
    example: "by=customer&measure=orders&limit=5",
    has_pages: false,
    data: schema::<Top>,
    route: || get(top),
};

async fn top(call: Call) -> Answered {
    let (asked, format) = call.asked(&TOP_OWN)?;
    let by = choice(&asked, "by", &RANKED, By::name)?.unwrap_or(By::Product);
    let measure = choice(&asked, "measure", &Measure::ALL, Measure::name)?.unwrap_or(Measure::Revenue);
    let limit = number(&asked, &MOST)?;
    let name = format!("top {} {} {limit}", by.name(), measure.name());
    let best = move |selection: &Selection<'_>, filter: &Filter| {
        if by == By::Product && measure == Measure::Revenue {
            let Best { mut groups, number } =
                best(selection, &ranking(selection), filter.comparison, limit as usize, &[]);
            groups.retain(|group| group.figures.lines > 0);
            return Top { measure, best: Groups { by, groups, number, whole: whole(selection) } };
        }
        let mut groups = breakdown(selection, by, filter.comparison);
        groups.retain(|group| group.figures.lines > 0);
        // Stable: among equals the greater revenue comes first, as it did before.
        groups.sort_by_key(|group| Reverse(measure.of(&group.figures)));
        let number = groups.len();
        groups.truncate(limit as usize);
        Top { measure, best: Groups { by, groups, number, whole: whole(selection) } }
    };
    call.figures(&name, asked.filter, format, best, |top| tables::groups(&top.best)).await
}

/// Places of one level.
#[derive(Serialize, ToSchema)]
pub(super) struct Places {
    /// What they are.
    pub level: Level,
    /// The places, the greatest revenue first.
    pub places: Vec<PlaceGroup>,
    /// The figures of the whole selection.
    pub whole: KeyFigures,
}

const PLACES_OWN: [Parameter; 1] = [Parameter {
    name: "level",
    about: "Which places; one level below the filter's if it is not given.",
    values: Values::OneOf(|| LEVELS.map(level_name).to_vec(), None),
}];

/// Region, city, store.
pub(super) const PLACES: Endpoint = Endpoint {
    name: "places",
    title: "Places",
    about: "The places of a level within the selection, with their shares of the customers and of the revenue of all \
            places. Without `level`, it is the one that the filter has drilled down to: regions, the cities of one region, \
            the stores of one city. As rows: one per place.",
    own: &PLACES_OWN,
    example: "level=city",
    has_pages: false,
    data: schema::<Places>,
    route: || get(places_of),
};

const LEVELS: [Level; 3] = [Level::Region, Level::City, Level::Store];

fn level_name(level: Level) -> &'static str {
    level.by().name()
}

async fn places_of(call: Call) -> Answered {
    let (asked, format) = call.asked(&PLACES_OWN)?;
    let level = choice(&asked, "level", &LEVELS, level_name)?.unwrap_or_else(|| Level::of(&asked.filter));
    let name = format!("places {}", level_name(level));
    let groups = move |selection: &Selection<'_>, filter: &Filter| Places {
        level,
        places: places(selection, level, filter.comparison),
        whole: whole(selection),
    };
    call.figures(&name, asked.filter, format, groups, tables::places).await
}

/// Segments of customers.
pub(super) const SEGMENTS: Endpoint = Endpoint {
    name: "segments",
    title: "Segments",
    about: "Key figures by the segment of the customer, the greatest revenue first. As rows: one per segment.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Groups>,
    route: || get(segments),
};

async fn segments(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let groups = |selection: &Selection<'_>, filter: &Filter| {
        let groups = breakdown(selection, By::Segment, filter.comparison);
        Groups { by: By::Segment, number: groups.len(), groups, whole: whole(selection) }
    };
    call.figures("segments", asked.filter, format, groups, tables::groups).await
}
