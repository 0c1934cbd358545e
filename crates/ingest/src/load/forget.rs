//! Withdraws a file: its rows leave the staging file, and with the next run the warehouse.

use anyhow::Result;
use duckdb::{Connection, Row};
use salesmart_base::failure::Failure;
use salesmart_base::toml_file;
use salesmart_staging::Staging;

use super::catalog;

/// What became of a file's rows.
#[derive(Debug)]
pub enum Withdrawn {
    /// So many rows left the staging file.
    Rows(u64),
    /// The same content stays loaded as this file.
    StaysAs(String),
}

/// Withdraws the file of this name from every source that has it; `None` if none has.
pub fn forget(staging: &Staging, name: &str) -> Result<Option<Vec<Withdrawn>>> {
    let wanted: Vec<_> = files(staging.conn())?.into_iter().filter(|file| file.name == name).collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    staging.transaction(|conn| {
        let mut withdrawn = Vec::new();
        for File { source, name, accepted, same_as } in &wanted {
            let heir = catalog::withdraw(conn, source, name)?.or_else(|| same_as.clone());
            note(conn, source, name)?;
            withdrawn.push(heir.map_or(Withdrawn::Rows(*accepted), Withdrawn::StaysAs));
        }
        Ok(Some(withdrawn))
    })
}

/// Notes that a file of these sources is withdrawn of which only the warehouse knows.
pub fn note_unknown(staging: &Staging, sources: &[String], name: &str) -> Result<()> {
    staging.transaction(|conn| sources.iter().try_for_each(|source| note(conn, source, name)))
}

/// The error about a file that is not loaded, which names the nearest one that is.
pub fn not_loaded(staging: &Staging, name: &str) -> Result<Failure> {
    let files = files(staging.conn())?;
    let advice = match toml_file::nearest(name, files.iter().map(|file| file.name.as_str())) {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => String::new(),
    };
    Ok(Failure::new(format!("{name} is not loaded{advice} (`salesmart show ingest.files` lists the files)")))
}

struct File {
    source: String,
    name: String,
    accepted: u64,
    same_as: Option<String>,
}

fn files(conn: &Connection) -> Result<Vec<File>> {
    let mut statement = conn.prepare(
        "select source, file, accepted, same_as from ingest.files
         union all
         select source, file, 0, null from ingest.expected where (source, file) not in (select (source, file) from ingest.files)
         order by source, file",
    )?;
    let file = |row: &Row<'_>| {
        Ok(File { source: row.get(0)?, name: row.get(1)?, accepted: row.get(2)?, same_as: row.get(3)? })
    };
    Ok(statement.query_map([], file)?.collect::<Result<_, _>>()?)
}

/// The next sync must not take it for one that was lost.
fn note(conn: &Connection, source: &str, name: &str) -> Result<()> {
    conn.execute("insert into ingest.withdrawn values (?, ?)", [source, name])?;
    Ok(())
}
