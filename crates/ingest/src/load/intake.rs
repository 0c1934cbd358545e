//! Loads what is new or changed of all sources: decides which files need reading, and reads several at once.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::count::{counted, grouped};
use salesmart_base::event::{Event, Ingested, Observer, Progress, Refused};
use salesmart_base::failure::Failure;
use salesmart_base::{fail, hash};
use salesmart_staging::Staging;

use super::catalog::{self, Known, SourceFile};
use super::file::{self, Earlier, Facts, Loaded};
use super::key_conflicts::Arrivals;
use super::{complete, feed, group, source_table};
use crate::contract::Contract;
use crate::rejects;
use crate::rejects::repairs;

/// Which files are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Taken<'a> {
    /// All that the contracts name.
    All,
    /// Of those, the ones that have not changed for so long.
    Complete(Duration),
    /// These.
    Only(&'a [SourceFile]),
}

/// Loads what is new or changed of all contracts.
///
/// # Errors
/// A contract without any file, loaded or to load, is an error. Refused files are reported, not errors: the
/// caller decides, after all others are loaded.
pub fn run(
    config: &Config,
    staging: &Staging,
    contracts: &[&Contract],
    taken: Taken<'_>,
    observer: &dyn Observer,
) -> Result<Ingested> {
    feed::register(staging.conn())?;
    // Looking for dictionaries costs more than all else in writing texts; FSST alone takes a sixth of the time off the
    // whole ingest, for files that are a third larger.
    // And of many small files, checkpoints in between would write the same row groups again and again.
    staging.conn().execute_batch(
        "set disabled_compression_methods = 'dictionary,dict_fsst,zstd,roaring'; set checkpoint_threshold = '256MB'",
    )?;
    let report =
        staging.limited_to(memory(config, contracts), || all_sources(config, staging, contracts, taken, observer));
    staging.conn().execute_batch("reset disabled_compression_methods; reset checkpoint_threshold")?;
    report
}

/// How much memory loading takes, in bytes, unless the project says it. Left alone, DuckDB keeps what it has written, up to its limit,
/// before it spills anything. Per thread and column it holds a few blocks in any case; with less than that it gives up, so the limit is
/// twice as much.
fn memory(config: &Config, contracts: &[&Contract]) -> u64 {
    const LEAST: usize = 300 << 20;
    const PER_COLUMN: usize = 4 << 20;
    if config.memory.is_declared() {
        return config.memory.bytes();
    }
    let columns = contracts.iter().map(|contract| contract.columns.len()).max().unwrap_or(0);
    let limit = LEAST.max(columns * threads(config) * PER_COLUMN) as u64;
    limit.min(config.memory.bytes())
}

fn threads(config: &Config) -> usize {
    config.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn all_sources(
    config: &Config,
    staging: &Staging,
    contracts: &[&Contract],
    taken: Taken<'_>,
    observer: &dyn Observer,
) -> Result<Ingested> {
    let mut total = Ingested::default();
    for contract in contracts {
        let started = Instant::now();
        let mut files = match taken {
            Taken::Only(files) => files.to_vec(),
            Taken::All | Taken::Complete(_) => catalog::find(config, contract)?,
        };
        let kept = source_table::prepare(staging, contract, &files, matches!(taken, Taken::Only(_)))?;
        if !kept.is_empty() {
            observer.observe(&Event::RowsKept { source: &contract.source, files: &kept });
        }
        let found = files.len();
        if let Taken::Complete(settle) = taken {
            files = complete::only(files, settle);
            if files.is_empty() && found > 0 && catalog::names(staging.conn(), &contract.source)?.is_empty() {
                return Err(Failure::transient(format!(
                    "all files of the source {} are still being written; they are loaded once they have not changed for {} s",
                    contract.source,
                    settle.as_secs_f64()
                ))
                .into());
            }
        }
        let bytes =
            files.iter().filter_map(|file| std::fs::metadata(&file.path).ok()).map(|metadata| metadata.len()).sum();
        let progress = Progress::default();
        let source = contract.source.as_str();
        observer.observe(&Event::IngestStarted { source, bytes, progress: &progress });
        let intake = Intake { config, staging, contract, observer, progress: &progress };
        let mut report = intake.run(&files)?;
        report.waiting = (found - files.len()) as u64;
        observer.observe(&Event::Ingested { source, report: &report, elapsed: started.elapsed() });
        total.add(report);
    }
    Ok(total)
}

/// The files of one source on their way in.
struct Intake<'a> {
    config: &'a Config,
    staging: &'a Staging,
    contract: &'a Contract,
    observer: &'a dyn Observer,
    progress: &'a Progress,
}

/// What is to be done with one file.
enum Plan<'a> {
    /// Nothing: its content is loaded.
    Done,
    /// It has to be read.
    Load(Facts<'a>),
    /// It has the content of another file of this run, which has to be loaded first.
    Twin,
}

/// What is known of all files of the source.
struct Lookup {
    /// How many files, here and in the staging file, have a size.
    sizes: HashMap<u64, u32>,
    /// Names of which the staging file has anything.
    names: HashSet<String>,
    /// Hashes of the contents that are loaded; `None` once more have been loaded.
    contents: Option<HashSet<String>>,
    /// Per content, the file beside which its repairs lie, and their hash. They count for every copy of the content.
    repairs: HashMap<String, (PathBuf, String)>,
}

impl<'a> Intake<'a> {
    fn run(&self, files: &'a [SourceFile]) -> Result<Ingested> {
        let mut report = Ingested::default();
        let (faulty, files): (Vec<&SourceFile>, Vec<&SourceFile>) = files.iter().partition(|file| file.fault.is_some());
        for file in faulty {
            let reason = file.fault.clone().unwrap_or_default();
            report.refused.push(Refused { file: file.name.clone(), reason, rejected: 0 });
        }
        let known = catalog::known_files(self.staging.conn(), &self.contract.source)?;
        let mut sizes: HashMap<u64, u32> = HashMap::new();
        let sized = files.iter().filter_map(|file| std::fs::metadata(&file.path).ok()).map(|metadata| metadata.len());
        // A file that is known counts twice with itself, and is looked at more closely either way.
        for size in sized.chain(known.values().map(|known| known.bytes)) {
            *sizes.entry(size).or_default() += 1;
        }
        let names = catalog::names(self.staging.conn(), &self.contract.source)?;
        let contents = Some(catalog::loaded_contents(self.staging.conn(), &self.contract.source)?);
        let mut lookup = Lookup { sizes, names, contents, repairs: repairs_by_content(&files, &known)? };
        catalog::elect(self.staging, &self.contract.source)?;
        let mut arrivals = Arrivals::default();
        let (mut loads, mut twins, mut hashes) = (Vec::new(), Vec::new(), HashSet::new());
        for file in files {
            match self.plan(file, known.get(&file.name), &lookup, &mut hashes, &mut report)? {
                Plan::Done => {}
                Plan::Load(facts) => loads.push(facts),
                Plan::Twin => twins.push(file),
            }
        }
        self.settle(self.load_all(&loads)?, &mut arrivals, &mut report)?;
        lookup.contents = None;
        // Now their twins are loaded, or refused.
        for file in twins {
            if let Plan::Load(facts) = self.plan(file, None, &lookup, &mut HashSet::new(), &mut report)? {
                self.settle(vec![self.load(self.staging, &facts)?], &mut arrivals, &mut report)?;
            }
        }
        report.conflicts = arrivals.conflicts(self.staging.conn(), self.contract)?;
        Ok(report)
    }

    /// Compares what was read with what the table holds, and adds it to the report.
    fn settle(&self, mut loaded: Vec<Loaded>, arrivals: &mut Arrivals, report: &mut Ingested) -> Result<()> {
        let names: HashSet<&str> =
            loaded.iter().filter(|loaded| loaded.refused.is_none()).map(|loaded| loaded.name.as_str()).collect();
        catalog::reconcile(self.staging.conn(), self.contract, &names)?;
        loaded.iter_mut().for_each(|loaded| arrivals.add(loaded));
        loaded.into_iter().for_each(|loaded| self.note(loaded, report));
        Ok(())
    }

    /// Decides what a file needs. Its content is hashed only where another one has its size: else it cannot be the same.
    fn plan(
        &self,
        file: &'a SourceFile,
        known: Option<&Known>,
        lookup: &Lookup,
        hashes: &mut HashSet<String>,
        report: &mut Ingested,
    ) -> Result<Plan<'a>> {
        let (conn, source) = (self.staging.conn(), self.contract.source.as_str());
        let metadata = match std::fs::metadata(&file.path) {
            Ok(metadata) => metadata,
            Err(error) => fail!("cannot read {}: {error}", file.path.display()),
        };
        let size = metadata.len();
        let signature = catalog::stat_signature(&metadata);
        // A copy has no rows of its own: its repairs are those of the file that has them.
        let is_repaired_alike = |known: &Known| {
            let hash = lookup.repairs.get(&known.content_hash).map(|(_, hash)| hash);
            known.outcome == "duplicate" || known.repairs_hash.as_ref() == hash
        };
        let is_same_stat = known.is_some_and(|known| signature.is_some() && known.stat_signature == signature);
        if is_same_stat && known.is_some_and(is_repaired_alike) {
            self.progress.add_bytes(size);
            report.unchanged += 1;
            return Ok(Plan::Done);
        }
        let mut facts = Facts {
            contract: self.contract,
            file,
            bytes: size,
            modified: metadata.modified().ok(),
            content_hash: None,
            earlier: if lookup.names.contains(&file.name) { Earlier::Other } else { Earlier::Nothing },
            repairs: None,
            signature,
        };
        let has_repairs = repairs::repairs_file(&file.path).is_file();
        if !has_repairs && lookup.sizes.get(&size).is_none_or(|count| *count < 2) {
            return Ok(Plan::Load(facts));
        }
        let content_hash = match hash::of_file(&file.path) {
            Ok(hash) => hash,
            Err(error) => fail!("{error:#}"),
        };
        facts.repairs = lookup.repairs.get(&content_hash).cloned();
        if let Some(known) = known.filter(|known| known.content_hash == content_hash) {
            if !is_repaired_alike(known) {
                facts.earlier = Earlier::SameContent;
                hashes.insert(content_hash.clone());
                facts.content_hash = Some(content_hash);
                return Ok(Plan::Load(facts));
            }
            self.progress.add_bytes(size);
            catalog::touch(conn, source, &file.name, facts.signature.as_deref())?;
            report.unchanged += 1;
            return Ok(Plan::Done);
        }
        if hashes.contains(&content_hash) {
            return Ok(Plan::Twin);
        }
        // A file of the same content may be loaded only if the content is; most are not, and each question takes a millisecond.
        let is_new = lookup.contents.as_ref().is_some_and(|contents| !contents.contains(&content_hash));
        let twin = if is_new { None } else { catalog::twin(conn, source, &file.name, &content_hash)? };
        if let Some(twin) = twin {
            self.progress.add_bytes(size);
            self.staging.transaction(|conn| {
                let signature = facts.signature.as_deref();
                catalog::record_twin(conn, self.contract, &file.name, &twin, &content_hash, signature)
            })?;
            self.observer.observe(&Event::DuplicateFile { file: &file.name, same_as: &twin });
            report.duplicates += 1;
            return Ok(Plan::Done);
        }
        hashes.insert(content_hash.clone());
        facts.content_hash = Some(content_hash);
        Ok(Plan::Load(facts))
    }

    /// Loads files, several at once. DuckDB's threads share the work of one large file; of small ones, whole files run
    /// side by side.
    fn load_all(&self, loads: &[Facts<'a>]) -> Result<Vec<Loaded>> {
        let mut loaded: Vec<Loaded> = Vec::with_capacity(loads.len());
        let (groups, others) = group::part(loads);
        let units: Vec<Vec<&Facts<'_>>> =
            groups.into_iter().chain(others.into_iter().map(|facts| vec![facts])).collect();
        let workers = threads(self.config).min(units.len());
        if workers < 2 {
            for unit in &units {
                loaded.extend(load_unit(self.staging, self.contract, unit, self.progress)?);
            }
            loaded.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(loaded);
        }
        let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let done: Mutex<Vec<Result<Vec<Loaded>>>> = Mutex::default();
        let connections = (0..workers).map(|_| self.staging.another()).collect::<Result<Vec<_>>>()?;
        let (contract, progress) = (self.contract, self.progress);
        std::thread::scope(|scope| {
            for staging in connections {
                let (next, is_over, done, units) = (&next, &is_over, &done, &units);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed)
                        && let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let result = load_unit(&staging, contract, unit, progress);
                        if result.is_err() {
                            is_over.store(true, Ordering::Relaxed);
                        }
                        done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for result in done {
            loaded.extend(result?);
        }
        // They end in any order.
        loaded.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(loaded)
    }

    fn load(&self, staging: &Staging, facts: &Facts<'a>) -> Result<Loaded> {
        load_and_list(staging, self.contract, facts, self.progress)
    }

    /// Adds what became of a file to the report.
    fn note(&self, loaded: Loaded, report: &mut Ingested) {
        let Loaded { name, refused, outcome, drift, listed } = loaded;
        match refused {
            Some(reason) => report.refused.push(Refused { file: name.clone(), reason, rejected: outcome.rejected }),
            None => {
                report.loaded += 1;
                report.names.push(name.clone());
                report.records += outcome.records;
                report.rejected += outcome.rejected;
                report.repaired += outcome.repaired;
                report.skipped.add(&outcome.skipped);
                report.fitted.add(&outcome.fitted);
                let counts = self.contract.columns.iter().zip(&outcome.rounded).filter(|(_, count)| **count > 0);
                for (column, count) in counts {
                    report.rounded.add(&column.name, *count);
                }
            }
        }
        if !drift.is_empty() {
            *report.drift.entry(drift).or_default() += 1;
        }
        match listed {
            Ok(true) => report.with_rejects.push(format!(
                "{name}: {} of {} rejected",
                grouped(outcome.rejected),
                counted(outcome.records, "record")
            )),
            Ok(false) => {}
            Err(error) => self.observer.observe(&Event::RejectsNotListed { error: &error }),
        }
    }
}

/// Where the repairs of each content lie. Of several copies with repairs of their own, those of the greatest name count.
fn repairs_by_content(
    files: &[&SourceFile],
    known: &HashMap<String, Known>,
) -> Result<HashMap<String, (PathBuf, String)>> {
    let mut by_content = HashMap::new();
    for file in files {
        let path = repairs::repairs_file(&file.path);
        if !path.is_file() {
            continue;
        }
        let signature = std::fs::metadata(&file.path).ok().and_then(|metadata| catalog::stat_signature(&metadata));
        let content =
            match known.get(&file.name).filter(|known| signature.is_some() && known.stat_signature == signature) {
                Some(known) => known.content_hash.clone(),
                None => hash::of_file(&file.path)?,
            };
        by_content.insert(content, (file.path.clone(), hash::of_file(&path)?));
    }
    Ok(by_content)
}

/// Loads one file, or a group of small ones.
fn load_unit(staging: &Staging, contract: &Contract, unit: &[&Facts<'_>], progress: &Progress) -> Result<Vec<Loaded>> {
    if let [facts] = unit {
        return Ok(vec![load_and_list(staging, contract, facts, progress)?]);
    }
    let (mut loaded, others) = group::load(staging, contract, unit, progress)?;
    let paths: HashMap<&str, &Path> =
        unit.iter().map(|facts| (facts.file.name.as_str(), facts.file.path.as_path())).collect();
    for loaded in &mut loaded {
        if let Some(path) = paths.get(loaded.name.as_str()) {
            // One of an earlier time may lie there.
            let listed = rejects::write_errors_file(staging.conn(), &contract.source, &loaded.name, path, false);
            loaded.listed = listed.map(|path| path.is_some());
        }
    }
    for facts in others {
        loaded.push(load_and_list(staging, contract, facts, progress)?);
    }
    Ok(loaded)
}

/// Loads a file and writes the list of its rejects beside it.
fn load_and_list(staging: &Staging, contract: &Contract, facts: &Facts<'_>, progress: &Progress) -> Result<Loaded> {
    let mut loaded = file::load(staging, facts, progress)?;
    // The table `rejects` has it all, so a read-only folder is no error.
    let (name, path) = (&loaded.name, &facts.file.path);
    let listed = rejects::write_errors_file(staging.conn(), &contract.source, name, path, loaded.outcome.rejected > 0);
    loaded.listed = listed.map(|path| path.is_some());
    Ok(loaded)
}
