//! By which columns the rows of a model and the rows of one of its inputs belong together.

use anyhow::Result;
use duckdb::Connection;
use salesmart_model::Model;
use salesmart_staging::relation;
use salesmart_staging::relation::Column;
use salesmart_staging::{ident, literal};

use super::in_sql;

/// The columns by which rows belong together.
#[derive(Debug)]
pub struct Link {
    /// Each with what it is in the input.
    pub columns: Vec<Linked>,
    /// Columns of the model's header that the input knows nothing of: the rows found may be more than those that count.
    pub unknown: Vec<String>,
    /// Whether one row of the model stands for all rows of the input that are alike in these columns.
    pub is_whole_key: bool,
}

/// One column of a model and its counterpart in an input.
#[derive(Debug)]
pub struct Linked {
    /// The column of the model.
    pub column: Column,
    /// The same over the input's columns, in SQL.
    pub in_input: String,
}

impl Link {
    /// What links a model with an input: the columns `by` which the model is kept, as far as the input has them; else the
    /// input's own key, if the model carries it. The inner error says why there is no link.
    pub fn find(conn: &Connection, model: &Model, name: &str, input: Option<&Model>) -> Result<Result<Self, String>> {
        let own = relation::columns(conn, &in_sql(&model.name))?;
        let Ok(theirs) = relation::columns(conn, &in_sql(name)) else {
            return Ok(Err(format!("{name} is not there; run `salesmart build`")));
        };
        let (mut columns, mut unknown) = (Vec::new(), Vec::new());
        if !model.lookups.iter().any(|lookup| lookup == name) {
            for by in &model.by {
                let Some(column) = own.iter().find(|column| column.name == by.name) else { continue };
                let has_column = theirs.iter().any(|column| column.name == by.name);
                let in_input = match (has_column, &by.expression) {
                    (true, _) => Some(ident(&by.name)),
                    (false, Some(expression)) => evaluable(conn, expression, name),
                    (false, None) => None,
                };
                match in_input {
                    Some(in_input) => columns.push(Linked { column: column.clone(), in_input }),
                    None => unknown.push(by.name.clone()),
                }
            }
        }
        if columns.is_empty() {
            let key = input.map(|input| input.key.as_slice()).unwrap_or_default();
            let carried: Option<Vec<Linked>> = key
                .iter()
                .map(|name| {
                    let column = own.iter().find(|column| &column.name == name)?.clone();
                    Some(Linked { column, in_input: ident(name) })
                })
                .collect();
            (columns, unknown) = (carried.unwrap_or_default(), Vec::new());
        }
        if columns.is_empty() {
            return Ok(Err(format!(
                "no column of {name} is known to say which rows of {} it makes; `-- by:` in the header of {} can say so",
                model.name, model.name
            )));
        }
        let is_linked = |key: &String| columns.iter().any(|linked: &Linked| &linked.column.name == key);
        let is_whole_key = !model.key.is_empty() && model.key.iter().all(is_linked);
        Ok(Ok(Self { columns, unknown, is_whole_key }))
    }

    /// An SQL condition on the input: its rows that belong to the rows of this relation.
    pub fn condition(&self, conn: &Connection, rows: &str) -> Result<String> {
        let values: Vec<String> =
            self.columns.iter().map(|linked| format!("cast({} as varchar)", ident(&linked.column.name))).collect();
        let mut statement = conn.prepare(&format!("select distinct {} from {rows} order by all", values.join(", ")))?;
        let mut found = statement.query([])?;
        let mut alternatives = Vec::new();
        while let Some(row) = found.next()? {
            let mut parts = Vec::with_capacity(self.columns.len());
            for (index, linked) in self.columns.iter().enumerate() {
                let value: Option<String> = row.get(index)?;
                parts.push(match value {
                    Some(value) => {
                        format!("{} = cast({} as {})", linked.in_input, literal(&value), linked.column.kind)
                    }
                    None => format!("{} is null", linked.in_input),
                });
            }
            alternatives.push(format!("({})", parts.join(" and ")));
        }
        Ok(format!("({})", alternatives.join(" or ")))
    }

    /// `transaction_id`, `month_id (date_id // 100)`
    pub fn describe(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|linked| match linked.in_input == ident(&linked.column.name) {
                true => linked.column.name.clone(),
                false => format!("{} {}", linked.column.name, linked.in_input),
            })
            .collect();
        columns.join(", ")
    }
}

/// The expression in brackets, if it can be evaluated on a relation.
fn evaluable(conn: &Connection, expression: &str, name: &str) -> Option<String> {
    let expression = format!("({expression})");
    let is_known = conn.prepare(&format!("select {expression} from {} limit 0", in_sql(name))).is_ok();
    is_known.then_some(expression)
}
