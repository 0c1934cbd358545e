//! Figures of random shops beside a computation that is slow and plain.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, TimeDelta};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::calendar::{Granularity, Range, month_number};
use crate::cube::{Builder, Cube, Load, Sale, Selection};
use crate::filter::{Comparison, Dates, Filter};
use crate::money::{amount, per};

/// Products, places and customers have these numbers; each dimension has pairs of them, and the customer 0 is unknown.
const MEMBERS: u8 = 6;
const DAYS: i64 = 400;

#[derive(Debug, Clone)]
struct Line {
    day: NaiveDate,
    product: u8,
    customer: u8,
    place: u8,
    order: i64,
    revenue: i64,
    is_return: bool,
}

impl Line {
    fn profit(&self) -> Option<i64> {
        (self.revenue % 3 == 0).then_some(self.revenue / 3)
    }

    /// What a breakdown calls the member that the line is of.
    fn key(&self, by: By) -> String {
        match by {
            By::Region => format!("r{}", self.place / 2),
            By::City => format!("y{}", self.place / 3),
            By::Store => format!("s{}", self.place),
            By::Category => format!("k{}", self.product / 2),
            By::Product => format!("p{}", self.product),
            By::Customer => format!("c{}", self.customer),
            By::Segment => format!("g{}", self.customer / 2),
            By::Weekday => self.day.weekday().to_string(),
        }
    }

    fn is_in(&self, filter: &Filter, range: Range) -> bool {
        let named = |names: &[String], by: By| names.is_empty() || names.contains(&self.key(by));
        range.contains(self.day) && By::ALL.into_iter().all(|by| by.field().is_none_or(|f| named(filter.names(f), by)))
    }
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 11, 20).unwrap()
}

/// Orders of some lines. A few share a name with others on other days, of other customers and places.
fn shops() -> impl Strategy<Value = Vec<Line>> {
    let line = (0..MEMBERS, -50_000i64..50_000, prop::bool::weighted(0.2));
    let lines = prop::collection::vec(line, 1..6);
    let order = (0..DAYS, 0..MEMBERS, 0..MEMBERS, prop::option::weighted(0.2, 0u8..4), lines);
    prop::collection::vec(order, 0..40).prop_map(|orders| {
        let mut all = Vec::new();
        for (number, (day, customer, place, shared, lines)) in orders.into_iter().enumerate() {
            let order = shared.map_or(number as i64, |shared| -1 - i64::from(shared));
            all.extend(lines.into_iter().map(|(product, revenue, is_return)| Line {
                day: first_day() + TimeDelta::days(day),
                product,
                customer,
                place,
                order,
                revenue,
                is_return,
            }));
        }
        all
    })
}

fn filters() -> impl Strategy<Value = Filter> {
    let days = (0..DAYS, 0..DAYS).prop_map(|(one, other)| {
        let day = |at| Some(first_day() + TimeDelta::days(at));
        Dates::Between { from: day(one.min(other)), to: day(one.max(other)) }
    });
    let list = |letter: &'static str, end: u8| {
        let some = prop::collection::btree_set((0..end).prop_map(move |at| format!("{letter}{at}")), 1..3);
        prop::option::weighted(0.3, some).prop_map(|some| some.into_iter().flatten().collect::<Vec<String>>())
    };
    let lists = (list("r", 3), list("s", 6), list("k", 3), list("p", 6), list("g", 3));
    let how = (prop::sample::select(&Granularity::ALL[..]), prop::sample::select(&Comparison::ALL[..]));
    (days, how, lists).prop_map(
        |(dates, (granularity, comparison), (regions, stores, categories, products, segments))| Filter {
            dates,
            granularity: Some(granularity),
            comparison,
            regions,
            stores,
            categories,
            products,
            segments,
            ..Filter::default()
        },
    )
}

fn cube(lines: &[Line]) -> Cube {
    let mut builder = Builder::default();
    for id in 0..MEMBERS {
        let scores = (id > 1).then_some([id % 5 + 1, 1, 1]);
        let number = i64::from(id);
        builder.product(number, Some(&format!("p{id}")), "name", &format!("k{}", id / 2));
        builder.place(number, &format!("r{}", id / 2), &format!("y{}", id / 3), &format!("s{id}"));
        builder.customer(number, Some(&format!("c{id}")), "name", scores, &format!("g{}", id / 2));
    }
    for line in lines {
        let sale = Sale {
            day: line.day,
            product_id: line.product.into(),
            customer_id: line.customer.into(),
            region_id: line.place.into(),
            order_key: line.order,
            quantity: if line.is_return { -10_000 } else { 10_000 },
            discount: line.revenue / 7,
            revenue: line.revenue,
            profit: line.profit(),
            is_return: line.is_return,
        };
        builder.sale(&sale).unwrap();
    }
    builder.finish(Load { id: "1".to_owned(), committed_at: None }).unwrap()
}

fn sum(amounts: impl Iterator<Item = i64>) -> Decimal {
    amount(amounts.map(i128::from).sum::<i128>())
}

fn figures(lines: &[&Line]) -> KeyFigures {
    let revenue = sum(lines.iter().map(|line| line.revenue));
    let orders: BTreeSet<i64> = lines.iter().filter(|line| !line.is_return).map(|line| line.order).collect();
    let customers: BTreeSet<u8> = lines.iter().map(|line| line.customer).filter(|customer| *customer > 0).collect();
    let with_cost = || lines.iter().filter(|line| line.profit().is_some());
    let profit = sum(with_cost().filter_map(|line| line.profit()));
    let revenue_with_cost = sum(with_cost().map(|line| line.revenue));
    KeyFigures {
        revenue,
        profit: with_cost().next().map(|_| profit),
        margin: ratio(profit, revenue_with_cost),
        orders: orders.len() as u64,
        customers: customers.len() as u64,
        average_order: per(revenue, orders.len() as u64),
        lines: lines.len() as u64,
        quantity: sum(lines.iter().map(|line| if line.is_return { -10_000 } else { 10_000 })),
        discount: sum(lines.iter().map(|line| line.revenue / 7)),
        returns: sum(lines.iter().filter(|line| line.is_return).map(|line| line.revenue)),
        revenue_with_cost,
    }
}

fn lifetimes(lines: &[&Line], everything: &[&Line]) -> Vec<Decimal> {
    let here: BTreeSet<u8> = lines.iter().map(|line| line.customer).filter(|customer| *customer > 0).collect();
    let of = |customer: u8| sum(everything.iter().filter(|line| line.customer == customer).map(|line| line.revenue));
    let mut values: Vec<Decimal> = here.into_iter().map(of).collect();
    values.sort();
    values
}

/// By the month of a customer's first order and months since: which customers ordered, and what it brought.
fn months(everything: &[&Line]) -> BTreeMap<(u32, u32), (BTreeSet<u8>, Decimal)> {
    let sold = || everything.iter().filter(|line| !line.is_return && line.customer > 0);
    let mut cells: BTreeMap<_, (BTreeSet<u8>, Decimal)> = BTreeMap::new();
    for line in sold() {
        let own = sold().filter(|other| other.customer == line.customer).map(|other| month_number(other.day));
        let first = own.min().unwrap();
        let cell = cells.entry((first, month_number(line.day) - first)).or_default();
        cell.0.insert(line.customer);
        cell.1 += sum([line.revenue].into_iter());
    }
    cells
}

fn revenue(figures: &KeyFigures) -> Revenue {
    Revenue { amount: figures.revenue, has_sale: figures.lines > 0 }
}

/// The same group, where only the revenue is asked of the days compared with.
fn with_revenue(group: &Group) -> Group<Revenue> {
    Group {
        key: group.key.clone(),
        label: group.label.clone(),
        figures: group.figures,
        compared: group.compared.as_ref().map(revenue),
        share: group.share,
    }
}

proptest! {
    #[test]
    fn figures_are_those_of_a_plain_computation(lines in shops(), filter in filters()) {
        let cube = cube(&lines);
        let selection = Selection::new(&cube, &filter);
        let Some(range) = selection.range() else { return Ok(()) };
        let those_on = |range: Range| -> Vec<&Line> { lines.iter().filter(|line| line.is_in(&filter, range)).collect() };
        let selected = those_on(range);
        prop_assert_eq!(whole(&selection), figures(&selected));

        let compared = filter.comparison.of(range).filter(|range| cube.days().is_some_and(|days| range.to >= days.from));
        for by in By::ALL {
            let own = |lines: &[&Line], key: &str| -> KeyFigures {
                figures(&lines.iter().copied().filter(|line| line.key(by) == key).collect::<Vec<_>>())
            };
            let both = selected.iter().copied().chain(compared.into_iter().flat_map(those_on));
            let keys: BTreeSet<String> =
                both.filter(|line| by != By::Customer || line.customer > 0).map(|line| line.key(by)).collect();
            let groups: Vec<Group> = breakdown(&selection, by, filter.comparison);
            let with_revenue_only = breakdown::<Revenue>(&selection, by, filter.comparison);
            prop_assert_eq!(with_revenue_only, groups.iter().map(with_revenue).collect::<Vec<_>>(), "{:?}", by);
            prop_assert_eq!(groups.iter().map(|group| group.key.clone()).collect::<BTreeSet<_>>(), keys, "{:?}", by);
            for group in &groups {
                prop_assert_eq!(group.figures, own(&selected, &group.key), "{:?} {}", by, group.key);
                let then = compared.map(|range| own(&those_on(range), &group.key));
                prop_assert_eq!(group.compared, then, "{:?} {} before", by, group.key);
            }
            if by == By::Weekday {
                let days: Vec<_> = weekdays(&selection, filter.comparison)
                    .into_iter()
                    .map(|day| (day.label.to_owned(), day.revenue, day.orders, day.average_order, day.share, day.compared))
                    .collect();
                let plain: Vec<_> = groups
                    .iter()
                    .map(|group| {
                        let figures = group.figures;
                        let then = group.compared.map(|then| then.revenue);
                        (group.label.clone(), figures.revenue, figures.orders, figures.average_order, group.share, then)
                    })
                    .collect();
                prop_assert_eq!(days, plain);
            }
            if by == By::Product {
                let number = groups.iter().filter(|group| group.figures.lines > 0).count();
                let ranking = ranking(&selection);
                prop_assert_eq!(ranking.len(), number);
                let with_sale = groups.iter().filter(|group| group.figures.lines > 0);
                for (one, group) in ranking.iter().zip(with_sale) {
                    prop_assert_eq!((one.key, one.revenue), (group.key.as_str(), group.figures.revenue));
                }
                let best: Best = best(&selection, &ranking, filter.comparison, 2, &["p3".to_owned()]);
                prop_assert_eq!(best.number, number);
                let is_wanted = |(at, group): &(usize, &Group)| number < 2 || *at < 2 || group.key == "p3";
                // Those that only sold before may be between those that lost more than they sold.
                if groups.iter().take(2).all(|group| group.figures.lines > 0) || number < 2 {
                    let wanted: Vec<Group> = groups.iter().enumerate().filter(is_wanted).map(|(_, group)| group.clone()).collect();
                    prop_assert_eq!(best.groups, wanted);
                }
            }
        }
        let trend_with = trend::<Revenue>(&selection, &filter);
        let trend: Trend = trend(&selection, &filter);
        for (bucket, other) in trend.buckets.iter().zip(trend_with.buckets) {
            prop_assert_eq!((bucket.figures, bucket.compared.as_ref().map(revenue)), (other.figures, other.compared));
        }
        for bucket in trend.buckets {
            prop_assert_eq!(bucket.figures, figures(&those_on(bucket.range)), "{}", bucket.label);
        }
    }

    #[test]
    fn customers_are_those_of_a_plain_computation(lines in shops(), filter in filters()) {
        let cube = cube(&lines);
        let selection = Selection::new(&cube, &filter);
        let (Some(range), Some(days)) = (selection.range(), cube.days()) else { return Ok(()) };
        let those_on = |range: Range| -> Vec<&Line> { lines.iter().filter(|line| line.is_in(&filter, range)).collect() };
        let (selected, everything) = (those_on(range), those_on(days));

        let values = lifetimes(&selected, &everything);
        let lifetime = lifetime(&selection);
        prop_assert_eq!(lifetime.customers as usize, values.len());
        prop_assert_eq!(lifetime.total, values.iter().copied().sum::<Decimal>());
        prop_assert_eq!(lifetime.median, values.get(values.len() / 2).copied());
        let best = &values[values.len() - values.len().div_ceil(10)..];
        prop_assert_eq!(lifetime.top_tenth, best.first().copied());
        for span in &lifetime.spans {
            let is_in = |value: &&Decimal| span.from.is_none_or(|from| from <= **value) && span.below.is_none_or(|below| **value < below);
            let own: Vec<Decimal> = values.iter().filter(is_in).copied().collect();
            prop_assert_eq!((span.customers as usize, span.revenue), (own.len(), own.into_iter().sum::<Decimal>()));
        }
        prop_assert_eq!(lifetime.spans.iter().map(|span| span.customers).sum::<u64>(), lifetime.customers);

        for cell in rfm(&selection) {
            let is_own = |line: &&&Line| line.customer > 1 && line.customer % 5 + 1 == cell.recency && cell.frequency == 1;
            let own: Vec<&Line> = selected.iter().filter(is_own).copied().collect();
            prop_assert_eq!((cell.customers, cell.revenue), (figures(&own).customers, figures(&own).revenue));
        }

        let months = months(&everything);
        let shown: BTreeSet<u32> = months
            .keys()
            .map(|(first, _)| *first)
            .filter(|first| {
                let month = Granularity::Month.bucket(crate::calendar::month_start(*first));
                month.from <= range.to && range.from <= month.to
            })
            .collect();
        let cohorts = cohorts(&selection);
        prop_assert_eq!(cohorts.cohorts.iter().map(|cohort| month_number(cohort.month.from)).collect::<Vec<_>>(), Vec::from_iter(shown));
        for cohort in &cohorts.cohorts {
            let first = month_number(cohort.month.from);
            for (since, (active, revenue)) in cohort.active.iter().zip(&cohort.revenue).enumerate() {
                let plain = months.get(&(first, since as u32)).cloned().unwrap_or_default();
                prop_assert_eq!((*active as usize, *revenue), (plain.0.len(), plain.1), "{} + {}", cohort.label, since);
            }
        }
    }
}
