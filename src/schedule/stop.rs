//! The end of a schedule: the first signal ends it in order, the second one at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use salesmart_warehouse::embedded::signals;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether a signal asked for the end.
pub struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    signal: Option<i32>,
    at_work: bool,
}

impl Stop {
    /// Listens from now on to SIGTERM, SIGINT and SIGHUP.
    pub fn listen() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let heard = Arc::clone(&shared);
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                let mut state = heard.lock();
                if state.signal.is_some() {
                    drop(state);
                    signals::end_by(signal);
                }
                state.signal = Some(signal);
                if state.at_work {
                    eprintln!("{}: the run at work is finished first; once more ends it at once", name(signal));
                }
                heard.changed.notify_all();
            }
        })?;
        Ok(Self(shared))
    }

    /// The signal that asked for the end.
    pub fn requested(&self) -> Option<i32> {
        self.0.lock().signal
    }

    /// Says whether a run is at work.
    pub fn at_work(&self, at_work: bool) {
        self.0.lock().at_work = at_work;
    }

    /// Waits so long, or until a signal asks for the end: then true.
    pub fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.0.lock();
        while state.signal.is_none() {
            // Never longer than the pause, whatever the clock says.
            let left = until.saturating_duration_since(Instant::now()).min(pause);
            if left.is_zero() {
                return false;
            }
            let (next, waited) = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() {
                return state.signal.is_some();
            }
        }
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signal's name.
pub fn name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}
