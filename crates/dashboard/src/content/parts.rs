//! What pages are made of.

use rust_decimal::Decimal;
use salesmart_base::settings::Settings;
use salesmart_metrics::calendar::Range;
use salesmart_metrics::cube::{Cube, Selection};
use salesmart_metrics::figures::{
    Best, By, Compared, Figures, Group, KeyFigures, Overview, Ranked, Revenue, best, breakdown,
};
use salesmart_metrics::filter::{Comparison, Field, Filter};

use super::link::Links;
use super::said::{name, said};
use super::table::{Cell, Row, Table};
use super::tile::{Change, Tile};
use super::value::{self, Value, Written};
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure};
use crate::chart::{Heading, Mark, Ranking};

/// More bars than these make no chart.
const MOST_BARS: usize = 12;

/// All that the parts of a page need to know.
pub(super) struct Scene<'a> {
    pub selection: &'a Selection<'a>,
    pub wanted: &'a Wanted,
    pub written: Written<'a>,
    pub links: Links<'a>,
}

impl<'a> Scene<'a> {
    pub fn new(selection: &'a Selection<'a>, wanted: &'a Wanted, settings: &'a Settings) -> Self {
        Self { selection, wanted, written: Written::new(&settings.currency), links: Links::from(wanted) }
    }

    pub fn cube(&self) -> &'a Cube {
        self.selection.cube()
    }

    pub fn filter(&self) -> &'a Filter {
        &self.wanted.filter
    }

    /// The page with these blocks.
    pub fn content(&self, blocks: Vec<Block>) -> Content {
        Content {
            page: self.wanted.page,
            title: self.wanted.page.title().to_owned(),
            range: self.selection.range(),
            said: said(self.wanted, self.cube(), &self.written),
            trail: Vec::new(),
            notes: self.running().into_iter().chain(self.lacking()).collect(),
            blocks,
        }
    }

    /// Says so if the selected days end with the last sale, inside of a month.
    pub fn running(&self) -> Option<String> {
        let (range, known) = (self.selection.range()?, self.cube().days()?);
        let is_running = range.to >= known.to && known.to != salesmart_metrics::calendar::end_of_month(known.to);
        is_running.then(|| {
            format!(
                "{} is not over: its figures are those up to {}.",
                known.to.format("%B %Y"),
                self.written.day(known.to)
            )
        })
    }

    /// What a trend or a bar is compared with, as a name of a series.
    pub fn compare_name(&self) -> Option<String> {
        match self.filter().comparison {
            Comparison::Previous => Some("Previous period".to_owned()),
            Comparison::LastYear => Some("Last year".to_owned()),
            Comparison::None => None,
        }
    }

    /// The selection without what a list of the filter restricts: bars that a click selects stay beside the others.
    pub fn without(&self, field: Field) -> Selection<'a> {
        match self.filter().names(field) {
            [] => self.selection.clone(),
            _ => Selection::new(self.cube(), &self.filter().clone().with(field, &[])),
        }
    }

    /// Is the page filtered by this member?
    pub fn is_selected(&self, field: Field, key: &str) -> bool {
        self.filter().names(field).iter().any(|name| name == key)
    }

    /// The greatest groups, and those that the page is filtered by.
    pub fn shown<C: Figures>(&self, groups: &[Group<C>], field: Field, most: usize) -> Vec<Group<C>> {
        let kept = groups.iter().enumerate().filter(|(at, group)| *at < most || self.is_selected(field, &group.key));
        kept.map(|(_, group)| group.clone()).collect()
    }

    /// The best products of a ranking of all, and those that the page is filtered by.
    pub fn best_products(&self, ranking: &[Ranked<'_>], most: usize) -> Best<Revenue> {
        let filter = self.filter();
        let best = best(&self.without(Field::Product), ranking, filter.comparison, most, &filter.products);
        Best { groups: self.shown(&best.groups, Field::Product, most), ..best }
    }

    /// Revenue by the members of a dimension; a click filters by one.
    pub fn revenue_by(&self, by: By, field: Field, title: &str) -> Figure {
        self.revenue_of_all(&breakdown::<Revenue>(&self.without(field), by, self.filter().comparison), field, title)
    }

    /// The same of groups that are known.
    pub fn revenue_of_all<C: Figures>(&self, groups: &[Group<C>], field: Field, title: &str) -> Figure {
        let shown = self.shown(groups, field, MOST_BARS);
        let figure = self.revenue_of(&shown, field, title, |group| self.links.toggle(field, &group.key));
        match self.left_out(&shown, groups.len(), field) {
            Some(note) => figure.noted(note),
            None => figure,
        }
    }

    /// Revenue of groups, as bars.
    pub fn revenue_of<C: Figures>(
        &self,
        groups: &[Group<C>],
        field: Field,
        title: &str,
        href: impl Fn(&Group<C>) -> String,
    ) -> Figure {
        let marks = groups.iter().map(|group| Mark {
            href: Some(href(group)),
            tip: Some(self.tip(group)),
            selected: self.is_selected(field, &group.key),
            ..Mark::amount(&group.label, group.figures.revenue)
                .compare_amount(group.compared.map(|then| then.revenue()))
        });
        let heading = Heading::new(id(title), title, self.written.money_unit("net of returns"));
        let chart = Ranking {
            compare_name: self.compare_name().filter(|_| groups.iter().any(|group| group.compared.is_some())),
            ..Ranking::new(
                heading.described(self.in_words(groups, field)),
                self.written.money_format(),
                field.title(),
                "Revenue",
                marks.collect(),
            )
        };
        let table = self.group_table(&format!("{}-table", id(title)), title, groups, field, |group| Some(href(group)));
        Figure::half(Drawing::Ranking(chart), table)
    }

    /// The figures of groups as a table.
    pub fn group_table<C: Figures>(
        &self,
        id: &str,
        title: &str,
        groups: &[Group<C>],
        field: Field,
        href: impl Fn(&Group<C>) -> Option<String>,
    ) -> Table {
        let mut heads = vec![field.title(), "#Revenue"];
        let compared = self.compare_name();
        if let Some(name) = &compared {
            heads.push(if name.starts_with('P') { "#Against previous" } else { "#Against last year" });
        }
        heads.extend(["#Share", "#Profit", "#Margin", "#Orders", "#Customers"]);
        let rows = groups.iter().map(|group| {
            let figures = &group.figures;
            let mut cells = vec![Cell::link(&group.label, href(group)), Value::Money(figures.revenue).into()];
            if compared.is_some() {
                cells.push(Value::change(change(group)).into());
            }
            let rest = [
                Value::percent(group.share),
                Value::money(figures.profit),
                Value::percent(figures.margin),
                Value::Count(figures.orders),
                Value::Count(figures.customers),
            ];
            cells.extend(rest.map(Cell::from));
            Row { cells, is_selected: self.is_selected(field, &group.key) }
        });
        Table::new(id, title, &heads).rows(rows)
    }

    /// Says which names of the filter select nothing because nothing has them: a list without them would look like no sales.
    fn lacking(&self) -> impl Iterator<Item = String> {
        Field::ALL.into_iter().flat_map(|field| {
            let what = field.title().to_lowercase();
            let lacks = self.cube().lacks(self.filter(), field);
            lacks.into_iter().map(move |name| format!("There is no {what} “{name}” in these figures."))
        })
    }

    /// What to say of groups that are not shown, and of those that are but do not count.
    pub fn left_out<C>(&self, shown: &[Group<C>], all: usize, field: Field) -> Option<String> {
        let mut notes = Vec::new();
        if shown.len() < all {
            notes.push(format!("{} of {all} are shown.", shown.len()));
        }
        let selected = self.filter().names(field);
        if !selected.is_empty() && shown.iter().any(|group| !selected.contains(&group.key)) {
            let names: Vec<&str> = selected.iter().map(|key| name(self.cube(), field, key)).collect();
            notes.push(format!(
                "The page is filtered by {}; the others are here to compare, and to switch to.",
                listed(&names)
            ));
        }
        (!notes.is_empty()).then(|| notes.join(" "))
    }

    fn tip<C: Figures>(&self, group: &Group<C>) -> String {
        let money = |amount: Decimal| self.written.full(&Value::Money(amount));
        let mut tip = format!("{}\n{}", group.label, money(group.figures.revenue));
        if let Some(share) = group.share {
            tip.push_str(&format!(", {} of all", self.written.full(&Value::Percent(share))));
        }
        if let (Some(name), Some(then)) = (self.compare_name(), group.compared) {
            tip.push_str(&format!("\n{name}: {}", money(then.revenue())));
            if let Some(change) = change(group) {
                tip.push_str(&format!(" ({})", self.written.full(&Value::Change(change))));
            }
        }
        tip
    }

    /// For those who do not see the bars.
    fn in_words<C>(&self, groups: &[Group<C>], field: Field) -> String {
        match groups {
            [] => "There is nothing to show.".to_owned(),
            [first, ..] => format!(
                "{} bars. The first is {} with {}. Choosing a bar filters the page by that {}.",
                groups.len(),
                first.label,
                self.written.short(&Value::Money(first.figures.revenue)),
                field.title().to_lowercase(),
            ),
        }
    }

    /// A tile of a key figure with both comparisons.
    pub fn tile(&self, label: &str, overview: &Overview, of: impl Fn(&KeyFigures) -> Value) -> Tile {
        let value = of(&overview.figures);
        let before = |compared: &Compared| of(&compared.figures);
        let change =
            |against: &str, compared: Option<&Compared>| Change::of(&value, against, compared, before, &self.written);
        let changes = match (&overview.previous, &overview.last_year) {
            // Of twelve months, both are the same days.
            (Some(previous), Some(last_year)) if previous.range == last_year.range => {
                vec![change("previous period", Some(previous))]
            }
            (previous, last_year) => {
                vec![change("previous period", previous.as_ref()), change("last year", last_year.as_ref())]
            }
        };
        Tile { changes, ..Tile::new(label, value) }
    }
}

/// The change of a group's revenue against the days compared with.
pub(super) fn change<C: Figures>(group: &Group<C>) -> Option<f64> {
    value::change(group.figures.revenue, group.compared?.revenue())
}

/// `A`, `A and B`, `A, B and 3 more`
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// A title as the id of an element.
pub(super) fn id(title: &str) -> String {
    let letters =
        title.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let mut id = String::new();
    for letter in letters {
        if letter != '-' || !(id.is_empty() || id.ends_with('-')) {
            id.push(letter);
        }
    }
    id.trim_end_matches('-').to_owned()
}

/// How many of a bucket's days have figures.
pub(super) fn days_so_far(range: Range, known: Range) -> u64 {
    Range::new(range.from, range.to.min(known.to)).map_or(0, Range::days)
}
