//! Records as they stand in their file, found again by the line on which they start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use salesmart_base::event::Progress;

use super::block::BLOCK_RECORDS;
use super::opened::Opened;
use super::parquet;
use super::split::Splitter;
use crate::contract::Contract;
use crate::load::feed::Source;

/// The records of a file that start on these lines, as text; bytes that are no text are written `\xNN`. The inner error
/// says in words why the file does not fit the contract.
///
/// # Errors
/// What the operating system or a decompressor says.
pub fn lines(path: &Path, contract: &Contract, lines: &BTreeSet<u64>) -> Result<Result<BTreeMap<u64, String>, String>> {
    let Opened { source, places, syntax, .. } = match Opened::at(path, contract, &Progress::default())? {
        Ok(opened) => opened,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut found = BTreeMap::new();
    match source {
        Source::Text(mut reader) => {
            let splitter = Splitter::new(contract, syntax, places);
            while found.len() < lines.len() {
                let block = reader.block(BLOCK_RECORDS)?;
                if block.is_empty() {
                    break;
                }
                let wanted = block.records().filter(|record| lines.contains(&record.line));
                found.extend(wanted.map(|record| (record.line, splitter.printable(record.bytes))));
            }
        }
        Source::Rows(mut rows) => {
            let headers: Vec<&str> = contract.columns.iter().map(|column| column.header.as_str()).collect();
            while found.len() < lines.len()
                && let Some((batch, first)) = rows.next_batch()?
            {
                for line in lines.range(first..first + batch.num_rows() as u64) {
                    found.insert(*line, parquet::raw_row(&headers, &batch, usize::try_from(line - first)?));
                }
            }
        }
    }
    Ok(Ok(found))
}
