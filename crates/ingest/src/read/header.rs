//! Finds a contract's columns in a file's header. A header that drifted is an error or an explicit policy, never a
//! shift of values.

use std::collections::HashMap;
use std::fmt::Write as _;

use salesmart_base::count::counted;

use super::fields;
use crate::contract::dialect::{LastField, Syntax};
use crate::contract::encoding::Encoding;
use crate::contract::{Column, ColumnOrder, Contract, Drift, Position, header_name};

/// Where the contract's columns are in a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Per contract column: the field's place, from 0; `None` where the file lacks an optional column.
    pub of: Vec<Option<usize>>,
    /// Fields per record.
    pub count: usize,
    /// Whether they come from a header.
    pub has_header: bool,
    /// What differs from the contract and is allowed, for people; empty if nothing does.
    pub note: String,
}

impl Places {
    /// The columns as declared, for files that have no header. The contract has been checked: either every column has a position, or none.
    pub fn declared(contract: &Contract) -> Self {
        let place = |(index, column): (usize, &Column)| column.position.map_or(index, Position::place);
        let of: Vec<Option<usize>> = contract.columns.iter().enumerate().map(place).map(Some).collect();
        let count = of.iter().flatten().max().map_or(0, |last| last + 1);
        Self { of, count, has_header: false, note: String::new() }
    }

    /// The contract column of a field.
    pub fn column_at(&self, field: usize) -> Option<usize> {
        self.of.iter().position(|place| *place == Some(field))
    }

    /// In one line, for the staging file.
    pub fn written(&self) -> String {
        let of: Vec<String> =
            self.of.iter().map(|place| place.map_or_else(|| "-".to_owned(), |place| place.to_string())).collect();
        format!("{}:{}", self.count, of.join(","))
    }

    /// What [`written`](Self::written) wrote.
    pub fn read(written: &str) -> Option<Self> {
        let (count, of) = written.split_once(':')?;
        let of: Option<Vec<Option<usize>>> =
            of.split(',').map(|place| if place == "-" { Some(None) } else { place.parse().ok().map(Some) }).collect();
        Some(Self { of: of?, count: count.parse().ok()?, has_header: true, note: String::new() })
    }
}

/// A name in a row of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name as names are compared.
    pub text: String,
    /// Whether it stands in quotes.
    pub is_quoted: bool,
}

/// The names in a row of a header; `None` if its bytes are not in the encoding.
pub fn names(header: &[u8], syntax: Syntax, encoding: &Encoding) -> Option<Vec<Name>> {
    let text = match encoding {
        Encoding::OneByte(page) => page.decode(header).ok()?,
        Encoding::Utf8 | Encoding::Utf16(_) | Encoding::MultiByte(_) => std::str::from_utf8(header).ok()?.to_owned(),
    };
    let mut spans = Vec::new();
    fields::cut(text.as_bytes(), syntax, &mut spans);
    let name = |span: &fields::Span| {
        let is_quoted = span.is_quoted(text.as_bytes(), syntax);
        let text = span.text(&text, syntax);
        // Without quotes a return is no line break, but the end of a line of another kind.
        Name { text: if is_quoted { header_name(&text) } else { text.trim().to_owned() }, is_quoted }
    };
    Some(spans.iter().map(name).collect())
}

/// The names of the columns in a header of several rows: those that are not empty, from top to bottom, with a blank between.
pub fn joined(rows: &[Vec<Name>], last_field: LastField) -> Vec<String> {
    let width = |row: &Vec<Name>| match (last_field, row.last()) {
        (LastField::Delimiter, Some(last)) if row.len() > 1 && last.text.is_empty() && !last.is_quoted => row.len() - 1,
        _ => row.len(),
    };
    let columns = rows.iter().map(width).max().unwrap_or(0);
    let names = |column: usize| rows.iter().filter_map(move |row| row.get(column)).map(|name| name.text.as_str());
    (0..columns).map(|column| names(column).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")).collect()
}

/// One difference between a header and its contract, with what to do about it.
struct Difference {
    kind: &'static str,
    what: String,
    advice: String,
}

/// The places of the contract's columns in a header.
///
/// # Errors
/// How the header differs from the contract, a line per column, each with what to do about it.
pub fn places(contract: &Contract, found: &[String], line: u64) -> Result<Places, String> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    // A declared position settles whose a field is, whatever its name.
    let positions: Vec<usize> =
        contract.columns.iter().filter_map(|column| column.position).map(Position::place).collect();
    for (place, name) in found.iter().enumerate().filter(|(place, _)| !positions.contains(place)) {
        by_name.entry(name).or_default().push(place);
    }
    let mut is_taken = vec![false; found.len()];
    let mut differences = Vec::new();
    let mut notes = Vec::new();
    let mut places: Vec<Option<usize>> = Vec::with_capacity(contract.columns.len());
    for column in &contract.columns {
        let names = || std::iter::once(&column.header).chain(&column.aliases);
        let mut fitting: Vec<usize> = match column.position {
            Some(position) => Some(position.place()).filter(|place| *place < found.len()).into_iter().collect(),
            None => names().filter_map(|name| by_name.get(name.as_str())).flatten().copied().collect(),
        };
        fitting.sort_unstable();
        fitting.dedup();
        fitting.iter().for_each(|place| is_taken[*place] = true);
        if let [first, second, ..] = fitting.as_slice() {
            differences.push(Difference {
                kind: "twice",
                what: format!("\"{}\" is column {} and column {}", found[*second], first + 1, second + 1),
                advice: format!("say which one it is: {} = {{ position = {}, … }}", column.name, first + 1),
            });
        }
        places.push(fitting.first().copied());
        let Some((place, name)) = fitting.first().map(|place| (*place, &found[*place])) else { continue };
        match column.position {
            Some(Position::Unnamed(_)) => {}
            Some(Position::Named(_)) if !names().any(|declared| declared == name) => differences.push(Difference {
                kind: "renamed?",
                what: format!("column {} is \"{name}\", not \"{}\"", place + 1, column.header),
                advice: format!(
                    "if it is the same column: {} = {{ aliases = [\"{name}\"], … }}; else correct its position",
                    column.name
                ),
            }),
            _ if *name != column.header => notes.push(format!("\"{name}\" is taken for {}", column.name)),
            _ => {}
        }
    }
    let mut extra: Vec<usize> = (0..found.len()).filter(|place| !is_taken[*place]).collect();
    for (index, column) in contract.columns.iter().enumerate().filter(|(index, _)| places[*index].is_none()) {
        // A name like it, or as many columns as before and another name in its place.
        if let Some(position) = column.position {
            let what = format!("column {} ({})", position.place() + 1, column.name);
            match column.optional {
                true => notes.push(format!("no {what}")),
                false => differences.push(Difference {
                    kind: "missing",
                    what: format!("{what}; the header has {}", counted(found.len() as u64, "column")),
                    advice: format!("if files may lack it: {} = {{ optional = true, … }}", column.name),
                }),
            }
            continue;
        }
        // A column that the file need not have takes no place there.
        let is_absent =
            |other: &usize| contract.columns[*other].optional && places[*other].is_none() && *other != index;
        let absent = |columns: std::ops::Range<usize>| columns.filter(is_absent).count();
        let columns = contract.columns.len();
        let in_place = |place: usize| found.len() + absent(0..columns) == columns && place + absent(0..index) == index;
        let renamed = extra.iter().position(|place| is_like(&found[*place], &column.header));
        if let Some(position) = renamed.or_else(|| extra.iter().position(|place| in_place(*place))) {
            let name = &found[extra.remove(position)];
            differences.push(Difference {
                kind: "renamed?",
                what: format!("\"{name}\" is there, \"{}\" is not", column.header),
                advice: format!("if it is the same column: {} = {{ aliases = [\"{name}\"], … }}", column.name),
            });
        } else if column.optional {
            notes.push(format!("no \"{}\"", column.header));
        } else {
            differences.push(Difference {
                kind: "missing",
                what: format!("\"{}\"", column.header),
                advice: format!("if files may lack it: {} = {{ optional = true, … }}", column.name),
            });
        }
    }
    for place in extra {
        let what = format!("\"{}\" (column {})", found[place], place + 1);
        match contract.drift {
            Drift::IgnoreExtra => notes.push(format!("{what} is not loaded")),
            Drift::Error => differences.push(Difference {
                kind: "added",
                what,
                advice: "declare it, or set drift = \"ignore_extra\"".to_owned(),
            }),
        }
    }
    let by_header = contract.columns.iter().zip(&places).filter(|(column, _)| column.position.is_none());
    let in_order: Vec<usize> = by_header.filter_map(|(_, place)| *place).collect();
    if contract.column_order == ColumnOrder::Declared
        && let Some(position) = in_order.windows(2).position(|pair| pair[0] > pair[1])
    {
        let (before, behind) = (in_order[position + 1], in_order[position]);
        differences.push(Difference {
            kind: "moved",
            what: format!("\"{}\" (column {}) stands before \"{}\"", found[before], before + 1, found[behind]),
            advice: "set column_order = \"any\"".to_owned(),
        });
    }
    match differences.is_empty() {
        true => Ok(Places { of: places, count: found.len(), has_header: true, note: notes.join(", ") }),
        false => Err(report(contract, line, &differences)),
    }
}

/// Are these two spellings of one name?
fn is_like(found: &str, expected: &str) -> bool {
    let plain =
        |name: &str| -> String { name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let (found, expected) = (plain(found), plain(expected));
    found == expected || strsim::jaro_winkler(&found, &expected) > 0.85
}

fn report(contract: &Contract, line: u64, differences: &[Difference]) -> String {
    let file = contract.path.file_name().unwrap_or_default().to_string_lossy();
    let mut out = format!("line {line}: the header does not match the contract data/contracts/{file}");
    let width = differences.iter().map(|difference| difference.what.chars().count()).max().unwrap_or(0).min(60);
    const SHOWN: usize = 20;
    for Difference { kind, what, advice } in differences.iter().take(SHOWN) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n      {kind:<9} {what:<width$}  → {advice}");
    }
    if differences.len() > SHOWN {
        let _ = write!(out, "\n      and {} more", differences.len() - SHOWN);
    }
    out
}
