//! Accepting connections, and keeping them from filling the server. A client that sends half a request, or nothing, costs a few kilobytes
//! until it is closed; when there are too many connections, the one that has been idle longest makes room for a new one.

use std::collections::HashMap;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tower::ServiceExt;

/// How long a client may take to send the head of a request; also how long a connection stays open between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may leave an answer unread.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the head of a request. Filters are part of it: the address of a page with hundreds of names takes some kilobytes.
const MAX_HEAD: usize = 64 * 1024;
/// Open connections; fewer where the system allows fewer files.
const MAX_CONNECTIONS: u64 = 8_192;
/// Files that are left for everything else: the warehouse's connections, users, views.
const OTHER_FILES: u64 = 128;

/// Accepts connections until `stop` is done, then waits for the requests at work.
pub(crate) async fn accept(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let registry = Arc::new(Registry { limit: limit(), ..Registry::default() });
    let (closing, is_closing) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(entry) = registry.enter() else {
                    tracing::warn!("a connection from {peer} is closed: {} requests are at work", registry.limit);
                    continue;
                };
                tokio::spawn(serve(stream, peer, router.clone(), entry, is_closing.clone()));
            }
            Err(error) => failed(&registry, &error).await,
        }
    }
    drop(listener);
    let _ = closing.send(true);
    // Each connection holds a receiver until it is closed.
    drop(is_closing);
    closing.closed().await;
}

/// A client that gave up is its own matter; a system without files needs the idle connections' ones.
async fn failed(registry: &Registry, error: &std::io::Error) {
    if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
    {
        return;
    }
    tracing::error!("cannot accept a connection: {error}");
    registry.evict();
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    entry: Arc<Entry>,
    mut is_closing: watch::Receiver<bool>,
) {
    // Without this an answer that nobody reads would be kept for good.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(READ_TIMEOUT));
    let _ = stream.set_nodelay(true);
    // Most of a connection's memory is for its first request: one that sends nothing has none.
    let mut first_byte = [0];
    let first = tokio::select! {
        first = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut first_byte)) => matches!(first, Ok(Ok(1))),
        _ = is_closing.changed() => false,
        () = entry.evicted.notified() => false,
    };
    if !first {
        return;
    }
    // Boxed, for the same reason.
    Box::pin(serve_requests(stream, peer, router, entry, is_closing)).await;
}

async fn serve_requests(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    entry: Arc<Entry>,
    mut is_closing: watch::Receiver<bool>,
) {
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let at_work = AtWork::new(&entry);
        let response = router.clone().oneshot(request);
        async move {
            let response = response.await?;
            // The request is at work until the last byte of its answer is handed over.
            Ok::<_, std::convert::Infallible>(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &at_work;
                    frame
                }))
            }))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut is_told = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection from {peer} ended: {error}");
                }
                break;
            }
            _ = is_closing.changed(), if !is_told => {
                is_told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = entry.evicted.notified() => break,
        }
    }
}

#[derive(Default)]
struct Registry {
    limit: u64,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<State>>>,
}

/// One connection, registered until it is dropped.
struct Entry {
    number: u64,
    registry: Arc<Registry>,
    state: Arc<State>,
}

impl std::ops::Deref for Entry {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

#[derive(Default)]
struct State {
    evicted: Notify,
    /// Since when no request is at work; `None` while one is.
    idle_since: Mutex<Option<Instant>>,
}

impl Registry {
    /// Registers a connection, and closes the one that is idle longest if there are too many. `None` if none is idle.
    fn enter(self: &Arc<Self>) -> Option<Arc<Entry>> {
        if self.open.lock().unwrap_or_else(PoisonError::into_inner).len() as u64 >= self.limit && !self.evict() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State { idle_since: Mutex::new(Some(Instant::now())), ..State::default() });
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&state));
        Some(Arc::new(Entry { number, registry: Arc::clone(self), state }))
    }

    /// Closes the connection that is idle longest; whether there was one.
    fn evict(&self) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = open.iter().filter_map(|(number, state)| {
            let since = *state.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
            since.map(|since| (since, *number))
        });
        let Some((_, number)) = idle.min() else { return false };
        if let Some(state) = open.remove(&number) {
            state.evicted.notify_one();
        }
        true
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// A request at work.
struct AtWork(Arc<Entry>);

impl AtWork {
    fn new(entry: &Arc<Entry>) -> Self {
        *entry.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Self(Arc::clone(entry))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// How many connections may be open. The soft limit of files is raised as far as the system lets it.
fn limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let files = getrlimit(Resource::Nofile);
    let wanted = MAX_CONNECTIONS + OTHER_FILES;
    let possible = files.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if files.current.is_some_and(|current| current < possible)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: files.maximum })
    {
        tracing::debug!("the limit of open files stays: {error}");
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    allowed.saturating_sub(OTHER_FILES).clamp(16, MAX_CONNECTIONS)
}
