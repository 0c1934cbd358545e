//! Checks the expressions in a header (`-- by: date_id // 100 as month_id`). They become part of generated statements, so each must
//! parse as exactly one expression; anything else could run statements of its own.

use std::path::Path;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::failure::Failure;
use salesmart_model::header_expressions;
use serde_json::Value;

use super::parse::syntax_tree;

/// Syntax that needs more than the columns of one row.
const REFUSED: [&str; 5] = ["SUBQUERY", "WINDOW", "PARAMETER", "POSITIONAL_REFERENCE", "STAR"];

/// Checks every expression in the header of a file.
///
/// # Errors
/// One that is more or less than one expression over the columns of a row, with file and line.
pub fn check(conn: &Connection, path: &Path, sql: &str) -> Result<()> {
    for (line, expression) in header_expressions(sql) {
        if let Some(fault) = fault(conn, &expression)? {
            return Err(Failure::new(format!(
                "{}:{line}: by: `{expression}` {fault}; write one expression such as date_id // 100",
                path.display()
            ))
            .into());
        }
    }
    Ok(())
}

/// Describes what is wrong with an expression; `None` if it is valid.
fn fault(conn: &Connection, expression: &str) -> Result<Option<&'static str>> {
    // A comment would swallow the part of the generated statement that follows the expression.
    if ["--", "/*", "*/"].iter().any(|mark| expression.contains(mark)) {
        return Ok(Some("contains a comment"));
    }
    let Ok(mut tree) = syntax_tree(conn, Path::new(""), &format!("select (\n{expression}\n)")) else {
        return Ok(Some("is not a valid expression"));
    };
    let selected = tree["select_list"].take();
    let mut nothing_else = syntax_tree(conn, Path::new(""), "select 1")?;
    nothing_else["select_list"].take();
    if tree != nothing_else || selected.as_array().map_or(0, Vec::len) != 1 {
        return Ok(Some("is more than one expression"));
    }
    if holds_refused(&selected) {
        return Ok(Some("needs more than the columns of one row"));
    }
    Ok(has_qualified_name(&selected).then_some("names a table, and is used for several; name the column alone"))
}

/// `orders.day`, which is also how a field of a struct is written.
fn has_qualified_name(node: &Value) -> bool {
    match node {
        Value::Array(items) => items.iter().any(has_qualified_name),
        Value::Object(fields) => {
            fields.get("column_names").and_then(Value::as_array).is_some_and(|names| names.len() > 1)
                || fields.values().any(has_qualified_name)
        }
        _ => false,
    }
}

fn holds_refused(node: &Value) -> bool {
    match node {
        Value::Array(items) => items.iter().any(holds_refused),
        Value::Object(fields) => {
            fields.get("class").and_then(Value::as_str).is_some_and(|class| REFUSED.contains(&class))
                || fields.values().any(holds_refused)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g4_a_header_holds_one_expression_and_nothing_else() {
        let conn = Connection::open_in_memory().unwrap();
        for right in [
            "date_id // 100",
            "coalesce(a, 'x; y')",
            "case when a > 1 then b else c end",
            "a::varchar",
            "(a + b)",
            "lower(\"A b\")",
        ] {
            assert_eq!(fault(&conn, right).unwrap(), None, "{right}");
        }
        for wrong in [
            "1; copy (select 1) to 'stolen.csv'",
            "1; select 2",
            "1) as x from 'file.csv' where (true",
            "1) from t order by (1",
            "1), (2",
            "1) union select (2",
            "1) where (true",
            "1) limit (1",
            "(select 1)",
            "exists (select 1)",
            "(select content from read_text('file'))",
            "1 in (select 2)",
            "row_number() over ()",
            "a -- b",
            "a /* b",
            "a */ b",
            "*",
            "columns('x')",
            "$1",
            "?",
            "",
            ";",
            "1 from t",
            "$$ ) $$ ) , ( $$ ( $$",
            "a b c",
            "orders.day",
        ] {
            assert!(fault(&conn, wrong).unwrap().is_some(), "{wrong}");
        }
    }
}
