//! The data of a chart as a table, for readers, screen readers and copying.

use maud::{Markup, html};

use super::draw::is_safe;
use super::text::legal;
use super::{Format, Heatmap, Mark};

/// A table of marks: names, values, what they are compared with.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    /// What the table shows.
    pub caption: &'a str,
    /// Head of the names.
    pub label: &'a str,
    /// Head of the values.
    pub value: &'a str,
    /// Head of the values to compare with, if there are any.
    pub compare: Option<&'a str>,
    /// How values are written.
    pub format: &'a Format,
    /// The rows.
    pub marks: &'a [Mark],
    /// What there is to say about the last row.
    pub note: Option<&'a str>,
    /// Share of the total that the rows down to each make together, 0 to 1.
    pub cumulative: Option<Vec<f64>>,
}

/// The marks as a `table` element with exact values.
pub fn marks_table(table: &Table<'_>) -> Markup {
    let last = table.marks.len().saturating_sub(1);
    html! {
        table.ch-table {
            caption { (legal(table.caption)) }
            thead {
                tr {
                    th scope="col" { (legal(table.label)) }
                    th.ch-number scope="col" { (legal(table.value)) }
                    @if let Some(compare) = table.compare { th.ch-number scope="col" { (legal(compare)) } }
                    @if table.cumulative.is_some() { th.ch-number scope="col" { "Cumulative" } }
                }
            }
            tbody {
                @for (index, mark) in table.marks.iter().enumerate() {
                    tr {
                        th scope="row" {
                            (linked(mark.href.as_deref(), &mark.label))
                            @if let Some(note) = table.note.filter(|_| index == last) { " (" (legal(note)) ")" }
                        }
                        td.ch-number { (legal(&mark.full(table.format))) }
                        @if table.compare.is_some() {
                            td.ch-number { (mark.full_compare(table.format).unwrap_or_else(|| table.format.full(f64::NAN))) }
                        }
                        @if let Some(shares) = &table.cumulative {
                            td.ch-number { (Format::Percent(1).full(shares.get(index).copied().unwrap_or(f64::NAN))) }
                        }
                    }
                }
            }
        }
    }
}

/// A matrix as a `table` element with the same rows and columns.
pub fn matrix_table(map: &Heatmap) -> Markup {
    let noted = map.rows.iter().any(|row| row.note.is_some());
    html! {
        table.ch-table {
            caption {
                (legal(&map.heading.title))
                @if !map.column_title.is_empty() { ", by " (legal(&map.column_title)) }
            }
            thead {
                tr {
                    th scope="col" { (legal(&map.row_title)) }
                    @if noted { th.ch-number scope="col" { (legal(&map.note_title)) } }
                    @for column in &map.columns { th.ch-number scope="col" { (legal(column)) } }
                }
            }
            tbody {
                @for row in &map.rows {
                    tr {
                        th scope="row" { (legal(&row.label)) }
                        @if noted { td.ch-number { (legal(row.note.as_deref().unwrap_or_default())) } }
                        @for index in 0..map.columns.len() {
                            td.ch-number {
                                @if let Some(Some(cell)) = row.cells.get(index) {
                                    (linked(cell.href.as_deref(), &cell.full(&map.format)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn linked(href: Option<&str>, content: &str) -> Markup {
    html! {
        @if let Some(href) = href.filter(|href| is_safe(href)) {
            a href=(legal(href)) { (legal(content)) }
        } @else {
            (legal(content))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_have_heads() {
        let marks = [Mark::new("<Jan>", 1234.5).compare(-1.0).href("?m=1"), Mark::gap("Feb").href("javascript:x")];
        let table = Table {
            caption: "Revenue",
            label: "Month",
            value: "Revenue",
            compare: Some("Last year"),
            format: &Format::pounds(),
            marks: &marks,
            note: Some("12 of 28 days"),
            cumulative: None,
        };
        let html = marks_table(&table).into_string();
        assert!(
            html.contains(r#"<th scope="row"><a href="?m=1">&lt;Jan&gt;</a></th><td class="ch-number">£1,234.50</td>"#)
        );
        assert!(html.contains(r#"<th scope="row">Feb (12 of 28 days)</th><td class="ch-number">–</td>"#));
        assert!(html.contains("−£1.00") && html.matches(r#"scope="col""#).count() == 3);
    }
}
