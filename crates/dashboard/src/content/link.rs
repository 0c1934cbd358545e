//! Where clicks lead: always a page with a filter.

use salesmart_metrics::filter::{Dates, Field, Filter};

use super::wanted::{Page, Wanted};

/// Links of a page in its present state.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    wanted: &'a Wanted,
}

impl<'a> Links<'a> {
    /// From this state.
    pub fn from(wanted: &'a Wanted) -> Self {
        Self { wanted }
    }

    /// The address of a state.
    pub fn to(wanted: &Wanted) -> String {
        match wanted.query() {
            query if query.is_empty() => format!("/{}", wanted.page.name()),
            query => format!("/{}?{query}", wanted.page.name()),
        }
    }

    /// This page with another filter.
    pub fn filtered(&self, filter: Filter) -> String {
        Self::to(&self.wanted.with(filter))
    }

    /// Another page with this filter.
    pub fn page(&self, page: Page) -> String {
        Self::to(&Wanted { page, ..self.wanted.clone() })
    }

    /// This page with a name added to the filter, or taken out of it.
    pub fn toggle(&self, field: Field, name: &str) -> String {
        self.filtered(self.wanted.filter.clone().toggled(field, name))
    }

    /// This page on other days. The width of buckets is chosen anew: a month in months would be one point.
    pub fn on(&self, dates: Dates) -> String {
        self.filtered(Filter { granularity: None, ..self.wanted.filter.clone().on(dates) })
    }

    /// This page with so many products.
    pub fn top(&self, top: usize) -> String {
        Self::to(&Wanted { top, ..self.wanted.clone() })
    }
}
