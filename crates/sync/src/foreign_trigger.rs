//! Foreign triggers and rules: those on the pushed tables that salesmart did not create. They may change rows while a sync writes them, so the
//! sync compares the written rows with the pushed ones before the commit. Without such triggers it costs one catalog query.

use std::collections::BTreeMap;

use anyhow::Result;
use postgres::{GenericClient, Transaction};
use salesmart_base::count::counted;
use salesmart_base::failure::Failure;
use salesmart_staging::{ident, idents};

use super::change::Change;
use super::schema::{PushTable, WITH_PARTITIONS};
use super::steps;

/// Maximum number of triggers that an error names.
const NAMED: usize = 5;

/// The foreign triggers and rules, and the row count of each table before the sync writes.
#[derive(Debug)]
pub struct ForeignTriggers {
    found: Vec<Found>,
    rows_before: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Found {
    /// The pushed table; none for an event trigger, which may change any of them.
    table: Option<String>,
    /// Such as `the trigger loud on mart.dim_product`.
    name: String,
}

impl ForeignTriggers {
    /// Finds triggers and rules on the tables and their partitions, and event triggers, because a sync creates tables. `None` if there are
    /// none.
    pub fn find(transaction: &mut Transaction<'_>, tables: &[&PushTable]) -> Result<Option<Self>> {
        let found = find(transaction, tables)?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut rows_before = BTreeMap::new();
        for table in tables {
            let count = transaction.query_one(&format!("select count(*) from {}", table.target()), &[])?.get(0);
            rows_before.insert(table.name.clone(), count);
        }
        Ok(Some(Self { found, rows_before }))
    }

    /// Compares all tables with what was pushed.
    ///
    /// # Errors
    /// Rows were changed as they were written, others were written or deleted, or pushed ones are missing.
    pub fn check(
        &self,
        transaction: &mut Transaction<'_>,
        tables: &[&PushTable],
        changes: &[Change<'_>],
    ) -> Result<()> {
        for table in tables {
            let change = changes.iter().find(|change| change.table.name == table.name);
            let counts = change.map(|change| change.counts).unwrap_or_default();
            // The rows that this transaction wrote, subtransactions of triggers included.
            let is_written = "age(xmin) <= 0";
            let key: Vec<String> = table
                .logical_key
                .iter()
                .map(|column| format!("'{}=' || coalesce({}::text, 'null')", column.replace('\'', "''"), ident(column)))
                .collect();
            let key = key.join(" || ', ' || ");
            let is_changed = format!("{is_written} and {} = -1", table.warehouse_row_hash());
            let row = transaction.query_one(
                &format!(
                    "select count(*), count(*) filter (where {is_written}), count(*) filter (where {is_changed}),
                         min({key}) filter (where {is_changed})
                     from {}",
                    table.target()
                ),
                &[],
            )?;
            let (rows, written, mut changed): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
            let mut example: Option<String> = row.get(3);
            if changed == 0 && counts.updated > 0 {
                (changed, example) = not_replaced(transaction, table, &key)?;
            }
            let before = self.rows_before.get(&table.name).copied().unwrap_or_default();
            let grown = rows - before;
            let pushed = counts.inserted + counts.updated;
            let expected = counts.inserted.cast_signed() - counts.deleted.cast_signed();
            let fault = if changed > 0 {
                let example = example.unwrap_or_default();
                format!("{} other than pushed (such as {example})", counted(changed.unsigned_abs(), "row"))
            } else if written.unsigned_abs() > pushed {
                format!("{} written beside those that were pushed", counted(written.unsigned_abs() - pushed, "row"))
            } else if grown != expected {
                let word = if grown > expected { "too many" } else { "missing" };
                format!("{} {word}", counted(grown.abs_diff(expected), "row"))
            } else {
                continue;
            };
            return Err(Failure::new(format!(
                "{} has {fault} before the commit, so nothing was changed; {}",
                table.target(),
                self.advice(&table.name)
            ))
            .into());
        }
        Ok(())
    }

    /// Names the triggers beside an error that PostgreSQL raised over the rows: one that keeps a row from being written or deleted
    /// shows as a foreign key that is violated.
    pub fn name_suspects(&self, error: anyhow::Error) -> anyhow::Error {
        let state = error.downcast_ref::<postgres::Error>().and_then(postgres::Error::code);
        let is_suspect = state.is_some_and(|state| state.code().starts_with("23") || state.code().starts_with("P0"));
        if is_suspect { error.context(self.advice("")) } else { error }
    }

    /// The triggers that may have changed a table, and the next step.
    pub fn advice(&self, table: &str) -> String {
        let of_table = |found: &&Found| found.table.as_deref() == Some(table);
        let mut names: Vec<&str> = self.found.iter().filter(of_table).map(|found| found.name.as_str()).collect();
        if names.is_empty() {
            names = self.found.iter().map(|found| found.name.as_str()).collect();
        }
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!(
            "somebody else's code runs when rows are written there: {}{more}; drop or disable what changes rows of the pushed tables \
             (`alter table … disable trigger …`), then run again",
            names.join(", ")
        )
    }
}

/// Number of replacement rows that did not replace their target, and the key of one. An insert trigger may have made a replacement equal to
/// the old row, which the update then leaves alone.
fn not_replaced(transaction: &mut Transaction<'_>, table: &PushTable, key: &str) -> Result<(i64, Option<String>)> {
    let incoming = steps::incoming(table);
    // Where triggers may be skipped, a changed row is deleted and inserted.
    if transaction.query_one("select to_regclass($1) is null", &[&format!("pg_temp.{incoming}")])?.get(0) {
        return Ok((0, None));
    }
    let same: Vec<String> =
        table.key.iter().map(|column| format!("held.{name} = new.{name}", name = ident(column))).collect();
    let columns = table.column_names();
    let row = transaction.query_one(
        &format!(
            "select count(*), min({key}) from {incoming} as new where not exists (
                 select from {target} as held where {same} and ({held}) is not distinct from ({new}))",
            target = table.target(),
            same = same.join(" and "),
            held = idents(&columns, "held."),
            new = idents(&columns, "new."),
        ),
        &[],
    )?;
    Ok((row.get(0), row.get(1)))
}

/// The names of the triggers and rules on these tables.
pub fn names(client: &mut impl GenericClient, tables: &[&PushTable]) -> Result<Vec<String>> {
    Ok(find(client, tables)?.into_iter().filter(|found| found.table.is_some()).map(|found| found.name).collect())
}

fn find(client: &mut impl GenericClient, tables: &[&PushTable]) -> Result<Vec<Found>> {
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let targets: Vec<String> = tables.iter().map(|table| table.target()).collect();
    let rows = client.query(
        &format!(
            "{WITH_PARTITIONS}
         select distinct name, format('the trigger %I on %s', t.tgname, coalesce(parent.tgrelid, t.tgrelid)::regclass)
         from relations join pg_trigger as t on t.tgrelid = relid left join pg_trigger as parent on parent.oid = t.tgparentid
         where not t.tgisinternal and t.tgenabled <> 'D'
         union all
         select name, format('the rule %I on %s', rulename, relid::regclass)
         from relations join pg_rewrite on ev_class = relid where ev_enabled <> 'D' and rulename <> '_RETURN'
         union all
         select null, format('the event trigger %I', evtname) from pg_event_trigger where evtenabled <> 'D'
         order by 1, 2"
        ),
        &[&names, &targets],
    )?;
    Ok(rows.iter().map(|row| Found { table: row.get(0), name: row.get(1) }).collect())
}
