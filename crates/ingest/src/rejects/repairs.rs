//! Repairs: what people wrote in place of rejected records. They lie beside their file, so that they outlive the
//! staging file, and count only for the very record they were written for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use salesmart_base::formula::{neutralize_cell, restore_cell};
use salesmart_base::{fail, hash};

use crate::contract::Contract;
use crate::rejects;
use crate::rejects::sheet::{self, Sheet};

/// The columns of a repairs file that are not the contract's.
const LINE: &str = "_line";
const RECORD: &str = "_record";

/// The repairs of one file.
#[derive(Debug, Default, Clone)]
pub struct Repairs {
    by_line: HashMap<u64, Repair>,
}

/// One repaired record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// [`fingerprint`] of the record it replaces.
    pub record: String,
    /// The contract's columns in their order, as they would stand in the file.
    pub fields: Vec<String>,
}

/// Says which record is meant, whatever happens to the file. It begins with a letter that no hexadecimal number has: a spreadsheet would
/// take `28940464532e608` for a number and round it.
pub fn fingerprint(raw: &str) -> String {
    let mut hash = hash::of_parts([raw]);
    hash.truncate(16);
    format!("{LETTER}{hash}")
}

/// A fingerprint as it stands in a file. Those of earlier versions have no letter.
pub fn read_fingerprint(written: &str) -> String {
    let written = written.trim();
    format!("{LETTER}{}", written.strip_prefix(LETTER).unwrap_or(written))
}

const LETTER: char = 'r';

/// `sales_1.csv` has its repairs in `sales_1.csv.repairs.csv`.
pub fn repairs_file(file: &Path) -> PathBuf {
    rejects::beside(file, ".repairs.csv")
}

/// Is this a file that [`Repairs::save`] wrote? Such files are never ingested as data.
pub fn is_repairs_file(file: &Path) -> Result<bool> {
    match file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".repairs.csv")) {
        true => sheet::has_header(file, &[LINE, RECORD]),
        false => Ok(false),
    }
}

impl Repairs {
    /// The repairs of a file; none if there is no repairs file.
    ///
    /// # Errors
    /// A repairs file that cannot be read or does not have the contract's columns: what was repaired must not be lost
    /// unseen.
    pub fn load(file: &Path, contract: &Contract) -> Result<Self> {
        let path = repairs_file(file);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let at = path.display();
        if path.is_symlink() {
            fail!("{at} is a symbolic link; put the repairs themselves there");
        }
        let sheet = Sheet::read(&path, LINE)?;
        let place = |name: &str| sheet.place(name);
        let (Some(line), Some(record)) = (place(LINE), place(RECORD)) else {
            fail!("{at} has no columns {LINE} and {RECORD}; it was not written by `salesmart rejects replay`");
        };
        let mut places = Vec::with_capacity(contract.columns.len());
        for column in &contract.columns {
            match place(&column.name) {
                Some(place) => places.push(place),
                None => fail!(
                    "{at} has no column {}, which the contract has; add it there (or remove the file, and its repairs)",
                    column.name
                ),
            }
        }
        let mut by_line = HashMap::new();
        for (_, row) in &sheet.rows {
            let number = row.get(line).unwrap_or_default();
            let Ok(number) = number.trim().parse() else {
                fail!("{at}: {LINE} is \"{number}\", which is no line number");
            };
            let fields =
                places.iter().map(|place| restore_cell(row.get(*place).unwrap_or_default()).into_owned()).collect();
            let record = read_fingerprint(row.get(record).unwrap_or_default());
            by_line.insert(number, Repair { record, fields });
        }
        Ok(Self { by_line })
    }

    /// Puts a repair in, in place of an earlier one of the same line.
    pub fn put(&mut self, line: u64, repair: Repair) {
        self.by_line.insert(line, repair);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_line.is_empty()
    }

    /// The repaired fields of the record at this line, if this is still the record they were written for.
    pub fn of(&self, line: u64, raw: impl FnOnce() -> String) -> Option<&[String]> {
        let repair = self.by_line.get(&line)?;
        (repair.record == fingerprint(&raw())).then_some(repair.fields.as_slice())
    }

    /// Whether this very repair is among them.
    pub fn holds(&self, line: u64, repair: &Repair) -> bool {
        self.by_line.get(&line) == Some(repair)
    }

    /// Whether there is one for this line.
    pub fn has(&self, line: u64) -> bool {
        self.by_line.contains_key(&line)
    }

    /// Writes them beside their file, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written to, or a file of somebody's own has the name.
    pub fn save(&self, file: &Path, contract: &Contract) -> Result<PathBuf> {
        let path = repairs_file(file);
        if path.exists() && !is_repairs_file(&path)? {
            fail!("cannot write {}: a file of that name is there and holds no repairs", path.display());
        }
        let context = || format!("cannot write {}", path.display());
        let draft = rejects::draft_beside(file, &path).with_context(context)?;
        let mut writer = csv::Writer::from_writer(draft.as_file());
        let names = contract.columns.iter().map(|column| column.name.as_str());
        writer.write_record([LINE, RECORD].into_iter().chain(names))?;
        let mut lines: Vec<(&u64, &Repair)> = self.by_line.iter().collect();
        lines.sort_by_key(|(line, _)| **line);
        for (line, repair) in lines {
            let start = [line.to_string(), repair.record.clone()];
            writer.write_record(start.iter().chain(&repair.fields).map(|cell| neutralize_cell(cell).into_owned()))?;
        }
        writer.flush().with_context(context)?;
        drop(writer);
        draft.as_file().sync_all().with_context(context)?;
        draft.persist(&path).with_context(context)?;
        Ok(path)
    }
}
