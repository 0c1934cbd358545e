//! One bucket, bar or product: what most charts are lists of.

use rust_decimal::Decimal;
use salesmart_metrics::money::as_f64;

use super::Format;

/// A named value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// Full name, for tooltip, table and links: `November 2024`.
    pub label: String,
    /// What stands on a time axis instead; an empty text there leaves this one out.
    pub short: Option<String>,
    /// The value; nothing, like NaN, leaves a gap.
    pub value: Option<f64>,
    /// The amount that the value is the nearest float of: what is written, and added up.
    pub amount: Option<Decimal>,
    /// The exact text of the value; without it the chart's format makes one.
    pub text: Option<String>,
    /// What it is compared with, for example the same month a year before.
    pub compare: Option<f64>,
    /// The amount that it is the nearest float of.
    pub compare_amount: Option<Decimal>,
    /// Where a click leads.
    pub href: Option<String>,
    /// Tooltip; without it name and values.
    pub tip: Option<String>,
    /// Whether the page is filtered by this one.
    pub selected: bool,
}

impl Mark {
    /// A value with its name.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Self { label: label.into(), value: Some(value), ..Self::default() }
    }

    /// An amount with its name.
    pub fn amount(label: impl Into<String>, amount: Decimal) -> Self {
        Self { amount: Some(amount), ..Self::new(label, as_f64(amount)) }
    }

    /// A bucket without a value.
    pub fn gap(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// With another label on the axis.
    pub fn short(self, short: impl Into<String>) -> Self {
        Self { short: Some(short.into()), ..self }
    }

    /// With the exact text of the value.
    pub fn text(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    /// With a value to compare with.
    pub fn compare(self, value: f64) -> Self {
        Self { compare: Some(value), ..self }
    }

    /// With an amount to compare with, if there is one.
    pub fn compare_amount(self, amount: Option<Decimal>) -> Self {
        Self { compare: amount.map(as_f64), compare_amount: amount, ..self }
    }

    /// With a link.
    pub fn href(self, href: impl Into<String>) -> Self {
        Self { href: Some(href.into()), ..self }
    }

    /// With a tooltip of its own.
    pub fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: Some(tip.into()), ..self }
    }

    /// As the one that the page is filtered by.
    pub fn selected(self) -> Self {
        Self { selected: true, ..self }
    }

    /// The value if it can be drawn.
    pub(crate) fn finite(&self) -> Option<f64> {
        self.value.filter(|value| value.is_finite())
    }

    /// The value to compare with if it can be drawn.
    pub(crate) fn finite_compare(&self) -> Option<f64> {
        self.compare.filter(|value| value.is_finite())
    }

    pub(crate) fn axis_label(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.label)
    }

    /// The caller's text or the exact form.
    pub(crate) fn full(&self, format: &Format) -> String {
        match (&self.text, self.amount) {
            (Some(text), _) => text.clone(),
            (None, Some(amount)) => format.exact(amount),
            (None, None) => format.full(self.value.unwrap_or(f64::NAN)),
        }
    }

    /// The exact form of what it is compared with, if there is anything.
    pub(crate) fn full_compare(&self, format: &Format) -> Option<String> {
        match self.compare_amount {
            Some(amount) => Some(format.exact(amount)),
            None => self.finite_compare().map(|value| format.full(value)),
        }
    }

    /// The caller's text or the short form.
    pub(crate) fn brief(&self, format: &Format) -> String {
        match (&self.text, self.finite()) {
            (Some(text), _) => text.clone(),
            (None, Some(value)) => format.short(value),
            (None, None) => "–".to_owned(),
        }
    }

    /// Lines of the tooltip.
    pub(crate) fn tip_text(&self, format: &Format, compare_name: Option<&str>) -> String {
        if let Some(tip) = &self.tip {
            return tip.clone();
        }
        let mut tip = format!("{}: {}", self.label, self.full(format));
        if let (Some(name), Some(value)) = (compare_name, self.full_compare(format)) {
            tip.push_str(&format!("\n{name}: {value}"));
        }
        tip
    }
}

#[cfg(test)]
mod tests {
    use salesmart_metrics::money::amount;

    use super::*;

    #[test]
    fn an_amount_is_written_as_a_table_writes_it_and_not_as_its_float() {
        // The floats nearest to them lie below.
        let mark = Mark::amount("May", amount(10_050)).compare_amount(Some(amount(-20_150)));
        assert_eq!(mark.full(&Format::pounds()), "£1.01");
        assert_eq!(mark.tip_text(&Format::pounds(), Some("Before")), "May: £1.01\nBefore: −£2.02");
        assert_eq!((mark.value, mark.compare), (Some(1.005), Some(-2.015)));
        assert_eq!(Mark::gap("June").full(&Format::pounds()), "–");
    }
}
