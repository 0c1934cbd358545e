//! Where do we sell? From regions down to cities and stores.

use rust_decimal::Decimal;
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::Selection;
use salesmart_metrics::figures;
use salesmart_metrics::figures::{Group, Level, Overview, Revenue, places, ratio};
use salesmart_metrics::filter::{Field, Filter};

use super::parts::Scene;
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Crumb, Drawing, Figure};
use crate::chart;
use crate::chart::{Format, Heading, Mark};

type PlaceGroup = figures::PlaceGroup<Revenue>;

/// More places than these make no chart.
const MOST: usize = 20;

pub(super) fn content(selection: &Selection<'_>, wanted: &Wanted, settings: &Settings) -> Content {
    let scene = Scene::new(selection, wanted, settings);
    let level = Level::of(scene.filter());
    let field = level.field();
    let all = places(&scene.without(field), level, scene.filter().comparison);
    let groups: Vec<Group<Revenue>> = all.iter().map(|place| place.group.clone()).collect();
    let shown = scene.shown(&groups, field, MOST);
    let title = format!("Revenue by {}", field.title().to_lowercase());
    let mut revenue = scene.revenue_of(&shown, field, &title, |group| drill(&scene, level, &group.key));
    revenue.note = scene.left_out(&shown, groups.len(), field);
    let trail = trail(&scene);
    let name = trail.last().map_or_else(|| "Regions".to_owned(), |last| last.label.clone());
    Content {
        title: name,
        trail,
        ..scene.content(vec![
            Block::Tiles(tiles(&scene)),
            revenue.into(),
            penetration(&scene, level, &all).into(),
            Block::Table(place_table(&scene, level, &all)),
        ])
    }
}

/// A click on a region shows its cities, one on a city its stores; one on a store filters by it.
fn drill(scene: &Scene<'_>, level: Level, key: &str) -> String {
    match level {
        Level::Region | Level::City => scene.links.filtered(scene.filter().clone().with(level.field(), &[key])),
        Level::Store => scene.links.toggle(Field::Store, key),
    }
}

/// The way back up: all regions, the region, the city.
fn trail(scene: &Scene<'_>) -> Vec<Crumb> {
    let filter = scene.filter();
    let without = |fields: &[Field]| fields.iter().fold(filter.clone(), |filter, field| filter.with(*field, &[]));
    let mut steps: Vec<(String, Filter)> =
        vec![("All regions".to_owned(), without(&[Field::Region, Field::City, Field::Store]))];
    if let [region] = filter.regions.as_slice() {
        steps.push((region.clone(), without(&[Field::City, Field::Store])));
    }
    if let [city] = filter.cities.as_slice() {
        steps.push((city.clone(), without(&[Field::Store])));
    }
    if let [store] = filter.stores.as_slice() {
        steps.push((store.clone(), filter.clone()));
    }
    if steps.len() == 1 {
        return Vec::new();
    }
    let is_here = |step: &Filter| step == filter;
    steps
        .into_iter()
        .map(|(label, step)| Crumb { label, href: (!is_here(&step)).then(|| scene.links.filtered(step)) })
        .collect()
}

fn tiles(scene: &Scene<'_>) -> Vec<Tile> {
    let overview = figures::overview(scene.selection);
    let everywhere = figures::overview(&scene.selection.in_all_places());
    let share = |of: fn(&Overview) -> Decimal| Value::percent(ratio(of(&overview), of(&everywhere)));
    vec![
        scene.tile("Revenue", &overview, |figures| Value::Money(figures.revenue)),
        scene.tile("Customers", &overview, |figures| Value::Count(figures.customers)),
        scene.tile("Orders", &overview, |figures| Value::Count(figures.orders)),
        scene.tile("Average order", &overview, |figures| Value::money(figures.average_order)),
        Tile::new("Share of revenue", share(|overview| overview.figures.revenue)).noted("of all regions"),
        Tile::new("Share of customers", share(|overview| overview.figures.customers.into())).noted("of all regions"),
    ]
}

/// How far each place has got: its share of the customers and of the revenue.
fn penetration(scene: &Scene<'_>, level: Level, all: &[PlaceGroup]) -> Figure {
    let field = level.field();
    let title = format!("Penetration by {}", field.title().to_lowercase());
    let chosen = |place: &PlaceGroup| scene.is_selected(field, &place.group.key);
    let shown: Vec<&PlaceGroup> =
        all.iter().enumerate().filter(|(at, place)| *at < MOST || chosen(place)).map(|(_, place)| place).collect();
    let percent = |share: Option<f64>| Format::Percent(1).full(share.unwrap_or(f64::NAN));
    let marks = shown.iter().map(|place| Mark {
        compare: place.share_of_customers,
        text: Some(percent(place.share_of_revenue)),
        href: Some(drill(scene, level, &place.group.key)),
        selected: chosen(place),
        tip: Some(format!(
            "{}\n{} of all revenue\n{} of all customers",
            place.group.label,
            percent(place.share_of_revenue),
            percent(place.share_of_customers)
        )),
        ..Mark::new(&place.group.label, place.share_of_revenue.unwrap_or_default())
    });
    let heading = Heading::new("penetration", &title, "% of all regions").described(
        "For each place its share of the revenue, and its share of the customers. Customers who buy in several places \
         count in each.",
    );
    let chart = chart::Ranking {
        compare_name: Some("Share of customers".to_owned()),
        ..chart::Ranking::new(heading, Format::Percent(1), field.title(), "Share of revenue", marks.collect())
    };
    let rows = shown.iter().map(|place| Row {
        cells: vec![
            Cell::link(&place.group.label, Some(drill(scene, level, &place.group.key))),
            Value::percent(place.share_of_revenue).into(),
            Value::percent(place.share_of_customers).into(),
        ],
        is_selected: chosen(place),
    });
    let table = Table::new("penetration-table", &title, &[field.title(), "#Share of revenue", "#Share of customers"]);
    Figure::half(Drawing::Ranking(chart), table.rows(rows))
        .noted("Customers who buy in several places count in each of them.")
}

fn place_table(scene: &Scene<'_>, level: Level, all: &[PlaceGroup]) -> Table {
    let field = level.field();
    let groups: Vec<Group<Revenue>> = all.iter().map(|place| place.group.clone()).collect();
    let title = match level {
        Level::Region => "Regions in detail",
        Level::City => "Cities in detail",
        Level::Store => "Stores in detail",
    };
    let mut table =
        scene.group_table("places-table", title, &groups, field, |group| Some(drill(scene, level, &group.key)));
    // The share of the groups is one of the selection; what is asked here is how much of everything it is.
    let place = table.columns.iter().position(|column| column.title == "Share");
    if let Some(place) = place {
        table.columns[place].title = "Share of revenue".to_owned();
        for (row, group) in table.rows.iter_mut().zip(all) {
            row.cells[place] = Value::percent(group.share_of_revenue).into();
        }
    }
    table.columns.push(super::Column { title: "Share of customers".to_owned(), is_number: true });
    table.columns.push(super::Column { title: "Average order".to_owned(), is_number: true });
    for (row, place) in table.rows.iter_mut().zip(all) {
        row.cells.push(Value::percent(place.share_of_customers).into());
        row.cells.push(Value::money(place.group.figures.average_order).into());
    }
    table
}
