//! Withdraws a file: its rows leave the staging file, and with the next run the warehouse.

use anyhow::Result;

use super::catalog;
use crate::staging::Staging;
use crate::{fail, toml_file};

/// Withdraws the file of this name; returns the rows it had.
///
/// # Errors
/// A file that is not loaded is an error that names the nearest one that is.
pub fn forget(staging: &Staging, name: &str) -> Result<u64> {
    let conn = staging.conn();
    let mut statement = conn.prepare(
        "select source, file, accepted from ingest.files
         union all
         select source, file, 0 from ingest.expected where (source, file) not in (select (source, file) from ingest.files)
         order by file",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let files: Vec<(String, String, u64)> = rows.collect::<Result<_, _>>()?;
    let Some((source, file, accepted)) = files.iter().find(|(_, file, _)| file == name) else {
        let nearest = toml_file::nearest(name, files.iter().map(|(_, file, _)| file.as_str()));
        let advice = match nearest {
            Some(nearest) => format!("; did you mean {nearest}?"),
            None => String::new(),
        };
        fail!("{name} is not loaded{advice} (`salesmart show ingest.files` lists the files)");
    };
    staging.transaction(|conn| catalog::withdraw(conn, source, file))?;
    Ok(*accepted)
}
