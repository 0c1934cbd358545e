//! Sends rows of the staging file to PostgreSQL. They are read and encoded in a thread that runs ahead, so that it works while
//! PostgreSQL does: while it takes rows in, and while it builds the indexes of a month, the next month is made ready.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Result, anyhow};
use duckdb::arrow::record_batch::RecordBatch;
use indicatif::ProgressBar;
use postgres::Transaction;

use super::copy::Encoder;
use super::notes::Notes;
use super::schema::PushTable;
use crate::staging::Staging;

/// Bytes that travel together.
const CHUNK: usize = 1 << 18;

/// So many of them wait at most: 64 MB.
const AHEAD: usize = 256;

/// The rows of one COPY.
#[derive(Debug, Clone)]
pub struct Part {
    /// The statement in PostgreSQL.
    pub copy: String,
    /// The query in the staging file, with the same columns; without the row hash if the rows are to be noted.
    pub select: String,
}

/// Sends rows, and counts them on a bar.
pub struct Sender<'a> {
    staging: &'a Staging,
    bar: &'a ProgressBar,
}

/// From the thread that encodes to the one that sends.
enum Message {
    Rows(Vec<u8>, u64),
    End,
}

impl<'a> Sender<'a> {
    /// Sends from this staging file.
    pub fn new(staging: &'a Staging, bar: &'a ProgressBar) -> Self {
        Self { staging, bar }
    }

    /// Sends the parts one after the other.
    pub fn send_all(&self, transaction: &mut Transaction<'_>, parts: &[Part]) -> Result<u64> {
        self.send(transaction, parts, None, |_, _| Ok(()), |_, _, _| Ok(()))
    }

    /// Sends the parts one after the other; `before` and `after` (which is told the number of rows) are called around each, with
    /// its place among the parts. The rows are noted in the delta of the table `noted`, if one is given. Returns the number of all
    /// rows.
    pub fn send(
        &self,
        transaction: &mut Transaction<'_>,
        parts: &[Part],
        noted: Option<&PushTable>,
        mut before: impl FnMut(&mut Transaction<'_>, usize) -> Result<()>,
        mut after: impl FnMut(&mut Transaction<'_>, usize, u64) -> Result<()>,
    ) -> Result<u64> {
        let reader = self.staging.another()?;
        let notes = noted.map(|table| Ok::<_, anyhow::Error>((self.staging.another()?, table))).transpose()?;
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            let encoder = scope.spawn(move || match notes {
                // One transaction, because many small ones would be written twice. If the sync fails, nobody asks for what it noted.
                Some((writer, table)) => writer.transaction(|conn| {
                    let mut notes = Notes::new(conn, table)?;
                    encode(&reader, parts, Some(&mut notes), &sender)?;
                    notes.finish()
                }),
                None => encode(&reader, parts, None, &sender),
            });
            let sent = || -> Result<Option<u64>> {
                let mut total = 0;
                for (index, part) in parts.iter().enumerate() {
                    before(transaction, index)?;
                    let Some(rows) = self.send_part(transaction, part, &receiver)? else { return Ok(None) };
                    after(transaction, index, rows)?;
                    total += rows;
                }
                Ok(Some(total))
            };
            let sent = { sent }();
            // The encoder must not wait for a reader that has gone.
            drop(receiver);
            let encoded = encoder.join().map_err(|_| anyhow!("the thread that encodes rows panicked"))?;
            match (sent, encoded) {
                (Ok(Some(total)), _) => Ok(total),
                (Err(error), _) | (Ok(None), Err(error)) => Err(error),
                (Ok(None), Ok(())) => Err(anyhow!("the rows to send ended too early")),
            }
        })
    }

    /// `None` if the encoder gave up; the COPY is then abandoned.
    fn send_part(
        &self,
        transaction: &mut Transaction<'_>,
        part: &Part,
        receiver: &Receiver<Message>,
    ) -> Result<Option<u64>> {
        let mut writer = transaction.copy_in(&part.copy)?;
        let mut count = 0;
        loop {
            match receiver.recv() {
                Ok(Message::Rows(bytes, rows)) => {
                    writer.write_all(&bytes)?;
                    self.bar.inc(rows);
                    count += rows;
                }
                Ok(Message::End) => break,
                Err(_) => return Ok(None),
            }
        }
        writer.finish()?;
        Ok(Some(count))
    }
}

/// Reads, notes and encodes all parts, unless nobody listens any more.
fn encode(
    reader: &Staging,
    parts: &[Part],
    mut notes: Option<&mut Notes<'_>>,
    sender: &SyncSender<Message>,
) -> Result<()> {
    for part in parts {
        let mut statement = reader.conn().prepare(&part.select)?;
        let mut encoder = Encoder::new();
        let mut rows = 0;
        for batch in statement.stream_arrow([])? {
            let batch: RecordBatch = match &mut notes {
                Some(notes) => notes.take(&batch)?,
                None => batch,
            };
            encoder.batch(&batch)?;
            rows += batch.num_rows() as u64;
            if encoder.waiting() >= CHUNK {
                if sender.send(Message::Rows(encoder.take(), rows)).is_err() {
                    return Ok(());
                }
                rows = 0;
            }
        }
        if sender.send(Message::Rows(encoder.finish(), rows)).is_err() || sender.send(Message::End).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
