//! Keeps the loads up to date: told by PostgreSQL, and looking by itself now and then.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use salesmart_metrics::source::{Local, Scope, Source, Warehouse};

use super::App;

/// Syncs that follow each other closely are one reading.
const SETTLE: Duration = Duration::from_millis(100);
/// A notice may be lost where a proxy lets connections die unseen.
const LOOK: Duration = Duration::from_secs(20);
/// Between looks at a staging file.
const LOOK_LOCALLY: Duration = Duration::from_secs(1);
/// Between tries to connect.
const AGAIN: Duration = Duration::from_secs(1);

/// Never ends.
pub(crate) async fn keep(app: Arc<App>) {
    loop {
        let ended = match &app.source {
            Source::Warehouse(warehouse) => follow(&app, warehouse).await,
            Source::Local(local) => look(&app, local).await,
        };
        if let Err(error) = ended {
            app.is_unreachable(&error);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until the connection is lost.
async fn follow(app: &App, warehouse: &Warehouse) -> Result<()> {
    // Listening comes first: a sync between the two is told of.
    let mut notices = warehouse.listen().await?;
    loop {
        update(app, &warehouse.head().await?.id).await?;
        tokio::select! {
            told = notices.next() => told?,
            () = tokio::time::sleep(LOOK) => continue,
        }
        tokio::time::sleep(SETTLE).await;
    }
}

/// Until it cannot be read.
async fn look(app: &App, local: &Arc<dyn Local>) -> Result<()> {
    loop {
        let local = Arc::clone(local);
        let id = tokio::task::spawn_blocking(move || local.load_id()).await??;
        update(app, &id).await?;
        tokio::time::sleep(LOOK_LOCALLY).await;
    }
}

async fn update(app: &App, id: &str) -> Result<()> {
    if !app.has_load() {
        // Most can see everything; a load for them is there before they ask.
        app.cube(&Scope::Everything).await.map_err(|problem| anyhow::anyhow!(problem.detail()))?;
    }
    app.refresh(id).await?;
    app.is_reachable();
    Ok(())
}
