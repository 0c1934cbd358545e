//! One table on one sheet.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::DateTime;
use rust_xlsxwriter::{Format, Worksheet};
use salesmart_dashboard::content::{Table, Value};

use super::look::Look;
use crate::cell_text;

/// Characters that a column is wide at the least and at the most.
const NARROWEST: usize = 9;
const WIDEST: usize = 48;
/// Characters that the button of a filter takes.
const BUTTON: usize = 4;
/// Points that a line of text is high.
pub(super) const LINE: f64 = 15.0;
/// Points that a row may be high: the last whole pixel of the 409 that Excel takes. It calls a file with a higher row damaged.
const HIGHEST: f64 = 408.75;
/// Rows that are looked at for the width of a column.
const LOOKED_AT: usize = 1_000;
/// Rows that a sheet has.
const MOST_ROWS: usize = 1_048_570;

/// Heads, rows, and remarks below them.
pub(super) fn fill(sheet: &mut Worksheet, table: &Table, look: &Look) -> Result<()> {
    let mut head = LINE;
    for (place, column) in table.columns.iter().enumerate() {
        let format = if column.is_number { &look.number_head } else { &look.head };
        sheet.write_string_with_format(0, number(place)?, cell_text(&column.title), format)?;
        let cells = table.rows.iter().take(LOOKED_AT).filter_map(|row| row.cells.get(place));
        let widest = cells.map(|cell| width(&cell.value, look)).max().unwrap_or(0);
        // A head wraps between its words, and has the button of the filter beside it.
        let word = column.title.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0) + BUTTON;
        let width = widest.max(word).clamp(NARROWEST, WIDEST);
        sheet.set_column_width(number(place)?, width as f64)?;
        head = head.max(height(&column.title, width - 1));
    }
    sheet.set_row_height(0, head)?;
    let mut next = 1;
    for row in table.rows.iter().take(MOST_ROWS) {
        for (place, cell) in row.cells.iter().enumerate() {
            let format = look.cell(&cell.value, row.is_selected);
            write(sheet, next, number(place)?, &cell.value, &format)?;
        }
        next += 1;
    }
    if table.rows.is_empty() {
        sheet.write_string_with_format(next, 0, cell_text(&table.empty), &look.remark)?;
        next += 1;
    } else if let Some(last) = table.columns.len().checked_sub(1) {
        sheet.autofilter(0, 0, next - 1, number(last)?)?;
    }
    if let Some(note) = &table.note {
        sheet.write_string_with_format(next + 1, 0, cell_text(note), &look.remark)?;
    }
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_repeat_rows(0, 0)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_footer("&L&A&R&P / &N");
    Ok(())
}

/// How many points high a text is where it wraps between its words. Not every program finds that out by itself.
pub(super) fn height(text: &str, width: usize) -> f64 {
    let (mut lines, mut used) = (1, 0);
    for word in text.split_whitespace().map(|word| word.chars().count()) {
        if used > 0 && used + 1 + word > width {
            (lines, used) = (lines + 1, 0);
        }
        // A word that is longer than the line goes on in the next ones.
        lines += word.saturating_sub(1) / width.max(1);
        used += word + usize::from(used > 0);
    }
    (lines as f64 * LINE).min(HIGHEST)
}

/// A value with its type. A text is a text, whatever it begins with.
pub(super) fn write(sheet: &mut Worksheet, row: u32, column: u16, value: &Value, format: &Format) -> Result<()> {
    match value {
        Value::None => sheet.write_blank(row, column, format)?,
        Value::Text(text) => sheet.write_string_with_format(row, column, cell_text(text), format)?,
        Value::Date(day) => sheet.write_date_with_format(row, column, day, format)?,
        Value::Time(moment) => match DateTime::parse_from_rfc3339(moment) {
            Ok(moment) => sheet.write_datetime_with_format(row, column, moment.naive_utc(), format)?,
            Err(_) => sheet.write_string_with_format(row, column, cell_text(moment), format)?,
        },
        _ => match value.number().filter(|number| number.is_finite()) {
            Some(number) => sheet.write_number_with_format(row, column, number, format)?,
            None => sheet.write_blank(row, column, format)?,
        },
    };
    Ok(())
}

/// About how many characters it takes.
fn width(value: &Value, look: &Look) -> usize {
    let symbol = look.number(value).chars().filter(|letter| !matches!(letter, '#' | ',' | '0' | '.')).count();
    match value {
        Value::None => 1,
        Value::Text(text) => text.chars().take(WIDEST).count() + 1,
        Value::Date(_) => 11,
        Value::Time(_) => 17,
        Value::Percent(_) | Value::Change(_) => 9,
        Value::Seconds(_) => 8,
        Value::Money(_) | Value::Quantity(_) | Value::Count(_) => {
            let digits = format!("{:.2}", value.number().unwrap_or_default()).len();
            digits + digits / 3 + symbol.min(8)
        }
    }
}

/// The number of a column.
pub(super) fn number(place: usize) -> Result<u16> {
    Ok(u16::try_from(place)?)
}

/// Names of sheets, which must differ, whatever their letters' case, and may not hold all characters.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name that the workbook does not have yet.
    pub(super) fn unique(&mut self, title: &str) -> String {
        let legal: String = title
            .chars()
            .map(|letter| if matches!(letter, '[' | ']' | ':' | '*' | '?' | '/' | '\\') { ' ' } else { letter })
            .filter(|letter| !letter.is_control())
            .collect();
        let legal = legal.split_whitespace().collect::<Vec<_>>().join(" ");
        let legal = legal.trim_matches('\'');
        // Excel keeps this one for itself.
        let legal = if legal.is_empty() || legal.eq_ignore_ascii_case("history") { "Table" } else { legal };
        let mut number = 1;
        loop {
            let end = if number == 1 { String::new() } else { format!(" ({number})") };
            let name = format!("{}{end}", cut(legal, 31 - end.len()));
            if self.0.insert(name.to_lowercase()) {
                return name;
            }
            number += 1;
        }
    }
}

/// The beginning of a text, in the units that Excel counts.
fn cut(text: &str, most: usize) -> &str {
    let mut units = 0;
    for (start, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > most {
            return text[..start].trim_end_matches([' ', '\'']);
        }
    }
    text
}

#[cfg(test)]
mod name_tests {
    use super::*;

    #[test]
    fn names_of_sheets_are_legal_and_differ() {
        let mut names = Names::default();
        let long = "Revenue by category and by region of the year";
        for (title, name) in [
            ("Revenue", "Revenue"),
            ("revenue", "revenue (2)"),
            ("A/B: [c]?*\\", "A B c"),
            ("'quoted'", "quoted"),
            ("", "Table"),
            ("History", "Table (2)"),
            (long, "Revenue by category and by regi"),
            (long, "Revenue by category and by (2)"),
            ("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"),
        ] {
            let made = names.unique(title);
            assert!(made.encode_utf16().count() <= 31);
            assert_eq!(made, name);
        }
    }
}
