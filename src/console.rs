//! What the user sees while work goes on: one line per step, bars on long work, JSON lines on demand.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::stdout;

/// How steps and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per step.
    #[default]
    Text,
    /// One JSON object per line, for schedulers.
    Json,
}

/// One finished step.
#[derive(Debug)]
pub struct Step<'a> {
    /// The stage: `ingest`, `build`, `check`, `sync`.
    pub stage: &'a str,
    /// What was worked on: a file, a model, a table.
    pub subject: &'a str,
    /// Rows written or looked at, if that means something here.
    pub rows: Option<u64>,
    /// Wall time.
    pub elapsed: Duration,
    /// Anything more worth saying.
    pub note: String,
}

/// Writes steps to standard output, progress and warnings to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    format: LogFormat,
    color: bool,
    bars: bool,
    quiet: bool,
}

/// Colours with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// What to look at first.
    Bold,
    /// More, or new.
    Green,
    /// Less, or gone.
    Red,
    /// Other than before, or worth a thought.
    Yellow,
}

impl Console {
    /// A console for the process's own standard streams. `NO_COLOR` switches colour off.
    pub fn new(format: LogFormat) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            format,
            color: format == LogFormat::Text && std::io::stdout().is_terminal() && !no_color,
            bars: format == LogFormat::Text && std::io::stderr().is_terminal(),
            quiet: false,
        }
    }

    /// The same, without steps and messages; warnings are still given.
    pub fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// Reports a finished step.
    pub fn step(&self, step: &Step<'_>) {
        if self.quiet {
            return;
        }
        let seconds = step.elapsed.as_secs_f64();
        match self.format {
            LogFormat::Text => {
                // Where no rows are counted, a long subject has their place.
                let subject = match step.rows {
                    Some(rows) => format!("{:<26} {:>16}", step.subject, format!("{} rows", grouped(rows))),
                    None => format!("{:<43}", step.subject),
                };
                let stage = self.paint("1;36", &format!("{:<7}", step.stage));
                let line = format!("{stage} {subject} {seconds:>7.2} s  {}", step.note);
                stdout::say(line.trim_end());
            }
            LogFormat::Json => stdout::say(
                &serde_json::json!({
                    "level": "info", "stage": step.stage, "subject": step.subject,
                    "rows": step.rows, "seconds": seconds, "note": step.note,
                })
                .to_string(),
            ),
        }
    }

    /// Says something that is part of the answer.
    pub fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.format {
            LogFormat::Text => stdout::say(text),
            LogFormat::Json => stdout::say(&serde_json::json!({"level": "info", "message": text}).to_string()),
        }
    }

    /// Says something that is a text for people and an object for programs.
    pub fn finding(&self, stage: &str, text: &str, value: &serde_json::Value) {
        match self.format {
            LogFormat::Text => stdout::say(text),
            LogFormat::Json => {
                stdout::say(&serde_json::json!({"level": "info", "stage": stage, "finding": value}).to_string())
            }
        }
    }

    /// Says something the user should know but that does not stop the work.
    pub fn warn(&self, text: &str) {
        match self.format {
            LogFormat::Text => eprintln!("{} {text}", self.paint("1;33", "warning:")),
            LogFormat::Json => eprintln!("{}", serde_json::json!({"level": "warn", "message": text})),
        }
    }

    /// A heading in a summary.
    pub fn heading(&self, text: &str) {
        if self.format == LogFormat::Text && !self.quiet {
            stdout::say(&format!("\n{}", self.paint("1", text)));
        }
    }

    /// A progress bar over `total` bytes of files, with the rows counted in `rows`; hidden where standard error is not a
    /// terminal.
    pub fn ingest_bar(&self, total: u64, label: &str, rows: Arc<AtomicU64>) -> ProgressBar {
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes}  {rows}  {eta}";
        let bar = self.bar(total, label, template);
        let style = bar.style().with_key("rows", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let count = rows.load(Ordering::Relaxed);
            let seconds = state.elapsed().as_secs_f64().max(0.001);
            // A display that cannot be written to shows nothing.
            let _ = write!(out, "{} rows, {}/s", grouped(count), grouped((count as f64 / seconds) as u64));
        });
        bar.with_style(style)
    }

    /// A spinner that counts rows.
    pub fn row_counter(&self, label: &str) -> ProgressBar {
        self.bar(0, label, "{spinner} {msg} {human_pos} rows {elapsed}")
    }

    fn bar(&self, total: u64, label: &str, template: &str) -> ProgressBar {
        let target = match self.bars {
            true => ProgressDrawTarget::stderr_with_hz(8),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(label.to_owned())
    }

    /// A text in colour, if there are colours.
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => "1",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Yellow => "33",
        };
        self.paint(code, text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.color {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// `1 record`, `1,234 records`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// A count with thousands separators: `1234567` is `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
