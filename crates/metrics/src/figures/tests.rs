//! Figures of a shop that fits on a page, by hand.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::*;
use crate::cube::{Builder, Cube, Load, Sale, Selection};
use crate::filter::{Comparison, Field, Filter};
use crate::money;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn whole(units: i64) -> i64 {
    units * 10_000
}

fn load() -> Load {
    Load { id: "1".to_owned(), committed_at: None }
}

/// Two regions, two categories, three customers; the last sale is on 10 March.
fn shop() -> Cube {
    let mut builder = Builder::default();
    builder.product(1, Some("TEA"), "Tea", "Drinks");
    builder.product(2, Some("CUP"), "Cup", "Things");
    builder.product(0, None, "Unknown", "Unknown");
    builder.place(1, "North", "Kiel", "Kiel 1");
    builder.place(2, "South", "Ulm", "Ulm 1");
    builder.place(3, "South", "Ulm", "Ulm 2");
    builder.customer(1, Some("A"), "Anna", Some([5, 5, 5]), "Champions");
    builder.customer(2, Some("B"), "Bert", Some([1, 2, 3]), "Lost");
    builder.customer(3, Some("C"), "Carl", None, "No Purchase");
    let lines = [
        ("2024-01-05", 1, 1, 1, 1, 10, Some(4), false),
        ("2024-01-05", 2, 1, 1, 1, 20, None, false),
        ("2024-01-31", 1, 2, 2, 2, 30, Some(6), false),
        ("2024-02-10", 1, 1, 1, 3, 40, Some(10), false),
        ("2024-02-11", 1, 1, 1, 3, -10, Some(-4), true),
        ("2024-03-01", 2, 0, 3, 4, 50, None, false),
        ("2024-03-10", 1, 3, 3, 101, -5, Some(-1), true),
        ("2024-03-10", 0, 1, 2, 5, 7, None, false),
    ];
    for (date, product_id, customer_id, region_id, order_key, revenue, profit, is_return) in lines {
        builder
            .sale(&Sale {
                day: day(date),
                product_id,
                customer_id,
                region_id,
                order_key,
                quantity: whole(if is_return { -1 } else { 1 }),
                discount: whole(if is_return { -1 } else { 2 }),
                revenue: whole(revenue),
                profit: profit.map(whole),
                is_return,
            })
            .unwrap();
    }
    builder.finish(load()).unwrap()
}

fn amount(units: i64) -> Decimal {
    money::amount(whole(units))
}

#[test]
fn key_figures_count_once_what_is_once() {
    let cube = shop();
    let all = overview(&Selection::new(&cube, &Filter::parse("dates=all").unwrap())).figures;
    assert_eq!((all.lines, all.orders, all.customers), (8, 5, 3));
    assert_eq!((all.revenue, all.returns, all.quantity), (amount(142), amount(-15), amount(4)));
    assert_eq!((all.profit, all.revenue_with_cost), (Some(amount(15)), amount(65)));
    // Six lines sold at a discount of 2, two taken back with 1.
    assert_eq!(all.discount, amount(10));
    assert_eq!(all.margin, Some(0.230769));
    assert_eq!(all.average_order, Some(money::amount(284_000)));
}

#[test]
fn the_running_month_is_compared_with_as_many_days_of_the_one_before() {
    let cube = shop();
    let march = overview(&Selection::new(&cube, &Filter::parse("dates=this_month").unwrap()));
    assert!(march.is_running);
    assert_eq!(march.figures.revenue, amount(52));
    let before = march.previous.unwrap();
    assert_eq!((before.range.to_string().as_str(), before.figures.revenue), ("2024-02-01 to 2024-02-10", amount(40)));
    assert!(before.is_complete);
    assert_eq!(march.last_year, None, "there was no sale a year before");
    // February began within the sales, January did so only in part.
    let february = overview(&Selection::new(&cube, &Filter::parse("dates=last_month").unwrap()));
    assert!(!february.is_running && !february.previous.unwrap().is_complete);
}

#[test]
fn filters_hold_within_a_list_by_or_and_between_lists_by_and() {
    let cube = shop();
    for (query, revenue) in [
        ("region=South", 82),
        ("region=South&region=North", 142),
        ("region=South&category=Drinks", 25),
        ("region=North&city=Ulm", 0),
        ("store=Ulm+1", 37),
        ("segment=Champions", 67),
        ("product=unknown", 7),
        ("product=nothing", 0),
        ("from=2024-01-31&to=2024-02-10", 70),
    ] {
        let query = if query.contains("from") { query.to_owned() } else { format!("dates=all&{query}") };
        let figures = overview(&Selection::new(&cube, &Filter::parse(&query).unwrap())).figures;
        assert_eq!(figures.revenue, amount(revenue), "{query}");
    }
}

#[test]
fn a_trend_has_all_buckets_and_marks_the_running_one() {
    let cube = shop();
    let filter = Filter::parse("dates=all&granularity=month&compare=none").unwrap();
    let trend: Trend = trend(&Selection::new(&cube, &filter), &filter);
    let buckets: Vec<_> = trend
        .buckets
        .iter()
        .map(|bucket| (bucket.label.as_str(), bucket.figures.revenue, bucket.figures.orders, bucket.is_complete))
        .collect();
    assert_eq!(
        buckets,
        [("Jan 2024", amount(60), 2, false), ("Feb 2024", amount(30), 1, true), ("Mar 2024", amount(52), 2, false)]
    );
}

#[test]
fn a_breakdown_adds_up_and_is_in_order() {
    let cube = shop();
    let filter = Filter::parse("dates=all").unwrap();
    let selection = Selection::new(&cube, &filter);
    let of = |by| -> Vec<(String, Decimal, u64)> {
        let groups: Vec<Group> = breakdown(&selection, by, Comparison::None);
        groups.into_iter().map(|group| (group.key, group.figures.revenue, group.figures.customers)).collect()
    };
    let named = |name: &str, revenue, customers| (name.to_owned(), amount(revenue), customers);
    assert_eq!(of(By::City), [named("Ulm", 82, 3), named("Kiel", 60, 1)]);
    assert_eq!(of(By::Category), [named("Things", 70, 1), named("Drinks", 65, 3), named("Unknown", 7, 1)]);
    assert_eq!(of(By::Customer), [named("A", 67, 1), named("B", 30, 1), named("C", -5, 1)]);
    assert_eq!(of(By::Weekday).first().unwrap().0, "Wed");
    for by in By::ALL {
        let sum: Decimal = of(by).iter().map(|group| group.1).sum();
        let unknown = if by == By::Customer { amount(50) } else { amount(0) };
        assert_eq!(sum + unknown, amount(142), "{by:?}");
    }
}

#[test]
fn places_go_down_and_have_their_share_of_all() {
    let cube = shop();
    let filter = Filter::parse("dates=all&region=South").unwrap();
    assert_eq!(Level::of(&filter), Level::City);
    let cities: Vec<PlaceGroup> = places(&Selection::new(&cube, &filter), Level::City, Comparison::None);
    assert_eq!(cities.len(), 1);
    assert_eq!((cities[0].share_of_customers, cities[0].share_of_revenue), (Some(1.0), Some(0.577465)));
    assert_eq!(Level::of(&filter.with(Field::City, &["Ulm"])), Level::Store);
}

#[test]
fn eighty_percent_of_the_revenue_is_counted_from_the_best() {
    let cube = shop();
    let pareto = pareto(&ranking(&Selection::new(&cube, &Filter::parse("dates=all").unwrap())));
    assert_eq!((pareto.products, pareto.products_for_80, pareto.share_for_80), (3, 2, Some(0.666667)));
    assert_eq!(pareto.points[0].share_of_revenue, Some(0.492958));
}

#[test]
fn customers_have_the_scores_of_the_warehouse() {
    let cube = shop();
    let selection = Selection::new(&cube, &Filter::parse("dates=all").unwrap());
    let cells: Vec<_> = rfm(&selection).into_iter().filter(|cell| cell.customers > 0).collect();
    assert_eq!(cells.len(), 2);
    assert_eq!((cells[0].recency, cells[0].frequency, cells[0].revenue), (1, 2, amount(30)));
    let lifetime = lifetime(&selection);
    assert_eq!((lifetime.customers, lifetime.total, lifetime.median), (3, amount(92), Some(amount(30))));
    assert_eq!(lifetime.spans.iter().map(|span| span.customers).sum::<u64>(), 3);
    assert_eq!(lifetime.spans[0].below, Some(amount(0)), "somebody is below zero");
}

#[test]
fn cohorts_begin_with_the_first_order() {
    let cube = shop();
    let cohorts = cohorts(&Selection::new(&cube, &Filter::parse("dates=all").unwrap()));
    assert_eq!(cohorts.cohorts.len(), 1, "who only ever took back is in none");
    let january = &cohorts.cohorts[0];
    assert_eq!((january.size, january.active.as_slice()), (2, [2, 1, 1].as_slice()));
    assert_eq!(january.revenue, [amount(60), amount(40), amount(7)]);
    assert_eq!(cohorts.lost, [Some(0.0), Some(0.5), Some(0.5)]);
}

#[test]
fn nothing_sold_is_not_an_error() {
    let cube = Builder::default().finish(load()).unwrap();
    let filter = Filter::default();
    let selection = Selection::new(&cube, &filter);
    assert_eq!(overview(&selection).figures, KeyFigures::default());
    assert!(trend::<KeyFigures>(&selection, &filter).buckets.is_empty());
    assert!(breakdown::<KeyFigures>(&selection, By::Product, Comparison::Previous).is_empty());
    assert!(cohorts(&selection).cohorts.is_empty());
    assert!(lifetime(&selection).spans.is_empty());
    assert_eq!(rfm(&selection).len(), 25);
}

#[test]
fn sums_that_are_too_large_are_refused_and_those_that_fit_are_exact() {
    let build = |amounts: &[(i64, i64)]| {
        let mut builder = Builder::default();
        builder.product(1, Some("TEA"), "Tea", "Drinks");
        builder.place(1, "North", "Kiel", "Kiel 1");
        builder.place(2, "South", "Ulm", "Ulm 1");
        for (region_id, revenue) in amounts {
            let (day, order_key) = (day("2024-01-05"), 1);
            let (quantity, profit, is_return) = (0, None, false);
            let sale = Sale {
                day,
                product_id: 1,
                customer_id: 0,
                region_id: *region_id,
                order_key,
                quantity,
                discount: 0,
                revenue: *revenue,
                profit,
                is_return,
            };
            builder.sale(&sale).unwrap();
        }
        builder.finish(load())
    };
    let most = i64::MAX;
    let cube = build(&[(1, most), (2, most), (2, 0)]).unwrap();
    let all = Selection::new(&cube, &Filter::parse("dates=all").unwrap());
    assert_eq!(tally::whole(&all).revenue, money::amount(2 * i128::from(most)));
    let south = Selection::new(&cube, &Filter::parse("dates=all&region=South").unwrap());
    assert_eq!(tally::whole(&south).revenue, money::amount(most));
    for amounts in [[(1, most), (1, 1)], [(1, most), (1, -1)]] {
        let refused = build(&amounts).unwrap_err().to_string();
        assert!(refused.contains("add up to more than a dashboard can hold"), "{refused}");
    }
}
