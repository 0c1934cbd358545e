//! A shop with five sale lines, and a server around it.

use std::sync::Arc;

use anyhow::Result;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use rust_decimal::Decimal;
use salesmart_base::settings::Settings;
use salesmart_metrics::cube::{Builder, Cube, Load, Sale, Selection};
use salesmart_metrics::filter::Filter;
use salesmart_metrics::money::amount;
use salesmart_metrics::source::{Local, Quality, RowsQuery, SaleKey, SaleRow, Source};
use serde_json::Value;
use tower::ServiceExt;

use crate::auth::Access;
use crate::router::router;
use crate::state::App;

/// One unit, in ten-thousandths.
const ONE: i64 = 10_000;

/// Day, product, customer, place, order, quantity, revenue and profit in ten-thousandths, taken back?
type Line = (&'static str, usize, usize, usize, &'static str, i64, i64, Option<i64>, bool);

const LINES: [Line; 5] = [
    ("2024-01-10", 0, 1, 0, "O1", ONE, 1_000_000, Some(400_000), false),
    ("2024-02-05", 1, 1, 1, "O2", 2 * ONE, 505_000, None, false),
    ("2024-03-01", 0, 2, 2, "O3", ONE, 252_500, Some(50_000), false),
    ("2024-03-02", 0, 2, 2, "R3", -ONE, -252_500, Some(-50_000), true),
    ("2024-03-20", 2, 0, 0, "O4", ONE, 100_000, None, false),
];
const PRODUCTS: [(Option<&str>, &str, &str); 3] =
    [(Some("P1"), "Chair", "Home"), (Some("P2"), "=Lamp, \"big\"", "Light"), (None, "Unknown", "Unknown")];
/// Code, name, scores, segment.
type Customer = (Option<&'static str>, &'static str, Option<[u8; 3]>, &'static str);
const CUSTOMERS: [Customer; 3] = [
    (None, "Unknown", None, "Unknown"),
    (Some("C1"), "Ada", Some([5, 5, 5]), "Champions"),
    (Some("C2"), "Bob", Some([1, 1, 1]), "Lost"),
];
const PLACES: [(&str, &str, &str); 3] =
    [("North", "Oslo", "Oslo 1"), ("North", "Bergen", "Bergen 1"), ("South", "Rome", "Rome 1")];

/// 100 + 50.5 + 25.25 - 25.25 + 10
pub(super) const REVENUE: Decimal = Decimal::from_parts(1_605_000, 0, 0, false, 4);

struct Shop;

impl Local for Shop {
    fn load_id(&self) -> Result<String> {
        Ok("load-1".to_owned())
    }

    fn load(&self) -> Result<Cube> {
        let mut builder = Builder::default();
        for (id, (code, name, category)) in PRODUCTS.into_iter().enumerate() {
            builder.product(id as i64, code, name, category);
        }
        for (id, (code, name, scores, segment)) in CUSTOMERS.into_iter().enumerate() {
            builder.customer(id as i64, code, name, scores, segment);
        }
        for (id, (region, city, store)) in PLACES.into_iter().enumerate() {
            builder.place(id as i64, region, city, store);
        }
        for (day, product, customer, place, order, quantity, revenue, profit, is_return) in LINES {
            builder.sale(&Sale {
                day: day.parse()?,
                product_id: product as i64,
                customer_id: customer as i64,
                region_id: place as i64,
                order_key: i64::from_str_radix(order, 36)?,
                quantity,
                discount: 0,
                revenue,
                profit,
                is_return,
            })?;
        }
        builder.finish(Load { id: self.load_id()?, committed_at: Some("2024-03-21T00:00:00Z".to_owned()) })
    }

    fn quality(&self) -> Result<Quality> {
        Ok(Quality::default())
    }

    fn rows(&self, query: &RowsQuery) -> Result<Vec<SaleRow>> {
        let rows = LINES.into_iter().enumerate().map(|(id, line)| {
            let (day, product, customer, place, order, quantity, revenue, profit, is_return) = line;
            let date: chrono::NaiveDate = day.parse()?;
            let ((code, name, category), (region, city, store)) = (PRODUCTS[product], PLACES[place]);
            let (customer_code, customer_name, _, segment) = CUSTOMERS[customer];
            Ok(SaleRow {
                key: SaleKey { date_id: salesmart_metrics::calendar::date_id(date), sale_id: id as i64 },
                date,
                transaction_id: format!("T{id}"),
                order_id: order.to_owned(),
                product_code: code.map(str::to_owned),
                product_name: name.to_owned(),
                category: category.to_owned(),
                customer_code: customer_code.map(str::to_owned),
                customer_name: customer_name.to_owned(),
                segment: segment.to_owned(),
                region: region.to_owned(),
                city: city.to_owned(),
                store: store.to_owned(),
                quantity: Some(amount(quantity)),
                unit_price: Some(amount(revenue / quantity * ONE)),
                discount_amount: amount(0),
                revenue: amount(revenue),
                cost: profit.map(|profit| amount(revenue - profit)),
                profit: profit.map(amount),
                is_return,
            })
        });
        let rows: Vec<SaleRow> = rows.collect::<Result<_>>()?;
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        let filter: &Filter = &query.filter;
        Ok(rows
            .into_iter()
            .filter(|row| query.range.contains(row.date) && query.after.is_none_or(|after| row.key > after))
            .filter(|row| named(&filter.regions, &row.region) && named(&filter.cities, &row.city))
            .filter(|row| named(&filter.stores, &row.store) && named(&filter.categories, &row.category))
            .filter(|row| named(&filter.products, row.product_code.as_deref().unwrap_or("unknown")))
            .filter(|row| named(&filter.segments, &row.segment))
            .take(query.limit as usize)
            .collect())
    }
}

/// The revenue that the figures have for a filter.
pub(super) fn revenue(query: &str) -> Decimal {
    let cube = Shop.load().unwrap();
    salesmart_metrics::figures::whole(&Selection::new(&cube, &Filter::parse(query).unwrap())).revenue
}

/// An answer, read.
pub(super) struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// It is a problem as RFC 9457 has it; what it says.
    pub(super) fn problem(&self) -> Value {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

/// A server of the shop.
pub(super) struct Server(Arc<App>);

impl Server {
    pub(super) fn new() -> Self {
        Self(App::new(Settings::default(), Access::Open, Source::Local(Arc::new(Shop))))
    }

    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method(method).uri(format!("/api{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router(Arc::clone(&self.0)).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Got { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.ask(Method::GET, path, &[]).await
    }
}
