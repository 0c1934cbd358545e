//! Newly loaded records that share their key with a record of other content: in the same file, in a file that sorts later, and in a
//! file of unrelated records. The later record counts in any case, which is right for a correction; these may be none.
//!
//! Looked at are the keys of the files that a run has loaded, and where they occur twice, all records that have them.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::event::{ConflictExample, KeyConflict, KeyConflicts, RecordPlace};
use salesmart_staging::{ident, literal};

use super::file::Loaded;
use super::key_hash::KeyHashes;
use crate::contract::{Column, ColumnType, Contract};

/// Minimum number of a file's records that replace, or are replaced by, unrelated ones.
const MIN_UNRELATED: u64 = 3;

/// The files that a run has loaded, and the hashes of their keys.
#[derive(Debug, Default)]
pub struct Arrivals {
    files: Vec<String>,
    keys: KeyHashes,
}

impl Arrivals {
    /// Adds a file, if it was not refused. Takes the hashes of its keys.
    pub fn add(&mut self, loaded: &mut Loaded) {
        if loaded.refused.is_none() {
            self.files.push(loaded.name.clone());
            self.keys.append(std::mem::take(&mut loaded.outcome.keys));
        }
    }

    /// The conflicts of their records. None are known if the contract declares no key.
    pub fn conflicts(&self, conn: &Connection, contract: &Contract) -> Result<KeyConflicts> {
        let none = KeyConflicts { key: contract.key.join(", "), ..KeyConflicts::default() };
        if contract.key.is_empty() || self.files.is_empty() {
            return Ok(none);
        }
        let query = Query::new(contract);
        let conflicts = match self.find_versions(conn, &query)? {
            0 => none,
            _ => KeyConflicts {
                repeated: conflict(conn, &query.repeated())?,
                outranked: conflict(conn, &query.outranked())?,
                unrelated: conflict(conn, &query.unrelated())?,
                ..none
            },
        };
        conn.execute_batch(
            "drop table if exists temp.main.__arrived; drop table if exists temp.main.__shared_keys; drop table if exists temp.main.__versions",
        )?;
        Ok(conflicts)
    }

    /// Fills `temp.main.__versions`; returns the number of its rows.
    fn find_versions(&self, conn: &Connection, query: &Query<'_>) -> Result<u64> {
        let source = literal(&query.contract.source);
        let listed: Vec<String> = self.files.iter().map(|file| literal(file)).collect();
        conn.execute_batch(&format!(
            "create or replace temp table __arrived as
             select load_id from ingest.files where source = {source} and outcome = 'loaded' and file in ({})",
            listed.join(", ")
        ))?;
        let (first, has_earlier): (Option<i64>, bool) = conn.query_row(
            &format!(
                "select min(load_id), exists (
                     select 1 from ingest.files where source = {source} and outcome = 'loaded' and load_id not in (from __arrived)
                 ) from __arrived"
            ),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some(first) = first else { return Ok(0) };
        let mut shared = Vec::new();
        if self.keys.may_repeat() {
            shared.push(query.repeating_keys(first));
        }
        if has_earlier {
            shared.push(query.earlier_keys(first));
        }
        if shared.is_empty() {
            return Ok(0);
        }
        conn.execute_batch(&format!("create or replace temp table __shared_keys as {}", shared.join(" union ")))?;
        let count = |table: &str| conn.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0));
        let shared: u64 = count("__shared_keys")?;
        if shared == 0 {
            return Ok(0);
        }
        conn.execute_batch(&query.versions())?;
        Ok(count("__versions")?)
    }
}

/// The questions about one source, in SQL.
struct Query<'a> {
    contract: &'a Contract,
    /// The columns of the key, in a list.
    key: String,
    /// Digest of all other columns.
    content: String,
}

impl<'a> Query<'a> {
    fn new(contract: &'a Contract) -> Self {
        let key: Vec<String> = contract.key.iter().map(|name| ident(name)).collect();
        let content: Vec<String> = contract
            .columns
            .iter()
            .filter(|column| !contract.key.contains(&column.name))
            .map(|column| ident(&column.name))
            .collect();
        let content = match content.is_empty() {
            true => "0::ubigint".to_owned(),
            false => format!("hash({})", content.join(", ")),
        };
        Self { contract, key: key.join(", "), content }
    }

    /// The columns of the key under names that no other column has.
    fn named_key(&self) -> String {
        let named = self.contract.key.iter().enumerate().map(|(number, name)| format!("{} as _k{number}", ident(name)));
        named.collect::<Vec<_>>().join(", ")
    }

    fn key_aliases(&self) -> String {
        (0..self.contract.key.len()).map(|number| format!("_k{number}")).collect::<Vec<_>>().join(", ")
    }

    /// Records with a key, of the loads that a condition selects.
    fn keyed(&self, loads: &str) -> String {
        let Self { contract, key, .. } = self;
        let whole: String = contract.key.iter().map(|name| format!(" and {} is not null", ident(name))).collect();
        format!("select {key} from loaded.{} where {loads}{whole}", contract.source)
    }

    /// Keys that occur twice in the files that arrived.
    fn repeating_keys(&self, first: i64) -> String {
        format!("{} group by {} having count(*) > 1", self.keyed(&arrived(first)), self.key)
    }

    /// Keys of the files that arrived which earlier files have, too.
    fn earlier_keys(&self, first: i64) -> String {
        let earlier = self.keyed(&format!("(_load < {first} or _load not in (from __arrived))"));
        format!(
            "select {key} from ({earlier}) as earlier semi join ({arrived}) as arrived using ({key})",
            key = self.key,
            arrived = self.keyed(&arrived(first))
        )
    }

    /// The records of each shared key that has several contents: each with the last one of its file and with the one that counts.
    fn versions(&self) -> String {
        let Self { contract, key, content } = self;
        let source = &contract.source;
        let shown: Vec<String> = contract.key.iter().map(|name| format!("cast({} as varchar)", ident(name))).collect();
        // The numbers of the rows come first, so that the other columns are read where they are needed only.
        format!(
            "create or replace temp table __versions as
             with sharing as (
                 select rowid from loaded.{source} semi join __shared_keys using ({key})
             ),
             records as (
                 select
                     {named}, {compared} rowid as place, _file, _line, _load in (from __arrived) as has_arrived, {content} as content,
                     concat_ws(', ', {shown}) as shown_key
                 from loaded.{source}
                 where rowid in (from sharing)
             ),
             differing as (
                 select * from records
                 qualify min(content) over (partition by {aliases}) <> max(content) over (partition by {aliases})
             )
             select
                 *,
                 first_value(place) over of_file as file_place,
                 first_value(_line) over of_file as file_line,
                 first_value(content) over of_file as file_content,
                 first_value(place) over of_key as kept_place,
                 first_value(_file) over of_key as kept_file,
                 first_value(_line) over of_key as kept_line,
                 first_value(content) over of_key as kept_content,
                 first_value(has_arrived) over of_key as kept_has_arrived
             from differing
             window
                 of_file as (partition by {aliases}, _file order by _line desc),
                 of_key as (partition by {aliases} order by natural_order(_file) desc, _line desc)",
            shown = shown.join(", "),
            named = self.named_key(),
            compared = self
                .identifying()
                .enumerate()
                .map(|(number, column)| format!("{} as _c{number},", ident(&column.name)))
                .collect::<String>(),
            aliases = self.key_aliases()
        )
    }

    /// Of the files that arrived, records that a later one of the same file replaces.
    fn repeated(&self) -> String {
        "select shown_key, _file, _line, _file as kept_file, file_line as kept_line
         from __versions where has_arrived and content <> file_content"
            .to_owned()
    }

    /// Records that arrived and have no effect. Those that had none before their file was replaced are no news.
    fn outranked(&self) -> String {
        let Self { contract, content, .. } = self;
        format!(
            "select v.shown_key, v._file, v._line, v.kept_file, v.kept_line
             from __versions as v
             anti join (select {named}, _file, {content} as content from removed.{source}) as r using ({aliases}, _file, content)
             where v.has_arrived and not v.kept_has_arrived and v.place = v.file_place and v.content <> v.kept_content",
            source = contract.source,
            named = self.named_key(),
            aliases = self.key_aliases()
        )
    }

    /// Records that unrelated records of another file replace, where at least one of the two arrived, and one of the two files meets
    /// that with most of its records.
    fn unrelated(&self) -> String {
        let source = &self.contract.source;
        let compared = self.identifying().count();
        let sum = |of: fn(usize) -> String| match compared {
            0 => "0".to_owned(),
            _ => (0..compared).map(of).collect::<Vec<_>>().join(" + "),
        };
        let differing = sum(|column| format!("(v._c{column} is distinct from kept._c{column})::integer"));
        let filled = sum(|column| format!("(v._c{column} is not null or kept._c{column} is not null)::integer"));
        format!(
            "with pairs as (
                 select v.shown_key, v._file, v._line, v.kept_file, v.kept_line, v.place, v.kept_place
                 from __versions as v
                 inner join __versions as kept on v.kept_place = kept.place
                 where
                     (v.has_arrived or v.kept_has_arrived) and v.place = v.file_place and v._file <> v.kept_file
                     and v.content <> v.kept_content
                     and {differing} >= 2 and 2 * ({differing}) >= {filled}
             ),
             met as (
                 select _file, place from pairs union select kept_file, kept_place from pairs
             ),
             wholesale as (
                 select met._file
                 from met
                 inner join ingest.files as files on files.source = {name} and met._file = files.file
                 group by met._file, files.accepted
                 having count(*) >= {MIN_UNRELATED} and 2 * count(*) > files.accepted
             )
             select shown_key, _file, _line, kept_file, kept_line
             from pairs
             where _file in (from wholesale) or kept_file in (from wholesale)",
            name = literal(source)
        )
    }

    /// The columns that say of which sale a record is. Decimals are what corrections change.
    fn identifying(&self) -> impl Iterator<Item = &Column> {
        let is_identifying = |column: &&Column| {
            !matches!(column.kind, ColumnType::Decimal(..)) && !self.contract.key.contains(&column.name)
        };
        self.contract.columns.iter().filter(is_identifying)
    }
}

/// The condition of the rows of the files that arrived. The bound lets DuckDB skip the history.
fn arrived(first: i64) -> String {
    format!("_load >= {first} and _load in (from __arrived)")
}

/// Counts the records that a query selects, and takes the first two.
fn conflict(conn: &Connection, query: &str) -> Result<KeyConflict> {
    let sql = format!(
        "select *, count(*) over () from ({query}) order by natural_order(_file), _line, natural_order(kept_file), kept_line limit 2"
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut conflict = KeyConflict::default();
    while let Some(row) = rows.next()? {
        conflict.examples.push(ConflictExample {
            key: row.get(0)?,
            lost: RecordPlace { file: row.get(1)?, line: row.get(2)? },
            kept: RecordPlace { file: row.get(3)?, line: row.get(4)? },
        });
        conflict.records = row.get(5)?;
    }
    Ok(conflict)
}
