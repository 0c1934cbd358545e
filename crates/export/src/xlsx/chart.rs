//! Charts that Excel draws from the cells beside them.

use anyhow::Result;
use rust_xlsxwriter::{
    Chart, ChartAxisLabelPosition, ChartFormat, ChartLegendPosition, ChartLine, ChartLineDashType, ChartMarker,
    ChartMarkerType, ChartSolidFill, ChartType, ConditionalFormat2ColorScale, ConditionalFormatType, Format, Worksheet,
};
use salesmart_dashboard::chart::palette::{ACCENT, COMPARE, GRID, MARK, Paint, STEPS};
use salesmart_dashboard::chart::{Heatmap, Mark};
use salesmart_dashboard::content::{Drawing, Figure, Table, Value};

use super::look::{Look, color};
use super::sheet::number;
use crate::cell_text;

/// Size in pixels.
const SIZE: (u32, u32) = (720, 400);
/// More rows than these are not charted: nobody could tell them apart.
const MOST_POINTS: usize = 1_200;

/// The chart of a figure, at the right of its table; of a heat map, shades in the table itself.
pub(super) fn insert(sheet: &mut Worksheet, name: &str, figure: &Figure, look: &Look) -> Result<()> {
    let table = &figure.table;
    if table.rows.is_empty() {
        return Ok(());
    }
    let plot = Plot { name, table, look };
    let chart = match &figure.drawing {
        Drawing::Trend(chart) => plot.chart(ChartType::Line, &chart.marks, &chart.name, chart.compare_name.as_deref()),
        Drawing::Ranking(chart) => plot.chart(ChartType::Bar, &chart.marks, &chart.name, chart.compare_name.as_deref()),
        Drawing::Columns(chart) => {
            plot.chart(ChartType::Column, &chart.marks, &chart.name, chart.compare_name.as_deref())
        }
        Drawing::Pareto(_) => plot.pareto(),
        Drawing::Heatmap(chart) => return shades(sheet, chart, table, look),
    };
    let Some(mut chart) = chart else { return Ok(()) };
    let heading = figure.drawing.heading();
    chart.title().set_name(label(&heading.title).as_str()).set_overlay(false);
    chart.set_alt_text(cell_text(&heading.description).chars().take(255).collect::<String>());
    let rows = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
    let is_bar = matches!(figure.drawing, Drawing::Ranking(_));
    let height = if is_bar { (110 + rows.min(40) * 26).max(SIZE.1) } else { SIZE.1 };
    chart.set_width(SIZE.0).set_height(height);
    sheet.insert_chart(1, number(table.columns.len() + 1)?, &chart)?;
    Ok(())
}

/// Where the numbers of a chart are.
struct Plot<'a> {
    name: &'a str,
    table: &'a Table,
    look: &'a Look,
}

impl Plot<'_> {
    /// A chart of marks, if the table has their numbers.
    fn chart(&self, kind: ChartType, marks: &[Mark], name: &str, compared: Option<&str>) -> Option<Chart> {
        let (values, order) = self.column(marks.iter().map(|mark| mark.value).collect())?;
        let mut chart = Chart::new(kind);
        self.series(&mut chart, kind, values, marks.len(), name, &MARK);
        match compared.zip(self.column(marks.iter().map(|mark| mark.compare).collect())) {
            Some((compared, (column, _))) => {
                self.series(&mut chart, kind, column, marks.len(), compared, &COMPARE);
                chart.legend().set_position(ChartLegendPosition::Bottom);
            }
            None => {
                chart.legend().set_hidden();
            }
        }
        self.axes(&mut chart, kind, values);
        if order == Order::Backwards && kind != ChartType::Bar {
            chart.x_axis().set_reverse();
            chart.y_axis().set_label_position(ChartAxisLabelPosition::High);
        }
        Some(chart)
    }

    /// Columns from the largest to the smallest, and the line of what they make together.
    fn pareto(&self) -> Option<Chart> {
        let rows = self.table.rows.len();
        let is_all = |place: usize, is: fn(&Value) -> bool| {
            self.table.rows.iter().all(|row| row.cells.get(place).is_some_and(|cell| is(&cell.value)))
        };
        let mut places = 1..self.table.columns.len();
        let values = places.clone().find(|place| is_all(*place, |value| matches!(value, Value::Money(_))))?;
        if rows > MOST_POINTS {
            return None;
        }
        let mut chart = Chart::new(ChartType::Column);
        let name = &self.table.columns.get(values)?.title;
        self.series(&mut chart, ChartType::Column, values, rows, name, &MARK);
        self.axes(&mut chart, ChartType::Column, values);
        // The last share: a table has the share of the products up to a row before that of their revenue.
        let Some(shares) = places.rfind(|place| is_all(*place, |value| matches!(value, Value::Percent(_)))) else {
            chart.legend().set_hidden();
            return Some(chart);
        };
        let mut line = Chart::new(ChartType::Line);
        self.series(&mut line, ChartType::Line, shares, rows, "Share so far", &ACCENT);
        chart.combine(&line);
        chart.y2_axis().set_min(0).set_max(1).set_num_format("0%");
        chart.legend().set_position(ChartLegendPosition::Bottom);
        Some(chart)
    }

    fn series(&self, chart: &mut Chart, kind: ChartType, column: usize, rows: usize, name: &str, paint: &Paint) {
        let (Ok(column), Ok(names), Ok(last)) = (number(column), number(self.names()), u32::try_from(rows)) else {
            return;
        };
        let series = chart.add_series();
        series.set_name(label(name).as_str());
        series.set_categories((self.name, 1, names, last, names)).set_values((self.name, 1, column, last, column));
        let (is_compared, is_share) = (paint.name == COMPARE.name, paint.name == ACCENT.name);
        series.set_secondary_axis(is_share);
        if kind == ChartType::Line {
            let mut line = ChartLine::new();
            line.set_color(color(paint)).set_width(if is_compared { 1.5 } else { 2.25 });
            if is_compared {
                line.set_dash_type(ChartLineDashType::Dash);
            }
            series.set_format(ChartFormat::new().set_line(&line));
            let mut marker = ChartMarker::new();
            if rows > 40 || is_compared || is_share {
                marker.set_none();
            } else {
                let fill = ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(color(paint))).clone();
                marker.set_type(ChartMarkerType::Circle).set_size(5).set_format(&mut fill.clone());
            }
            series.set_marker(&marker);
        } else {
            series.set_format(ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(color(paint))));
            series.set_gap(if rows > 40 { 10 } else { 60 });
        }
    }

    fn axes(&self, chart: &mut Chart, kind: ChartType, values: usize) {
        let first = self.table.rows.iter().filter_map(|row| row.cells.get(values)).map(|cell| &cell.value);
        let format = first.map(|value| self.look.number(value)).find(|format| *format != "@").unwrap_or("General");
        // Nobody reads cents on an axis.
        let format = format.replace("0.00", "0").replace("0.0%", "0%");
        let mut line = ChartLine::new();
        line.set_color(color(&GRID));
        // The library calls the axis at the bottom x, so of bars that is the one of the values.
        let values = if kind == ChartType::Bar { chart.x_axis() } else { chart.y_axis() };
        values.set_num_format(format).set_major_gridlines(true).set_major_gridlines_line(&line);
        if kind == ChartType::Bar {
            // The first row is the topmost bar, and the values are still written below the last.
            values.set_label_position(ChartAxisLabelPosition::High);
            chart.y_axis().set_major_gridlines(false).set_reverse();
        }
    }

    fn number(&self, row: usize, place: usize) -> Option<f64> {
        self.table.rows.get(row)?.cells.get(place)?.value.number()
    }

    /// The column that names the rows.
    fn names(&self) -> usize {
        let is_name = |value: &Value| matches!(value, Value::Text(_) | Value::Date(_) | Value::Time(_));
        self.table.rows.first().and_then(|row| row.cells.iter().position(|cell| is_name(&cell.value))).unwrap_or(0)
    }

    /// The column of the table that has exactly these numbers, and in which order: of runs, tables begin with the newest.
    fn column(&self, mut values: Vec<Option<f64>>) -> Option<(usize, Order)> {
        let rows = self.table.rows.len();
        if values.len() > rows.min(MOST_POINTS) || values.iter().all(Option::is_none) {
            return None;
        }
        let is_same = |place: usize, row: usize, value: f64| {
            self.number(row, place).is_some_and(|number| (number - value).abs() <= 1e-9 * value.abs().max(1.0))
        };
        let find = |values: &[Option<f64>]| {
            (1..self.table.columns.len()).find(|place| {
                let mut known = values.iter().enumerate().filter_map(|(row, value)| value.map(|value| (row, value)));
                known.all(|(row, value)| is_same(*place, row, value))
            })
        };
        if let Some(place) = find(&values) {
            return Some((place, Order::Forwards));
        }
        values.reverse();
        find(&values).filter(|_| values.len() == rows).map(|place| (place, Order::Backwards))
    }
}

/// A text that Excel does not take for a place in the workbook.
fn label(text: &str) -> String {
    cell_text(text)
        .chars()
        .take(255)
        .map(|letter| match letter {
            '=' => '＝',
            '!' => '！',
            letter => letter,
        })
        .collect()
}

/// How the rows of a table stand to the marks of its chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Forwards,
    Backwards,
}

/// Shades of the numbers of a matrix: in the table, or in a matrix beside it where the table is a list of its cells.
fn shades(sheet: &mut Worksheet, chart: &Heatmap, table: &Table, look: &Look) -> Result<()> {
    let mut scale =
        ConditionalFormat2ColorScale::new().set_minimum_color(color(&STEPS[0])).set_maximum_color(color(&STEPS[6]));
    if let Some(most) = chart.shade_to {
        scale = scale.set_maximum(ConditionalFormatType::Number, most);
    }
    let titles: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let columns: Vec<&str> = chart.columns.iter().map(String::as_str).collect();
    if titles.len() > columns.len() && titles.ends_with(&columns) && !columns.is_empty() {
        let (first, last) = (number(titles.len() - columns.len())?, number(titles.len() - 1)?);
        sheet.add_conditional_format(1, first, u32::try_from(table.rows.len())?, last, &scale)?;
        return Ok(());
    }
    let left = table.columns.len() + 1;
    sheet.write_string_with_format(0, number(left)?, cell_text(&chart.row_title), &look.head)?;
    for (place, column) in columns.iter().enumerate() {
        sheet.write_string_with_format(0, number(left + 1 + place)?, cell_text(column), &look.number_head)?;
    }
    for (place, row) in chart.rows.iter().enumerate() {
        let line = u32::try_from(place + 1)?;
        sheet.write_string(line, number(left)?, cell_text(&row.label))?;
        for (place, cell) in row.cells.iter().enumerate() {
            if let Some(value) = cell.as_ref().and_then(|cell| cell.value).filter(|value| value.is_finite()) {
                let format = Format::new().set_num_format(look.chart_number(&chart.format));
                sheet.write_number_with_format(line, number(left + 1 + place)?, value, &format)?;
            }
        }
    }
    if let (Some(last), false) = (chart.rows.len().checked_sub(1), columns.is_empty()) {
        let (first, end) = (number(left + 1)?, number(left + columns.len())?);
        sheet.add_conditional_format(1, first, u32::try_from(last + 1)?, end, &scale)?;
    }
    Ok(())
}
