//! What was written, read back.

use krilla::configure::Validator;
use salesmart_dashboard::content::Value;
use salesmart_metrics::money::amount;

use super::paper::Shape;
use super::*;
use crate::tests::{Sample, hostile, report, sample, table};

/// The text of each page, its lines joined.
fn texts(bytes: &[u8]) -> Vec<String> {
    let pages = pdf_extract::extract_text_from_mem_by_pages(bytes).unwrap();
    pages.iter().map(|page| page.replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Everything ends before the edges of its page.
fn assert_inside(paper: &Paper) {
    for (number, page) in paper.pages.iter().enumerate() {
        for item in page {
            let (left, top, right, bottom) = match &item.shape {
                Shape::Text { line, x, y, size, .. } => (*x, y - size, x + line.width(*size), y + size * 0.3),
                Shape::Block { x, y, width, height, .. } | Shape::Chart { x, y, width, height, .. } => {
                    (*x, *y, x + width, y + height)
                }
            };
            let what = match &item.shape {
                Shape::Text { line, .. } => line.text.chars().take(80).collect(),
                Shape::Block { .. } => "a block".to_owned(),
                Shape::Chart { .. } => "a chart".to_owned(),
            };
            let margin = paper::MARGIN - 4.0;
            assert!(left >= margin && right <= paper.size.0 - margin, "page {number}: {what} from {left} to {right}");
            assert!(top >= 20.0 && bottom <= paper.size.1 - 20.0, "page {number}: {what} from {top} to {bottom}");
        }
    }
}

fn with_rows(rows: usize) -> Sample {
    let rows =
        (1..=rows).map(|row| vec![Value::text(format!("Product {row}")), Value::Money(amount(row as i128 * 10_000))]);
    let mut sample = sample();
    sample.content.blocks.push(Block::Table(table(
        "long",
        "All products",
        &["Product name", "#Revenue"],
        rows.collect(),
    )));
    sample
}

#[test]
fn text_can_be_selected_and_says_what_the_page_says() {
    let sample = sample();
    let bytes = write(&report(&sample)).unwrap();
    let all = texts(&bytes).join(" ");
    for text in [
        "Café Sales",
        "Overview",
        "Days 1 Jan – 31 Mar 2024",
        "Region North, South",
        "Exported by ann",
        "March 2024 is not over.",
        "Data as of 1 Apr 2024, 06:30 UTC",
        // The tile, its change and the days compared with.
        "1,234,567.89 €",
        "▲ +25.0 % previous period",
        "Oct – Dec 2023: 987,654.31 €",
        // A label of the chart.
        "Revenue by month",
        // The table behind it.
        "Jan 2024 1,234.57 € 1,000.00 € 25.0 %",
        "Mar 2024 −12.50 € – –",
        "5 Mar 2024 5 Mar 2024, 14:03 UTC 1,234,567 −5.0 %",
    ] {
        assert!(all.contains(text), "{text:?} is not in {all}");
    }
    assert_inside(&compose(&report(&sample)).unwrap());
}

#[test]
fn the_document_says_what_it_is() {
    let sample = sample();
    let bytes = write(&report(&sample)).unwrap();
    let document = pdf_extract::Document::load_mem(&bytes).unwrap();
    let catalog = document.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").unwrap().as_str().unwrap(), b"en");
    assert!(catalog.has(b"StructTreeRoot") && catalog.has(b"Outlines"));
    let info = document.trailer.get(b"Info").and_then(|info| info.as_reference()).unwrap();
    let info = document.get_dictionary(info).unwrap();
    assert_eq!(pdf_extract::Object::as_str(info.get(b"Author").unwrap()).unwrap(), b"ann");
    assert!(info.has(b"Title"));
    let created = String::from_utf8_lossy(info.get(b"CreationDate").unwrap().as_str().unwrap()).into_owned();
    assert!(created.starts_with("D:20240401063000"), "{created}");
    // What readers for the blind rely on: everything has its place in the structure, charts have a text.
    finish_for_all(&sample);
}

fn finish_for_all(sample: &Sample) {
    let report = report(sample);
    draw::finish(&compose(&report).unwrap(), metadata(&report), Validator::UA1).unwrap();
}

#[test]
fn a_long_table_repeats_its_heads_and_says_what_it_leaves_out() {
    let sample = with_rows(5_000);
    let bytes = write(&report(&sample)).unwrap();
    let pages = texts(&bytes);
    let count = pages.len();
    assert!((8..20).contains(&count), "{count} pages");
    for (place, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("{} / {count}", place + 1)), "page {place}: {page}");
    }
    let of_the_table: Vec<&String> = pages.iter().filter(|page| page.contains("Product 1")).collect();
    assert!(of_the_table.len() > 3);
    for page in of_the_table {
        assert!(page.contains("Product name Revenue"), "{page}");
    }
    let all = pages.join(" ");
    assert!(all.contains("Product 400 400.00 €") && !all.contains("Product 401 "));
    assert!(all.contains("4,600 more rows are not printed here.") && all.contains("block=long"));
    assert_inside(&compose(&report(&sample)).unwrap());
}

#[test]
fn no_text_breaks_a_page() {
    let sample = hostile();
    let paper = compose(&report(&sample)).unwrap();
    assert_inside(&paper);
    let all = texts(&write(&report(&sample)).unwrap()).join(" ");
    assert!(all.contains("=cmd()|'/c calc'!A1"));
    finish_for_all(&sample);
}

#[test]
fn many_columns_lie_on_their_side() {
    let heads: Vec<String> = (0..14).map(|month| format!("#Month {month}")).collect();
    let heads: Vec<&str> = ["Cohort"].into_iter().chain(heads.iter().map(String::as_str)).collect();
    let rows = (0..30).map(|row| {
        std::iter::once(Value::text(format!("Cohort {row}")))
            .chain((0..14).map(|_| Value::Money(amount(12_345_678_900_i64))))
    });
    let mut sample = sample();
    let rows = rows.map(Iterator::collect).collect();
    sample.content.blocks.push(Block::Table(table("wide", "Wide", &heads, rows)));
    let paper = compose(&report(&sample)).unwrap();
    assert!(paper.size.0 > paper.size.1);
    assert_inside(&paper);
}

#[test]
fn nothing_to_show_is_said() {
    let mut sample = sample();
    sample.content.blocks = vec![Block::Table(table("none", "None", &["A"], Vec::new()))];
    assert!(texts(&write(&report(&sample)).unwrap()).join(" ").contains("No sales match this selection."));
    sample.content.blocks.clear();
    sample.content.range = None;
    assert!(
        texts(&write(&report(&sample)).unwrap()).join(" ").contains("There is nothing to show for this selection.")
    );
}
