//! `salesmart serve`: opens the source of the figures, and runs the server around it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_metrics::cube::Cube;
use salesmart_metrics::source::{Quality, Scope};
use salesmart_server::source::{Opened, Regions};
use salesmart_server::{self as dashboard, Access, App};
use salesmart_warehouse::embedded::signals;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::console::Console;
use crate::schedule::stop::Stop;

/// Where the figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum From {
    /// The warehouse: what was pushed.
    #[default]
    Warehouse,
    /// The staging file: what was built.
    Staging,
}

impl From {
    fn open<'a>(self, config: &Config, regions: Regions, console: &'a Console) -> Result<Opened<'a>> {
        match self {
            Self::Warehouse => Opened::warehouse(config, regions, console),
            Self::Staging => Opened::staging(config, regions),
        }
    }
}

/// Serves until a signal asks for the end.
///
/// # Errors
/// The address is taken, or may not be used without logins; nothing was pushed yet; the file of logins is wrong.
pub fn run(config: &Config, from: From, listen: SocketAddr, console: &Console) -> Result<()> {
    let access = match &config.dashboard.users {
        Some(users) => Access::users(users.clone(), config.dashboard.trusted_proxies.clone())
            .map_err(|error| Failure::new(format!("{error:#}")))?,
        None if listen.ip().is_loopback() => Access::Open,
        None => fail!(
            "{listen} can be reached by others, and nobody would have to log in; name a file of logins with dashboard.users in \
             salesmart.toml (docs/serving.md), or listen on 127.0.0.1"
        ),
    };
    let regions = if access.keeps_regions_apart() { Regions::Apart } else { Regions::Together };
    // Before the private server starts, which would end the process by itself.
    signals::leave_signals();
    let stop = Stop::listen()?;
    let opened = from.open(config, regions, console)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = match TcpListener::bind(listen).await {
            Ok(listener) => listener,
            Err(error) => fail!("cannot listen on {listen}: {error}; choose another port with --listen"),
        };
        let app = App::new(config.dashboard.settings.clone(), access, opened.source(config)?);
        // Before anybody is told where it is: the first page is there at once.
        app.prepare().await.map_err(|problem| Failure::new(problem.detail()))?;
        console.step(&crate::console::Step {
            stage: "serve",
            subject: &format!("http://{}", listener.local_addr()?),
            rows: None,
            elapsed: Duration::ZERO,
            note: format!("{}; Ctrl-C ends it", opened.describe()),
        });
        dashboard::serve(listener, app, stopped(stop)?).await
    });
    // A thread may be reading still.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// One state of the figures and the last runs, without a server.
///
/// # Errors
/// Nothing was pushed or built yet; the source cannot be reached.
pub fn read_once(config: &Config, from: From, console: &Console) -> Result<(Cube, Quality)> {
    let opened = from.open(config, Regions::Together, console)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let source = opened.source(config)?;
        Ok((source.load(&Scope::Everything).await?, source.quality().await?))
    })
}

/// Is done when a signal asks for the end.
fn stopped(stop: Stop) -> Result<impl Future<Output = ()> + Send + 'static> {
    let (tell, told) = oneshot::channel::<()>();
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        while !stop.wait(Duration::from_secs(3_600)) {}
        drop(tell);
    })?;
    Ok(async move {
        // It is never sent: the end of the thread is the sign.
        let _ = told.await;
    })
}
