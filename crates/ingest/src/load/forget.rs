//! Withdraws a file: its rows leave the staging file, and with the next run the warehouse.

use anyhow::Result;
use salesmart_base::{fail, toml_file};
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

/// Withdraws the file of this name from every source that has it.
///
/// # Errors
/// A file that is not loaded is an error that names the nearest one that is.
pub fn forget(staging: &Staging, name: &str) -> Result<Vec<Withdrawn>> {
    let conn = staging.conn();
    let mut statement = conn.prepare(
        "select source, file, accepted, same_as from ingest.files
         union all
         select source, file, 0, null from ingest.expected where (source, file) not in (select (source, file) from ingest.files)
         order by source, file",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let files: Vec<(String, String, u64, Option<String>)> = rows.collect::<Result<_, _>>()?;
    let wanted: Vec<_> = files.iter().filter(|(_, file, ..)| file == name).collect();
    if wanted.is_empty() {
        let nearest = toml_file::nearest(name, files.iter().map(|(_, file, ..)| file.as_str()));
        let advice = match nearest {
            Some(nearest) => format!("; did you mean {nearest}?"),
            None => String::new(),
        };
        fail!("{name} is not loaded{advice} (`salesmart show ingest.files` lists the files)");
    }
    staging.transaction(|conn| {
        let mut withdrawn = Vec::new();
        for (source, file, accepted, same_as) in &wanted {
            let heir = catalog::withdraw(conn, source, file)?.or_else(|| same_as.clone());
            withdrawn.push(heir.map_or(Withdrawn::Rows(*accepted), Withdrawn::StaysAs));
        }
        Ok(withdrawn)
    })
}
