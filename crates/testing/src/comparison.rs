//! Two sets of rows, and how they differ, for people.

use std::collections::BTreeMap;

use salesmart_base::count::{counted, grouped};
use salesmart_staging::render::{Table, shown};

/// A row of values as text; NULL is `None`.
pub type Values = Vec<Option<String>>;

/// So many differing rows are shown of each side.
pub const SHOWN: usize = 20;

/// What is compared.
pub struct Comparison<'a> {
    /// The columns, and whether they hold numbers.
    pub columns: &'a [(String, bool)],
    /// Places of the columns by which rows belong together; empty if nothing says so.
    pub key: Vec<usize>,
    /// Whether the order of the rows counts.
    pub ordered: bool,
}

impl Comparison<'_> {
    /// How the rows that there are differ from the expected ones; `None` if they do not. Rows are compared as a multiset
    /// unless their order counts.
    pub fn differences(&self, expected: &[Values], got: &[Values]) -> Option<String> {
        if expected == got {
            return None;
        }
        let (missing, surplus) = (left_over(expected, got), left_over(got, expected));
        if missing.is_empty() && surplus.is_empty() {
            return self.ordered.then(|| {
                let marked = |sign: &'static str| move |row: &Values| (sign, row.clone());
                let lines = expected.iter().map(marked("-")).chain(got.iter().map(marked("+"))).collect();
                format!("the rows come in another order\n{}", self.table(lines))
            });
        }
        let summary = format!(
            "{} expected, {} as they should be\n{}",
            counted(expected.len() as u64, "row"),
            grouped((expected.len() - missing.len()) as u64),
            legend(missing.len(), surplus.len())
        );
        Some(format!("{summary}\n{}", self.side_by_side(missing, surplus)))
    }

    /// Differing rows, those that belong together under each other.
    pub fn side_by_side(&self, missing: Vec<Values>, surplus: Vec<Values>) -> String {
        let marked = |sign: &'static str| move |row: Values| (sign, row);
        let more = missing.len().max(surplus.len()).saturating_sub(SHOWN);
        let mut lines: Vec<(&str, Values)> = missing
            .into_iter()
            .take(SHOWN)
            .map(marked("-"))
            .chain(surplus.into_iter().take(SHOWN).map(marked("+")))
            .collect();
        if !self.key.is_empty() {
            // The sort is stable, so an expected row stays before the one that is there in its place.
            lines.sort_by(|(_, a), (_, b)| self.key_of(a).cmp(&self.key_of(b)));
        }
        match more {
            0 => self.table(lines),
            more => format!("{}\n… and {} more", self.table(lines), grouped(more as u64)),
        }
    }

    fn key_of<'r>(&self, row: &'r Values) -> Vec<&'r Option<String>> {
        self.key.iter().filter_map(|place| row.get(*place)).collect()
    }

    fn table(&self, lines: Vec<(&str, Values)>) -> String {
        let names =
            std::iter::once(("", false)).chain(self.columns.iter().map(|(name, number)| (name.as_str(), *number)));
        let mut table = Table::new(&names.collect::<Vec<_>>());
        for (sign, row) in lines {
            let cells = row.iter().map(|value| Some(shown(value.as_deref())));
            table.push(std::iter::once(Some(sign.to_owned())).chain(cells).collect());
        }
        table.to_string()
    }
}

/// What the signs mean, and how many rows carry them.
fn legend(missing: usize, surplus: usize) -> String {
    let parts = [(missing, "- expected"), (surplus, "+ got")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{words}: {}", counted(*count as u64, "row")))
        .collect();
    parts.join(", ")
}

/// The rows of `these` that are not among `others`, each as often as it is there too often.
fn left_over(these: &[Values], others: &[Values]) -> Vec<Values> {
    let mut counts: BTreeMap<&Values, usize> = BTreeMap::new();
    for row in others {
        *counts.entry(row).or_default() += 1;
    }
    these
        .iter()
        .filter(|row| match counts.get_mut(row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .cloned()
        .collect()
}
