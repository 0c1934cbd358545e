//! What every run did: kept in the staging file, and in the warehouse when that can be reached. A [`Recorder`] observes the
//! stages.

pub mod local;
mod recorder;
pub mod warehouse;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use chrono::{DateTime, Utc};
use salesmart_base::count::RowCounts;
use salesmart_base::{clock, failure};
use serde::{Deserialize, Serialize};

pub use recorder::Recorder;

/// Of a run that loads many files, the names of so many are kept; `ingest.files` has them all.
const NAMES: usize = 100;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is at work, or its process died.
    Started,
    /// Well.
    Succeeded,
    /// With an error.
    Failed,
    /// Not at all, or not to the end, as another process was at work.
    Skipped,
    /// Its process died.
    Interrupted,
}

impl Outcome {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One run: what it was and what it did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Identifier; later runs have greater ones.
    pub run_id: String,
    /// What was called: the verb, and how it is scheduled.
    pub command: String,
    /// When it started.
    #[serde(with = "moment")]
    pub started_at: DateTime<Utc>,
    /// How long it took, in seconds, tries and the waiting between them included.
    pub seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not end well.
    pub message: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Starts that were due during the run before, and were left out.
    pub missed: u64,
    /// What its last try did.
    #[serde(flatten)]
    pub report: Report,
}

/// What the stages of a run did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Files.
    pub files: Files,
    /// Records of the files that were read.
    pub rows: Rows,
    /// Models.
    pub models: Built,
    /// Checks.
    pub checks: Checks,
    /// Rows that changed in PostgreSQL, by table; only tables of which some did.
    pub tables: BTreeMap<String, RowCounts>,
    /// The ledger's number of the sync, if anything was pushed.
    pub sync_number: Option<i64>,
    /// Seconds per stage.
    pub stages: BTreeMap<String, f64>,
}

/// What became of the files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Files {
    /// Read and loaded.
    pub loaded: u64,
    /// The names of the first of them.
    pub names: Vec<String>,
    /// As before, not read.
    pub unchanged: u64,
    /// With content that is loaded under another name.
    pub duplicates: u64,
    /// Left for the next run, because they are still being written.
    pub waiting: u64,
    /// Refused.
    pub refused: Vec<RefusedFile>,
}

/// A file of which nothing was loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefusedFile {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Records of the files that were read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// Accepted.
    pub accepted: u64,
    /// Rejected, those of refused files among them.
    pub rejected: u64,
    /// Accepted because they are repaired.
    pub repaired: u64,
    /// Accepted and replaced by a later record of the same file, with the same key and other content.
    pub repeated: u64,
    /// Accepted without effect: a file that was loaded before and sorts later has their key, with other content.
    pub outranked: u64,
    /// Replaced by unrelated records of another file, where that happens to most of a file.
    pub unrelated: u64,
}

impl Rows {
    /// Records that share their key with a record of other content.
    pub fn conflicts(&self) -> u64 {
        self.repeated + self.outranked + self.unrelated
    }
}

/// What was built.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Built {
    /// Names, in order.
    pub built: Vec<String>,
    /// How many were up to date.
    pub unchanged: u64,
}

/// What the checks found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Checks {
    /// How many ran.
    pub ran: u64,
    /// The ones that failed.
    pub failed: Vec<String>,
    /// The ones that found something and let the run go on.
    pub warned: Vec<String>,
}

impl Run {
    /// A run that starts now.
    pub fn start(command: &str) -> Self {
        Self {
            run_id: clock::run_id(),
            command: command.to_owned(),
            started_at: DateTime::<Utc>::from(SystemTime::now()),
            seconds: 0.0,
            outcome: Outcome::Started,
            message: None,
            attempts: 1,
            missed: 0,
            report: Report::default(),
        }
    }

    /// Notes how it ended. Of an error, what [`failure::recognise`] makes of it is kept.
    pub fn end(&mut self, result: &Result<()>) {
        let elapsed = DateTime::<Utc>::from(SystemTime::now()).signed_duration_since(self.started_at);
        self.seconds = elapsed.num_milliseconds().max(0) as f64 / 1000.0;
        self.message = result.as_ref().err().map(failure::in_words);
        self.outcome = match result {
            Ok(()) => Outcome::Succeeded,
            Err(error) if failure::is_overlap(error) => Outcome::Skipped,
            Err(_) => Outcome::Failed,
        };
    }

    /// The moment it started, as text that every database reads.
    pub fn started_at_text(&self) -> String {
        moment::text(&self.started_at)
    }

    /// All of it as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::to_value(self)?)
    }

    /// From what [`json`](Self::json) made.
    pub fn from_json(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text)?)
    }
}

impl Report {
    /// Notes how long a stage took.
    pub fn took(&mut self, stage: &str, elapsed: Duration) {
        self.stages.insert(stage.to_owned(), elapsed.as_millis() as f64 / 1000.0);
    }

    /// This try's report, after an earlier one of the same run: what that did is not done again, and still belongs to the run.
    pub fn after(mut self, earlier: Self) -> Self {
        self.files.unchanged = self.files.unchanged.saturating_sub(earlier.files.loaded + earlier.files.duplicates);
        self.files.loaded += earlier.files.loaded;
        self.files.duplicates += earlier.files.duplicates;
        self.files.names = earlier.files.names.into_iter().chain(self.files.names).take(NAMES).collect();
        self.rows.accepted += earlier.rows.accepted;
        self.rows.rejected += earlier.rows.rejected;
        self.rows.repaired += earlier.rows.repaired;
        self.rows.repeated += earlier.rows.repeated;
        self.rows.outranked += earlier.rows.outranked;
        self.rows.unrelated += earlier.rows.unrelated;
        self.models.unchanged = self.models.unchanged.saturating_sub(earlier.models.built.len() as u64);
        let again = std::mem::take(&mut self.models.built);
        self.models.built = earlier.models.built;
        self.models.built.extend(again);
        if self.checks.ran == 0 {
            self.checks = earlier.checks;
        }
        for (stage, seconds) in earlier.stages {
            *self.stages.entry(stage).or_default() += seconds;
        }
        self
    }

    /// Rows that changed in PostgreSQL, over all tables.
    pub fn delta(&self) -> RowCounts {
        self.tables.values().fold(RowCounts::default(), |sum, counts| RowCounts {
            inserted: sum.inserted + counts.inserted,
            updated: sum.updated + counts.updated,
            deleted: sum.deleted + counts.deleted,
        })
    }
}

/// A moment in JSON: `2026-06-01T06:00:00.123456Z`.
mod moment {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn text(moment: &DateTime<Utc>) -> String {
        moment.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    pub(super) fn serialize<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(moment))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = DateTime::parse_from_rfc3339(&text).map_err(de::Error::custom)?;
        Ok(moment.with_timezone(&Utc))
    }
}
