//! How a join of two relations changes when inputs are restricted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expression::{coalesce, shifted};
use super::relation::{Part, Relation, Restriction};

/// Which rows a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without a pair.
    Left,
    /// Pairs, and right rows without a pair.
    Right,
    /// Pairs, and rows of either side without a pair.
    Outer,
    /// Left rows that have a pair.
    Semi,
    /// Left rows that have none.
    Anti,
    /// Left rows, with a column that says whether they have a pair: `in` and `exists`.
    Mark,
    /// Left rows with the one row that a scalar subquery gives.
    Single,
}

impl Kind {
    /// DuckDB's name in a plan.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "INNER" => Self::Inner,
            "LEFT" => Self::Left,
            "RIGHT" => Self::Right,
            "OUTER" | "FULL" => Self::Outer,
            "SEMI" => Self::Semi,
            "ANTI" => Self::Anti,
            "MARK" => Self::Mark,
            "SINGLE" => Self::Single,
            _ => return None,
        })
    }

    /// Whether every row is one of the left side, with or without columns of the right one.
    fn is_of_left_rows(self) -> bool {
        !matches!(self, Self::Right | Self::Outer)
    }
}

/// A condition that holds for all pairs: an expression over the left columns equals one over the right columns.
#[derive(Debug, Clone)]
pub struct Equality {
    /// Over the left columns.
    pub left: Value,
    /// Over the right columns.
    pub right: Value,
    /// Whether two NULLs are a pair, too.
    pub is_null_safe: bool,
}

impl Equality {
    /// The same seen from the right.
    pub fn flipped(&self) -> Self {
        Self { left: self.right.clone(), right: self.left.clone(), is_null_safe: self.is_null_safe }
    }
}

/// A join.
#[derive(Debug)]
pub struct Join<'a> {
    /// Which rows it gives.
    pub kind: Kind,
    /// Whether a left row is paired with the nearest right row only.
    pub is_asof: bool,
    /// The left side.
    pub left: &'a Relation,
    /// The right side.
    pub right: &'a Relation,
    /// Its conditions, as far as they are equalities; others may hold as well.
    pub equalities: &'a [Equality],
}

impl Join<'_> {
    /// What it gives. `name` is what a message calls a column of a restriction.
    pub fn relation(&self, name: &dyn Fn(&Restriction, usize) -> String) -> Relation {
        let (left, right) = (self.left, self.right);
        let restrictions: BTreeSet<&Restriction> = left.parts.keys().chain(right.parts.keys()).collect();
        let parts = restrictions.into_iter().map(|restriction| {
            let part = match (left.part(restriction), right.part(restriction)) {
                (Some(whole @ Part::Whole(_)), _) | (_, Some(whole @ Part::Whole(_))) => whole.clone(),
                (Some(Part::Split(values)), None) => self.left_only(values),
                (None, Some(Part::Split(values))) => self.right_only(values, &|index| name(restriction, index)),
                (Some(Part::Split(left)), Some(Part::Split(right))) => {
                    self.both(left, right, &|index| name(restriction, index))
                }
                (None, None) => Part::Whole("it is not known".to_owned()),
            };
            (restriction.clone(), part)
        });
        let parts = parts.collect();
        match self.kind {
            Kind::Semi | Kind::Anti => Relation { width: left.width, parts, branches: left.branches.clone() },
            Kind::Mark => {
                let mark = Relation::constant(1);
                Relation { width: left.width + 1, parts, branches: left.beside(&mark) }
            }
            _ => Relation { width: left.width + right.width, parts, branches: left.beside(right) },
        }
    }

    fn left_only(&self, values: &[Vec<Value>]) -> Part {
        match self.kind.is_of_left_rows() {
            true => Part::Split(values.iter().map(|values| self.closed(values.clone())).collect()),
            false => {
                Part::Whole("an outer join keeps rows of an input that does not have the columns of `by`".to_owned())
            }
        }
    }

    fn right_only(&self, values: &[Vec<Value>], name: &dyn Fn(usize) -> String) -> Part {
        let moved = |values: &Vec<Value>| values.iter().map(|value| shifted(value, self.left.width)).collect();
        match self.kind {
            Kind::Inner if !self.is_asof => {
                Part::Split(values.iter().map(|values| self.closed(moved(values))).collect())
            }
            Kind::Right if !self.is_asof => Part::Split(values.iter().map(moved).collect()),
            Kind::Semi if !self.is_asof => {
                let mut split = Vec::new();
                for (index, values) in values.iter().enumerate() {
                    let equal = self.equalities.iter().filter(|equality| values.contains(&equality.right));
                    let equal: Vec<Value> = equal.map(|equality| equality.left.clone()).collect();
                    if equal.is_empty() {
                        return Part::Whole(format!("a join does not compare {} by equality", name(index)));
                    }
                    split.push(equal);
                }
                Part::Split(split)
            }
            _ => Part::Whole(
                "an input that does not have the columns of `by` is joined with one that has them, and its rows stay without a match"
                    .to_owned(),
            ),
        }
    }

    fn both(&self, left: &[Vec<Value>], right: &[Vec<Value>], name: &dyn Fn(usize) -> String) -> Part {
        let mut split = Vec::new();
        for (index, (left, right)) in left.iter().zip(right).enumerate() {
            // `x not in (…)` depends on whether there is any row, or any NULL.
            let is_pairing = |equality: &&Equality| {
                left.contains(&equality.left)
                    && right.contains(&equality.right)
                    && (equality.is_null_safe || self.kind != Kind::Mark)
            };
            if !self.equalities.iter().any(|equality| is_pairing(&equality)) {
                return Part::Whole(format!("a join does not compare {} of both sides by equality", name(index)));
            }
            let moved = || right.iter().map(|value| shifted(value, self.left.width));
            split.push(match self.kind {
                Kind::Inner => self.closed(left.iter().cloned().chain(moved()).collect()),
                Kind::Right => moved().collect(),
                Kind::Outer => {
                    let both = left.iter().flat_map(|one| moved().map(move |other| (one.clone(), other)));
                    both.flat_map(|(one, other)| [coalesce(one.clone(), other.clone()), coalesce(other, one)]).collect()
                }
                Kind::Left | Kind::Semi | Kind::Anti | Kind::Mark | Kind::Single => left.clone(),
            });
        }
        Part::Split(split)
    }

    /// In an inner join, also what equals one of the values.
    fn closed(&self, mut values: Vec<Value>) -> Vec<Value> {
        if self.kind == Kind::Inner && !self.is_asof {
            for equality in self.equalities {
                let (left, right) = (equality.left.clone(), shifted(&equality.right, self.left.width));
                for (one, other) in [(&left, &right), (&right, &left)] {
                    if values.contains(one) && !values.contains(other) {
                        values.push(other.clone());
                    }
                }
            }
        }
        values
    }
}
