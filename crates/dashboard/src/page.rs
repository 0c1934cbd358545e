//! Pages: content as HTML, in the one shell they share.

pub mod asset;
mod block;
mod chips;
mod filter_bar;
mod health;
mod menu;
mod shell;
mod slicer;
#[cfg(test)]
mod tests;
mod views;

use salesmart_metrics::filter::{Dates, Filter, Invalid};

use crate::content::{Page, Wanted};
pub use health::Health;
pub use shell::{Shell, document};
pub use slicer::found;
pub use views::{Shelf, Views};

/// Reads a query. A form without script cannot clear the days that were typed before when somebody chooses named ones; it
/// says in `was` which those are.
pub fn read(page: Page, query: Option<&str>) -> Result<Wanted, Invalid> {
    let query = query.unwrap_or_default();
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let Some(at) = pairs.iter().position(|(name, _)| name == WAS) else { return Wanted::parse(page, Some(query)) };
    let (_, was) = pairs.remove(at);
    let value =
        |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    let is_chosen = !value("dates").is_empty() && was == format!("{},{}", value("from"), value("to"));
    if is_chosen {
        pairs.retain(|(name, _)| name != "from" && name != "to");
    }
    Wanted::parse(page, Some(&form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish()))
}

/// The parameter of forms with the days that the page had.
const WAS: &str = "was";

/// The days of a filter as a form says them in [`WAS`].
fn was(filter: &Filter) -> Option<String> {
    match filter.dates {
        Dates::Preset(_) => None,
        Dates::Between { from, to } => {
            let text = |day: Option<chrono::NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
            Some(format!("{},{}", text(from), text(to)))
        }
    }
}
