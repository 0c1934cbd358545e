//! The same questions as plain SQL on `fact_sales`.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use postgres::Client;

use super::ask::Connection;
use super::clients::Figures;
use super::questions::Chance;
use super::shop::{Served, Shop};

/// The key figures of some days: what the first tile row of a page says.
const SQL: &str = "select sum(revenue)::text, sum(profit)::text, count(distinct order_id) filter (where not is_return),
        count(distinct nullif(customer_id, 0)), count(*)
    from mart.fact_sales
    inner join mart.dim_region using (region_id)
    where date_id between $1 and $2";

/// Dashboard and query say the same of all days.
pub fn agree(shop: &Shop, served: &Served) -> Result<()> {
    let row = shop.connect()?.query_one(SQL, &[&0_i32, &99_999_999_i32])?;
    let (_, body) = Connection::open(&served.address)?.ask("/api/v1/kpis?dates=all&format=json")?;
    let mut text = String::new();
    match std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(body.as_slice()), &mut text) {
        Ok(_) => {}
        Err(_) => text = String::from_utf8(body)?,
    }
    let (revenue, orders, customers, lines): (String, i64, i64, i64) = (row.get(0), row.get(2), row.get(3), row.get(4));
    for expected in [
        format!("\"revenue\":{revenue}"),
        format!("\"orders\":{orders}"),
        format!("\"customers\":{customers}"),
        format!("\"lines\":{lines}"),
    ] {
        ensure!(text.contains(&expected), "the dashboard does not say {expected}: {text}");
    }
    Ok(())
}

/// As many clients ask PostgreSQL itself, each for days at random.
pub fn run(shop: &Shop, clients: u32, time: Duration) -> Result<Figures> {
    let connections: Vec<Client> = (0..clients).map(|_| shop.connect()).collect::<Result<_>>()?;
    let until = Instant::now() + time;
    let asked: Vec<Result<Vec<Duration>>> = std::thread::scope(|scope| {
        let clients: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(client, mut connection)| {
                scope.spawn(move || {
                    let mut chance = Chance::new(client as u64 + 1);
                    let mut times = Vec::new();
                    while Instant::now() < until {
                        let from = 20_230_101 + 10_000 * chance.below(3) as i32 + 100 * chance.below(12) as i32;
                        let started = Instant::now();
                        connection.query_one(SQL, &[&from, &(from + 10_000)])?;
                        times.push(started.elapsed());
                    }
                    Ok(times)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap_or_else(|_| Err(anyhow!("a client panicked")))).collect()
    });
    let mut times = Vec::new();
    for asked in asked {
        times.extend(asked?);
    }
    times.sort_unstable();
    Ok(Figures { name: "key figures alone, as SQL on fact_sales".to_owned(), times, largest: 0 })
}
