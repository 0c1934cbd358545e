//! `salesmart lineage`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::{fail, whole_file};
use salesmart_catalog::docs::page;
use salesmart_catalog::lineage::{Direction, Focus, Lineage, svg, tree};
use salesmart_ingest::contract::contract_file;
use salesmart_model::Models;
use salesmart_transform::compile::compile;

use super::Global;
use crate::stdout::Answer;

/// Show which models and columns a model or column is computed from, and what is computed from it.
///
/// Read from the models' syntax trees, in memory: nothing needs to be built. Without a name the whole project is shown.
/// A column's origins are all columns that its expression uses, also in conditions and windows; the conditions of joins and
/// filters choose rows and do not count. `rows of` a relation is what count(*) is computed from. What cannot be told is
/// marked as unknown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model (fact_sales), a source (raw.sales), or a column of one (fact_sales.revenue)
    #[arg(value_name = "MODEL|MODEL.COLUMN")]
    pub what: Option<String>,
    /// Only what it is computed from
    #[arg(long, conflicts_with = "downstream")]
    pub upstream: bool,
    /// Only what is computed from it
    #[arg(long)]
    pub downstream: bool,
    /// Columns, too
    #[arg(long)]
    pub columns: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// File to write, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A tree.
    #[default]
    Text,
    /// A drawing.
    Svg,
    /// A page with the drawing and the columns.
    Html,
    /// One JSON document.
    Json,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let config = global.config()?;
    let models = Models::load(&config)?;
    let contracts = contract_file::load_all(&config)?;
    let lineage = Lineage::trace(&compile(&models, &contracts)?, &models, &contracts)?;
    let focus = args.what.as_deref().map(|what| lineage.focus(what)).transpose()?;
    let direction = match (args.upstream, args.downstream) {
        (true, _) => Direction::Upstream,
        (_, true) => Direction::Downstream,
        _ => Direction::Both,
    };
    let part = match &focus {
        Some(focus) => lineage.part(focus, direction),
        None => lineage.clone(),
    };
    let is_column = focus.as_ref().is_some_and(|focus| focus.column.is_some());
    let options = svg::Options {
        columns: args.columns || is_column,
        focus: focus.as_ref().map(|focus| focus.relation.as_str()),
        href: &|_| None,
    };
    let text = match args.format {
        Format::Text => text(&lineage, &part, focus.as_ref(), direction, args.columns),
        Format::Svg => svg::draw(&part, options, true).into_string() + "\n",
        Format::Html => page_of(&part, options, args.what.as_deref()),
        Format::Json => serde_json::to_string_pretty(&part.json())? + "\n",
    };
    match &args.output {
        None => Answer::new().write_all(text.as_bytes())?,
        Some(file) => {
            if let Err(error) = whole_file::write(file, text) {
                fail!("cannot write {}: {error}", file.display());
            }
        }
    }
    Ok(())
}

fn text(whole: &Lineage, part: &Lineage, focus: Option<&Focus>, direction: Direction, columns: bool) -> String {
    let mut text = match focus {
        Some(focus) => tree::around(whole, focus, direction),
        None => tree::whole(whole, direction),
    };
    if columns {
        text.push_str(&tree::column_lists(part));
    }
    text
}

fn page_of(part: &Lineage, options: svg::Options<'_>, what: Option<&str>) -> String {
    let title = what.map_or_else(|| "Lineage".to_owned(), |what| format!("Lineage of {what}"));
    page::lineage(&title, part, options).into_string() + "\n"
}
