//! The files whose rows the warehouse holds, listed beside its ledger.
//!
//! The staging file may be deleted, files may be archived after they were loaded, and both are fine; together they would have a sync delete
//! the rows of the archived files. The list tells such a loss from a wish: a listed file that the staging file does not hold, under its
//! name or with its content under another one, was lost unless somebody withdrew it with `salesmart forget`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::Connection;
use postgres::{GenericClient, Transaction};
use salesmart_base::count::counted;

/// Maximum number of files that a message names.
const NAMED: usize = 20;

/// Source and name.
type Key = (String, String);

/// What is known of a file's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    hash: String,
    rows: i64,
}

/// The list of the warehouse, held against the staging file.
#[derive(Debug, Default)]
pub struct SourceFiles {
    /// Listed files with rows that the staging file lacks, and that nobody withdrew.
    pub missing: Vec<String>,
    /// The warehouse has rows and no list: its syncs so far were those of an earlier version.
    pub is_unlisted: bool,
    removed: Vec<Key>,
    written: Vec<(Key, Content)>,
}

impl SourceFiles {
    /// Compares the two. `is_empty`: nothing was ever pushed.
    pub fn compare(conn: &Connection, client: &mut impl GenericClient, is_empty: bool) -> Result<Self> {
        let listed = listed(client)?;
        let held = held(conn)?;
        let withdrawn = withdrawn(conn)?;
        let contents: BTreeSet<&str> = held.values().map(|content| content.hash.as_str()).collect();
        let mut files = Self { is_unlisted: listed.is_empty() && !is_empty, ..Self::default() };
        for (key, content) in &listed {
            if held.contains_key(key) {
                continue;
            }
            let is_lost = content.rows > 0 && !contents.contains(content.hash.as_str()) && !withdrawn.contains(key);
            match is_lost {
                true => files.missing.push(key.1.clone()),
                false => files.removed.push(key.clone()),
            }
        }
        files.written = held.into_iter().filter(|(key, content)| listed.get(key) != Some(content)).collect();
        Ok(files)
    }

    /// Whether the list has to be written.
    pub fn has_changed(&self) -> bool {
        !self.removed.is_empty() || !self.written.is_empty()
    }

    /// Why a sync that changes rows must not go on; `None` if nothing speaks against it.
    pub fn objection(&self) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let mut names: Vec<&str> = self.missing.iter().map(String::as_str).take(NAMED).collect();
        let more = self.missing.len() - names.len();
        let more = if more == 0 { String::new() } else { format!("\n  and {more} more (table etl.source_file)") };
        names.sort_unstable();
        let has = if self.missing.len() == 1 { "its" } else { "their" };
        Some(format!(
            "the warehouse holds {} that this project has not loaded, and this sync would take {has} rows out of it:\n  {}{more}\n\
             Nothing was changed. Put them back (are they archived?) and run again; or, if {has} rows are to go, withdraw them with \
             `salesmart forget {}`",
            counted(self.missing.len() as u64, "file"),
            names.join("\n  "),
            if self.missing.len() == 1 { names[0] } else { "FILE…" },
        ))
    }

    /// Writes the list.
    pub fn write(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        if !self.removed.is_empty() {
            let (sources, names): (Vec<&str>, Vec<&str>) =
                self.removed.iter().map(|(source, file)| (source.as_str(), file.as_str())).unzip();
            transaction.execute(
                "delete from etl.source_file where (source, file) in (select * from unnest($1::text[], $2::text[]))",
                &[&sources, &names],
            )?;
        }
        if !self.written.is_empty() {
            let column = |of: fn(&(Key, Content)) -> &str| self.written.iter().map(of).collect::<Vec<&str>>();
            let rows: Vec<i64> = self.written.iter().map(|(_, content)| content.rows).collect();
            transaction.execute(
                "insert into etl.source_file (source, file, content_hash, rows)
                 select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                 on conflict (source, file) do update set content_hash = excluded.content_hash, rows = excluded.rows",
                &[
                    &column(|((source, _), _)| source),
                    &column(|((_, file), _)| file),
                    &column(|(_, content)| &content.hash),
                    &rows,
                ],
            )?;
        }
        Ok(())
    }
}

/// The sources in whose list a file of this name is.
pub fn sources_of(client: &mut impl GenericClient, file: &str) -> Result<Vec<String>> {
    // A warehouse that is not migrated yet has no list.
    if !is_made(client)? {
        return Ok(Vec::new());
    }
    let rows = client.query("select source from etl.source_file where file = $1 order by 1", &[&file])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Forgets what was withdrawn: the warehouse knows.
pub fn settle(conn: &Connection) -> Result<()> {
    conn.execute("delete from ingest.withdrawn", [])?;
    Ok(())
}

fn is_made(client: &mut impl GenericClient) -> Result<bool> {
    Ok(client.query_one("select to_regclass('etl.source_file') is not null", &[])?.get(0))
}

fn listed(client: &mut impl GenericClient) -> Result<BTreeMap<Key, Content>> {
    let rows = client.query("select source, file, content_hash, rows from etl.source_file", &[])?;
    let entry = |row: &postgres::Row| ((row.get(0), row.get(1)), Content { hash: row.get(2), rows: row.get(3) });
    Ok(rows.iter().map(entry).collect())
}

/// The files of the staging file. One whose newer content was refused still has the rows of the older one.
fn held(conn: &Connection) -> Result<BTreeMap<Key, Content>> {
    let sql = "select source, file, content_hash, accepted from ingest.files where outcome <> 'refused'";
    let mut statement = conn.prepare(sql)?;
    let entry =
        |row: &duckdb::Row<'_>| Ok(((row.get(0)?, row.get(1)?), Content { hash: row.get(2)?, rows: row.get(3)? }));
    Ok(statement.query_map([], entry)?.collect::<Result<_, _>>()?)
}

fn withdrawn(conn: &Connection) -> Result<BTreeSet<Key>> {
    let mut statement = conn.prepare("select source, file from ingest.withdrawn")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}
