//! Pages as browsers get them.

use std::sync::Arc;

use anyhow::{Result, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use salesmart_metrics::cube::Cube;
use salesmart_metrics::source::{Local, RowsQuery, SaleRow, Source};
use salesmart_server::serve::{Access, Health};
use tower::ServiceExt;
use views::Views;

use super::chips::chips;
use super::*;
use crate::content::Written;
use crate::content::tests::{pounds, quality, small};

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

struct Small;

impl Local for Small {
    fn load_id(&self) -> Result<String> {
        Ok("load-1".to_owned())
    }
    fn load(&self) -> Result<Cube> {
        Ok(small())
    }
    fn quality(&self) -> Result<Quality> {
        Ok(quality())
    }
    fn rows(&self, _: &RowsQuery) -> Result<Vec<SaleRow>> {
        bail!("not asked here")
    }
}

struct Broken;

impl Local for Broken {
    fn load_id(&self) -> Result<String> {
        bail!("no file /secret/path")
    }
    fn load(&self) -> Result<Cube> {
        bail!("no file /secret/path")
    }
    fn quality(&self) -> Result<Quality> {
        bail!("no file /secret/path")
    }
    fn rows(&self, _: &RowsQuery) -> Result<Vec<SaleRow>> {
        bail!("not asked here")
    }
}

async fn get_from(source: Arc<dyn Local>, address: &str) -> (Response, String) {
    let router: Router = routes().with_state(App::new(pounds(), Access::Open, Source::Local(source)));
    let request = Request::get(address).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let mut response = router.oneshot(request).await.unwrap();
    let body = std::mem::replace(response.body_mut(), Body::empty());
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (response, String::from_utf8(bytes.to_vec()).unwrap())
}

fn text(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn addresses_lead_to_pages() {
    for one in Page::ALL {
        let (response, body) = get_from(Arc::new(Small), &format!("/{}?dates=all", one.name())).await;
        assert_eq!(response.status(), StatusCode::OK);
        check(&body);
    }
    let (response, _) = get_from(Arc::new(Small), "/?region=North").await;
    assert_eq!(text(&response, header::LOCATION), "/overview?region=North");
    // What a form sends.
    let sent = "/overview?dates=last_12_months&from=&to=&granularity=&compare=previous&region=North";
    let (response, _) = get_from(Arc::new(Small), sent).await;
    assert_eq!(
        (response.status(), text(&response, header::LOCATION)),
        (StatusCode::SEE_OTHER, "/overview?region=North")
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_on_a_page() {
    for (address, status, words) in [
        ("/overview?colour=%3Cb%3E", StatusCode::BAD_REQUEST, "<code>colour</code> is wrong"),
        ("/products?from=2024-02-30", StatusCode::BAD_REQUEST, "<code>from</code> is wrong"),
        ("/nowhere", StatusCode::NOT_FOUND, "There is nothing at this address"),
        ("/assets/other.css", StatusCode::NOT_FOUND, "There is nothing at this address"),
    ] {
        let (response, body) = get_from(Arc::new(Small), address).await;
        assert_eq!(response.status(), status, "{address}");
        assert_eq!(text(&response, header::CONTENT_TYPE), "text/html; charset=utf-8", "{address}");
        assert!(body.contains(words), "{address}: {body}");
        check(&body);
    }
    let (response, body) = get_from(Arc::new(Broken), "/overview").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("No figures yet") && !body.contains("/secret/path"));
    check(&body);
}

#[tokio::test]
async fn assets_are_kept_for_good_under_their_own_address_only() {
    for name in ["site.css", "site.js", "theme.js", "favicon.svg"] {
        let (response, _) = get_from(Arc::new(Small), &asset::address(name)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(&response, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        let (response, _) = get_from(Arc::new(Small), &format!("/assets/{name}?v=old")).await;
        assert_eq!(text(&response, header::CACHE_CONTROL), "public, no-cache");
    }
}
