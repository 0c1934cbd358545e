//! A filter from the query of a URL, and back.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use form_urlencoded::Serializer;

use super::{Comparison, Dates, Field, Filter, Preset, dates};
use crate::calendar::Granularity;

/// The parameters of a filter.
pub const PARAMETERS: [&str; 11] =
    ["dates", "from", "to", "granularity", "compare", "region", "city", "store", "category", "product", "segment"];

/// The most names in one list, and the longest name in characters.
const MOST_NAMES: usize = 200;
const LONGEST_NAME: usize = 200;

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The parameter.
    pub parameter: String,
    /// What is wrong, and what it may be.
    pub reason: String,
}

impl Invalid {
    /// Says what is wrong with a parameter.
    pub fn new(parameter: &str, reason: impl Into<String>) -> Self {
        // What somebody sent is not repeated at length.
        Self { parameter: parameter.chars().take(40).collect(), reason: reason.into() }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.parameter, self.reason)
    }
}

impl std::error::Error for Invalid {}

impl Filter {
    /// Takes a filter's parameters out of these, decoded pairs of a query; what is left over is the caller's to know or to refuse.
    /// An empty value says nothing, as forms send it.
    pub fn take(pairs: &mut Vec<(String, String)>) -> Result<Self, Invalid> {
        let mut filter = Self::default();
        let mut seen = BTreeSet::new();
        let (mut preset, mut from, mut to) = (None, None, None);
        let mut rest = Vec::new();
        for (name, value) in pairs.drain(..) {
            if !PARAMETERS.contains(&name.as_str()) {
                rest.push((name, value));
                continue;
            }
            if value.is_empty() {
                continue;
            }
            if let Some(field) = Field::ALL.into_iter().find(|field| field.name() == name) {
                filter.add(field, value)?;
                continue;
            }
            if !seen.insert(name.clone()) {
                return Err(Invalid::new(&name, "it is given twice"));
            }
            match name.as_str() {
                "dates" => preset = Some(one_of(&name, &value, &Preset::ALL, Preset::name)?),
                "from" => from = Some(day(&name, &value)?),
                "to" => to = Some(day(&name, &value)?),
                "granularity" => {
                    filter.granularity = Some(one_of(&name, &value, &Granularity::ALL, Granularity::name)?)
                }
                _ => filter.comparison = one_of(&name, &value, &Comparison::ALL, Comparison::name)?,
            }
        }
        *pairs = rest;
        filter.dates = match (preset, from, to) {
            // A form sends both: what was typed counts.
            (preset, None, None) => Dates::Preset(preset.unwrap_or_default()),
            (_, from, to) => Dates::Between { from, to },
        };
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Invalid::new("from", format!("{from} is after {to}")));
        }
        filter.check_buckets()?;
        Ok(filter)
    }

    /// Reads a whole query that may hold nothing else.
    pub fn parse(query: &str) -> Result<Self, Invalid> {
        let mut pairs = form_urlencoded::parse(query.trim_start_matches('?').as_bytes()).into_owned().collect();
        let filter = Self::take(&mut pairs)?;
        match pairs.first() {
            Some((name, _)) => Err(unknown_parameter(name, &[])),
            None => Ok(filter),
        }
    }

    /// The query of a URL, without `?`: only what is not the default, always in the same order.
    pub fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        match self.dates {
            Dates::Preset(preset) if preset == Preset::default() => {}
            Dates::Preset(preset) => {
                query.append_pair("dates", preset.name());
            }
            Dates::Between { from, to } => {
                for (name, day) in [("from", from), ("to", to)] {
                    if let Some(day) = day {
                        query.append_pair(name, &day.to_string());
                    }
                }
            }
        }
        if let Some(granularity) = self.granularity {
            query.append_pair("granularity", granularity.name());
        }
        if self.comparison != Comparison::default() {
            query.append_pair("compare", self.comparison.name());
        }
        for field in Field::ALL {
            for name in self.names(field) {
                query.append_pair(field.name(), name);
            }
        }
        query.finish()
    }

    fn add(&mut self, field: Field, name: String) -> Result<(), Invalid> {
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Invalid::new(
                field.name(),
                format!("a name has up to {LONGEST_NAME} characters, none of them a control"),
            ));
        }
        let list = self.names_mut(field);
        if let Err(place) = list.binary_search(&name) {
            list.insert(place, name);
        }
        if list.len() > MOST_NAMES {
            return Err(Invalid::new(field.name(), format!("more than {MOST_NAMES} names")));
        }
        Ok(())
    }

    /// Days that are given and a width that is given must go together.
    fn check_buckets(&self) -> Result<(), Invalid> {
        let (Some(granularity), Dates::Between { from: Some(from), to: Some(to) }) = (self.granularity, self.dates)
        else {
            return Ok(());
        };
        let days = match granularity {
            Granularity::Day => 1,
            Granularity::Week => 7,
            Granularity::Month => 28,
            Granularity::Quarter => 90,
            Granularity::Year => 365,
        };
        if (to - from).num_days() / days > Self::MAX_BUCKETS as i64 {
            let most = Self::MAX_BUCKETS;
            return Err(Invalid::new(
                "granularity",
                format!("from {from} to {to} there are more than {most} {}s; take a coarser one", granularity.name()),
            ));
        }
        Ok(())
    }
}

/// What to say of a parameter that nobody knows, where these are known besides those of a filter.
pub fn unknown_parameter(name: &str, own: &[&str]) -> Invalid {
    let known: Vec<&str> = own.iter().chain(&PARAMETERS).copied().collect();
    Invalid::new(name, format!("there is no such parameter; known are {}", known.join(", ")))
}

/// One of the named values.
pub fn one_of<T: Copy>(parameter: &str, value: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, Invalid> {
    all.iter().copied().find(|one| name(*one) == value).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        Invalid::new(parameter, format!("it is one of {}", known.join(", ")))
    })
}

fn day(parameter: &str, value: &str) -> Result<NaiveDate, Invalid> {
    let is_written_so = value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match value.parse::<NaiveDate>() {
        Ok(day) if is_written_so && dates::is_sensible(day) => Ok(day),
        _ => Err(Invalid::new(parameter, "it is a day such as 2024-03-15, from 1900 to 2200")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_not_the_default_is_written() {
        for (query, written) in [
            ("", ""),
            ("dates=last_12_months&compare=previous", ""),
            ("segment=Lost&region=North&region=East&region=North", "region=East&region=North&segment=Lost"),
            (
                "from=2024-01-01&to=2024-02-29&dates=all&granularity=week",
                "from=2024-01-01&to=2024-02-29&granularity=week",
            ),
            ("region=&from=", ""),
            ("category=Home+%26+Garden", "category=Home+%26+Garden"),
        ] {
            assert_eq!(Filter::parse(query).unwrap().query(), written, "{query}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, parameter, reason) in [
            ("colour=red", "colour", "no such parameter"),
            ("from=2024-02-30", "from", "a day such as"),
            ("from=24-2-3", "from", "a day such as"),
            ("from=2024-02-02&to=2024-02-01", "from", "is after"),
            ("dates=yesterday", "dates", "one of last_7_days"),
            ("granularity=hour", "granularity", "one of day"),
            ("granularity=day&from=2000-01-01&to=2020-01-01", "granularity", "coarser"),
            ("dates=all&dates=all", "dates", "twice"),
            ("region=a%00b", "region", "control"),
        ] {
            let invalid = Filter::parse(query).unwrap_err();
            assert_eq!(invalid.parameter, parameter, "{query}");
            assert!(invalid.reason.contains(reason), "{query}: {invalid}");
        }
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let names = || {
            prop::collection::btree_set("[^\\p{Cc}]{1,12}", 0..4).prop_map(|set| set.into_iter().collect::<Vec<_>>())
        };
        let day =
            (0i64..3_000).prop_map(|days| NaiveDate::from_ymd_opt(2010, 1, 1).unwrap() + chrono::TimeDelta::days(days));
        let dates = prop_oneof![
            prop::sample::select(&Preset::ALL[..]).prop_map(Dates::Preset),
            (day.clone(), 0i64..900).prop_map(|(from, days)| Dates::Between {
                from: Some(from),
                to: Some(from + chrono::TimeDelta::days(days))
            }),
            day.prop_map(|from| Dates::Between { from: Some(from), to: None }),
        ];
        let how =
            (prop::option::of(prop::sample::select(&Granularity::ALL[..])), prop::sample::select(&Comparison::ALL[..]));
        (dates, how, names(), names(), names(), names(), names(), names()).prop_map(
            |(dates, (granularity, comparison), regions, cities, stores, categories, products, segments)| Filter {
                dates,
                granularity,
                comparison,
                regions,
                cities,
                stores,
                categories,
                products,
                segments,
            },
        )
    }

    proptest! {
        #[test]
        fn a_url_holds_the_whole_filter(filter in filters()) {
            let query = filter.query();
            prop_assert_eq!(Filter::parse(&query).unwrap(), filter, "{}", query);
        }

        #[test]
        fn any_text_is_a_filter_or_an_error(query in ".{0,80}") {
            if let Ok(filter) = Filter::parse(&query) {
                prop_assert_eq!(Filter::parse(&filter.query()).unwrap(), filter);
            }
        }
    }
}
