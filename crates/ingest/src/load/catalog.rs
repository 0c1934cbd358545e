//! Which files belong to a contract, and which of them need reading.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use duckdb::{Connection, OptionalExt, params};
use salesmart_base::config::Config;
use salesmart_staging::{Staging, ident, literal};

use super::{expand, source_table};
use crate::cast::decimal::Decimal;
use crate::contract::{Contract, pattern};
use crate::rejects;
use crate::rejects::repairs;

/// A file that a contract's glob matches.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the staging file: relative to the project, so the same on every machine. The order of the
    /// names (`natural_order` in SQL) is the order of versions: of two records with one key, the one in the later name wins.
    pub name: String,
    /// Why it cannot be loaded, where its directory entry alone says so. It is refused unread.
    pub fault: Option<String>,
}

/// What is known of a file.
#[derive(Debug)]
pub struct Known {
    /// Hash of the content that is loaded.
    pub content_hash: String,
    /// Size, times and inode at the time of hashing; absent if they cannot be trusted.
    pub stat_signature: Option<String>,
    /// `loaded`, `duplicate` or `refused`.
    pub outcome: String,
    /// Size of the content that is loaded.
    pub bytes: u64,
    /// Hash of the repairs it was loaded with, if there were any.
    pub repairs_hash: Option<String>,
}

/// The files of a contract, by name. Lists of rejects and repairs beside the files are left out.
///
/// # Errors
/// A folder cannot be listed.
pub fn find(config: &Config, contract: &Contract) -> Result<Vec<SourceFile>> {
    let pattern = Path::new(&contract.files);
    let base = match pattern.is_absolute() {
        true => pattern::folder(pattern),
        false => config.root.clone(),
    };
    let mut files = Vec::new();
    for path in expand::files(&config.root, pattern)? {
        let fault = fault(&path).or_else(|| config.paths.check(&path).err());
        if fault.is_some() || !rejects::is_errors_file(&path)? && !repairs::is_repairs_file(&path)? {
            files.push(SourceFile { name: name(path.strip_prefix(&base).unwrap_or(&path)), path, fault });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The name in the staging file: with `/` on every system, and bytes that are no text as `\xNN`.
fn name(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| name.push_str(&format!("\\x{byte:02X}")));
    }
    if cfg!(windows) { name.replace('\\', "/") } else { name }
}

/// What keeps a directory entry from being loaded, whatever it holds.
fn fault(path: &Path) -> Option<String> {
    if path.as_os_str().to_str().is_none() {
        return Some("its name is not UTF-8; rename the file".to_owned());
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(metadata) => Some(format!("it is {}, not a file; write the data into a file", kind(&metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(
            "it is a symbolic link to a file that does not exist; put the file there, or remove the link".to_owned(),
        ),
        Err(error) => Some(format!("cannot read it: {error}")),
    }
}

#[cfg(unix)]
fn kind(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match metadata.file_type() {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind(_: &Metadata) -> &'static str {
    "a device"
}

/// What is known of a file, if anything.
pub fn known(conn: &Connection, source: &str, name: &str) -> Result<Option<Known>> {
    let found = conn.query_row(
        "select content_hash, stat_signature, outcome, bytes, repairs_hash from ingest.files where source = ? and file = ?",
        [source, name],
        |row| {
            Ok(Known {
                content_hash: row.get(0)?,
                stat_signature: row.get(1)?,
                outcome: row.get(2)?,
                bytes: row.get(3)?,
                repairs_hash: row.get(4)?,
            })
        },
    );
    Ok(found.optional()?)
}

/// What is known of the files of a source, by name: one look for the many files that are as before. A file whose
/// last content was refused is left out: whatever it holds now is read again.
pub fn known_files(conn: &Connection, source: &str) -> Result<HashMap<String, Known>> {
    let mut statement = conn.prepare(
        "select file, content_hash, stat_signature, outcome, bytes, repairs_hash from ingest.files where source = ? and reason is null",
    )?;
    let rows = statement.query_map([source], |row| {
        let known = Known {
            content_hash: row.get(1)?,
            stat_signature: row.get(2)?,
            outcome: row.get(3)?,
            bytes: row.get(4)?,
            repairs_hash: row.get(5)?,
        };
        Ok((row.get(0)?, known))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Remembers that a file's content was looked at under this signature.
pub fn touch(conn: &Connection, source: &str, name: &str, signature: Option<&str>) -> Result<()> {
    conn.execute(
        "update ingest.files set stat_signature = ? where source = ? and file = ?",
        params![signature, source, name],
    )?;
    Ok(())
}

/// The file, if any, that is loaded with this content under another name.
pub fn twin(conn: &Connection, source: &str, name: &str, content_hash: &str) -> Result<Option<String>> {
    let found = conn.query_row(
        "select file from ingest.files
         where source = ? and file <> ? and content_hash = ? and outcome = 'loaded'",
        [source, name, content_hash],
        |row| row.get(0),
    );
    Ok(found.optional()?)
}

/// The contents of which a file is loaded, by their hashes.
pub fn loaded_contents(conn: &Connection, source: &str) -> Result<HashSet<String>> {
    let mut statement =
        conn.prepare("select distinct content_hash from ingest.files where source = ? and outcome = 'loaded'")?;
    Ok(statement.query_map([source], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Records a file whose content is loaded under another name. The greatest name carries the rows: the latest version
/// wins, as if both were loaded, and the order in which the two were met makes no difference.
pub fn record_twin(
    conn: &Connection,
    contract: &Contract,
    name: &str,
    twin: &str,
    content_hash: &str,
    signature: Option<&str>,
) -> Result<()> {
    let source = contract.source.as_str();
    withdraw(conn, source, name)?;
    conn.execute(
        "insert into ingest.files
         select source, ?, content_hash, ?, file, 'duplicate', null, bytes, records, accepted, rejected, repaired, skipped,
                places, drift, repairs_hash, null
         from ingest.files where source = ? and file = ? and content_hash = ?",
        params![name, signature, source, twin, content_hash],
    )?;
    let is_later = conn.query_row("select natural_order(?) > natural_order(?)", [name, twin], |row| row.get(0))?;
    match is_later {
        true => rename(conn, source, twin, name),
        false => Ok(()),
    }
}

/// Hands the rows of each content to the greatest of its names. They are there already, unless the staging file was written by a
/// version that compared names otherwise.
pub fn elect(staging: &Staging, source: &str) -> Result<()> {
    let mut statement = staging.conn().prepare(
        "select same_as, arg_max(file, natural_order(file)) from ingest.files
         where source = ? and same_as is not null and natural_order(file) > natural_order(same_as) group by same_as",
    )?;
    let heirs = statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let heirs: Vec<(String, String)> = heirs.collect::<Result<_, _>>()?;
    for (from, to) in heirs {
        staging.transaction(|conn| rename(conn, source, &from, &to))?;
    }
    Ok(())
}

/// The greatest of the other names of a file's content.
const HEIR: &str = "select arg_max(file, natural_order(file)) from ingest.files where source = ? and same_as = ?";

/// Takes a file's rows, rejects and totals out of the staging file. If the same content is known under other
/// names, the greatest of them takes the rows over; it is returned.
pub fn withdraw(conn: &Connection, source: &str, name: &str) -> Result<Option<String>> {
    let heir: Option<String> = conn.query_row(HEIR, [source, name], |row| row.get(0))?;
    if let Some(heir) = &heir {
        rename(conn, source, name, heir)?;
    }
    if let Some(load) = load_of(conn, source, name)? {
        source_table::take_out(conn, source, load)?;
    }
    for table in ["ingest.control_totals", "main.rejects", "ingest.files", "ingest.expected"] {
        conn.execute(&format!("delete from {table} where source = ? and file = ?"), [source, name])?;
    }
    Ok(heir)
}

/// Hands the rows of `from` over to its twin `to`.
fn rename(conn: &Connection, source: &str, from: &str, to: &str) -> Result<()> {
    let load = match load_of(conn, source, from)? {
        Some(load) => Some(source_table::rename(conn, source, load, to)?),
        None => None,
    };
    for table in ["ingest.control_totals", "main.rejects"] {
        conn.execute(&format!("update {table} set file = ? where source = ? and file = ?"), [to, source, from])?;
    }
    let sql = "update ingest.files
               set same_as = case when file = $2 then null else $2 end,
                   outcome = case when file = $2 then 'loaded' else 'duplicate' end,
                   load_id = case when file = $2 then $4 end
               where source = $1 and (file = $2 or file = $3 or same_as = $3)";
    conn.execute(sql, params![source, to, from, load])?;
    Ok(())
}

/// The number of the load that brought a file's rows, if they are there.
fn load_of(conn: &Connection, source: &str, name: &str) -> Result<Option<i64>> {
    let sql = "select load_id from ingest.files where source = ? and file = ? and outcome = 'loaded'";
    Ok(conn.query_row(sql, [source, name], |row| row.get(0)).optional()?.flatten())
}

/// Keeps the control totals of files, each with its name: per column of numbers, the sum of what was accepted. A sum beyond 38 digits
/// has none.
pub fn store_totals<'t>(
    conn: &Connection,
    contract: &Contract,
    totals: impl Iterator<Item = (&'t str, &'t [Option<i128>])>,
) -> Result<()> {
    let mut rows: Vec<String> = Vec::new();
    for (name, totals) in totals {
        let of_file = contract.columns.iter().zip(totals).filter(|(column, _)| column.kind.is_number()).filter_map(
            |(column, total)| {
                let total = Decimal::with_scale((*total)?, column.kind.scale()).padded(column.kind.scale());
                let (source, name) = (literal(&contract.source), literal(name));
                Some(format!("({source}, {name}, {}, '{total}')", literal(&column.name)))
            },
        );
        rows.extend(of_file);
    }
    if !rows.is_empty() {
        conn.execute_batch(&format!("insert into ingest.control_totals values {}", rows.join(", ")))?;
    }
    Ok(())
}

/// The sums of the rows of one load, per contract column, as the table has them.
pub fn totals(conn: &Connection, contract: &Contract, load: i64) -> Result<Vec<Option<i128>>> {
    let selected: Vec<String> = contract
        .columns
        .iter()
        .map(|column| match column.kind.is_number() {
            true => format!("cast(coalesce(sum({}), 0) as varchar)", ident(&column.name)),
            false => "'0'".to_owned(),
        })
        .collect();
    let sql = format!("select {} from loaded.{} where _load = {load}", selected.join(", "), contract.source);
    let texts: Vec<String> =
        conn.query_row(&sql, [], |row| (0..selected.len()).map(|index| row.get(index)).collect())?;
    let scaled = texts.iter().zip(&contract.columns).map(|(text, column)| {
        Decimal::parse(text.as_bytes(), b'.').ok().and_then(|sum| sum.at_scale(column.kind.scale()))
    });
    Ok(scaled.collect())
}

/// Compares what was read with what the table holds: rows and control totals of these files.
///
/// # Errors
/// A difference would be a fault of the program or of the disk, so it is not one of the foreseen failures.
pub fn reconcile(conn: &Connection, contract: &Contract, names: &HashSet<&str>) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let source = contract.source.as_str();
    let numbers: Vec<&str> =
        contract.columns.iter().filter(|column| column.kind.is_number()).map(|column| column.name.as_str()).collect();
    let sums: String =
        numbers.iter().map(|name| format!(", cast(coalesce(sum({}), 0) as varchar)", ident(name))).collect();
    let mut held: HashMap<(String, String), String> = HashMap::new();
    // Only these files: a new day must not cost a look at the whole history.
    let listed: Vec<String> = names.iter().map(|name| literal(name)).collect();
    let (first, last): (i64, i64) = conn.query_row(
        &format!(
            "select coalesce(min(load_id), 0), coalesce(max(load_id), 0) from ingest.files where source = ? and file in ({})",
            listed.join(", ")
        ),
        [source],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut statement = conn.prepare(&format!(
        "select _file, cast(count(*) as varchar){sums} from loaded.{source} where _load between {first} and {last} group by _file"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let file: String = row.get(0)?;
        for (index, name) in std::iter::once(&"_rows").chain(&numbers).enumerate() {
            held.insert((file.clone(), (*name).to_owned()), row.get(index + 1)?);
        }
    }
    let mut statement = conn.prepare(
        "select file, '_rows', cast(accepted as varchar) from ingest.files where source = $1 and outcome = 'loaded'
         union all select file, column_name, total from ingest.control_totals where source = $1",
    )?;
    let read = statement.query_map([source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for row in read {
        let (file, name, read): (String, String, String) = row?;
        if !names.contains(&file.as_str()) {
            continue;
        }
        let key = (file, name);
        // A file without an accepted record has no rows, and sums of zero.
        let is_zero = || read.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        match held.get(&key) {
            Some(held) if *held == read => {}
            None if is_zero() => {}
            other => {
                let held = other.map_or("nothing", String::as_str);
                let (file, name) = key;
                anyhow::bail!(
                    "{file}: {name} is {read} as read and {held} in the staging file; move the staging file away and run again"
                )
            }
        }
    }
    Ok(())
}

/// Names of all files of a source of which the staging file has anything.
pub fn names(conn: &Connection, source: &str) -> Result<HashSet<String>> {
    let mut statement = conn.prepare(
        "select file from ingest.files where source = $1 union select file from ingest.expected where source = $1",
    )?;
    let rows = statement.query_map([source], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes the rows of a file out, to be loaded anew from the same content: other names of it stay its copies.
pub fn clear(conn: &Connection, source: &str, name: &str) -> Result<()> {
    if let Some(load) = load_of(conn, source, name)? {
        source_table::take_out(conn, source, load)?;
    }
    for table in ["ingest.control_totals", "main.rejects", "ingest.files", "ingest.expected"] {
        conn.execute(&format!("delete from {table} where source = ? and file = ?"), [source, name])?;
    }
    Ok(())
}

/// Size, times and inode of a file: if none of them changed, neither did the content. `None` if the file
/// changed so recently that another change might not show.
#[cfg(unix)]
pub fn stat_signature(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let changed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(metadata.ctime()).ok()?);
    let age = std::time::SystemTime::now().duration_since(changed).ok()?;
    (age > std::time::Duration::from_secs(2)).then(|| {
        format!(
            "{}:{}.{}:{}.{}:{}",
            metadata.size(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
            metadata.ino()
        )
    })
}

/// Elsewhere the times are not fine enough to be trusted: every file is hashed.
#[cfg(not(unix))]
pub fn stat_signature(_: &Metadata) -> Option<String> {
    None
}
