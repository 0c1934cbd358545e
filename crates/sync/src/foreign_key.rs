//! Foreign keys of the pushed tables, checked for all rows at once instead of by a trigger per row.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use postgres::Transaction;
use salesmart_base::failure::Failure;
use salesmart_staging::{ident, idents};

use super::change::Change;
use super::schema::SCHEMA;
use super::send::Part;
use super::steps::outgoing;

/// A foreign key of a pushed table.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The table that has it.
    pub table: String,
    /// Its columns there.
    pub columns: Vec<String>,
    /// The table that it refers to.
    pub target: String,
    /// The columns there.
    pub target_columns: Vec<String>,
    /// How PostgreSQL writes it.
    pub definition: String,
}

impl ForeignKey {
    /// A query for a value in `referring` that has no row to refer to. A key of which a part is null refers to nothing.
    fn dangling(&self, referring: &str, among: &str) -> String {
        let present: Vec<String> =
            self.columns.iter().map(|column| format!(" and referring.{} is not null", ident(column))).collect();
        format!(
            "select ({columns})::text from {referring} where {among}{} and not exists (
                 select from {SCHEMA}.{} as target where ({}) = ({columns})) limit 1",
            present.concat(),
            ident(&self.target),
            idents(&self.target_columns, "target."),
            columns = idents(&self.columns, "referring.")
        )
    }
}

/// The foreign keys among the pushed tables. Those of partitions repeat their parent's and are left out.
pub fn all(transaction: &mut Transaction<'_>) -> Result<Vec<ForeignKey>> {
    let rows = transaction.query(
        "select source.relname::text, target.relname::text,
                array(select attname::text from unnest(conkey) with ordinality as k (attnum, place)
                      join pg_attribute as a on a.attrelid = conrelid and a.attnum = k.attnum order by place),
                array(select attname::text from unnest(confkey) with ordinality as k (attnum, place)
                      join pg_attribute as a on a.attrelid = confrelid and a.attnum = k.attnum order by place),
                conname::text, pg_get_constraintdef(pg_constraint.oid)
         from pg_constraint
         join pg_class as source on source.oid = conrelid
         join pg_class as target on target.oid = confrelid
         where contype = 'f' and conparentid = 0 and source.relnamespace = to_regnamespace($1)
           and target.relnamespace = to_regnamespace($1)
         order by 1, 2, 3",
        &[&SCHEMA],
    )?;
    let key = |row: &postgres::Row| ForeignKey {
        table: row.get(0),
        target: row.get(1),
        columns: row.get(2),
        target_columns: row.get(3),
        name: row.get(4),
        definition: row.get(5),
    };
    Ok(rows.iter().map(key).collect())
}

/// May this login switch triggers off for its transaction, and are they only the ones that are checked here: no foreign
/// key from or to another schema, no trigger of somebody else?
pub fn may_skip_triggers(transaction: &mut Transaction<'_>) -> Result<bool> {
    let sql = "select has_parameter_privilege('session_replication_role', 'set')
        and not exists (
            select from pg_constraint
            join pg_class as source on source.oid = conrelid
            join pg_class as target on target.oid = confrelid
            where contype = 'f' and source.relnamespace <> target.relnamespace
              and to_regnamespace($1) in (source.relnamespace, target.relnamespace))
        and not exists (select from pg_event_trigger where evtenabled <> 'D')
        and not exists (
            select from pg_trigger join pg_class on pg_class.oid = tgrelid
            where not tgisinternal and relnamespace = to_regnamespace($1))";
    Ok(transaction.query_one(sql, &[&SCHEMA])?.get(0))
}

/// What the skipped triggers would have checked: new rows have their targets, and removed targets have no rows. Of the new rows
/// only the distinct values travel, right behind the rows themselves.
#[derive(Default)]
pub struct Checks<'a> {
    values: Vec<Values<'a>>,
    /// Each finds a value without its target, if there is one.
    queries: Vec<(&'a ForeignKey, String)>,
}

/// The distinct values of one foreign key in new rows.
struct Values<'a> {
    /// The table that has the key.
    table: &'a str,
    /// Makes the temporary table that they go into.
    create: String,
    part: Part<'static>,
}

impl<'a> Checks<'a> {
    /// The checks that these changes ask for.
    pub fn new(changes: &[Change<'_>], keys: &'a [ForeignKey]) -> Self {
        let changed: BTreeMap<&str, &Change<'_>> =
            changes.iter().map(|change| (change.table.name.as_str(), change)).collect();
        let mut checks = Self::default();
        for (number, key) in keys.iter().enumerate() {
            let (columns, targets) = (idents(&key.columns, ""), idents(&key.target_columns, ""));
            if let Some(change) =
                changed.get(key.table.as_str()).filter(|change| change.counts.inserted + change.counts.updated > 0)
            {
                let referring = ident(&format!("referring_{number}"));
                checks.values.push(Values::new(change, key, &referring));
                checks.queries.push((key, key.dangling(&format!("{referring} as referring"), "true")));
            }
            if let Some(change) = changed.get(key.target.as_str()) {
                let all = format!("{SCHEMA}.{} as referring", ident(&key.table));
                let is_keyed = key.target_columns.iter().all(|column| change.table.key.contains(column));
                if is_keyed && change.counts.deleted > 0 {
                    let left = format!("({columns}) in (select {targets} from {})", outgoing(change.table));
                    checks.queries.push((key, key.dangling(&all, &left)));
                }
                // What it refers to may have changed, and is not among the keys of the rows that left.
                if !is_keyed && change.counts.deleted + change.counts.updated > 0 {
                    checks.queries.push((key, key.dangling(&all, "true")));
                }
            }
        }
        checks
    }

    /// The values to send.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> + '_ {
        self.values.iter().map(|values| values.part.clone())
    }

    /// Makes what the values of a part go into; returns the name of the table that has the key.
    pub fn before(&self, transaction: &mut Transaction<'_>, index: usize) -> Result<&'a str> {
        let Some(values) = self.values.get(index) else { bail!("there is no part {index} of the foreign keys") };
        transaction.batch_execute(&values.create)?;
        Ok(values.table)
    }

    /// Checks, once all rows and values are there.
    ///
    /// # Errors
    /// A row without its target, named.
    pub fn run(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        for (key, query) in &self.queries {
            if let Some(row) = transaction.query_opt(query, &[])? {
                let (columns, value) = (idents(&key.columns, ""), row.get::<_, String>(0));
                return Err(Failure::new(format!(
                    "rows of {SCHEMA}.{} would have ({columns}) = {value} without a row in {SCHEMA}.{}; nothing was changed; \
                     the check that every key resolves should have stopped this: run `salesmart build --full-refresh`",
                    key.table, key.target
                ))
                .into());
            }
        }
        Ok(())
    }
}

impl<'a> Values<'a> {
    /// `referring` is the temporary table's name.
    fn new(change: &Change<'_>, key: &'a ForeignKey, referring: &str) -> Self {
        let columns = idents(&key.columns, "");
        let create = format!(
            "create temporary table {referring} on commit drop as select {columns} from {} limit 0",
            change.table.target()
        );
        let mut present: Vec<String> =
            key.columns.iter().map(|column| format!("{} is not null", ident(column))).collect();
        // So that the other months are skipped.
        present.extend(change.days.clone());
        // Where most rows are new, the rows that are not do no harm and looking them up costs more.
        let among = match change.counts.inserted + change.counts.updated < change.held / 2 {
            true => format!(
                " semi join (select {keys} from {} where _op <> 'delete') as d using ({keys})",
                change.table.delta(),
                keys = idents(&change.table.key, "")
            ),
            false => String::new(),
        };
        let select = format!(
            "select distinct {columns} from {} as mart{among} where {}",
            change.table.mart(),
            present.join(" and ")
        );
        let copy = format!("copy {referring} ({columns}) from stdin (format binary)");
        Self { table: &key.table, create, part: Part { copy, select, noted: None } }
    }
}
