//! Figures computed by hand, and where clicks lead.

use salesmart_fixtures::{pounds, quality, small};
use salesmart_metrics::filter::Field;
use salesmart_metrics::money::amount;
use salesmart_metrics::source::Scope;

use super::*;

fn content(page: Page, query: &str) -> Content {
    Wanted::parse(page, Some(query)).unwrap().content(&small(), &pounds(), Some(&quality()))
}

fn tiles(content: &Content) -> &[Tile] {
    match &content.blocks[0] {
        Block::Tiles(tiles) => tiles,
        other => panic!("{other:?}"),
    }
}

fn figure<'a>(content: &'a Content, id: &str) -> &'a Figure {
    let mut figures = content.blocks.iter().filter_map(|block| match block {
        Block::Figure(figure) => Some(figure.as_ref()),
        _ => None,
    });
    figures.find(|figure| figure.drawing.heading().id == id).unwrap()
}

fn table<'a>(content: &'a Content, id: &str) -> &'a Table {
    let mut tables = content.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.find(|table| table.id == id).unwrap()
}

fn values(row: &Row) -> Vec<Value> {
    row.cells.iter().map(|cell| cell.value.clone()).collect()
}

fn money(units: i64) -> Value {
    Value::Money(amount(units * 10_000))
}

#[test]
fn the_key_figures_of_a_running_month() {
    let content = content(Page::Overview, "dates=this_month");
    let shown: Vec<(&str, Value, &str)> = tiles(&content)
        .iter()
        .map(|tile| (tile.label.as_str(), tile.value.clone(), tile.changes[0].text.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            // 200 + 60 − 20 against 100 on the same days of January.
            ("Revenue", money(240), "+140.0\u{a0}%"),
            ("Profit", money(102), "+155.0\u{a0}%"),
            ("Margin", Value::Percent(0.425), "+2.5\u{a0}pts"),
            ("Orders", Value::Count(2), "+100.0\u{a0}%"),
            ("Customers", Value::Count(2), "+100.0\u{a0}%"),
            ("Average order", money(120), "+20.0\u{a0}%"),
        ]
    );
    let revenue = &tiles(&content)[0];
    assert!(revenue.is_running && !tiles(&content)[2].is_running);
    assert_eq!(revenue.changes[0].direction, Direction::Up);
    assert_eq!(revenue.changes[0].detail, "1 – 12 Jan 2024: £100.00 (sales begin later, so this is a part)");
    assert_eq!((revenue.changes[1].text.as_str(), revenue.changes[1].direction), ("no data", Direction::Unknown));
    assert_eq!(content.notes, ["February 2024 is not over: its figures are those up to 12 Feb 2024."]);
}

#[test]
fn a_trend_leads_to_its_buckets_and_says_which_one_is_not_over() {
    let content = content(Page::Overview, "dates=all&granularity=month&region=North");
    let figure = figure(&content, "trend");
    let Drawing::Trend(chart) = &figure.drawing else { panic!() };
    let marks: Vec<(&str, Option<f64>)> = chart.marks.iter().map(|mark| (mark.label.as_str(), mark.value)).collect();
    assert_eq!(marks, [("Jan 2024", Some(100.0)), ("Feb 2024", Some(240.0))]);
    assert_eq!(chart.partial.as_deref(), Some("Feb 2024: 12 of 29 days"));
    // The days of the bucket that are selected: sales begin on the tenth.
    assert_eq!(chart.marks[0].href.as_deref(), Some("/overview?from=2024-01-10&to=2024-01-31&region=North"));
    assert_eq!(figure.table.rows[1].cells[0].value, Value::text("Feb 2024 (in part)"));
    assert_eq!(figure.table.rows[1].cells[1].value, money(240));
}

#[test]
fn days_to_come_are_no_zero() {
    let content = content(Page::Overview, "from=2024-02-10&to=2024-02-14&compare=none");
    let Drawing::Trend(chart) = &figure(&content, "trend").drawing else { panic!() };
    let shown: Vec<Option<f64>> = chart.marks.iter().map(|mark| mark.value).collect();
    assert_eq!(shown, [Some(60.0), Some(0.0), Some(-20.0), None, None]);
}

#[test]
fn a_selected_bar_stays_beside_the_others_and_a_second_click_lets_go_of_it() {
    let content = content(Page::Overview, "dates=all&region=North");
    assert_eq!(tiles(&content)[0].value, money(340));
    let figure = figure(&content, "revenue-by-region");
    let Drawing::Ranking(chart) = &figure.drawing else { panic!() };
    let bars: Vec<(&str, Option<f64>, bool, &str)> = chart
        .marks
        .iter()
        .map(|mark| (mark.label.as_str(), mark.value, mark.selected, mark.href.as_deref().unwrap()))
        .collect();
    assert_eq!(
        bars,
        [
            ("North", Some(340.0), true, "/overview?dates=all"),
            ("South", Some(50.0), false, "/overview?dates=all&region=North&region=South"),
        ]
    );
    assert!(figure.note.as_deref().unwrap().contains("filtered by North"));
    assert!(figure.table.rows[0].is_selected && !figure.table.rows[1].is_selected);
}

#[test]
fn products_are_ranked_and_few_make_most() {
    let content = content(Page::Products, "dates=all&compare=none");
    let rows = &table(&content, "products-table").rows;
    let names: Vec<Value> = rows.iter().map(|row| row.cells[1].value.clone()).collect();
    assert_eq!(names, ["Mug", "<script>alert(1)</script>", "Atlas"].map(Value::text));
    let mug = [
        Value::Count(1),
        Value::text("Mug"),
        Value::text("P1"),
        Value::text("Kitchen"),
        money(280),
        Value::Percent(0.717949),
        money(112),
        Value::Percent(0.4),
        Value::Count(2),
        Value::Quantity(amount(10_000)),
        money(-20),
    ];
    assert_eq!(values(&rows[0]), mug);
    // 280 of 390 is less than 80 %, 340 is more.
    assert_eq!(
        figure(&content, "pareto").note.as_deref(),
        Some("2 of 3 products (66.7\u{a0}%) make 80 % of the revenue.")
    );
    // 20 of the 410 that were sold came back.
    assert_eq!(tiles(&content)[5].value, Value::Percent(0.04878));
    assert_eq!(rows[0].cells[1].href.as_deref(), Some("/products?dates=all&compare=none&product=P1"));
}

#[test]
fn how_many_products_are_shown_is_part_of_the_address() {
    let wanted = Wanted::parse(Page::Products, Some("top=50&region=North")).unwrap();
    assert_eq!(Links::to(&wanted), "/products?region=North&top=50");
    assert_eq!(Links::from(&wanted).page(Page::Overview), "/overview?region=North&top=50");
    assert_eq!(Links::to(&Wanted::page(Page::Products)), "/products");
    assert_eq!(Wanted::parse(Page::Products, Some("top=7")).unwrap_err().parameter, "top");
}

#[test]
fn regions_drill_down_and_back_up() {
    let top = content(Page::Regions, "dates=all");
    assert_eq!((top.title.as_str(), top.trail.len()), ("Regions", 0));
    let first = &table(&top, "places-table").rows[0];
    assert_eq!(first.cells[0], Cell::link("North", Some("/regions?dates=all&region=North".to_owned())));

    let north = content(Page::Regions, "dates=all&region=North");
    assert_eq!(north.title, "North");
    let trail: Vec<(&str, Option<&str>)> =
        north.trail.iter().map(|crumb| (crumb.label.as_str(), crumb.href.as_deref())).collect();
    assert_eq!(trail, [("All regions", Some("/regions?dates=all")), ("North", None)]);
    let cities = &table(&north, "places-table");
    assert_eq!(
        cities.rows[0].cells[0],
        Cell::link("Kiel", Some("/regions?dates=all&region=North&city=Kiel".to_owned()))
    );
    let share = cities.columns.iter().position(|column| column.title == "Share of revenue").unwrap();
    // 280 of the 390 of all regions.
    assert_eq!(cities.rows[0].cells[share].value, Value::Percent(0.717949));

    let kiel = content(Page::Regions, "dates=all&region=North&city=Kiel");
    assert_eq!(kiel.trail[1].href.as_deref(), Some("/regions?dates=all&region=North"));
    let store = &table(&kiel, "places-table").rows[0].cells[0];
    assert_eq!(store.href.as_deref(), Some("/regions?dates=all&region=North&city=Kiel&store=Kiel+1"));
}

#[test]
fn scores_filter_by_the_segments_they_hold() {
    let content = content(Page::Customers, "dates=all");
    let Drawing::Heatmap(chart) = &figure(&content, "rfm").drawing else { panic!() };
    // The first row is recency 5, its last cell frequency 5: Ann.
    let best = chart.rows[0].cells[4].as_ref().unwrap();
    assert_eq!((best.value, best.href.as_deref()), (Some(1.0), Some("/customers?dates=all&segment=Champions")));
    let nobody = chart.rows[0].cells[0].as_ref().unwrap();
    assert_eq!((nobody.value, &nobody.href), (Some(0.0), &None));
}

#[test]
fn cohorts_of_the_selected_days() {
    let content = content(Page::Customers, "dates=all");
    let rows = &figure(&content, "retention").table.rows;
    // Both ordered in January first and in February again.
    let january = [Value::text("Jan 2024"), Value::Count(2), Value::Percent(1.0), Value::Percent(1.0)];
    assert_eq!(rows.iter().map(values).collect::<Vec<_>>(), [january.to_vec()]);
}

#[test]
fn the_quality_page_counts_what_runs_found() {
    let content = content(Page::Quality, "");
    let rejected = tiles(&content).iter().find(|tile| tile.label == "Rejected").unwrap();
    assert_eq!(rejected.value, Value::Percent(0.05));
    let found: Vec<Vec<Value>> = table(&content, "found-table").rows.iter().map(values).collect();
    let last = Value::Time("2024-02-12T01:00:00Z".to_owned());
    assert_eq!(found, [vec![Value::text("fact_keys"), Value::Count(1), Value::Count(0), last]]);
    let pushed: Vec<Vec<Value>> = table(&content, "syncs-table").rows.iter().map(values).collect();
    assert_eq!(pushed.len(), 1);
    assert_eq!(pushed[0][2..5], [Value::Count(90), Value::Count(4), Value::Count(1)]);
    // Who sees some regions sees when runs were and how they ended.
    let some = quality().seen_by(&Scope::Regions(["North".to_owned()].into()));
    let some = Wanted::page(Page::Quality).content(&small(), &pounds(), Some(&some));
    let runs: Vec<Vec<Value>> = table(&some, "runs-table").rows.iter().map(values).collect();
    assert_eq!((runs.len(), runs[0].len(), some.blocks.len()), (2, 3, 2));
    let unread = Wanted::page(Page::Quality).content(&small(), &pounds(), None);
    assert_eq!(unread.notes, ["The record of runs cannot be read at the moment."]);
}

#[test]
fn every_row_has_a_cell_for_every_column_and_every_id_is_there_once() {
    for page in Page::ALL {
        for query in ["", "dates=all", "dates=all&compare=none", "region=Nowhere", "dates=all&segment=Lost&product=P9"]
        {
            let content = content(page, query);
            let mut ids = std::collections::BTreeSet::new();
            for block in &content.blocks {
                let table = match block {
                    Block::Tiles(_) => continue,
                    Block::Figure(figure) => {
                        assert!(ids.insert(figure.drawing.heading().id.clone()), "{page:?} {query}");
                        &figure.table
                    }
                    Block::Table(table) => table,
                };
                assert!(ids.insert(table.id.clone()), "{page:?} {query} {}", table.id);
                assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "{page:?} {}", table.id);
            }
        }
    }
}

#[test]
fn a_filter_is_said_in_words() {
    let wanted = Wanted::parse(Page::Overview, Some("dates=this_month&product=P1&region=North&region=South")).unwrap();
    let content = wanted.content(&small(), &pounds(), None);
    let said: Vec<(&str, &str)> = content.said.iter().map(|one| (one.about.as_str(), one.text.as_str())).collect();
    assert_eq!(
        said,
        [
            ("Days", "1 – 12 Feb 2024 (this month)"),
            ("Compared with", "previous period (1 – 12 Jan 2024)"),
            ("Trends by", "day"),
            ("Region", "North, South"),
            ("Product", "Mug"),
        ]
    );
    let cube = small();
    assert_eq!(name(&cube, Field::Product, "P9"), "P9");
}

#[test]
fn a_name_that_nothing_has_is_said() {
    let said = content(Page::Overview, "dates=all&region=Nroth&product=P1").notes;
    assert!(said.contains(&"There is no region “Nroth” in these figures.".to_owned()), "{said:?}");
    assert_eq!(said.iter().filter(|note| note.contains("There is no")).count(), 1);
}
