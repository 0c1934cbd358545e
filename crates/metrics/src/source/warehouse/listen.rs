//! What PostgreSQL tells after each sync.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket, tls};

/// How a connection is opened, whatever encrypts it.
pub(super) type Open = Arc<dyn Fn() -> Opening + Send + Sync>;
type Opening = Pin<Box<dyn Future<Output = Result<Notices>> + Send>>;

/// Notices, for as long as the connection lasts.
pub struct Notices {
    told: mpsc::Receiver<()>,
    // The connection ends with it.
    _client: Client,
}

impl Notices {
    pub(super) async fn open(open: &Open) -> Result<Self> {
        open().await
    }

    /// Waits for the next notice; several that came in the meantime are one.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn next(&mut self) -> Result<()> {
        self.told.recv().await.ok_or_else(|| anyhow!("the connection to the warehouse is lost"))
    }
}

pub(super) fn opener<T>(config: Config, tls: T) -> Open
where
    T: tls::MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as tls::TlsConnect<Socket>>::Future: Send,
{
    Arc::new(move || {
        let (config, tls) = (config.clone(), tls.clone());
        Box::pin(async move {
            let (client, connection) = config.connect(tls).await?;
            // One waiting notice is enough: what follows it is a look at the newest state.
            let (tell, told) = mpsc::channel(1);
            tokio::spawn(pass_on(connection, tell));
            // It is quiet from one sync to the next.
            client
                .batch_execute(
                    "set application_name = 'salesmart serve'; set idle_session_timeout = 0; listen salesmart",
                )
                .await?;
            Ok(Notices { told, _client: client })
        })
    })
}

/// Ends with the connection; dropping the sender is what says so.
async fn pass_on<S, T>(mut connection: Connection<S, T>, tell: mpsc::Sender<()>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => drop(tell.try_send(())),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!("the listening connection: {error}");
                return;
            }
            None => return,
        }
    }
}
