//! Formats of cells.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};
use salesmart_base::settings::{Currency, SymbolPlace};
use salesmart_dashboard::chart;
use salesmart_dashboard::chart::palette::{AXIS, MARK, MUTED, Paint};
use salesmart_dashboard::content::Value;

/// How cells look.
pub(super) struct Look {
    pub(super) title: Format,
    pub(super) about: Format,
    pub(super) wrapped: Format,
    pub(super) moment: Format,
    pub(super) head: Format,
    pub(super) number_head: Format,
    pub(super) remark: Format,
    money: String,
}

impl Look {
    /// With a currency.
    pub(super) fn new(currency: &Currency) -> Self {
        let head = Format::new()
            .set_bold()
            .set_text_wrap()
            .set_align(FormatAlign::Top)
            .set_border_bottom(FormatBorder::Thin)
            .set_border_bottom_color(color(&AXIS));
        Self {
            title: Format::new().set_bold().set_font_size(16).set_font_color(color(&MARK)),
            about: Format::new().set_bold().set_align(FormatAlign::Top),
            wrapped: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            moment: Format::new().set_num_format(MOMENT).set_align(FormatAlign::Left),
            number_head: head.clone().set_align(FormatAlign::Right),
            head,
            remark: Format::new().set_italic().set_font_color(color(&MUTED)),
            money: money(currency, "#,##0.00"),
        }
    }

    /// How Excel shows a value; it holds all of its decimals.
    pub(super) fn number(&self, value: &Value) -> &str {
        match value {
            Value::Money(_) => &self.money,
            Value::Quantity(amount) if !amount.fract().is_zero() => "#,##0.00",
            Value::Quantity(_) | Value::Count(_) => "#,##0",
            Value::Percent(_) => "0.0%",
            Value::Change(_) => "+0.0%;-0.0%;0.0%",
            Value::Seconds(_) => "0.0",
            Value::Date(_) => "yyyy-mm-dd",
            Value::Time(_) => MOMENT,
            Value::None | Value::Text(_) => "@",
        }
    }

    /// The same for a number of a chart.
    pub(super) fn chart_number(&self, format: &chart::Format) -> &str {
        match format {
            chart::Format::Currency { .. } => &self.money,
            chart::Format::Count => "#,##0",
            chart::Format::Percent(_) => "0.0%",
            chart::Format::Decimal(_) => "#,##0.00",
        }
    }

    /// The format of a cell; of a row that the page is filtered by it is bold.
    pub(super) fn cell(&self, value: &Value, is_selected: bool) -> Format {
        let format = match value {
            // Not the format of texts: what is typed over it may be a number.
            Value::None | Value::Text(_) => Format::new(),
            _ => Format::new().set_num_format(self.number(value)),
        };
        if is_selected { format.set_bold() } else { format }
    }
}

const MOMENT: &str = "yyyy-mm-dd hh:mm";

/// A format with the currency's symbol in its place.
fn money(currency: &Currency, digits: &str) -> String {
    // A quote would end the symbol early.
    let symbol: String =
        currency.symbol.chars().filter(|letter| *letter != '"' && !letter.is_control()).take(20).collect();
    match currency.place {
        _ if symbol.is_empty() => digits.to_owned(),
        SymbolPlace::Before => format!("\"{symbol}\"{digits};-\"{symbol}\"{digits}"),
        SymbolPlace::After => format!("{digits}\u{a0}\"{symbol}\""),
    }
}

/// A colour of the charts on white.
pub(super) fn color(paint: &Paint) -> Color {
    Color::from(paint.light)
}
