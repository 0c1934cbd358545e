//! Rejects out to an editable file, and repaired records in again as the next version of their file.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use duckdb::params;
use salesmart_base::config::Config;
use salesmart_base::fail;
use salesmart_base::formula::{neutralize_cell, restore_cell};
use salesmart_staging::{Staging, literal};

use super::repairs::{Repair, Repairs, fingerprint, read_fingerprint};
use super::sheet::Sheet;
use crate::cast::fault::Code;
use crate::contract::Contract;
use crate::load::catalog;
use crate::load::catalog::SourceFile;
use crate::read::header::Places;
use crate::read::split::Splitter;
use crate::rejects::Filter;

/// The columns of an export before the contract's: where the record is, which one it is, what is wrong.
pub const BEFORE: [&str; 4] = ["_file", "_line", "_record", "_reasons"];
/// The columns behind them: fields that are too many, and the record as it stands in the file, to be looked at.
const SURPLUS: &str = "_surplus";
const RAW: &str = "_raw";

/// How much was exported.
#[derive(Debug, Default)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// Records whose raw text is not whole, so that they cannot be repaired here.
    pub too_long: u64,
}

/// One rejected record.
struct Rejected {
    file: String,
    line: u64,
    raw: String,
    reasons: String,
    places: Option<String>,
    is_too_long: bool,
    /// Columns whose values could not be read: the export has the bytes that were no text spelled out.
    unreadable: Vec<String>,
}

/// Writes the rejected records of one source as CSV: the contract's columns as they stand in the files, to be edited.
///
/// Of a record that has been corrected and is still wrong, the corrected columns are written.
pub fn export(
    config: &Config,
    staging: &Staging,
    contract: &Contract,
    filter: &Filter,
    out: &mut dyn Write,
) -> Result<Exported> {
    let mut exported = Exported::default();
    let mut repairs: HashMap<String, Repairs> = HashMap::new();
    for file in catalog::find(config, contract)? {
        repairs.insert(file.name, Repairs::load(&file.path, contract)?);
    }
    let mut writer = csv::Writer::from_writer(out);
    let names = contract.columns.iter().map(|column| column.name.as_str());
    writer.write_record(BEFORE.into_iter().chain(names).chain([SURPLUS, RAW]))?;
    for rejected in rejected_records(staging, &contract.source, filter)? {
        if rejected.is_too_long {
            exported.too_long += 1;
            continue;
        }
        let (cells, surplus) = editable(contract, &rejected, repairs.get(&rejected.file));
        let before = [rejected.file, rejected.line.to_string(), fingerprint(&rejected.raw), rejected.reasons];
        let all = before.iter().chain(&cells).chain([&surplus, &rejected.raw]);
        writer.write_record(all.map(|cell| neutralize_cell(cell).into_owned()))?;
        exported.records += 1;
    }
    writer.flush().context("cannot write the export")?;
    Ok(exported)
}

/// A record's cells in the contract's order, and what is left over.
fn editable(contract: &Contract, rejected: &Rejected, repairs: Option<&Repairs>) -> (Vec<String>, String) {
    if let Some(fields) = repairs.and_then(|repairs| repairs.of(rejected.line, || rejected.raw.clone())) {
        return (fields.to_vec(), String::new());
    }
    let places = rejected.places.as_deref().and_then(Places::read).unwrap_or_else(|| Places::declared(contract));
    let splitter = Splitter::new(contract, contract.dialect.syntax(b'\n'), places);
    let (cells, surplus) = splitter.editable(&rejected.raw);
    (cells, surplus.join(&char::from(contract.dialect.delimiter).to_string()))
}

fn rejected_records(staging: &Staging, source: &str, filter: &Filter) -> Result<Vec<Rejected>> {
    let unreadable = [Code::BadEncoding, Code::NulByte, Code::BadEscape].map(|code| literal(code.name())).join(", ");
    let sql = format!(
        "select r.file, r.line, any_value(r.raw),
               string_agg(coalesce(r.column_name || ': ', '') || r.code || ' (' || r.reason || ')', '; ' order by r.rowid),
               any_value(f.places), bool_or(r.code = ?4),
               coalesce(list(r.column_name) filter (where r.code in ({unreadable})), [])::json::varchar
        from main.rejects as r
        left join ingest.files as f on f.source = r.source and f.file = r.file
        where r.source = ?1 and (?2 is null or contains(r.file, ?2))
        group by r.file, r.line
        having ?3 is null or bool_or(r.code = ?3)
        order by r.file, r.line"
    );
    let mut statement = staging.conn().prepare(&sql)?;
    let mut rows = statement.query(params![source, filter.file, filter.code, Code::RecordTooLong.name()])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(Rejected {
            file: row.get(0)?,
            line: row.get(1)?,
            raw: row.get(2)?,
            reasons: row.get(3)?,
            places: row.get(4)?,
            is_too_long: row.get(5)?,
            unreadable: serde_json::from_str(&row.get::<_, String>(6)?)?,
        });
    }
    Ok(records)
}

/// The repairs in an edited export, by file.
#[derive(Debug)]
pub struct Replay {
    /// The source they belong to.
    pub source: String,
    /// The files to load anew: their repairs have been written.
    pub files: Vec<SourceFile>,
    /// Records that were changed.
    pub changed: u64,
    /// Records left as they were.
    pub unchanged: u64,
    /// Records that an earlier replay has taken over.
    pub taken_before: u64,
}

/// What a row of an edited export says.
enum Says {
    Nothing,
    TakenBefore,
    Correction(Repair),
}

/// Takes over the changed records of an edited export: writes them beside their files, whose next version they make.
/// Nothing is written unless every row of the export can be understood.
///
/// # Errors
/// An export that is not one, rows of records that are no longer rejected, and files that are gone; each names the line
/// of the export and what to do.
pub fn take_over(
    config: &Config,
    staging: &Staging,
    contracts: &BTreeMap<String, Contract>,
    path: &Path,
) -> Result<Replay> {
    let at = path.display();
    let sheet = Sheet::read(path, BEFORE[0])?;
    let place = |name: &str| sheet.place(name);
    let (Some(file), Some(line), Some(record), Some(surplus)) =
        (place("_file"), place("_line"), place("_record"), place(SURPLUS))
    else {
        fail!("{at} has no columns _file, _line, _record and {SURPLUS}; edit what `salesmart rejects export` wrote");
    };
    let mut by_file: BTreeMap<String, Vec<Edited>> = BTreeMap::new();
    for (own_line, row) in sheet.rows.iter().map(|(line, row)| (*line, row.clone())) {
        let get = |place: usize| restore_cell(row.get(place).unwrap_or_default()).into_owned();
        let Ok(number) = get(line).trim().parse() else {
            fail!("{at}:{own_line}: _line is \"{}\", which is no line number", get(line));
        };
        let (name, record, surplus) = (get(file), read_fingerprint(&get(record)), get(surplus));
        by_file.entry(name).or_default().push(Edited { own_line, line: number, record, surplus, row });
    }
    let Some(first) = by_file.keys().next() else { fail!("{at} has no rows") };
    let source: Option<String> = {
        let mut statement = staging.conn().prepare("select source from ingest.files where file = ? order by 1")?;
        statement.query_map([first], |row| row.get(0))?.next().transpose()?
    };
    let Some(contract) = source.as_ref().and_then(|source| contracts.get(source)) else {
        fail!("{at}: {first} is not loaded (any more); `salesmart rejects` lists what there is");
    };
    let mut columns = Vec::with_capacity(contract.columns.len());
    for column in &contract.columns {
        match place(&column.name) {
            Some(place) => columns.push(place),
            None => fail!("{at} has no column {}, which the contract of {first} has; export again", column.name),
        }
    }
    let found = catalog::find(config, contract)?;
    let known: HashMap<(String, u64), Rejected> = rejected_records(staging, &contract.source, &Filter::default())?
        .into_iter()
        .map(|rejected| ((rejected.file.clone(), rejected.line), rejected))
        .collect();
    let mut replay =
        Replay { source: contract.source.clone(), files: Vec::new(), changed: 0, unchanged: 0, taken_before: 0 };
    let mut saved: Vec<(SourceFile, Repairs)> = Vec::new();
    for (name, rows) in by_file {
        let Some(file) = found.iter().find(|file| file.name == name) else {
            fail!("{at}: {name} is not in its folder any more; put it back, so that it can be read with its repairs");
        };
        let before_edit = Repairs::load(&file.path, contract)?;
        let mut repairs = before_edit.clone();
        let before = replay.changed;
        for edited in rows {
            match edited.repair(&at.to_string(), &name, contract, &columns, &known, &before_edit)? {
                Says::Correction(repair) => {
                    repairs.put(edited.line, repair);
                    replay.changed += 1;
                }
                Says::TakenBefore => replay.taken_before += 1,
                Says::Nothing => replay.unchanged += 1,
            }
        }
        if replay.changed > before {
            saved.push((file.clone(), repairs));
        }
    }
    if replay.changed == 0 && replay.taken_before == 0 {
        fail!(
            "nothing was changed in {at}: edit the columns of the records, then replay it (corrections taken over before are loaded by `salesmart run`)"
        );
    }
    for (file, repairs) in saved {
        repairs.save(&file.path, contract)?;
        replay.files.push(file);
    }
    Ok(replay)
}

/// A row of an edited export.
struct Edited {
    own_line: u64,
    line: u64,
    record: String,
    surplus: String,
    row: csv::StringRecord,
}

impl Edited {
    /// What it says.
    fn repair(
        &self,
        at: &str,
        file: &str,
        contract: &Contract,
        columns: &[usize],
        known: &HashMap<(String, u64), Rejected>,
        repairs: &Repairs,
    ) -> Result<Says> {
        let at = format!("{at}:{}", self.own_line);
        let fields: Vec<String> =
            columns.iter().map(|place| restore_cell(self.row.get(*place).unwrap_or_default()).into_owned()).collect();
        let mut repair = Repair { record: self.record.clone(), fields };
        let found = known.get(&(file.to_owned(), self.line));
        if found.is_none() && repairs.holds(self.line, &repair) {
            return Ok(Says::TakenBefore);
        }
        let Some(rejected) = found.filter(|rejected| fingerprint(&rejected.raw) == self.record) else {
            fail!(
                "{at}: line {} of {file} is not (or no longer) the rejected record of this row; export again",
                self.line
            );
        };
        let (cells, surplus) = editable(contract, rejected, Some(repairs));
        // Spreadsheets write line breaks within a cell in their own way.
        for (field, cell) in repair.fields.iter_mut().zip(&cells) {
            if field != cell && field.replace("\r\n", "\n") == cell.replace("\r\n", "\n") {
                field.clone_from(cell);
            }
        }
        if repair.fields == cells && self.surplus == surplus {
            return Ok(Says::Nothing);
        }
        if !self.surplus.is_empty() {
            fail!("{at}: {SURPLUS} still holds text that belongs to no column; move it where it belongs, or empty it");
        }
        // What stands in the export for such a value is not the value: left as it is, it would be loaded as a text that no file has.
        let columns = contract.columns.iter().zip(repair.fields.iter().zip(&cells));
        let untouched = columns.filter(|(_, (field, cell))| field == cell).map(|(column, _)| column.name.as_str());
        if let Some(column) = untouched.into_iter().find(|name| rejected.unreadable.iter().any(|column| column == name))
        {
            fail!(
                "{at}: column {column} is still as it was rejected: what stands there could not be read; correct it, too"
            );
        }
        Ok(Says::Correction(repair))
    }
}
