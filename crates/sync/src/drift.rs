//! Schema drift: whether the warehouse's tables can take the marts, and the statements that would make them fit.

use anyhow::Result;
use postgres::Client;
use salesmart_base::fail;
use salesmart_staging::{ident, idents};

use super::schema::{Column, Kind, PushTable, ROW_HASH, SCHEMA};

/// What does not fit, and what would make it fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The warehouse has no such table; the statement makes it.
    NoTable(String),
    /// The table differs; the statements change it.
    Differs(Vec<String>),
}

impl Drift {
    /// The statements, in order.
    pub fn statements(&self) -> Vec<String> {
        match self {
            Self::NoTable(create) => vec![create.clone()],
            Self::Differs(changes) => changes.clone(),
        }
    }
}

/// Refuses a mart that its table cannot take.
///
/// # Errors
/// Everything that differs, with the statements that would make it fit.
pub fn check(client: &mut Client, table: &PushTable) -> Result<()> {
    let target = table.target();
    match find(client, table)? {
        None => Ok(()),
        Some(Drift::NoTable(create)) => fail!(
            "the warehouse has no table {target} for the mart {}; add a migration to sql/postgres/migrations \
             (`salesmart migrate --draft NAME` writes it), such as\n{create}",
            table.name
        ),
        Some(Drift::Differs(changes)) => fail!(
            "the mart {} and the warehouse table {target} differ; add a migration to sql/postgres/migrations \
             (`salesmart migrate --draft NAME` writes it) with\n{}",
            table.name,
            changes.join("\n")
        ),
    }
}

/// Compares the mart's columns, types and key with those of its table.
pub fn find(client: &mut Client, table: &PushTable) -> Result<Option<Drift>> {
    let target = table.target();
    let rows = client.query(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute
         where attrelid = to_regclass($1) and attnum > 0 and not attisdropped",
        &[&target],
    )?;
    let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if found.is_empty() {
        return Ok(Some(Drift::NoTable(create_table(table))));
    }
    if let Some(column) = &table.partition {
        let sql = "select pg_get_partkeydef(to_regclass($1))";
        let by: Option<String> = client.query_one(sql, &[&target])?.get(0);
        if by.map(|by| by.replace('"', "")) != Some(format!("RANGE ({column})")) {
            return Ok(Some(Drift::Differs(vec![
                format!(
                    "-- It is not partitioned by {column}, and no statement changes that. The next sync fills the new table; give it the \
                     foreign keys, indexes, comments and grants of the old one."
                ),
                format!("drop table {target};"),
                create_table(table),
            ])));
        }
    }
    let hash = Column { name: ROW_HASH.to_owned(), kind: Kind::Bigint };
    let expected: Vec<&Column> = table.columns.iter().chain([&hash]).collect();
    let mut changes = Vec::new();
    for column in &expected {
        let name = ident(&column.name);
        match found.iter().find(|(found, _)| *found == column.name) {
            None => changes.push(format!("alter table {target} add column {name} {};", column.kind)),
            Some((_, kind)) if *kind != column.kind.to_string() => {
                if let Kind::Numeric(_, places) = column.kind
                    && scale_of(kind).is_some_and(|held| held > places)
                {
                    changes.push(refuse_rounding(&target, &name, places));
                }
                changes.push(format!("alter table {target} alter column {name} type {}; -- is {kind}", column.kind));
            }
            Some(_) => {}
        }
    }
    for (name, _) in &found {
        if !expected.iter().any(|column| column.name == *name) {
            changes.push(format!("alter table {target} drop column {}; -- not in the mart", ident(name)));
        }
    }
    let rows = client.query(
        "select attname::text from pg_index, unnest(indkey) with ordinality as k (attnum, place), pg_attribute as a
         where indrelid = to_regclass($1) and indisprimary and a.attrelid = indrelid and a.attnum = k.attnum order by place",
        &[&target],
    )?;
    let mut primary: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut wanted = table.key.clone();
    let in_order = primary.join(", ");
    primary.sort();
    wanted.sort();
    if primary != wanted {
        changes.push(format!("alter table {target} add primary key ({}); -- is ({in_order})", idents(&table.key, "")));
    }
    Ok((!changes.is_empty()).then_some(Drift::Differs(changes)))
}

/// The tables of the warehouse that no mart fills.
pub fn orphans(client: &mut Client, tables: &[PushTable]) -> Result<Vec<String>> {
    let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let rows = client.query(
        "select relname::text from pg_class
         where relnamespace = to_regnamespace($1) and relkind in ('r', 'p') and not relispartition and relname <> all($2)
         order by 1",
        &[&SCHEMA, &known],
    )?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The decimal places of `numeric(18,6)`.
fn scale_of(kind: &str) -> Option<u8> {
    kind.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?.1.parse().ok()
}

/// A statement that fails if fewer decimal places would round a value that is there: PostgreSQL rounds without a word.
fn refuse_rounding(target: &str, column: &str, places: u8) -> String {
    format!(
        "do $$ begin\n    if exists (select from {target} where {column} <> round({column}, {places})) then\n        \
         raise exception '{target} holds values of {column} with more than {places} decimal places, which would be rounded';\n    \
         end if;\nend $$;"
    )
}

/// A statement that would make the table.
fn create_table(table: &PushTable) -> String {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let not_null = if table.key.contains(&column.name) { " not null" } else { "" };
            format!("    {} {}{not_null}", ident(&column.name), column.kind)
        })
        .collect();
    lines.push(format!("    {ROW_HASH} bigint not null"));
    lines.push(format!("    primary key ({})", idents(&table.key, "")));
    let partition = match &table.partition {
        Some(column) => format!(" partition by range ({})", ident(column)),
        None => String::new(),
    };
    format!("create table {} (\n{}\n){partition};", table.target(), lines.join(",\n"))
}
