//! One table of a page as CSV: for programs and analysts, so with all decimals and without units.

use std::io::Write;

use anyhow::Context;
use csv::{Terminator, WriterBuilder};
use salesmart_base::formula::{neutralize, neutralize_line};
use salesmart_dashboard::content::{Block, Said, Table, Tile, Value};
use salesmart_metrics::filter::Invalid;
use salesmart_metrics::money;

use super::{Failure, Order, Report};

/// Tells Excel that this is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes the table that is ordered.
pub(super) fn write(report: &Report<'_>, order: &Order) -> Result<Vec<u8>, Failure> {
    let block = choose(report, order.block.as_deref())?;
    let mut bytes = MARK.to_vec();
    if order.has_notes {
        let title = Said { about: "Report".to_owned(), text: report.title() };
        for said in std::iter::once(title).chain(report.facts()) {
            let line = neutralize_line(&format!("# {}: {}", said.about, said.text));
            writeln!(bytes, "{line}\r").map_err(|error| Failure::Internal(error.into()))?;
        }
    }
    let rows = match block {
        Some(Block::Tiles(tiles)) => key_figures(tiles),
        Some(block) => block.table().map(rows).unwrap_or_default(),
        None => Vec::new(),
    };
    into(&mut bytes, &rows).context("the table as CSV").map_err(Failure::Internal)?;
    Ok(bytes)
}

/// The block of this name; without one the first table of the page, or its key figures where there is none.
fn choose<'a>(report: &'a Report<'_>, wanted: Option<&str>) -> Result<Option<&'a Block>, Failure> {
    let blocks = &report.content.blocks;
    let Some(wanted) = wanted else {
        return Ok(blocks.iter().find(|block| block.table().is_some()).or(blocks.first()));
    };
    let found = blocks.iter().find(|block| block.id() == wanted);
    found.map(Some).ok_or_else(|| {
        let known: Vec<&str> = blocks.iter().map(Block::id).collect();
        Failure::Invalid(Invalid::new("block", format!("this page has {}", known.join(", "))))
    })
}

fn into(bytes: &mut Vec<u8>, rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(bytes);
    for row in rows {
        writer.write_record(row)?;
    }
    writer.flush()?;
    Ok(())
}

fn rows(table: &Table) -> Vec<Vec<String>> {
    let heads = table.columns.iter().map(|column| cell(&column.title)).collect();
    let rows = table.rows.iter().map(|row| row.cells.iter().map(|cell| plain(&cell.value)).collect());
    std::iter::once(heads).chain(rows).collect()
}

fn key_figures(tiles: &[Tile]) -> Vec<Vec<String>> {
    super::key_figures(tiles).iter().map(|row| row.iter().map(plain).collect()).collect()
}

/// As programs read it.
fn plain(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::Text(text) => cell(text),
        Value::Money(amount) | Value::Quantity(amount) => money::text(*amount),
        Value::Count(count) => count.to_string(),
        Value::Percent(share) | Value::Change(share) => share.to_string(),
        Value::Seconds(seconds) => seconds.to_string(),
        Value::Date(day) => day.to_string(),
        Value::Time(moment) => moment.clone(),
    }
}

fn cell(text: &str) -> String {
    neutralize(&super::cell_text(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{report, sample};
    use salesmart_dashboard::content::KEY_FIGURES;

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let text = std::str::from_utf8(bytes.strip_prefix(MARK).unwrap()).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).comment(Some(b'#')).from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn the_main_table_has_all_decimals_and_no_units() {
        let sample = sample();
        let rows = read(&write(&report(&sample), &Order::default()).unwrap());
        assert_eq!(rows[0], ["Month", "Revenue", "Previous", "Margin"]);
        assert_eq!(rows[1], ["Jan 2024", "1234.5678", "1000.0000", "0.25"]);
        assert_eq!(rows[3], ["Mar 2024", "-12.5000", "", ""]);
    }

    #[test]
    fn a_block_is_chosen_by_name_and_a_wrong_name_is_told() {
        let sample = sample();
        let order = |block: &str| Order { block: Some(block.to_owned()), ..Order::default() };
        let rows = read(&write(&report(&sample), &order(KEY_FIGURES)).unwrap());
        assert_eq!(rows[1][..2], ["Revenue", "1234567.8912"]);
        let Err(Failure::Invalid(invalid)) = write(&report(&sample), &order("nothing")) else {
            panic!("there is a block")
        };
        assert!(invalid.parameter == "block" && invalid.reason.contains("trend-table, "), "{invalid}");
    }

    #[test]
    fn no_text_becomes_a_formula() {
        for (text, written) in [
            ("=cmd()", "'=cmd()"),
            ("  @sum", "'  @sum"),
            ("+1+1", "'+1+1"),
            ("-1", "-1"),
            ("-5% off", "'-5% off"),
            ("\tx", "'\tx"),
            ("a=b", "a=b"),
            ("a\0b", "ab"),
        ] {
            assert_eq!(plain(&Value::text(text)), written);
        }
        assert_eq!(plain(&Value::Money(money::amount(-5))), "-0.0005");
        assert!(cell(&"x".repeat(40_000)).len() < 32_767);
    }

    #[test]
    fn notes_say_the_filter_and_stay_out_of_the_table() {
        let sample = sample();
        let order = Order { has_notes: true, who: Some("ann\r\n=x".to_owned()), block: None };
        let report = crate::Report { who: order.who.as_deref(), ..report(&sample) };
        let bytes = write(&report, &order).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("# Days: 1 Jan – 31 Mar 2024\r\n# Region: North, South\r\n"), "{text}");
        assert!(text.contains("# Exported by: ann  =x\r\n"));
        assert_eq!(read(&bytes), read(&write(&report, &Order::default()).unwrap()));
    }
}
