//! Reads unit tests: `sql/marts/fact_sales.test.toml` tests the model beside it, a file in `tests` the model it names.

use std::path::{Path, PathBuf};

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::failure::Failure;
use salesmart_base::toml_file::line_of;
use salesmart_base::{fail, toml_file};
use salesmart_model::Models;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::rows::{Rows, TestText, Written};

/// What a unit test beside its model is called, behind the model's name.
const ENDING: &str = ".test.toml";

/// One unit test: rows given, rows expected.
#[derive(Debug)]
pub struct UnitTest {
    /// The model.
    pub model: String,
    /// The test's name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The line on which it begins.
    pub line: usize,
    /// What `getvariable('as_of')` is.
    pub as_of: Option<chrono::NaiveDate>,
    /// The rows of the inputs.
    pub given: Vec<Given>,
    /// The rows of the result.
    pub expect: Rows,
    /// The columns that are compared, if not those that the expected rows name.
    pub columns: Option<Vec<String>>,
    /// Whether the order of the rows counts.
    pub ordered: bool,
}

/// The rows of one input.
#[derive(Debug)]
pub struct Given {
    /// A model, or a source as `raw.NAME`.
    pub input: String,
    /// The line where it is named.
    pub line: usize,
    /// Its rows.
    pub rows: Rows,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    model: Option<String>,
    #[serde(default)]
    test: Vec<Spanned<TestEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestEntry {
    name: String,
    as_of: Option<Spanned<Value>>,
    /// `given.stg_sales = …`, `given.raw.sales = …` and `given."raw.sales" = …`.
    given: Option<Written>,
    expect: Written,
    columns: Option<Vec<String>>,
    #[serde(default)]
    ordered: bool,
}

/// All unit tests of a project, in the order of their files.
///
/// # Errors
/// A file that cannot be read, a test of a model that is not there, and two tests of one name.
pub fn load_all(config: &Config, models: &Models) -> Result<Vec<UnitTest>> {
    let mut tests = Vec::new();
    for model in models.models.values() {
        let path = model.path.with_file_name(format!("{}{ENDING}", model.name));
        if path.is_file() {
            load(&path, Some(&model.name), config, models, &mut tests)?;
        }
    }
    refuse_orphans(config, models)?;
    for path in files(&config.root.join("tests"), ".toml")? {
        load(&path, None, config, models, &mut tests)?;
    }
    for (index, test) in tests.iter().enumerate() {
        if let Some(other) =
            tests[..index].iter().find(|other| (&other.model, &other.name) == (&test.model, &test.name))
        {
            fail!(
                "{}:{}: {} has a test \"{}\" already ({}:{})",
                test.file.display(),
                test.line,
                test.model,
                test.name,
                other.file.display(),
                other.line
            );
        }
    }
    Ok(tests)
}

/// A test file whose model was renamed would be passed over in silence.
fn refuse_orphans(config: &Config, models: &Models) -> Result<()> {
    for folder in ["sql/staging", "sql/intermediate", "sql/marts"] {
        for path in files(&config.root.join(folder), ENDING)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = name.trim_end_matches(ENDING);
            if models.models.get(name).is_none_or(|model| model.path.parent() != path.parent()) {
                fail!("{}: there is no model {name} beside it; rename or remove the tests", path.display());
            }
        }
    }
    Ok(())
}

/// The files of a folder with this ending, sorted; none if there is no folder.
pub fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => fail!("cannot list {}: {error}", folder.display()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn load(path: &Path, beside: Option<&str>, config: &Config, models: &Models, tests: &mut Vec<UnitTest>) -> Result<()> {
    let at = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => fail!("cannot read {at}: {error}"),
    };
    let file: TestFile = toml_file::parse(path, &text)?;
    let origin = TestText { path, text: &text, paths: &config.paths };
    let model = match (beside, &file.model) {
        (Some(beside), None) => beside,
        (Some(beside), Some(named)) if named == beside => beside,
        (Some(beside), Some(named)) => fail!("{at}: this file lies beside {beside}, and its `model` is {named}"),
        (None, Some(named)) if models.models.contains_key(named) => named,
        (None, Some(named)) => {
            let near = toml_file::nearest(named, models.models.keys().map(String::as_str));
            let advice = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            fail!("{at}: there is no model {named}{advice}")
        }
        (None, None) => fail!("{at}: say which model is tested: model = \"fact_sales\""),
    };
    for entry in file.test {
        let line = line_of(&text, entry.span().start);
        let entry = entry.into_inner();
        let as_of = match entry.as_of {
            None => None,
            Some(day) => Some(parse_day(day.get_ref()).ok_or_else(|| {
                let line = line_of(&text, day.span().start);
                Failure::new(format!("{at}:{line}: as_of is a day such as \"2024-03-01\""))
            })?),
        };
        let mut given = Vec::new();
        match entry.given {
            None => {}
            Some(Written::Nested(entries)) => take_given(entries, "", &origin, &mut given)?,
            Some(_) => fail!("{at}:{line}: say which input is given: given.stg_sales = [ … ]"),
        }
        tests.push(UnitTest {
            model: model.to_owned(),
            name: entry.name,
            file: path.to_owned(),
            line,
            as_of,
            given,
            expect: entry.expect.read(&origin, line)?,
            columns: entry.columns,
            ordered: entry.ordered,
        });
    }
    Ok(())
}

fn take_given(
    entries: Vec<(Spanned<String>, Written)>,
    schema: &str,
    origin: &TestText<'_>,
    given: &mut Vec<Given>,
) -> Result<()> {
    for (name, written) in entries {
        let line = line_of(origin.text, name.span().start);
        let input = format!("{schema}{}", name.into_inner());
        match written {
            Written::Nested(inner) if schema.is_empty() => {
                take_given(inner, &format!("{input}."), origin, given)?;
            }
            rows => given.push(Given { rows: rows.read(origin, line)?, input, line }),
        }
    }
    Ok(())
}

/// A day, as text or as TOML's own.
fn parse_day(value: &Value) -> Option<chrono::NaiveDate> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Datetime(day) => day.to_string(),
        _ => return None,
    };
    text.parse().ok()
}
