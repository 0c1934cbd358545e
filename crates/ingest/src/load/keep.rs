//! Files whose rows may stay although their contract changed: those that are gone from the folder, and of which the change touches no
//! row. Comes in: what the contract said when the files were loaded, and what it says now. Goes out: per file why its rows cannot stay, if
//! they cannot. A change that is not known to be harmless is held against the rows, or touches all of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use duckdb::{Connection, OptionalExt};
use salesmart_staging::{ident, literal};
use serde_json::Value;

use crate::contract::{Column, ColumnOrder, ColumnType, Contract, Drift};

/// How the report of a header says that a field is left out, that a column has another name, and that one is absent.
const LEFT_OUT: &str = "is not loaded";
const ALIAS: &str = "is taken for";
const LACKING: &str = "no \"";

/// What the contract said when the files of its source were loaded; `None` if nobody noted it.
pub fn meaning_before(conn: &Connection, source: &str) -> Result<Option<Value>> {
    let sql = "select meaning from ingest.meanings where source = ?";
    let text: Option<String> = conn.query_row(sql, [source], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// Notes what the contract says.
pub fn note_meaning(conn: &Connection, contract: &Contract) -> Result<()> {
    let meaning = contract.meaning()?;
    if meaning_before(conn, &contract.source)?.as_ref() != Some(&meaning) {
        conn.execute(
            "insert or replace into ingest.meanings values (?, ?)",
            [contract.source.as_str(), meaning.to_string().as_str()],
        )?;
    }
    Ok(())
}

/// Which files of the source are touched, each with the first reason.
pub fn touched(conn: &Connection, contract: &Contract, files: &[&str]) -> Result<BTreeMap<String, String>> {
    let mut touched = Touched { conn, contract, files, drifts: drifts(conn, contract, files)?, found: BTreeMap::new() };
    match meaning_before(conn, &contract.source)? {
        Some(before) => touched.compare(&before, &contract.meaning()?)?,
        None => touched.all("they were loaded by an earlier version, which did not note what the contract said"),
    }
    Ok(touched.found)
}

/// The files whose header was not just as declared, with how it differed.
fn drifts(conn: &Connection, contract: &Contract, files: &[&str]) -> Result<BTreeMap<String, String>> {
    let mut statement =
        conn.prepare("select file, drift from ingest.files where source = ? and coalesce(drift, '') <> ''")?;
    let found = statement.query_map([&contract.source], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: BTreeMap<String, String> = found.collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter(|(name, _)| files.contains(&name.as_str())).collect())
}

struct Touched<'a> {
    conn: &'a Connection,
    contract: &'a Contract,
    files: &'a [&'a str],
    drifts: BTreeMap<String, String>,
    found: BTreeMap<String, String>,
}

impl Touched<'_> {
    fn one(&mut self, file: &str, reason: &str) {
        self.found.entry(file.to_owned()).or_insert_with(|| reason.to_owned());
    }

    fn all(&mut self, reason: &str) {
        for file in self.files {
            self.one(file, reason);
        }
    }

    /// Files whose header differed in this way, in the words of the report of it. A header with these words in a name errs on the safe
    /// side.
    fn drifted(&mut self, way: &str, reason: &str) {
        let files: Vec<String> =
            self.drifts.iter().filter(|(_, drift)| drift.contains(way)).map(|(file, _)| file.clone()).collect();
        for file in files {
            let drift = self.drifts[&file].clone();
            self.one(&file, &format!("{reason}, and in its header {drift}"));
        }
    }

    /// Files with a row of which the condition holds.
    fn rows(&mut self, condition: &str, reason: &str) -> Result<()> {
        let sql = format!("select distinct _file from loaded.{} where {condition}", ident(&self.contract.source));
        let mut statement = self.conn.prepare(&sql)?;
        let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for name in names.iter().filter(|name| self.files.contains(&name.as_str())) {
            self.one(name, reason);
        }
        Ok(())
    }

    fn compare(&mut self, before: &Value, now: &Value) -> Result<()> {
        for part in ["dialect", "width_unit"] {
            if before.get(part) != now.get(part) {
                self.all("the way in which records are written changed");
            }
        }
        if before["column_order"] != now["column_order"] && self.contract.column_order != ColumnOrder::Any {
            self.drifted("", "the order of the columns is fixed now");
        }
        if before["drift"] != now["drift"] && self.contract.drift == Drift::Error {
            self.drifted(LEFT_OUT, "columns that are not declared are an error now");
        }
        if before["unique"] != now["unique"] && !self.contract.unique.is_empty() {
            let key: Vec<String> = self.contract.unique.iter().map(|name| ident(name)).collect();
            let is_twice = format!(
                "_file in (select _file from loaded.{} group by _file, {key} having count(*) > 1)",
                ident(&self.contract.source),
                key = key.join(", ")
            );
            self.rows(&is_twice, &format!("its values of {} are not unique", self.contract.unique.join(", ")))?;
        }
        let named = |columns: &Value| -> BTreeMap<String, Value> {
            let columns = columns.as_array().into_iter().flatten();
            columns.filter_map(|column| Some((column["name"].as_str()?.to_owned(), column.clone()))).collect()
        };
        let (old, new) = (named(&before["columns"]), named(&now["columns"]));
        if self.contract.drift == Drift::Error
            && let Some(name) = old.keys().find(|name| !new.contains_key(*name))
        {
            self.all(&format!("the column {name} is not declared any more"));
        }
        let contract = self.contract;
        for column in &contract.columns {
            match old.get(&column.name) {
                Some(before) => self.compare_column(column, before, &new[&column.name])?,
                None if column.optional && column.null_as.is_none() => {
                    self.drifted(LEFT_OUT, &format!("the column {} is new", column.name));
                }
                None => self.all(&format!("the column {} is new", column.name)),
            }
        }
        Ok(())
    }

    fn compare_column(&mut self, column: &Column, before: &Value, now: &Value) -> Result<()> {
        let name = &column.name;
        let keys: BTreeSet<&String> =
            [before, now].iter().filter_map(|side| side.as_object()).flat_map(|side| side.keys()).collect();
        for key in keys.into_iter().filter(|key| before.get(*key) != now.get(*key)) {
            let old = &before[key.as_str()];
            match key.as_str() {
                "header" => {
                    if !old.as_str().is_some_and(|header| column.aliases.iter().any(|alias| alias == header)) {
                        self.all(&format!("the column {name} has another header"));
                    }
                }
                // A name that is declared besides could be that of a field which was left out.
                "aliases" => {
                    for way in [LEFT_OUT, ALIAS] {
                        self.drifted(way, &format!("the column {name} has other aliases"));
                    }
                }
                "optional" if column.optional => {}
                "optional" => self.drifted(LACKING, &format!("the column {name} is not optional any more")),
                "kind" => self.compare_kind(column, before)?,
                "required" if column.required => {
                    self.rows(
                        &format!("{} is null", ident(name)),
                        &format!("it has records without {name}, which is required now"),
                    )?;
                }
                "required" => {}
                "nulls" => self.compare_nulls(column, old)?,
                "null_as" => {
                    let absent = match old.as_str() {
                        None => format!("{} is null", ident(name)),
                        Some(value) => {
                            format!("{} = try_cast({} as {})", ident(name), literal(value), column.kind.sql())
                        }
                    };
                    self.rows(
                        &absent,
                        &format!("it has records without {name}, for which another value stands in now"),
                    )?;
                }
                "rules" => self.compare_rules(column, old)?,
                other => self.all(&format!("{other} of the column {name} changed")),
            }
        }
        Ok(())
    }

    fn compare_kind(&mut self, column: &Column, before: &Value) -> Result<()> {
        let old: ColumnType = serde_json::from_value(before["kind"].clone())?;
        // A declared rounding would keep more places of what is in the file.
        if !is_wider(old, column.kind) || !before["rounding"].is_null() {
            self.all(&format!("the type of the column {} was {} and is {}", column.name, old.sql(), column.kind.sql()));
        }
        Ok(())
    }

    fn compare_nulls(&mut self, column: &Column, before: &Value) -> Result<()> {
        let (name, reason) = (ident(&column.name), format!("the spellings of an absent {} changed", column.name));
        let old: Vec<&str> = before.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if old.iter().any(|word| !column.nulls.iter().any(|new| new == word)) {
            self.rows(&format!("{name} is null"), &reason)?;
        }
        for word in column.nulls.iter().filter(|word| !old.contains(&word.as_str())) {
            match column.kind {
                ColumnType::Varchar => {
                    self.rows(
                        &format!("trim({name}) = trim({})", literal(word)),
                        &format!("it has the value \"{word}\" in {}, which means absent now", column.name),
                    )?;
                }
                ColumnType::Boolean => self.all(&reason),
                // Without a digit it was neither a number nor a day.
                _ if word.bytes().any(|byte| byte.is_ascii_digit()) => self.all(&reason),
                _ => {}
            }
        }
        Ok(())
    }

    /// The rows are held against the new rules, whether those are looser or tighter.
    fn compare_rules(&mut self, column: &Column, before: &Value) -> Result<()> {
        let (name, rules) = (ident(&column.name), &column.rules);
        let now = serde_json::to_value(rules)?;
        let mut broken = Vec::new();
        broken.extend(rules.min.iter().map(|least| format!("{name} < {least}")));
        broken.extend(rules.max.iter().map(|most| format!("{name} > {most}")));
        broken.extend(rules.first.iter().map(|(first, _)| format!("{name} < make_timestamp({first})")));
        broken.extend(rules.last.iter().map(|(last, _)| format!("{name} > make_timestamp({last})")));
        broken.extend(rules.allowed.iter().map(|allowed| {
            let allowed: Vec<String> = allowed.iter().map(|value| literal(value)).collect();
            format!("{name} not in ({})", allowed.join(", "))
        }));
        broken.extend(rules.min_length.iter().map(|least| format!("length({name}) < {least}")));
        broken.extend(rules.max_length.iter().map(|most| format!("length({name}) > {most}")));
        for condition in broken {
            self.rows(&condition, &format!("it has values of {} that break its new rules", column.name))?;
        }
        // The expressions of contracts are not DuckDB's.
        if rules.regex.is_some() && before.get("regex") != now.get("regex") {
            self.all(&format!("regex of the column {} changed", column.name));
        }
        Ok(())
    }
}

/// Whether every value of a type is the same value of the other one.
fn is_wider(from: ColumnType, to: ColumnType) -> bool {
    let digits = |kind| match kind {
        ColumnType::Integer => Some((10, 0)),
        ColumnType::Bigint => Some((19, 0)),
        ColumnType::Decimal(precision, scale) => Some((precision - scale, scale)),
        _ => None,
    };
    match (from, to) {
        (ColumnType::Integer, ColumnType::Bigint) => true,
        (_, ColumnType::Integer | ColumnType::Bigint) => false,
        _ => digits(from).zip(digits(to)).is_some_and(|(from, to)| from.0 <= to.0 && from.1 <= to.1),
    }
}

/// Holds the rows of these files while the table of their source is made anew, and puts them into it.
pub fn carry_over(
    conn: &Connection,
    contract: &Contract,
    files: &[&str],
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let source = ident(&contract.source);
    let names: Vec<String> = files.iter().map(|name| literal(name)).collect();
    let is_kept = if names.is_empty() { "false".to_owned() } else { format!("_file in ({})", names.join(", ")) };
    let before: BTreeSet<String> = column_names(conn, &contract.source)?;
    let columns: Vec<String> = ["_load", "_file", "_line"]
        .into_iter()
        .chain(contract.columns.iter().map(|column| column.name.as_str()).filter(|name| before.contains(*name)))
        .map(ident)
        .collect();
    let columns = columns.join(", ");
    if !files.is_empty() {
        conn.execute_batch(&format!(
            "create or replace temp table kept_rows as select {columns} from loaded.{source} where {is_kept}"
        ))?;
    }
    make()?;
    if !files.is_empty() {
        conn.execute_batch(&format!(
            "insert into loaded.{source} ({columns}) select {columns} from temp.main.kept_rows; drop table temp.main.kept_rows"
        ))?;
        // Totals are compared as they are written, with the places of the type.
        for column in contract.columns.iter().filter(|column| column.kind.is_number()) {
            conn.execute(
                &format!(
                    "update ingest.control_totals set total = cast(cast(total as decimal(38,{})) as varchar) where source = ? and column_name = ?",
                    column.kind.scale()
                ),
                [contract.source.as_str(), column.name.as_str()],
            )?;
        }
    }
    Ok(())
}

fn column_names(conn: &Connection, source: &str) -> Result<BTreeSet<String>> {
    let sql = "select column_name from duckdb_columns()
               where database_name = current_database() and schema_name = 'loaded' and table_name = ?";
    let mut statement = conn.prepare(sql)?;
    Ok(statement.query_map([source], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_type_holds_every_value_of_the_narrower() {
        use ColumnType::{Bigint, Date, Decimal, Integer, Timestamp, Varchar};
        for (from, to) in [
            (Integer, Bigint),
            (Integer, Decimal(12, 2)),
            (Bigint, Decimal(19, 0)),
            (Decimal(18, 2), Decimal(20, 4)),
            (Decimal(5, 5), Decimal(6, 6)),
        ] {
            assert!(is_wider(from, to), "{from:?} {to:?}");
        }
        for (from, to) in [
            (Bigint, Integer),
            (Decimal(18, 2), Decimal(18, 4)),
            (Decimal(18, 2), Bigint),
            (Integer, Decimal(10, 2)),
            (Date, Timestamp),
            (Varchar, Integer),
            (Integer, Varchar),
        ] {
            assert!(!is_wider(from, to), "{from:?} {to:?}");
        }
    }
}
