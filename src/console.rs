//! What the user sees while work goes on: one line per step, bars on long work, JSON lines on demand.

mod bars;
mod conflicts;
mod log;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Error;
use salesmart_base::count::grouped;
use salesmart_base::event::{Event, Observer};
use salesmart_base::failure;
use salesmart_base::notice::Notice;

use crate::stdout;
use bars::Bars;

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
#[derive(Debug, Clone)]
pub struct Console {
    format: LogFormat,
    color: bool,
    bars: Bars,
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
            bars: Bars::new(format == LogFormat::Text && std::io::stderr().is_terminal()),
            quiet: false,
        }
    }

    /// The same, without steps and messages; warnings are still given.
    pub fn quiet(&self) -> Self {
        Self { quiet: true, ..self.clone() }
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

/// Lines, warnings and bars for what the stages report.
impl Observer for Console {
    fn observe(&self, event: &Event<'_>) {
        self.bars.observe(event);
        log::write(self, event);
    }
}

/// Prints an error once, to standard error: as text, or as one JSON line.
pub fn report(error: &Error, format: LogFormat) {
    match format {
        LogFormat::Text => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            if !failure::is_failure(error) {
                eprintln!("  this was not foreseen: run again with RUST_LOG=debug and report it");
            }
        }
        LogFormat::Json => {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            let line = serde_json::json!({
                "level": "error",
                "message": error.to_string(),
                "causes": causes,
                "foreseen": failure::is_failure(error),
            });
            eprintln!("{line}");
        }
    }
}

/// Shows what is told where no observer is.
pub fn notice(notice: &Notice<'_>) {
    match notice {
        Notice::Interrupted => eprintln!("interrupted: nothing half-done is kept; run again to go on"),
        Notice::NotStopped(error) => eprintln!("warning: the embedded PostgreSQL could not be stopped: {error:#}"),
        Notice::Failpoint(name, what) => eprintln!("failpoint {name}: {what}"),
    }
}
