//! Finds a contract's columns in a file's header. A header that drifted is an error, never a shift of values.

use super::contract::{ColumnOrder, Contract};
use super::fields;
use super::reader::Record;

/// The place of each of the contract's columns in the header, which is a file's first record.
///
/// # Errors
/// In words: no header, or how it differs from the contract.
pub fn places(contract: &Contract, header: Option<Record<'_>>) -> Result<Vec<usize>, String> {
    let Some(header) = header else {
        return Err(format!("the file is empty; expected a header with {} columns", contract.columns.len()));
    };
    if let Some(fault) = header.fault {
        return Err(format!("line {}: the header cannot be read: {}", header.line, fault.reason));
    }
    let Ok(text) = std::str::from_utf8(header.bytes) else {
        return Err(format!("line {}: the header is not UTF-8", header.line));
    };
    if text.contains('\r') {
        return Err(format!(
            "line {}: the lines end with a carriage return alone; save the file with LF or CRLF line ends",
            header.line
        ));
    }
    let mut split = Vec::new();
    fields::split(text.as_bytes(), contract.delimiter, contract.quote, &mut split);
    let found: Vec<&str> = split.iter().map(|field| std::str::from_utf8(field).unwrap_or_default().trim()).collect();
    let mut places = Vec::with_capacity(contract.columns.len());
    let mut missing = Vec::new();
    for column in &contract.columns {
        match found.iter().position(|name| *name == column.header) {
            Some(place) => places.push(place),
            None => missing.push(column.header.as_str()),
        }
    }
    let expected: Vec<&str> = contract.columns.iter().map(|column| column.header.as_str()).collect();
    let extra: Vec<&str> = found
        .iter()
        .enumerate()
        .filter(|(place, name)| !expected.contains(name) || found[..*place].contains(name))
        .map(|(_, name)| *name)
        .collect();
    let mut drift = Vec::new();
    if !missing.is_empty() {
        drift.push(format!("missing: {}", quoted(&missing)));
    }
    if !extra.is_empty() {
        drift.push(format!("not in the contract: {}", quoted(&extra)));
    }
    if drift.is_empty() && contract.column_order == ColumnOrder::Declared && found != expected {
        drift.push(format!(
            "the columns come in another order: {}; allow it with column_order = \"any\"",
            quoted(&found)
        ));
    }
    match drift.is_empty() {
        true => Ok(places),
        false => Err(format!(
            "line {}: the header does not match the contract {}; {}; expected: {}",
            header.line,
            contract.path.display(),
            drift.join("; "),
            quoted(&expected)
        )),
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
