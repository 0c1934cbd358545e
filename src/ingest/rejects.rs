//! Rejects: refused fields and records, with everything needed to repair them.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duckdb::{Connection, params};

use super::fault::{Code, Fault};
use super::reader::Record;
use crate::failure::Failure;
use crate::render::Table;
use crate::staging::Staging;

/// One fault of one record.
#[derive(Debug, Clone)]
pub struct Reject {
    /// Physical line on which the record starts, from 1.
    pub line: u64,
    /// The contract's column, if the fault is in one.
    pub column: Option<String>,
    /// The fault.
    pub fault: Fault,
    /// The refused value, if the fault is in one.
    pub value: Option<String>,
    /// The record as it stands in the file; bytes that are no text are written `\xNN`.
    pub raw: String,
}

impl Reject {
    /// A fault of the whole record.
    pub fn of_record(record: Record<'_>, fault: Fault) -> Self {
        Self { line: record.line, column: None, fault, value: None, raw: printable(record.bytes) }
    }

    /// A fault of one field.
    pub fn of_field(record: Record<'_>, column: &str, value: &str, fault: Fault) -> Self {
        Self {
            line: record.line,
            column: Some(column.to_owned()),
            fault,
            value: Some(value.to_owned()),
            raw: printable(record.bytes),
        }
    }
}

/// Bytes as text; NUL and bytes that are not UTF-8 as `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&chunk.valid().replace('\0', "\\x00"));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Replaces the rejects of one file in the table `rejects`.
pub fn store(conn: &Connection, source: &str, file: &str, rejects: &[Reject]) -> Result<()> {
    conn.execute("delete from main.rejects where source = ? and file = ?", [source, file])?;
    let mut appender = conn.appender_to_db("rejects", "main")?;
    for reject in rejects {
        appender.append_row(params![
            source,
            file,
            i64::try_from(reject.line)?,
            reject.column,
            reject.fault.code.name(),
            reject.value,
            reject.fault.reason,
            reject.raw,
        ])?;
    }
    appender.flush()?;
    Ok(())
}

/// `sales_1.csv` has its rejects in `sales_1.errors.csv`.
pub fn errors_file(file: &Path) -> PathBuf {
    file.with_extension("errors.csv")
}

/// The columns of a list of rejects, by which one is known.
const COLUMNS: [&str; 6] = ["line", "column", "code", "value", "reason", "raw"];

/// Is this file a list that [`write_errors_file`] wrote? Such files are never ingested. The name alone does not say
/// so: somebody's own data may have it.
pub fn is_errors_file(file: &Path) -> Result<bool> {
    if !file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".errors.csv")) {
        return Ok(false);
    }
    let mut start = vec![0; COLUMNS.join(",").len() + 1];
    let read = std::fs::File::open(file).and_then(|mut file| read_up_to(&mut file, &mut start));
    match read {
        Ok(read) => Ok(start[..read] == *format!("{}\n", COLUMNS.join(",")).as_bytes()),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", file.display())).into()),
    }
}

fn read_up_to(file: &mut std::fs::File, into: &mut [u8]) -> std::io::Result<usize> {
    let mut held = 0;
    while held < into.len() {
        match file.read(&mut into[held..])? {
            0 => break,
            read => held += read,
        }
    }
    Ok(held)
}

/// Writes the rejects of a file beside it, or removes an old list when there are none now. The table
/// `rejects` is the record; this is the copy one opens in a spreadsheet.
///
/// # Errors
/// The folder may be read-only; the caller decides whether that matters.
pub fn write_errors_file(file: &Path, rejects: &[Reject]) -> Result<Option<PathBuf>> {
    let path = errors_file(file);
    if path.is_file() && !is_errors_file(&path)? {
        if rejects.is_empty() {
            return Ok(None);
        }
        return Err(Failure::new(format!(
            "cannot write {}: a file of that name is there and no list of rejects",
            path.display()
        ))
        .into());
    }
    if rejects.is_empty() {
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot remove the old {}", path.display())),
        }
        return Ok(None);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let context = || format!("cannot write {}", path.display());
    let temporary = readable_temporary(folder).with_context(context)?;
    let mut writer = csv::Writer::from_writer(temporary.as_file());
    writer.write_record(COLUMNS)?;
    for reject in rejects {
        writer.write_record([
            &reject.line.to_string(),
            reject.column.as_deref().unwrap_or_default(),
            reject.fault.code.name(),
            reject.value.as_deref().unwrap_or_default(),
            &reject.fault.reason,
            &reject.raw,
        ])?;
    }
    writer.flush().with_context(context)?;
    drop(writer);
    temporary.persist(&path).with_context(context)?;
    Ok(Some(path))
}

/// A temporary file as readable as any other new file; by default only its owner could read it.
fn readable_temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.prefix(".rejects").tempfile_in(folder)
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
         from main.rejects {condition} order by source, file, line, column_name limit {}",
        filter.limit
    );
    let table = Table::query_with(conn, &sql, params![filter.file, filter.code])?;
    Ok((table, total))
}

/// How many rejects of each code and column there are.
pub fn summary(staging: &Staging) -> Result<Table> {
    Table::query(
        staging.conn(),
        "select source, code, column_name as \"column\", count(*) as faults, count(distinct (file, line)) as records,
                count(distinct file) as files, min(reason) as example
         from main.rejects group by all order by faults desc, source, code, column_name",
    )
}

/// Refuses a code that no reject can have.
pub fn check_code(code: &str) -> Result<()> {
    let known = Code::ALL.map(Code::name);
    match known.contains(&code) {
        true => Ok(()),
        false => Err(Failure::new(format!("there is no reject code `{code}`; known: {}", known.join(", "))).into()),
    }
}
