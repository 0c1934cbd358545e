//! Which page, with which filter.

use anyhow::Result;
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::{Cube, Selection};
use salesmart_metrics::filter::QueryParams;
use salesmart_metrics::filter::{Filter, Invalid};
use salesmart_metrics::source::Quality;

use super::{Content, customers, overview, products, quality, regions};

/// A page of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Page {
    /// Key figures and trend.
    Overview,
    /// Products and categories.
    Products,
    /// Regions, cities and stores.
    Regions,
    /// Segments, scores, cohorts.
    Customers,
    /// Freshness, rejects, checks, syncs.
    Quality,
}

impl Page {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 5] = [Self::Overview, Self::Products, Self::Regions, Self::Customers, Self::Quality];

    /// As it is written in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Products => "products",
            Self::Regions => "regions",
            Self::Customers => "customers",
            Self::Quality => "quality",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Products => "Products",
            Self::Regions => "Regions",
            Self::Customers => "Customers",
            Self::Quality => "Quality",
        }
    }

    /// The page of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.name() == name)
    }
}

/// How many products may be asked for.
pub const TOPS: [usize; 4] = [10, 20, 50, 100];

/// What somebody wants to see. A page, its exports and `salesmart report` all start from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The page.
    pub page: Page,
    /// The filter.
    pub filter: Filter,
    /// How many of the best products, one of [`TOPS`].
    pub top: usize,
}

impl Wanted {
    /// The parameters that a page has besides those of a filter.
    pub const PARAMETERS: [&str; 1] = ["top"];

    /// A page without a filter.
    pub fn page(page: Page) -> Self {
        Self { page, filter: Filter::default(), top: TOPS[0] }
    }

    /// Reads the query of a URL.
    ///
    /// # Errors
    /// Says which parameter is wrong, and why.
    pub fn parse(page: Page, query: Option<&str>) -> Result<Self, Invalid> {
        let asked = QueryParams::parse(query, &Self::PARAMETERS)?;
        let top = match asked.own("top") {
            None => TOPS[0],
            Some(top) => TOPS
                .into_iter()
                .find(|known| known.to_string() == top)
                .ok_or_else(|| Invalid::new("top", "it is one of 10, 20, 50, 100"))?,
        };
        Ok(Self { page, filter: asked.filter, top })
    }

    /// The query of its URL, without `?`: only what is not the default.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(self.filter.query());
        if self.top != TOPS[0] {
            query.append_pair("top", &self.top.to_string());
        }
        query.finish().trim_start_matches('&').to_owned()
    }

    /// The same with another filter.
    #[must_use]
    pub fn with(&self, filter: Filter) -> Self {
        Self { filter, ..*self }
    }

    /// What it shows. Only the quality page needs to know the last runs.
    pub fn content(&self, cube: &Cube, settings: &Settings, quality: Option<&Quality>) -> Content {
        let selection = Selection::new(cube, &self.filter);
        match self.page {
            Page::Overview => overview::content(&selection, self, settings),
            Page::Products => products::content(&selection, self, settings),
            Page::Regions => regions::content(&selection, self, settings),
            Page::Customers => customers::content(&selection, self, settings),
            Page::Quality => quality::content(&selection, self, settings, quality),
        }
    }
}
