//! Pages as browsers get them.

use salesmart_fixtures::{pounds, quality, small};
use salesmart_metrics::filter::Field;
use views::Views;

use super::chips::chips;
use super::*;
use crate::content::Written;

const QUERIES: [&str; 5] = [
    "",
    "dates=all",
    "from=2024-01-10&to=2024-02-12&granularity=day",
    "region=%3Cb%3E&dates=all",
    "dates=all&product=P2&segment=Lost&top=20",
];

fn page(page: Page, query: &str, health: &Health) -> String {
    let (cube, settings) = (small(), pounds());
    let wanted = Wanted::parse(page, Some(query)).unwrap();
    let content = wanted.content(&cube, &settings, Some(&quality()));
    let views = Views::default();
    let shell =
        Shell { cube: &cube, settings: &settings, wanted: &wanted, viewer: Some("A & B"), health, views: &views };
    shell.page(&content).into_string()
}

/// Are all elements closed in the order they were opened, all attributes quoted, all ids there once?
fn check(html: &str) {
    const VOID: [&str; 4] = ["meta", "link", "input", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        rest = &rest[end + 1..];
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "closed by {tag}"),
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
        assert!(!tag.contains(" style=") && !tag.contains(" onclick="), "the policy of contents forbids {tag}");
        if let Some((_, id)) = tag.split_once(" id=\"") {
            assert!(ids.insert(id.split('"').next().unwrap()), "twice: {tag}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_page_is_well_formed_and_nothing_is_taken_as_markup() {
    for one in Page::ALL {
        for query in QUERIES {
            let html = page(one, query, &Health::Reachable);
            check(&html);
            assert!(!html.contains("<script>alert") && !html.contains("<b>\""), "{one:?} {query}");
        }
    }
    assert!(page(Page::Products, "dates=all", &Health::Reachable).contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page(Page::Overview, "region=%3Cb%3E", &Health::Reachable).contains("&lt;b&gt;"));
}

#[test]
fn the_menu_keeps_the_filter_and_marks_the_page() {
    let html = page(Page::Regions, "dates=all&region=North", &Health::Reachable);
    assert!(html.contains(r#"<a href="/customers?dates=all&amp;region=North">"#));
    assert!(html.contains(r#"<a href="/regions?dates=all&amp;region=North" aria-current="page">"#));
    assert!(html.contains(r#"href="/export/regions.xlsx?dates=all&amp;region=North""#));
    assert!(html.contains("A &amp; B"));
}

#[test]
fn figures_of_a_warehouse_out_of_reach_are_said_to_be_old() {
    let since = "2024-02-14T10:30:00Z".parse().unwrap();
    let html = page(Page::Overview, "", &Health::Unreachable { since, reason: "secret host".to_owned() });
    assert!(html.contains("cannot be reached since 14 Feb 2024, 10:30 UTC"));
    assert!(html.contains("These are the figures of 13 Feb 2024, 01:00 UTC"));
    assert!(!html.contains("secret host"));
}

#[test]
fn each_chip_takes_away_what_it_says() {
    let (cube, settings) = (small(), pounds());
    let query = "from=2024-01-01&to=2024-01-31&compare=none&region=North&region=South&product=P1";
    let wanted = Wanted::parse(Page::Overview, Some(query)).unwrap();
    let chips = chips(&wanted, &cube, &Written::new(&settings.currency));
    let shown: Vec<(&str, &str, &str)> =
        chips.iter().map(|chip| (chip.about, chip.text.as_str(), chip.href.as_str())).collect();
    let rest = "compare=none&region=North&region=South&product=P1";
    let days = "from=2024-01-01&to=2024-01-31";
    assert_eq!(
        shown,
        [
            ("Days", "1 – 31 Jan 2024", format!("/overview?{rest}").as_str()),
            ("Compared with", "nothing", &format!("/overview?{days}&region=North&region=South&product=P1")),
            ("Region", "North", &format!("/overview?{days}&compare=none&region=South&product=P1")),
            ("Region", "South", &format!("/overview?{days}&compare=none&region=North&product=P1")),
            ("Product", "Mug", &format!("/overview?{days}&compare=none&region=North&region=South")),
        ]
    );
}

#[test]
fn named_days_that_are_chosen_count_more_than_those_typed_before() {
    let typed = "from=2024-01-01&to=2024-01-31";
    for (query, is) in [
        // The form of a page on these days, as it was.
        (format!("dates=&{typed}&was=2024-01-01%2C2024-01-31"), typed),
        // Named days chosen in it.
        (format!("dates=all&{typed}&was=2024-01-01%2C2024-01-31"), "dates=all"),
        // Other days typed, and no script that would have cleared the name.
        (
            "dates=all&from=2024-02-01&to=2024-02-09&was=2024-01-01%2C2024-01-31".to_owned(),
            "from=2024-02-01&to=2024-02-09",
        ),
        (format!("dates=this_month&{typed}"), typed),
    ] {
        assert_eq!(read(Page::Overview, Some(&query)).unwrap().query(), is, "{query}");
    }
}

#[test]
fn members_are_found_by_name_and_key() {
    let found = |sought: &str| slicer::found(Field::Product, sought, &small()).into_string();
    assert_eq!(found("mu").matches("<li>").count(), 1);
    assert_eq!(found("p").matches("<li>").count(), 3);
    assert!(found("script").contains("&lt;script&gt;"));
    assert_eq!(found("nothing"), "<ul></ul>");
}
