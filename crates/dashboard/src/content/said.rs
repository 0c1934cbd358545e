//! The state of a filter in words.

use salesmart_metrics::calendar::Range;
use salesmart_metrics::cube::Cube;
use salesmart_metrics::filter::{Dates, Field};

use super::value::Written;
use super::wanted::{TOPS, Wanted};

/// One thing that a filter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What it is about: `Days`, `Region`.
    pub about: String,
    /// What it says of it.
    pub text: String,
}

impl Written<'_> {
    /// Days as people write them: `1 – 31 Mar 2024`, `5 Mar – 7 Apr 2024`.
    pub fn days(&self, range: Range) -> String {
        let Range { from, to } = range;
        let begin = match (from.format("%Y").to_string() == to.format("%Y").to_string(), from == to) {
            (_, true) => return self.day(to),
            (true, _) if from.format("%m").to_string() == to.format("%m").to_string() => from.format("%-d"),
            (true, _) => from.format("%-d %b"),
            (false, _) => from.format("%-d %b %Y"),
        };
        format!("{begin} – {}", self.day(to))
    }
}

/// What people call a name of a filter: of a product its name, of the rest the name itself.
pub fn name<'a>(cube: &'a Cube, field: Field, key: &'a str) -> &'a str {
    match field {
        Field::Product => {
            cube.products.iter().find(|product| product.key() == key).map_or(key, |product| product.name.as_str())
        }
        _ => key,
    }
}

/// What the filter says, also what it leaves as it is: days, comparison, width of buckets, and the names it is restricted to.
pub fn said(wanted: &Wanted, cube: &Cube, written: &Written<'_>) -> Vec<Said> {
    let filter = &wanted.filter;
    let mut said = Vec::new();
    let mut say = |about: &str, text: String| said.push(Said { about: about.to_owned(), text });
    let range = filter.range(cube.known_days());
    let days = range.map(|range| written.days(range));
    say(
        "Days",
        match (filter.dates, days) {
            (Dates::Preset(preset), Some(days)) => format!("{days} ({})", preset.title().to_lowercase()),
            (Dates::Preset(preset), None) => preset.title().to_owned(),
            (Dates::Between { .. }, days) => days.unwrap_or_else(|| "no sales yet".to_owned()),
        },
    );
    let compared = range.and_then(|range| filter.comparison.of(range));
    say(
        "Compared with",
        match compared {
            Some(compared) => format!("{} ({})", filter.comparison.title(), written.days(compared)),
            None => filter.comparison.title().to_owned(),
        },
    );
    if let Some(range) = range {
        say("Trends by", filter.granularity_for(range).name().to_owned());
    }
    for field in Field::ALL {
        let names: Vec<&str> = filter.names(field).iter().map(|key| name(cube, field, key)).collect();
        if !names.is_empty() {
            say(field.title(), names.join(", "));
        }
    }
    if wanted.top != TOPS[0] {
        say("Products shown", format!("the best {}", wanted.top));
    }
    said
}
