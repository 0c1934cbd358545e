//! Sends rows of the staging file to PostgreSQL. They are read and encoded in a thread that runs ahead, so that it works while
//! PostgreSQL does: while it takes rows in, deletes, or builds the indexes of a month, the next rows are made ready.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Result, anyhow};
use duckdb::arrow::record_batch::RecordBatch;
use postgres::Transaction;
use salesmart_base::event::{Observer, Progress};
use salesmart_staging::Staging;

use super::copy::Encoder;
use super::notes::Notes;
use super::schema::PushTable;

/// Bytes that travel together.
const CHUNK: usize = 1 << 18;

/// So many of them wait at most: 64 MB.
const AHEAD: usize = 256;

/// The rows of one COPY.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The statement in PostgreSQL.
    pub copy: String,
    /// The query in the staging file, with the same columns; without the row hash if the rows are to be noted.
    pub select: String,
    /// The table in whose delta the rows are noted.
    pub noted: Option<&'a PushTable>,
}

/// Sends rows, and counts them.
pub struct Sender<'a> {
    /// Where they come from.
    pub staging: &'a Staging,
    /// Receives what is reported on the way.
    pub observer: &'a dyn Observer,
    progress: &'a Progress,
}

/// From the thread that encodes to the one that sends.
enum Message {
    Rows(Vec<u8>, u64),
    End,
}

impl<'a> Sender<'a> {
    /// Sends from this staging file.
    pub fn new(staging: &'a Staging, progress: &'a Progress, observer: &'a dyn Observer) -> Self {
        Self { staging, observer, progress }
    }

    /// Sends the parts one after the other.
    pub fn send_all(&self, transaction: &mut Transaction<'_>, parts: &[Part<'_>]) -> Result<u64> {
        self.send(transaction, parts, |_, _| Ok(()), |_, _, _| Ok(()))
    }

    /// Sends the parts one after the other; `before` and `after` (which is told the number of rows) are called around each, with
    /// its place among the parts. Returns the number of all rows.
    pub fn send(
        &self,
        transaction: &mut Transaction<'_>,
        parts: &[Part<'_>],
        mut before: impl FnMut(&mut Transaction<'_>, usize) -> Result<()>,
        mut after: impl FnMut(&mut Transaction<'_>, usize, u64) -> Result<()>,
    ) -> Result<u64> {
        let reader = self.staging.another()?;
        let writer = self.staging.another()?;
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            let encoder = scope.spawn(move || encode(&reader, &writer, parts, &sender));
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
                (Ok(Some(total)), Ok(())) => Ok(total),
                // Also after all rows were sent: their notes may not have been kept.
                (Err(error), _) | (Ok(_), Err(error)) => Err(error),
                (Ok(None), Ok(())) => Err(anyhow!("the rows to send ended too early")),
            }
        })
    }

    /// `None` if the encoder gave up; the COPY is then abandoned.
    fn send_part(
        &self,
        transaction: &mut Transaction<'_>,
        part: &Part<'_>,
        receiver: &Receiver<Message>,
    ) -> Result<Option<u64>> {
        let mut writer = transaction.copy_in(&part.copy)?;
        let mut count = 0;
        loop {
            match receiver.recv() {
                Ok(Message::Rows(bytes, rows)) => {
                    writer.write_all(&bytes)?;
                    self.progress.add_rows(rows);
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

/// Reads and encodes all parts, unless nobody listens any more. Rows that are to be noted are noted in one transaction per table,
/// because many small ones would be written twice; if the sync fails, nobody asks for what it noted.
fn encode(reader: &Staging, writer: &Staging, parts: &[Part<'_>], sender: &SyncSender<Message>) -> Result<()> {
    let name = |part: &Part<'_>| part.noted.map(|table| table.name.clone());
    for parts in parts.chunk_by(|one, next| name(one) == name(next)) {
        match parts[0].noted {
            Some(table) => writer.transaction(|conn| {
                let mut notes = Notes::new(conn, table)?;
                for part in parts {
                    encode_part(reader, part, Some(&mut notes), sender)?;
                }
                notes.finish()
            })?,
            None => parts.iter().try_for_each(|part| encode_part(reader, part, None, sender))?,
        }
    }
    Ok(())
}

fn encode_part(
    reader: &Staging,
    part: &Part<'_>,
    mut notes: Option<&mut Notes<'_>>,
    sender: &SyncSender<Message>,
) -> Result<()> {
    // Whoever listened has an error of its own.
    let send = |message| sender.send(message).map_err(|_| anyhow!("nobody takes the rows any more"));
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
            send(Message::Rows(encoder.take(), rows))?;
            rows = 0;
        }
    }
    send(Message::Rows(encoder.finish(), rows))?;
    send(Message::End)
}
