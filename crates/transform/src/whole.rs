//! A whole build of one model: its select runs over all rows of its inputs.

use std::fmt::Write;

use anyhow::Result;
use duckdb::Connection;
use salesmart_model::{Materialized, Model};
use salesmart_staging::relation;
use salesmart_staging::{ident, idents};

use super::delta::{self, Built, Delta};
use super::parse;
use super::space::{self, Part, Space};

/// Up to this many rows the delta against the published table is worth finding: models downstream then rebuild that only.
const COMPARED_ROWS: u64 = 1_000_000;

/// From this many rows on a table is sorted, so that later builds can skip most of it.
const SORTED_ROWS: u64 = 500_000;

/// Builds a model whole and compares it with the published one, if there is one to compare with.
pub fn build(conn: &Connection, space: &Space, model: &Model, published: bool, input_rows: u64) -> Result<Built> {
    let now = space.part(&model.name, Part::Now);
    if model.materialized == Materialized::View {
        space::run(conn, format!("create or replace temp view {now} as {}", model.sql))
            .map_err(|error| parse::explain(&model.path, &error))?;
        return Ok(Built { delta: Delta::Whole, now, rows: 0, scope: None });
    }
    let next = space.next(&model.name);
    // The file starts behind the prefix on the first line, so DuckDB's line numbers are the file's.
    let mut statement = format!("create table {next} as ");
    match model.sorted_by().filter(|_| input_rows >= SORTED_ROWS) {
        Some(column) => {
            write!(statement, "select * from ({}\n) order by {}", model.sql, ident(column))?;
        }
        None => statement.push_str(&model.sql),
    }
    space::run(conn, &statement).map_err(|error| parse::explain(&model.path, &error))?;
    space::run(conn, format!("create or replace temp view {now} as select * from {next}"))?;
    let rows = space::count(conn, &next)?;
    let delta = if published { compare(conn, space, model, rows)? } else { Delta::Whole };
    if delta == Delta::Same {
        space::run(conn, format!("drop view {now}; drop table {next}"))?;
        return Ok(Built { delta, now: space.published(&model.name), rows, scope: None });
    }
    Ok(Built { delta, now, rows, scope: None })
}

/// Whether the key is there, unique and not null. If not, the check of the key says more.
fn has_key(conn: &Connection, relation: &str, model: &Model) -> bool {
    let keys = idents(&model.key, "");
    let sql = format!("select count(*) = 0 from (select {keys} from {relation} group by {keys} having count(*) > 1)");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap_or(false)
}

fn compare(conn: &Connection, space: &Space, model: &Model, rows: u64) -> Result<Delta> {
    let (published, next) = (space.published(&model.name), space.next(&model.name));
    let columns = relation::columns(conn, &next)?;
    if relation::columns(conn, &published)? != columns {
        return Ok(Delta::Whole);
    }
    if delta::digest(conn, &published, &columns)? == delta::digest(conn, &next, &columns)? {
        return Ok(Delta::Same);
    }
    let is_small = rows.max(space::count(conn, &published)?) <= COMPARED_ROWS;
    match is_small && !model.key.is_empty() && has_key(conn, &next, model) {
        true => delta::trim(conn, space, &model.name, &columns, &published, &next),
        false => Ok(Delta::Whole),
    }
}
