//! The forms in which verbs write their results.

use salesmart_staging::render;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TableForm {
    /// Aligned columns.
    #[default]
    Table,
    /// CSV with a header.
    Csv,
    /// One JSON object per row; decimals and dates are strings, so that no digit is lost.
    Json,
    /// A Markdown table.
    Md,
}

impl From<TableForm> for render::Format {
    fn from(form: TableForm) -> Self {
        match form {
            TableForm::Table => Self::Table,
            TableForm::Csv => Self::Csv,
            TableForm::Json => Self::Json,
            TableForm::Md => Self::Md,
        }
    }
}
