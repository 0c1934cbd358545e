//! Parameters that only some addresses have.

use salesmart_metrics::filter::QueryParams;
use salesmart_metrics::filter::{Invalid, one_of};

/// A parameter of the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it may be.
    pub values: Values,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    /// One of these; the default, if there is one that does not depend on anything.
    OneOf(fn() -> Vec<&'static str>, Option<&'static str>),
    /// A whole number, from 1 to the most.
    Number { most: u32, default: u32 },
    /// A text of a form.
    Text { pattern: &'static str, example: &'static str },
}

/// One of the named values, if the parameter is given.
pub(super) fn choice<T: Copy>(
    asked: &QueryParams,
    parameter: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, Invalid> {
    asked.own(parameter).map(|value| one_of(parameter, value, all, name)).transpose()
}

/// The number of a parameter, or its default.
pub(super) fn number(asked: &QueryParams, parameter: &Parameter) -> Result<u32, Invalid> {
    let Values::Number { most, default } = parameter.values else {
        return Err(Invalid::new(parameter.name, "it is no number"));
    };
    let Some(value) = asked.own(parameter.name) else { return Ok(default) };
    // `+5` and `007` are numbers to a parser only.
    match value.parse::<u32>() {
        Ok(number) if number.to_string() == value && (1..=most).contains(&number) => Ok(number),
        _ => Err(Invalid::new(parameter.name, format!("it is a whole number from 1 to {most}"))),
    }
}
