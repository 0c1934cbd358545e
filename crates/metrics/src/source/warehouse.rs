//! The star schema in PostgreSQL, read by a pool of read-only connections.

mod facts;
mod listen;
mod numeric;
mod sales;
mod scope;

use std::time::Duration;

use anyhow::{Context, Result};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction};
use tokio_postgres::{Config, IsolationLevel, NoTls, Socket, tls};

use super::quality::{Quality, RunSummary};
use super::rows::{RowsQuery, SaleRow};
use super::{Scope, head};
use crate::cube::{Builder, Cube, Load};

pub use listen::Notices;
pub use scope::BY_REGION;

/// So many connections at most; figures come from memory, so few requests need one.
const CONNECTIONS: usize = 4;
/// Runs on the page about quality.
const RUNS: i64 = 200;

/// A warehouse that can be read.
#[derive(Clone)]
pub struct Warehouse {
    pool: Pool,
    open: listen::Open,
}

impl Warehouse {
    /// A pool of connections of a login that may read as `salesmart_reader`; none is opened yet. Without `tls` they are not
    /// encrypted; `patience` is how long to wait for one.
    pub fn new<T>(config: &Config, tls: Option<T>, patience: Duration) -> Result<Self>
    where
        T: tls::MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as tls::TlsConnect<Socket>>::Future: Send,
    {
        let mut config = config.clone();
        config.application_name("salesmart serve");
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let (manager, open) = match tls {
            Some(tls) => (Manager::from_config(config.clone(), tls.clone(), how), listen::opener(config.clone(), tls)),
            None => (Manager::from_config(config.clone(), NoTls, how), listen::opener(config.clone(), NoTls)),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .recycle_timeout(Some(patience))
            .build()?;
        Ok(Self { pool, open })
    }

    /// What is told after each sync, over a connection of its own.
    pub async fn listen(&self) -> Result<Notices> {
        Notices::open(&self.open).await
    }

    /// The state it is in.
    pub async fn head(&self) -> Result<Load> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client, &Scope::Everything).await?;
        let load = head::read(&*transaction).await?;
        transaction.commit().await?;
        Ok(load)
    }

    /// One consistent state in memory. Takes about a second for a million sale lines.
    pub async fn load(&self, scope: &Scope) -> Result<Cube> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client, scope).await?;
        let load = head::read(&*transaction).await?;
        let mut builder = Builder::default();
        // A restricted role does not learn of products and customers without a sale in its regions.
        let sold = |key: &str| match scope {
            Scope::Everything => String::new(),
            Scope::Regions(_) => format!(" where {key} in (select {key} from mart.fact_sales)"),
        };
        let products = "select product_id, product_code, product_name, category from mart.dim_product";
        for row in transaction.query(&format!("{products}{}", sold("product_id")), &[]).await? {
            builder.product(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        }
        for row in transaction.query("select region_id, region, city, store from mart.dim_region", &[]).await? {
            builder.place(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        }
        let customers =
            "select customer_id, customer_code, customer_name, recency_score, frequency_score, monetary_score, segment
                         from mart.dim_customer";
        for row in transaction.query(&format!("{customers}{}", sold("customer_id")), &[]).await? {
            let score = |column| {
                row.try_get::<_, Option<i32>>(column).map(|score| score.and_then(|score| u8::try_from(score).ok()))
            };
            let scores = match (score(3)?, score(4)?, score(5)?) {
                (Some(recency), Some(frequency), Some(monetary)) => Some([recency, frequency, monetary]),
                _ => None,
            };
            builder.customer(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, scores, row.try_get(6)?);
        }
        facts::read(&transaction, scope, &mut builder).await?;
        transaction.commit().await?;
        tokio::task::spawn_blocking(move || builder.finish(load)).await?
    }

    /// Sale lines by key, and the state they are of.
    pub async fn rows(&self, scope: &Scope, query: &RowsQuery) -> Result<(Load, Vec<SaleRow>)> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client, scope).await?;
        let load = head::read(&*transaction).await?;
        let rows = sales::read(&transaction, query).await?;
        transaction.commit().await?;
        Ok((load, rows))
    }

    /// The last runs. None where the warehouse is of a version that keeps no runs.
    pub async fn quality(&self) -> Result<Quality> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client, &Scope::Everything).await?;
        let is_there: bool =
            transaction.query_one("select to_regclass('etl.run') is not null", &[]).await?.try_get(0)?;
        if !is_there {
            return Ok(Quality::default());
        }
        let sql = "select report::text from etl.run order by started_at desc, run_id desc limit $1";
        let rows = transaction.query(sql, &[&RUNS]).await?;
        transaction.commit().await?;
        let runs = rows.iter().map(|row| RunSummary::from_json(row.try_get(0)?)).collect::<Result<_>>()?;
        Ok(Quality { runs })
    }

    async fn client(&self) -> Result<Object> {
        self.pool.get().await.context("no connection to the warehouse")
    }
}

/// A transaction that sees one state, and only what the scope lets it see.
async fn begin<'c>(client: &'c mut Object, scope: &Scope) -> Result<Transaction<'c>> {
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    scope::apply(&transaction, scope).await?;
    Ok(transaction)
}
