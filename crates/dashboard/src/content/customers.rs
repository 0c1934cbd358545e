//! Who buys, and who comes back?

use salesmart_base::settings::Settings;
use salesmart_metrics::cube::{Cube, Selection};
use salesmart_metrics::figures;
use salesmart_metrics::figures::{By, Cohorts, Group, Lifetime, RfmCell, Span, breakdown, cohorts, lifetime, rfm};
use salesmart_metrics::filter::Field;
use salesmart_metrics::money::per;

use super::parts::Scene;
use super::table::{Cell, Row, Table};
use super::tile::Tile;
use super::value::Value;
use super::wanted::Wanted;
use super::{Block, Content, Drawing, Figure, Width};
use crate::chart;
use crate::chart::{Format, Heading, Mark, heatmap};

pub(super) fn content(selection: &Selection<'_>, wanted: &Wanted, settings: &Settings) -> Content {
    let scene = Scene::new(selection, wanted, settings);
    let values = lifetime(selection);
    let cohorts = cohorts(selection);
    scene.content(vec![
        Block::Tiles(tiles(&scene, &values)),
        segments(&scene).into(),
        scores(&scene).into(),
        retention(&cohorts).into(),
        churn(&cohorts).into(),
        distribution(&scene, &values).into(),
    ])
}

fn tiles(scene: &Scene<'_>, values: &Lifetime) -> Vec<Tile> {
    let overview = figures::overview(scene.selection);
    vec![
        scene.tile("Customers", &overview, |figures| Value::Count(figures.customers)),
        scene.tile("Revenue per customer", &overview, |figures| Value::money(per(figures.revenue, figures.customers))),
        Tile::new("Lifetime value, mean", Value::money(values.mean)).noted("all days, per customer"),
        Tile::new("Lifetime value, median", Value::money(values.median)).noted("half brought at least this"),
        Tile::new("Best tenth from", Value::money(values.top_tenth)).noted("lifetime value of one in ten"),
        Tile::new("Share of the best tenth", Value::percent(values.share_of_top_tenth)).noted("of all lifetime value"),
    ]
}

/// Customers by segment; a click filters by one.
fn segments(scene: &Scene<'_>) -> Figure {
    let title = "Customers by segment";
    let mut groups: Vec<Group> = breakdown(&scene.without(Field::Segment), By::Segment, scene.filter().comparison);
    // Who is not known is in no segment.
    groups.retain(|group| group.figures.customers > 0 || group.compared.is_some_and(|then| then.customers > 0));
    groups.sort_by(|a, b| b.figures.customers.cmp(&a.figures.customers).then_with(|| a.key.cmp(&b.key)));
    let href = |key: &str| scene.links.toggle(Field::Segment, key);
    let marks = groups.iter().map(|group| Mark {
        compare: group.compared.map(|then| then.customers as f64),
        href: Some(href(&group.key)),
        selected: scene.is_selected(Field::Segment, &group.key),
        tip: Some(format!(
            "{}\n{} customers\n{} revenue",
            group.label,
            scene.written.full(&Value::Count(group.figures.customers)),
            scene.written.full(&Value::Money(group.figures.revenue))
        )),
        ..Mark::new(&group.label, group.figures.customers as f64)
    });
    let heading = Heading::new("segments", title, "customers who bought on these days")
        .described("Segments are those of today: the warehouse gives each customer one.");
    let chart = chart::Ranking {
        compare_name: scene.compare_name().filter(|_| groups.iter().any(|group| group.compared.is_some())),
        ..chart::Ranking::new(heading, Format::Count, "Segment", "Customers", marks.collect())
    };
    let mut figure = Figure::half(
        Drawing::Ranking(chart),
        scene.group_table("segments-table", title, &groups, Field::Segment, |group| Some(href(&group.key))),
    );
    figure.note = scene.left_out(&groups, groups.len(), Field::Segment);
    figure
}

/// Customers by recency and frequency.
fn scores(scene: &Scene<'_>) -> Figure {
    let title = "Recency and frequency";
    let cells = rfm(&scene.without(Field::Segment));
    let segments = Segments::of(scene.cube());
    let at = |recency: u8, frequency: u8| cells.iter().find(|c| c.recency == recency && c.frequency == frequency);
    let rows = (1..=5).rev().map(|recency| {
        let cells = (1..=5).map(|frequency| at(recency, frequency).map(|cell| score_cell(scene, &segments, cell)));
        heatmap::Row::new(format!("R{recency}"), cells.collect())
    });
    let heading = Heading::new("rfm", title, "customers; scores from 1 to 5, 5 is best").described(
        "Rows are how recently customers bought, columns how often. The best customers are at the top right.",
    );
    let chart = chart::Heatmap {
        heading,
        format: Format::Count,
        row_title: "Recency".to_owned(),
        note_title: String::new(),
        column_title: "Frequency".to_owned(),
        columns: (1..=5).map(|frequency| format!("F{frequency}")).collect(),
        rows: rows.collect(),
        shade_to: None,
    };
    let rows = cells.iter().rev().map(|cell| {
        let names = segments.names(cell);
        Row::new(vec![
            Value::Count(u64::from(cell.recency)).into(),
            Value::Count(u64::from(cell.frequency)).into(),
            Cell::link(names.join(", "), if names.is_empty() { None } else { segments_link(scene, &names) }),
            Value::Count(cell.customers).into(),
            Value::Money(cell.revenue).into(),
        ])
    });
    let heads = ["#Recency", "#Frequency", "Segments", "#Customers", "#Revenue"];
    Figure::half(Drawing::Heatmap(chart), Table::new("rfm-table", title, &heads).rows(rows))
        .noted("A click on a cell filters by the segments of its customers.")
}

fn score_cell(scene: &Scene<'_>, segments: &Segments<'_>, cell: &RfmCell) -> heatmap::Cell {
    let revenue = scene.written.full(&Value::Money(cell.revenue));
    let customers = scene.written.full(&Value::Count(cell.customers));
    let names = segments.names(cell);
    let mut tip = format!("Recency {}, frequency {}", cell.recency, cell.frequency);
    tip.push_str(&format!("\n{customers} customers, {revenue}"));
    if !names.is_empty() {
        tip.push_str(&format!("\n{}", names.join(", ")));
    }
    let selected = scene.filter().segments.as_slice();
    heatmap::Cell {
        href: if names.is_empty() { None } else { segments_link(scene, &names) },
        tip: Some(tip),
        selected: !names.is_empty() && names.iter().all(|name| selected.iter().any(|one| one == name)),
        ..heatmap::Cell::new(cell.customers as f64)
    }
}

/// Whether there is a customer of a pair of scores in a segment: recency first, then frequency, then segments as the cube has
/// them, which is in alphabetical order.
struct Segments<'c> {
    cube: &'c Cube,
    has: Vec<bool>,
}

impl<'c> Segments<'c> {
    fn of(cube: &'c Cube) -> Self {
        let mut has = vec![false; 25 * cube.segments.len()];
        for customer in &cube.customers {
            if let Some([recency @ 1..=5, frequency @ 1..=5, _]) = customer.scores {
                has[place(recency, frequency) * cube.segments.len() + customer.segment as usize] = true;
            }
        }
        Self { cube, has }
    }

    fn names(&self, cell: &RfmCell) -> Vec<&'c str> {
        let segments = &self.cube.segments;
        let has = self.has.chunks(segments.len()).nth(place(cell.recency, cell.frequency));
        has.into_iter().flatten().zip(segments).filter(|(has, _)| **has).map(|(_, name)| name.as_str()).collect()
    }
}

fn place(recency: u8, frequency: u8) -> usize {
    usize::from(recency - 1) * 5 + usize::from(frequency - 1)
}

/// A click filters by the segments of a cell's customers; a second one by none.
fn segments_link(scene: &Scene<'_>, names: &[&str]) -> Option<String> {
    let names = if scene.filter().segments == names { &[] } else { names };
    Some(scene.links.filtered(scene.filter().clone().with(Field::Segment, names)))
}

/// Who ordered again, by month of the first order.
fn retention(cohorts: &Cohorts) -> Figure {
    let title = "Retention by month of the first order";
    let columns = cohorts.cohorts.iter().map(|cohort| cohort.retention.len()).max().unwrap_or(0);
    // All ordered in their first month; the shades are for the months after.
    let later = cohorts.cohorts.iter().flat_map(|cohort| cohort.retention.iter().skip(1)).flatten();
    let strongest = later.fold(0.0_f64, |most, share| most.max(*share));
    let rows = cohorts.cohorts.iter().map(|cohort| {
        let cells = (0..columns).map(|since| {
            let share = (*cohort.retention.get(since)?)?;
            Some(heatmap::Cell {
                tip: Some(format!(
                    "First order in {}\n{} of {} ordered {}\n{}",
                    cohort.label,
                    cohort.active[since],
                    cohort.size,
                    months_later(since),
                    Format::Percent(1).full(share)
                )),
                ..heatmap::Cell::new(share)
            })
        });
        heatmap::Row::new(&cohort.label, cells.collect()).note(Format::Count.full(cohort.size as f64))
    });
    let heading = Heading::new("retention", title, "% of the customers of that month").described(
        "For each month of first orders, the share of its customers who ordered again one, two and more months later.",
    );
    let chart = chart::Heatmap {
        heading,
        format: Format::Percent(1),
        row_title: "First order".to_owned(),
        note_title: "Customers".to_owned(),
        column_title: "Months since the first order".to_owned(),
        columns: (0..columns).map(|since| since.to_string()).collect(),
        rows: rows.collect(),
        shade_to: (strongest > 0.0).then_some(strongest),
    };
    let numbers: Vec<String> = (0..columns).map(|since| format!("#{since}")).collect();
    let heads: Vec<&str> =
        ["First order", "#Customers"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let rows = cohorts.cohorts.iter().map(|cohort| {
        let shares = (0..columns).map(|since| Value::percent(cohort.retention.get(since).copied().flatten()));
        let cells = [Value::text(&cohort.label), Value::Count(cohort.size)].into_iter().chain(shares);
        Row::new(cells.map(Cell::from).collect())
    });
    Figure::full(Drawing::Heatmap(chart), Table::new("retention-table", title, &heads).rows(rows))
        .noted("Cohorts whose first month is among the selected days; what they ordered counts on all days.")
}

fn months_later(since: usize) -> String {
    match since {
        0 => "in that month".to_owned(),
        1 => "a month later".to_owned(),
        since => format!("{since} months later"),
    }
}

/// Who never ordered again, by months since the first order.
fn churn(cohorts: &Cohorts) -> Figure {
    let title = "Churn by month since the first order";
    let marks = cohorts.lost.iter().enumerate().map(|(since, lost)| Mark {
        value: *lost,
        tip: lost.map(|lost| {
            format!("{} never ordered {} or after that", Format::Percent(1).full(lost), months_later(since))
        }),
        ..Mark::gap(format!("Month {since}")).short(since.to_string())
    });
    let heading = Heading::new("churn", title, "% who never ordered in that month or later").described(
        "Of the customers who have been seen so long, the share who were not seen again from that month on.",
    );
    let chart = chart::Trend::new(heading, Format::Percent(1), "Lost", marks.collect());
    let rows = cohorts
        .lost
        .iter()
        .enumerate()
        .map(|(since, lost)| Row::new([Value::Count(since as u64), Value::percent(*lost)].map(Cell::from).into()));
    let table = Table::new("churn-table", title, &["#Months since the first order", "#Lost"]).rows(rows);
    Figure::half(Drawing::Trend(chart), table)
        .noted("The last months look worse than they are: who has been away for a month may still come back.")
}

/// How many customers brought how much, on all days.
fn distribution(scene: &Scene<'_>, values: &Lifetime) -> Figure {
    let title = "Lifetime value";
    let name = |span: &Span| {
        let short = |amount| scene.written.short(&Value::Money(amount));
        match (span.from, span.below) {
            (None, Some(below)) => format!("below {}", short(below)),
            (Some(from), None) => format!("{} and more", short(from)),
            (Some(from), Some(below)) => format!("{} to {}", short(from), short(below)),
            (None, None) => "all".to_owned(),
        }
    };
    let short = |span: &Span| match (span.from, span.below) {
        (None, Some(_)) => "< 0".to_owned(),
        (Some(from), None) => format!("{}+", scene.written.short(&Value::Money(from))),
        (from, _) => from.map_or_else(String::new, |from| scene.written.short(&Value::Money(from))),
    };
    let marks = values.spans.iter().map(|span| {
        Mark::new(name(span), span.customers as f64).short(short(span)).tip(format!(
            "{}\n{} customers\n{} in all",
            name(span),
            scene.written.full(&Value::Count(span.customers)),
            scene.written.full(&Value::Money(span.revenue))
        ))
    });
    let heading = Heading::new("lifetime", title, "customers")
        .described("Customers who bought on the selected days by the net revenue that they brought on all days.");
    let chart = chart::Columns::histogram(
        heading,
        Format::Count,
        scene.written.money_unit("net revenue of all days"),
        "Customers",
        marks.collect(),
    );
    let rows = values.spans.iter().map(|span| {
        let values = [Value::text(name(span)), Value::Count(span.customers), Value::Money(span.revenue)];
        Row::new(values.map(Cell::from).into())
    });
    let table = Table::new("lifetime-table", title, &["Lifetime value", "#Customers", "#Revenue"]).rows(rows);
    Figure { width: Width::Half, ..Figure::full(Drawing::Columns(chart), table) }
        .noted("Customers who bought on the selected days, with what they brought on all days.")
}
