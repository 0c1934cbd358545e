//! Expressions of a plan in a form in which equal ones are equal: `{"#": 3}` is the fourth column of the relation below, and
//! `{"column": "date_id"}` a column of an input by name.

use duckdb::Connection;
use salesmart_staging::ident;
use serde_json::{Map, Value, json};

use super::Input;

/// DuckDB's types of whole numbers: a cast among them keeps the value or fails.
const WHOLE_NUMBERS: [&str; 10] =
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"];

/// A column by its place.
pub fn column(place: usize) -> Value {
    json!({ "#": place })
}

/// The place of a plain column.
pub fn place(expression: &Value) -> Option<usize> {
    match expression.as_object() {
        Some(fields) if fields.len() == 1 => usize::try_from(fields.get("#")?.as_u64()?).ok(),
        _ => None,
    }
}

/// A column of an input by its name.
pub fn named(name: &str) -> Value {
    json!({ "column": name })
}

/// The first of two that is not NULL.
pub fn coalesce(one: Value, other: Value) -> Value {
    json!({ "coalesce": [one, other] })
}

/// A plan's expression in this form; `None` if it reads more than the columns below.
pub fn canonical(expression: &Value) -> Option<Value> {
    match expression {
        Value::Array(items) => items.iter().map(canonical).collect::<Option<Vec<_>>>().map(Value::Array),
        Value::Object(fields) => match fields.get("expression_class").and_then(Value::as_str) {
            Some("BOUND_COLUMN_REF") => None,
            Some("BOUND_REF") => Some(column(usize::try_from(fields.get("index")?.as_u64()?).ok()?)),
            Some("BOUND_CAST") if is_whole_number(expression) && is_whole_number(&expression["child"]) => {
                canonical(&expression["child"])
            }
            Some("BOUND_OPERATOR") if expression["type"] == "OPERATOR_COALESCE" => {
                Some(json!({ "coalesce": canonical(&expression["children"])? }))
            }
            _ => {
                let is_said = |name: &&String| !["alias", "query_location"].contains(&name.as_str());
                let kept = fields.iter().filter(|(name, _)| is_said(name));
                let kept: Option<Map<String, Value>> =
                    kept.map(|(name, value)| Some((name.clone(), canonical(value)?))).collect();
                kept.map(Value::Object)
            }
        },
        plain => Some(plain.clone()),
    }
}

/// `try_cast` gives NULL for what does not fit, so several values become one.
fn is_whole_number(expression: &Value) -> bool {
    let kind = &expression["return_type"]["id"];
    WHOLE_NUMBERS.iter().any(|known| kind == known) && expression["try_cast"] != Value::Bool(true)
}

/// The same expression over other columns: `to` says what each place becomes. `None` if one of them has no counterpart.
pub fn replace(expression: &Value, to: &dyn Fn(usize) -> Option<Value>) -> Option<Value> {
    if let Some(place) = place(expression) {
        return to(place);
    }
    match expression {
        Value::Array(items) => items.iter().map(|item| replace(item, to)).collect::<Option<Vec<_>>>().map(Value::Array),
        Value::Object(fields) => {
            let replaced: Option<Map<String, Value>> =
                fields.iter().map(|(name, value)| Some((name.clone(), replace(value, to)?))).collect();
            replaced.map(Value::Object)
        }
        plain => Some(plain.clone()),
    }
}

/// The same expression, some columns further right.
pub fn shifted(expression: &Value, by: usize) -> Value {
    replace(expression, &|place| Some(column(place + by))).unwrap_or(Value::Null)
}

/// An expression over names as one over places; `None` if a column is not there.
pub fn in_place(expression: &Value, columns: &[Option<String>]) -> Option<Value> {
    match expression {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("column") => {
            let name = fields["column"].as_str()?;
            columns
                .iter()
                .position(|known| known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))
                .map(column)
        }
        Value::Array(items) => {
            items.iter().map(|item| in_place(item, columns)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let placed: Option<Map<String, Value>> =
                fields.iter().map(|(name, value)| Some((name.clone(), in_place(value, columns)?))).collect();
            placed.map(Value::Object)
        }
        plain => Some(plain.clone()),
    }
}

/// A header's expression over the column names of an input; `None` if it cannot be bound there.
pub fn over_names(conn: &Connection, written: &str, input: &Input) -> Result<Option<Value>, duckdb::Error> {
    let from = match input.name.strip_prefix("raw.") {
        Some(source) => format!("raw.{}", ident(source)),
        None => format!("main.{}", ident(&input.name)),
    };
    // Every column stands before it, so that none is left out of the scan and places are those of the input.
    let sql = format!("select __input.*, ({written}) from {from} as __input");
    if conn.prepare(&sql).is_err() {
        return Ok(None);
    }
    let Ok(plan) = super::plan_of(conn, &sql)? else { return Ok(None) };
    let expression = plan["expressions"].as_array().and_then(|all| all.last()).and_then(canonical);
    // A place beyond them is that of a subquery, which a function of the header calls.
    let name = |place: usize| input.columns.get(place).map(|column| named(&column.name));
    Ok(expression.and_then(|expression| replace(&expression, &name)))
}

/// Whether it reads a column at all.
pub fn has_column(expression: &Value) -> bool {
    match expression {
        _ if place(expression).is_some() => true,
        Value::Array(items) => items.iter().any(has_column),
        Value::Object(fields) => fields.values().any(has_column),
        _ => false,
    }
}

/// Whether it reads the column of an input.
pub fn reads(expression: &Value, name: &str) -> bool {
    match expression {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("column") => {
            fields["column"].as_str().is_some_and(|read| read.eq_ignore_ascii_case(name))
        }
        Value::Array(items) => items.iter().any(|item| reads(item, name)),
        Value::Object(fields) => fields.values().any(|value| reads(value, name)),
        _ => false,
    }
}
