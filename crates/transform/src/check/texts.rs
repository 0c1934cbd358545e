//! The built-in check of a mart's texts: what PostgreSQL would refuse in the middle of a sync is found before anything is published.

use std::time::Duration;

use anyhow::Result;
use salesmart_model::{Model, Severity};
use salesmart_staging::relation::{self, Column};
use salesmart_staging::{ident, literal};

use super::{Context, Finding, offending};
use crate::known::Current;
use crate::parse;
use crate::space::Part;

/// A row of a PostgreSQL index has at most 2,704 bytes: the key's texts, and some bytes for its other columns.
const LONGEST_KEY: u32 = 2600;

const DESCRIPTION: &str = "PostgreSQL holds no NUL in a text, and its index no key with more than 2,600 bytes of text. Let the contract \
                           reject such records (max_length of the column), or shorten the text in the model.";

/// Rows whose texts PostgreSQL would refuse. `None`: the mart has no text.
pub(super) fn check(context: &Context<'_>, model: &Model, current: &Current) -> Result<Option<(Finding, Duration)>> {
    let rows = match current.scope {
        // The others were looked at when they came.
        Some(_) => context.space.part(&model.name, Part::Added),
        None => current.now.clone(),
    };
    let columns = relation::columns(context.conn, &rows)?;
    let texts: Vec<&Column> = columns.iter().filter(|column| column.kind == "VARCHAR").collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let is_in_key = |column: &Column| model.warehouse_key().iter().any(|key| key.eq_ignore_ascii_case(&column.name));
    let mut faults: Vec<(String, String)> = texts
        .iter()
        .map(|column| (format!("contains({}, chr(0))", ident(&column.name)), format!("{} holds NUL", column.name)))
        .collect();
    let in_key: Vec<&Column> = texts.into_iter().filter(|column| is_in_key(column)).collect();
    if !in_key.is_empty() {
        let lengths: Vec<String> =
            in_key.iter().map(|column| format!("coalesce(strlen({}), 0)", ident(&column.name))).collect();
        let names: Vec<&str> = in_key.iter().map(|column| column.name.as_str()).collect();
        let fault = format!("the key is too long for an index: {}", names.join(", "));
        faults.push((format!("{} > {LONGEST_KEY}", lengths.join(" + ")), fault));
    }
    let shown: Vec<String> = model
        .key
        .iter()
        .map(|key| format!("left(replace(cast({0} as varchar), chr(0), '\\x00'), 60) as {0}", ident(key)))
        .collect();
    let said: Vec<String> =
        faults.iter().map(|(fault, said)| format!("case when {fault} then {} end", literal(said))).collect();
    let wrong: Vec<&str> = faults.iter().map(|(fault, _)| fault.as_str()).collect();
    let sql = format!(
        "select {}, concat_ws('; ', {}) as problem from {rows} where {} order by all",
        shown.join(", "),
        said.join(", "),
        wrong.join(" or ")
    );
    let found = offending(context.conn, &sql).map_err(|error| parse::explain(&model.path, &error))?;
    let finding = Finding {
        name: format!("{}_texts", model.name),
        place: Some(model.path.display().to_string()),
        description: DESCRIPTION.to_owned(),
        severity: Severity::Error,
        offending: found.count,
        passed: found.count == 0,
        sample: found.sample,
        state: None,
    };
    Ok(Some((finding, found.elapsed)))
}
