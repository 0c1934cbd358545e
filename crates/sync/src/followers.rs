//! Followers of the pushed tables: publications that hand rows on to subscribers, and triggers of others.
//!
//! Both see the rows of a partition only if it is part of the tree when they are written: logical decoding publishes a detached table
//! under its own name, and its triggers are made when it is attached. A replication slot alone (`test_decoding`, wal2json) is no follower:
//! it names a partition's rows after the partition either way.

use std::collections::BTreeSet;

use anyhow::Result;
use postgres::Transaction;

use super::change::Change;
use super::schema::WITH_PARTITIONS;

/// The names of the changed tables whose rows somebody follows.
pub fn followed(transaction: &mut Transaction<'_>, changes: &[Change<'_>]) -> Result<BTreeSet<String>> {
    let names: Vec<&str> = changes.iter().map(|change| change.table.name.as_str()).collect();
    let targets: Vec<String> = changes.iter().map(|change| change.table.target()).collect();
    let rows = transaction.query(
        &format!(
            "{WITH_PARTITIONS}
         select distinct name from relations join pg_class on pg_class.oid = relid
         where exists (select from pg_publication where puballtables)
             or exists (select from pg_publication_namespace where pnnspid = relnamespace)
             or exists (select from pg_publication_rel where prrelid = relid)
             or exists (select from pg_trigger where tgrelid = relid and not tgisinternal and tgenabled <> 'D')"
        ),
        &[&names, &targets],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
