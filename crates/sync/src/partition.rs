//! The monthly partitions of a pushed table: which there are, and how the rows of a new month get in.
//!
//! A new month is loaded as a table of its own, without indexes, and attached in the same transaction: PostgreSQL then builds
//! the indexes in one go, which takes a fraction of the time of feeding them row by row, and readers of the other months are
//! not locked out meanwhile. Where somebody follows the table's rows ([`super::followers`]), the month is attached while it is empty:
//! subscribers and triggers see a row only if its table is part of the tree when the row is written.

use std::collections::BTreeSet;
use std::iter;

use anyhow::Result;
use duckdb::Connection;
use postgres::{GenericClient, Transaction};
use salesmart_base::{fail, failpoint};
use salesmart_staging::ident;

use super::delta::Extent;
use super::foreign_key::ForeignKey;
use super::schema::{PushTable, SCHEMA};

/// Months (yyyymm) that the new and changed rows of a table are in.
pub fn months_written(conn: &Connection, table: &PushTable, extent: Extent) -> Result<Vec<i32>> {
    if table.partition.is_none() {
        return Ok(Vec::new());
    }
    let written = match extent {
        Extent::Saved => format!("{} where _op <> 'delete'", table.delta()),
        Extent::Whole => table.mart(),
    };
    months_in(conn, table, &written)
}

/// Months (yyyymm), in order, of the rows of a relation, which may end in a condition; 0 stands for a table without months.
///
/// # Errors
/// A row without a day.
pub fn months_in(conn: &Connection, table: &PushTable, relation: &str) -> Result<Vec<i32>> {
    let sql = format!("select distinct {} as month from {relation} order by month nulls first", table.mart_partition());
    let mut statement = conn.prepare(&sql)?;
    let months: Vec<Option<i32>> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if let (Some(None), Some(column)) = (months.first(), &table.partition) {
        fail!("the mart {} has rows without {column}, the day by which it is partitioned", table.name);
    }
    Ok(months.into_iter().flatten().collect())
}

/// Those of the months for which the table has no partition yet.
///
/// # Errors
/// A partition that holds a part of a month, and a table that has the name of a partition and is none.
pub fn missing(client: &mut impl GenericClient, table: &PushTable, months: &[i32]) -> Result<Vec<i32>> {
    if months.is_empty() {
        return Ok(Vec::new());
    }
    let rows = client.query(
        "select pg_class.oid::regclass::text, pg_get_expr(relpartbound, pg_class.oid)
         from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = to_regclass($1)",
        &[&table.target()],
    )?;
    let partitions: Vec<(String, Option<Range>)> =
        rows.iter().map(|row| (row.get(0), Range::parse(row.get(1)))).collect();
    let mut missing = Vec::new();
    for month in months {
        let wanted = Range::of_month(*month);
        // One without a range is the default partition, which takes every month that has none of its own.
        let holder = partitions.iter().find(|(_, range)| range.is_none_or(|range| range.overlaps(wanted)));
        match holder {
            Some((_, None)) => {}
            Some((_, Some(range))) if range.contains(wanted) => {}
            Some((name, Some(_))) => fail!(
                "the partition {name} of {} holds a part of the month {month} only; partitions are by whole months",
                table.target()
            ),
            None => missing.push(*month),
        }
    }
    for month in &missing {
        let name = qualified(table, *month);
        let is_taken: bool = client.query_one("select to_regclass($1) is not null", &[&name])?.get(0);
        if is_taken {
            fail!(
                "{name} is there but is no partition of {}: attach it, rename it or drop it, then run again",
                table.target()
            );
        }
    }
    Ok(missing)
}

/// The days yyyymmdd from `from` to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: i32,
    to: i32,
}

impl Range {
    fn of_month(month: i32) -> Self {
        Self { from: month * 100 + 1, to: after(month) * 100 + 1 }
    }

    /// `FOR VALUES FROM (20240101) TO (20240201)`, with `MINVALUE` and `MAXVALUE` at the ends of time; `DEFAULT` has none.
    fn parse(bound: &str) -> Option<Self> {
        let (_, rest) = bound.split_once("FROM (")?;
        let (from, rest) = rest.split_once(") TO (")?;
        let to = rest.strip_suffix(')')?;
        let day = |text: &str| match text {
            "MINVALUE" => Some(i32::MIN),
            "MAXVALUE" => Some(i32::MAX),
            text => text.trim_matches('\'').parse().ok(),
        };
        Some(Self { from: day(from)?, to: day(to)? })
    }

    fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// The month after this one.
pub fn after(month: i32) -> i32 {
    if month % 100 == 12 { month + 89 } else { month + 1 }
}

/// The name of the table that holds a month.
fn qualified(table: &PushTable, month: i32) -> String {
    format!("{SCHEMA}.{}", ident(&format!("{}_p{month}", table.name)))
}

/// A month that is loaded before it is attached.
pub struct Detached<'a> {
    table: &'a PushTable,
    month: i32,
    column: &'a str,
    /// The keys that the month's rows are not checked against one by one.
    keys: Vec<&'a ForeignKey>,
}

impl<'a> Detached<'a> {
    /// For a month that is missing. `None` for a table without partitions. `keys` are the table's foreign keys, if no trigger
    /// will check the rows; they are then declared while the month is empty, so that attaching need not check them again.
    pub fn new(table: &'a PushTable, month: i32, keys: impl Iterator<Item = &'a ForeignKey>) -> Option<Self> {
        let column = table.partition.as_deref()?;
        Some(Self { table, month, column, keys: keys.filter(|key| key.table == table.name).collect() })
    }

    /// The table that holds the month.
    pub fn name(&self) -> String {
        qualified(self.table, self.month)
    }

    /// Makes the table, with a constraint that says its range, so that attaching need not read it.
    pub fn create_statements(&self) -> String {
        let (name, column, range) = (self.name(), ident(self.column), Range::of_month(self.month));
        let mut statements = vec![
            format!("create table {name} (like {} including all excluding indexes)", self.table.target()),
            format!(
                "alter table {name} add constraint salesmart_month check ({column} >= {} and {column} < {})",
                range.from, range.to
            ),
        ];
        for key in &self.keys {
            statements.push(format!("alter table {name} add constraint {} {}", ident(&key.name), key.definition));
        }
        statements.join(";\n")
    }

    /// Makes it a partition; this builds its indexes.
    pub fn attach_statements(&self) -> String {
        let (name, range) = (self.name(), Range::of_month(self.month));
        format!(
            "alter table {} attach partition {name} for values from ({}) to ({});\nalter table {name} drop constraint salesmart_month",
            self.table.target(),
            range.from,
            range.to
        )
    }
}

/// Makes these months as empty partitions. They are attached rather than made as partitions, which would lock all readers out.
pub fn create_empty(transaction: &mut Transaction<'_>, table: &PushTable, months: &[i32]) -> Result<()> {
    for month in months {
        let Some(detached) = Detached::new(table, *month, iter::empty()) else { continue };
        failpoint::hit(&format!("sync.before_month.{month}"));
        transaction.batch_execute(&detached.create_statements())?;
        transaction.batch_execute(&detached.attach_statements())?;
        failpoint::hit(&format!("sync.after_month.{month}"));
    }
    Ok(())
}

/// The further condition that a row is in none of these months; no text if there are none.
pub fn not_in(months: &BTreeSet<i32>, partition: &str) -> String {
    match months.is_empty() {
        true => String::new(),
        false => {
            let list: Vec<String> = months.iter().map(ToString::to_string).collect();
            format!(" and {partition} not in ({})", list.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_postgres_writes_them() {
        let of = |bound: &str| Range::parse(bound).map(|range| (range.from, range.to));
        assert_eq!(of("FOR VALUES FROM (20240101) TO (20240201)"), Some((20_240_101, 20_240_201)));
        assert_eq!(of("FOR VALUES FROM (MINVALUE) TO ('20240201')"), Some((i32::MIN, 20_240_201)));
        assert_eq!(of("DEFAULT"), None);
        let december = Range::of_month(202_412);
        assert_eq!((december.from, december.to), (20_241_201, 20_250_101));
        assert_eq!((after(202_411), after(202_412)), (202_412, 202_501));
        assert!(!december.overlaps(Range::of_month(202_501)) && !december.contains(Range::of_month(202_411)));
    }
}
