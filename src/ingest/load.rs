//! Loads files: each in one transaction, each accounted for to the last record.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use duckdb::{Connection, params};
use indicatif::ProgressBar;

use super::batch::Typer;
use super::catalog::{self, Known, SourceFile};
use super::contract::Contract;
use super::feed::{self, Job, Outcome};
use super::reader::RecordReader;
use super::{header, rejects};
use crate::config::Config;
use crate::console::{Console, Step, grouped};
use crate::failpoint;
use crate::staging::{Staging, ident, literal};
use crate::{fail, hash};

/// What an ingest did, over all sources.
#[derive(Debug, Default)]
pub struct Report {
    /// Files whose rows were loaded or replaced.
    pub loaded: u64,
    /// Files that were as before and were not read.
    pub unchanged: u64,
    /// Files whose content is loaded under another name.
    pub duplicates: u64,
    /// Records read.
    pub records: u64,
    /// Records refused.
    pub rejected: u64,
    /// Files with refused records: name and counts.
    pub with_rejects: Vec<String>,
    /// Files refused whole, each with the reason.
    pub refused: Vec<String>,
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
    only: Option<&[SourceFile]>,
    console: &Console,
) -> Result<Report> {
    feed::register(staging.conn())?;
    let mut total = Report::default();
    for contract in contracts {
        let started = Instant::now();
        let files = match only {
            Some(files) => files.to_vec(),
            None => catalog::find(config, contract)?,
        };
        prepare_source(staging, contract, &files, only.is_some())?;
        let bytes =
            files.iter().filter_map(|file| std::fs::metadata(&file.path).ok()).map(|metadata| metadata.len()).sum();
        let bar = console.byte_bar(bytes, &contract.source);
        let mut report = Report::default();
        let known = catalog::known_files(staging.conn(), &contract.source)?;
        for file in &files {
            one_file(staging, contract, file, known.get(&file.name), &bar, console, &mut report)?;
        }
        bar.finish_and_clear();
        say(contract, &report, started.elapsed(), console);
        total.add(report);
    }
    Ok(total)
}

impl Report {
    fn add(&mut self, other: Self) {
        self.loaded += other.loaded;
        self.unchanged += other.unchanged;
        self.duplicates += other.duplicates;
        self.records += other.records;
        self.rejected += other.rejected;
        self.with_rejects.extend(other.with_rejects);
        self.refused.extend(other.refused);
    }
}

fn say(contract: &Contract, report: &Report, elapsed: Duration, console: &Console) {
    let mut parts = Vec::new();
    let counts = [
        (report.loaded, "read"),
        (report.unchanged, "unchanged, not read"),
        (report.duplicates, "with content already loaded"),
    ];
    for (count, what) in counts {
        if count > 0 {
            let files = if count == 1 { "file" } else { "files" };
            parts.push(format!("{} {files} {what}", grouped(count)));
        }
    }
    if report.rejected > 0 {
        parts.push(format!("{} records rejected", grouped(report.rejected)));
    }
    if !report.refused.is_empty() {
        let files = if report.refused.len() == 1 { "file" } else { "files" };
        parts.push(format!("{} {files} refused", report.refused.len()));
    }
    let rows = report.records - report.rejected;
    console.step(&Step {
        stage: "ingest",
        subject: &contract.source,
        rows: Some(rows),
        elapsed,
        note: parts.join(", "),
    });
    if report.with_rejects.is_empty() {
        return;
    }
    const SHOWN: usize = 3;
    let mut lines: Vec<String> = report.with_rejects.iter().take(SHOWN).cloned().collect();
    if report.with_rejects.len() > SHOWN {
        lines.push(format!("and {} more files", report.with_rejects.len() - SHOWN));
    }
    console.warn(&format!("{}; listed beside each file in .errors.csv, and by `salesmart rejects`", lines.join("; ")));
}

/// Makes `raw.<source>`, or makes it anew if the contract's meaning changed: then every file is read again.
fn prepare_source(staging: &Staging, contract: &Contract, files: &[SourceFile], explicit: bool) -> Result<()> {
    let conn = staging.conn();
    let source = contract.source.as_str();
    let known: Vec<String> =
        column_of(conn, "select file from ingest.files where source = ? and outcome <> 'refused'", source)?;
    if files.is_empty() && known.is_empty() {
        fail!(
            "no file matches \"{}\", and none was loaded before (contract {}); put files there, or correct `files`",
            contract.files,
            contract.path.display()
        );
    }
    let hash = contract.hash()?;
    let before: Vec<String> = column_of(conn, "select contract_hash from ingest.sources where source = ?", source)?;
    if before.first() == Some(&hash) {
        return Ok(());
    }
    let missing: Vec<&String> = known.iter().filter(|name| !files.iter().any(|file| file.name == **name)).collect();
    if let Some(first) = missing.first() {
        let advice = match explicit {
            true => "run `salesmart ingest` without file names".to_owned(),
            false => "put them back, withdraw them with `salesmart forget FILE`, or undo the change".to_owned(),
        };
        fail!(
            "{}: the contract changed, so every file has to be read again, but {} of them are gone (first: {first}); {advice}",
            contract.path.display(),
            missing.len()
        );
    }
    let columns: Vec<String> =
        contract.columns.iter().map(|column| format!("{} {}", ident(&column.name), column.kind.sql())).collect();
    staging.transaction(|conn| {
        // Until all of them are read again, nothing is built from this source.
        conn.execute(
            "insert into ingest.expected select source, file from ingest.files where source = ? and outcome <> 'refused'",
            [source],
        )?;
        conn.execute_batch(&format!(
            "drop table if exists raw.{source};
             create table raw.{source} (_file varchar not null, _line bigint not null, {})",
            columns.join(", ")
        ))?;
        for table in ["ingest.files", "ingest.control_totals", "main.rejects"] {
            conn.execute(&format!("delete from {table} where source = ?"), [source])?;
        }
        conn.execute("insert or replace into ingest.sources values (?, ?)", [source, hash.as_str()])?;
        Ok(())
    })
}

fn column_of(conn: &Connection, sql: &str, source: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([source], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn one_file(
    staging: &Staging,
    contract: &Contract,
    file: &SourceFile,
    known: Option<&Known>,
    bar: &ProgressBar,
    console: &Console,
    report: &mut Report,
) -> Result<()> {
    let conn = staging.conn();
    let source = contract.source.as_str();
    let metadata = match std::fs::metadata(&file.path) {
        Ok(metadata) => metadata,
        Err(error) => fail!("cannot read {}: {error}", file.path.display()),
    };
    let signature = catalog::stat_signature(&metadata);
    if let Some(known) = known {
        let same_stat = signature.is_some() && known.stat_signature == signature;
        if same_stat {
            bar.inc(metadata.len());
            report.unchanged += 1;
            return Ok(());
        }
    }
    let content_hash = match hash::of_file(&file.path) {
        Ok(hash) => hash,
        Err(error) => fail!("{error:#}"),
    };
    if known.is_some_and(|known| known.content_hash == content_hash) {
        bar.inc(metadata.len());
        catalog::touch(conn, source, &file.name, signature.as_deref())?;
        report.unchanged += 1;
        return Ok(());
    }
    if let Some(twin) = catalog::twin(conn, source, &file.name, &content_hash)? {
        bar.inc(metadata.len());
        staging.transaction(|conn| {
            catalog::record_twin(conn, contract, &file.name, &twin, &content_hash, signature.as_deref())
        })?;
        console.warn(&format!("{} has the same content as {twin}, which is loaded; it is not loaded twice", file.name));
        report.duplicates += 1;
        return Ok(());
    }
    let facts = Facts {
        source,
        file,
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
        content_hash: &content_hash,
        signature: signature.as_deref(),
    };
    match load(staging, contract, &facts, bar) {
        Ok(outcome) => {
            report.loaded += 1;
            report.records += outcome.records;
            report.rejected += outcome.rejected;
            list_rejects(file, &outcome, report, console);
            Ok(())
        }
        Err(Problem::Refused { reason, outcome }) => {
            let shown = format!("{}: {reason}", file.path.display());
            staging.transaction(|conn| record_refusal(conn, &facts, &reason, &outcome))?;
            list_rejects(file, &outcome, report, console);
            report.refused.push(shown);
            Ok(())
        }
        Err(Problem::Error(error)) => Err(error),
    }
}

/// What is known of a file before it is read.
struct Facts<'a> {
    source: &'a str,
    file: &'a SourceFile,
    bytes: u64,
    modified: Option<SystemTime>,
    content_hash: &'a str,
    signature: Option<&'a str>,
}

/// Why a file was not loaded.
enum Problem {
    /// The file is at fault: nothing of it is loaded, and the run goes on with the next one.
    Refused { reason: String, outcome: Outcome },
    /// Anything else ends the run.
    Error(anyhow::Error),
}

impl Problem {
    fn refused(reason: String) -> Self {
        Self::Refused { reason, outcome: Outcome::default() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn load(staging: &Staging, contract: &Contract, facts: &Facts<'_>, bar: &ProgressBar) -> Result<Outcome, Problem> {
    let path = &facts.file.path;
    let opened = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let input: Box<dyn Read + Send> = Box::new(bar.wrap_read(opened));
    let mut reader = RecordReader::new(input, contract.delimiter, contract.quote)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.block(1).with_context(|| format!("cannot read {}", path.display()))?;
    let places = header::places(contract, header.records().next()).map_err(Problem::refused)?;
    let job = Job::new(reader, Typer::new(contract, &places));

    // A refusal has to undo the insert, so it travels through the transaction as an error.
    let mut refused = None;
    let loaded = staging.transaction(|conn| {
        catalog::withdraw(conn, facts.source, &facts.file.name)?;
        let target = format!("raw.{}", facts.source);
        let outcome = feed::insert(conn, &target, &literal(&facts.file.name), job)
            .with_context(|| format!("cannot load {}", path.display()))?;
        if let Some(reason) = refusal(contract, &outcome) {
            refused = Some((reason, outcome));
            anyhow::bail!("refused");
        }
        check_unchanged(path, facts)?;
        account(conn, contract, facts, &outcome)?;
        rejects::store(conn, facts.source, &facts.file.name, &outcome.rejects)?;
        failpoint::hit("ingest.before_commit");
        Ok(outcome)
    });
    match (loaded, refused) {
        (Ok(outcome), _) => Ok(outcome),
        (Err(_), Some((reason, outcome))) => Err(Problem::Refused { reason, outcome }),
        (Err(error), None) => Err(error.into()),
    }
}

fn refusal(contract: &Contract, outcome: &Outcome) -> Option<String> {
    if outcome.records == 0 && !contract.allow_empty {
        return Some(
            "the file has a header and no records; if that is right, set allow_empty = true in the contract".to_owned(),
        );
    }
    contract.max_rejects.exceeded(outcome.rejected, outcome.records).then(|| {
        format!(
            "{} of {} records are rejected, more than max_rejects = {}; nothing of the file is loaded; see `salesmart rejects`",
            grouped(outcome.rejected),
            grouped(outcome.records),
            contract.max_rejects
        )
    })
}

/// A file that is still being written must not be loaded half.
fn check_unchanged(path: &Path, facts: &Facts<'_>) -> Result<()> {
    let now = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    match now.len() == facts.bytes && now.modified().ok() == facts.modified {
        true => Ok(()),
        false => fail!(
            "{} changed while it was read; nothing of it is loaded, run again when it is complete",
            path.display()
        ),
    }
}

/// Proves that what was read is what the staging file now holds, and keeps the control totals.
fn account(conn: &Connection, contract: &Contract, facts: &Facts<'_>, outcome: &Outcome) -> Result<()> {
    let Facts { source, file, .. } = facts;
    let sums: Vec<&str> =
        contract.columns.iter().filter(|column| column.kind.is_number()).map(|column| column.name.as_str()).collect();
    let selected: String =
        sums.iter().map(|name| format!(", cast(coalesce(sum({}), 0) as varchar)", ident(name))).collect();
    let sql = format!("select count(*){selected} from raw.{source} where _file = ?");
    let (rows, totals) = conn.query_row(&sql, [&file.name], |row| {
        let totals = (1..=sums.len()).map(|index| row.get::<_, String>(index)).collect::<Result<Vec<_>, _>>()?;
        Ok((row.get::<_, u64>(0)?, totals))
    })?;
    let accepted = outcome.records - outcome.rejected;
    if rows != accepted {
        anyhow::bail!("{}: {accepted} records were accepted but {rows} rows arrived", file.name);
    }
    for (name, total) in sums.iter().zip(&totals) {
        conn.execute(
            "insert into ingest.control_totals values (?, ?, ?, ?)",
            [source, file.name.as_str(), name, total.as_str()],
        )?;
    }
    conn.execute(
        "insert into ingest.files values (?, ?, ?, ?, null, 'loaded', null, ?, ?, ?, ?)",
        params![
            source,
            file.name,
            facts.content_hash,
            facts.signature,
            facts.bytes,
            outcome.records,
            accepted,
            outcome.rejected
        ],
    )?;
    Ok(())
}

/// Keeps the reason and the rejects of a refused file. If an earlier content of it is loaded, that stays.
fn record_refusal(conn: &Connection, facts: &Facts<'_>, reason: &str, outcome: &Outcome) -> Result<()> {
    let Facts { source, file, .. } = facts;
    let loaded = catalog::known(conn, source, &file.name)?.is_some_and(|known| known.outcome != "refused");
    if loaded {
        conn.execute(
            "update ingest.files set reason = ?, stat_signature = null where source = ? and file = ?",
            [reason, source, file.name.as_str()],
        )?;
    } else {
        conn.execute(
            "insert or replace into ingest.files values (?, ?, ?, null, null, 'refused', ?, ?, ?, 0, ?)",
            params![source, file.name, facts.content_hash, reason, facts.bytes, outcome.records, outcome.rejected],
        )?;
    }
    rejects::store(conn, source, &file.name, &outcome.rejects)
}

/// Writes the list beside the file. The table `rejects` has it all, so a read-only folder is no error.
fn list_rejects(file: &SourceFile, outcome: &Outcome, report: &mut Report, console: &Console) {
    match rejects::write_errors_file(&file.path, &outcome.rejects) {
        Ok(Some(_)) => report.with_rejects.push(format!(
            "{}: {} of {} records rejected",
            file.name,
            grouped(outcome.rejected),
            grouped(outcome.records)
        )),
        Ok(None) => {}
        Err(error) => console.warn(&format!("{error:#}; the rejects are in the table: `salesmart rejects`")),
    }
}
