//! What was written, opened as a spreadsheet program does.

use std::io::{Cursor, Read};

use calamine::{Data, Range, Reader, Xlsx};
use salesmart_dashboard::content::Value;
use salesmart_metrics::money::amount;

use super::*;
use crate::tests::{Sample, hostile, report, sample, table};

fn open(sample: &Sample) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(write(&report(sample)).unwrap())).unwrap()
}

fn sheet(sample: &Sample, name: &str) -> Range<Data> {
    open(sample).worksheet_range(name).unwrap()
}

/// A part of the file, as it is written.
fn part(sample: &Sample, name: &str) -> String {
    let bytes = write(&report(sample)).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn numbers_are_numbers_with_all_decimals() {
    let sample = sample();
    assert_eq!(open(&sample).sheet_names(), ["Filters", "Key figures", "Revenue by month", "Days"]);
    let months = sheet(&sample, "Revenue by month");
    assert_eq!(months.get((0, 1)), Some(&Data::String("Revenue".to_owned())));
    assert_eq!(months.get((1, 0)), Some(&Data::String("Jan 2024".to_owned())));
    assert_eq!(months.get((1, 1)), Some(&Data::Float(1234.5678)));
    assert_eq!(months.get((3, 1)), Some(&Data::Float(-12.5)));
    assert_eq!(months.get((2, 3)), Some(&Data::Float(0.5)));
    assert_eq!(months.get((3, 3)), Some(&Data::Empty));
    let figures = sheet(&sample, "Key figures");
    let heads: Vec<String> = figures.rows().next().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(heads, ["Key figure", "Value", "Previous period", "Change on previous period", "Note"]);
    assert_eq!(figures.get((1, 1)), Some(&Data::Float(1_234_567.891_2)));
    assert_eq!(figures.get((1, 3)), Some(&Data::Float(0.25)));
}

#[test]
fn dates_are_dates() {
    let days = sheet(&sample(), "Days");
    let moment = |column| match days.get((1, column)) {
        Some(Data::DateTime(moment)) => moment.to_ymd_hms_milli(),
        other => panic!("{other:?}"),
    };
    assert_eq!(moment(0), (2024, 3, 5, 0, 0, 0, 0));
    assert_eq!(moment(1), (2024, 3, 5, 14, 3, 0, 0));
    assert_eq!(days.get((1, 2)), Some(&Data::Float(1_234_567.0)));
}

#[test]
fn the_first_sheet_says_what_was_asked() {
    let filters = sheet(&sample(), "Filters");
    let said: Vec<(String, String)> = filters
        .rows()
        .map(|row| (row[0].to_string(), row.get(1).map(ToString::to_string).unwrap_or_default()))
        .collect();
    for (about, text) in [
        ("Café Sales – Overview", ""),
        ("Page", "Overview"),
        ("Days", "1 Jan – 31 Mar 2024"),
        ("Region", "North, South"),
        ("Filter", "region=North&region=South"),
        ("Load", "42"),
        ("Exported by", "ann"),
        ("Note", "March 2024 is not over."),
    ] {
        assert!(said.contains(&(about.to_owned(), text.to_owned())), "{about} {text} is not in {said:?}");
    }
    let core = part(&sample(), "docProps/core.xml");
    assert!(core.contains("2024-04-01T06:30:00Z") && core.contains("<dc:creator>ann</dc:creator>"), "{core}");
}

#[test]
fn formats_heads_and_charts_are_those_of_a_report() {
    let sample = sample();
    let styles = part(&sample, "xl/styles.xml");
    assert!(styles.contains("formatCode=\"#,##0.00\u{a0}&quot;€&quot;\"") && styles.contains("formatCode=\"0.0%\""));
    let sheet = part(&sample, "xl/worksheets/sheet3.xml");
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<autoFilter ref=\"A1:D4\"/>"), "{sheet}");
    let chart = part(&sample, "xl/charts/chart1.xml");
    for text in [
        "<c:lineChart>",
        "'Revenue by month'!$A$2:$A$4",
        "'Revenue by month'!$B$2:$B$4",
        "'Revenue by month'!$C$2:$C$4",
        "Revenue by month",
        // Which line is which.
        "<c:legendPos val=\"b\"/>",
    ] {
        assert!(chart.contains(text), "{text} is not in {chart}");
    }
}

#[test]
fn no_text_is_a_formula_and_none_breaks_a_sheet() {
    let sample = hostile();
    let mut book = open(&sample);
    let names = book.sheet_names();
    for name in &names {
        assert!(book.worksheet_range(name).is_ok());
        let formulas = book.worksheet_formula(name).unwrap();
        assert!(formulas.used_cells().all(|(_, _, formula)| formula.is_empty()), "{name}");
    }
    let rows = names.iter().map(|name| book.worksheet_range(name).unwrap()).find(|range| range.height() == 11).unwrap();
    assert_eq!(rows.get((1, 0)), Some(&Data::String("=cmd()|'/c calc'!A1".to_owned())));
    let Some(Data::String(long)) = rows.get((3, 0)) else { panic!("no text") };
    assert!(long.len() > 30_000 && long.encode_utf16().count() < 32_767 && long.ends_with('…'));
}

#[test]
fn every_row_of_a_long_table_is_there() {
    let rows =
        (1..=5_000).map(|row| vec![Value::text(format!("Product {row}")), Value::Money(amount(row * 10_000 + 1))]);
    let mut sample = sample();
    sample.content.blocks = vec![Block::Table(table("long", "Long", &["Product", "#Revenue"], rows.collect()))];
    let range = sheet(&sample, "Long");
    assert_eq!(range.height(), 5_001);
    assert_eq!(range.get((5_000, 1)), Some(&Data::Float(5_000.000_1)));
}

#[test]
fn nothing_to_show_is_said() {
    let mut sample = sample();
    sample.content.blocks = vec![Block::Table(table("none", "None", &["A"], Vec::new()))];
    assert_eq!(sheet(&sample, "None").get((1, 0)), Some(&Data::String("No sales match this selection.".to_owned())));
    sample.content.blocks.clear();
    let filters = sheet(&sample, "Filters");
    assert!(filters.rows().any(|row| row[1] == *"There is nothing to show for this selection."));
}

#[test]
fn a_list_of_cells_is_shaded_as_a_matrix_beside_it() {
    use salesmart_dashboard::chart::{Format, Heading, Heatmap, heatmap};
    use salesmart_dashboard::content::{Drawing, Figure};
    let cells = |values: [f64; 2]| values.map(|value| Some(heatmap::Cell::new(value))).into();
    let chart = Heatmap {
        heading: Heading::new("rfm", "Scores", "customers"),
        format: Format::Count,
        row_title: "Recency".to_owned(),
        note_title: String::new(),
        column_title: "Frequency".to_owned(),
        columns: vec!["F1".to_owned(), "F2".to_owned()],
        rows: vec![heatmap::Row::new("R2", cells([1.0, 2.0])), heatmap::Row::new("R1", cells([3.0, 4.0]))],
        shade_to: None,
    };
    let list = [(2, 1, 1), (2, 2, 2), (1, 1, 3), (1, 2, 4)];
    let rows = list.map(|(r, f, n)| vec![Value::Count(r), Value::Count(f), Value::Count(n)]).into();
    let data = table("rfm-table", "Scores", &["#Recency", "#Frequency", "#Customers"], rows);
    let mut sample = sample();
    sample.content.blocks = vec![Figure::half(Drawing::Heatmap(chart), data).into()];
    let range = sheet(&sample, "Scores");
    assert_eq!(range.get((0, 6)), Some(&Data::String("F2".to_owned())));
    assert_eq!(range.get((2, 6)), Some(&Data::Float(4.0)));
    assert!(part(&sample, "xl/worksheets/sheet2.xml").contains("<conditionalFormatting sqref=\"F2:G3\">"));
}

#[test]
fn bars_begin_at_the_left_and_the_first_is_at_the_top() {
    use salesmart_dashboard::chart::{Format, Heading, Mark, Ranking};
    use salesmart_dashboard::content::{Drawing, Figure};
    let marks = vec![Mark::new("North", 3.0), Mark::new("South", 2.0)];
    let heading = Heading::new("regions", "Regions", "customers");
    let chart = Ranking::new(heading, Format::Count, "Region", "Customers", marks);
    let rows = [("North", 3), ("South", 2)].map(|(name, n)| vec![Value::text(name), Value::Count(n)]).into();
    let mut sample = sample();
    let data = table("regions-table", "Regions", &["Region", "#Customers"], rows);
    sample.content.blocks = vec![Figure::half(Drawing::Ranking(chart), data).into()];
    let chart = part(&sample, "xl/charts/chart1.xml");
    let axis =
        |name: &str| chart.split(&format!("<c:{name}>")).nth(1).unwrap().split(&format!("</c:{name}>")).next().unwrap();
    let (names, values) = (axis("catAx"), axis("valAx"));
    assert!(
        names.contains("<c:orientation val=\"maxMin\"/>") && names.contains("<c:tickLblPos val=\"nextTo\"/>"),
        "{names}"
    );
    // Turned around, the names have the axis of the values at their end: at the top, but for its labels.
    assert!(
        values.contains("<c:orientation val=\"minMax\"/>") && values.contains("<c:tickLblPos val=\"high\"/>"),
        "{values}"
    );
    assert!(values.contains("formatCode=\"#,##0\""), "{values}");
    assert!(!chart.contains("<c:legend>"), "one series needs none: {chart}");
}

#[test]
fn the_share_of_a_pareto_chart_ends_at_all_of_it() {
    use salesmart_dashboard::chart::{Format, Heading, Mark, Pareto};
    use salesmart_dashboard::content::{Drawing, Figure};
    let marks = vec![Mark::new("Mug", 3.0), Mark::new("Cup", 1.0)];
    let chart = Pareto::new(Heading::new("pareto", "Curve", ""), Format::Count, "products", "revenue", marks);
    let rows = [("Mug", 3, 0.75), ("Cup", 1, 1.0)]
        .map(|(name, revenue, share)| vec![Value::text(name), Value::Money(amount(revenue)), Value::Percent(share)]);
    let mut sample = sample();
    let data = table("pareto-table", "Curve", &["Product", "#Revenue", "#Revenue up to it"], rows.into());
    sample.content.blocks = vec![Figure::half(Drawing::Pareto(chart), data).into()];
    let chart = part(&sample, "xl/charts/chart1.xml");
    let shares = chart.split("<c:valAx>").nth(2).unwrap();
    assert!(shares.contains("<c:max val=\"1\"/>") && shares.contains("formatCode=\"0%\""), "{shares}");
    assert!(chart.contains("<c:v>Revenue</c:v>") && chart.contains("<c:legendPos val=\"b\"/>"), "{chart}");
}

#[test]
fn no_row_is_higher_than_excel_takes() {
    let mut sample = sample();
    sample.content.notes = vec!["A note that never ends. ".repeat(1_000)];
    let about = part(&sample, "xl/worksheets/sheet1.xml");
    let heights = about.split(" ht=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    assert_eq!(heights.fold(0.0, f64::max), 408.75, "{about}");
}

#[test]
fn rows_are_as_high_as_their_text() {
    let mut sample = sample();
    let heads = ["Name", "#Change on previous period"];
    let rows = vec![vec![Value::text("A"), Value::Count(1)]];
    sample.content.blocks = vec![Block::Table(table("t", "Heads", &heads, rows))];
    sample.content.notes = vec!["A note that is long. ".repeat(10)];
    let heads = part(&sample, "xl/worksheets/sheet2.xml");
    assert!(heads.contains("<row r=\"1\" spans=\"1:2\" ht=\"45\" customHeight=\"1\""), "{heads}");
    let about = part(&sample, "xl/worksheets/sheet1.xml");
    assert!(
        about.contains("ht=\"45\" customHeight=\"1\"") && about.contains("<pageSetUpPr fitToPage=\"1\"/>"),
        "{about}"
    );
}
