//! What a proof cannot rest on: functions that give another value at another time, and types in which equal values differ.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Input, expression};

/// Functions whose value is another one at another time, or in another session.
pub const UNSTABLE: [&str; 21] = [
    "current_connection_id",
    "current_database",
    "current_date",
    "current_query",
    "current_query_id",
    "current_schema",
    "current_schemas",
    "current_transaction_id",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "in_search_path",
    "now",
    "random",
    "setseed",
    "today",
    "transaction_timestamp",
    "txid_current",
    "uuid",
    "uuidv4",
    "uuidv7",
];

/// Why rows that did not change may come out otherwise: a function in the plan.
pub fn unstable(plan: &Value) -> Option<String> {
    match plan {
        Value::Array(items) => items.iter().find_map(unstable),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
            let is_function = fields.get("expression_class").and_then(Value::as_str) == Some("BOUND_FUNCTION");
            match is_function && UNSTABLE.contains(&name) {
                true => Some(format!("{name}() gives another value at another time")),
                false => fields.values().find_map(unstable),
            }
        }
        _ => None,
    }
}

/// Types in which values that are equal are not always the same: 0.0 and -0.0, a month and thirty days.
const AMBIGUOUS: [&str; 4] = ["FLOAT", "DOUBLE", "INTERVAL", "TIME WITH TIME ZONE"];

/// Whether equal values of this type may differ.
pub fn is_ambiguous(kind: &str) -> bool {
    AMBIGUOUS.iter().any(|ambiguous| kind.contains(ambiguous))
}

/// Why values of inputs, as expressions over their columns, cannot be compared by equality.
pub fn ambiguous(values: &BTreeMap<String, Vec<Value>>, inputs: &[Input]) -> Option<String> {
    inputs.iter().find_map(|input| {
        let values = values.get(&input.name)?;
        let ambiguous = input.columns.iter().filter(|column| is_ambiguous(&column.kind));
        let mut used = ambiguous.filter(|column| values.iter().any(|value| expression::reads(value, &column.name)));
        used.next().map(|column| format!("values of {} may be equal and differ, as it is {}", column.name, column.kind))
    })
}
