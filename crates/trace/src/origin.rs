//! Where rows of a source come from: file, line, and the record as it stands there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::Config;
use salesmart_base::hash;
use salesmart_ingest::contract::Contract;
use salesmart_ingest::load::catalog;
use salesmart_ingest::read::record_at;
use salesmart_ingest::rejects::repairs;
use salesmart_ingest::rejects::repairs::Repairs;

use super::NEWEST_FIRST;
use super::link::Link;

/// Where one row comes from.
#[derive(Debug)]
pub struct Origin {
    /// The file's name in the staging file.
    pub file: String,
    /// The physical line on which the record starts.
    pub line: u64,
    /// Which version of its key it is, where there are several.
    pub version: Option<Version>,
    /// The record.
    pub record: Record,
}

/// Of several rows with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The one in the later file, then further down in it.
    Latest,
    /// Any other.
    Earlier,
}

/// The record of a row.
#[derive(Debug)]
pub enum Record {
    /// As it stands in the file.
    Read(String),
    /// As it stands in the file; the row is that of its correction.
    Repaired {
        /// As it stands in the file.
        raw: String,
        /// The file with the correction, relative to the project.
        repairs: String,
    },
    /// It cannot be read, and why: what was loaded is all there is.
    Gone(String),
}

/// Finds records; what is known of files is kept.
pub struct Origins<'a> {
    config: &'a Config,
    conn: &'a Connection,
    /// Content hashes of files that are there.
    hashes: RefCell<HashMap<PathBuf, String>>,
}

/// Where one row says it comes from.
struct Place {
    file: String,
    line: u64,
    /// What it shares with the other versions.
    key: Vec<Option<String>>,
}

impl<'a> Origins<'a> {
    /// Origins in this project.
    pub fn new(config: &'a Config, conn: &'a Connection) -> Self {
        Self { config, conn, hashes: RefCell::default() }
    }

    /// The origins of these rows of a source, which come newest first.
    pub fn of(&self, contract: &Contract, rows: &str, link: &Link) -> Result<Vec<Origin>> {
        let places = self.places(rows, link)?;
        let mut lines: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        let mut counts: HashMap<&[Option<String>], u32> = HashMap::new();
        for place in &places {
            lines.entry(&place.file).or_default().insert(place.line);
            *counts.entry(&place.key).or_default() += 1;
        }
        let mut records: HashMap<(&str, u64), Record> = HashMap::new();
        for (file, lines) in &lines {
            for (line, record) in self.records(contract, file, lines)? {
                records.insert((file, line), record);
            }
        }
        let mut seen: HashSet<&[Option<String>]> = HashSet::new();
        let mut origins = Vec::with_capacity(places.len());
        for place in &places {
            let has_versions = link.is_whole_key && counts.get(place.key.as_slice()).is_some_and(|count| *count > 1);
            let version = match seen.insert(&place.key) {
                true => Version::Latest,
                false => Version::Earlier,
            };
            origins.push(Origin {
                file: place.file.clone(),
                line: place.line,
                version: has_versions.then_some(version),
                record: records
                    .remove(&(place.file.as_str(), place.line))
                    .unwrap_or_else(|| Record::Gone("no record starts on this line any more".to_owned())),
            });
        }
        Ok(origins)
    }

    fn places(&self, rows: &str, link: &Link) -> Result<Vec<Place>> {
        let key: String = link.columns.iter().map(|linked| format!(", cast({} as varchar)", linked.in_input)).collect();
        let mut statement =
            self.conn.prepare(&format!("select _file, _line{key} from {rows} order by {NEWEST_FIRST}"))?;
        let places = statement.query_map([], |row| {
            let key = (0..link.columns.len()).map(|index| row.get(index + 2)).collect::<Result<_, _>>()?;
            Ok(Place { file: row.get(0)?, line: row.get(1)?, key })
        })?;
        Ok(places.collect::<Result<_, _>>()?)
    }

    /// The records of one loaded file.
    fn records(&self, contract: &Contract, file: &str, lines: &BTreeSet<u64>) -> Result<BTreeMap<u64, Record>> {
        let gone = |reason: String| lines.iter().map(|line| (*line, Record::Gone(reason.clone()))).collect();
        let copies = self.copies(contract, file)?;
        let Some((_, path)) = copies.first() else {
            let reason = match catalog::find(self.config, contract)?.iter().any(|found| found.name == file) {
                true => "the file holds something else now",
                false => "the file is not in its folder any more",
            };
            return Ok(gone(reason.to_owned()));
        };
        let found = match record_at::lines(path, contract, lines)? {
            Ok(found) => found,
            Err(reason) => return Ok(gone(format!("the file cannot be read: {reason}"))),
        };
        let mut repaired: Vec<(String, Repairs)> = Vec::new();
        for (name, path) in copies.iter().filter(|(_, path)| repairs::repairs_file(path).is_file()) {
            repaired.push((format!("{name}.repairs.csv"), Repairs::load(path, contract)?));
        }
        let records = found.into_iter().map(|(line, raw)| {
            let repair = repaired.iter().find(|(_, repairs)| repairs.of(line, || raw.clone()).is_some());
            let record = match repair {
                Some((name, _)) => Record::Repaired { raw, repairs: name.clone() },
                None => Record::Read(raw),
            };
            (line, record)
        });
        Ok(records.collect())
    }

    /// The files that hold the content which was loaded under this name; the file itself comes first.
    fn copies(&self, contract: &Contract, file: &str) -> Result<Vec<(String, PathBuf)>> {
        let mut statement = self.conn.prepare(
            "select copy.file, copy.content_hash
             from ingest.files as copy
             inner join ingest.files as loaded using (source, content_hash)
             where loaded.source = ? and loaded.file = ? and copy.outcome <> 'refused'
             order by copy.file <> loaded.file, copy.file",
        )?;
        let known = statement.query_map([contract.source.as_str(), file], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known: Vec<(String, String)> = known.collect::<Result<_, _>>()?;
        let there = catalog::find(self.config, contract)?;
        let mut copies = Vec::new();
        for (name, content_hash) in known {
            if let Some(found) = there.iter().find(|found| found.name == name)
                && self.hash_of(&found.path)? == content_hash
            {
                copies.push((name, found.path.clone()));
            }
        }
        Ok(copies)
    }

    fn hash_of(&self, path: &Path) -> Result<String> {
        if let Some(known) = self.hashes.borrow().get(path) {
            return Ok(known.clone());
        }
        let hash = hash::of_file(path)?;
        self.hashes.borrow_mut().insert(path.to_owned(), hash.clone());
        Ok(hash)
    }
}
