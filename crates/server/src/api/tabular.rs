//! A flat table: what CSV, NDJSON and Arrow are written from.
//!
//! It is kept by columns, each of one kind: no row can have a cell too few, nor a text where the others have a number.

use std::borrow::Cow;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use salesmart_metrics::figures::KeyFigures;

/// Columns of the same length.
#[derive(Debug)]
pub(super) struct Table {
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// Their length.
    pub rows: usize,
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its name, in `snake_case`.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub values: Values,
}

/// The values of a column; none where something is unknown.
#[derive(Debug)]
pub(super) enum Values {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Count(Vec<Option<i64>>),
    /// Exact amounts.
    Amount(Vec<Option<Decimal>>),
    /// Shares and other ratios.
    Ratio(Vec<Option<f64>>),
    /// Days.
    Day(Vec<Option<NaiveDate>>),
    /// Yes or no.
    Flag(Vec<Option<bool>>),
}

/// A table of things, a row each, that gets its columns one after the other.
pub(super) struct Rows<'t, T> {
    things: &'t [T],
    columns: Vec<Column>,
}

impl Table {
    /// A table of things, without a column yet.
    pub(super) fn of<T>(things: &[T]) -> Rows<'_, T> {
        Rows { things, columns: Vec::new() }
    }
}

impl<'t, T> Rows<'t, T> {
    fn column(mut self, name: impl Into<Cow<'static, str>>, values: Values) -> Self {
        self.columns.push(Column { name: name.into(), values });
        self
    }

    fn each<V>(&self, value: impl Fn(&'t T) -> Option<V>) -> Vec<Option<V>> {
        self.things.iter().map(value).collect()
    }

    pub(super) fn text(self, name: &'static str, value: impl Fn(&'t T) -> &'t str) -> Self {
        self.maybe_text(name, |thing| Some(value(thing)))
    }

    /// Something that has a text of its own.
    pub(super) fn shown<V: ToString>(self, name: &'static str, value: impl Fn(&'t T) -> V) -> Self {
        let values = self.each(|thing| Some(value(thing).to_string()));
        self.column(name, Values::Text(values))
    }

    pub(super) fn maybe_text(self, name: &'static str, value: impl Fn(&'t T) -> Option<&'t str>) -> Self {
        let values = self.each(|thing| value(thing).map(str::to_owned));
        self.column(name, Values::Text(values))
    }

    pub(super) fn count(self, name: impl Into<Cow<'static, str>>, value: impl Fn(&'t T) -> Option<u64>) -> Self {
        let values = self.each(|thing| value(thing).and_then(|count| i64::try_from(count).ok()));
        self.column(name, Values::Count(values))
    }

    pub(super) fn amount(self, name: impl Into<Cow<'static, str>>, value: impl Fn(&'t T) -> Option<Decimal>) -> Self {
        let values = self.each(value);
        self.column(name, Values::Amount(values))
    }

    pub(super) fn ratio(self, name: impl Into<Cow<'static, str>>, value: impl Fn(&'t T) -> Option<f64>) -> Self {
        let values = self.each(value);
        self.column(name, Values::Ratio(values))
    }

    pub(super) fn day(self, name: &'static str, value: impl Fn(&'t T) -> Option<NaiveDate>) -> Self {
        let values = self.each(value);
        self.column(name, Values::Day(values))
    }

    pub(super) fn flag(self, name: &'static str, value: impl Fn(&'t T) -> Option<bool>) -> Self {
        let values = self.each(value);
        self.column(name, Values::Flag(values))
    }

    /// A column for each key figure, their names with something before them.
    pub(super) fn figures(self, before: &str, of: impl Fn(&'t T) -> Option<&'t KeyFigures>) -> Self {
        let name = |figure: &str| format!("{before}{figure}");
        self.amount(name("revenue"), |thing| of(thing).map(|figures| figures.revenue))
            .amount(name("profit"), |thing| of(thing).and_then(|figures| figures.profit))
            .ratio(name("margin"), |thing| of(thing).and_then(|figures| figures.margin))
            .count(name("orders"), |thing| of(thing).map(|figures| figures.orders))
            .count(name("customers"), |thing| of(thing).map(|figures| figures.customers))
            .amount(name("average_order"), |thing| of(thing).and_then(|figures| figures.average_order))
            .count(name("lines"), |thing| of(thing).map(|figures| figures.lines))
            .amount(name("quantity"), |thing| of(thing).map(|figures| figures.quantity))
            .amount(name("discount"), |thing| of(thing).map(|figures| figures.discount))
            .amount(name("returns"), |thing| of(thing).map(|figures| figures.returns))
            .amount(name("revenue_with_cost"), |thing| of(thing).map(|figures| figures.revenue_with_cost))
    }

    /// The table.
    pub(super) fn table(self) -> Table {
        Table { rows: self.things.len(), columns: self.columns }
    }
}
