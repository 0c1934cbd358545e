//! Compares two relations inside DuckDB: by key where there is one that identifies rows, else as whole rows.

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::counted;
use salesmart_staging::ident;
use salesmart_staging::relation::{Column, named};

use super::columns::{Columns, Pair};
use super::{Findings, ModelDiff, Rows, State, keyed, totals, whole_rows};

/// The temporary table of differing rows. No model has this name, as theirs hold no `__`.
pub(super) const FOUND: &str = "temp.main.diff__rows";

/// The expression for a column of one side.
type Value = fn(&Pair) -> String;

/// Two states of a model.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The model.
    pub model: &'a str,
    /// Its key; may be empty.
    pub key: &'a [String],
    /// A relation with the rows before, if there was the model. Rows that are the same in both may be left out of both.
    pub before: Option<&'a str>,
    /// A relation with the rows after, if there still is the model.
    pub after: Option<&'a str>,
    /// A relation with all rows of one side.
    pub whole: Whole<'a>,
}

/// All rows of a model, for its totals.
#[derive(Debug, Clone, Copy)]
pub enum Whole<'a> {
    /// As they were before.
    Before(&'a str),
    /// As they are after.
    After(&'a str),
}

/// Describes the difference, with up to `limit` rows of each kind.
pub fn compare(conn: &Connection, sides: &Sides<'_>, limit: u64) -> Result<ModelDiff> {
    let empty = |other: Option<&str>| format!("(select * from {} limit 0)", other.unwrap_or_default());
    let before = sides.before.map_or_else(|| empty(sides.after), str::to_owned);
    let after = sides.after.map_or_else(|| empty(sides.before), str::to_owned);
    let columns = Columns::of(conn, &before, &after)?;
    let note = unfit(conn, sides, &columns, &before, &after)?;
    let key: &[String] = if note.is_some() { &[] } else { sides.key };
    let found = match note {
        None => keyed::compare(conn, &before, &after, &columns, key, limit),
        Some(_) => whole_rows::compare(conn, &before, &after, &columns, limit),
    };
    conn.execute_batch(&format!("drop table if exists {FOUND}"))?;
    let Findings { added, removed, changed, cells_changed, samples } = found?;
    let sums = totals::compare(conn, &columns, &before, &after, sides.whole)?;
    let is_different = added + removed + changed > 0 || !columns.changes.is_empty();
    let state = match (sides.before, sides.after) {
        (None, _) => State::New,
        (_, None) => State::Removed,
        _ if is_different => State::Changed,
        _ => State::Same,
    };
    Ok(ModelDiff {
        model: sides.model.to_owned(),
        state,
        key: key.to_vec(),
        // A key-less model that is new or gone needs no excuse for how it is compared.
        note: note.filter(|_| state == State::Changed || (state == State::New && !sides.key.is_empty())),
        rows: Rows { before: sums.rows_before, after: sums.rows_after, added, removed, changed },
        columns: columns.changes,
        cells_changed,
        totals: sums.totals,
        samples,
    })
}

/// Why rows cannot be matched by the key, if they cannot.
fn unfit(conn: &Connection, sides: &Sides<'_>, columns: &Columns, before: &str, after: &str) -> Result<Option<String>> {
    if sides.key.is_empty() {
        return Ok(Some("it has no key, so whole rows are compared".to_owned()));
    }
    let list = sides.key.join(", ");
    for (when, known) in [("before", &columns.before), ("after", &columns.after)] {
        if let Some(missing) = sides.key.iter().find(|column| named(known, column).is_none()) {
            return Ok(Some(format!(
                "the key column {missing} is not there {when}, so whole rows are compared, by the columns that both have"
            )));
        }
    }
    for (when, known, relation) in [("before", &columns.before, before), ("after", &columns.after, after)] {
        let keys: Vec<String> =
            sides.key.iter().filter_map(|name| named(known, name)).map(|column| ident(&column.name)).collect();
        let is_null: Vec<String> = keys.iter().map(|key| format!("{key} is null")).collect();
        let sql = format!(
            "select count(*) from (select count(*) from {relation} group by {} having count(*) > 1 or {})",
            keys.join(", "),
            is_null.join(" or ")
        );
        let bad: u64 = conn.query_row(&sql, [], |row| row.get(0))?;
        if bad > 0 {
            return Ok(Some(format!(
                "the key ({list}) repeats or is null {when} ({}), so whole rows are compared",
                counted(bad, "value")
            )));
        }
    }
    match repeated_outside(conn, sides, columns, before, after)? {
        Some((bad, when)) => {
            Ok(Some(format!("the key ({list}) repeats {when} ({}), so whole rows are compared", counted(bad, "value"))))
        }
        None => Ok(None),
    }
}

/// Where only rows that differ were handed over: how many of their keys are also those of rows that stay as they are.
fn repeated_outside(
    conn: &Connection,
    sides: &Sides<'_>,
    columns: &Columns,
    before: &str,
    after: &str,
) -> Result<Option<(u64, &'static str)>> {
    let (of_before, of_after): (Value, Value) = (Pair::before_value, Pair::after_value);
    let (whole, of_whole, handed_over, this, of_this, that, when) = match sides.whole {
        Whole::Before(whole) => (whole, of_before, sides.before, after, of_after, before, "after"),
        Whole::After(whole) => (whole, of_after, sides.after, before, of_before, after, "before"),
    };
    if handed_over.is_none_or(|relation| relation == whole) {
        return Ok(None);
    }
    let (keys, _) = split(columns, sides.key);
    let select = |relation: &str, value: Value| {
        let keys: Vec<String> =
            keys.iter().enumerate().map(|(index, pair)| format!("{} as k{index}", value(pair))).collect();
        format!("(select {} from {relation})", keys.join(", "))
    };
    let names = numbered("", 'k', keys.len()).join(", ");
    let sql = format!(
        "select count(*) from (from {} as t anti join {} as o using ({names})) as t semi join {} as w using ({names})",
        select(this, of_this),
        select(that, of_whole),
        select(whole, of_whole),
    );
    let bad: u64 = conn.query_row(&sql, [], |row| row.get(0))?;
    Ok((bad > 0).then_some((bad, when)))
}

/// The pairs of the key, and those of the other columns.
pub(super) fn split<'c>(columns: &'c Columns, key: &[String]) -> (Vec<&'c Pair>, Vec<&'c Pair>) {
    columns.common.iter().partition(|pair| key.iter().any(|name| name.eq_ignore_ascii_case(&pair.after.name)))
}

/// `"a"::varchar as v0, "b"::varchar as v1, …`
pub(super) fn texts(columns: &[Column], alias: char) -> String {
    let texts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("{}::varchar as {alias}{index}", ident(&column.name)))
        .collect();
    texts.join(", ")
}

/// `k0, k1, …` with a prefix such as `b.`.
pub(super) fn numbered(prefix: &str, alias: char, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}{alias}{index}")).collect()
}
