//! Control totals: rows, hashes and money of the touched partitions, compared before anything is committed.

use anyhow::Result;
use duckdb::Connection;
use postgres::Transaction;

use super::schema::{PushTable, ROW_HASH};
use crate::failure::Failure;
use crate::staging::ident;

/// Compares the table with its mart.
///
/// # Errors
/// Both totals, if they differ.
pub fn check(transaction: &mut Transaction<'_>, conn: &Connection, table: &PushTable) -> Result<()> {
    let sums: Vec<&str> = table.decimals().collect();
    let touched = format!("select distinct {} from {}", table.mart_partition(), table.delta());
    let mut statement = conn.prepare(&touched)?;
    let months: Vec<i32> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let only_touched = match &table.partition {
        Some(column) => {
            let ranges: Vec<String> =
                months.iter().map(|month| format!("{} between {month}00 and {month}99", ident(column))).collect();
            format!(" where {}", ranges.join(" or "))
        }
        None => String::new(),
    };
    let total = |text: &str, hash: &str, wide: &str| -> String {
        let money: String = sums
            .iter()
            .map(|name| format!(" || ' {name}=' || coalesce(sum({})::{text}, 'none')", ident(name)))
            .collect();
        format!("'rows=' || count(*) || ' hashes=' || coalesce(sum({hash}::{wide})::{text}, 'none'){money}")
    };
    let row = transaction.query_one(
        &format!("select {} from {}{only_touched}", total("text", ROW_HASH, "numeric"), table.target()),
        &[],
    )?;
    let theirs: String = row.get(0);
    let sql = format!("select {} from {}{only_touched}", total("varchar", &table.row_hash(), "hugeint"), table.mart());
    let ours: String = conn.query_row(&sql, [], |row| row.get(0))?;
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
