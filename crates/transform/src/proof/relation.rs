//! What is known of a relation in a plan: how its rows follow from rows of the inputs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::{self, column, place};

/// A restriction of inputs whose effect is followed through the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Restriction {
    /// The inputs that have the columns of `by`, to some values of these.
    By,
    /// An input that is looked up, to some values of its key.
    Lookup(String),
    /// A correlated subquery, to some rows of the query around it.
    Row,
}

/// How a relation changes when inputs are restricted. A relation without one for a restriction does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// It is the union of what it is for every single value. Per column of the restriction: the expressions over the relation that
    /// have its value; none if no column has it any more.
    Split(Vec<Vec<Value>>),
    /// In a way that was not proved, and why.
    Whole(String),
}

/// A column of an input of which a relation's column is a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Which reading of the input: columns of two readings are of two rows.
    pub reading: u64,
    /// The input.
    pub input: String,
    /// Its column.
    pub column: String,
}

/// More alternatives than this are not followed.
const MOST_BRANCHES: usize = 64;

/// A relation in a plan.
#[derive(Debug, Clone, Default)]
pub struct Relation {
    /// Number of columns.
    pub width: usize,
    /// How it changes with each restriction that it depends on.
    pub parts: BTreeMap<Restriction, Part>,
    /// Where its columns come from. A row follows one of these, as the parts of a union differ. None: too many.
    pub branches: Vec<Vec<Option<Origin>>>,
}

impl Relation {
    /// One that depends on no restricted input.
    pub fn constant(width: usize) -> Self {
        Self { width, parts: BTreeMap::new(), branches: vec![vec![None; width]] }
    }

    /// How it changes with a restriction.
    pub fn part(&self, restriction: &Restriction) -> Option<&Part> {
        self.parts.get(restriction)
    }

    /// Whether rows of it can be told apart by the values of `by`, or by the row around a correlated subquery.
    pub fn is_driving(&self) -> bool {
        self.parts.contains_key(&Restriction::By) || self.parts.contains_key(&Restriction::Row)
    }

    /// The same with other columns: each is an expression over this one's, or unknown.
    pub fn projected(&self, columns: &[Option<Value>]) -> Self {
        let target = |old: usize| {
            let found = columns.iter().position(|new| new.as_ref().and_then(place) == Some(old));
            found.map(column)
        };
        let value = |old: &Value| -> Vec<Value> {
            let whole = columns.iter().enumerate().filter(|(_, new)| new.as_ref() == Some(old));
            let mut found: Vec<Value> = whole.map(|(place, _)| column(place)).collect();
            found.extend(expression::replace(old, &target).filter(|new| !found.contains(new)));
            found
        };
        let parts = self.parts.iter().map(|(restriction, part)| {
            let part = match part {
                Part::Split(values) => {
                    Part::Split(values.iter().map(|olds| olds.iter().flat_map(value).collect()).collect())
                }
                whole @ Part::Whole(_) => whole.clone(),
            };
            (restriction.clone(), part)
        });
        let origin = |branch: &Vec<Option<Origin>>, new: &Option<Value>| {
            new.as_ref().and_then(place).and_then(|old| branch.get(old).cloned().flatten())
        };
        let branches = self.branches.iter().map(|branch| columns.iter().map(|new| origin(branch, new)).collect());
        Self { width: columns.len(), parts: parts.collect(), branches: branches.collect() }
    }

    /// The same after a step that looks at all rows which are alike in `keys`: right for a restriction whose values these keys tell apart.
    pub fn grouped(mut self, keys: &[Value], step: &str, names: &dyn Fn(&Restriction, usize) -> String) -> Self {
        for (restriction, part) in &mut self.parts {
            let Part::Split(values) = part else { continue };
            let missing = values.iter().position(|values| !values.iter().any(|value| is_within(value, keys)));
            if let Some(missing) = missing {
                *part = Part::Whole(format!("{step} {}", names(restriction, missing)));
            }
        }
        self
    }

    /// The same with the columns at these places only; an empty list keeps all.
    pub fn kept(self, places: &[Value]) -> Self {
        let columns: Vec<Option<Value>> =
            places.iter().map(|kept| kept.as_u64().and_then(|kept| usize::try_from(kept).ok()).map(column)).collect();
        match columns.is_empty() {
            true => self,
            false => self.projected(&columns),
        }
    }

    /// The same read once more: its columns are those of other rows.
    pub fn read_again(mut self, next: &mut u64) -> Self {
        let mut readings = BTreeMap::new();
        for origin in self.branches.iter_mut().flatten().flatten() {
            origin.reading = *readings.entry(origin.reading).or_insert_with(|| {
                *next += 1;
                *next
            });
        }
        self
    }

    /// The same after a step of which nothing is known.
    pub fn opaque(mut self, reason: &str) -> Self {
        for part in self.parts.values_mut() {
            if !matches!(part, Part::Whole(_)) {
                *part = Part::Whole(reason.to_owned());
            }
        }
        self
    }

    /// The alternatives of two relations side by side.
    pub fn beside(&self, other: &Self) -> Vec<Vec<Option<Origin>>> {
        match self.branches.len() * other.branches.len() {
            0 => Vec::new(),
            count if count > MOST_BRANCHES => Vec::new(),
            _ => {
                let pair = |left: &Vec<Option<Origin>>| {
                    let left = left.clone();
                    other.branches.iter().map(move |right| left.iter().chain(right).cloned().collect())
                };
                self.branches.iter().flat_map(pair).collect()
            }
        }
    }
}

/// Whether a value follows from the keys: it is one of them, or made of columns that are.
fn is_within(value: &Value, keys: &[Value]) -> bool {
    let is_key = |place: usize| Some(column(place)).filter(|column| keys.contains(column));
    keys.contains(value) || (expression::has_column(value) && expression::replace(value, &is_key).is_some())
}
