//! Pages as files.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing;
use salesmart_dashboard::content::{Page, Wanted};
use salesmart_export as export;
use salesmart_export::{Failure, Format, Order};
use salesmart_metrics::filter::Invalid;

use crate::extract::Seen;
use crate::problem::Problem;
use crate::state::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/export/{file}", routing::get(download))
}

/// `/export/overview.xlsx?region=North`: what that page shows with that filter.
async fn download(seen: Seen, Path(file): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (page, format) = file.rsplit_once('.').ok_or(Problem::NotFound)?;
    let page = Page::named(page).ok_or(Problem::NotFound)?;
    let format = Format::named(format).ok_or(Problem::NotFound)?;
    let (wanted, order) = read(page, format, query.as_deref(), seen.viewer.name())?;
    let quality = match page {
        Page::Quality => Some(seen.app.quality(seen.viewer.scope()).await?),
        _ => None,
    };
    let _permit = seen.app.cores.acquire().await.map_err(Problem::internal)?;
    let (app, cube) = (Arc::clone(&seen.app), Arc::clone(&seen.cube));
    let making = tokio::task::spawn_blocking(move || {
        export::write(&cube, &app.settings, &wanted, quality.as_ref(), format, &order)
    });
    let file = making.await.map_err(Problem::internal)?.map_err(|failure| match failure {
        Failure::Invalid(invalid) => Problem::Invalid(invalid),
        Failure::Internal(error) => Problem::internal(format!("{error:#}")),
    })?;
    let name = format!("attachment; filename=\"{}\"", file.name);
    let mut response = file.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Problem::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// What is wanted, and what only files have.
fn read(page: Page, format: Format, query: Option<&str>, who: Option<&str>) -> Result<(Wanted, Order), Invalid> {
    let mut order = Order { who: who.map(str::to_owned), ..Order::default() };
    let mut rest = form_urlencoded::Serializer::new(String::new());
    let (mut block, mut notes) = (None, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let own = match (format, name.as_ref()) {
            (Format::Csv, "block") => &mut block,
            (Format::Csv, "notes") => &mut notes,
            _ => {
                rest.append_pair(&name, &value);
                continue;
            }
        };
        if own.replace(value.into_owned()).is_some() {
            return Err(Invalid::new(&name, "it is given twice"));
        }
    }
    order.has_notes = match notes.as_deref() {
        None | Some("" | "0") => false,
        Some("1") => true,
        Some(_) => return Err(Invalid::new("notes", "it is one of 0, 1")),
    };
    order.block = block.filter(|block| !block.is_empty());
    Ok((Wanted::parse(page, Some(&rest.finish()))?, order))
}

#[cfg(test)]
mod tests {
    use anyhow::Result;
    use tower::ServiceExt;

    use super::*;
    use salesmart_base::settings::Settings;
    use salesmart_metrics::cube::{Builder, Cube, Load, Sale};
    use salesmart_metrics::source::{Local, Quality, RowsQuery, SaleRow, Source};

    #[test]
    fn files_have_parameters_of_their_own() {
        let csv = |query| read(Page::Products, Format::Csv, Some(query), Some("ann"));
        let (wanted, order) = csv("region=N%26S&block=pareto-table&notes=1&top=20").unwrap();
        assert_eq!((wanted.filter.regions, wanted.top), (vec!["N&S".to_owned()], 20));
        let all = Order { who: Some("ann".into()), block: Some("pareto-table".into()), has_notes: true };
        assert_eq!(order, all);
        assert!(!csv("notes=&block=").unwrap().1.has_notes);
        for (query, parameter) in [("notes=2", "notes"), ("block=a&block=b", "block"), ("x=1", "x"), ("from=x", "from")]
        {
            assert_eq!(csv(query).unwrap_err().parameter, parameter);
        }
        let pdf = read(Page::Products, Format::Pdf, Some("block=a"), None);
        assert_eq!(pdf.unwrap_err().parameter, "block");
    }

    /// A source with one sale.
    struct OneSale;

    impl Local for OneSale {
        fn load_id(&self) -> Result<String> {
            Ok("7".to_owned())
        }

        fn load(&self) -> Result<Cube> {
            let mut builder = Builder::default();
            builder.product(1, Some("P1"), "Mug", "Kitchen");
            builder.place(1, "North", "Leeds", "Briggate");
            builder.sale(&Sale {
                day: "2024-03-05".parse()?,
                product_id: 1,
                customer_id: 0,
                region_id: 1,
                order_key: 1,
                quantity: 10_000,
                discount: 0,
                revenue: 123_456,
                profit: None,
                is_return: false,
            })?;
            builder.finish(Load { id: "7".to_owned(), committed_at: None })
        }

        fn quality(&self) -> Result<Quality> {
            Ok(Quality::default())
        }

        fn rows(&self, _: &RowsQuery) -> Result<Vec<SaleRow>> {
            Ok(Vec::new())
        }
    }

    async fn get(address: &str) -> Response {
        let app = App::new(Settings::default(), crate::auth::Access::Open, Source::Local(Arc::new(OneSale)));
        let request = axum::http::Request::get(address).body(axum::body::Body::empty()).unwrap();
        crate::router::router(app).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn every_page_can_be_had_in_every_format() {
        for page in Page::ALL {
            for (format, begin) in
                [(Format::Xlsx, &b"PK"[..]), (Format::Pdf, b"%PDF-1."), (Format::Csv, b"\xef\xbb\xbf")]
            {
                let name = format!("{}.{}", page.name(), format.extension());
                let response = get(&format!("/export/{name}?dates=all")).await;
                assert_eq!(response.status(), 200, "{name}");
                let headers = response.headers().clone();
                assert_eq!(headers[header::CONTENT_TYPE], format.content_type());
                let file = format!("salesmart-{}-2024-03-05-2024-03-05.{}", page.name(), format.extension());
                assert_eq!(headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"{file}\"").as_str());
                let body = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
                assert!(body.starts_with(begin) && body.len() > 3, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_is_wrong_is_told() {
        for (address, status) in [
            ("/export/overview.doc", 404),
            ("/export/overview", 404),
            ("/export/nothing.pdf", 404),
            ("/export/overview.pdf?colour=red", 400),
            ("/export/overview.csv?block=nothing", 400),
            ("/export/overview.csv?block=trend-table&notes=1", 200),
        ] {
            assert_eq!(get(address).await.status(), status, "{address}");
        }
    }
}
