//! The tables that are pushed: their keys, columns, partitions, and the hash of a row on both sides.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::fail;
use salesmart_model::{Model, Models};
use salesmart_staging::{ident, idents};

use super::partition;

/// The schema of the pushed tables in PostgreSQL.
pub const SCHEMA: &str = "mart";

/// The column that holds a row's hash, in PostgreSQL and in the mirror.
pub const ROW_HASH: &str = "row_hash";

/// The types that can be pushed: those with one exact form on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bigint`
    Bigint,
    /// `integer`
    Integer,
    /// `numeric(precision, scale)`
    Numeric(u8, u8),
    /// `text`
    Text,
    /// `date`
    Date,
    /// `timestamp without time zone`
    Timestamp,
    /// `boolean`
    Boolean,
}

impl Kind {
    /// From DuckDB's name of a type.
    fn of_duckdb(name: &str) -> Option<Self> {
        Some(match name {
            "BIGINT" => Self::Bigint,
            "INTEGER" => Self::Integer,
            "VARCHAR" => Self::Text,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            "BOOLEAN" => Self::Boolean,
            other => {
                let inner = other.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
                let (precision, scale) = inner.split_once(',')?;
                let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
                // More places than 36 do not fit the arithmetic of the binary format.
                (scale <= 36).then_some(Self::Numeric(precision, scale))?
            }
        })
    }

    /// The same text, in PostgreSQL.
    fn hashed_in_warehouse(self, column: &str) -> String {
        let text = match self {
            Self::Text => format!("octet_length({column})::text || ':' || {column}"),
            // No mart holds an infinite one, so it differs from whatever was pushed.
            Self::Timestamp => format!(
                "case when isfinite({column}) then (extract(epoch from {column}) * 1000000)::bigint::text else {column}::text end"
            ),
            Self::Date => format!("replace({column}::text, ' BC', ' (BC)')"),
            // DuckDB writes no 0 before the point where the type leaves no room for another digit.
            Self::Numeric(precision, scale) if precision == scale => {
                format!("regexp_replace({column}::text, '^(-?)0[.]', '\\1.')")
            }
            _ => format!("{column}::text"),
        };
        format!("coalesce({text}, '~')")
    }

    /// The value as text that never changes with the version of anything, for the row hash. Texts carry their
    /// length, so that no two rows have one text.
    fn hashed(self, column: &str) -> String {
        let text = match self {
            Self::Text => format!("strlen({column})::varchar || ':' || {column}"),
            Self::Timestamp => format!("epoch_us({column})::varchar"),
            _ => format!("{column}::varchar"),
        };
        format!("coalesce({text}, '~')")
    }
}

/// PostgreSQL's name of the type, as `format_type` writes it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bigint => f.write_str("bigint"),
            Self::Integer => f.write_str("integer"),
            Self::Numeric(precision, scale) => write!(f, "numeric({precision},{scale})"),
            Self::Text => f.write_str("text"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::Boolean => f.write_str("boolean"),
        }
    }
}

/// Bytes of a name in PostgreSQL.
const LONGEST_COLUMN: usize = 63;

/// Begins a statement with `relations (name, relid)`: tables with their partitions. Its parameters are the names of the tables, and what they
/// are called in PostgreSQL.
pub const WITH_PARTITIONS: &str = "with pushed as (
         select name, to_regclass(target)::oid as relid from unnest($1::text[], $2::text[]) as t (name, target)
     ),
     relations as (
         select name, relid from pushed
         union select name, tree.relid::oid from pushed, pg_partition_tree(pushed.relid::regclass) as tree
     )";

/// The columns that every table of PostgreSQL has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Why a pushed table cannot have a column of this name; `None` if it can.
pub fn name_fault(name: &str) -> Option<String> {
    if name.starts_with('_') || name == ROW_HASH {
        return Some(format!("the column name {name} is used by salesmart itself; choose another"));
    }
    if SYSTEM_COLUMNS.contains(&name) {
        return Some(format!("every table of PostgreSQL has a column {name} of its own; choose another name"));
    }
    (name.len() > LONGEST_COLUMN)
        .then(|| format!("the column name {name} is longer than PostgreSQL's {LONGEST_COLUMN} bytes"))
}

/// One column of a pushed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, the same on both sides.
    pub name: String,
    /// Type.
    pub kind: Kind,
}

/// Names and types of the columns of all tables of a schema in the staging file, in order. One question for all: each has DuckDB go
/// through every table there is.
pub fn columns_of_tables(conn: &Connection, schema: &str) -> Result<BTreeMap<String, Vec<(String, String)>>> {
    let mut statement = conn.prepare(
        "select table_name, column_name, data_type from duckdb_columns()
         where database_name = current_database() and schema_name = ? order by table_name, column_index",
    )?;
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut rows = statement.query([schema])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?));
    }
    Ok(found)
}

/// A mart that is pushed.
#[derive(Debug, Clone)]
pub struct PushTable {
    /// Name, the same on both sides.
    pub name: String,
    /// The columns that make a row unique in PostgreSQL: the partition column, if any, and the mart's key.
    pub key: Vec<String>,
    /// The mart's own key.
    pub logical_key: Vec<String>,
    /// The column (a day as yyyymmdd) by whose month the table is partitioned.
    pub partition: Option<String>,
    /// All columns but the row hash.
    pub columns: Vec<Column>,
}

impl PushTable {
    /// The pushed tables of a project, from the published marts.
    ///
    /// # Errors
    /// A mart that is not built, a column of a type without an exact form, a key that names no column.
    pub fn all(conn: &Connection, models: &Models) -> Result<Vec<Self>> {
        let mut found = columns_of_tables(conn, "main")?;
        let of = |model: &Model| Self::of(model, found.remove(&model.name).unwrap_or_default());
        models.models.values().filter(|model| model.is_pushed()).map(of).collect()
    }

    fn of(model: &Model, found: Vec<(String, String)>) -> Result<Self> {
        let mut columns = Vec::new();
        for (name, data_type) in found {
            if let Some(fault) = name_fault(&name) {
                fail!("{}: {fault}", model.path.display());
            }
            let Some(kind) = Kind::of_duckdb(&data_type) else {
                fail!(
                    "{}: column {name} has type {data_type}, which cannot be pushed; cast it to bigint, integer, decimal(p,s), varchar, date, \
                     timestamp or boolean",
                    model.path.display()
                );
            };
            if model.partition.as_ref() == Some(&name) && !matches!(kind, Kind::Integer | Kind::Bigint) {
                fail!(
                    "{}: the partition column {name} is of type {kind}; it has to be a day as an integer, such as 20240131",
                    model.path.display()
                );
            }
            columns.push(Column { name, kind });
        }
        if columns.is_empty() {
            fail!("{} is not built yet; run `salesmart build` (or `salesmart run`)", model.name);
        }
        for column in model.key.iter().chain(&model.partition) {
            if !columns.iter().any(|known| known.name == *column) {
                fail!("{}: the header names the column {column}, which the select does not have", model.path.display());
            }
        }
        Ok(Self {
            name: model.name.clone(),
            key: model.warehouse_key(),
            logical_key: model.key.clone(),
            partition: model.partition.clone(),
            columns,
        })
    }

    /// Key, columns and types in words. Rows of tables of another shape have hashes that mean something else.
    pub fn shape(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("{} {}", ident(&column.name), column.kind)).collect();
        format!("{}; key {}", columns.join(", "), idents(&self.key, ""))
    }

    /// The table in PostgreSQL.
    pub fn target(&self) -> String {
        format!("{SCHEMA}.{}", ident(&self.name))
    }

    /// The mart in the staging file.
    pub fn mart(&self) -> String {
        format!("main.{}", ident(&self.name))
    }

    /// What PostgreSQL is known to hold.
    pub fn mirror(&self) -> String {
        format!("mirror.{}", ident(&self.name))
    }

    /// The difference that is to be pushed.
    pub fn delta(&self) -> String {
        format!("sync.{}", ident(&self.delta_name()))
    }

    /// The name of the difference in its schema.
    pub fn delta_name(&self) -> String {
        format!("delta_{}", self.name)
    }

    /// DuckDB's expression for a row's hash: the first 63 bits of the md5 of its columns in alphabetical order.
    pub fn row_hash(&self) -> String {
        let parts = self.hash_parts(Kind::hashed);
        format!("(('0x' || left(md5(concat({})), 16))::ubigint >> 1)::bigint", parts.join(", '|', "))
    }

    /// PostgreSQL's expression for the same hash of what a row really holds; -1 if that is not the stored one.
    pub fn warehouse_row_hash(&self) -> String {
        let text = self.hash_parts(Kind::hashed_in_warehouse).join(" || '|' || ");
        let hash = format!("('x' || left(md5({text}), 16))::bit(64)::bigint >> 1 & {}", i64::MAX);
        format!("case {ROW_HASH} when {hash} then {ROW_HASH} else -1 end")
    }

    fn hash_parts(&self, hashed: fn(Kind, &str) -> String) -> Vec<String> {
        let mut columns: Vec<&Column> = self.columns.iter().collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.iter().map(|column| hashed(column.kind, &ident(&column.name))).collect()
    }

    /// The names of all columns and the row hash.
    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).chain([ROW_HASH.to_owned()]).collect()
    }

    /// The columns that hold decimals: their sums are control totals.
    pub fn decimals(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| matches!(column.kind, Kind::Numeric(..))).map(|column| column.name.as_str())
    }

    /// PostgreSQL's expression for the partition (yyyymm) of a row; 0 in a table without partitions.
    pub fn warehouse_partition(&self) -> String {
        self.partition_by("/")
    }

    /// DuckDB's expression for the same: there, `/` is a division of doubles.
    pub fn mart_partition(&self) -> String {
        self.partition_by("//")
    }

    /// The condition that a row is in a month (yyyymm), the same on both sides. In a table without partitions all rows are in month 0.
    pub fn month_range(&self, month: i32) -> String {
        self.in_months(month, month)
    }

    /// The condition that a row is in one of these months, given in order. Months that follow each other are one range: of many, every
    /// row would have to be held against one after the other.
    pub fn month_ranges(&self, months: &[i32]) -> String {
        let ranges: Vec<String> = months
            .chunk_by(|month, next| partition::after(*month) == *next)
            .filter_map(|months| Some(self.in_months(*months.first()?, *months.last()?)))
            .collect();
        match ranges.is_empty() {
            true => "false".to_owned(),
            false => ranges.join(" or "),
        }
    }

    fn in_months(&self, first: i32, last: i32) -> String {
        match &self.partition {
            Some(column) => format!("{} between {first}00 and {last}99", ident(column)),
            None => "true".to_owned(),
        }
    }

    fn partition_by(&self, division: &str) -> String {
        match &self.partition {
            Some(column) => format!("({} {division} 100)", ident(column)),
            None => "0".to_owned(),
        }
    }
}
