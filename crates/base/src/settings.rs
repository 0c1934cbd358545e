//! What the project's configuration says about its dashboard.

use std::path::PathBuf;

/// How the dashboard looks and what it is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Stands on every page, and above reports.
    pub title: String,
    /// How money is written.
    pub currency: Currency,
    /// The file of named views, if there is one.
    pub views: Option<PathBuf>,
}

/// How money is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// `€`, `USD` or nothing.
    pub symbol: String,
    /// Where the symbol stands.
    pub place: SymbolPlace,
}

/// Where the currency's symbol stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolPlace {
    /// `$12`
    Before,
    /// `12 €`
    After,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            title: "Sales".to_owned(),
            currency: Currency { symbol: String::new(), place: SymbolPlace::After },
            views: None,
        }
    }
}
