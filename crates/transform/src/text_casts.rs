//! Finds places at which a model makes numbers of text.
//!
//! The engine rounds then, and takes exponents and blanks: `cast('8.9e-16' as decimal(18, 2))` is 0.01. A contract is exact. Which casts are
//! from text is what DuckDB's binder says in its plan; which of them stand in the model, and not in a function that it calls, is what the
//! parser says.

use std::collections::HashMap;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::toml_file::line_of;
use salesmart_model::Model;
use serde_json::Value;

use super::parse;

/// DuckDB's types of numbers.
const NUMBERS: [&str; 14] = [
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "BIGNUM",
];

/// Warnings about a model that binds, each with file, line and advice. What DuckDB cannot plan apart from its data has none.
///
/// # Errors
/// Those of the engine itself.
pub fn warnings(conn: &Connection, model: &Model) -> Result<Vec<String>> {
    let plan: String = conn.query_row("select json_serialize_plan(?::varchar)", [&model.sql], |row| row.get(0))?;
    let plan: Value = serde_json::from_str(&plan)?;
    let mut casts = Vec::new();
    collect(&plan["plans"], &mut casts);
    if casts.is_empty() {
        return Ok(Vec::new());
    }
    let mut written = HashMap::new();
    places(&parse::syntax_tree(conn, &model.path, &model.sql)?, &mut written);
    let mut found: Vec<(usize, String)> = Vec::new();
    for cast in casts.iter().filter(|cast| stands_in(&written, cast)) {
        let line = line_of(&model.sql, place(cast).unwrap_or(0));
        found.push((line, shown(&cast["return_type"])));
    }
    found.sort();
    found.dedup();
    let warning = |(line, kind): (usize, String)| {
        format!(
            "{}:{line}: this casts text to {kind}, and the engine rounds what does not fit; declare the type in the contract, which is exact \
             (data/contracts; see exponent and rounding)",
            model.path.display()
        )
    };
    Ok(found.into_iter().map(warning).collect())
}

/// All casts to a number of an expression that is text and comes from a column.
fn collect<'p>(node: &'p Value, found: &mut Vec<&'p Value>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            let is_cast = fields.get("expression_class").and_then(Value::as_str) == Some("BOUND_CAST");
            let is_number = || NUMBERS.iter().any(|number| node["return_type"]["id"] == *number);
            if is_cast && is_number() && is_text(&node["child"]) && has_text_column(&node["child"]) {
                found.push(node);
            }
            fields.values().for_each(|value| collect(value, found));
        }
        _ => {}
    }
}

fn is_text(expression: &Value) -> bool {
    expression["return_type"]["id"] == "VARCHAR"
}

/// Text that is made of a day or a number, such as `strftime(sold_at, '%Y')`, has only the digits that it was given.
fn has_text_column(expression: &Value) -> bool {
    match expression {
        Value::Array(items) => items.iter().any(has_text_column),
        Value::Object(fields) => is_column(expression) && is_text(expression) || fields.values().any(has_text_column),
        _ => false,
    }
}

fn is_column(expression: &Value) -> bool {
    matches!(expression["expression_class"].as_str(), Some("BOUND_REF" | "BOUND_COLUMN_REF"))
}

/// What the model's text has at a place.
enum Written {
    Cast(Value),
    Column(String),
}

/// Casts and columns of a syntax tree, by their places.
fn places(node: &Value, found: &mut HashMap<usize, Vec<Written>>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| places(item, found)),
        Value::Object(fields) => {
            let written = match fields.get("class").and_then(Value::as_str) {
                Some("CAST") => Some(Written::Cast(node["cast_type"]["id"].clone())),
                // The one function of salesmart that casts; the plan has its cast at the place of the call.
                Some("FUNCTION") if node["function_name"] == "money" => Some(Written::Cast("DECIMAL".into())),
                Some("COLUMN_REF") => {
                    let name = node["column_names"].as_array().and_then(|names| names.last()).and_then(Value::as_str);
                    name.map(|name| Written::Column(name.to_owned()))
                }
                _ => None,
            };
            if let (Some(written), Some(place)) = (written, place(node)) {
                found.entry(place).or_default().push(written);
            }
            fields.values().for_each(|value| places(value, found));
        }
        _ => {}
    }
}

/// Does the model say this cast, or compare the column with a number, which casts it?
fn stands_in(written: &HashMap<usize, Vec<Written>>, cast: &Value) -> bool {
    let here = place(cast).and_then(|place| written.get(&place));
    here.into_iter().flatten().any(|written| match written {
        Written::Cast(kind) => *kind == cast["return_type"]["id"] || kind == "UNBOUND" || kind == "USER",
        Written::Column(name) => {
            let child = &cast["child"];
            is_column(child) && child["alias"].as_str().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
        }
    })
}

fn place(node: &Value) -> Option<usize> {
    node.get("query_location").and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok())
}

/// A type as SQL writes it.
fn shown(kind: &Value) -> String {
    let id = kind["id"].as_str().unwrap_or("a number");
    match (&kind["type_info"]["width"], &kind["type_info"]["scale"]) {
        (Value::Number(width), Value::Number(scale)) => format!("{id}({width},{scale})"),
        _ => id.to_owned(),
    }
}
