//! Which records may be why a model fails: DuckDB names the line of SQL and the value, people look for the line of a file.

use std::collections::BTreeSet;

use anyhow::{Error, Result};
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_ingest::contract::{Column, ColumnType, Contract};
use salesmart_staging::{ident, literal};

use super::graph::Graph;

/// So many records are named.
const NAMED: usize = 2;

/// The sources that a model reads, by way of other models, too.
pub fn sources<'g>(graph: &'g Graph<'_>, model: &'g str) -> BTreeSet<&'g str> {
    let mut wanted = BTreeSet::from([model]);
    let mut found = BTreeSet::new();
    // What a model reads stands before it.
    for node in graph.nodes.iter().rev() {
        if wanted.contains(node.model.name.as_str()) {
            wanted.extend(node.models.iter().map(String::as_str));
            found.extend(node.sources.iter().map(String::as_str));
        }
    }
    found
}

/// Adds to an error about a value the records that it may come from, and the bounds that refuse them. Other errors stay as they are.
pub fn name(conn: &Connection, contracts: &[&Contract], error: Error) -> Error {
    let message = error.to_string();
    let is_about_a_value =
        ["Conversion Error", "Out of Range Error", "Overflow"].iter().any(|kind| message.contains(kind));
    if !is_about_a_value {
        return error;
    }
    match records(conn, contracts, &message) {
        Ok(records) if !records.is_empty() => {
            Failure::new(format!("{}\n{}", message.trim_end(), records.join("\n"))).into()
        }
        Ok(_) => error,
        // The first error is the one to tell.
        Err(second) => {
            tracing::debug!("no record can be named: {second:#}");
            error
        }
    }
}

fn records(conn: &Connection, contracts: &[&Contract], message: &str) -> Result<Vec<String>> {
    for contract in contracts {
        for text in quoted(message) {
            if let Some(found) = holder(conn, contract, text)? {
                return Ok(vec![found]);
            }
        }
    }
    let mut largest = Vec::new();
    for contract in contracts {
        for column in contract.columns.iter().filter(|column| column.kind.is_number()) {
            largest.extend(Largest::of(conn, contract, column)?);
        }
    }
    largest.sort_by(|one, other| other.size.total_cmp(&one.size));
    // Numbers of everyday size beside a wild one are no help.
    let least = largest.first().map_or(0.0, |first| first.size / 1e6);
    largest.retain(|number| number.size > least);
    let mut lines = vec!["The largest numbers that it is made of:".to_owned()];
    lines.extend(largest.iter().take(NAMED).map(Largest::to_line));
    lines.push(
        "Where one is wrong, correct the file, or withdraw it with `salesmart forget`; a lower max (or a higher min) of the column in the \
         contract rejects such a record before it gets here"
            .to_owned(),
    );
    Ok(if largest.is_empty() { Vec::new() } else { lines })
}

/// What stands in quotes in DuckDB's message: "Could not convert string 'x' to INT32", "invalid date field format: \"x\"".
fn quoted(message: &str) -> Vec<&str> {
    let between = |quote: char| {
        let (_, rest) = message.split_once(quote)?;
        let end = rest.find(&format!("{quote} ")).or_else(|| rest.find(quote))?;
        Some(&rest[..end]).filter(|text| !text.is_empty())
    };
    ['\'', '"'].into_iter().filter_map(between).collect()
}

/// The first record that has this text in a column.
fn holder(conn: &Connection, contract: &Contract, text: &str) -> Result<Option<String>> {
    for column in contract.columns.iter().filter(|column| column.kind == ColumnType::Varchar) {
        let sql = format!(
            "select _file, _line from {} where {} = {} order by _file, _line limit 1",
            table(contract),
            ident(&column.name),
            literal(text)
        );
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let (file, line): (String, i64) = (row.get(0)?, row.get(1)?);
            return Ok(Some(format!(
                "The value is that of {} in {file}, line {line}. Correct it there, or let {} reject it: a type, or regex = \"…\"",
                column.name,
                contract.path.display()
            )));
        }
    }
    Ok(None)
}

/// The number of a column that is furthest from zero.
struct Largest {
    size: f64,
    value: String,
    column: String,
    place: String,
    bounds: String,
}

impl Largest {
    fn of(conn: &Connection, contract: &Contract, column: &Column) -> Result<Option<Self>> {
        let name = ident(&column.name);
        let sql = format!(
            "select abs(cast({name} as double)), cast({name} as varchar), _file, _line from {} where {name} is not null
             order by abs(cast({name} as double)) desc, _file, _line limit 1",
            table(contract)
        );
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (file, line): (String, i64) = (row.get(2)?, row.get(3)?);
        let bound = |key: &str, bound: Option<String>| bound.map(|bound| format!("{key} = \"{bound}\""));
        let rules = &column.rules;
        let bounds =
            [bound("min", rules.min.map(|min| min.to_string())), bound("max", rules.max.map(|max| max.to_string()))];
        let bounds: Vec<String> = bounds.into_iter().flatten().collect();
        Ok(Some(Self {
            size: row.get(0)?,
            value: row.get(1)?,
            column: column.name.clone(),
            place: format!("{file}, line {line}"),
            bounds: match bounds.is_empty() {
                true => format!("{} sets no max", contract.path.display()),
                false => format!("{} sets {}", contract.path.display(), bounds.join(", ")),
            },
        }))
    }

    fn to_line(&self) -> String {
        format!("  {} = {} in {} ({})", self.column, self.value, self.place, self.bounds)
    }
}

fn table(contract: &Contract) -> String {
    format!("raw.{}", ident(&contract.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_e2_the_value_that_duckdb_cannot_convert_is_read_from_its_message() {
        assert_eq!(quoted("Conversion Error: Could not convert string 'it's' to INT32"), ["it's"]);
        assert_eq!(
            quoted("invalid date field format: \"2024-13-01\", expected format is (YYYY-MM-DD)"),
            ["2024-13-01"]
        );
        assert_eq!(quoted("Out of Range Error: Overflow in addition"), [] as [&str; 0]);
    }
}
