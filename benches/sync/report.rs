//! The figures of all rounds.

use std::fmt;

use salesmart_base::count::grouped;
use salesmart_staging::render::Table;
use serde::Serialize;

use crate::measure::Run;

/// The first sync may take so many times its floor.
const MOST_FIRST: f64 = 1.3;
/// A day's sync may take so many times its floor.
const MOST_DAY: f64 = 1.5;
/// A sync with nothing changed takes less than so many seconds.
const MOST_UNCHANGED: f64 = 0.3;
/// The warehouse of 2 million sales takes at most so many bytes.
const MOST_BYTES: i64 = 700_000_000;

/// What one round took.
#[derive(Debug, Serialize)]
pub struct Round {
    /// (a)
    pub first: Run,
    /// Its floor, in seconds.
    pub first_floor: f64,
    /// (b)
    pub day: Run,
    /// Its floor, in seconds.
    pub day_floor: f64,
    /// (c)
    pub unchanged: Run,
    /// (d)
    pub corrections: Run,
    /// Bytes of the database after (a).
    pub size: i64,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Sales of the history.
    pub sales: u64,
    /// Sales of the day.
    pub day: u64,
    /// One after the other.
    pub rounds: Vec<Round>,
}

impl Report {
    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        }
    }
}

/// One line of the table.
struct Line {
    name: String,
    run: fn(&Round) -> &Run,
    floor: Option<fn(&Round) -> f64>,
    most: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns =
            [("", false), ("sync", true), ("floor", true), ("ratio", true), ("at most", true), ("peak memory", true)];
        let mut table = Table::new(&columns);
        let peak = |run: fn(&Round) -> &Run| {
            let most = self.rounds.iter().filter_map(|round| run(round).peak).max();
            most.map(|bytes| format!("{} MB", bytes / 1_000_000))
        };
        let lines = [
            Line {
                name: format!("(a) first sync of {} sales", grouped(self.sales)),
                run: |round| &round.first,
                floor: Some(|round| round.first_floor),
                most: format!("{MOST_FIRST:.1}"),
            },
            Line {
                name: format!("(b) a day of {} more", grouped(self.day)),
                run: |round| &round.day,
                floor: Some(|round| round.day_floor),
                most: format!("{MOST_DAY:.1}"),
            },
            Line {
                name: "(c) nothing changed".to_owned(),
                run: |round| &round.unchanged,
                floor: None,
                most: format!("{MOST_UNCHANGED:.2} s"),
            },
            Line {
                name: "(d) 1 % corrections in all months".to_owned(),
                run: |round| &round.corrections,
                floor: None,
                most: String::new(),
            },
        ];
        for Line { name, run, floor, most } in lines {
            // The ratio of each round, not of the medians: both sides of a round ran beside each other.
            let ratio = floor.map(|floor| format!("{:.2}", self.median(|round| run(round).seconds / floor(round))));
            table.push(vec![
                Some(name),
                Some(format!("{:.2} s", self.median(|round| run(round).seconds))),
                Some(floor.map_or_else(String::new, |floor| format!("{:.2} s", self.median(floor)))),
                Some(ratio.unwrap_or_default()),
                Some(most),
                Some(peak(run).unwrap_or_default()),
            ]);
        }
        let size = self.rounds.iter().map(|round| round.size).max().unwrap_or_default();
        writeln!(f, "\nmedians of {} rounds\n\n{table}", self.rounds.len())?;
        writeln!(
            f,
            "the database after (a): {} MB (at most {} for 2,000,000 sales)",
            size / 1_000_000,
            MOST_BYTES / 1_000_000
        )
    }
}
