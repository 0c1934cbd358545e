//! The figures of all rounds.

use std::fmt;

use salesmart_base::count::grouped;
use salesmart_staging::render::Table;
use serde_json::{Value, json};

use crate::base::Step;
use crate::generated::Generated;
use crate::mart::Mart;
use crate::measure::Run;
use crate::size::Size;
use crate::tool::{EDITED, Tool};

/// A day onto 20 million records may take so many times what it takes onto 2 million.
const MOST_GROWTH: f64 = 1.5;
/// A build with nothing changed, over 2 million records, takes less than so many seconds.
const MOST_UNCHANGED: f64 = 0.3;

/// Everything that was measured.
pub struct Report<'a> {
    /// By tool, then by size.
    pub marts: &'a [Mart],
    /// The project of many models.
    pub generated: &'a Generated,
    /// Why there is no dbt.
    pub no_peer: Option<String>,
}

impl Report<'_> {
    /// The figures for other programs.
    pub fn json(&self) -> Value {
        let marts = self.marts.iter().map(|mart| {
            json!({
                "tool": mart.tool.name(),
                "records": mart.size.records(),
                "prepared": mart.prepared,
                "days": mart.days,
                "unchanged": mart.unchanged,
                "edited": mart.edited,
            })
        });
        json!({
            "marts": marts.collect::<Vec<_>>(),
            "generated": {
                "models": self.generated.count,
                "unchanged": self.generated.unchanged,
                "edited": self.generated.edited,
                "started": self.generated.started,
            },
            "growth": self.growth().map(|(_, _, growth)| growth),
            "no_dbt": self.no_peer,
        })
    }

    fn ours(&self) -> impl DoubleEndedIterator<Item = &Mart> {
        self.marts.iter().filter(|mart| mart.tool == Tool::Salesmart)
    }

    /// Of the largest history to the smallest: how many times a day takes.
    fn growth(&self) -> Option<(Size, Size, f64)> {
        let (small, large) = (self.ours().next()?, self.ours().next_back()?);
        let growth = median_of(&large.days, both) / median_of(&small.days, both);
        (small.size < large.size).then_some((large.size, small.size, growth))
    }

    fn histories(&self) -> Table {
        let mut table = table(&["from nothing", "history"], &["load s", "build s", "CPU s", "peak MB"]);
        for mart in self.marts {
            let total = mart.prepared.total();
            let seconds = [mart.prepared.load.seconds, mart.prepared.build.seconds].map(two);
            let row = [mart.tool.name().to_owned(), mart.size.to_string()].into_iter().chain(seconds);
            table.push(row.chain([shown_cpu(total.cpu), shown_peak(total.peak)]).map(Some).collect());
        }
        table
    }

    fn days(&self) -> Table {
        let numbers = ["load s", "build s", "min s", "median s", "max s", "CPU s", "peak MB"];
        let mut table = table(&["a day onto", "history"], &numbers);
        for mart in self.marts {
            let totals: Vec<Run> = mart.days.iter().map(Step::total).collect();
            let parts =
                [median_of(&mart.days, |step| step.load.seconds), median_of(&mart.days, |step| step.build.seconds)];
            let row = [mart.tool.name().to_owned(), mart.size.to_string()].into_iter().chain(parts.map(two));
            table.push(row.chain(times(&totals)).map(Some).collect());
        }
        table
    }

    fn builds(&self) -> Table {
        let mut table = table(&["one command", "tool", "history"], &["min s", "median s", "max s", "CPU s", "peak MB"]);
        let mut push = |what: &str, tool: &str, history: &str, runs: &[Run]| {
            let row = [what, tool, history].map(str::to_owned).into_iter();
            table.push(row.chain(times(runs)).map(Some).collect());
        };
        for mart in self.marts {
            push("build, nothing changed", mart.tool.name(), &mart.size.to_string(), &mart.unchanged);
        }
        for mart in self.marts.iter().filter(|mart| !mart.edited.is_empty()) {
            push(&format!("build, {EDITED} edited"), mart.tool.name(), &mart.size.to_string(), &mart.edited);
        }
        let (generated, ours) = (self.generated, Tool::Salesmart.name());
        push(&format!("build, {} models, nothing changed", generated.count), ours, "sample", &generated.unchanged);
        push(&format!("build, {} models, one edited", generated.count), ours, "sample", &generated.edited);
        push("show \"select 1\"", ours, "sample", &generated.started);
        table
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n\n{}\n", self.histories(), self.days(), self.builds())?;
        match &self.no_peer {
            None => writeln!(
                f,
                "dbt: load is read_csv into a table; stg_sales and fact_sales are incremental by file, the rest tables; no \
                 tests.\nThe times of salesmart's builds include its checks. After an edit dbt is told which model to run.\n"
            )?,
            Some(reason) => writeln!(f, "no dbt: {reason}\n")?,
        }
        for dbt in self.marts.iter().filter(|mart| mart.tool != Tool::Salesmart) {
            if let Some(ours) = self.ours().find(|mart| mart.size == dbt.size) {
                let day = median_of(&dbt.days, both) / median_of(&ours.days, both);
                writeln!(f, "dbt / salesmart, a day onto {}, ratio of the medians: {day:.2}", dbt.size)?;
            }
        }
        if let Some((large, small, growth)) = self.growth() {
            write!(f, "a day onto {large} / onto {small}, ratio of the medians: {growth:.2}")?;
            match (small, large) == (Size::millions(2), Size::millions(20)) {
                true => writeln!(f, "; at most {MOST_GROWTH:.2}: {}", verdict(growth <= MOST_GROWTH))?,
                false => writeln!(f, "; the bar of {MOST_GROWTH:.2} is for 20M / 2M")?,
            }
        }
        match self.ours().find(|mart| mart.size == Size::millions(2)) {
            Some(mart) => {
                let seconds = median_of(&mart.unchanged, |run| run.seconds);
                let verdict = verdict(seconds < MOST_UNCHANGED);
                write!(
                    f,
                    "build with nothing changed over 2M, median: {seconds:.2} s; under {MOST_UNCHANGED:.2} s: {verdict}"
                )
            }
            None => write!(f, "build with nothing changed: the bar of {MOST_UNCHANGED:.2} s is for 2M"),
        }
    }
}

fn table(texts: &[&'static str], numbers: &[&'static str]) -> Table {
    let texts = texts.iter().map(|name| (*name, false));
    Table::new(&texts.chain(numbers.iter().map(|name| (*name, true))).collect::<Vec<_>>())
}

/// Least, median and most seconds, median of the cores' seconds, most memory.
fn times(runs: &[Run]) -> [String; 5] {
    let seconds = || runs.iter().map(|run| run.seconds);
    let cpu: Option<Vec<f64>> = runs.iter().map(|run| run.cpu).collect();
    [
        two(seconds().fold(f64::INFINITY, f64::min)),
        two(median(seconds().collect())),
        two(seconds().fold(0.0, f64::max)),
        shown_cpu(cpu.map(median)),
        shown_peak(runs.iter().filter_map(|run| run.peak).max()),
    ]
}

fn both(step: &Step) -> f64 {
    step.total().seconds
}

fn two(seconds: f64) -> String {
    format!("{seconds:.2}")
}

fn shown_cpu(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "n/a".to_owned(), two)
}

fn shown_peak(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "n/a".to_owned(), |bytes| grouped(bytes / 1_000_000))
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "not met" }
}

fn median_of<T>(items: &[T], value: impl Fn(&T) -> f64) -> f64 {
    median(items.iter().map(value).collect())
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
