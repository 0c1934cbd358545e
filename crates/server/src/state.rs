//! What the server holds: the loads in memory, the answers made of them, and whether the source can be reached.

pub(crate) mod answer;
pub(crate) mod keep;
pub(crate) mod metrics;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use salesmart_base::settings::Settings;
use salesmart_dashboard::page::Health;
use salesmart_metrics::cube::{Cube, Load};
use salesmart_metrics::source::{Quality, RowsQuery, SaleRow, Scope, ScopeNotEnforced, Source};
use tokio::sync::{Mutex, Semaphore, broadcast, watch};

use self::answer::Answer;
use self::metrics::Metrics;
use crate::auth::Access;
use crate::problem::Problem;

/// Answers that are kept, in bytes.
const ANSWERS: u64 = 64 * 1024 * 1024;
/// How long the last runs are kept: they may change without a sync.
const QUALITY: Duration = Duration::from_secs(3);
/// Notices of loads that an event stream may be behind.
const BEHIND: usize = 16;

/// The load of one scope, if it was read already.
type Slot = Arc<Mutex<Option<Arc<Cube>>>>;

/// The state behind all requests.
pub struct App {
    /// What the project says about its dashboard.
    pub settings: Settings,
    pub(crate) access: Access,
    pub(crate) source: Source,
    pub(crate) answers: Cache<String, Arc<Answer>>,
    pub(crate) metrics: Metrics,
    /// So many figures are computed at once as there are cores; the rest wait, instead of all getting slower.
    pub(crate) cores: Semaphore,
    loads: Mutex<HashMap<Scope, Slot>>,
    quality: Cache<(), Arc<Quality>>,
    newest: watch::Sender<Option<String>>,
    health: watch::Sender<Health>,
    events: std::sync::Mutex<Option<broadcast::Sender<Event>>>,
}

/// What open pages are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// There is a new load.
    Loaded(String),
    /// [`Health`] changed.
    Health,
}

impl App {
    /// Nothing is loaded yet.
    pub fn new(settings: Settings, access: Access, source: Source) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Arc::new(Self {
            settings,
            access,
            source,
            answers: Cache::builder()
                .weigher(|key: &String, answer: &Arc<Answer>| {
                    (key.len() + answer.size()).try_into().unwrap_or(u32::MAX)
                })
                .max_capacity(ANSWERS)
                // By how often they were asked for, a page would have to be asked for more often than all the small answers
                // together that it takes the room of.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            metrics: Metrics::new(),
            cores: Semaphore::new(cores),
            loads: Mutex::default(),
            quality: Cache::builder().time_to_live(QUALITY).build(),
            newest: watch::Sender::new(None),
            health: watch::Sender::new(Health::Starting),
            events: std::sync::Mutex::new(Some(broadcast::Sender::new(BEHIND))),
        })
    }

    /// The newest load for a scope, read now if it is the first time.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] if nothing is loaded and the source cannot be reached.
    pub async fn cube(&self, scope: &Scope) -> Result<Arc<Cube>, Problem> {
        self.read(scope).await.map_err(|error| self.no_answer(&error))
    }

    async fn read(&self, scope: &Scope) -> Result<Arc<Cube>> {
        let slot = Arc::clone(self.loads.lock().await.entry(scope.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(cube) = &*slot {
            return Ok(Arc::clone(cube));
        }
        let cube = self.source.load(scope).await?;
        self.newest.send_if_modified(|newest| newest.get_or_insert_with(|| cube.load.id.clone()).is_empty());
        Ok(Arc::clone(slot.insert(Arc::new(cube))))
    }

    /// The answer when rows cannot be read. A scope that is not enforced concerns its own role only: the server stays healthy.
    fn no_answer(&self, error: &anyhow::Error) -> Problem {
        if error.is::<ScopeNotEnforced>() {
            tracing::error!(
                "{error:#}; restart `salesmart serve` for the statements that enable it, or see docs/serving.md"
            );
            return Problem::ScopeNotEnforced;
        }
        self.is_unreachable(error);
        self.unavailable(error)
    }

    /// The reason names hosts, databases and logins of the warehouse, so where there are logins it stands in the log alone.
    fn unavailable(&self, error: &anyhow::Error) -> Problem {
        match self.access.is_open() {
            true => Problem::Unavailable(in_words(error)),
            false => {
                tracing::warn!("an answer was not possible: {error:#}");
                Problem::Unavailable("the server's log has the reason".to_owned())
            }
        }
    }

    /// Reads what most see, before anybody asks.
    ///
    /// # Errors
    /// The source cannot be reached.
    pub async fn prepare(&self) -> Result<(), Problem> {
        self.read(&Scope::Everything).await.map_err(|error| Problem::Unavailable(in_words(&error)))?;
        self.is_reachable();
        Ok(())
    }

    /// Reads every load anew that is in memory, if the source has another state than `id` names.
    pub(crate) async fn refresh(&self, id: &str) -> Result<()> {
        let slots: Vec<_> =
            self.loads.lock().await.iter().map(|(scope, slot)| (scope.clone(), Arc::clone(slot))).collect();
        let mut newest = None;
        for (scope, slot) in slots {
            // Read without the lock: requests are answered from the old load for as long as it takes.
            if slot.lock().await.as_ref().is_none_or(|cube| cube.load.id == id) {
                continue;
            }
            let cube = match self.source.load(&scope).await {
                Ok(cube) => Some(Arc::new(cube)),
                // Other scopes go on; requests of this one are refused until it is enforced again.
                Err(error) if error.is::<ScopeNotEnforced>() => {
                    tracing::error!("{error:#}");
                    None
                }
                Err(error) => return Err(error),
            };
            // A sync may have committed since `id` was read, so pages are told the id that was loaded.
            newest = Some(cube.as_ref().map_or_else(|| id.to_owned(), |cube| cube.load.id.clone()));
            *slot.lock().await = cube;
        }
        if let Some(newest) = newest {
            self.answers.invalidate_all();
            self.quality.invalidate_all();
            self.metrics.loads.inc();
            self.newest.send_replace(Some(newest.clone()));
            self.tell(Event::Loaded(newest));
        }
        Ok(())
    }

    /// The last runs, as of seconds ago, as somebody of this scope may see them.
    pub async fn quality(&self, scope: &Scope) -> Result<Quality, Problem> {
        let read = async { self.source.quality().await.map(Arc::new) };
        let known = self.quality.try_get_with((), read).await;
        known.map(|known| known.seen_by(scope)).map_err(|error| self.unavailable(&error))
    }

    /// Sale lines, straight from the source, and the state they are of.
    pub async fn rows(&self, scope: &Scope, query: RowsQuery) -> Result<(Load, Vec<SaleRow>), Problem> {
        self.source.rows(scope, query).await.map_err(|error| match error.is::<ScopeNotEnforced>() {
            true => self.no_answer(&error),
            false => self.unavailable(&error),
        })
    }

    /// The identifier of the newest load.
    pub(crate) fn newest(&self) -> Option<String> {
        self.newest.borrow().clone()
    }

    /// Whether the source can be reached.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Is there a load to answer from?
    pub fn has_load(&self) -> bool {
        self.newest.borrow().is_some()
    }

    pub(crate) fn is_reachable(&self) {
        let before = self.health.send_replace(Health::Reachable);
        // That it can be from the start is no news.
        if matches!(before, Health::Unreachable { .. }) {
            tracing::info!("the source of the figures can be reached");
            self.tell(Event::Health);
        }
    }

    pub(crate) fn is_unreachable(&self, error: &anyhow::Error) {
        let reason = in_words(error);
        let changed = self.health.send_if_modified(|health| match health {
            Health::Unreachable { .. } => false,
            _ => {
                *health = Health::Unreachable { since: Utc::now(), reason: reason.clone() };
                true
            }
        });
        if changed {
            tracing::warn!("the source of the figures cannot be reached: {reason}");
            self.tell(Event::Health);
        }
    }

    /// Events from now on; none once the server stops.
    pub(crate) fn events(&self) -> Option<broadcast::Receiver<Event>> {
        self.events.lock().ok()?.as_ref().map(broadcast::Sender::subscribe)
    }

    fn tell(&self, event: Event) {
        if let Ok(events) = self.events.lock()
            && let Some(events) = &*events
        {
            // Nobody may be listening.
            let _ = events.send(event);
        }
    }

    /// Ends all event streams.
    pub(crate) fn close(&self) {
        if let Ok(mut events) = self.events.lock() {
            *events = None;
        }
    }
}

/// An error with its causes, on one line. Secrets are in none: connections are opened from parsed settings.
fn in_words(error: &anyhow::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in error.chain() {
        let said = cause.to_string();
        if !words.iter().any(|word| word.contains(&said)) {
            words.push(said);
        }
    }
    words.join(": ").replace('\n', " ")
}
