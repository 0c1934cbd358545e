//! One bucket, bar or product: what most charts are lists of.

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
    /// The exact text of the value; without it the chart's format makes one.
    pub text: Option<String>,
    /// What it is compared with, for example the same month a year before.
    pub compare: Option<f64>,
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
        match (&self.text, self.finite()) {
            (Some(text), _) => text.clone(),
            (None, Some(value)) => format.full(value),
            (None, None) => "–".to_owned(),
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
        if let (Some(name), Some(value)) = (compare_name, self.finite_compare()) {
            tip.push_str(&format!("\n{name}: {}", format.full(value)));
        }
        tip
    }
}
