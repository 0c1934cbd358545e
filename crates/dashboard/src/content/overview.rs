//! How are we doing?

use salesmart_base::settings::Settings;
use salesmart_metrics::calendar::{Granularity, Range};
use salesmart_metrics::cube::Selection;
use salesmart_metrics::figures;
use salesmart_metrics::figures::{By, KeyFigures, Overview, Revenue, weekdays};
use salesmart_metrics::filter::{Dates, Field};

use super::parts::{Scene, days_so_far};
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure};
use crate::chart;
use crate::chart::{Heading, Mark, Spark};

type Trend = figures::Trend<Revenue>;
type Bucket = figures::Bucket<Revenue>;

/// The values of a tile: in it, and in the line below it.
type Measure = (&'static str, fn(&KeyFigures) -> Value);

const MEASURES: [Measure; 7] = [
    ("Revenue", |figures| Value::Money(figures.revenue)),
    ("Profit", |figures| Value::money(figures.profit)),
    ("Margin", |figures| Value::percent(figures.margin)),
    ("Orders", |figures| Value::Count(figures.orders)),
    ("Customers", |figures| Value::Count(figures.customers)),
    ("Average order", |figures| Value::money(figures.average_order)),
    DISCOUNTS,
];

/// Left out where the source states no discounts.
const DISCOUNTS: Measure = ("Discounts", |figures| Value::Money(figures.discount));

/// How many products the page shows; the page of products has more.
const PRODUCTS: usize = 8;

pub(super) fn content(selection: &Selection<'_>, wanted: &Wanted, settings: &Settings) -> Content {
    let scene = Scene::new(selection, wanted, settings);
    let overview = figures::overview(selection);
    let trend = figures::trend(selection, scene.filter());
    let tiles = measures(&scene).map(|measure| tile(&scene, &overview, &trend, measure)).collect();
    scene.content(vec![
        Block::Tiles(tiles),
        revenue(&scene, &trend).into(),
        scene.revenue_by(By::Region, Field::Region, "Revenue by region").into(),
        scene.revenue_by(By::Category, Field::Category, "Revenue by category").into(),
        best_products(&scene).into(),
        scene.revenue_by(By::Segment, Field::Segment, "Revenue by segment").into(),
        days_of_the_week(&scene).into(),
    ])
}

/// Those of which the source says something.
fn measures<'s>(scene: &'s Scene<'_>) -> impl Iterator<Item = &'static Measure> + use<'s> {
    let has_discounts = scene.cube().has_discounts;
    MEASURES.iter().filter(move |(label, _)| has_discounts || *label != DISCOUNTS.0)
}

fn tile(scene: &Scene<'_>, overview: &Overview, trend: &Trend, (label, of): &Measure) -> Tile {
    let is_sum = !matches!(*label, "Margin" | "Average order");
    let shown: Vec<&Bucket> = trend.buckets.iter().filter(|bucket| has_begun(scene, bucket)).collect();
    // A line needs two points.
    let spark = (shown.len() > 1).then(|| Spark {
        heading: Heading::new(
            format!("spark-{}", super::parts::id(label)),
            format!("{label} by {}", trend.granularity.name()),
            "",
        ),
        values: shown.iter().map(|bucket| of(&bucket.figures).number()).collect(),
        partial: shown.last().is_some_and(|bucket| !bucket.is_complete),
    });
    Tile { spark, is_running: overview.is_running && is_sum, ..scene.tile(label, overview, of) }
}

/// Revenue over time.
fn revenue(scene: &Scene<'_>, trend: &Trend) -> Figure {
    let granularity = trend.granularity;
    let title = format!("Revenue by {}", granularity.name());
    let compare_name = scene.compare_name().filter(|_| trend.compared_range.is_some());
    let marks = trend.buckets.iter().map(|bucket| mark(scene, granularity, bucket));
    let partial =
        trend.buckets.last().filter(|bucket| !bucket.is_complete && has_begun(scene, bucket)).and_then(|bucket| {
            let days = days_so_far(bucket.range, scene.cube().days()?);
            Some(format!("{}: {days} of {} days", bucket.label, granularity.bucket(bucket.range.from).days()))
        });
    let bands = chart::bands(trend.buckets.len());
    let band_hrefs = bands.into_iter().filter_map(|band| {
        let (first, last) = (trend.buckets.get(band.start)?, trend.buckets.get(band.end.checked_sub(1)?)?);
        Some(scene.links.on(Dates::between(Range::new(first.range.from, last.range.to)?)))
    });
    let heading =
        Heading::new("trend", &title, scene.written.money_unit("net of returns")).described(in_words(scene, trend));
    let chart = chart::Trend {
        compare_name: compare_name.clone(),
        partial,
        band_hrefs: if trend.buckets.len() > chart::scale::MOST_BANDS { band_hrefs.collect() } else { Vec::new() },
        ..chart::Trend::new(heading, scene.written.money_format(), "Revenue", marks.collect())
    };
    Figure::full(Drawing::Trend(chart), trend_table(scene, trend, &title, compare_name.as_deref()))
}

fn mark(scene: &Scene<'_>, granularity: Granularity, bucket: &Bucket) -> Mark {
    let mark = if has_begun(scene, bucket) {
        Mark::amount(&bucket.label, bucket.figures.revenue)
    } else {
        Mark::gap(&bucket.label)
    };
    let mark = mark.compare_amount(bucket.compared.map(|then| then.amount));
    Mark { href: narrower(scene, bucket), ..mark.short(short_label(granularity, bucket)) }
}

/// Figures of days to come are no zero.
fn has_begun(scene: &Scene<'_>, bucket: &Bucket) -> bool {
    scene.cube().days().is_some_and(|known| bucket.range.from <= known.to)
}

/// The page on a bucket's days, unless these are all there are.
fn narrower(scene: &Scene<'_>, bucket: &Bucket) -> Option<String> {
    (scene.selection.range() != Some(bucket.range)).then(|| scene.links.on(Dates::between(bucket.range)))
}

/// What stands on the axis: a year only where it begins, or where the line does.
fn short_label(granularity: Granularity, bucket: &Bucket) -> String {
    let whole = granularity.bucket(bucket.range.from);
    match granularity {
        Granularity::Day => whole.from.format("%-d %b").to_string(),
        Granularity::Week => format!("W{}", whole.from.format("%V")),
        Granularity::Month => whole.from.format("%b ’%y").to_string(),
        Granularity::Quarter | Granularity::Year => bucket.label.clone(),
    }
}

fn trend_table(scene: &Scene<'_>, trend: &Trend, title: &str, compare_name: Option<&str>) -> Table {
    let mut heads = vec!["Period".to_owned(), "#Revenue".to_owned()];
    let head = compare_name.map(|name| format!("#{name}"));
    heads.extend(head.clone());
    heads.extend(measures(scene).skip(1).map(|(label, _)| format!("#{label}")));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = trend.buckets.iter().map(|bucket| {
        let so_far = if bucket.is_complete { "" } else { " (in part)" };
        let mut cells = vec![
            Cell::link(format!("{}{so_far}", bucket.label), narrower(scene, bucket)),
            Value::Money(bucket.figures.revenue).into(),
        ];
        if head.is_some() {
            cells.push(Value::money(bucket.compared.map(|then| then.amount)).into());
        }
        cells.extend(measures(scene).skip(1).map(|(_, of)| Cell::from(of(&bucket.figures))));
        Row::new(cells)
    });
    Table::new("trend-table", title, &heads).rows(rows)
}

/// For those who do not see the line.
fn in_words(scene: &Scene<'_>, trend: &Trend) -> String {
    let money = |bucket: &Bucket| scene.written.short(&Value::Money(bucket.figures.revenue));
    let begun = || trend.buckets.iter().filter(|bucket| has_begun(scene, bucket));
    let (Some(low), Some(high)) =
        (begun().min_by_key(|bucket| bucket.figures.revenue), begun().max_by_key(|bucket| bucket.figures.revenue))
    else {
        return "There is nothing to show.".to_owned();
    };
    format!(
        "{} points. The highest is {} with {}, the lowest {} with {}.",
        trend.buckets.len(),
        high.label,
        money(high),
        low.label,
        money(low),
    )
}

fn best_products(scene: &Scene<'_>) -> Figure {
    let best = scene.best_products(&figures::ranking(&scene.without(Field::Product)), PRODUCTS);
    let figure = scene.revenue_of(&best.groups, Field::Product, "Best products", |group| {
        scene.links.toggle(Field::Product, &group.key)
    });
    match scene.left_out(&best.groups, best.number, Field::Product) {
        Some(note) => figure.noted(note),
        None => figure,
    }
}

fn days_of_the_week(scene: &Scene<'_>) -> Figure {
    let title = "Revenue by day of the week";
    let days = weekdays(scene.selection, scene.filter().comparison);
    let marks = days.iter().map(|day| {
        let short: String = day.label.chars().take(3).collect();
        Mark::amount(day.label, day.revenue).compare_amount(day.compared).short(short)
    });
    let best = days.iter().max_by_key(|day| day.revenue);
    let described = best.map_or_else(String::new, |best| format!("Most is sold on {}.", best.label));
    let heading = Heading::new("weekdays", title, scene.written.money_unit("net of returns")).described(described);
    let chart = chart::Columns {
        compare_name: scene.compare_name().filter(|_| days.iter().any(|day| day.compared.is_some())),
        ..chart::Columns::new(heading, scene.written.money_format(), "", "Revenue", marks.collect())
    };
    let rows = days.iter().map(|day| {
        let values = [
            Value::text(day.label),
            Value::Money(day.revenue),
            Value::percent(day.share),
            Value::Count(day.orders),
            Value::money(day.average_order),
        ];
        Row::new(values.map(Cell::from).into())
    });
    let table = Table::new("weekdays-table", title, &["Day", "#Revenue", "#Share", "#Orders", "#Average order"]);
    Figure::full(Drawing::Columns(chart), table.rows(rows))
}
