//! One test and how it went.

use std::time::{Duration, Instant};

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A model, on rows given for it.
    Unit,
    /// A query that returns offending rows.
    Check,
    /// A query whose result is reviewed.
    Snapshot,
    /// A published model, against a full rebuild.
    Rebuild,
}

impl Kind {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Unit, Self::Check, Self::Snapshot, Self::Rebuild];

    /// The word at the start of a line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Check => "check",
            Self::Snapshot => "snap",
            Self::Rebuild => "rebuild",
        }
    }

    /// The name of all of this kind.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Unit => "units",
            Self::Check => "checks",
            Self::Snapshot => "snapshots",
            Self::Rebuild => "rebuild",
        }
    }
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should, but the project lets that pass; and why.
    Warned(String),
    /// Its reviewed result was written, and what is new about it.
    Written(String),
    /// Not as it should, and why.
    Failed(String),
}

impl Outcome {
    /// The word at the end of a line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned(_) => "warned",
            Self::Written(_) => "written",
            Self::Failed(_) => "FAILED",
        }
    }

    /// What there is to say beyond the word.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Warned(detail) | Self::Written(detail) | Self::Failed(detail) => Some(detail),
        }
    }

    /// Whether the test failed.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// One test that has run.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is tested.
    pub kind: Kind,
    /// The model, check or query.
    pub subject: String,
    /// The test's own name, where a subject has several.
    pub name: Option<String>,
    /// The file where it is written, relative to the project.
    pub file: String,
    /// How long it took.
    pub elapsed: Duration,
    /// How it went.
    pub outcome: Outcome,
}

impl Case {
    /// Runs a test and takes its time.
    pub fn timed(
        kind: Kind,
        subject: &str,
        name: Option<&str>,
        file: &str,
        run: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<Self> {
        let started = Instant::now();
        let outcome = run()?;
        Ok(Self {
            kind,
            subject: subject.to_owned(),
            name: name.map(str::to_owned),
            file: file.to_owned(),
            elapsed: started.elapsed(),
            outcome,
        })
    }

    /// What kept tests from running, as a test that failed.
    pub fn failed(kind: Kind, subject: &str, error: &anyhow::Error) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            name: None,
            file: String::new(),
            elapsed: Duration::ZERO,
            outcome: Outcome::Failed(format!("{error:#}")),
        }
    }

    /// `fact_sales: a return counts negatively`.
    pub fn title(&self) -> String {
        title(&self.subject, self.name.as_deref())
    }
}

/// A subject and the name of one of its tests.
pub fn title(subject: &str, name: Option<&str>) -> String {
    name.map_or_else(|| subject.to_owned(), |name| format!("{subject}: {name}"))
}
