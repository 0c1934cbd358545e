//! A page as a file: Excel, PDF or CSV of exactly what it shows, with the filter in words.
//!
//! All of them start from [`Content`], as the page does, so that a file cannot say anything else than the screen.
//! The same load and the same question make the same bytes.

mod csv;
mod pdf;
mod xlsx;

#[cfg(test)]
mod tests;

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime};
use salesmart_base::settings::Settings;
use salesmart_dashboard::content::{Content, Said, Tile, Value, Wanted, Written};
use salesmart_metrics::cube::{Cube, Load};
use salesmart_metrics::filter::Invalid;
use salesmart_metrics::source::Quality;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A workbook for Excel: a sheet for each block.
    Xlsx,
    /// A report to print or to send.
    Pdf,
    /// One table of the page.
    Csv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Xlsx, Self::Pdf, Self::Csv];

    /// How names of such files end, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
        }
    }

    /// The format of this extension.
    pub fn named(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// Media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// What to put into a file, besides which page with which filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Who exports, as far as known: it is printed.
    pub who: Option<String>,
    /// CSV: the table of this block instead of the page's main one.
    pub block: Option<String>,
    /// CSV: lines with the filter in words, each beginning with `#`, above the table.
    pub has_notes: bool,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// `salesmart-overview-2024-01-01-2024-12-31.xlsx`
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why there is no file.
#[derive(Debug)]
pub enum Failure {
    /// The order is wrong.
    Invalid(Invalid),
    /// The program is.
    Internal(anyhow::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Internal(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Writes what somebody wants to see as a file. Only the quality page needs to know the last runs.
///
/// # Errors
/// A block that the page does not have, or what cannot be written.
pub fn write(
    cube: &Cube,
    settings: &Settings,
    wanted: &Wanted,
    quality: Option<&Quality>,
    format: Format,
    order: &Order,
) -> Result<File, Failure> {
    let content = wanted.content(cube, settings, quality);
    let report = Report::new(&content, settings, &cube.load, &wanted.query(), order);
    let bytes = match format {
        Format::Xlsx => xlsx::write(&report).map_err(Failure::Internal)?,
        Format::Pdf => pdf::write(&report).map_err(Failure::Internal)?,
        Format::Csv => csv::write(&report, order)?,
    };
    Ok(File { name: report.file_name(format), bytes })
}

/// A page and all that is printed beside it.
struct Report<'a> {
    content: &'a Content,
    settings: &'a Settings,
    load: &'a Load,
    written: Written<'a>,
    query: String,
    who: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn new(content: &'a Content, settings: &'a Settings, load: &'a Load, query: &str, order: &'a Order) -> Self {
        let written = Written::new(&settings.currency);
        Self { content, settings, load, written, query: query.to_owned(), who: order.who.as_deref() }
    }

    /// `Sales – Overview`
    fn title(&self) -> String {
        format!("{} – {}", self.settings.title, self.content.title)
    }

    /// The days in words.
    fn days(&self) -> String {
        self.content.range.map(|range| self.written.days(range)).unwrap_or_default()
    }

    /// The filter in one sentence.
    fn sentence(&self) -> String {
        let said: Vec<String> = self.content.said.iter().map(|said| format!("{}: {}", said.about, said.text)).collect();
        said.join("; ")
    }

    fn author(&self) -> &str {
        self.who.unwrap_or("salesmart")
    }

    /// When the load was committed, in UTC.
    fn committed_at(&self) -> Option<NaiveDateTime> {
        let text = self.load.committed_at.as_deref()?;
        DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.naive_utc())
    }

    /// When the load was committed, in words.
    fn as_of(&self) -> String {
        match &self.load.committed_at {
            Some(moment) => self.written.full(&Value::Time(moment.clone())),
            None => "not known".to_owned(),
        }
    }

    /// Where the numbers come from.
    fn source(&self) -> String {
        format!("Data as of {} · load {}", self.as_of(), self.load.id)
    }

    /// The filter in words, and where the numbers come from.
    fn facts(&self) -> Vec<Said> {
        let mut facts = self.content.said.clone();
        let mut say = |about: &str, text: String| facts.push(Said { about: about.to_owned(), text });
        say("Data as of", self.as_of());
        say("Load", self.load.id.clone());
        if let Some(who) = self.who {
            say("Exported by", who.to_owned());
        }
        facts
    }

    fn file_name(&self, format: Format) -> String {
        let days = self.content.range.map(|range| format!("-{}-{}", range.from, range.to)).unwrap_or_default();
        format!("salesmart-{}{days}.{}", self.content.page.name(), format.extension())
    }
}

/// Key figures as rows of a table, the heads first.
fn key_figures(tiles: &[Tile]) -> Vec<Vec<Value>> {
    let mut against: Vec<&str> = Vec::new();
    for change in tiles.iter().flat_map(|tile| &tile.changes) {
        if !against.contains(&change.against.as_str()) {
            against.push(&change.against);
        }
    }
    let mut heads = vec![Value::text("Key figure"), Value::text("Value")];
    for name in &against {
        heads.extend([Value::text(capital(name)), Value::text(format!("Change on {name}"))]);
    }
    heads.push(Value::text("Note"));
    let rows = tiles.iter().map(|tile| {
        let mut row = vec![Value::text(&tile.label), tile.value.clone()];
        for name in &against {
            let change = tile.changes.iter().find(|change| change.against == *name);
            row.extend(change.map_or([Value::None, Value::None], |change| [change.before.clone(), change.by.clone()]));
        }
        let points =
            (matches!(tile.value, Value::Percent(_)) && !tile.changes.is_empty()).then_some("changes in points");
        let notes: Vec<&str> = tile.note.as_deref().into_iter().chain(points).collect();
        row.push(if notes.is_empty() { Value::None } else { Value::text(notes.join("; ")) });
        row
    });
    std::iter::once(heads).chain(rows).collect()
}

/// With a capital at its beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Without the characters that files may not have, and not longer than a cell of a spreadsheet may be.
fn cell_text(text: &str) -> String {
    const MOST: usize = 32_000;
    let legal = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'));
    let mut kept = String::new();
    let mut units = 0;
    for letter in legal {
        units += letter.len_utf16();
        if units > MOST {
            kept.push('…');
            break;
        }
        kept.push(letter);
    }
    kept
}
