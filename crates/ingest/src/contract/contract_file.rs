//! Reads contracts: one TOML file per source. What cannot be right is an error with file, line and next step.

mod column_keys;
mod dialect_keys;
mod number_keys;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Result;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use self::column_keys::whole;
use self::column_keys::{Defaults, column, line_of_key};
use self::dialect_keys::dialect;
use self::number_keys::{Negative, NumberFile, number_style};
use super::dialect::{Format, LineEnd, LongRecords, ShortRecords, StrayQuotes};
use crate::cast::number_style::{Grouping, NumberStyle};
use crate::contract::dialect::Dialect;
use crate::contract::{
    AmbiguousDates, Column, ColumnOrder, Contract, Drift, Position, RejectLimit, WidthUnit, pattern,
};
use salesmart_base::config::{Config, MoneyScale};
use salesmart_base::{fail, toml_file};
use salesmart_staging::is_plain_name;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractFile {
    files: String,
    #[serde(default)]
    format: Format,
    delimiter: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    #[serde(default)]
    escape_outside_quotes: bool,
    stray_quotes: Option<StrayQuotes>,
    #[serde(default)]
    spaces_around_quotes: bool,
    #[serde(default)]
    trailing_delimiter: bool,
    short_records: Option<ShortRecords>,
    long_records: Option<LongRecords>,
    comment: Option<String>,
    header_row: Option<u64>,
    header_lines: Option<u64>,
    #[serde(default)]
    footer: Vec<String>,
    #[serde(default)]
    skip_blank_rows: bool,
    #[serde(default)]
    line_end: LineEnd,
    #[serde(default = "utf8")]
    encoding: String,
    decimal: Option<String>,
    thousands: Option<String>,
    grouping: Option<Grouping>,
    #[serde(default)]
    currency: Vec<String>,
    #[serde(default)]
    negatives: Vec<Negative>,
    exponent: Option<bool>,
    nulls: Option<Vec<String>>,
    #[serde(default)]
    trim: bool,
    #[serde(default)]
    ambiguous_dates: AmbiguousDates,
    #[serde(default)]
    column_order: ColumnOrder,
    #[serde(default)]
    drift: Drift,
    #[serde(default)]
    width_unit: WidthUnit,
    #[serde(default)]
    unique: Vec<String>,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default = "one_percent", deserialize_with = "reject_limit")]
    max_rejects: RejectLimit,
    #[serde(default)]
    allow_empty: bool,
    columns: toml::Table,
}

fn utf8() -> String {
    "utf-8".to_owned()
}
fn one_percent() -> RejectLimit {
    RejectLimit::Percent(1.0)
}

/// `"1%"` or a count, as text or as a number.
fn reject_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RejectLimit, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Count(u64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer) {
        Ok(Written::Count(count)) => return Ok(RejectLimit::Count(count)),
        Ok(Written::Text(text)) => text,
        Err(_) => return Err(D::Error::custom("max_rejects is a count such as 100 or a share such as \"1%\"")),
    };
    let limit = match text.strip_suffix('%') {
        Some(share) => {
            share.trim().parse().ok().filter(|share| (0.0..=100.0).contains(share)).map(RejectLimit::Percent)
        }
        None => text.trim().parse().ok().map(RejectLimit::Count),
    };
    limit.ok_or_else(|| {
        D::Error::custom(format!("max_rejects is a count such as 100 or a share such as \"1%\", not \"{text}\""))
    })
}

/// Reads all contracts of a project, by name.
///
/// # Errors
/// There is no contract, one cannot be read, or its files lie outside the project.
pub fn load_all(config: &Config) -> Result<BTreeMap<String, Contract>> {
    let mut contracts = BTreeMap::new();
    let folder = config.root.join("data/contracts");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => fail!("cannot list the contracts in {}: {error}", folder.display()),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let contract = load(&path, config.money)?;
            let data = config.root.join(pattern::folder(Path::new(&contract.files)));
            if let Err(reason) = config.paths.check(&data) {
                fail!("{}: files = \"{}\": {reason}", path.display(), contract.files);
            }
            contracts.insert(contract.source.clone(), contract);
        }
    }
    match contracts.is_empty() {
        true => fail!(
            "there is no contract in {}; write one per source, such as sales.toml (`salesmart sniff FILE` drafts one)",
            folder.display()
        ),
        false => Ok(contracts),
    }
}

/// Reads one contract; `money` is what the type of this name means in the project.
pub fn load(path: &Path, money: MoneyScale) -> Result<Contract> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => fail!("cannot read the contract {}: {error}", path.display()),
    };
    parse(path, &text, money)
}

/// Reads a contract from its text; `path` gives the source's name.
pub fn parse(path: &Path, text: &str, money: MoneyScale) -> Result<Contract> {
    let file: ContractFile = toml_file::parse(path, text)?;
    let at = path.display();
    let source = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if !is_plain_name(&source) {
        fail!(
            "{at}: the file's name becomes a table name: use lower-case letters, digits and _, starting with a letter"
        );
    }
    if file.files.trim().is_empty() {
        fail!("{at}: files is empty; it names the files of this source, such as \"data/raw/*.csv\"");
    }
    if file.columns.is_empty() {
        fail!("{at}: [columns] is empty; declare every column of the file's header");
    }
    let dialect = dialect(path, &file)?;
    if file.width_unit != WidthUnit::Undeclared && file.format != Format::Fixed {
        fail!("{at}: width_unit goes with format = \"fixed\" only");
    }
    let written = NumberFile {
        decimal: file.decimal.as_deref(),
        thousands: file.thousands.as_deref(),
        grouping: file.grouping,
        currency: Some(&file.currency),
        negatives: Some(&file.negatives),
        percent: false,
        exponent: file.exponent,
    };
    let defaults = Defaults {
        number: number_style(&at.to_string(), &written, &NumberStyle::default())?,
        nulls: file.nulls.clone(),
        trim: file.trim,
        ambiguous_dates: file.ambiguous_dates,
        format: file.format,
        money,
    };
    let mut columns: Vec<Column> = Vec::with_capacity(file.columns.len());
    // The column that each header belongs to.
    let mut by_header: HashMap<String, usize> = HashMap::new();
    for (name, value) in file.columns {
        let column = column(path, text, &name, value, &defaults)?;
        if column.position.is_none() {
            let headers = || std::iter::once(&column.header).chain(&column.aliases);
            let taken = headers().filter_map(|header| Some((*by_header.get(header)?, header)));
            if let Some((other, same)) = taken.min_by_key(|(other, _)| *other) {
                fail!(
                    "{at}: columns `{}` and `{name}` have the same header \"{same}\" (blanks around it do not count); if the file has it twice, add position = 2 or the like to each",
                    columns[other].name
                );
            }
            by_header.extend(headers().map(|header| (header.clone(), columns.len())));
        }
        columns.push(column);
    }
    check_positions(path, &dialect, file.drift, &columns)?;
    for (option, names) in [("unique", &file.unique), ("key", &file.key)] {
        for (index, name) in names.iter().enumerate() {
            if !columns.iter().any(|column| column.name == *name) {
                let near = toml_file::nearest(name, columns.iter().map(|column| column.name.as_str()));
                let advice = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                fail!("{at}:{}: {option} names `{name}`, which is no column{advice}", line_of_key(text, option));
            }
            if option == "key" && names[..index].contains(name) {
                fail!("{at}:{}: {option} names `{name}` twice", line_of_key(text, option));
            }
        }
    }
    // DuckDB's own name of a row's number, by which records with the same key are found.
    if !file.key.is_empty() && columns.iter().any(|column| column.name.eq_ignore_ascii_case("rowid")) {
        fail!(
            "{at}: a contract with a key cannot have a column `rowid`; give the column another name and set its `header`"
        );
    }
    Ok(Contract {
        source,
        files: file.files,
        dialect,
        column_order: file.column_order,
        drift: file.drift,
        unique: file.unique,
        key: file.key,
        max_rejects: file.max_rejects,
        allow_empty: file.allow_empty,
        width_unit: file.width_unit,
        columns,
        path: path.to_owned(),
    })
}

/// Holds the declared positions to each other.
fn check_positions(path: &Path, dialect: &Dialect, drift: Drift, columns: &[Column]) -> Result<()> {
    let at = path.display();
    let mut by_place: BTreeMap<usize, &str> = BTreeMap::new();
    for column in columns {
        let Some(place) = column.position.map(Position::place) else { continue };
        if let Some(other) = by_place.insert(place, &column.name) {
            fail!("{at}: columns `{other}` and `{}` have the same position {}", column.name, place + 1);
        }
    }
    if dialect.header_row > 0 || by_place.is_empty() {
        return Ok(());
    }
    if let Some(column) = columns.iter().find(|column| column.position.is_none()) {
        fail!(
            "{at}: column `{}` has no position; where files have no header, either every column has one or none",
            column.name
        );
    }
    let gap = by_place.keys().enumerate().find(|(expected, place)| expected != *place);
    if let Some((missing, _)) = gap.filter(|_| drift == Drift::Error) {
        fail!(
            "{at}: no column has position {}; declare it, or set drift = \"ignore_extra\" to leave fields out",
            missing + 1
        );
    }
    Ok(())
}
