//! `salesmart compile`

use std::io::Write;

use anyhow::Result;
use salesmart_base::count::counted;
use salesmart_base::fail;
use salesmart_ingest::contract::contract_file;
use salesmart_model::{Model, Models};
use salesmart_sync::schema;
use salesmart_transform::compile::{Compiled, compile};

use super::Global;
use super::select::SelectArgs;
use crate::console::Console;
use crate::stdout::Answer;

/// Check the models without running them.
///
/// Parses, resolves and binds every model against the columns of what it reads, in memory: nothing needs to be
/// ingested or built. Checks the headers, too. Prints the columns and their types, and all errors with file and line,
/// not the first one only. The checks in sql/checks are bound as well where all models are compiled.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which models
    #[command(flatten)]
    pub select: SelectArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Each model with its columns.
    #[default]
    Text,
    /// One JSON object per model, with its columns and errors.
    Json,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let config = global.config()?;
    let models = Models::load(&config)?;
    let compiled = compile(&models, &contract_file::load_all(&config)?)?;
    let selected = args.select.resolve(&compiled.graph, &models, &config.root)?;
    let is_selected = |name: &str| selected.as_ref().is_none_or(|selected| selected.contains(name));
    // In build order; those without a place in it at the end.
    let ordered = compiled.graph.nodes.iter().map(|node| node.model);
    let others = models.models.values().filter(|model| compiled.graph.get(&model.name).is_none());
    let chosen: Vec<&Model> = ordered.chain(others).filter(|model| is_selected(&model.name)).collect();
    let mut out = Answer::new();
    let mut errors: Vec<String> = Vec::new();
    for model in &chosen {
        let wrong = errors_of(&compiled, model);
        match args.format {
            Format::Text => write_text(&compiled, model, &config.relative(&model.path), &mut out)?,
            Format::Json => write_json(&compiled, model, &config.relative(&model.path), &wrong, &mut out)?,
        }
        errors.extend(wrong);
    }
    let checks = models.checks.iter().filter(|_| selected.is_none()).map(|check| &check.name);
    let warnings =
        chosen.iter().map(|model| &model.name).chain(checks).filter_map(|name| compiled.warnings.get(name)).flatten();
    warnings.for_each(|warning| console.warn(warning));
    if selected.is_none() {
        errors.extend(compiled.check_faults.values().cloned());
    }
    // Each model of a circle has the same error.
    let mut said = Vec::new();
    for error in errors {
        if !said.contains(&error) {
            said.push(error);
        }
    }
    if !said.is_empty() {
        fail!("{}:\n{}", counted(said.len() as u64, "error"), said.join("\n"));
    }
    if args.format == Format::Text {
        let checks = match selected {
            None => format!(" and {}", counted(models.checks.len() as u64, "check")),
            Some(_) => String::new(),
        };
        let is_one = chosen.len() == 1 && checks.is_empty();
        let are = if is_one { "is" } else { "are" };
        writeln!(out, "{}{checks} {are} fine", counted(chosen.len() as u64, "model"))?;
    }
    Ok(())
}

fn errors_of(compiled: &Compiled<'_>, model: &Model) -> Vec<String> {
    let mut errors = compiled.faults.get(&model.name).cloned().unwrap_or_default();
    if let Some(cause) = compiled.blocked.get(&model.name) {
        errors.push(format!("{}:1: not checked, because it reads {cause}", model.path.display()));
    }
    if model.is_pushed() {
        let faults = compiled.columns_of(&model.name).iter().filter_map(|column| schema::name_fault(&column.name));
        errors.extend(faults.map(|fault| format!("{}:1: {fault}", model.path.display())));
    }
    errors
}

fn write_text(compiled: &Compiled<'_>, model: &Model, file: &str, out: &mut dyn Write) -> Result<()> {
    let columns = compiled.columns_of(&model.name);
    let width = columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    let trouble = match columns.is_empty() {
        true => "  (see the errors)",
        false => "",
    };
    writeln!(out, "{}  {file}{trouble}", model.name)?;
    for column in columns {
        writeln!(out, "    {:<width$}  {}", column.name, column.kind)?;
    }
    Ok(writeln!(out)?)
}

fn write_json(
    compiled: &Compiled<'_>,
    model: &Model,
    file: &str,
    errors: &[String],
    out: &mut dyn Write,
) -> Result<()> {
    let columns: Vec<_> = compiled
        .columns_of(&model.name)
        .iter()
        .map(|column| serde_json::json!({"name": column.name, "type": column.kind}))
        .collect();
    let line = serde_json::json!({
        "model": model.name, "file": file, "layer": model.layer.name(), "columns": columns, "errors": errors,
        "warnings": compiled.warnings.get(&model.name).map_or(&[][..], Vec::as_slice),
    });
    Ok(writeln!(out, "{line}")?)
}
