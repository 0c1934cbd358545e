//! Sale lines, a page after the other, by key.

use axum::http::{HeaderValue, header};
use axum::routing::get;
use form_urlencoded::Serializer;
use salesmart_metrics::filter::{Filter, Invalid};
use salesmart_metrics::source::{RowsQuery, SaleKey, SaleRow};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::BASE;
use super::call::{Answered, Call, Effective, Whole, of_load};
use super::endpoint::{Endpoint, schema};
use super::format::Format;
use super::parameter::{Parameter, Values, number};
use super::tabular::Table;
use crate::problem::Problem;
use crate::state::answer::Answer;

const LIMIT: Parameter =
    Parameter { name: "limit", about: "At most so many lines.", values: Values::Number { most: 10_000, default: 100 } };

const OWN: [Parameter; 2] = [
    LIMIT,
    Parameter {
        name: "after",
        about: "The last line of the page before: its `next`.",
        values: Values::Text { pattern: "^[0-9]{8}\\.[0-9]{1,19}$", example: "20240315.1234" },
    },
];

/// Sale lines.
pub(super) const SALES: Endpoint = Endpoint {
    name: "sales",
    title: "Sale lines",
    about: "The selected sale lines with the names of their dimensions, by day and key. They come straight from the source \
            and are not kept. `next` – and the header `Link`, in every form – names the page after; \
            where `load` differs between two pages, a sync came between them. As rows: one per line.",
    own: &OWN,
    example: "limit=2",
    has_pages: true,
    data: schema::<Page>,
    route: || get(sales),
};

/// Some sale lines.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// The lines.
    pub rows: Vec<SaleRow>,
    /// What to send as `after` for the next page; none if this is the last.
    pub next: Option<String>,
}

async fn sales(call: Call) -> Answered {
    let (asked, format) = call.asked(&OWN)?;
    let limit = number(&asked, &LIMIT)?;
    let after = asked.own("after").map(key).transpose()?;
    let filter = asked.filter;
    let effective = Effective::of(&filter, &call.seen.cube);
    let cube = &call.seen.cube;
    let (mut load, mut rows) = match effective.dates {
        Some(range) => {
            // One more says whether there is a next page.
            let query = RowsQuery { filter: filter.clone(), range, after, limit: limit + 1 };
            call.seen.app.rows(call.seen.viewer.scope(), query).await?
        }
        None => (cube.load.clone(), Vec::new()),
    };
    if load.id == cube.load.id {
        load = cube.load.clone();
    }
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| has_more).map(|row| row.key.to_string());
    let link = next.as_ref().map(|next| link(&filter, limit, format, next));
    let of = load.clone();
    // Ten thousand lines take a while to write and to compress.
    let written = tokio::task::spawn_blocking(move || {
        let made = Whole { load: &load, filter: effective, data: Page { rows, next } }.written(format, table)?;
        // There is no saying what a later reading has: the tag is of the content.
        let name = format!("api sales {:?}", Sha256::digest(&made.body));
        Answer::fixed(made, &name)
    });
    let mut response = of_load(written.await.map_err(Problem::internal)??.response(&call.headers), &of);
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, HeaderValue::from_str(&link).map_err(Problem::internal)?);
    }
    Ok(response)
}

/// The key after which a page begins.
fn key(text: &str) -> Result<SaleKey, Invalid> {
    let invalid = || Invalid::new("after", "it is the `next` of another answer, such as 20240315.1234");
    let (day, sale) = text.split_once('.').ok_or_else(invalid)?;
    let is_number = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if day.len() != 8 || !is_number(day, 8) || !is_number(sale, 19) {
        return Err(invalid());
    }
    let sale = sale.parse::<u64>().map_err(|_| invalid())?;
    // No key is greater than the greatest: what comes after is the next day.
    let sale_id = i64::try_from(sale).unwrap_or(i64::MAX);
    Ok(SaleKey { date_id: day.parse().map_err(|_| invalid())?, sale_id })
}

fn link(filter: &Filter, limit: u32, format: Format, next: &str) -> String {
    let mut query = Serializer::new(filter.query());
    query.append_pair("after", next).append_pair("format", format.name()).append_pair("limit", &limit.to_string());
    format!("<{BASE}/{}?{}>; rel=\"next\"", SALES.name, query.finish().trim_start_matches('&'))
}

fn table(page: &Page) -> Table {
    Table::of(&page.rows)
        .shown("key", |line| line.key)
        .day("date", |line| Some(line.date))
        .text("transaction_id", |line| &line.transaction_id)
        .text("order_id", |line| &line.order_id)
        .maybe_text("product_code", |line| line.product_code.as_deref())
        .text("product_name", |line| &line.product_name)
        .text("category", |line| &line.category)
        .maybe_text("customer_code", |line| line.customer_code.as_deref())
        .text("customer_name", |line| &line.customer_name)
        .text("segment", |line| &line.segment)
        .text("region", |line| &line.region)
        .text("city", |line| &line.city)
        .text("store", |line| &line.store)
        .amount("quantity", |line| line.quantity)
        .amount("unit_price", |line| line.unit_price)
        .amount("discount_amount", |line| Some(line.discount_amount))
        .amount("revenue", |line| Some(line.revenue))
        .amount("cost", |line| line.cost)
        .amount("profit", |line| line.profit)
        .flag("is_return", |line| Some(line.is_return))
        .table()
}
