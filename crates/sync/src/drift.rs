//! Schema drift: whether the warehouse's tables can take the marts, and the statements that would make them fit.

use anyhow::Result;
use postgres::Client;
use postgres::error::SqlState;
use salesmart_base::fail;
use salesmart_staging::{ident, idents};
use salesmart_warehouse::timeouts::without_statement_timeout;

use super::schema::{Column, Kind, PushTable, ROW_HASH, SCHEMA};

/// What does not fit, and what would make it fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The warehouse has no such table; the statement makes it.
    NoTable(String),
    /// The table is another kind of table than the mart needs; the statements make it anew.
    Anew(Vec<String>),
    /// Columns or key differ.
    Differs(Difference),
}

/// How a table differs from its mart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    target: String,
    key: Vec<String>,
    /// The primary key, and its columns, if it has to be another one.
    old_key: Option<(Option<String>, Vec<String>)>,
    primary_key: Option<String>,
    /// Foreign keys of other tables that refer to this one.
    referring: Vec<Referring>,
    added: Vec<Column>,
    retyped: Vec<Retyped>,
    dropped: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Retyped {
    column: Column,
    from: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Referring {
    table: String,
    name: String,
    definition: String,
    /// The columns that it refers to.
    columns: Vec<String>,
}

/// What becomes of the values in the way of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// They are taken along.
    Kept,
    /// They go; the next sync writes the marts' values.
    Refilled,
}

impl Drift {
    /// The statements, in order.
    pub fn statements(&self, values: Values) -> Vec<String> {
        match self {
            Self::NoTable(create) => vec![create.clone()],
            Self::Anew(statements) => statements.clone(),
            Self::Differs(difference) => difference.statements(values),
        }
    }
}

impl Difference {
    fn is_empty(&self) -> bool {
        self.old_key.is_none() && self.added.is_empty() && self.retyped.is_empty() && self.dropped.is_empty()
    }

    fn statements(&self, values: Values) -> Vec<String> {
        let target = &self.target;
        let is_key = |column: &Column| self.key.contains(&column.name);
        let empties =
            values == Values::Refilled && (self.old_key.is_some() || self.retyped.iter().any(|r| is_key(&r.column)));
        let rekeys = self.old_key.is_some() || empties;
        let mut statements = Vec::new();
        if rekeys {
            statements.extend(self.referring.iter().map(|key| {
                format!("alter table {} drop constraint {}; -- {}", key.table, ident(&key.name), key.definition)
            }));
            statements.extend(
                self.primary_key.iter().map(|name| format!("alter table {target} drop constraint {};", ident(name))),
            );
        }
        if empties {
            statements.push(format!(
                "delete from {target}; -- rows that do not fit the new key; the next sync writes them anew"
            ));
        }
        let add = |column: &Column| format!("alter table {target} add column {} {};", ident(&column.name), column.kind);
        statements.extend(self.added.iter().map(add));
        for Retyped { column, from } in &self.retyped {
            let name = ident(&column.name);
            if values == Values::Refilled && !is_key(column) {
                statements.push(format!(
                    "alter table {target} drop column {name}; -- is {from}, and holds values that are no {}",
                    column.kind
                ));
                statements.push(format!("{} -- the next sync fills it", add(column)));
                continue;
            }
            if let Kind::Numeric(_, places) = column.kind
                && scale_of(from).is_some_and(|held| held > places)
            {
                statements.push(refuse_rounding(target, &name, places));
            }
            let using = match casts_by_itself(from, column.kind) {
                true => String::new(),
                false => format!(" using {name}::text::{}", column.kind),
            };
            statements
                .push(format!("alter table {target} alter column {name} type {}{using}; -- is {from}", column.kind));
        }
        statements.extend(
            self.dropped
                .iter()
                .map(|name| format!("alter table {target} drop column {}; -- not in the mart", ident(name))),
        );
        if rekeys {
            let was = self
                .old_key
                .as_ref()
                .map_or_else(String::new, |(_, columns)| format!(" -- is ({})", columns.join(", ")));
            statements.push(format!("alter table {target} add primary key ({});{was}", idents(&self.key, "")));
            statements.extend(self.referring.iter().map(|key| self.refer_again(key, empties)));
        }
        statements
    }

    /// A foreign key can come back if its columns are the key still, and once the rows that it refers to are there.
    fn refer_again(&self, key: &Referring, empties: bool) -> String {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        let add = format!("alter table {} add constraint {} {};", key.table, ident(&key.name), key.definition);
        match (sorted(&key.columns) == sorted(&self.key), empties) {
            (true, false) => add,
            (true, true) => format!("-- In a migration after the next sync: {add}"),
            (false, _) => format!(
                "-- {} of {} refers to the key of before; write another one if it is to stay",
                key.name, key.table
            ),
        }
    }
}

/// Whether PostgreSQL casts a column's type to the other one without being told how.
fn casts_by_itself(from: &str, to: Kind) -> bool {
    let is_number = |name: &str| name == "bigint" || name == "integer" || name.starts_with("numeric");
    match to {
        Kind::Text => true,
        Kind::Bigint | Kind::Integer | Kind::Numeric(..) => is_number(from),
        Kind::Date | Kind::Timestamp => from == "date" || from.starts_with("timestamp"),
        Kind::Boolean => false,
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
        Some(drift) => fail!(
            "the mart {} and the warehouse table {target} differ; add a migration to sql/postgres/migrations \
             (`salesmart migrate --draft NAME` writes it) with\n{}",
            table.name,
            drift.statements(Values::Kept).join("\n")
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
    let hash = Column { name: ROW_HASH.to_owned(), kind: Kind::Bigint };
    let expected: Vec<&Column> = table.columns.iter().chain([&hash]).collect();
    let mut difference = Difference { target: target.clone(), key: table.key.clone(), ..Difference::default() };
    for column in &expected {
        match found.iter().find(|(found, _)| *found == column.name) {
            None => difference.added.push((*column).clone()),
            Some((_, kind)) if *kind != column.kind.to_string() => {
                difference.retyped.push(Retyped { column: (*column).clone(), from: kind.clone() });
            }
            Some(_) => {}
        }
    }
    let is_expected = |name: &str| expected.iter().any(|column| column.name == name);
    difference.dropped = found.iter().map(|(name, _)| name.clone()).filter(|name| !is_expected(name)).collect();
    let rows = client.query(
        "select attname::text, conname::text
         from pg_index join pg_attribute as a on a.attrelid = indrelid
         join unnest(indkey) with ordinality as k (attnum, place) on k.attnum = a.attnum
         left join pg_constraint on conindid = indexrelid and contype = 'p'
         where indrelid = to_regclass($1) and indisprimary order by place",
        &[&target],
    )?;
    let in_order: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    difference.primary_key = rows.first().and_then(|row| row.get(1));
    let (mut primary, mut wanted) = (in_order.clone(), table.key.clone());
    primary.sort();
    wanted.sort();
    if primary != wanted {
        difference.old_key = Some((difference.primary_key.clone(), in_order));
    }
    if let Some(reason) = kind_of_table(client, table, &difference)? {
        let referring = referring(client, &target)?;
        let mut statements = vec![format!(
            "-- {reason}, and no statement changes that. The next sync fills the new table; give it the foreign keys, indexes, comments and \
             grants of the old one."
        )];
        statements.extend(
            referring.iter().map(|key| format!("alter table {} drop constraint {};", key.table, ident(&key.name))),
        );
        statements.extend([format!("drop table {target};"), create_table(table)]);
        return Ok(Some(Drift::Anew(statements)));
    }
    if difference.is_empty() {
        return Ok(None);
    }
    difference.referring = referring(client, &target)?;
    Ok(Some(Drift::Differs(difference)))
}

/// Why the table has to be made anew, if it has.
fn kind_of_table(client: &mut Client, table: &PushTable, difference: &Difference) -> Result<Option<String>> {
    let sql = "select pg_get_partkeydef(to_regclass($1))";
    let by: Option<String> = client.query_one(sql, &[&table.target()])?.get(0);
    let by = by.map(|by| by.replace('"', ""));
    Ok(match (&table.partition, by) {
        (None, None) => None,
        (None, Some(by)) => Some(format!("It is partitioned by {by}")),
        (Some(column), by) if by != Some(format!("RANGE ({column})")) => {
            Some(format!("It is not partitioned by {column}"))
        }
        (Some(column), _) => {
            let retyped = difference.retyped.iter().find(|retyped| retyped.column.name == *column);
            retyped.map(|retyped| format!("It is partitioned by {column}, which is {}", retyped.from))
        }
    })
}

/// The foreign keys of other tables that refer to this one.
fn referring(client: &mut Client, target: &str) -> Result<Vec<Referring>> {
    let rows = client.query(
        "select conrelid::regclass::text, conname::text, pg_get_constraintdef(pg_constraint.oid),
                array(select attname::text from pg_attribute where attrelid = confrelid and attnum = any(confkey))
         from pg_constraint where contype = 'f' and conparentid = 0 and confrelid = to_regclass($1) and conrelid <> confrelid
         order by 1, 2",
        &[&target],
    )?;
    let key = |row: &postgres::Row| Referring {
        table: row.get(0),
        name: row.get(1),
        definition: row.get(2),
        columns: row.get(3),
    };
    Ok(rows.iter().map(key).collect())
}

/// The statements that make the warehouse fit these tables. They were tried, in a transaction that was rolled back: values that are in
/// the way of a new key or type go only where they have to.
pub struct Draft {
    /// The statements, in order.
    pub statements: Vec<String>,
    /// What PostgreSQL said of them, if it refused them.
    pub refused: Option<postgres::Error>,
}

impl Draft {
    /// Drafts and tries. The warehouse is as before.
    pub fn new(client: &mut Client, tables: &[PushTable]) -> Result<Self> {
        let mut statements: Vec<String> = Vec::new();
        for table in tables {
            let Some(drift) = find(client, table)? else { continue };
            let kept = drift.statements(Values::Kept);
            let refilled = drift.statements(Values::Refilled);
            let is_in_the_way = try_out(client, &kept)?.is_some_and(|error| is_about_values(&error));
            let fits = is_in_the_way && try_out(client, &refilled)?.is_none();
            statements.extend(if fits { refilled } else { kept });
        }
        let refused = try_out(client, &statements)?;
        Ok(Self { statements, refused })
    }
}

/// Runs statements and takes them back. What PostgreSQL objects to is returned.
fn try_out(client: &mut Client, statements: &[String]) -> Result<Option<postgres::Error>> {
    without_statement_timeout(client, |client| {
        let mut transaction = client.transaction()?;
        let refused = transaction.batch_execute(&statements.join("\n")).err();
        transaction.rollback()?;
        Ok(refused)
    })
}

/// Classes 22 (a value that is none of the type) and 23 (null, twice, or without a row to refer to), and a cast that does not exist.
fn is_about_values(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        ["22", "23"].iter().any(|class| code.code().starts_with(class))
            || [SqlState::CANNOT_COERCE, SqlState::DATATYPE_MISMATCH].contains(code)
    })
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
