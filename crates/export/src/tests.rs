//! A small page that the tests of all formats write, and what must hold for each of them.

use salesmart_base::settings::{Currency, SymbolPlace};
use salesmart_dashboard::chart;
use salesmart_dashboard::chart::{Heading, Mark};
use salesmart_dashboard::content::{Block, Change, Direction, Drawing, Figure, Page, Row, Table};
use salesmart_metrics::money::amount;

use super::*;

/// A page with all that it needs.
pub(super) struct Sample {
    pub content: Content,
    pub settings: Settings,
    pub load: Load,
}

pub(super) fn report(sample: &Sample) -> Report<'_> {
    Report {
        content: &sample.content,
        settings: &sample.settings,
        load: &sample.load,
        written: Written::new(&sample.settings.currency),
        query: "region=North&region=South".to_owned(),
        who: Some("ann"),
    }
}

fn money(units: i128) -> Value {
    Value::Money(amount(units))
}

pub(super) fn table(id: &str, title: &str, heads: &[&str], rows: Vec<Vec<Value>>) -> Table {
    Table::new(id, title, heads).rows(rows.into_iter().map(|row| Row::new(row.into_iter().map(Into::into).collect())))
}

/// Three months, a key figure, and a table of dates.
pub(super) fn sample() -> Sample {
    let months = [("Jan 2024", 1234.5678, Some(1000.0)), ("Feb 2024", 2000.0, Some(1500.0)), ("Mar 2024", -12.5, None)];
    let marks = months.map(|(name, value, compare)| Mark { compare, ..Mark::new(name, value) });
    let heading = Heading::new("trend", "Revenue by month", "€").described("Three points.");
    let trend = chart::Trend {
        compare_name: Some("Previous".to_owned()),
        ..chart::Trend::new(heading, chart::Format::Decimal(2), "Revenue", marks.into())
    };
    let rows = vec![
        vec![Value::text("Jan 2024"), money(12_345_678), money(10_000_000), Value::Percent(0.25)],
        vec![Value::text("Feb 2024"), money(20_000_000), money(15_000_000), Value::Percent(0.5)],
        vec![Value::text("Mar 2024"), money(-125_000), Value::None, Value::None],
    ];
    let figure = Figure::full(
        Drawing::Trend(trend),
        table("trend-table", "Revenue by month", &["Month", "#Revenue", "#Previous", "#Margin"], rows),
    );
    let days = vec![vec![
        Value::Date("2024-03-05".parse().unwrap()),
        Value::Time("2024-03-05T14:03:00Z".to_owned()),
        Value::Count(1_234_567),
        Value::Change(-0.05),
    ]];
    let tile = Tile {
        changes: vec![Change {
            against: "previous period".to_owned(),
            text: "+25.0 %".to_owned(),
            direction: Direction::Up,
            detail: "Oct – Dec 2023: 987,654.31 €".to_owned(),
            before: money(9_876_543_100),
            by: Value::Change(0.25),
        }],
        ..Tile::new("Revenue", money(12_345_678_912))
    };
    let said = |about: &str, text: &str| Said { about: about.to_owned(), text: text.to_owned() };
    Sample {
        content: Content {
            page: Page::Overview,
            title: "Overview".to_owned(),
            range: salesmart_metrics::calendar::Range::new(
                "2024-01-01".parse().unwrap(),
                "2024-03-31".parse().unwrap(),
            ),
            said: vec![said("Days", "1 Jan – 31 Mar 2024"), said("Region", "North, South")],
            trail: Vec::new(),
            notes: vec!["March 2024 is not over.".to_owned()],
            blocks: vec![
                Block::Tiles(vec![tile]),
                figure.into(),
                Block::Table(table("days", "Days", &["Day", "Moment", "#Lines", "#Change"], days)),
            ],
        },
        settings: Settings {
            title: "Café Sales".to_owned(),
            currency: Currency { symbol: "€".to_owned(), place: SymbolPlace::After },
            views: None,
        },
        load: Load { id: "42".to_owned(), committed_at: Some("2024-04-01T06:30:00Z".to_owned()) },
    }
}

/// Texts that somebody may have put into the warehouse.
pub(super) fn hostile() -> Sample {
    let texts = [
        "=cmd()|'/c calc'!A1".to_owned(),
        "+1-1@x".to_owned(),
        "w".repeat(40_000),
        "long words ".repeat(4_000),
        "👩‍👩‍👧‍👦🇩🇪 naïve 漢字 עברית 12 عربى ไทย हिन्दी \u{10fffe}".to_owned(),
        "</svg><script>alert(1)</script>]]>&amp;\"'".to_owned(),
        "a\0b\u{1b}[31mc\u{202e}d\u{feff}\r\n\te\u{fffe}".to_owned(),
        String::new(),
    ];
    let mut sample = sample();
    let rows = texts.iter().map(|text| vec![Value::text(text), money(1), Value::text(text)]).collect();
    let marks = texts.iter().map(|text| Mark::new(text, 0.0001)).collect();
    let title = &texts[4];
    let heading = Heading::new("bad", title, &texts[5]).described(&texts[6]);
    let chart = chart::Ranking::new(heading, chart::Format::Count, &texts[0], &texts[1], marks);
    let data = table("bad-table", title, &["Name", "#Revenue", "Name again"], rows);
    sample.content.blocks.push(Figure::half(Drawing::Ranking(chart), data.clone()).noted(&texts[3]).into());
    sample.content.blocks.push(Block::Table(Table { note: Some(texts[2].clone()), ..data }));
    for text in &texts {
        sample.content.blocks.push(Block::Table(table("x", text, &[text], Vec::new())));
        sample.content.said.push(Said { about: text.clone(), text: text.clone() });
        sample.content.notes.push(text.clone());
    }
    sample.content.blocks.push(Block::Tiles(texts.iter().map(|text| Tile::new(text, Value::text(text))).collect()));
    sample.settings.title = texts[3].clone();
    sample.content.title = texts[4].clone();
    sample.settings.currency.symbol = "\"&[Red]€".to_owned();
    sample
}

#[test]
fn files_are_named_after_page_and_days() {
    let sample = sample();
    assert_eq!(report(&sample).file_name(Format::Xlsx), "salesmart-overview-2024-01-01-2024-03-31.xlsx");
    let mut empty = sample;
    empty.content.range = None;
    assert_eq!(report(&empty).file_name(Format::Csv), "salesmart-overview.csv");
}

#[test]
fn the_same_load_makes_the_same_bytes() {
    for sample in [sample(), hostile()] {
        for write in [pdf::write, xlsx::write] {
            assert!(write(&report(&sample)).unwrap() == write(&report(&sample)).unwrap());
        }
    }
}
