//! Everything of a sync that comes before the first write to PostgreSQL: who may sync, what it holds, and what is to change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, anyhow};
use duckdb::Connection;
use postgres::Client;
use salesmart_base::count::RowCounts;
use salesmart_base::event::{Event, Observer};
use salesmart_base::fail;
use salesmart_model::Models;
use salesmart_staging::Staging;

use super::delta::{self, Extent};
use super::ledger::{self, Head, Trust, Wait};
use super::mirror::Rebuilt;
use super::schema::PushTable;
use super::source_files::SourceFiles;
use super::{drift, mirror};

/// What the warehouse is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compare {
    /// The mirror, if the ledger says that it is right.
    #[default]
    Mirror,
    /// What PostgreSQL really holds.
    Rows,
}

/// The difference between marts and warehouse. The deltas are in the staging file, or will be (see [`Extent`]).
pub struct Prepared {
    /// The pushed tables.
    pub tables: Vec<Prepare>,
    /// The sync that the warehouse is at.
    pub head: Option<Head>,
    /// The files whose rows it holds.
    pub files: SourceFiles,
}

/// One table of it.
pub struct Prepare {
    /// The table.
    pub table: PushTable,
    /// The size of its delta.
    pub counts: RowCounts,
    /// What of it is in the staging file.
    pub extent: Extent,
    /// The mart's content, if it is another one than was pushed last.
    pub unpushed: Option<Unpushed>,
}

/// The mart changed since it was pushed.
#[derive(Clone)]
pub struct Unpushed {
    /// Its present content; a mart that was built before contents were noted has none.
    pub content: Option<String>,
}

impl Prepared {
    /// Takes the lock, and computes what differs.
    ///
    /// # Errors
    /// Marts that were not checked, tables that do not fit their marts, a lock that is held if nobody wants to wait.
    pub fn new(
        staging: &Staging,
        client: &mut Client,
        models: &Models,
        wait: Wait,
        compare: Compare,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let conn = staging.conn();
        refuse_unchecked(conn)?;
        ledger::lock(client, wait, observer)?;
        let tables = fitting(conn, client, models)?;
        for name in drift::orphans(client, &tables)? {
            observer.observe(&Event::UnknownTable { table: &name });
        }
        let (head, rebuilt) = settle_mirror(staging, client, &tables, compare, observer)?;
        let files = SourceFiles::compare(conn, client, head.is_none())?;
        Ok(Self { tables: deltas(staging, tables, &rebuilt.differing)?, head, files })
    }

    /// Saves the deltas that are to be noted as they are sent, for those who have to look at them first.
    pub fn save(&mut self, conn: &Connection) -> Result<()> {
        for prepared in self.tables.iter_mut().filter(|prepared| prepared.extent == Extent::Whole) {
            delta::save_whole(conn, &prepared.table)?;
            prepared.extent = Extent::Saved;
        }
        Ok(())
    }

    /// The tables that change.
    pub fn changed(&self) -> impl Iterator<Item = &Prepare> {
        self.tables.iter().filter(|prepared| prepared.counts.total() > 0)
    }

    /// All tables.
    pub fn push_tables(&self) -> impl Iterator<Item = &PushTable> {
        self.tables.iter().map(|prepared| &prepared.table)
    }
}

/// What is to be pushed of the table with this number.
type Found = (usize, RowCounts, Extent, Option<Unpushed>);

/// Computes the delta of every table. Most are small, so that two at a time take less than one after the other, if those that are
/// not begin first. `differing` are the months of tables of which it is known that all others are equal.
fn deltas(staging: &Staging, tables: Vec<PushTable>, differing: &BTreeMap<String, Vec<i32>>) -> Result<Vec<Prepare>> {
    const AT_ONCE: usize = 2;
    let next = AtomicUsize::new(0);
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|index| tables[*index].partition.is_none());
    let work = |staging: &Staging| -> Result<Vec<Found>> {
        let mut done = Vec::new();
        loop {
            let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() else { return Ok(done) };
            let table = &tables[index];
            let unpushed = unpushed(staging.conn(), table)?;
            let (counts, extent) = match unpushed {
                None => (RowCounts::default(), Extent::Saved),
                Some(_) => delta::find(staging.conn(), table, differing.get(&table.name).map(Vec::as_slice))?,
            };
            tracing::debug!("the delta of {}: {counts:?}", table.name);
            if counts.total() == 0 {
                delta::discard(staging.conn(), table)?;
            }
            done.push((index, counts, extent, unpushed));
        }
    };
    let readers = (0..AT_ONCE).map(|_| staging.another()).collect::<Result<Vec<_>>>()?;
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = readers.into_iter().map(|reader| scope.spawn(move || work(&reader))).collect();
        let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a comparison panicked"))?);
        joined.collect::<Result<Vec<_>>>()
    })?
    .concat();
    done.sort_by_key(|(index, ..)| *index);
    let prepare = |(table, (_, counts, extent, unpushed))| -> Prepare { Prepare { table, counts, extent, unpushed } };
    Ok(tables.into_iter().zip(done).map(prepare).collect())
}

/// The pushed tables, which all fit their marts.
pub fn fitting(conn: &Connection, client: &mut Client, models: &Models) -> Result<Vec<PushTable>> {
    let tables = PushTable::all(conn, models)?;
    for table in &tables {
        drift::check(client, table)?;
    }
    Ok(tables)
}

/// The head of the warehouse's ledger, and whether the mirror is what PostgreSQL holds after it. A sync that was committed before it
/// could be noted is noted now.
pub fn trust(
    staging: &Staging,
    client: &mut Client,
    tables: &[PushTable],
    observer: &dyn Observer,
) -> Result<(Option<Head>, bool)> {
    let conn = staging.conn();
    let fits = mirror::all_fit(conn, tables)?;
    let head = ledger::head(client)?;
    let state = ledger::state(conn)?;
    let trust = if fits { ledger::trust(head.as_ref(), &state) } else { Trust::Nothing };
    if trust == Trust::Nothing {
        return Ok((head, false));
    }
    if trust == Trust::Pending {
        observer.observe(&Event::PendingPromoted);
        mirror::promote(staging, tables.iter(), state.pending.as_deref().unwrap_or_default())?;
    }
    mirror::fill_missing(staging, client, tables)?;
    Ok((head, true))
}

/// Makes the mirror what PostgreSQL holds, by the ledger or by comparing; returns the ledger's head, and what comparing found.
fn settle_mirror(
    staging: &Staging,
    client: &mut Client,
    tables: &[PushTable],
    compare: Compare,
    observer: &dyn Observer,
) -> Result<(Option<Head>, Rebuilt)> {
    let (head, is_trusted) = trust(staging, client, tables, observer)?;
    let mut rebuilt = Rebuilt::default();
    if compare == Compare::Rows || !is_trusted {
        rebuilt = mirror::rebuild(staging, client, tables, head.as_ref().map(|head| head.run_id.as_str()))?;
        if let Some(head) = &head {
            observer.observe(&Event::MirrorRebuilt { after_sync: head.number, keys: rebuilt.fetched });
        }
    }
    Ok((head, rebuilt))
}

/// The checks that have not looked at the marts after a build that left models out: the marts may not agree with each other.
pub fn unchecked(conn: &Connection) -> Result<Vec<String>> {
    let mut statement = conn.prepare("select check_name from meta.unchecked order by 1")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn refuse_unchecked(conn: &Connection) -> Result<()> {
    let names = unchecked(conn)?;
    match names.is_empty() {
        true => Ok(()),
        false => fail!(
            "a build that left models out skipped the checks {}, so the marts may not agree with each other; nothing was pushed; run \
             `salesmart build` without a selection first",
            names.join(", ")
        ),
    }
}

/// What is to be pushed of a mart, if it is not the one that was pushed last.
pub fn unpushed(conn: &Connection, table: &PushTable) -> Result<Option<Unpushed>> {
    let (content, pushed): (Option<String>, Option<String>) = conn.query_row(
        "select models.content, pushed.content from meta.models left join sync.pushed on pushed.table_name = models.name where models.name = ?",
        [&table.name],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((content.is_none() || content != pushed).then_some(Unpushed { content }))
}
