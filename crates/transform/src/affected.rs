//! Which values of a model's `by` columns a delta touches, and the rows of its inputs that have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_model::{ByColumn, Models};
use salesmart_staging::relation::{self, Column};
use salesmart_staging::{ident, idents, literal};

use super::delta::{Delta, Scope};
use super::proof::{Carrier, Lookup};
use super::space::{self, Space};
use super::usage;

/// An input, as one of its readers sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its name, `raw.` and all.
    pub name: String,
    /// All its rows now.
    pub now: String,
    /// How it differs from what the reader saw last.
    pub delta: Delta,
    /// Complete sets of its rows, if there are any at hand.
    pub scope: Option<Scope>,
    /// The columns that make its rows unique, if it is a model that says so.
    pub key: Vec<String>,
    /// The column by which its rows are sorted when it is built whole.
    pub cluster: Option<String>,
    /// Its columns, once it is bound.
    pub columns: Vec<Column>,
    /// What the reader's `by` columns are here, in their order; `None` if it has no such columns.
    pub by: Option<Vec<String>>,
}

impl Seen {
    /// An input of which it is not known yet what `by` is there.
    pub fn new(models: &Models, name: String, now: String, delta: Delta, scope: Option<Scope>) -> Self {
        let model = models.models.get(&name);
        let key = model.map(|model| model.key.clone()).unwrap_or_default();
        let cluster = model.and_then(|model| model.sorted_by().cloned());
        Self { name, now, delta, scope, key, cluster, columns: Vec::new(), by: None }
    }

    /// Finds out what `by` is in this input: a column of that name, else the expression. An input that is looked up has none, whatever its
    /// columns; neither has one where the expression cannot be bound.
    ///
    /// # Errors
    /// Those of DuckDB.
    pub fn bind(&mut self, conn: &Connection, by: &[ByColumn], lookups: &[String]) -> Result<()> {
        self.columns = relation::columns(conn, &self.now)?;
        if lookups.contains(&self.name) {
            return Ok(());
        }
        let mut bound = Vec::new();
        for column in by {
            bound.push(match (&column.expression, relation::named(&self.columns, &column.name).is_some()) {
                (_, true) => ident(&column.name),
                (Some(expression), false)
                    if conn.prepare(&format!("select {expression} from {} limit 0", self.now)).is_ok() =>
                {
                    format!("({expression})")
                }
                _ => return Ok(()),
            });
        }
        self.by = Some(bound);
        Ok(())
    }

    /// Shows all rows of an input that is not among these.
    pub fn restrict_only(&mut self, restricted: &BTreeSet<String>) {
        if !restricted.contains(&self.name) {
            self.by = None;
        }
    }
}

/// Who reads the inputs: a model or a check.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Its file, for messages.
    pub path: &'a Path,
    /// Its select.
    pub sql: &'a str,
    /// The inputs that it looks up by their key, and how the rows that carry it are found.
    pub lookups: &'a BTreeMap<String, Lookup>,
}

/// Values of `by` columns: a temporary table with the columns `_k0`, `_k1`, …
#[derive(Debug)]
pub struct Keys {
    /// The table.
    pub table: String,
    /// How many values there are.
    pub count: u64,
    /// Per column: may it be NULL; and its distinct values as literals, if they are few.
    columns: Vec<(bool, Option<Vec<String>>)>,
}

/// A list of values longer than this is no filter, but a join.
const FEW: usize = 64;

impl Keys {
    /// Collects into `table` the values that the deltas of `inputs` touch: those of rows that left or came, and for an input
    /// that is looked up, those of the rows that carry its key.
    ///
    /// # Errors
    /// Those of DuckDB.
    pub fn collect(
        conn: &Connection,
        space: &Space,
        table: String,
        reader: &Reader<'_>,
        inputs: &[Seen],
    ) -> Result<Self> {
        let mut parts = Vec::new();
        for input in inputs {
            let Delta::Rows { removed, added } = &input.delta else { continue };
            if let Some(by) = &input.by {
                parts.extend([removed, added].map(|relation| select_keys(by, relation)));
            } else if let Some(Lookup::Carried(carriers)) = reader.lookups.get(&input.name) {
                let touched = Self::looked_up(conn, space, reader, input, removed, added)?;
                parts.extend(touched.of_carriers(conn, input, carriers, inputs)?);
            }
        }
        let width = inputs.iter().find_map(|input| input.by.as_ref()).map_or(0, Vec::len);
        if parts.is_empty() {
            let none: Vec<String> = (0..width).map(|index| format!("null as _k{index}")).collect();
            parts.push(format!("select {} limit 0", none.join(", ")));
        }
        Self::of(conn, table, width, &parts.join(" union "))
    }

    /// The keys of the rows of a looked-up input that changed in the columns that the reader uses.
    fn looked_up(
        conn: &Connection,
        space: &Space,
        reader: &Reader<'_>,
        input: &Seen,
        removed: &str,
        added: &str,
    ) -> Result<Self> {
        let mut columns = usage::columns(conn, space, reader.sql, input)?;
        columns.extend(input.key.iter().filter(|name| !columns.contains(name)).cloned().collect::<Vec<_>>());
        let columns = idents(&columns, "");
        let key: Vec<String> = input.key.iter().map(|name| ident(name)).collect();
        let one_way = |from: &str, other: &str| {
            select_keys(&key, &format!("(select {columns} from {from} except select {columns} from {other})"))
        };
        let query = format!("{} union {}", one_way(removed, added), one_way(added, removed));
        Self::of(conn, "temp.main.__looked_up".to_owned(), key.len(), &query)
    }

    /// Queries for the `by` values of all rows that carry one of these keys of `input`.
    fn of_carriers(
        &self,
        conn: &Connection,
        input: &Seen,
        carriers: &BTreeSet<Carrier>,
        inputs: &[Seen],
    ) -> Result<Vec<String>> {
        let mut queries = Vec::new();
        for (number, carrier) in carriers.iter().enumerate().filter(|_| self.count > 0) {
            let seen = inputs.iter().find(|seen| seen.name == carrier.input);
            let Some((seen, by)) = seen.and_then(|seen| Some((seen, seen.by.as_ref()?))) else {
                anyhow::bail!("{} is looked up by {}, which is not restricted", input.name, carrier.input);
            };
            let columns: Vec<String> = carrier.columns.iter().map(|name| ident(name)).collect();
            // At once, as the next input that is looked up uses the same table of keys.
            let found = format!("temp.main.{}", ident(&format!("__carriers_{number}_{}", input.name)));
            let rows = format!("({})", self.restrict(&seen.now, &columns));
            space::run(conn, format!("create or replace temp table {found} as {}", select_keys(by, &rows)))?;
            queries.push(format!("select * from {found}"));
        }
        Ok(queries)
    }

    /// The values that `by` has in these rows.
    pub fn of_rows(conn: &Connection, table: String, by: &[String], rows: &str) -> Result<Self> {
        Self::of(conn, table, by.len(), &select_keys(by, rows))
    }

    fn of(conn: &Connection, table: String, width: usize, query: &str) -> Result<Self> {
        space::run(conn, format!("create or replace temp table {table} as {query}"))?;
        let columns = (0..width).map(|index| values(conn, &table, index)).collect::<Result<_>>()?;
        Ok(Self { count: space::count(conn, &table)?, table, columns })
    }

    /// The rows of a relation that have these values in `by`, as a query.
    pub fn restrict(&self, relation: &str, by: &[String]) -> String {
        self.select("i.*", relation, by, None)
    }

    /// The same of a table, with each row's place in it as `_rowid`.
    pub fn restrict_with_rowid(&self, table: &str, by: &[String]) -> String {
        self.select("i.rowid as _rowid, i.*", table, by, None)
    }

    /// The same of all rows of an input.
    pub fn restrict_input(&self, conn: &Connection, input: &Seen, by: &[String]) -> Result<String> {
        Ok(self.select("i.*", &input.now, by, self.range(conn, input, by)?.as_deref()))
    }

    fn select(&self, selected: &str, relation: &str, by: &[String], range: Option<&str>) -> String {
        let mut on = Vec::new();
        for (index, (expression, (nullable, _))) in by.iter().zip(&self.columns).enumerate() {
            // A join on equality lets DuckDB skip row groups; one that takes NULLs does not.
            let equals = if *nullable { "is not distinct from" } else { "=" };
            on.push(format!("{expression} {equals} k._k{index}"));
        }
        let mut filters = self.filters(by);
        filters.extend(range.map(str::to_owned));
        let filter = if filters.is_empty() { String::new() } else { format!(" where {}", filters.join(" and ")) };
        format!("select {selected} from {relation} as i semi join {} as k on {}{filter}", self.table, on.join(" and "))
    }

    /// Of the columns that have few values, that they are among these.
    fn filters(&self, by: &[String]) -> Vec<String> {
        by.iter()
            .zip(&self.columns)
            .filter_map(|(expression, (_, few))| Some(format!("{expression} in ({})", few.as_ref()?.join(", "))))
            .collect()
    }

    /// Where in its order the rows of a sorted input lie. DuckDB skips row groups by what is said of a column, and not by what is
    /// said of an expression such as a month; of the narrow column alone it is soon seen which days that month has.
    fn range(&self, conn: &Connection, input: &Seen, by: &[String]) -> Result<Option<String>> {
        let filters = self.filters(by);
        let cluster = input.cluster.as_deref().map(ident).filter(|column| !by.contains(column));
        let Some(column) = cluster.filter(|_| !filters.is_empty()) else { return Ok(None) };
        let sql = format!(
            "select min({column})::varchar, max({column})::varchar, count(*) = count({column}), any_value(typeof({column}))
             from {} where {}",
            input.now,
            filters.join(" and ")
        );
        let (least, greatest, is_whole, kind): (Option<String>, Option<String>, bool, Option<String>) =
            conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        Ok(match (least, greatest, kind) {
            (Some(least), Some(greatest), Some(kind)) if is_whole && is_plain(&kind) => Some(format!(
                "{column} between cast({} as {kind}) and cast({} as {kind})",
                literal(&least),
                literal(&greatest)
            )),
            _ => None,
        })
    }

    /// Whether every value here is among those of a scope with the same columns.
    pub fn is_within(&self, conn: &Connection, scope: &Scope) -> Result<bool> {
        let on: Vec<String> =
            (0..self.columns.len()).map(|index| format!("k._k{index} is not distinct from s._k{index}")).collect();
        let sql = format!(
            "select count(*) = 0 from {} as k anti join {} as s on {}",
            self.table,
            scope.keys,
            on.join(" and ")
        );
        Ok(conn.query_row(&sql, [], |row| row.get(0))?)
    }

    /// A row of the relation whose values are not among these, as text.
    pub fn stranger(&self, conn: &Connection, relation: &str, by: &[String]) -> Result<Option<String>> {
        let on: Vec<String> = by
            .iter()
            .enumerate()
            .map(|(index, expression)| format!("{expression} is not distinct from k._k{index}"))
            .collect();
        let sql = format!(
            "select ({})::varchar from {relation} as i anti join {} as k on {} limit 1",
            by.join(", "),
            self.table,
            on.join(" and ")
        );
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        Ok(match rows.next()? {
            Some(row) => row.get(0)?,
            None => None,
        })
    }
}

fn select_keys(by: &[String], relation: &str) -> String {
    let named: Vec<String> =
        by.iter().enumerate().map(|(index, expression)| format!("{expression} as _k{index}")).collect();
    format!("select distinct {} from {relation}", named.join(", "))
}

/// Has a column NULLs, and what are its values if they are few?
fn values(conn: &Connection, table: &str, index: usize) -> Result<(bool, Option<Vec<String>>)> {
    let column = format!("_k{index}");
    let (nulls, kind): (bool, Option<String>) = conn.query_row(
        &format!("select count(*) <> count({column}), any_value(typeof({column})) from {table}"),
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut statement = conn.prepare(&format!("select distinct {column}::varchar from {table} limit {}", FEW + 1))?;
    let values: Vec<Option<String>> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let kind = kind.unwrap_or_default();
    // A statement cannot hold the character 0.
    let has_zero = values.iter().flatten().any(|value| value.contains('\0'));
    let few = (!nulls && !has_zero && !values.is_empty() && values.len() <= FEW && is_plain(&kind))
        .then(|| values.iter().flatten().map(|value| format!("cast({} as {kind})", literal(value))).collect());
    Ok((nulls, few))
}

/// Types whose text, cast back, is the same value.
fn is_plain(kind: &str) -> bool {
    matches!(
        kind,
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "VARCHAR" | "DATE" | "TIMESTAMP" | "BOOLEAN"
    ) || kind.starts_with("DECIMAL(")
}
