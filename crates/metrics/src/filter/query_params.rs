//! The parameters of an address: a filter, and those of its own.

use super::{Filter, Invalid, unknown_parameter};

/// A filter, and the parameters that only this address has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryParams {
    /// The filter.
    pub filter: Filter,
    own: Vec<(String, String)>,
}

impl QueryParams {
    /// Reads a query that may hold a filter and these parameters, each of them once.
    pub fn parse(query: Option<&str>, own: &[&'static str]) -> Result<Self, Invalid> {
        let mut pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let filter = Filter::take(&mut pairs)?;
        pairs.retain(|(_, value)| !value.is_empty());
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !own.contains(&name.as_str()) {
                return Err(unknown_parameter(name, own));
            }
            if pairs[..place].iter().any(|(other, _)| other == name) {
                return Err(Invalid::new(name, "it is given twice"));
            }
        }
        pairs.sort();
        Ok(Self { filter, own: pairs })
    }

    /// The value of one of the address's own parameters.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The whole query, written in the one way it is written in: what answers are kept under.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(self.filter.query());
        query.extend_pairs(&self.own);
        query.finish().trim_start_matches('&').to_owned()
    }
}
