//! Key figures, each with what it was before.

use salesmart_metrics::figures::Compared;

use super::value::{Value, Written, change, signed};
use crate::chart::Spark;

/// One key figure.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What it is: `Revenue`.
    pub label: String,
    /// How much.
    pub value: Value,
    /// Is there more to come, because the period is not over?
    pub is_running: bool,
    /// A remark: `of all regions`.
    pub note: Option<String>,
    /// What it was before.
    pub changes: Vec<Change>,
    /// How it went.
    pub spark: Option<Spark>,
}

/// The change against other days.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it is compared with: `previous period`.
    pub against: String,
    /// `+5.2 %`, `−0.3 points`, or that there is nothing to compare with.
    pub text: String,
    /// Which way it went.
    pub direction: Direction,
    /// The days compared with and the value then, for who wants to know.
    pub detail: String,
    /// The value then.
    pub before: Value,
    /// By how much it went up, for spreadsheets: of a share the difference, of all else the part of what it was.
    pub by: Value,
}

/// Which way a figure went. More of any figure shown is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
    /// The same, as far as it is written.
    Same,
    /// Nobody knows.
    Unknown,
}

impl Direction {
    /// An arrow, or a dash.
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Up => "▲",
            Self::Down => "▼",
            Self::Same => "=",
            Self::Unknown => "–",
        }
    }
}

impl Tile {
    /// A figure by itself.
    pub fn new(label: &str, value: Value) -> Self {
        Self { label: label.to_owned(), value, is_running: false, note: None, changes: Vec::new(), spark: None }
    }

    /// With a remark.
    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

impl Change {
    /// The change of a value from what it was on other days, of which there may be none.
    pub fn of(
        value: &Value,
        against: &str,
        compared: Option<&Compared>,
        before: impl Fn(&Compared) -> Value,
        written: &Written<'_>,
    ) -> Self {
        let Some(compared) = compared else {
            return Self {
                against: against.to_owned(),
                text: "no data".to_owned(),
                direction: Direction::Unknown,
                detail: format!("There are no sales as early as the {against}."),
                before: Value::None,
                by: Value::None,
            };
        };
        let before = before(compared);
        let (text, difference) = match (value, &before) {
            // Of shares, points: 10 % of a margin of 10 % is something else than 10 points.
            (Value::Percent(now), Value::Percent(then)) => {
                let points = signed(now - then);
                (points.replace('%', "pts"), Some(now - then))
            }
            _ => match value.exact().zip(before.exact()).and_then(|(now, then)| change(now, then)) {
                Some(change) => (signed(change), Some(change)),
                None => ("not comparable".to_owned(), None),
            },
        };
        let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        let direction = match difference {
            None => Direction::Unknown,
            Some(_) if is_zero => Direction::Same,
            Some(difference) if difference > 0.0 => Direction::Up,
            Some(_) => Direction::Down,
        };
        let part = if compared.is_complete { "" } else { " (sales begin later, so this is a part)" };
        let range = written.days(compared.range);
        Self {
            against: against.to_owned(),
            text,
            direction,
            detail: format!("{}: {}{part}", range, written.full(&before)),
            by: Value::change(difference),
            before,
        }
    }
}
