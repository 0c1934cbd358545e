//! What clients ask for.

use chrono::{Days, NaiveDate};

/// The first day of the generated sales, and how many there are.
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2023, 1, 1).expect("a day");
const DAYS: u64 = 1_095;

/// Small, fast and the same on every machine.
pub struct Chance(u64);

impl Chance {
    /// Client of this number.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// The names that filters are made of.
#[derive(Debug, Clone)]
pub struct Names {
    /// Regions.
    pub regions: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// Segments.
    pub segments: Vec<String>,
}

/// A filter that hardly anybody asks for twice: days at random, and now and then a region, a category, a segment.
pub fn rare(chance: &mut Chance, names: &Names) -> String {
    let from = chance.below(DAYS - 1);
    let to = from + 1 + chance.below(DAYS - from);
    let day = |days: u64| FIRST.checked_add_days(Days::new(days)).unwrap_or(FIRST);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("from", &day(from).to_string()).append_pair("to", &day(to).to_string());
    for (parameter, of) in [("region", &names.regions), ("category", &names.categories), ("segment", &names.segments)] {
        if chance.below(3) == 0 {
            query.append_pair(parameter, chance.one::<String>(of));
        }
    }
    query.finish()
}

/// A filter of those that people look at all day.
pub fn usual(chance: &mut Chance, names: &Names) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    // Without days it is the page as it opens; its own name would only be sent on to that.
    let days = *chance.one::<&str>(&["all", "", "this_month", "last_month", "this_year"]);
    if !days.is_empty() {
        query.append_pair("dates", days);
    }
    if chance.below(2) == 0 {
        query.append_pair("region", chance.one::<String>(&names.regions));
    }
    query.finish()
}

/// An address of the API.
pub fn api(chance: &mut Chance, query: &str) -> String {
    let path = chance.one(&[
        "kpis?",
        "trend?",
        "breakdown?by=category&",
        "breakdown?by=region&",
        "top?by=product&",
        "places?",
        "segments?",
        "rfm?",
        "cohorts?",
        "pareto?",
    ]);
    format!("/api/v1/{path}{query}")
}

/// An address of a page.
pub fn page(chance: &mut Chance, query: &str) -> String {
    format!("/{}?{query}", chance.one(&["overview", "overview", "products", "regions", "customers"]))
}
