//! Control totals: rows, hashes and money of the touched partitions, compared before anything is committed.
//!
//! The sums of money stay in the databases, which add up 38 digits and more exactly (a `Decimal` has 28), and are compared as they write
//! them: two sums are equal if all of their digits are.

use std::thread;

use anyhow::{Result, anyhow};
use duckdb::Connection;
use postgres::Transaction;
use salesmart_base::failure::Failure;
use salesmart_staging::{Staging, ident, idents};

use super::change::Change;
use super::delta::Extent;
use super::foreign_trigger::ForeignTriggers;
use super::partition;
use super::schema::ROW_HASH;

/// The two statements that add up one table, the warehouse's and the staging file's.
struct Sums {
    of_warehouse: String,
    of_mart: String,
}

/// Compares the tables with their marts, of which `triggers` may be the reason to differ. Those are added up while PostgreSQL does `meanwhile`, and then its own share.
///
/// # Errors
/// Both totals, if they differ; and those of `meanwhile`.
pub fn compare(
    transaction: &mut Transaction<'_>,
    staging: &Staging,
    changes: &[Change<'_>],
    triggers: Option<&ForeignTriggers>,
    meanwhile: impl FnOnce(&mut Transaction<'_>) -> Result<()>,
) -> Result<()> {
    let sums = changes.iter().map(|change| Sums::of(staging.conn(), change)).collect::<Result<Vec<_>>>()?;
    let mine = staging.another()?;
    let of_marts: Vec<&str> = sums.iter().map(|sums| sums.of_mart.as_str()).collect();
    let add_up = move || -> Result<Vec<String>> {
        of_marts.iter().map(|sql| Ok(mine.conn().query_row(sql, [], |row| row.get(0))?)).collect()
    };
    let (theirs, ours) = thread::scope(|scope| {
        let ours = scope.spawn(add_up);
        let theirs = meanwhile(transaction).and_then(|()| {
            let add_up = |sums: &Sums| Ok(transaction.query_one(&sums.of_warehouse, &[])?.get(0));
            sums.iter().map(add_up).collect::<Result<Vec<String>>>()
        });
        (theirs, ours.join())
    });
    let theirs = theirs?;
    let ours = ours.map_err(|_| anyhow!("the thread that adds up the marts panicked"))??;
    for ((change, ours), theirs) in changes.iter().zip(&ours).zip(&theirs) {
        if ours != theirs {
            let advice = match triggers {
                Some(triggers) => triggers.advice(&change.table.name),
                None => "somebody else changed the table; `salesmart verify` names the rows, and `salesmart sync --full-refresh` compares \
                         every row and puts this right"
                    .to_owned(),
            };
            return Err(Failure::new(format!(
                "the control totals of {} differ before the commit, so nothing was changed:\n  mart:      {ours}\n  warehouse: {theirs}\n\
                 {advice}",
                change.table.target()
            ))
            .into());
        }
    }
    Ok(())
}

impl Sums {
    fn of(conn: &Connection, change: &Change<'_>) -> Result<Self> {
        let table = change.table;
        let sums: Vec<&str> = table.decimals().collect();
        let touched = match change.extent {
            // Of months that it has no statistics of yet, PostgreSQL takes a range for a few rows: it would go by an index, in one process.
            Extent::Whole => "true".to_owned(),
            Extent::Saved => table.month_ranges(&partition::months_in(conn, table, &table.delta())?),
        };
        let money = |text: &str| -> String {
            let sum = |name: &&str| format!(" || ' {name}=' || coalesce(sum({})::{text}, 'none')", ident(name));
            sums.iter().map(sum).collect()
        };
        let of_warehouse = format!(
            "select 'rows=' || count(*) || ' hashes=' || coalesce(sum({ROW_HASH}), 0)::text{} from {} where {touched}",
            money("text"),
            table.target()
        );
        // The hashes are those that were computed for the delta, and for the other rows those that are known from before.
        let of_mart = format!(
            "select 'rows=' || count(*) || ' hashes=' || (
             coalesce((select sum({ROW_HASH}::hugeint) from {mirror} where {touched}), 0)
             - coalesce((select sum(m.{ROW_HASH}::hugeint) from {mirror} as m inner join {delta} as d using ({keys})), 0)
             + coalesce((select sum({ROW_HASH}::hugeint) from {delta}), 0))::varchar{money} from {mart} where {touched}",
            mirror = table.mirror(),
            delta = table.delta(),
            keys = idents(&table.key, ""),
            money = money("varchar"),
            mart = table.mart(),
        );
        Ok(Self { of_warehouse, of_mart })
    }
}
