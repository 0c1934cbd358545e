//! Records what the stages of a run do.

use std::sync::{Mutex, PoisonError};

use salesmart_base::event::{CheckResult, Event, Ingested, Observer, Verdict};

use super::{Built, Checks, NAMES, RefusedFile, Report};

/// An observer that adds up a [`Report`].
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Report>);

impl Recorder {
    /// What the stages did so far.
    pub fn report(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let mut report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Ingested { report: ingested, .. } => add_files(&mut report, ingested),
            Event::ChecksRun(checks) => report.checks = summary(&checks.results),
            Event::BuildFinished { built, unchanged } => {
                report.models = Built { built: built.to_vec(), unchanged: *unchanged };
            }
            Event::Synced(synced) => {
                report.sync_number = synced.number;
                let changed = synced.tables.iter().filter(|(_, counts)| counts.total() > 0);
                report.tables = changed.cloned().collect();
            }
            _ => {}
        }
    }
}

fn add_files(report: &mut Report, ingested: &Ingested) {
    let files = &mut report.files;
    files.loaded += ingested.loaded;
    files.names.extend(ingested.names.iter().cloned());
    files.names.truncate(NAMES);
    files.unchanged += ingested.unchanged;
    files.duplicates += ingested.duplicates;
    files.waiting += ingested.waiting;
    let refused = ingested.refused.iter();
    files.refused.extend(refused.map(|file| RefusedFile { file: file.file.clone(), reason: file.reason.clone() }));
    report.rows.accepted += ingested.records - ingested.rejected;
    report.rows.rejected += ingested.rejected + ingested.refused.iter().map(|file| file.rejected).sum::<u64>();
    report.rows.repaired += ingested.repaired;
    report.rows.repeated += ingested.conflicts.repeated.records;
    report.rows.outranked += ingested.conflicts.outranked.records;
    report.rows.unrelated += ingested.conflicts.unrelated.records;
}

fn summary(results: &[CheckResult<'_>]) -> Checks {
    let of = |verdict| {
        let found = results.iter().filter(|result| result.verdict == verdict);
        found.map(|result| result.name.to_owned()).collect()
    };
    Checks { ran: results.len() as u64, failed: of(Verdict::Failed), warned: of(Verdict::Warned) }
}
