//! From a request to an answer: what all addresses do alike.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use salesmart_metrics::calendar::{Granularity, Range};
use salesmart_metrics::cube::{Cube, Load, Selection};
use salesmart_metrics::figures;
use salesmart_metrics::filter::QueryParams;
use salesmart_metrics::filter::{Comparison, Filter, Invalid};
use serde::Serialize;
use utoipa::ToSchema;

use super::format::Format;
use super::parameter::Parameter;
use super::tabular::Table;
use super::{arrow, csv, ndjson};
use crate::extract::Seen;
use crate::http::answer::answer;
use crate::problem::Problem;
use crate::state::App;
use crate::state::answer::Made;

/// What a handler gives.
pub(super) type Answered = Result<Response, Problem>;

/// Says which load an answer is of, also where the body has no place for it.
const LOAD: HeaderName = HeaderName::from_static("salesmart-load");

/// A request, and who it comes from.
pub(super) struct Call {
    /// Who asks, and the load that answers.
    pub seen: Seen,
    /// The headers.
    pub headers: HeaderMap,
    query: Option<String>,
}

impl FromRequestParts<Arc<App>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let seen = Seen::from_request_parts(parts, app).await?;
        let RawQuery(query) = RawQuery::from_request_parts(parts, app).await.map_err(Problem::internal)?;
        Ok(Self { seen, headers: parts.headers.clone(), query })
    }
}

impl Call {
    /// What is asked of an address with these parameters of its own, and in which form.
    pub(super) fn asked(&self, own: &[Parameter]) -> Result<(QueryParams, Format), Problem> {
        let mut own: Vec<&'static str> = own.iter().map(|parameter| parameter.name).collect();
        own.push("format");
        let asked = QueryParams::parse(self.query.as_deref(), &own)?;
        // Forms send what nobody filled in; from a program it is a mistake.
        let query = self.query.as_deref().unwrap_or_default();
        if let Some((name, _)) = form_urlencoded::parse(query.as_bytes()).find(|(_, value)| value.is_empty()) {
            return Err(Invalid::new(&name, "it is empty; give it a value or leave it out").into());
        }
        let format = Format::wanted(asked.own("format"), &self.headers)?;
        Ok((asked, format))
    }

    /// An answer made of the load. The name says all that is asked besides the filter.
    pub(super) async fn figures<T, F>(
        &self,
        name: &str,
        filter: Filter,
        format: Format,
        compute: F,
        table: fn(&T) -> Table,
    ) -> Answered
    where
        T: Serialize + 'static,
        F: FnOnce(&Selection<'_>, &Filter) -> T + Send + 'static,
    {
        let name = format!("api {name} {} {}", format.name(), filter.query());
        let made = answer(&self.seen, &self.headers, &name, move |cube| {
            let data = compute(&Selection::new(cube, &filter), &filter);
            Whole { load: &cube.load, filter: Effective::of(&filter, cube), data }.written(format, table)
        });
        made.await.map(|response| of_load(response, &self.seen.cube.load))
    }
}

/// The response, and which load it is of.
pub(super) fn of_load(mut response: Response, load: &Load) -> Response {
    // Identifiers of loads are plain; one that were not would be missing here only.
    if let Ok(id) = HeaderValue::from_str(&load.id) {
        response.headers_mut().insert(LOAD, id);
    }
    response
}

/// What every JSON answer holds.
#[derive(Serialize)]
pub(super) struct Whole<'l, T> {
    /// The state of the warehouse.
    pub load: &'l Load,
    /// What was asked.
    pub filter: Effective,
    /// The answer.
    pub data: T,
}

impl<T: Serialize> Whole<'_, T> {
    /// In one of the forms.
    pub(super) fn written(&self, format: Format, table: impl Fn(&T) -> Table) -> Result<Made, Problem> {
        let content_type = format.content_type();
        let about = || {
            let load = ("salesmart.load".to_owned(), self.load.id.clone());
            HashMap::from([load, ("salesmart.filter".to_owned(), self.filter.query.clone())])
        };
        let body = match format {
            Format::Json => serde_json::to_vec(self).map_err(Problem::internal)?,
            Format::Csv => csv::write(&table(&self.data)),
            Format::Ndjson => ndjson::write(&table(&self.data)).map_err(Problem::internal)?,
            Format::Arrow => arrow::write(&table(&self.data), about()).map_err(Problem::internal)?,
        };
        Ok(Made { content_type, body })
    }
}

/// A filter, with what it means for the load at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Filter)]
pub(super) struct Effective {
    /// It as the query of a URL, in the one way it is written in.
    pub query: String,
    /// The days; none if there is no sale at all.
    pub dates: Option<Range>,
    /// Width of the buckets of a trend.
    pub granularity: Option<Granularity>,
    /// What to compare with.
    pub comparison: Comparison,
    /// The days compared with.
    pub compared_dates: Option<Range>,
    /// Regions, by name; none means all, here and below.
    pub regions: Vec<String>,
    /// Cities, by name.
    pub cities: Vec<String>,
    /// Stores, by name.
    pub stores: Vec<String>,
    /// Categories, by name.
    pub categories: Vec<String>,
    /// Products, by code.
    pub products: Vec<String>,
    /// Customer segments, by name.
    pub segments: Vec<String>,
}

impl Effective {
    /// What a filter means for a load.
    pub(super) fn of(filter: &Filter, cube: &Cube) -> Self {
        let dates = filter.range(cube.known_days());
        Self {
            query: filter.query(),
            dates,
            granularity: dates.map(|range| figures::buckets(filter, range).0),
            comparison: filter.comparison,
            compared_dates: dates.and_then(|range| filter.comparison.of(range)),
            regions: filter.regions.clone(),
            cities: filter.cities.clone(),
            stores: filter.stores.clone(),
            categories: filter.categories.clone(),
            products: filter.products.clone(),
            segments: filter.segments.clone(),
        }
    }
}
