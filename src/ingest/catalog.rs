//! Which files belong to a contract, and which of them need reading.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use duckdb::{Connection, OptionalExt, params};

use super::contract::Contract;
use super::{expand, rejects, repairs};
use crate::config::Config;
use crate::hash;

/// A file that a contract's glob matches.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the staging file: relative to the project, so the same on every machine. The order of the
    /// names is the order of versions: of two records with one key, the one in the later name wins.
    pub name: String,
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
}

/// The files of a contract, by name. Lists of rejects and repairs beside the files are left out.
pub fn find(config: &Config, contract: &Contract) -> Result<Vec<SourceFile>> {
    let pattern = Path::new(&contract.files);
    let base = match pattern.is_absolute() {
        true => fixed_prefix(pattern),
        false => config.root.clone(),
    };
    let mut files = Vec::new();
    for path in expand::files(&config.root, pattern)? {
        if !rejects::is_errors_file(&path)? && !repairs::is_repairs_file(&path)? {
            let name = path.strip_prefix(&base).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(SourceFile { path, name });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The folders of a pattern before its first wildcard.
fn fixed_prefix(pattern: &Path) -> PathBuf {
    let fixed = pattern.components().take_while(|part| !expand::is_wild(part.as_ref())).collect::<PathBuf>();
    match fixed == pattern {
        true => fixed.parent().map(Path::to_owned).unwrap_or_default(),
        false => fixed,
    }
}

/// What is known of a file, if anything.
pub fn known(conn: &Connection, source: &str, name: &str) -> Result<Option<Known>> {
    let found = conn.query_row(
        "select content_hash, stat_signature, outcome, bytes from ingest.files where source = ? and file = ?",
        [source, name],
        |row| {
            Ok(Known {
                content_hash: row.get(0)?,
                stat_signature: row.get(1)?,
                outcome: row.get(2)?,
                bytes: row.get(3)?,
            })
        },
    );
    Ok(found.optional()?)
}

/// What is known of the files of a source, by name: one look for the many files that are as before. A file whose
/// last content was refused is left out: whatever it holds now is read again.
pub fn known_files(conn: &Connection, source: &str) -> Result<HashMap<String, Known>> {
    let mut statement = conn.prepare(
        "select file, content_hash, stat_signature, outcome, bytes from ingest.files where source = ? and reason is null",
    )?;
    let rows = statement.query_map([source], |row| {
        let known =
            Known { content_hash: row.get(1)?, stat_signature: row.get(2)?, outcome: row.get(3)?, bytes: row.get(4)? };
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
                places, drift
         from ingest.files where source = ? and file = ? and content_hash = ?",
        params![name, signature, source, twin, content_hash],
    )?;
    match name > twin {
        true => rename(conn, source, twin, name),
        false => Ok(()),
    }
}

/// Takes a file's rows, rejects and totals out of the staging file. If the same content is known under other
/// names, the greatest of them takes the rows over; it is returned.
pub fn withdraw(conn: &Connection, source: &str, name: &str) -> Result<Option<String>> {
    let heir: Option<String> =
        conn.query_row("select max(file) from ingest.files where source = ? and same_as = ?", [source, name], |row| {
            row.get(0)
        })?;
    if let Some(heir) = &heir {
        rename(conn, source, name, heir)?;
    }
    let loaded = known(conn, source, name)?.is_some_and(|known| known.outcome == "loaded");
    if loaded {
        conn.execute(&format!("delete from raw.{source} where _file = ?"), [name])?;
    }
    for table in ["ingest.control_totals", "main.rejects", "ingest.files", "ingest.expected"] {
        conn.execute(&format!("delete from {table} where source = ? and file = ?"), [source, name])?;
    }
    Ok(heir)
}

/// Hands the rows of `from` over to its twin `to`.
fn rename(conn: &Connection, source: &str, from: &str, to: &str) -> Result<()> {
    conn.execute(&format!("update raw.{source} set _file = ? where _file = ?"), [to, from])?;
    for table in ["ingest.control_totals", "main.rejects"] {
        conn.execute(&format!("update {table} set file = ? where source = ? and file = ?"), [to, source, from])?;
    }
    let sql = "update ingest.files
               set same_as = case when file = $2 then null else $2 end,
                   outcome = case when file = $2 then 'loaded' else 'duplicate' end
               where source = $1 and (file = $2 or file = $3 or same_as = $3)";
    conn.execute(sql, [source, to, from])?;
    Ok(())
}

/// Hash of a file's content, its repairs included: a repair makes another version of the file.
pub fn content_hash(path: &Path) -> Result<String> {
    with_repairs(hash::of_file(path)?, path)
}

/// The hash of a file's own bytes, extended by its repairs if it has any.
pub fn with_repairs(hash: String, path: &Path) -> Result<String> {
    let repairs = repairs::repairs_file(path);
    match repairs.is_file() {
        true => Ok(hash::of_parts([hash.as_str(), &hash::of_file(&repairs)?])),
        false => Ok(hash),
    }
}

/// Signature of a file and of its repairs.
pub fn signature(path: &Path, metadata: &std::fs::Metadata) -> Option<String> {
    let own = stat_signature(metadata)?;
    match std::fs::metadata(repairs::repairs_file(path)) {
        Ok(repairs) => Some(format!("{own} {}", stat_signature(&repairs)?)),
        Err(_) => Some(own),
    }
}

/// Size, times and inode of a file: if none of them changed, neither did the content. `None` if the file
/// changed so recently that another change might not show.
#[cfg(unix)]
fn stat_signature(metadata: &std::fs::Metadata) -> Option<String> {
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
fn stat_signature(_: &std::fs::Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_part_of_a_pattern_ends_before_its_first_wildcard() {
        assert_eq!(fixed_prefix(Path::new("/a/b/*.csv")), Path::new("/a/b"));
        assert_eq!(fixed_prefix(Path::new("/a/*/c.csv")), Path::new("/a"));
        assert_eq!(fixed_prefix(Path::new("/a/b/c.csv")), Path::new("/a/b"));
    }
}
