//! What sells, and what earns?

use rust_decimal::Decimal;
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::{Cube, Selection};
use salesmart_metrics::figures;
use salesmart_metrics::figures::{By, Group, KeyFigures, Pareto, Ranked, Revenue, breakdown, pareto, ranking, ratio};
use salesmart_metrics::filter::Field;

use super::parts::{Scene, change};
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure};
use crate::chart;
use crate::chart::{Format, Heading, Mark};

/// Rows of the table under the curve; it has up to 200 points, of which few are read.
const CURVE_ROWS: usize = 20;

pub(super) fn content(selection: &Selection<'_>, wanted: &Wanted, settings: &Settings) -> Content {
    let scene = Scene::new(selection, wanted, settings);
    let sold = ranking(selection);
    let curve = pareto(&sold);
    let shown = match scene.filter().products.as_slice() {
        [] => scene.best_products(&sold, wanted.top),
        _ => scene.best_products(&ranking(&scene.without(Field::Product)), wanted.top),
    };
    let categories = breakdown::<KeyFigures>(&scene.without(Field::Category), By::Category, scene.filter().comparison);
    let title = format!("Top {} products", wanted.top);
    let mut best =
        scene.revenue_of(&shown.groups, Field::Product, &title, |group| scene.links.toggle(Field::Product, &group.key));
    best.note = scene.left_out(&shown.groups, shown.number, Field::Product);
    scene.content(vec![
        Block::Tiles(tiles(&scene, &curve)),
        best.into(),
        curve_figure(&scene, &curve, &sold).into(),
        scene.revenue_of_all(&categories, Field::Category, "Revenue by category").into(),
        margins(&scene, categories).into(),
        Block::Table(product_table(&scene, &shown.groups)),
    ])
}

fn tiles(scene: &Scene<'_>, curve: &Pareto) -> Vec<Tile> {
    let overview = figures::overview(scene.selection);
    let figures = overview.figures;
    let share = curve.share_for_80.map(|share| scene.written.full(&Value::Percent(share)));
    let returned = ratio(-figures.returns, figures.revenue - figures.returns);
    let worth = scene.written.short(&Value::Money(-figures.returns));
    vec![
        scene.tile("Revenue", &overview, |figures| Value::Money(figures.revenue)),
        scene.tile("Margin", &overview, |figures| Value::percent(figures.margin)),
        scene.tile("Quantity", &overview, |figures| Value::Quantity(figures.quantity)),
        Tile::new("Products sold", Value::Count(curve.products as u64)).noted("more sold than taken back"),
        Tile::new("Products that make 80 %", Value::Count(curve.products_for_80 as u64))
            .noted(share.map_or_else(|| "of the revenue".to_owned(), |share| format!("{share} of them"))),
        Tile::new("Returns", Value::percent(returned)).noted(format!("of what was sold, {worth}")),
    ]
}

/// How few products make most of the revenue.
fn curve_figure(scene: &Scene<'_>, curve: &Pareto, sold: &[Ranked<'_>]) -> Figure {
    let title = "How many products make the revenue";
    let marks = sold.iter().filter(|one| one.revenue > Decimal::ZERO).map(|one| Mark {
        href: Some(scene.links.toggle(Field::Product, one.key)),
        ..Mark::amount(one.label, one.revenue)
    });
    let heading =
        Heading::new("pareto", title, scene.written.money_unit("best product first")).described(in_words(curve));
    let chart = chart::Pareto::new(heading, scene.written.money_format(), "products", "revenue", marks.collect());
    let step = curve.points.len().div_ceil(CURVE_ROWS).max(1);
    let last = curve.points.len().saturating_sub(1);
    let rows = curve.points.iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, point)| {
        Row::new(vec![
            Value::Count(point.rank as u64).into(),
            Cell::link(&point.label, Some(scene.links.toggle(Field::Product, &point.key))),
            Value::Money(point.revenue).into(),
            Value::percent(point.share_of_products).into(),
            Value::percent(point.share_of_revenue).into(),
        ])
    });
    let heads = ["#Rank", "Product", "#Revenue", "#Products up to it", "#Revenue up to it"];
    let table = Table::new("pareto-table", title, &heads).rows(rows);
    Figure::half(Drawing::Pareto(chart), table).noted(in_words(curve))
}

fn in_words(curve: &Pareto) -> String {
    match curve.share_for_80 {
        Some(share) => format!(
            "{} of {} products ({}) make 80 % of the revenue.",
            curve.products_for_80,
            curve.products,
            Format::Percent(1).full(share)
        ),
        None => "No product sold more than was taken back.".to_owned(),
    }
}

/// What is earned on each category.
fn margins(scene: &Scene<'_>, mut groups: Vec<Group>) -> Figure {
    let title = "Margin by category";
    groups.retain(|group| group.figures.margin.is_some());
    groups.sort_by(|a, b| b.figures.margin.unwrap_or_default().total_cmp(&a.figures.margin.unwrap_or_default()));
    let marks = groups.iter().map(|group| Mark {
        compare: group.compared.and_then(|then| then.margin),
        text: group.figures.margin.map(|margin| Format::Percent(1).full(margin)),
        href: Some(scene.links.toggle(Field::Category, &group.key)),
        selected: scene.is_selected(Field::Category, &group.key),
        ..Mark::new(&group.label, group.figures.margin.unwrap_or_default())
    });
    let heading = Heading::new("margins", title, "% of the revenue whose cost is known")
        .described("Profit over revenue, the most profitable category first.");
    let chart = chart::Ranking {
        compare_name: scene.compare_name().filter(|_| groups.iter().any(|group| group.compared.is_some())),
        ..chart::Ranking::new(heading, Format::Percent(1), "Category", "Margin", marks.collect())
    };
    let rows = groups.iter().map(|group| Row {
        cells: vec![
            Cell::link(&group.label, Some(scene.links.toggle(Field::Category, &group.key))),
            Value::percent(group.figures.margin).into(),
            Value::percent(group.compared.and_then(|then| then.margin)).into(),
            Value::money(group.figures.profit).into(),
            Value::Money(group.figures.revenue_with_cost).into(),
        ],
        is_selected: scene.is_selected(Field::Category, &group.key),
    });
    let heads = ["Category", "#Margin", "#Margin before", "#Profit", "#Revenue with known cost"];
    Figure::half(Drawing::Ranking(chart), Table::new("margins-table", title, &heads).rows(rows))
}

/// The same products as in the chart, with all of their figures.
fn product_table(scene: &Scene<'_>, groups: &[Group<Revenue>]) -> Table {
    let cube = scene.cube();
    let mut heads = vec!["#Rank", "Product", "Code", "Category", "#Revenue"];
    if scene.compare_name().is_some() {
        heads.push("#Change");
    }
    heads.extend(["#Share", "#Profit", "#Margin", "#Orders", "#Quantity", "#Returns"]);
    let rows = groups.iter().enumerate().map(|(at, group)| {
        let figures = &group.figures;
        let mut cells = vec![
            Value::Count(at as u64 + 1).into(),
            Cell::link(&group.label, Some(scene.links.toggle(Field::Product, &group.key))),
            Value::text(&group.key).into(),
            Value::text(category(cube, &group.key)).into(),
            Value::Money(figures.revenue).into(),
        ];
        if scene.compare_name().is_some() {
            cells.push(Value::change(change(group)).into());
        }
        let rest = [
            Value::percent(group.share),
            Value::money(figures.profit),
            Value::percent(figures.margin),
            Value::Count(figures.orders),
            Value::Quantity(figures.quantity),
            Value::Money(figures.returns),
        ];
        cells.extend(rest.map(Cell::from));
        Row { cells, is_selected: scene.is_selected(Field::Product, &group.key) }
    });
    Table::new("products-table", "Products in detail", &heads).rows(rows)
}

fn category<'a>(cube: &'a Cube, key: &str) -> &'a str {
    let product = cube.products.iter().find(|product| product.key() == key);
    product.map_or("", |product| cube.categories[product.category as usize].as_str())
}
