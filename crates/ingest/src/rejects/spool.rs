//! Holds the rejects of one file until its transaction takes them: in memory while they are few, on disk beyond that.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cast::fault::{Code, Fault};
use crate::rejects::Reject;

/// Rejects in memory take at most about so much.
const HELD_BYTES: usize = 16 << 20;

/// The rejects of one file, those of one record together, else in any order.
#[derive(Debug, Default)]
pub struct Spool {
    held: Vec<Reject>,
    held_bytes: usize,
    spilled: Option<BufWriter<File>>,
}

impl Spool {
    /// Takes in the rejects of a block.
    pub fn append(&mut self, rejects: &mut Vec<Reject>) -> Result<()> {
        self.held_bytes += rejects.iter().map(size).sum::<usize>();
        self.held.append(rejects);
        if self.held_bytes > HELD_BYTES {
            self.spill().context("cannot keep the rejects in a temporary file")?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        if self.spilled.is_none() {
            self.spilled = Some(BufWriter::new(tempfile::tempfile()?));
        }
        let Some(file) = &mut self.spilled else { return Ok(()) };
        for Reject { line, column, fault, value, raw } in self.held.drain(..) {
            let fields = (line, column, fault.code.name(), value, fault.reason, raw.as_ref());
            serde_json::to_writer(&mut *file, &fields)?;
            file.write_all(b"\n")?;
        }
        self.held_bytes = 0;
        Ok(())
    }

    /// Hands every reject to `each`, those of one record in the order of its columns.
    pub fn drain(self, mut each: impl FnMut(Reject) -> Result<()>) -> Result<()> {
        let Self { mut held, spilled, .. } = self;
        // Blocks end in any order; a stable sort keeps the faults of one record in theirs.
        held.sort_by_key(|reject| reject.line);
        if let Some(file) = spilled {
            let mut file = file.into_inner().context("cannot keep the rejects in a temporary file")?;
            file.rewind()?;
            for line in BufReader::new(file).lines() {
                type Fields = (u64, Option<String>, String, Option<String>, String, String);
                let (line, column, code, value, reason, raw): Fields = serde_json::from_str(&line?)?;
                let code = Code::parse(&code).context("an unknown code among the rejects")?;
                each(Reject { line, column, fault: Fault { code, reason }, value, raw: Arc::from(raw) })?;
            }
        }
        held.into_iter().try_for_each(each)
    }
}

fn size(reject: &Reject) -> usize {
    let value = reject.value.as_ref().map_or(0, String::len);
    size_of::<Reject>() + reject.raw.len() + value + reject.fault.reason.len()
}
