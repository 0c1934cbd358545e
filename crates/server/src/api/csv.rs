//! A table as CSV: RFC 4180, UTF-8, with a header.
//!
//! NULL is an empty field; the empty text is `""`. [`neutralize`] writes a `'` before text that a spreadsheet would evaluate. Numbers
//! stay as they are, also those below zero. Programs that need such text unchanged ask for NDJSON or Arrow.

use salesmart_base::formula::neutralize;
use salesmart_metrics::money;

use super::tabular::{Table, Values};

/// The whole file.
pub(super) fn write(table: &Table) -> Vec<u8> {
    let mut csv = String::new();
    for (place, column) in table.columns.iter().enumerate() {
        separate(&mut csv, place);
        csv.push_str(&column.name);
    }
    csv.push_str("\r\n");
    for row in 0..table.rows {
        for (place, column) in table.columns.iter().enumerate() {
            separate(&mut csv, place);
            let plain = match &column.values {
                Values::Text(values) => {
                    values[row].as_deref().into_iter().for_each(|value| text(&mut csv, value));
                    None
                }
                Values::Count(values) => values[row].map(|value| value.to_string()),
                Values::Amount(values) => values[row].map(money::text),
                Values::Ratio(values) => values[row].map(|value| value.to_string()),
                Values::Day(values) => values[row].map(|value| value.to_string()),
                Values::Flag(values) => values[row].map(|value| value.to_string()),
            };
            csv.push_str(&plain.unwrap_or_default());
        }
        csv.push_str("\r\n");
    }
    csv.into_bytes()
}

fn separate(csv: &mut String, place: usize) {
    if place > 0 {
        csv.push(',');
    }
}

fn text(csv: &mut String, text: &str) {
    let text = neutralize(text);
    if !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        csv.push_str(&text);
        return;
    }
    csv.push('"');
    csv.push_str(&text.replace('"', "\"\""));
    csv.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    #[test]
    fn texts_are_quoted_and_formulas_are_made_harmless() {
        let things = [
            ("plain", Some(1)),
            ("a,b", None),
            ("say \"hi\"", Some(2)),
            ("two\nlines", Some(-3)),
            ("", Some(4)),
            ("=1+1", Some(5)),
            ("@SUM(A1)", None),
            ("-12", Some(-12)),
        ];
        let table = Table::of(&things)
            .text("name", |thing| thing.0)
            .amount("worth", |thing| thing.1.map(Decimal::from))
            .maybe_text("none", |_| None)
            .table();
        assert_eq!(
            String::from_utf8(write(&table)).unwrap(),
            "name,worth,none\r\nplain,1.0000,\r\n\"a,b\",,\r\n\"say \"\"hi\"\"\",2.0000,\r\n\"two\nlines\",-3.0000,\r\n\
             \"\",4.0000,\r\n'=1+1,5.0000,\r\n'@SUM(A1),,\r\n-12,-12.0000,\r\n"
        );
    }
}
