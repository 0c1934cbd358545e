//! Publishing: what was built takes the place of the published models, within the transaction that built it.

use anyhow::Result;
use duckdb::{Connection, OptionalExt};
use salesmart_model::{Materialized, Model, Models};
use salesmart_staging::{ident, idents, literal};

use super::content;
use super::delta::Delta;
use super::known::Known;
use super::space::{self, Part, Space};

/// Publishes everything that was built, and drops the models that are gone.
pub fn all(conn: &Connection, space: &Space, models: &Models, known: &Known, gone: &[String]) -> Result<()> {
    for name in gone {
        drop_published(conn, space, name)?;
        forget_unpushed(conn, space, name)?;
        content::forget(conn, name)?;
    }
    for (name, current) in known {
        let (Some(built), Some(model)) = (&current.built, models.models.get(name)) else { continue };
        match (&current.delta, model.materialized) {
            (Delta::Same, _) => {}
            (_, Materialized::View) => {
                drop_published(conn, space, name)?;
                // In the schema's own words: inside it, names mean published models.
                space::run(conn, format!("create view {} as {}", space.published(name), model.sql))?;
            }
            (Delta::Rows { .. }, _) if current.scope.is_some() => replace(conn, space, model, known)?,
            _ => swap(conn, space, model, known)?,
        }
        content::store(conn, name, built)?;
    }
    Ok(())
}

/// Replaces the rows of an incremental build.
fn replace(conn: &Connection, space: &Space, model: &Model, known: &Known) -> Result<()> {
    note_unpushed(conn, space, model, known)?;
    let published = space.published(&model.name);
    Ok(space::run(
        conn,
        format!(
            "delete from {published} where rowid in (select _rowid from {});
         insert into {published} select * from {}",
            space.part(&model.name, Part::Replaced),
            space.part(&model.name, Part::Added)
        ),
    )?)
}

/// Puts a whole build into the place of the published table.
fn swap(conn: &Connection, space: &Space, model: &Model, known: &Known) -> Result<()> {
    note_unpushed(conn, space, model, known)?;
    drop_published(conn, space, &model.name)?;
    // A name that a temporary view has cannot be given to a table of the default schema.
    space::run(conn, format!("drop view if exists {}", space.shadow(&model.name)))?;
    Ok(space::run(conn, format!("alter table {} rename to {}", space.next(&model.name), ident(&model.name)))?)
}

/// Keeps the keys of a mart's changed rows until they are pushed, so that a sync need not compare all rows. They count
/// from the content that was pushed last; where that is not known, the sync compares.
fn note_unpushed(conn: &Connection, space: &Space, model: &Model, known: &Known) -> Result<()> {
    let name = model.name.as_str();
    let Some(current) = known.get(name).filter(|_| model.is_pushed()) else { return Ok(()) };
    let (Delta::Rows { removed, added }, false) = (&current.delta, current.is_redefined) else {
        // With another definition the key may be another one, too.
        return forget_unpushed(conn, space, name);
    };
    let since: Option<String> =
        conn.query_row("select since from sync.unpushed where table_name = ?", [name], |row| row.get(0)).optional()?;
    let pushed: Option<String> =
        conn.query_row("select content from sync.pushed where table_name = ?", [name], |row| row.get(0)).optional()?;
    let keys = idents(&model.warehouse_key(), "");
    let changed = format!("select {keys} from {removed} union select {keys} from {added}");
    let table = format!("{}.{}", space.schema("unpushed"), ident(name));
    match (since, pushed) {
        (Some(_), _) => space::run(conn, format!("insert into {table} {changed}"))?,
        (None, Some(pushed)) if current.before.as_ref() == Some(&pushed) => {
            space::run(conn, format!("create or replace table {table} as {changed}"))?;
            conn.execute("insert into sync.unpushed values (?, ?)", [name, pushed.as_str()])?;
        }
        (None, _) => {}
    }
    Ok(())
}

/// Forgets which rows of a mart changed since the last push.
pub fn forget_unpushed(conn: &Connection, space: &Space, name: &str) -> Result<()> {
    space::run(conn, format!("drop table if exists {}.{}", space.schema("unpushed"), ident(name)))?;
    conn.execute("delete from sync.unpushed where table_name = ?", [name])?;
    Ok(())
}

fn drop_published(conn: &Connection, space: &Space, name: &str) -> Result<()> {
    for (kind, catalog, column) in [("view", "duckdb_views()", "view_name"), ("table", "duckdb_tables()", "table_name")]
    {
        let exists: bool = conn.query_row(
            &format!(
                "select count(*) > 0 from {catalog}
                 where database_name = current_database() and schema_name = 'main' and {column} = {}",
                literal(name)
            ),
            [],
            |row| row.get(0),
        )?;
        if exists {
            space::run(conn, format!("drop {kind} {}", space.published(name)))?;
        }
    }
    Ok(())
}

/// Keeps a build that failed its checks in the schema `scratch`, to be looked at. The next build drops it.
pub fn keep_for_a_look(conn: &Connection, space: &Space, models: &Models, known: &Known) -> Result<()> {
    let schema = space.schema("scratch");
    space::run(conn, format!("create schema {schema}"))?;
    for (name, current) in known {
        let (Some(_), Some(model)) = (&current.built, models.models.get(name)) else { continue };
        let place = format!("{schema}.{}", ident(name));
        let statement = match (&current.delta, model.materialized) {
            (Delta::Same, _) | (_, Materialized::View) => continue,
            (Delta::Rows { .. }, _) if current.scope.is_some() => {
                let (keys, after) = (format!("{name}__keys"), format!("{name}__after"));
                let by: Vec<String> = model
                    .by
                    .iter()
                    .enumerate()
                    .map(|(index, column)| format!("p.{} is not distinct from k._k{index}", ident(&column.name)))
                    .collect();
                format!(
                    "create table {schema}.{keys} as select * from {};
                     create table {schema}.{after} as select * from {};
                     create view {place} as select p.* from {} as p anti join {schema}.{keys} as k on {}
                     union all select * from {schema}.{after}",
                    space.part(name, Part::Keys),
                    space.part(name, Part::After),
                    space.published(name),
                    by.join(" and ")
                )
            }
            _ => format!("create view {place} as select * from {}", space.next(name)),
        };
        space::run(conn, &statement)?;
    }
    Ok(())
}
