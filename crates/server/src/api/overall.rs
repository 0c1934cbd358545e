//! Figures of the whole selection, and how it is distributed.

use axum::routing::get;
use salesmart_metrics::cube::Selection;
use salesmart_metrics::figures::{
    Cohorts, Lifetime, Overview, Pareto, RfmCell, Trend, cohorts, lifetime, overview, pareto, ranking, rfm, trend,
};
use salesmart_metrics::filter::Filter;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answered, Call};
use super::endpoint::{Endpoint, schema};
use super::tables;

/// Key figures.
pub(super) const KPIS: Endpoint = Endpoint {
    name: "kpis",
    title: "Key figures",
    about: "Revenue, profit, margin, orders, customers and average order of the selected sales, with those of the period \
            before and of the same days a year before. As rows: one per period.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Overview>,
    route: || get(kpis),
};

async fn kpis(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    call.figures("kpis", asked.filter, format, |selection, _| overview(selection), tables::overview).await
}

/// Key figures over time.
pub(super) const TREND: Endpoint = Endpoint {
    name: "trend",
    title: "Trend",
    about: "Key figures by day, week, month, quarter or year, also of those without a sale, next to those of the days \
            compared with. Buckets get wider than asked where there would be more than 1,100. As rows: one per bucket.",
    own: &[],
    example: "granularity=month",
    has_pages: false,
    data: schema::<Trend>,
    route: || get(trend_of),
};

async fn trend_of(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    call.figures("trend", asked.filter, format, trend, tables::trend).await
}

/// Recency and frequency.
pub(super) const RFM: Endpoint = Endpoint {
    name: "rfm",
    title: "RFM grid",
    about: "Customers with a sale line in the selection by their scores of recency and frequency, all 25 cells. As rows: \
            one per cell.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<RfmGrid>,
    route: || get(rfm_grid),
};

/// Customers by their scores.
#[derive(Serialize, ToSchema)]
pub(super) struct RfmGrid {
    /// All 25, by recency, then frequency.
    pub cells: Vec<RfmCell>,
}

async fn rfm_grid(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let grid = |selection: &Selection<'_>, _: &Filter| RfmGrid { cells: rfm(selection) };
    call.figures("rfm", asked.filter, format, grid, tables::rfm).await
}

/// What customers have brought.
pub(super) const LIFETIME: Endpoint = Endpoint {
    name: "lifetime",
    title: "Lifetime value",
    about: "How much the customers of the selected days have brought on all days, of the selected products and places, and \
            how that is distributed. As rows: one per span of values.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Lifetime>,
    route: || get(lifetime_values),
};

async fn lifetime_values(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    call.figures("lifetime", asked.filter, format, |selection, _| lifetime(selection), tables::lifetime).await
}

/// Who came back.
pub(super) const COHORTS: Endpoint = Endpoint {
    name: "cohorts",
    title: "Cohorts",
    about: "Customers by the month of their first order, how many of them ordered again in each month after, and the share \
            that was lost by months since the first order. As rows: one per cohort and month since; `lost` is in JSON only.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Cohorts>,
    route: || get(cohort_matrix),
};

async fn cohort_matrix(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    call.figures("cohorts", asked.filter, format, |selection, _| cohorts(selection), tables::cohorts).await
}

/// How many products make how much of the revenue.
pub(super) const PARETO: Endpoint = Endpoint {
    name: "pareto",
    title: "Pareto",
    about: "The products by revenue and how it adds up: how many of them make 80 % of it. At most some 200 points of the \
            curve. As rows: one per point.",
    own: &[],
    example: "",
    has_pages: false,
    data: schema::<Pareto>,
    route: || get(pareto_curve),
};

async fn pareto_curve(call: Call) -> Answered {
    let (asked, format) = call.asked(&[])?;
    let curve = |selection: &Selection<'_>, _: &Filter| pareto(&ranking(selection));
    call.figures("pareto", asked.filter, format, curve, tables::pareto).await
}
