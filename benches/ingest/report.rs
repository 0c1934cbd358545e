//! The figures of all rounds.

use std::fmt;

use salesmart_base::count::grouped;
use salesmart_staging::render::Table;
use serde_json::{Value, json};

use crate::measure::Run;
use crate::sides::Side;

/// The runs so far, one of each side per round.
pub struct Report {
    rows: u64,
    bytes: u64,
    threads: u32,
    salesmart: Vec<Run>,
    read_csv: Vec<Run>,
}

impl Report {
    /// One without runs.
    pub fn new(rows: u64, bytes: u64, threads: u32) -> Self {
        Self { rows, bytes, threads, salesmart: Vec::new(), read_csv: Vec::new() }
    }

    /// Adds a run.
    pub fn add(&mut self, side: Side, run: Run) {
        match side {
            Side::Salesmart => self.salesmart.push(run),
            Side::ReadCsv => self.read_csv.push(run),
        }
    }

    /// The last run of each side, in a line.
    pub fn last(&self) -> String {
        let shown = Side::BOTH.map(|side| {
            let seconds = self.runs(side).last().map_or(0.0, |run| run.seconds);
            format!("{} {seconds:.2} s", side.name())
        });
        shown.join(", ")
    }

    /// The figures for other programs.
    pub fn json(&self) -> Value {
        let side = |side: Side| {
            let times = Times::of(self.runs(side));
            json!({
                "seconds": { "min": times.min, "median": times.median, "max": times.max },
                "mb_per_second": self.megabytes() / times.median,
                "rows_per_second": self.rows as f64 / times.median,
                "peak_bytes": peak(self.runs(side)),
                "rounds": self.runs(side).iter().map(|run| run.seconds).collect::<Vec<_>>(),
            })
        };
        json!({
            "rows": self.rows,
            "bytes": self.bytes,
            "threads": self.threads,
            "salesmart": side(Side::Salesmart),
            "read_csv": side(Side::ReadCsv),
            "median_of_ratios": self.median_of_ratios(),
            "ratio_of_medians": self.ratio_of_medians(),
        })
    }

    fn runs(&self, side: Side) -> &[Run] {
        match side {
            Side::Salesmart => &self.salesmart,
            Side::ReadCsv => &self.read_csv,
        }
    }

    fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }

    fn median_of_ratios(&self) -> f64 {
        let pairs = self.salesmart.iter().zip(&self.read_csv);
        median(pairs.map(|(ours, theirs)| ours.seconds / theirs.seconds).collect())
    }

    fn ratio_of_medians(&self) -> f64 {
        Times::of(&self.salesmart).median / Times::of(&self.read_csv).median
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = ["min s", "median s", "max s", "MB/s", "rows/s", "peak MB"].map(|name| (name, true));
        let mut table = Table::new(&[&[("", false)], &numbers[..]].concat());
        for side in Side::BOTH {
            let times = Times::of(self.runs(side));
            let row = [
                side.name().to_owned(),
                format!("{:.2}", times.min),
                format!("{:.2}", times.median),
                format!("{:.2}", times.max),
                format!("{:.0}", self.megabytes() / times.median),
                grouped((self.rows as f64 / times.median) as u64),
                peak(self.runs(side)).map_or_else(|| "n/a".to_owned(), |bytes| grouped(bytes / 1_000_000)),
            ];
            table.push(row.map(Some).into());
        }
        writeln!(f, "{table}\n")?;
        writeln!(f, "salesmart / read_csv, median of the rounds: {:.2}", self.median_of_ratios())?;
        write!(f, "salesmart / read_csv, ratio of the medians: {:.2}", self.ratio_of_medians())
    }
}

struct Times {
    min: f64,
    median: f64,
    max: f64,
}

impl Times {
    fn of(runs: &[Run]) -> Self {
        let seconds = || runs.iter().map(|run| run.seconds);
        Self {
            min: seconds().fold(f64::INFINITY, f64::min),
            median: median(seconds().collect()),
            max: seconds().fold(0.0, f64::max),
        }
    }
}

/// The most that any run held.
fn peak(runs: &[Run]) -> Option<u64> {
    runs.iter().filter_map(|run| run.peak).max()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
