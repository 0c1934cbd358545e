//! Control totals: rows, hashes and money of the touched partitions, compared before anything is committed.

use std::thread;

use anyhow::{Result, anyhow};
use postgres::Transaction;

use super::schema::{PushTable, ROW_HASH};
use crate::failure::Failure;
use crate::staging::{Staging, ident, idents};

/// Compares the table with its mart.
///
/// # Errors
/// Both totals, if they differ.
pub fn check(transaction: &mut Transaction<'_>, staging: &Staging, table: &PushTable) -> Result<()> {
    let sums: Vec<&str> = table.decimals().collect();
    let mut statement =
        staging.conn().prepare(&format!("select distinct {} from {}", table.mart_partition(), table.delta()))?;
    let months: Vec<i32> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let touched: Vec<String> = months.iter().map(|month| table.month_range(*month)).collect();
    let touched = touched.join(" or ");
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
    // Both databases add at the same time.
    let mine = staging.another()?;
    let (theirs, ours) = thread::scope(|scope| {
        let ours = scope.spawn(move || mine.conn().query_row(&of_mart, [], |row| row.get::<_, String>(0)));
        let theirs = transaction.query_one(&of_warehouse, &[]).map(|row| row.get::<_, String>(0));
        (theirs, ours.join())
    });
    let theirs = theirs?;
    let ours = ours.map_err(|_| anyhow!("the thread that adds up the mart panicked"))??;
    match ours == theirs {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "the control totals of {} differ before the commit, so nothing was changed:\n  mart:      {ours}\n  warehouse: {theirs}\n\
             somebody else changed the table; `salesmart verify` names the rows, and `salesmart sync --full-refresh` compares every \
             row and puts this right",
            table.target()
        ))
        .into()),
    }
}
