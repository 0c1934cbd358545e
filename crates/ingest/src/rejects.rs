//! Rejects: refused fields and records, with everything needed to repair them.
//!
//! [`spool`] collects them while a file is read, [`repairs`] are corrected records, [`replay`] takes them, as a [`sheet`].

pub mod repairs;
pub mod replay;
mod sheet;
pub mod spool;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use duckdb::arrow::array::{Array, AsArray, StringArray};
use duckdb::{Connection, params};
use salesmart_base::count::grouped;
use salesmart_base::failure::Failure;
use salesmart_base::formula::neutralize_cell;
use salesmart_staging::Staging;
use salesmart_staging::render::Table;
use tempfile::{NamedTempFile, TempPath};

use crate::cast::fault::{Code, Fault};
use crate::rejects::spool::Spool;

/// One fault of one record.
#[derive(Debug, Clone)]
pub struct Reject {
    /// Physical line on which the record starts, from 1; in a file without lines, the row.
    pub line: u64,
    /// The contract's column, if the fault is in one.
    pub column: Option<String>,
    /// The fault.
    pub fault: Fault,
    /// The refused value, if the fault is in one; a long one is cut.
    pub value: Option<String>,
    /// The record as it stands in the file; bytes that are no text are written `\xNN`.
    pub raw: Arc<str>,
}

/// Replaces the rejects of one file in the table `rejects`.
pub fn store(conn: &Connection, source: &str, file: &str, rejects: Spool) -> Result<()> {
    conn.execute("delete from main.rejects where source = ? and file = ?", [source, file])?;
    let mut appender = conn.appender_to_db("rejects", "main")?;
    rejects.drain(|reject| append(&mut appender, source, file, &reject))?;
    appender.flush()?;
    Ok(())
}

/// Appends a reject to the table `rejects`.
pub fn append(appender: &mut duckdb::Appender<'_>, source: &str, file: &str, reject: &Reject) -> Result<()> {
    appender.append_row(params![
        source,
        file,
        i64::try_from(reject.line)?,
        reject.column,
        reject.fault.code.name(),
        reject.value,
        reject.fault.reason,
        reject.raw.as_ref(),
    ])?;
    Ok(())
}

/// Replaces the rejects of one file by those of its first `limit` rejected lines; returns the commonest faults of all:
/// `bad_date in sold_at (86), required in product_id (3)`, empty if there are none.
pub fn store_first(conn: &Connection, source: &str, file: &str, rejects: Spool, limit: usize) -> Result<String> {
    conn.execute("delete from main.rejects where source = ? and file = ?", [source, file])?;
    let mut appender = conn.appender_to_db("rejects", "main")?;
    // The spool is in file order but for a few blocks, so little is stored that has to go again.
    let mut first: BTreeSet<u64> = BTreeSet::new();
    let mut counts: HashMap<(Code, Option<String>), u64> = HashMap::new();
    rejects.drain(|reject| {
        first.insert(reject.line);
        if first.len() > limit {
            first.pop_last();
        }
        if first.contains(&reject.line) {
            append(&mut appender, source, file, &reject)?;
        }
        *counts.entry((reject.fault.code, reject.column)).or_default() += 1;
        Ok(())
    })?;
    appender.flush()?;
    if let Some(last) = first.last() {
        conn.execute(
            "delete from main.rejects where source = ? and file = ? and line > ?",
            params![source, file, i64::try_from(*last)?],
        )?;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown = counts.iter().take(3).map(|((code, column), count)| {
        let column = column.as_ref().map_or_else(String::new, |column| format!(" in {column}"));
        format!("{}{column} ({})", code.name(), grouped(*count))
    });
    Ok(shown.collect::<Vec<_>>().join(", "))
}

/// `sales_1.csv` has its rejects in `sales_1.csv.errors.csv`.
pub fn errors_file(file: &Path) -> PathBuf {
    beside(file, ".errors.csv")
}

/// A file of the same name with something behind it, in the same folder.
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// The columns of a list of rejects, by which one is known.
const COLUMNS: [&str; 6] = ["line", "column", "code", "value", "reason", "raw"];

/// Is this file a list that [`write_errors_file`] wrote? Such files are never ingested. The name alone does not say
/// so: somebody's own data may have it.
pub fn is_errors_file(file: &Path) -> Result<bool> {
    match file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".errors.csv")) {
        true => sheet::has_header(file, &COLUMNS),
        false => Ok(false),
    }
}

/// Writes the rejects of a file beside it, or removes an old list when there are none now. The table `rejects` is the
/// record; this is the copy one opens in a spreadsheet.
///
/// # Errors
/// The folder may be read-only; the caller decides whether that matters.
pub fn write_errors_file(
    conn: &Connection,
    source: &str,
    name: &str,
    file: &Path,
    has_rejects: bool,
) -> Result<Option<PathBuf>> {
    let path = errors_file(file);
    if path.is_file() && !is_errors_file(&path)? {
        if !has_rejects {
            return Ok(None);
        }
        return Err(Failure::new(format!(
            "cannot write {}: a file of that name is there and no list of rejects",
            path.display()
        ))
        .into());
    }
    if !has_rejects {
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot remove the old {}", path.display())),
        }
        return Ok(None);
    }
    let context = || format!("cannot write {}", path.display());
    let draft = draft_beside(file, &path).with_context(context)?;
    let mut writer = csv::Writer::from_writer(draft.as_file());
    writer.write_record(COLUMNS).with_context(context)?;
    // The cast makes every column text, as the file has it. DuckDB sorts, and streams the rows: millions of rejects fit no memory.
    let mut statement = conn.prepare(
        "select coalesce(cast(columns(*) as varchar), '') from (
             select line, column_name, code, value, reason, raw from main.rejects
             where source = ? and file = ? order by line, rowid)",
    )?;
    // The iterator panics where DuckDB cannot go on, such as on a full disk; `step` returns the error.
    let _ = statement.stream_arrow([source, name])?;
    while let Some(batch) = statement.step()? {
        let columns: Vec<&StringArray> = batch.columns().iter().map(|column| column.as_string()).collect();
        for row in 0..batch.len() {
            let cells = columns.iter().map(|column| neutralize_cell(column.value(row)).into_owned());
            writer.write_record(cells).with_context(context)?;
        }
    }
    writer.flush().with_context(context)?;
    drop(writer);
    draft.persist(&path).with_context(context)?;
    Ok(Some(path))
}

/// An empty file that becomes `path` when it is whole. It can be read by whoever can read the data file that it belongs to. Its name is
/// always the same, so that what a killed process left is replaced by the next one.
pub fn draft_beside(file: &Path, path: &Path) -> std::io::Result<NamedTempFile> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".draft");
    let draft = path.with_file_name(name);
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let created = std::fs::File::options().write(true).create_new(true).open(&draft)?;
    created.set_permissions(std::fs::metadata(file)?.permissions())?;
    Ok(NamedTempFile::from_parts(created, TempPath::try_from_path(draft)?))
}

/// Which rejects to list.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only of files whose name holds this.
    pub file: Option<String>,
    /// Only of this code.
    pub code: Option<String>,
    /// At most this many.
    pub limit: u64,
}

/// The rejects that match, and how many there are in all.
pub fn list(staging: &Staging, filter: &Filter) -> Result<(Table, u64)> {
    let condition = "where (?1 is null or contains(file, ?1)) and (?2 is null or code = ?2)";
    let conn = staging.conn();
    let total = conn.query_row(
        &format!("select count(*) from main.rejects {condition}"),
        params![filter.file, filter.code],
        |row| row.get(0),
    )?;
    let sql = format!(
        "select source, file, line, column_name as \"column\", code, value, reason, raw
         from main.rejects {condition} order by source, file, line, rowid limit {}",
        filter.limit
    );
    let table = Table::query_with(conn, &sql, params![filter.file, filter.code])?;
    Ok((table, total))
}

/// How many rejects of each code and column there are.
pub fn summary(staging: &Staging, filter: &Filter) -> Result<Table> {
    Table::query_with(
        staging.conn(),
        "select source, code, column_name as \"column\", count(*) as faults, count(distinct (file, line)) as records,
                count(distinct file) as files, min(reason) as example
         from main.rejects where (?1 is null or contains(file, ?1)) and (?2 is null or code = ?2)
         group by all order by faults desc, source, code, column_name",
        params![filter.file, filter.code],
    )
}

/// The sources that have rejects that match.
pub fn sources(staging: &Staging, filter: &Filter) -> Result<Vec<String>> {
    let mut statement = staging.conn().prepare(
        "select distinct source from main.rejects
         where (?1 is null or contains(file, ?1)) and (?2 is null or code = ?2) order by 1",
    )?;
    let rows = statement.query_map(params![filter.file, filter.code], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Refuses a code that no reject can have.
pub fn check_code(code: &str) -> Result<()> {
    let known = Code::ALL.map(Code::name);
    match known.contains(&code) {
        true => Ok(()),
        false => Err(Failure::new(format!("there is no reject code `{code}`; known: {}", known.join(", "))).into()),
    }
}
