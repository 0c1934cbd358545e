//! Pages as browsers get them.

use std::sync::Arc;

use anyhow::{Result, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use salesmart_fixtures::{pounds, quality, small};
use salesmart_metrics::cube::Cube;
use salesmart_metrics::source::{Local, Quality, RowsQuery, SaleRow, Source};
use tower::ServiceExt;

use super::*;
use crate::auth::Access;

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
        assert!(body.ends_with("</html>"), "{body}");
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
        assert!(body.ends_with("</html>"), "{body}");
    }
    let (response, body) = get_from(Arc::new(Broken), "/overview").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("No figures yet") && !body.contains("/secret/path"));
    assert!(body.ends_with("</html>"), "{body}");
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
