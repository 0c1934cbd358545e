//! The state that the warehouse is in.

use anyhow::Result;
use tokio_postgres::GenericClient;

use crate::cube::Load;

/// The last entry of the ledger.
pub(super) async fn read(client: &impl GenericClient) -> Result<Load> {
    let row = client
        .query_opt(
            "select run_id, to_char(committed_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
             from etl.sync_run
             order by run_number desc
             limit 1",
            &[],
        )
        .await?;
    Ok(match row {
        Some(row) => Load { id: row.try_get(0)?, committed_at: Some(row.try_get(1)?) },
        None => Load { id: "empty".to_owned(), committed_at: None },
    })
}
