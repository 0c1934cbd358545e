//! Rows matched by their key. One pass finds the keys of all rows that differ; samples are then looked up by those.

use anyhow::Result;
use duckdb::Connection;
use salesmart_staging::relation::Column;
use salesmart_staging::render::Table;

use super::columns::{Columns, Pair};
use super::compare::{FOUND, numbered, split, texts};
use super::{CellCount, Cells, ChangedCell, ChangedRow, Findings, Samples};

/// Compares two relations whose keys are unique and not null.
pub fn compare(
    conn: &Connection,
    before: &str,
    after: &str,
    columns: &Columns,
    key: &[String],
    limit: u64,
) -> Result<Findings> {
    let (keys, cells) = split(columns, key);
    find(conn, before, after, &keys, &cells)?;
    let kinds = ["added", "removed", "changed"].map(|kind| format!("count(*) filter (kind = '{kind}')"));
    let counts: Vec<String> = numbered("", 'd', cells.len()).iter().map(|d| format!("count(*) filter ({d})")).collect();
    let sql = format!("select {} from {FOUND}", [kinds.as_slice(), counts.as_slice()].concat().join(", "));
    let counts: Vec<u64> =
        conn.query_row(&sql, [], |row| (0..3 + cells.len()).map(|index| row.get(index)).collect())?;
    let [added, removed, changed] = [counts[0], counts[1], counts[2]];
    let cells_changed = cells.iter().zip(&counts[3..]).filter(|(_, changed)| **changed > 0);
    let after_keys: Vec<String> = keys.iter().map(|pair| pair.after_value()).collect();
    let before_keys: Vec<String> = keys.iter().map(|pair| pair.before_value()).collect();
    let samples = Samples {
        added: match added {
            0 => Vec::new(),
            _ => sample(conn, "added", after, &after_keys, &columns.after, limit)?,
        },
        removed: match removed {
            0 => Vec::new(),
            _ => sample(conn, "removed", before, &before_keys, &columns.before, limit)?,
        },
        changed: match changed {
            0 => Vec::new(),
            _ => sample_changed(conn, before, after, &keys, &cells, limit)?,
        },
    };
    Ok(Findings {
        added,
        removed,
        changed,
        cells_changed: cells_changed
            .map(|(pair, changed)| CellCount { column: pair.after.name.clone(), changed: *changed })
            .collect(),
        samples,
    })
}

/// Keys (`k0`, …), kind, and which cells differ (`d0`, …) of all rows that differ.
fn find(conn: &Connection, before: &str, after: &str, keys: &[&Pair], cells: &[&Pair]) -> Result<()> {
    let side = |relation: &str, value: fn(&Pair) -> String| {
        let keys = keys.iter().enumerate().map(|(index, pair)| format!(", {} as k{index}", value(pair)));
        let cells = cells.iter().enumerate().map(|(index, pair)| format!(", {} as c{index}", value(pair)));
        format!("(select true as here{} from {relation})", keys.chain(cells).collect::<String>())
    };
    let differs: Vec<String> =
        (0..cells.len()).map(|index| format!("b.c{index} is distinct from a.c{index}")).collect();
    let found_keys = (0..keys.len()).map(|index| format!(", coalesce(b.k{index}, a.k{index}) as k{index}"));
    let flags = differs
        .iter()
        .enumerate()
        .map(|(index, differs)| format!(", coalesce(b.here and a.here and {differs}, false) as d{index}"));
    let on: Vec<String> = (0..keys.len()).map(|index| format!("b.k{index} = a.k{index}")).collect();
    let any: String = differs.iter().map(|differs| format!(" or {differs}")).collect();
    Ok(conn.execute_batch(&format!(
        "create or replace temp table {FOUND} as
         select case when b.here is null then 'added' when a.here is null then 'removed' else 'changed' end as kind{}
         from {} as b full join {} as a on {}
         where b.here is null or a.here is null{any}",
        found_keys.chain(flags).collect::<String>(),
        side(before, Pair::before_value),
        side(after, Pair::after_value),
        on.join(" and ")
    ))?)
}

/// The first keys of a kind.
fn first(kind: &str, keys: usize, limit: u64) -> String {
    let order = numbered("", 'k', keys).join(", ");
    format!("(select * exclude (kind) from {FOUND} where kind = '{kind}' order by {order} limit {limit})")
}

fn aliased(values: &[String]) -> String {
    let keys: Vec<String> = values.iter().enumerate().map(|(index, value)| format!("{value} as k{index}")).collect();
    keys.join(", ")
}

/// The first rows of a kind, with all their columns.
fn sample(
    conn: &Connection,
    kind: &str,
    relation: &str,
    keys: &[String],
    columns: &[Column],
    limit: u64,
) -> Result<Vec<Cells>> {
    let names = numbered("", 'k', keys.len()).join(", ");
    let sql = format!(
        "select {} from (select {}, {} from {relation}) as r join {} as f using ({names}) order by {names}",
        numbered("r.", 'v', columns.len()).join(", "),
        aliased(keys),
        texts(columns, 'v'),
        first(kind, keys.len(), limit)
    );
    let table = Table::query(conn, &sql)?;
    Ok(table.rows().iter().map(|row| cells_of(columns.iter(), row)).collect())
}

fn sample_changed(
    conn: &Connection,
    before: &str,
    after: &str,
    keys: &[&Pair],
    cells: &[&Pair],
    limit: u64,
) -> Result<Vec<ChangedRow>> {
    let names = numbered("", 'k', keys.len()).join(", ");
    let key_columns: Vec<Column> = keys.iter().map(|pair| pair.after.clone()).collect();
    let side = |relation: &str, value: fn(&Pair) -> String, column: fn(&Pair) -> &Column| {
        let values: Vec<String> = keys.iter().map(|pair| value(pair)).collect();
        let columns: Vec<Column> = keys.iter().chain(cells).map(|pair| column(pair).clone()).collect();
        format!("(select {}, {} from {relation})", aliased(&values), texts(&columns, 'v'))
    };
    let (width, count) = (keys.len(), cells.len());
    let selected = [
        numbered("a.", 'v', width),
        (width..width + count).map(|index| format!("b.v{index}")).collect(),
        (width..width + count).map(|index| format!("a.v{index}")).collect(),
        (0..count).map(|index| format!("f.d{index}::varchar")).collect(),
    ]
    .concat();
    let sql = format!(
        "select {} from {} as f join {} as b using ({names}) join {} as a using ({names}) order by {names}",
        selected.join(", "),
        first("changed", width, limit),
        side(before, Pair::before_value, |pair| &pair.before),
        side(after, Pair::after_value, |pair| &pair.after),
    );
    let table = Table::query(conn, &sql)?;
    let row = |row: &Vec<Option<String>>| {
        let (key, rest) = row.split_at(width);
        let changed = cells.iter().enumerate().filter(|(index, _)| rest[2 * count + index].as_deref() == Some("true"));
        ChangedRow {
            key: cells_of(key_columns.iter(), key),
            cells: changed
                .map(|(index, pair)| ChangedCell {
                    column: pair.after.name.clone(),
                    before: rest[index].clone(),
                    after: rest[count + index].clone(),
                })
                .collect(),
        }
    };
    Ok(table.rows().iter().map(row).collect())
}

/// Names and values of a row.
pub fn cells_of<'c>(columns: impl Iterator<Item = &'c Column>, values: &[Option<String>]) -> Cells {
    Cells(columns.map(|column| column.name.clone()).zip(values.iter().cloned()).collect())
}
