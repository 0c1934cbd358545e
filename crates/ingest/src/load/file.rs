//! Loads one file in one transaction, accounted for to the last record.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use duckdb::{Connection, params};
use salesmart_base::count::{counted, grouped};
use salesmart_base::event::Progress;
use salesmart_base::{fail, failpoint, hash};
use salesmart_staging::{Staging, literal};

use super::batch::Typer;
use super::catalog::{self, SourceFile};
use super::feed::{self, Job, Outcome};
use super::{source_table, unique};
use crate::contract::Contract;
use crate::contract::dialect::Syntax;
use crate::read::header::Places;
use crate::read::opened::Opened;
use crate::read::split::Splitter;
use crate::rejects;
use crate::rejects::repairs::Repairs;

/// Of a file that is refused whole, the rejects of so many lines are kept.
const KEPT_OF_REFUSED: usize = 10_000;

/// What is known of a file before it is read.
pub struct Facts<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The file.
    pub file: &'a SourceFile,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// Its content's hash, if it was needed before reading.
    pub content_hash: Option<String>,
    /// What the staging file has of it.
    pub earlier: Earlier,
    /// The file whose repairs count for this content, and their hash.
    pub repairs: Option<(PathBuf, String)>,
    /// Size, times and inode, if they can be trusted.
    pub signature: Option<String>,
}

/// What the staging file has of a file before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// The same content, loaded with other repairs.
    SameContent,
    /// Other content, or the note that it was refused.
    Other,
}

/// What became of a file.
#[derive(Debug)]
pub struct Loaded {
    /// The file's name.
    pub name: String,
    /// Why it was refused whole, if it was: nothing of it is loaded, and the run goes on with the next one.
    pub refused: Option<String>,
    /// What was read. The rejects have been stored.
    pub outcome: Outcome,
    /// What differs from the contract and is allowed; empty if nothing does.
    pub drift: String,
    /// Whether there is a list of rejects beside the file; the caller writes it.
    pub listed: Result<bool>,
}

/// Why a file was not loaded.
enum Problem {
    /// The file is at fault.
    Refused { reason: String, outcome: Box<Outcome>, places: Option<String> },
    /// Anything else ends the run.
    Error(anyhow::Error),
}

impl Problem {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), outcome: Box::default(), places: None }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Loads a file, or notes why it is refused.
///
/// # Errors
/// Anything that is not the file's fault.
pub fn load(staging: &Staging, facts: &Facts<'_>, progress: &Progress) -> Result<Loaded> {
    let name = facts.file.name.clone();
    match try_load(staging, facts, progress) {
        Ok((outcome, drift)) => Ok(Loaded { name, refused: None, outcome, drift, listed: Ok(false) }),
        Err(Problem::Refused { reason, outcome, places }) => {
            let mut outcome = *outcome;
            let rejects = std::mem::take(&mut outcome.rejects);
            let reason = staging.transaction(|conn| {
                let source = &facts.contract.source;
                let faults = rejects::store_first(conn, source, &name, rejects, KEPT_OF_REFUSED)?;
                let reason = match faults.is_empty() {
                    true => reason,
                    false => format!("{reason}: {faults}; nothing of the file is loaded; see `salesmart rejects`"),
                };
                record_refusal(conn, facts, &reason, &outcome, places.as_deref())?;
                Ok(reason)
            })?;
            Ok(Loaded { name, refused: Some(reason), outcome, drift: String::new(), listed: Ok(false) })
        }
        Err(Problem::Error(error)) => Err(error),
    }
}

fn try_load(staging: &Staging, facts: &Facts<'_>, progress: &Progress) -> Result<(Outcome, String), Problem> {
    let Facts { contract, file, .. } = facts;
    let path = &file.path;
    let repairs = match &facts.repairs {
        Some((owner, _)) => Repairs::load(owner, contract)?,
        None => Repairs::default(),
    };
    let corrected = repairs.clone();
    let opened = match Opened::at(path, contract, progress).map_err(|error| refusal_of(path, error))? {
        Ok(opened) => opened,
        Err(reason) => return Err(Problem::refused(reason)),
    };
    let Opened { source, places, syntax, tap } = opened;
    let splitter = Splitter::new(contract, syntax, places.clone());
    let job = Job::new(source, Typer::new(contract, splitter, repairs), progress.clone());

    // A refusal has to undo the insert, so it travels through the transaction as an error.
    let mut refused = None;
    let loaded = staging.transaction(|conn| {
        match facts.earlier {
            Earlier::Nothing => {}
            Earlier::SameContent => catalog::clear(conn, &contract.source, &file.name)?,
            Earlier::Other => {
                catalog::withdraw(conn, &contract.source, &file.name)?;
            }
        }
        let load = source_table::next_load(conn)?;
        let target = format!("loaded.{}", contract.source);
        let mut outcome = feed::insert(conn, &target, &format!("{load}, {}", literal(&file.name)), job)?;
        reject_duplicates(conn, facts, load, &places, syntax, &corrected, &mut outcome)?;
        if let Some(reason) = refusal(contract, &outcome) {
            refused = Some((reason, outcome));
            anyhow::bail!("refused");
        }
        let content_hash = match (&facts.content_hash, tap) {
            (Some(hash), _) => hash.clone(),
            (None, Some(tap)) => tap.finish()?,
            (None, None) => hash::of_file(path)?,
        };
        check_unchanged(path, facts)?;
        account(conn, facts, load, &places, &content_hash, &outcome)?;
        if outcome.rejected > 0 {
            rejects::store(conn, &contract.source, &file.name, std::mem::take(&mut outcome.rejects))?;
        }
        failpoint::hit("ingest.before_commit");
        Ok(outcome)
    });
    match (loaded, refused) {
        (Ok(outcome), _) => Ok((outcome, places.note)),
        (Err(_), Some((reason, outcome))) => {
            Err(Problem::Refused { reason, outcome: Box::new(outcome), places: Some(places.written()) })
        }
        (Err(error), None) => Err(refusal_of(path, error)),
    }
}

/// A stream that breaks off or is damaged is the file's fault; an error of the operating system is not.
fn refusal_of(path: &Path, error: anyhow::Error) -> Problem {
    match error.downcast_ref::<io::Error>() {
        Some(io) if io.raw_os_error().is_none() => Problem::refused(match io.kind() {
            io::ErrorKind::UnexpectedEof => format!("it breaks off ({io}); is it complete?"),
            _ => format!("it cannot be read: {io}"),
        }),
        _ => Problem::Error(error.context(format!("cannot load {}", path.display()))),
    }
}

/// Holds the file to the contract's `unique`.
fn reject_duplicates(
    conn: &Connection,
    facts: &Facts<'_>,
    load: i64,
    places: &Places,
    syntax: Syntax,
    repairs: &Repairs,
    outcome: &mut Outcome,
) -> Result<()> {
    let later = unique::take_out(conn, facts.contract, load)?;
    if later.is_empty() {
        return Ok(());
    }
    let again = match Opened::at(&facts.file.path, facts.contract, &Progress::default())? {
        Ok(opened) => opened.source,
        Err(reason) => anyhow::bail!("{reason}"),
    };
    let splitter = Splitter::new(facts.contract, syntax, places.clone());
    unique::reject(facts.contract, &later, again, &splitter, &mut outcome.rejects)?;
    outcome.rejected += later.len() as u64;
    outcome.inserted -= later.len() as u64;
    // Accepted with its repair, and refused now.
    let repaired = later.keys().filter(|line| repairs.has(**line)).count() as u64;
    outcome.repaired = outcome.repaired.saturating_sub(repaired);
    outcome.totals = catalog::totals(conn, facts.contract, load)?;
    Ok(())
}

pub(super) fn refusal(contract: &Contract, outcome: &Outcome) -> Option<String> {
    if outcome.records == 0 && !contract.allow_empty {
        return Some("the file has no records; if that is right, set allow_empty = true in the contract".to_owned());
    }
    contract.max_rejects.exceeded(outcome.rejected, outcome.records).then(|| {
        format!(
            "{} of {} rejected, more than max_rejects = {}",
            grouped(outcome.rejected),
            counted(outcome.records, "record"),
            contract.max_rejects
        )
    })
}

/// A file that is still being written must not be loaded half.
pub(super) fn check_unchanged(path: &Path, facts: &Facts<'_>) -> Result<()> {
    let now = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    match now.len() == facts.bytes && now.modified().ok() == facts.modified {
        true => Ok(()),
        false => fail!(
            "{} changed while it was read; nothing of it is loaded, run again when it is complete",
            path.display()
        ),
    }
}

/// Proves that every accepted record has become a row, and keeps the counts and the control totals. That the table's
/// own sums are these totals is checked for all files at once, by [`catalog::reconcile`].
fn account(
    conn: &Connection,
    facts: &Facts<'_>,
    load: i64,
    places: &Places,
    content_hash: &str,
    outcome: &Outcome,
) -> Result<()> {
    let Facts { contract, file, .. } = facts;
    let source = contract.source.as_str();
    let accepted = outcome.records - outcome.rejected;
    if outcome.inserted != accepted {
        anyhow::bail!("{}: {accepted} records were accepted but {} rows arrived", file.name, outcome.inserted);
    }
    catalog::store_totals(conn, contract, std::iter::once((file.name.as_str(), outcome.totals.as_slice())))?;
    conn.execute(
        "insert into ingest.files values (?, ?, ?, ?, null, 'loaded', null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            source,
            file.name,
            content_hash,
            facts.signature,
            facts.bytes,
            outcome.records,
            accepted,
            outcome.rejected,
            outcome.repaired,
            outcome.skipped.total(),
            places.written(),
            Some(&places.note).filter(|note| !note.is_empty()),
            facts.repairs.as_ref().map(|(_, hash)| hash),
            load,
        ],
    )?;
    Ok(())
}

/// Keeps the reason of a refused file. If an earlier content of it is loaded, that stays; the rejects are the new one's.
fn record_refusal(
    conn: &Connection,
    facts: &Facts<'_>,
    reason: &str,
    outcome: &Outcome,
    places: Option<&str>,
) -> Result<()> {
    let (source, name) = (facts.contract.source.as_str(), facts.file.name.as_str());
    let loaded = catalog::known(conn, source, name)?.is_some_and(|known| known.outcome != "refused");
    if loaded {
        conn.execute(
            "update ingest.files set reason = ?, places = ?, stat_signature = null where source = ? and file = ?",
            params![reason, places, source, name],
        )?;
    } else {
        conn.execute(
            "insert or replace into ingest.files values (?, ?, '', null, null, 'refused', ?, ?, ?, 0, ?, ?, ?, ?, null, null, null)",
            params![
                source,
                name,
                reason,
                facts.bytes,
                outcome.records,
                outcome.rejected,
                outcome.repaired,
                outcome.skipped.total(),
                places
            ],
        )?;
    }
    Ok(())
}
