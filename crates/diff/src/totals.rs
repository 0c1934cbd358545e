//! The effect on money: sums of decimal columns before and after, exact. DuckDB adds up, with 38 digits.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::sum::Sum;
use salesmart_staging::ident;
use salesmart_staging::relation::{Column, named};
use salesmart_staging::render::Table;
use serde::Serialize;

use super::columns::Columns;
use super::compare::Whole;

/// The sum of a column. A side on which the column is absent, or no exact number, has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The column.
    pub column: String,
    /// Its sum over all rows before.
    pub before: Option<Sum>,
    /// Its sum over all rows after.
    pub after: Option<Sum>,
    /// After less before.
    pub delta: Option<Sum>,
}

impl Total {
    /// Whether the sum is another one.
    pub fn is_changed(&self) -> bool {
        self.delta.as_ref().is_none_or(|delta| !delta.is_zero())
    }
}

/// Rows and sums of both sides.
#[derive(Debug)]
pub struct Sums {
    /// All rows before.
    pub rows_before: u64,
    /// All rows after.
    pub rows_after: u64,
    /// Of every decimal column, revenue first.
    pub totals: Vec<Total>,
}

/// Sums all columns that are decimal on either side. One side is summed as a whole; the other is that plus the difference of
/// the two relations, which may hold no more than the rows that differ.
pub fn compare(conn: &Connection, columns: &Columns, before: &str, after: &str, whole: Whole<'_>) -> Result<Sums> {
    let names = money(columns);
    let summed: Vec<Summed<'_>> = names.iter().map(|name| Summed::of(columns, name)).collect();
    let side = |relation: &str, has: fn(&Summed<'_>) -> bool| {
        let sums = summed.iter().enumerate().map(|(index, column)| match has(column) {
            true => format!(
                ", try_cast(coalesce(sum({}), 0) as decimal(38, {})) as s{index}",
                ident(column.name),
                column.scale
            ),
            false => format!(", cast(null as decimal(38, {})) as s{index}", column.scale),
        });
        format!("(select count(*) as n{} from {relation})", sums.collect::<String>())
    };
    let (relation, of_before) = match whole {
        Whole::Before(relation) => (side(relation, |column| column.before), true),
        Whole::After(relation) => (side(relation, |column| column.after), false),
    };
    // The other side is absent where its column is: `b` or `a` has NULL there.
    let totals = |column: &str| match of_before {
        true => (format!("w.{column}"), format!("w.{column} - b.{column} + a.{column}")),
        false => (format!("w.{column} - a.{column} + b.{column}"), format!("w.{column}")),
    };
    let (rows_before, rows_after) = totals("n");
    let mut selected = vec![rows_before, rows_after];
    for (index, column) in summed.iter().enumerate() {
        let name = format!("s{index}");
        let (sum_before, sum_after) = totals(&name);
        // Where only one side has the column, its relation holds all rows: the columns are not the same.
        selected.push(if column.after { sum_before } else { format!("b.{name}") });
        selected.push(if column.before { sum_after } else { format!("a.{name}") });
        selected.push(format!("a.{name} - b.{name}"));
    }
    let sql = format!(
        "select {} from {relation} as w, {} as b, {} as a",
        selected.iter().map(|value| format!("({value})::varchar")).collect::<Vec<_>>().join(", "),
        side(before, |column| column.before),
        side(after, |column| column.after),
    );
    let table = Table::query(conn, &sql)?;
    let row = table.rows().first().cloned().unwrap_or_default();
    let count = |index: usize| -> Result<u64> { Ok(row[index].as_deref().unwrap_or_default().parse()?) };
    Ok(Sums {
        rows_before: count(0)?,
        rows_after: count(1)?,
        totals: summed.iter().zip(row[2..].chunks(3)).map(total).collect::<Result<_>>()?,
    })
}

fn total((column, values): (&Summed<'_>, &[Option<String>])) -> Result<Total> {
    let sum = |value: &Option<String>| value.as_deref().map(str::parse::<Sum>).transpose();
    Ok(Total {
        column: column.name.to_owned(),
        before: sum(&values[0])?,
        after: sum(&values[1])?,
        delta: sum(&values[2])?,
    })
}

/// A column that is summed, and on which sides it is an exact number.
struct Summed<'c> {
    name: &'c str,
    before: bool,
    after: bool,
    scale: u8,
}

impl<'c> Summed<'c> {
    fn of(columns: &Columns, name: &'c str) -> Self {
        let scale = |side: &[Column]| named(side, name).and_then(Column::scale);
        let (before, after) = (scale(&columns.before), scale(&columns.after));
        Self { name, before: before.is_some(), after: after.is_some(), scale: before.max(after).unwrap_or(0) }
    }
}

/// The columns that are decimal on either side: first what a sale brings, then the others in their order.
fn money(columns: &Columns) -> Vec<String> {
    let all = columns.after.iter().chain(&columns.changes.removed);
    let is_decimal =
        |column: &&Column| column.is_decimal() || named(&columns.before, &column.name).is_some_and(Column::is_decimal);
    let mut names: Vec<String> = all.filter(is_decimal).map(|column| column.name.clone()).collect();
    names.sort_by_key(|name| match name.to_ascii_lowercase().as_str() {
        "revenue" => 0,
        name if name.contains("revenue") => 1,
        "profit" => 2,
        "lifetime_value" => 3,
        _ => 4,
    });
    names
}
